//! GitHub knows the token, and the repository lets it work.

use super::{Answer, Checkup, Finding, GitHubSeen, RepositorySeen, Seen, Severity};

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
            // Only administrators may read the setting.
            if checkup.config.rollback.enabled {
                answer.cannot(
                    "whether Actions may open pull requests, and rulesets",
                    "a token of Actions may not read these settings; see docs/how-to/permissions-and-apps.md",
                );
            }
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
