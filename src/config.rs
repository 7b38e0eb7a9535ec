//! The configuration of a repository, `.github/tidegate.yml`.
//!
//! Every key has a default where one makes sense, and unknown keys are refused: a misspelt
//! `rollbak:` must not switch a protection off in silence.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BranchName, CommitSha, ImageRef};

mod check;
mod containers;
mod data;
mod error;
mod hidden;
mod imports;
mod load;
mod locate;
mod metric;
mod node;
mod notify;
mod operations;
mod probes;
mod report;
mod servers;
mod smoke;
mod stack;
mod tags;
#[cfg(test)]
mod tests;

pub use containers::{
    BakeConfig, BeforePromoteConfig, ComposeConfig, ContainerConfig, ContainersConfig, LiveConfig,
    ServedConfig,
};
pub use data::{
    AggregateConfig, BackupsConfig, DataCheckConfig, DataCheckKind, DataConfig, DataPublish,
    DataStepConfig, DuckdbConfig, LayerConfig, LifecycleConfig, SignedUrlConfig, TransferConfig,
};
pub use error::{ConfigError, Place, Problem};
pub use imports::{
    ApiConfig, ColumnConfig, ColumnType, ImportConfig, ImportPreset, OnConflict, PagesBy,
    PagesConfig, PasswordConfig, PasswordScheme, RuleConfig,
};
pub use load::MAX_CONFIG_BYTES;
pub(crate) use locate::{Wanted, locate};
pub use metric::{Direction, MetricConfig};
pub(crate) use node::Step;
pub use notify::{EmailConfig, Hook, HookConfig, NotifyConfig, NotifyEvent, SlackConfig};
pub use operations::{
    BackupConfig, HealthConfig, ScheduleConfig, TableHealthConfig, TaskConfig, TaskKind,
};
pub use probes::{Bake, ShownIn};
pub use report::ReportConfig;
pub(crate) use servers::wait;
pub use servers::{GitHubConfig, RegistryConfig};
pub use smoke::{CommandPlace, SmokeConfig, SmokeKind};
pub use stack::StackError;
pub use tags::TagPatternError;

/// Where the configuration file is looked for, from the root of the repository.
pub const CONFIG_PATH: &str = ".github/tidegate.yml";

/// The whole configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "tidegate configuration")]
pub struct Config {
    /// The version of the format: 1.
    pub version: u32,
    /// The protected branch.
    pub branch: BranchName,
    /// Where the ledger is.
    pub ledger: LedgerConfig,
    /// The release set: all images of a release, promoted together or not at all.
    /// Without the key: `ghcr.io/<owner>/<repo>`. An empty list: a release without images.
    pub images: Option<Vec<ImageRef>>,
    /// The tags that tidegate reads and writes.
    pub tags: TagsConfig,
    /// The branch that moves with every promotion; Streamlit Community Cloud deploys it.
    pub stable_branch: BranchName,
    /// What has to be there and has to pass.
    pub require: RequireConfig,
    /// Figures that a candidate must reach.
    pub metrics: Vec<MetricConfig>,
    /// Checks of the tree before anything is promoted.
    pub preflight: PreflightConfig,
    /// What a candidate has to show before it becomes stable: at most 50 probes.
    pub smoke: Vec<SmokeConfig>,
    /// How the candidates run while they are probed.
    pub containers: ContainersConfig,
    /// The compose file whose services are started for the probes.
    pub compose: Option<ComposeConfig>,
    /// Commands such as migrations, which run in a candidate's image: at most ten.
    pub before_promote: Vec<BeforePromoteConfig>,
    /// The first commit that a rollback may still go back to, because what came with it (a migration)
    /// does not fit what was before.
    pub incompatible_with_rollback_before: Option<CommitSha>,
    /// Watches what is served after a promotion.
    pub bake: Option<BakeConfig>,
    /// Where the app shows the commit that it was made from.
    pub served: Option<ServedConfig>,
    /// The data of a release.
    pub data: Option<DataConfig>,
    /// What `tidegate schedule` runs, and when.
    pub schedule: Option<ScheduleConfig>,
    /// What a rollback may do.
    pub rollback: RollbackConfig,
    /// Time windows in which nothing is promoted. Rollbacks are never stopped by them.
    pub freeze: Vec<FreezeConfig>,
    /// Who signs the commits that tidegate makes.
    pub author: AuthorConfig,
    /// The git remote that is read and written.
    pub remote: String,
    /// The branch that keeps records, holds, quarantines and verdicts.
    pub state_branch: BranchName,
    /// How registries are spoken to, by host.
    pub registries: BTreeMap<String, RegistryConfig>,
    /// What is run or called after a promotion: at most ten.
    pub after_promote: Vec<HookConfig>,
    /// What is run or called after a rollback of the protected branch or of stable: at most ten.
    pub after_rollback: Vec<HookConfig>,
    /// Who is told of rollbacks, holds and promotions.
    pub notify: NotifyConfig,
    /// How GitHub is asked. Where it is, and with which token, the environment says.
    pub github: GitHubConfig,
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Path from the root of the repository.
    pub path: String,
    /// The branch that the ledger is written to; without the key, the protected branch.
    pub branch: Option<BranchName>,
}

