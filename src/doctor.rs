//! What a release and a rollback will need, judged before they need it.
//!
//! `observe::checkup` looks at the repository, the remote, the registries and GitHub, and changes
//! nothing; what it saw is a [`Checkup`]. Each room below judges one part of it and computes only.
//! A finding says what is wrong and where, what it would break, and how to mend it.

use serde::Serialize;

#[cfg(test)]
pub(crate) mod alone;
mod checkup;
mod commits;
mod concurrency;
mod configuration;
mod conflicts;
mod cure;
#[cfg(test)]
mod damaged;
mod data_files;
mod data_job;
mod data_login;
mod data_seen;
mod data_store;
mod gate_job;
mod gate_steps;
mod github;
mod images;
pub mod issue;
mod ledger_entries;
mod mend;
mod notices;
mod permissions;
mod pinned;
mod projections;
mod protection;
mod remote;
mod retry_workflow;
mod served;
mod state_branch;
mod stops;
mod triggers;
pub mod workflow;

pub use checkup::{
    ActionsSeen, BranchRole, BranchSeen, Checkup, CommitSeen, ConfigurationFile,
    ConfigurationProblem, GitHubSeen, ImagesSeen, LedgerSeen, Obstacle, ProjectionsSeen, RefsSeen,
    RegistryAnswer, ReleasedSeen, RemoteSeen, RepositorySeen, Seen, StateProblem, TokenKind,
    WorkflowSeen,
};
pub use data_login::can_log_in;
pub use data_seen::{ContainerSeen, Content, DataSeen, FileSeen, GitCare, StoreAnswer, UrlSeen};
pub use mend::{Mended, MendedFile, mend};

use cure::Cure;

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
    /// Whether `--fix` mends it.
    pub fixable: bool,
    /// The change of a workflow that mends it, if a place for it is found.
    #[serde(skip)]
    cure: Option<Cure>,
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
        Self { id, severity, place: None, problem, breaks, mend, fixable: false, cure: None }
    }

    fn at(self, file: &str, line: Option<usize>) -> Self {
        Self { place: Some(Place { file: file.to_owned(), line }), ..self }
    }

    fn cured_by(self, cure: Option<Cure>) -> Self {
        Self { cure, ..self }
    }

    /// Tells whether two findings say the same of the same file; a line may have moved.
    fn is_like(&self, other: &Self) -> bool {
        let file = |own: &Self| own.place.as_ref().map(|place| place.file.clone());
        self.id == other.id && self.problem == other.problem && file(self) == file(other)
    }
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

    /// Notes which findings can be mended.
    pub fn mark_fixable(&mut self, mended: &Mended) {
        for own in &mut self.findings {
            own.fixable = mended.findings.iter().any(|finding| finding.is_like(own));
        }
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

const CHECKS: [Check; 25] = [
    ("configuration", configuration::check),
    ("way back", served::limit),
    ("served version", served::check),
    ("ledger", ledger_entries::check),
    ("gate job", gate_job::check),
    ("checkout and inputs", gate_steps::check),
    ("job of the data", data_job::check),
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
    ("store", data_store::check),
    ("files of the data", data_files::files),
    ("signed URL", data_files::url),
    ("protected branches", protection::check),
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
