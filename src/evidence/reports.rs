//! Results of test reports.
