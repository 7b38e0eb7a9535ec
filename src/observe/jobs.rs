//! Reads the results of jobs from the `needs` context of GitHub Actions.

mod data;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::evidence::jobs::{Conclusion, JobResult};
use crate::model::{Digest, ImageRef, InvalidValue};

/// The largest `needs` context, in bytes. GitHub limits the outputs of a job to 1 MB and those of
/// a run to 50 MB.
pub const MAX_NEEDS: usize = 64 << 20;

/// Says why the `needs` context cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NeedsError {
    /// It is too large.
    #[error(
        "the needs context has {size} bytes, more than {MAX_NEEDS}; pass ${{{{ toJSON(needs) }}}} and nothing else"
    )]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// It is not the JSON that GitHub Actions makes.
    #[error(
        "the needs context, line {line}, column {column}: {cause}; pass ${{{{ toJSON(needs) }}}}"
    )]
    Invalid {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        cause: String,
    },
}

/// Two jobs name different digests for one image, so that neither can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "jobs {first:?} and {second:?} name different digests for {image}: {first_digest} and \
     {second_digest}; let one job output it"
)]
pub struct DigestConflict {
    /// The image.
    pub image: ImageRef,
    /// The job that was read first.
    pub first: String,
    /// What it names.
    pub first_digest: Digest,
    /// The other job.
    pub second: String,
    /// What that names.
    pub second_digest: Digest,
}

/// Says why the jobs' outputs name no usable digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Two jobs name different digests for one image.
    #[error(transparent)]
    Conflict(Box<DigestConflict>),
    /// An output is not a digest.
    #[error("output {output:?} of job {job:?}: {cause}")]
    Invalid {
        /// The job.
        job: String,
        /// The output.
        output: &'static str,
        /// What is wrong.
        cause: InvalidValue,
    },
    /// Two jobs name different versions of the data.
    #[error("jobs {first:?} and {second:?} name two data versions in their outputs; leave one out")]
    DataConflict {
        /// The first job.
        first: String,
        /// The second.
        second: String,
    },
    /// The output `digests` is not a JSON object from images to digests.
    #[error(
        "output \"digests\" of job {job:?}, line {line}, column {column}: {cause}; expected a JSON object such as {{\"ghcr.io/acme/app\": \"sha256:...\"}}"
    )]
    NotAnObject {
        /// The job.
        job: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        cause: String,
    },
    /// The output `digests` names an image that is not in the release set.
    #[error(
        "output \"digests\" of job {job:?} names {image}, which is not in `images` of the configuration; correct one of them"
    )]
    UnknownImage {
        /// The job.
        job: String,
        /// The image.
        image: ImageRef,
    },
}

pub use data::data_version;

/// Reads what `toJSON(needs)` gives: an object from job ids to `result` and `outputs` ("Contexts
/// reference", `needs` context). Jobs come by name.
pub fn parse(text: &str) -> Result<Vec<JobResult>, NeedsError> {
    if text.len() > MAX_NEEDS {
        return Err(NeedsError::TooLarge { size: text.len() });
    }
    let needs: Unique<RawJob> =
        serde_json::from_str(text).map_err(|error| NeedsError::Invalid {
            line: error.line(),
            column: error.column(),
            cause: without_place(&error),
        })?;
    let job = |(name, raw): (String, RawJob)| JobResult {
        name,
        conclusion: raw.result.into(),
        outputs: raw.outputs.unwrap_or_default().0,
    };
    let jobs: Vec<JobResult> = needs.0.into_iter().map(job).collect();
    match jobs.iter().find(|job| !is_job_id(&job.name)) {
        None => Ok(jobs),
        Some(job) => Err(NeedsError::Invalid {
            line: 1,
            column: 1,
            cause: InvalidValue::new(&job.name, "a job id (letters, digits, _ and -)").to_string(),
        }),
    }
}

/// Takes the digests of the release set from the outputs of jobs that succeeded: `digest` where
/// there is one image, `digests` (a JSON object from images to digests) for any number. An empty
/// output counts as absent: GitHub drops outputs that contain a masked value. Images that no job
/// names are absent from the answer.
pub fn digests(
    results: &[JobResult],
    images: &[ImageRef],
) -> Result<BTreeMap<ImageRef, Digest>, DigestError> {
    let mut found: BTreeMap<ImageRef, (String, Digest)> = BTreeMap::new();
    for job in results.iter().filter(|job| job.conclusion == Conclusion::Success) {
        for (image, digest) in named_by(job, images)? {
            if let Some((first, first_digest)) = found.get(&image) {
                if *first_digest != digest {
                    return Err(DigestError::Conflict(Box::new(DigestConflict {
                        image,
                        first: first.clone(),
                        first_digest: first_digest.clone(),
                        second: job.name.clone(),
                        second_digest: digest,
                    })));
                }
            } else {
                found.insert(image, (job.name.clone(), digest));
            }
        }
    }
    Ok(found.into_iter().map(|(image, (_, digest))| (image, digest)).collect())
}

/// Reads the digests that one job names.
fn named_by(job: &JobResult, images: &[ImageRef]) -> Result<Vec<(ImageRef, Digest)>, DigestError> {
    let output = |name: &str| job.outputs.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let invalid = |output, cause| DigestError::Invalid { job: job.name.clone(), output, cause };
    let mut named = Vec::new();
    if let ([image], Some(text)) = (images, output("digest")) {
        let digest = text.parse().map_err(|cause| invalid("digest", cause))?;
        named.push((image.clone(), digest));
    }
    if let Some(text) = output("digests") {
        let entries: Unique<String> =
            serde_json::from_str(text).map_err(|error| DigestError::NotAnObject {
                job: job.name.clone(),
                line: error.line(),
                column: error.column(),
                cause: without_place(&error),
            })?;
        for (image, digest) in entries.0 {
            let image: ImageRef = image.parse().map_err(|cause| invalid("digests", cause))?;
            let digest = digest.parse().map_err(|cause| invalid("digests", cause))?;
            if !images.contains(&image) {
                return Err(DigestError::UnknownImage { job: job.name.clone(), image });
            }
            named.push((image, digest));
        }
    }
    Ok(named)
}

/// The ids that the workflow syntax allows (`jobs.<job_id>`).
fn is_job_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The parser's text without its own "at line .. column ..", which our errors say first; at most
/// 200 characters, because it may quote the input.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A job as GitHub Actions writes it; other keys are none of ours.
#[derive(Deserialize)]
struct RawJob {
    result: RawConclusion,
    /// GitHub writes `{}` for a job without outputs, runners compatible with it also `null`.
    #[serde(default)]
    outputs: Option<Unique<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawConclusion {
    Success,
    Failure,
    Cancelled,
    Skipped,
}

impl From<RawConclusion> for Conclusion {
    fn from(raw: RawConclusion) -> Self {
        match raw {
            RawConclusion::Success => Self::Success,
            RawConclusion::Failure => Self::Failure,
            RawConclusion::Cancelled => Self::Cancelled,
            RawConclusion::Skipped => Self::Skipped,
        }
    }
}

/// A JSON object in which no key stands twice: of two results for one job, neither can be trusted.
struct Unique<V>(BTreeMap<String, V>);

impl<V> Default for Unique<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Keys<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<V>, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value()?;
                    if entries.contains_key(&key) {
                        return Err(A::Error::custom(format!("key {key:?} stands twice")));
                    }
                    entries.insert(key, value);
                }
                Ok(Unique(entries))
            }
        }

        deserializer.deserialize_map(Keys(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests;