/// The tags that tidegate reads and writes. Patterns may contain `{branch}` (with `/` turned into
/// `-`), `{sha}` and `{short_sha}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TagsConfig {
    /// The moving tag of a candidate.
    pub candidate: String,
    /// The tag of the image of one commit.
    pub commit: String,
    /// The tag that users pull.
    pub stable: String,
    /// More tags that follow stable.
    pub also: Vec<String>,
    /// The tag that keeps a released digest reachable after stable has moved on.
    pub keep: String,
}

/// What has to be there and has to pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequireConfig {
    /// Names of jobs from the workflow's `needs`; the others are advisory. Without the key:
    /// every job in `needs`.
    pub jobs: Option<Vec<String>>,
    /// Patterns of `JUnit` XML reports, from the root of the work tree; each must match a file. With
    /// `{ path: ..., job: ... }` an entry also says which job writes them.
    pub reports: Vec<ReportConfig>,
    /// Names of check runs on the tested commit, as GitHub shows them, of other workflows and Apps.
    /// What is missing, unfinished or failed holds; `neutral` and `skipped` pass. A check never
    /// promotes or reverts anything by itself. Not the gate's own job: it would wait for itself.
    pub checks: Vec<String>,
}

/// Checks of the tree before anything is promoted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreflightConfig {
    /// What new conflict markers in the tree do.
    pub conflict_markers: MarkerAction,
    /// Patterns of paths that are not looked at.
    pub ignore: Vec<String>,
}

/// What new conflict markers in the tree do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarkerAction {
    /// Nothing is promoted.
    #[default]
    Hold,
    /// They are reported.
    Warn,
    /// They are not looked for.
    Off,
}

/// What a rollback may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackConfig {
    /// `false`: a failure holds, and a person decides.
    pub enabled: bool,
    /// How often the failed jobs are tried again before a rollback.
    pub retries: u32,
    /// The workflow that runs the failed jobs again: a file in `.github/workflows/` of the protected
    /// branch.
    pub retry_workflow: String,
    /// How many rollbacks may follow each other without a promotion between them.
    pub max_depth: u32,
    /// Patterns of paths that a rollback does not restore, besides the ledger.
    pub keep: Vec<String>,
    /// Whether a rollback restores `.github/workflows/`.
    pub workflows: WorkflowFiles,
    /// What a rollback becomes where the branch is protected.
    pub pull_request: PullRequests,
}

/// What a rollback becomes where the branch is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequests {
    /// Opens a pull request where the server refuses the push for that.
    #[default]
    Auto,
    /// Ends with the server's refusal.
    Never,
}

/// Whether a rollback restores `.github/workflows/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkflowFiles {
    /// Keeps them in GitHub Actions, where `GITHUB_TOKEN` may not change them, and restores them
    /// elsewhere.
    #[default]
    Auto,
    /// Keeps them as they are at the head.
    Keep,
    /// Restores them: for App tokens, deploy keys and people.
    Restore,
}

/// A time window in which nothing is promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeConfig {
    /// When the window opens: five cron fields.
    pub cron: String,
    /// How long it stays open: `64h`, `30m`, `2d`.
    pub duration: String,
    /// The IANA time zone of `cron`; without the key, UTC.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What people are told.
    pub reason: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Who signs the commits that tidegate makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorConfig {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: 1,
            branch: known_branch("main"),
            ledger: LedgerConfig::default(),
            images: None,
            tags: TagsConfig::default(),
            stable_branch: known_branch("stable"),
            require: RequireConfig::default(),
            metrics: Vec::new(),
            preflight: PreflightConfig::default(),
            smoke: Vec::new(),
            containers: ContainersConfig::default(),
            compose: None,
            before_promote: Vec::new(),
            incompatible_with_rollback_before: None,
            bake: None,
            served: None,
            data: None,
            schedule: None,
            rollback: RollbackConfig::default(),
            freeze: Vec::new(),
            author: AuthorConfig::default(),
            remote: "origin".to_owned(),
            state_branch: known_branch("tidegate"),
            registries: BTreeMap::new(),
            after_promote: Vec::new(),
            after_rollback: Vec::new(),
            notify: NotifyConfig::default(),
            github: GitHubConfig::default(),
        }
    }
}

#[expect(clippy::expect_used, reason = "the three default names are literals that a test reads")]
fn known_branch(name: &str) -> BranchName {
    name.parse().expect("a valid branch name")
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { path: "docs/ML_EXPERIMENT_RESULTS.md".to_owned(), branch: None }
    }
}

impl Default for TagsConfig {
    fn default() -> Self {
        Self {
            candidate: "{branch}-candidate".to_owned(),
            commit: "{sha}".to_owned(),
            stable: "stable".to_owned(),
            also: vec!["latest".to_owned()],
            keep: "good-{short_sha}".to_owned(),
        }
    }
}

impl Default for RollbackConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            retries: 0,
            retry_workflow: "tidegate-retry.yml".to_owned(),
            max_depth: 3,
            keep: Vec::new(),
            workflows: WorkflowFiles::Auto,
            pull_request: PullRequests::Auto,
        }
    }
}

impl Default for AuthorConfig {
    fn default() -> Self {
        Self {
            name: "github-actions[bot]".to_owned(),
            email: "41898282+github-actions[bot]@users.noreply.github.com".to_owned(),
        }
    }
}

impl Config {
    /// The branch that the ledger is written to.
    pub fn ledger_branch(&self) -> &BranchName {
        self.ledger.branch.as_ref().unwrap_or(&self.branch)
    }
}
