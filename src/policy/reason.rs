//! Every reason that a verdict can have, by name.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::evidence::rollback_limit::RollbackLimit;
use crate::model::{CommitSha, Digest, ImageRef};

/// Why a verdict is what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// A required job failed.
    JobFailed {
        /// Its name.
        job: String,
    },
    /// Tests failed in a report.
    TestsFailed {
        /// The report.
        report: String,
        /// How many.
        count: u64,
        /// The first of them.
        first: Option<String>,
    },
    /// A metric missed a bound.
    MetricFailed {
        /// Its name.
        metric: String,
        /// Which bound, and by how much.
        why: String,
    },
    /// A probe of the candidate conclusively failed.
    ProbeFailed {
        /// What people call it.
        probe: String,
        /// What is wrong, in one line.
        what: String,
    },
    /// Nobody could find out whether the candidate works.
    ProbeUnknown {
        /// What people call the probe.
        probe: String,
        /// Why.
        why: String,
    },
    /// The probes that the configuration asks for have not been run.
    ProbesNotRun,
    /// A step that makes the data, or a check of it, conclusively failed.
    DataFailed {
        /// The step or the check.
        what: String,
        /// What was seen.
        why: String,
    },
    /// Nobody could find out whether the data is fit to be published.
    DataUnknown {
        /// The step, the check, or the data as a whole.
        what: String,
        /// Why.
        why: String,
    },
    /// The data that a release publishes has not been made and checked.
    DataNotReady,
    /// The data of the newest release is not served yet.
    DataPending {
        /// The release.
        release: u64,
        /// Why.
        why: String,
    },
    /// Newer data was released alone after this data was made.
    NewerDataReleased {
        /// The release.
        release: u64,
    },
    /// The gate of another run has found a failure of the commit, and left it to this one.
    FailedEarlier {
        /// The commit.
        commit: CommitSha,
        /// The run.
        run: u64,
        /// What that gate found.
        why: String,
    },
    /// A check that `require.checks` names has not passed.
    CheckNotPassed {
        /// Its name.
        check: String,
        /// What was found.
        why: String,
    },
    /// A required piece of evidence is not there.
    EvidenceMissing {
        /// Which one, and why.
        what: String,
    },
    /// An image of the release set is not fit for promotion.
    ImageUnfit {
        /// The image.
        image: ImageRef,
        /// What is wrong.
        why: String,
    },
    /// The tree has conflict markers that the good tree did not have.
    ConflictMarkers {
        /// The first places, `path:line`.
        places: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// A person holds promotions.
    OnHold {
        /// The hold.
        id: String,
        /// Why.
        why: String,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// A freeze window is open.
    Frozen {
        /// Why.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// The commit is quarantined.
    CommitQuarantined {
        /// Why.
        why: String,
    },
    /// The digest is quarantined.
    DigestQuarantined {
        /// The digest.
        digest: Digest,
        /// Why.
        why: String,
    },
    /// A rollback took the commit out.
    InRolledBackRange {
        /// The commit whose failure caused the rollback.
        failed: CommitSha,
    },
    /// The commit is on another line of history than what was released.
    NotADescendant {
        /// What was promoted last.
        released: CommitSha,
    },
    /// The commit is not on the protected branch.
    NotOnBranch,
    /// The commit is released.
    AlreadyReleased {
        /// The number of its record.
        release: u64,
    },
    /// Something newer is released.
    NewerReleased {
        /// The newer commit.
        released: CommitSha,
    },
    /// The run of a newer commit decides.
    NewerRunDecides {
        /// The newer commit.
        commit: CommitSha,
    },
    /// A rollback has taken the commit out already.
    RolledBackAlready {
        /// The commit that did.
        by: CommitSha,
    },
    /// `rollback.enabled` is false.
    RollbackDisabled,
    /// The event may not roll back.
    OnlyPushesRollBack,
    /// No commit counts as good.
    NoGoodCommit {
        /// How many were looked at.
        looked_at: usize,
    },
    /// The failed commit passed before: the environment is suspected, not the code.
    PassedBefore {
        /// Who says so.
        witness: String,
    },
    /// The failed tree equals a passed one: the environment is suspected, not the code.
    SameTreeAsPassed {
        /// The commit that passed.
        commit: CommitSha,
    },
    /// The good tree with the kept paths equals the head's: the cause is in the kept paths.
    CauseInKeptPaths {
        /// The kept paths that differ.
        paths: Vec<String>,
    },
    /// Commits in between have runs that are not finished.
    UnfinishedRuns {
        /// The commits.
        commits: Vec<CommitSha>,
    },
    /// GitHub did not answer a question that the rollback depends on.
    GithubDidNotAnswer {
        /// Which one, and why.
        why: String,
    },
    /// The good commit is before the first one that may still come back.
    BeforeRollbackLimit {
        /// Who says so.
        limit: RollbackLimit,
    },
    /// What the candidate declares cannot be held against a rollback.
    UnfitRollbackLimit {
        /// The commit that it names.
        first: CommitSha,
        /// What is wrong with it.
        why: String,
    },
    /// So many rollbacks in a row need a person.
    TooManyRollbacks {
        /// How many there were.
        depth: usize,
        /// How many are allowed.
        max: u32,
    },
    /// The failed jobs can be tried again.
    RetriesLeft {
        /// How often.
        left: u32,
    },
    /// The failed commit is not what main shows.
    NotTheEffectiveHead {
        /// What main shows.
        head: CommitSha,
    },
    /// The rollback's facts were not observed.
    NotObserved {
        /// What is not known.
        what: String,
    },
}

impl fmt::Display for Reason {
    #[expect(clippy::too_many_lines, reason = "one arm for each reason")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobFailed { job } => write!(f, "required job {job:?} failed"),
            Self::TestsFailed { report, count, first } => {
                let tests = if *count == 1 { "test" } else { "tests" };
                write!(f, "{count} {tests} failed in {report}")?;
                first.as_ref().map_or(Ok(()), |first| write!(f, ", first {first}"))
            }
            Self::MetricFailed { metric, why } => write!(f, "metric {metric}: {why}"),
            Self::ProbeFailed { probe, what } => write!(f, "probe {probe:?} failed: {what}"),
            Self::ProbeUnknown { probe, why } => {
                write!(f, "probe {probe:?} could not be run: {why}")
            }
            Self::ProbesNotRun => f.write_str("the probes have not been run"),
            Self::DataFailed { what, why } => write!(f, "data: {what} failed: {why}"),
            Self::DataUnknown { what, why } => {
                write!(f, "data: nobody could find out about {what}: {why}")
            }
            Self::DataNotReady => f.write_str("the data has not been made and checked"),
            Self::DataPending { release, why } => {
                write!(f, "the data of release {release} is not served yet: {why}")
            }
            Self::NewerDataReleased { release } => {
                write!(
                    f,
                    "release {release} has newer data: run the data job again; where it names the same version once more, run `tidegate sync` first"
                )
            }
            Self::FailedEarlier { commit, run, why } => {
                write!(f, "run {run} found that {} failed: {why}", commit.short())
            }
            Self::CheckNotPassed { check, why } => write!(f, "required check {check:?} {why}"),
            Self::EvidenceMissing { what } => f.write_str(what),
            Self::ImageUnfit { image, why } => write!(f, "{image}: {why}"),
            Self::ConflictMarkers { places, count } => {
                write!(f, "conflict markers in {count} places: {}", places.join(", "))
            }
            Self::OnHold { id, why, until } => {
                write!(f, "promotions are on hold ({id}): {why}")?;
                until.map_or(Ok(()), |until| write!(f, ", until {}", minute(until)))
            }
            Self::Frozen { why, until } => write!(f, "frozen until {}: {why}", minute(*until)),
            Self::CommitQuarantined { why } => write!(f, "the commit is quarantined: {why}"),
            Self::DigestQuarantined { digest, why } => {
                write!(f, "digest {} is quarantined: {why}", digest.short())
            }
            Self::InRolledBackRange { failed } => {
                write!(f, "the commit was taken out by the rollback of {}", failed.short())
            }
            Self::NotADescendant { released } => {
                write!(
                    f,
                    "the commit does not descend from {}, which was released last",
                    released.short()
                )
            }
            Self::NotOnBranch => f.write_str("the commit is not on the protected branch"),
            Self::AlreadyReleased { release } => {
                write!(f, "the commit is release {release} already")
            }
            Self::NewerReleased { released } => {
                write!(f, "{}, which is newer, is released already", released.short())
            }
            Self::NewerRunDecides { commit } => {
                write!(f, "the run of {}, which is newer, decides", commit.short())
            }
            Self::RolledBackAlready { by } => {
                write!(f, "{} has rolled the commit back already", by.short())
            }
            Self::RollbackDisabled => f.write_str("rollback.enabled is false, so a person decides"),
            Self::OnlyPushesRollBack => {
                f.write_str("only a push may roll back, not a schedule or a dispatch")
            }
            Self::NoGoodCommit { looked_at: 0 } => f.write_str(
                "no commit was ever recorded as good, so there is nothing to go back to",
            ),
            Self::NoGoodCommit { looked_at } => {
                write!(
                    f,
                    "none of {looked_at} commits that are recorded as good survives the checks"
                )
            }
            Self::PassedBefore { witness } => {
                write!(
                    f,
                    "the failed commit passed before ({witness}): suspect the environment, not the code"
                )
            }
            Self::SameTreeAsPassed { commit } => {
                write!(
                    f,
                    "its tree equals that of {}, which passed: suspect the environment, not the code",
                    commit.short()
                )
            }
            Self::CauseInKeptPaths { paths } if paths.is_empty() => {
                f.write_str("the good tree equals the head's tree: there is nothing to restore")
            }
            Self::CauseInKeptPaths { paths } => {
                write!(
                    f,
                    "only kept paths differ from the good tree ({}): a rollback would not help",
                    paths.join(", ")
                )
            }
            Self::UnfinishedRuns { commits } => {
                let short: Vec<&str> = commits.iter().map(CommitSha::short).collect();
                write!(f, "runs of commits in between are not finished: {}", short.join(", "))
            }
            Self::GithubDidNotAnswer { why } => {
                write!(f, "GitHub did not answer, so a rollback would be a guess: {why}")
            }
            Self::BeforeRollbackLimit { limit } => {
                write!(f, "the last good commit is before what may come back: {limit}")
            }
            Self::UnfitRollbackLimit { why, .. } => f.write_str(why),
            Self::TooManyRollbacks { depth, max } => {
                write!(
                    f,
                    "{depth} rollbacks in a row without a promotion, and rollback.max_depth is {max}: a person has to look"
                )
            }
            Self::RetriesLeft { left } => {
                let times = if *left == 1 { "once" } else { "more than once" };
                write!(f, "the failed jobs may be tried again {times} before a rollback")
            }
            Self::NotTheEffectiveHead { head } => {
                write!(f, "the branch shows {} by now, and no run has judged it", head.short())
            }
            Self::NotObserved { what } => write!(f, "{what} is not known"),
        }
    }
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
