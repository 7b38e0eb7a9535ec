//! The data version that a job has checked and uploaded.

use crate::evidence::jobs::{Conclusion, JobResult};
use crate::model::DataVersion;

use super::DigestError;

/// The output of a job that names it.
const OUTPUT: &str = "data-version";

/// Takes the data version from the outputs `data-version` of jobs that succeeded. An empty output
/// counts as absent.
///
/// # Errors
/// Where an output is no version, or two jobs name two.
pub fn data_version(results: &[JobResult]) -> Result<Option<DataVersion>, DigestError> {
    let mut found: Option<(&JobResult, DataVersion)> = None;
    for job in results.iter().filter(|job| job.conclusion == Conclusion::Success) {
        let Some(text) = job.outputs.get(OUTPUT).map(|text| text.trim()) else { continue };
        if text.is_empty() {
            continue;
        }
        let version: DataVersion = text.parse().map_err(|cause| DigestError::Invalid {
            job: job.name.clone(),
            output: OUTPUT,
            cause,
        })?;
        match &found {
            Some((first, known)) if *known != version => {
                return Err(DigestError::DataConflict {
                    first: first.name.clone(),
                    second: job.name.clone(),
                });
            }
            Some(_) => {}
            None => found = Some((job, version)),
        }
    }
    Ok(found.map(|(_, version)| version))
}
