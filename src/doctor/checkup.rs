//! What was observed, as values.

use jiff::Timestamp;

use super::Unchecked;
use super::data_seen::DataSeen;
use super::workflow::{Job, Runs, Unreadable, Workflow};
use crate::config::Config;
use crate::evidence::markers::MarkerEvidence;
use crate::evidence::rollback_limit::DeclaredLimit;
use crate::evidence::served::Served;
use crate::ledger::Ledger;
use crate::model::{CommitSha, Digest, ImageRef};
use crate::state::State;

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
    /// The state branch.
    pub state: Result<State, StateProblem>,
    /// Whether what users see shows the newest record.
    pub projections: ProjectionsSeen,
    /// What the registries said.
    pub images: ImagesSeen,
    /// What GitHub said about the repository and the token.
    pub github: Seen<GitHubSeen>,
    /// What the configuration says about going back.
    pub limit: Seen<DeclaredLimit>,
    /// Which version is served; `None` where the configuration does not say how the app shows it, or
    /// nothing was released.
    pub served: Option<Seen<Served>>,
    /// The data; `None` where the configuration has none.
    pub data: Option<DataSeen>,
}

impl Checkup {
    /// Lists the jobs that run the gate, or the retry.
    pub(super) fn jobs(&self, runs: Runs) -> impl Iterator<Item = Job<'_>> {
        let readable = self.workflows.iter().filter_map(|seen| seen.workflow.as_ref().ok());
        readable.flat_map(Workflow::jobs).filter(move |job| job.runs() == Some(runs))
    }
}

/// Why the state branch was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateProblem {
    /// What it holds cannot be read.
    Damaged(String),
    /// It could not be fetched.
    NotHere(String),
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
#[expect(clippy::struct_excessive_bools, reason = "the remote has these refs or not")]
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
    /// Whether the login may push them, where there is a login.
    pub push: Vec<(ImageRef, RegistryAnswer)>,
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
    /// It takes the login, and lets it push nothing.
    ReadOnly(String),
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
    /// What the message of a squash merge is made from, where it is shown and squashing is allowed.
    pub squash_message: Option<String>,
    /// What kind of token asks.
    pub token: TokenKind,
    /// What keeps the branches from being pushed to.
    pub branches: Vec<BranchSeen>,
    /// What the token of Actions may do.
    pub actions: Option<Seen<ActionsSeen>>,
}

/// What kind of token asks GitHub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// The `GITHUB_TOKEN` of a workflow: it may change no workflow file.
    Workflow,
    /// A classic personal token, by whether it has the scope `workflow`.
    Classic {
        /// Whether it has.
        workflow: bool,
    },
    /// Another one, which does not tell what it may.
    #[default]
    Other,
}

/// What a branch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchRole {
    /// The protected branch.
    Main,
    /// The branch that users get.
    Stable,
    /// The state branch.
    State,
    /// The branch of the ledger, where it is one of its own.
    Ledger,
}

/// What GitHub says about a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchSeen {
    /// What it is for.
    pub role: BranchRole,
    /// Its name.
    pub name: String,
    /// What keeps whoever asks from pushing to it.
    pub obstacles: Seen<Vec<Obstacle>>,
}

/// What keeps a branch from being pushed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A rule of a ruleset, which whoever asks may not pass.
    Rule {
        /// Its type, in GitHub's word.
        kind: String,
        /// The name of its ruleset, where it is shown.
        ruleset: Option<String>,
    },
    /// Required status checks of the classic protection.
    RequiredChecks(Vec<String>),
    /// A classic protection whose other rules only administrators may read.
    Hidden,
}

/// What the token of Actions may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionsSeen {
    /// Whether it may write everything where a workflow has no `permissions`.
    pub writes_by_default: bool,
    /// Whether it may open pull requests.
    pub opens_pulls: bool,
}
