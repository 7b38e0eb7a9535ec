//! Everything that the tool can ask GitHub for: each function of its client, once.

use tidegate::adapters::github::{
    GitHub as Client, GitHubError, IssueUpdate, NewIssue, NewPull, RetryInputs,
};

use super::{BASE, HEAD, RULESET, RUN};
use crate::harness::github::world::WORKFLOW;
use crate::harness::github::{GitHub, INSTALLATION};

/// A function of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    PushRuns,
    PushRunsOf,
    Run,
    Jobs,
    CheckRuns,
    CommitLogins,
    PullsOf,
    OpenIssues,
    Installation,
    InstallationToken,
    UpdateIssue,
    AddLabels,
    CreatePull,
    CreateIssue,
    DispatchRetry,
    RerunFailedJobs,
    RepositoryInfo,
    BranchRules,
    Ruleset,
    Branch,
    WorkflowPermissions,
}

impl Ask {
    /// All, with their names in the sources.
    pub const ALL: [(Self, &str); 21] = [
        (Self::PushRuns, "push_runs"),
        (Self::PushRunsOf, "push_runs_of"),
        (Self::Run, "run"),
        (Self::Jobs, "jobs"),
        (Self::CheckRuns, "check_runs"),
        (Self::CommitLogins, "commit_logins"),
        (Self::PullsOf, "pulls_of"),
        (Self::OpenIssues, "open_issues"),
        (Self::Installation, "installation"),
        (Self::InstallationToken, "installation_token"),
        (Self::UpdateIssue, "update_issue"),
        (Self::AddLabels, "add_labels"),
        (Self::CreatePull, "create_pull"),
        (Self::CreateIssue, "create_issue"),
        (Self::DispatchRetry, "dispatch_retry"),
        (Self::RerunFailedJobs, "rerun_failed_jobs"),
        (Self::RepositoryInfo, "repository_info"),
        (Self::BranchRules, "branch_rules"),
        (Self::Ruleset, "ruleset"),
        (Self::Branch, "branch"),
        (Self::WorkflowPermissions, "workflow_permissions"),
    ];

    /// Whether only the App itself may ask it.
    pub fn as_app(self) -> bool {
        matches!(self, Self::Installation | Self::InstallationToken)
    }

    /// Whether asking twice makes two of something, or is refused the second time.
    pub fn creates(self) -> bool {
        matches!(
            self,
            Self::CreatePull | Self::CreateIssue | Self::DispatchRetry | Self::RerunFailedJobs
        )
    }

    /// How many things of the kind that it creates there are.
    pub fn created(self, github: &GitHub) -> usize {
        match self {
            Self::CreatePull => github.pulls().len(),
            Self::CreateIssue => github.issues().len() - 1,
            Self::DispatchRetry => github.dispatches().len(),
            Self::RerunFailedJobs => github.reruns().len(),
            Self::PushRuns
            | Self::PushRunsOf
            | Self::Run
            | Self::Jobs
            | Self::CheckRuns
            | Self::CommitLogins
            | Self::PullsOf
            | Self::OpenIssues
            | Self::Installation
            | Self::InstallationToken
            | Self::UpdateIssue
            | Self::AddLabels
            | Self::RepositoryInfo
            | Self::BranchRules
            | Self::Ruleset
            | Self::Branch
            | Self::WorkflowPermissions => 0,
        }
    }

    /// Asks, and shows the answer.
    pub async fn send(self, client: &Client) -> Result<String, GitHubError> {
        let main = "main".parse().expect("a branch");
        let rollback = "rollback".parse().expect("a branch");
        let (base, head) = (BASE.parse().expect("a commit"), HEAD.parse().expect("a commit"));
        Ok(match self {
            Self::PushRuns => show(&client.push_runs(WORKFLOW, &main, |_| false).await?),
            Self::PushRunsOf => show(&client.push_runs_of(&base, &main).await?),
            Self::Run => show(&client.run(RUN).await?),
            Self::Jobs => show(&client.jobs(RUN).await?),
            Self::CheckRuns => show(&client.check_runs(&base).await?),
            Self::CommitLogins => show(&client.commit_logins(&base, &head).await?),
            Self::PullsOf => show(&client.pulls_of(&rollback, &main).await?),
            Self::OpenIssues => show(&client.open_issues("tidegate").await?),
            Self::Installation => show(&client.installation().await?),
            Self::InstallationToken => show(&client.installation_token(INSTALLATION).await?),
            Self::UpdateIssue => {
                let update = IssueUpdate {
                    title: Some("Rolled back".to_owned()),
                    body: Some("Undone".to_owned()),
                    state: Some("closed"),
                };
                show(&client.update_issue(1, &update).await?)
            }
            Self::AddLabels => show(&client.add_labels(1, &["tidegate", "rollback"]).await?),
            Self::CreatePull => {
                let (title, body) = ("Roll back".to_owned(), "Why".to_owned());
                let pull = NewPull { title, body, head: rollback, base: main };
                show(&client.create_pull(&pull).await?)
            }
            Self::CreateIssue => {
                let (title, body) = ("Rolled back".to_owned(), "Why".to_owned());
                let labels = vec!["tidegate".to_owned()];
                show(&client.create_issue(&NewIssue { title, body, labels }).await?)
            }
            Self::DispatchRetry => {
                let inputs = RetryInputs { run_id: RUN.to_string(), attempt: "1".to_owned() };
                show(&client.dispatch_retry("retry.yml", &main, &inputs).await?)
            }
            Self::RepositoryInfo => show(&client.repository_info().await?),
            Self::BranchRules => show(&client.branch_rules(&main).await?),
            Self::Ruleset => show(&client.ruleset(RULESET).await?),
            Self::Branch => show(&client.branch(&main).await?),
            Self::WorkflowPermissions => show(&client.workflow_permissions().await?),
            Self::RerunFailedJobs => show(&client.rerun_failed_jobs(RUN).await?),
        })
    }
}

fn show(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}")
}

#[test]
fn every_function_of_the_client_is_asked() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/github");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("the client's sources") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a source");
        let names = text.split("pub async fn ").skip(1);
        found.extend(names.map(|rest| rest.split(['(', '<']).next().unwrap_or("").to_owned()));
    }
    found.sort();
    let mut known = Ask::ALL.map(|(_, name)| name);
    known.sort_unstable();
    assert_eq!(found, known, "a function of the client is not in `Ask`");
}
