//! What a release and a rollback will need, judged before they need it.
//!
//! `observe::checkup` looks at the repository, the remote, the registries and GitHub, and changes
//! nothing; what it saw is a [`Checkup`]. Each room below judges one part of it and computes only.
//! A finding says what is wrong and where, what it would break, and how to mend it.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::evidence::markers::MarkerEvidence;
use crate::ledger::Ledger;
use crate::model::{CommitSha, Digest, ImageRef};
use crate::state::State;

mod commits;
mod concurrency;
mod configuration;
mod conflicts;
mod gate_job;
mod gate_steps;
mod github;
mod images;
mod ledger_entries;
mod notices;
mod permissions;
mod pinned;
mod projections;
mod remote;
mod retry_workflow;
mod state_branch;
mod stops;
mod triggers;
pub mod workflow;

use workflow::{Job, Runs, Unreadable, Workflow};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A release or a rollback will fail, or will not happen.
    Error,
    /// It will work, and is weaker, slower or less safe than it should be.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// Returns the word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The path from the root of the repository.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name, which never changes: `gate-if-missing`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where, if it is in a file.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: String,
    /// What it would break.
    pub breaks: String,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    fn new(
        severity: Severity,
        id: &'static str,
        problem: impl Into<String>,
        breaks: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (problem, breaks, mend) = (problem.into(), breaks.into(), mend.into());
        Self { id, severity, place: None, problem, breaks, mend }
    }

    fn at(self, file: &str, line: Option<usize>) -> Self {
        Self { place: Some(Place { file: file.to_owned(), line }), ..self }
    }
}

/// A fact, or why it could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// What was seen.
    Known(T),
    /// Why nothing was.
    Unknown(String),
}

/// Everything that was observed.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// When.
    pub now: Timestamp,
    /// Whether a run of GitHub Actions asks: then the credentials are those of the gate.
    pub in_actions: bool,
    /// The configuration that counts; the defaults, where the file is broken.
    pub config: Config,
    /// The configuration file.
    pub file: ConfigurationFile,
    /// The workflow files, by path.
    pub workflows: Vec<WorkflowSeen>,
    /// What the remote and this clone show.
    pub remote: RemoteSeen,
    /// Conflict markers in the tree of `HEAD`.
    pub markers: Seen<MarkerEvidence>,
    /// The newest commits of the protected branch, newest first.
    pub commits: Seen<Vec<CommitSeen>>,
    /// The ledger.
    pub ledger: LedgerSeen,
    /// The state branch, or why it cannot be read.
    pub state: Result<State, String>,
    /// Whether what users see shows the newest record.
    pub projections: ProjectionsSeen,
    /// What the registries said.
    pub images: ImagesSeen,
    /// What GitHub said about the repository and the token.
    pub github: Seen<GitHubSeen>,
}

impl Checkup {
    /// Lists the jobs that run the gate, or the retry.
    fn jobs(&self, runs: Runs) -> impl Iterator<Item = Job<'_>> {
        let readable = self.workflows.iter().filter_map(|seen| seen.workflow.as_ref().ok());
        readable.flat_map(Workflow::jobs).filter(move |job| job.runs() == Some(runs))
    }
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationFile {
    /// Its path, as it is shown.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// What is wrong with it.
    pub problem: Option<ConfigurationProblem>,
}

/// What is wrong with the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationProblem {
    /// The line.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

/// A workflow file.
#[derive(Debug, Clone)]
pub struct WorkflowSeen {
    /// Its path from the root of the repository.
    pub path: String,
    /// What it says.
    pub workflow: Result<Workflow, Unreadable>,
}

/// Whether what users see shows the newest record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectionsSeen {
    /// The projections that are not made.
    pub pending: Vec<String>,
    /// What could not be compared, and why.
    pub unknown: Vec<Unchecked>,
}

/// What the remote and this clone show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSeen {
    /// Whether there is a remote of the configured name.
    pub exists: bool,
    /// Whether it was asked: not with `--offline`.
    pub asked: bool,
    /// Whether history is cut off in this clone.
    pub shallow: bool,
    /// What the remote has, or why it could not be asked.
    pub refs: Seen<RefsSeen>,
    /// Whether the remote takes pushes: what it says against it.
    pub push: Seen<Result<(), String>>,
}

