//! Reads JUnit XML reports.
