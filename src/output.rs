//! How results are shown: tables, colour, JSON envelopes.