/// Which refs the remote has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefsSeen {
    /// Whether there is the protected branch.
    pub branch: bool,
    /// Whether there is the branch of the ledger.
    pub ledger_branch: bool,
    /// Whether there is the branch `stable`.
    pub stable_branch: bool,
    /// Whether there is a tag of the name of the branch `stable`.
    pub stable_tag: bool,
}

/// A commit of the protected branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSeen {
    /// Its id.
    pub commit: CommitSha,
    /// Its message.
    pub message: String,
    /// Whether tidegate made it, or it touches nothing but the ledger.
    pub own: bool,
}

/// The ledger on its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerSeen {
    /// There is no such file.
    Missing,
    /// It cannot be read.
    Unreadable(String),
    /// Why it could not be looked at.
    Unknown(String),
    /// It was read.
    Read {
        /// What it says.
        ledger: Ledger,
        /// Whether any commit counts as good, the state branch included.
        last_good: Seen<Option<CommitSha>>,
    },
}

/// What the registries said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImagesSeen {
    /// Whether the release set is known.
    pub known: bool,
    /// The images of the release set, asked for their stable tag.
    pub current: Vec<(ImageRef, RegistryAnswer)>,
    /// The images of the newest records.
    pub released: Vec<ReleasedSeen>,
}

/// An image of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedSeen {
    /// The number of the record.
    pub release: u64,
    /// The image.
    pub image: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// What the registry said.
    pub answer: RegistryAnswer,
}

/// What a registry said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// All is there, or there is nothing yet.
    Well,
    /// What should be there and is not, by digest.
    Missing(Vec<String>),
    /// It does not take the credentials.
    Denied(String),
    /// It did not answer.
    Unreachable(String),
    /// It was not asked.
    NotAsked(String),
    /// It answered something else.
    Broken(String),
}

/// What GitHub says about the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitHubSeen {
    /// It does not know the token.
    TokenRefused(String),
    /// It shows the token no such repository.
    NotFound {
        /// The repository.
        repository: String,
    },
    /// It shows the repository.
    Found(RepositorySeen),
}

/// A repository on GitHub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositorySeen {
    /// Its name, `owner/name`.
    pub name: String,
    /// Whether the token may push; `None` where GitHub does not say.
    pub may_push: Option<bool>,
    /// Whether it is archived.
    pub archived: bool,
    /// Whether it has issues.
    pub has_issues: bool,
    /// The default branch.
    pub default_branch: String,
}

/// Something that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// What an examination came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// What was checked and is well.
    pub well: Vec<&'static str>,
    /// What could not be checked.
    pub unchecked: Vec<Unchecked>,
}

impl Diagnosis {
    /// Returns the worst severity.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).min()
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// What one check found.
#[derive(Debug, Default)]
struct Answer {
    findings: Vec<Finding>,
    unchecked: Vec<Unchecked>,
    not_needed: bool,
}

impl Answer {
    fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn cannot(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.unchecked.push(Unchecked { what: what.into(), why: why.into() });
    }

    /// There is nothing to check.
    fn not_needed(&mut self) {
        self.not_needed = true;
    }
}

/// A check, with the name of what it looks at.
type Check = (&'static str, fn(&Checkup, &mut Answer));

const CHECKS: [Check; 18] = [
    ("configuration", configuration::check),
    ("ledger", ledger_entries::check),
    ("gate job", gate_job::check),
    ("checkout and inputs", gate_steps::check),
    ("triggers", triggers::check),
    ("concurrency", concurrency::check),
    ("permissions", permissions::check),
    ("pinned actions", pinned::check),
    ("retry workflow", retry_workflow::check),
    ("remote", remote::check),
    ("conflict markers", conflicts::check),
    ("commit messages", commits::check),
    ("state branch", state_branch::check),
    ("projections", projections::check),
    ("holds and quarantines", stops::check),
    ("notices", notices::check),
    ("images", images::check),
    ("GitHub", github::check),
];

/// Examines what was observed.
pub fn examine(checkup: &Checkup) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for (name, check) in CHECKS {
        let mut answer = Answer::default();
        check(checkup, &mut answer);
        if answer.findings.is_empty() && answer.unchecked.is_empty() && !answer.not_needed {
            diagnosis.well.push(name);
        }
        diagnosis.findings.append(&mut answer.findings);
        diagnosis.unchecked.append(&mut answer.unchecked);
    }
    // Stable: within a severity the order of the checks is that of a release.
    diagnosis.findings.sort_by_key(|finding| finding.severity);
    diagnosis
}
