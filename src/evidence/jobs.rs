//! Results of the workflow's jobs.
