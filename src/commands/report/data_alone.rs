//! What came of data that was named for a commit that is live already.

use serde::Serialize;

use crate::commands::data_release::Done;
use crate::exit::{Exit, Failure};
use crate::model::DataVersion;

/// The version, and whether readers have it now.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct DataAlone {
    /// The version.
    version: DataVersion,
    /// The release that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<u64>,
    /// Why it was not released.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// The exit code of that.
    #[serde(skip)]
    exit: Exit,
}

impl DataAlone {
    /// It was released, unless newer data came first.
    pub(in crate::commands) fn of(version: &DataVersion, done: &Done, layer: &str) -> Self {
        if done.superseded {
            return Self::older(version, done.release, layer);
        }
        let release = Some(done.release);
        Self { version: version.clone(), release, problem: None, exit: Exit::Done }
    }

    /// It was made before the release that is live. Where the feed has gone back to what it was, each
    /// run of the job names this version again: only a sync has a time of its own.
    pub(in crate::commands) fn older(version: &DataVersion, release: u64, layer: &str) -> Self {
        let problem = format!(
            "it was made before release {release}, and readers keep the data of that; `tidegate sync --layer {layer}` makes and releases the data of now, `tidegate data restore --to {version}` goes back"
        );
        Self { version: version.clone(), release: None, problem: Some(problem), exit: Exit::Done }
    }

    /// Something stops it, or went wrong.
    pub(in crate::commands) fn failed(version: &DataVersion, error: &anyhow::Error) -> Self {
        let failure = Failure::of(error);
        let mut problem = [vec![failure.error], failure.causes].concat().join(": ");
        for hint in failure.hints {
            problem = format!("{problem} ({hint})");
        }
        Self { version: version.clone(), release: None, problem: Some(problem), exit: failure.exit }
    }

    /// Returns the version and its release, where it was released.
    pub(super) fn released(&self) -> Option<(&DataVersion, u64)> {
        Some((&self.version, self.release?))
    }

    /// Returns why it was not released, in a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(format!("{} was not released: {problem}", self.version))
    }

    /// Returns the exit code, where there is a problem.
    pub(super) fn exit(&self) -> Option<Exit> {
        (self.exit != Exit::Done).then_some(self.exit)
    }
}
