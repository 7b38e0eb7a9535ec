//! Rulesets and classic protection let the branches move that have to.

use std::collections::BTreeSet;

use super::{
    Answer, BranchRole, BranchSeen, Checkup, Finding, GitHubSeen, Obstacle, Seen, Severity,
};
use crate::config::PullRequests;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let Seen::Known(GitHubSeen::Found(repository)) = &checkup.github else {
        return answer.not_needed();
    };
    for branch in &repository.branches {
        match &branch.obstacles {
            Seen::Unknown(why) => answer.cannot(format!("the rules for branch {}", branch.name), why),
            Seen::Known(obstacles) if obstacles.contains(&Obstacle::Hidden) => answer.cannot(
                format!("the classic protection of branch {}", branch.name),
                "only administrators may read what it asks for; see https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md",
            ),
            Seen::Known(_) => {}
        }
        if is_blocked(branch) {
            answer.find(finding(checkup, branch));
        }
    }
}

/// Whether something is known to keep the branch from being pushed to.
pub(super) fn is_blocked(branch: &BranchSeen) -> bool {
    match &branch.obstacles {
        Seen::Known(obstacles) => obstacles.iter().any(|own| *own != Obstacle::Hidden),
        Seen::Unknown(_) => false,
    }
}

fn finding(checkup: &Checkup, branch: &BranchSeen) -> Finding {
    let name = &branch.name;
    // By hand somebody else pushes than in a gate.
    let worst = if checkup.in_actions { Severity::Error } else { Severity::Warning };
    let config = &checkup.config;
    let problem = format!("{name} takes no direct push: {}", named(branch));
    let wrong =
        |id, severity, breaks: &str| Finding::new(severity, id, &problem, breaks, mend(branch));
    match branch.role {
        BranchRole::Main => {
            let entry_waits = config.ledger_branch() == &config.branch;
            let (severity, rollback) = match config.rollback.pull_request {
                _ if !config.rollback.enabled => (Severity::Note, None),
                PullRequests::Auto => {
                    (Severity::Note, Some("a rollback becomes a pull request that a person merges"))
                }
                PullRequests::Never => {
                    (worst, Some("a rollback is refused, and the branch stays broken"))
                }
            };
            let entry = entry_waits.then_some("the ledger's entry waits after each promotion");
            let severity = if entry_waits { severity.min(Severity::Warning) } else { severity };
            let breaks = [rollback, entry].into_iter().flatten().collect::<Vec<_>>().join("; ");
            let breaks = if breaks.is_empty() { "nothing" } else { &breaks };
            wrong("main-protected", severity, breaks)
        }
        BranchRole::Stable => wrong(
            "stable-protected",
            worst,
            "the branch cannot move: whoever deploys it keeps the release before",
        ),
        BranchRole::State => wrong(
            "state-protected",
            worst,
            "nothing can be recorded, so nothing can be promoted or rolled back",
        ),
        BranchRole::Ledger => wrong(
            "ledger-protected",
            Severity::Warning,
            "the ledger's entry waits after each promotion",
        ),
    }
}

fn mend(branch: &BranchSeen) -> String {
    let name = &branch.name;
    match branch.role {
        BranchRole::Main => format!(
            "let tidegate pass: a GitHub App on the bypass list (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md); or keep it so, with `ledger: {{ branch: ledger }}` for the entries of {name}"
        ),
        BranchRole::Stable | BranchRole::State | BranchRole::Ledger => format!(
            "leave {name} out of the rules that the problem names, or put a GitHub App on their bypass list (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md)"
        ),
    }
}

/// Names what is in the way.
fn named(branch: &BranchSeen) -> String {
    let Seen::Known(obstacles) = &branch.obstacles else { return String::new() };
    let names: BTreeSet<String> = obstacles
        .iter()
        .filter_map(|obstacle| match obstacle {
            Obstacle::Rule { kind, ruleset: Some(ruleset) } => {
                Some(format!("rule {kind} of ruleset {ruleset:?}"))
            }
            Obstacle::Rule { kind, ruleset: None } => Some(format!("rule {kind}")),
            Obstacle::RequiredChecks(checks) => {
                Some(format!("classic protection asks for {}", checks.join(", ")))
            }
            Obstacle::Hidden => None,
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join("; ")
}
