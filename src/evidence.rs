//! What was observed: the only input of the policy. Time is part of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{BranchName, CommitSha, Digest, ImageRef, RunIdentity, TreeSha};
use crate::state::{Outcome, State};

pub mod checks;
pub mod data;
pub mod flaky;
pub mod freeze;
pub mod good;
pub mod jobs;
pub mod markers;
pub mod metrics;
pub mod probes;
pub mod reports;
pub mod rollback_limit;
pub mod runs;
pub mod served;

use checks::RequiredCheck;
use data::DataEvidence;
use freeze::OpenWindow;
use good::GoodSearch;
use jobs::JobEvidence;
use markers::MarkerEvidence;
use metrics::MetricObservation;
use probes::Probes;
use reports::ReportEvidence;
use rollback_limit::{DeclaredLimit, RollbackLimit};

/// What the event that started the run may lead to. Events that may lead to nothing at all are
/// refused before anything is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A push to the protected branch: all verdicts.
    Push,
    /// A schedule or a dispatch: promote or hold.
    Scheduled,
    /// A pull request or a merge queue: nothing but a report.
    ReportOnly,
}

/// A commit above the tested one, on the way to the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Above {
    /// The commit.
    pub commit: CommitSha,
    /// Whether a workflow run of its own decides about it.
    pub own_run: bool,
    /// What its gate has stored, if it was there already.
    pub stored: Option<Outcome>,
    /// The failed commit that this commit rolls back, where history confirms it.
    pub rollback_of: Option<CommitSha>,
}

/// How the tested commit stands to the commit that was promoted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Descent {
    /// Nothing was ever promoted.
    First,
    /// A strict descendant: newer.
    Newer,
    /// The same commit.
    Same,
    /// An ancestor: older.
    Older,
    /// Neither: another line of history.
    Unrelated,
}

/// What was found of one image of the release set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageEvidence {
    /// The image.
    pub image: ImageRef,
    /// The digest that was tested, as the build job or a person named it.
    pub digest: Option<Digest>,
    /// Whether the registry has it.
    pub exists: bool,
    /// Platform children that the registry does not have.
    pub missing_children: Vec<Digest>,
    /// The commits that `org.opencontainers.image.revision` labels name.
    pub revisions: BTreeSet<String>,
    /// What `stable` points at now.
    pub stable: Option<Digest>,
    /// Why the registry could not be asked.
    pub problem: Option<String>,
}

/// What a promotion needs to know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseEvidence {
    /// The release set.
    pub images: Vec<ImageEvidence>,
    /// How the tested commit stands to the last promoted one.
    pub descent: Descent,
    /// Whether the tested commit is on the protected branch.
    pub on_branch: bool,
    /// Conflict markers in its tree.
    pub markers: MarkerEvidence,
    /// What its configuration says about going back.
    pub declared_limit: DeclaredLimit,
}

/// What a rollback needs to know, about the commit that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureEvidence {
    /// The commit that failed: the tested one, or the one above it whose stored failure this gate
    /// carries out.
    pub commit: CommitSha,
    /// The search for the last good commit.
    pub good: GoodSearch,
    /// Why the failed commit counts as passed already, where it does.
    pub passed_before: Option<String>,
    /// A commit that passed and has the same tree outside the kept paths.
    pub same_tree_as: Option<CommitSha>,
    /// `true` where the head's tree is that of the failed commit outside the ledger and what
    /// `rollback.keep` names: what came since is nothing that a rollback touches, such as another
    /// release set's.
    pub head_shows_it: bool,
    /// `true` where the good tree with the kept paths is the head's tree: a rollback would change
    /// nothing.
    pub nothing_to_restore: bool,
    /// Kept paths that differ between the good tree and the head's.
    pub kept: Vec<String>,
    /// Commits from good to failed whose own run has not finished.
    pub unfinished: Vec<CommitSha>,
    /// Why GitHub did not answer a question that the rollback depends on.
    pub unanswered: Option<String>,
    /// The commits `good..head`, newest first.
    pub range: Vec<CommitSha>,
    /// Failed commits whose rollback was noted and is not on the branch.
    pub never_came: BTreeSet<CommitSha>,
    /// Who forbids going back to the last good commit.
    pub limits: Vec<RollbackLimit>,
}

/// A failure that an earlier gate has found and stored, and that this gate decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredFailure {
    /// The commit.
    pub commit: CommitSha,
    /// The run that found it.
    pub run: RunIdentity,
    /// What it found, in a sentence each.
    pub reasons: Vec<String>,
}

/// Everything that was observed for one decision.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// When it was observed.
    pub now: Timestamp,
    /// The run that asks; for a failure of a commit above, the run that has found it.
    pub run: RunIdentity,
    /// What the event may lead to.
    pub occasion: Occasion,
    /// The protected branch.
    pub branch: BranchName,
    /// The commit that was tested.
    pub tested: CommitSha,
    /// Its tree.
    pub tree: TreeSha,
    /// The head of the protected branch.
    pub head: CommitSha,
    /// The head without commits that touch only the ledger.
    pub effective_head: CommitSha,
    /// The commits above the tested one, newest first.
    pub above: Vec<Above>,
    /// Results of jobs.
    pub jobs: JobEvidence,
    /// Results of test reports.
    pub reports: ReportEvidence,
    /// The checks that the configuration asks for.
    pub checks: Vec<RequiredCheck>,
    /// The failure that an earlier gate left to this one.
    pub stored_failure: Option<StoredFailure>,
    /// Figures.
    pub metrics: Vec<MetricObservation>,
    /// What the probes of the candidate found.
    pub probes: Probes,
    /// What was found of the data that would be published.
    pub data: DataEvidence,
    /// Why the data of the newest release is not served yet, where that could not be completed.
    pub pending_data: Option<String>,
    /// Freeze windows that are open now.
    pub freezes: Vec<OpenWindow>,
    /// What the state branch holds.
    #[serde(skip)]
    pub state: State,
    /// Observed where nothing failed.
    pub release: Option<ReleaseEvidence>,
    /// Observed where something failed.
    pub failure: Option<FailureEvidence>,
    /// What could not be checked, in a sentence each.
    pub warnings: Vec<String>,
}

impl Evidence {
    /// Returns the figures that were read, by name.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        self.metrics
            .iter()
            .filter_map(|metric| Some((metric.config.name.clone(), *metric.value.as_ref().ok()?)))
            .collect()
    }

    /// Returns the newest commit above the tested one that has a run of its own.
    pub fn deciding_above(&self) -> Option<&Above> {
        self.above.iter().find(|above| above.own_run)
    }
}
