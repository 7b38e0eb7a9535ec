//! GitHub Actions: the run's identity, outputs, job summary, annotations, masks.
