//! The ledger, `docs/ML_EXPERIMENT_RESULTS.md`: parse and append, pure text.
