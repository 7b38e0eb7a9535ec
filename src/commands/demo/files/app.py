"""Tide table: a very small Streamlit dashboard."""

import streamlit as st

LEVELS = [1.2, 1.9, 2.7, 2.1]


def highest(levels):
    return max(levels)


st.title("Tide table")
st.metric("Highest level", f"{highest(LEVELS):.1f} m")
st.line_chart(LEVELS)
