//! Figures of the candidate and what they are compared with.
