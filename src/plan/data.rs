//! The steps of data: what comes before a record, and a release of data alone.

use jiff::Timestamp;

use super::{PlanError, Step, projections};
use crate::data::ReleasedData;
use crate::model::RunIdentity;
use crate::state::{FORMAT, Record, RecordKind, State, StateChange};

/// A data version that is about to be released.
#[derive(Debug, Clone, PartialEq)]
pub struct NewData {
    /// The version, and where it is served.
    pub data: ReleasedData,
    /// Whether it is in the store already: nothing is uploaded then, and it is looked for.
    pub uploaded: bool,
}

impl NewData {
    /// Returns what has to be done before a record may name it: nobody sees it.
    pub(super) fn step(&self) -> Step {
        let data = self.data.clone();
        if self.uploaded { Step::CheckData { data } } else { Step::UploadData { data } }
    }
}

/// A release of data alone.
#[derive(Debug, Clone, PartialEq)]
pub struct DataRelease {
    /// The data.
    pub data: NewData,
    /// What passed, in words.
    pub checks: Vec<String>,
    /// The run.
    pub run: RunIdentity,
    /// Where to look at it.
    pub run_url: Option<String>,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Why, where there is more to say than that there is new data.
    pub reason: Option<String>,
    /// Why it is released although it is quarantined.
    pub override_reason: Option<String>,
}

/// Plans a release of data alone: the code and the images of the newest record stay.
///
/// # Errors
/// [`PlanError::NothingReleased`] where there is no record yet.
pub fn data_release(release: DataRelease, state: &State) -> Result<Vec<Step>, PlanError> {
    let live = state.newest().ok_or(PlanError::NothingReleased)?.clone();
    let mut steps = vec![release.data.step()];
    let record = Record {
        version: FORMAT,
        number: state.newest_number() + 1,
        kind: RecordKind::Data { of: live.code_release() },
        data: Some(release.data.data),
        checks: release.checks,
        flaky: Vec::new(),
        probes_waived: None,
        run: release.run,
        run_url: release.run_url,
        created: release.now,
        by: release.by,
        reason: release.reason,
        override_reason: release.override_reason,
        ..live
    };
    let after = projections(&record);
    let change = StateChange { record: Some(record), ..StateChange::default() };
    steps.push(Step::WriteState { change });
    steps.extend(after);
    Ok(steps)
}
