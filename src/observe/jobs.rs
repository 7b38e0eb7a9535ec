//! Reads the results of jobs from the `needs` context of GitHub Actions.
