//! GitHub knows the token, and the repository lets it work.

use super::workflow::Runs;
use super::{
    ActionsSeen, Answer, BranchRole, Checkup, Finding, GitHubSeen, RepositorySeen, Seen, Severity,
    TokenKind, protection,
};
use crate::config::{PullRequests, WorkflowFiles};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    match &checkup.github {
        Seen::Unknown(why) => answer.cannot("the repository on GitHub", why),
        Seen::Known(GitHubSeen::TokenRefused(why)) => answer.find(Finding::new(
            Severity::Error,
            "token-refused",
            format!("GitHub does not know the token: {why}"),
            "nothing can be pushed or asked with it",
            "give a token that has not run out",
        )),
        Seen::Known(GitHubSeen::NotFound { repository }) => answer.find(Finding::new(
            Severity::Error,
            "repository-hidden",
            format!("GitHub shows this token no repository {repository}"),
            "nothing can be pushed or asked with it",
            "give a token for this repository, or correct GITHUB_REPOSITORY",
        )),
        Seen::Known(GitHubSeen::Found(repository)) => {
            found(checkup, repository, answer);
            settings(checkup, repository, answer);
        }
    }
}

fn found(checkup: &Checkup, repository: &RepositorySeen, answer: &mut Answer) {
    let name = &repository.name;
    if repository.archived {
        answer.find(Finding::new(
            Severity::Error,
            "repository-archived",
            format!("{name} is archived"),
            "nothing can be pushed",
            "unarchive it in its settings",
        ));
    }
    if repository.may_push == Some(false) {
        let (severity, breaks) = if checkup.in_actions {
            (Severity::Error, "nothing can be recorded, promoted or rolled back")
        } else {
            (Severity::Warning, "no promotion and no rollback by hand with it")
        };
        answer.find(Finding::new(
            severity,
            "token-may-not-push",
            format!("the token may not push to {name}"),
            breaks,
            "in Actions: `contents: write` for the gate's job; by hand: a token of somebody with write access",
        ));
    }
    if checkup.config.notify.github_issue && !repository.has_issues {
        answer.find(Finding::new(
            Severity::Warning,
            "issues-off",
            format!("{name} has no issues, and `notify.github_issue` is on"),
            "no issue tells of a rollback",
            "switch issues on in its settings, or write `notify: { github_issue: false }`",
        ));
    }
    let (branch, default) = (checkup.config.branch.as_str(), &repository.default_branch);
    if checkup.config.rollback.retries > 0 && branch != default {
        answer.find(Finding::new(
            Severity::Warning,
            "retry-workflow-default-branch",
            format!("{default} is the default branch of {name}, not {branch}"),
            "GitHub starts a workflow by hand only where the default branch has its file: without it there, failed jobs are not tried again",
            format!("put {} on {default} too", checkup.config.rollback.retry_workflow),
        ));
    }
}

/// What the settings of the repository would break.
fn settings(checkup: &Checkup, repository: &RepositorySeen, answer: &mut Answer) {
    let name = &repository.name;
    if repository.squash_message.as_deref() == Some("COMMIT_MESSAGES") {
        answer.find(Finding::new(
            Severity::Warning,
            "squash-template",
            format!("squash merges in {name} write the messages of all their commits into the one of main"),
            "a `[skip ci]` in one of them keeps every workflow from starting: no gate looks at the merge",
            "Settings, General, Pull Requests, \"Allow squash merging\": choose \"Pull request title\", or title and description",
        ));
    }
    workflow_files(checkup, repository.token, answer);
    match &repository.actions {
        None => {}
        Some(Seen::Unknown(why)) => {
            answer.cannot(
                "what Actions may do by default, and whether they may open pull requests",
                why,
            );
        }
        Some(Seen::Known(actions)) => of_actions(checkup, repository, *actions, answer),
    }
}

/// Rollbacks shall bring workflow files back, and the token may not.
fn workflow_files(checkup: &Checkup, token: TokenKind, answer: &mut Answer) {
    if checkup.config.rollback.workflows != WorkflowFiles::Restore {
        return;
    }
    let (problem, mend) = match token {
        TokenKind::Other | TokenKind::Classic { workflow: true } => return,
        TokenKind::Workflow => (
            "`rollback.workflows` is restore, and the token is the GITHUB_TOKEN of a workflow",
            "use a GitHub App with *Workflows* read and write (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md), or write `rollback: { workflows: keep }`",
        ),
        TokenKind::Classic { workflow: false } => (
            "`rollback.workflows` is restore, and the token lacks the scope `workflow`",
            "give the token that scope, or write `rollback: { workflows: keep }`",
        ),
    };
    let severity = if checkup.in_actions { Severity::Error } else { Severity::Warning };
    let breaks = "a rollback that has to change a workflow file is refused, and main stays broken";
    answer.find(Finding::new(severity, "workflow-files", problem, breaks, mend));
}

/// What the settings let the token of Actions do.
fn of_actions(
    checkup: &Checkup,
    repository: &RepositorySeen,
    actions: ActionsSeen,
    answer: &mut Answer,
) {
    let mut gates = checkup.jobs(Runs::Gate).peekable();
    let is_there = gates.peek().is_some();
    let (mut by_token, mut undefined) = (false, false);
    for gate in gates {
        by_token |= !gate.has_app();
        undefined |=
            gate.get("permissions").is_none() && gate.workflow.get("permissions").is_none();
    }
    if undefined && !actions.writes_by_default {
        answer.find(Finding::new(
            Severity::Error,
            "token-reads-by-default",
            "the gate has no `permissions`, and without them a workflow of this repository may only read",
            "nothing can be recorded, promoted or rolled back",
            "write `permissions` into the gate's job (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md)",
        ));
    }
    if actions.writes_by_default {
        answer.find(Finding::new(
            Severity::Note,
            "token-writes-by-default",
            format!("in {} a workflow without `permissions` may write everything", repository.name),
            "nothing: but also code that is only being tested may push",
            "Settings, Actions, General, Workflow permissions: \"Read repository contents\"",
        ));
    }
    let main_is_protected = repository
        .branches
        .iter()
        .any(|branch| branch.role == BranchRole::Main && protection::is_blocked(branch));
    let asks = checkup.config.rollback.enabled
        && checkup.config.rollback.pull_request == PullRequests::Auto
        && main_is_protected
        && (by_token || !is_there);
    if asks && !actions.opens_pulls {
        answer.find(Finding::new(
            Severity::Warning,
            "actions-open-no-pulls",
            format!("Actions may not open pull requests in {}, and {} is protected", repository.name, checkup.config.branch),
            "a rollback is only a branch, and a person has to open its pull request",
            "Settings, Actions, General: \"Allow GitHub Actions to create and approve pull requests\"",
        ));
    }
}
