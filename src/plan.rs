//! From a verdict to the ordered steps that it needs, as a value.
