//! The values of options that are more than a text.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::model::{Digest, ImageRef};

/// Where the results of the jobs come from: `--needs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// The JSON itself.
    Json(String),
    /// A file that holds it (`@needs.json`).
    File(PathBuf),
}

impl FromStr for Needs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("") => Err("a file name is missing after @".to_owned()),
            Some(path) => Ok(Self::File(path.into())),
            None if text.trim().is_empty() => {
                Err("it is empty; expected JSON, as toJSON(needs) writes it, or @file".to_owned())
            }
            None => Ok(Self::Json(text.to_owned())),
        }
    }
}

/// The digests of a release set by image: `--digests`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests(
    /// One digest for each image.
    pub BTreeMap<ImageRef, Digest>,
);

impl FromStr for Digests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("expected {{\"image\": \"sha256:...\"}}: {error}"))
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Images;
        impl<'de> Visitor<'de> for Images {
            type Value = Digests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a digest for each image")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Digests, A::Error> {
                let mut digests = BTreeMap::new();
                while let Some((image, digest)) = map.next_entry::<ImageRef, Digest>()? {
                    // With two digests for one image, nobody knows which one was tested.
                    if digests.contains_key(&image) {
                        return Err(de::Error::custom(format!("{image} is there twice")));
                    }
                    digests.insert(image, digest);
                }
                Ok(Digests(digests))
            }
        }
        deserializer.deserialize_map(Images)
    }
}

/// A result that a job is supposed to have had: `--assume tests=failure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// The name of the job, as in `needs`.
    pub job: String,
    /// Its result.
    pub result: JobResult,
}

/// The result of a job, by the values of `needs.<job_id>.result` in GitHub's workflow syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobResult {
    /// All steps passed.
    Success,
    /// A step failed.
    Failure,
    /// The job was cancelled or timed out.
    Cancelled,
    /// The job did not run.
    Skipped,
}

impl JobResult {
    /// Returns the word that GitHub writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl FromStr for Assumption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all =
            [JobResult::Success, JobResult::Failure, JobResult::Cancelled, JobResult::Skipped];
        let expected = || "expected JOB=success, failure, cancelled or skipped".to_owned();
        let (job, result) = text.split_once('=').ok_or_else(expected)?;
        let result = all.into_iter().find(|known| known.as_str() == result).ok_or_else(expected)?;
        if job.is_empty() {
            return Err(expected());
        }
        Ok(Self { job: job.to_owned(), result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digests_for_one_image_are_refused() {
        let digest = Digest::of(b"x");
        let once = format!(r#"{{"ghcr.io/acme/app": "{digest}"}}"#);
        assert_eq!(once.parse::<Digests>().map(|d| d.0.len()), Ok(1));
        let twice =
            format!(r#"{{"ghcr.io/acme/app": "{digest}", "ghcr.io/acme/app": "{digest}"}}"#);
        let error = twice.parse::<Digests>().unwrap_err();
        assert!(error.contains("ghcr.io/acme/app is there twice"), "{error}");
        for bad in ["", "[]", r#"{"app": "x"}"#, r#"{"ghcr.io/a/b": "sha256:1"}"#] {
            assert!(bad.parse::<Digests>().is_err(), "{bad}");
        }
    }

    #[test]
    fn needs_come_from_text_or_file() {
        assert_eq!("{}".parse(), Ok(Needs::Json("{}".to_owned())));
        assert_eq!("@a b.json".parse(), Ok(Needs::File("a b.json".into())));
        assert!("@".parse::<Needs>().is_err() && " ".parse::<Needs>().is_err());
    }

    #[test]
    fn assumptions_name_a_job_and_a_result() {
        let good: Assumption = "tests=failure".parse().unwrap();
        assert_eq!((good.job.as_str(), good.result), ("tests", JobResult::Failure));
        for bad in ["tests", "tests=", "=failure", "tests=failed", "tests=Failure"] {
            assert!(bad.parse::<Assumption>().is_err(), "{bad}");
        }
    }
}
