//! What GitHub says about the repository, its branches and the token.

use std::collections::BTreeMap;

use crate::adapters::github::{GitHub, GitHubError, RepositoryInfo, Ruleset};
use crate::config::Config;
use crate::doctor::{
    ActionsSeen, BranchRole, BranchSeen, GitHubSeen, Obstacle, RepositorySeen, Seen, TokenKind,
};
use crate::model::BranchName;

/// Rules that refuse a direct push of a commit with one parent ("Available rules for rulesets").
/// `deletion` and `non_fast_forward` do not: tidegate does neither.
const BLOCKING: [&str; 11] = [
    "update",
    "pull_request",
    "required_status_checks",
    "required_signatures",
    "required_deployments",
    "merge_queue",
    "workflows",
    "code_scanning",
    "code_quality",
    "commit_message_pattern",
    "commit_author_email_pattern",
];

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct GitHubQuery<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Whether the token is the `GITHUB_TOKEN` of a workflow.
    pub is_workflow_token: bool,
    /// Whether the branch `stable` is there already; GitHub may still refuse to create it.
    pub has_stable: bool,
}

/// Asks.
pub async fn look(github: &GitHub, query: &GitHubQuery<'_>) -> Seen<GitHubSeen> {
    match github.repository_info().await {
        Ok(Some(info)) => Seen::Known(GitHubSeen::Found(repository(github, info, query).await)),
        Ok(None) => {
            let repository = github.repository().to_owned();
            Seen::Known(GitHubSeen::NotFound { repository })
        }
        Err(GitHubError::Unauthorized { said, .. }) => Seen::Known(GitHubSeen::TokenRefused(said)),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

async fn repository(
    github: &GitHub,
    info: RepositoryInfo,
    query: &GitHubQuery<'_>,
) -> RepositorySeen {
    let token = match &info.scopes {
        _ if query.is_workflow_token => TokenKind::Workflow,
        Some(scopes) => {
            TokenKind::Classic { workflow: scopes.iter().any(|scope| scope == "workflow") }
        }
        None => TokenKind::Other,
    };
    let squash = info.allow_squash_merge != Some(false);
    RepositorySeen {
        name: info.full_name,
        may_push: info.permissions.map(|permissions| permissions.push),
        archived: info.archived,
        has_issues: info.has_issues,
        default_branch: info.default_branch,
        squash_message: info.squash_merge_commit_message.filter(|_| squash),
        token,
        branches: branches(github, query).await,
        actions: Some(actions(github).await),
    }
}

async fn actions(github: &GitHub) -> Seen<ActionsSeen> {
    match github.workflow_permissions().await {
        Ok(Some(found)) => Seen::Known(ActionsSeen {
            writes_by_default: found.default_workflow_permissions == "write",
            opens_pulls: found.can_approve_pull_request_reviews,
        }),
        Ok(None) | Err(GitHubError::Forbidden { .. }) => {
            Seen::Unknown("only administrators may read these settings".to_owned())
        }
        Err(error) => Seen::Unknown(error.to_string()),
    }
}

async fn branches(github: &GitHub, query: &GitHubQuery<'_>) -> Vec<BranchSeen> {
    let config = query.config;
    let mut roles = vec![
        (BranchRole::Main, &config.branch),
        (BranchRole::Stable, &config.stable_branch),
        (BranchRole::State, &config.state_branch),
    ];
    if config.ledger_branch() != &config.branch {
        roles.push((BranchRole::Ledger, config.ledger_branch()));
    }
    let mut known = BTreeMap::new();
    let mut seen = Vec::new();
    for (role, name) in roles {
        let obstacles = match obstacles(github, role, name, query, &mut known).await {
            Ok(obstacles) => Seen::Known(obstacles),
            Err(error) => Seen::Unknown(error.to_string()),
        };
        let silent = matches!(obstacles, Seen::Unknown(_));
        seen.push(BranchSeen { role, name: name.to_string(), obstacles });
        if silent {
            // The others would get the same answer.
            break;
        }
    }
    seen
}

async fn obstacles(
    github: &GitHub,
    role: BranchRole,
    name: &BranchName,
    query: &GitHubQuery<'_>,
    known: &mut BTreeMap<u64, Option<Ruleset>>,
) -> Result<Vec<Obstacle>, GitHubError> {
    let mut obstacles = Vec::new();
    for rule in github.branch_rules(name).await? {
        let blocks = match rule.kind.as_str() {
            "creation" => role == BranchRole::Stable && !query.has_stable,
            // After a rollback of stable, its next commit has two parents.
            "required_linear_history" => role == BranchRole::Stable,
            kind => BLOCKING.contains(&kind),
        };
        if !blocks {
            continue;
        }
        let ruleset = match rule.ruleset_id {
            None => None,
            Some(id) => {
                if let Some(found) = known.get(&id) {
                    found.clone()
                } else {
                    // What a ruleset says beside its rules is not shown to everybody.
                    let found = github.ruleset(id).await.unwrap_or_default();
                    known.insert(id, found.clone());
                    found
                }
            }
        };
        let passes = ruleset.as_ref().and_then(|own| own.current_user_can_bypass.as_deref());
        if !matches!(passes, Some("always" | "exempt")) {
            let ruleset = ruleset.map(|own| own.name).filter(|name| !name.is_empty());
            obstacles.push(Obstacle::Rule { kind: rule.kind, ruleset });
        }
    }
    let protection = github.branch(name).await?.and_then(|branch| branch.protection);
    if let Some(protection) = protection.filter(|own| own.enabled == Some(true)) {
        let checks = protection.required_status_checks.unwrap_or_default();
        let asks = checks.enforcement_level.as_deref().is_some_and(|level| level != "off");
        obstacles.push(if asks && !checks.contexts.is_empty() {
            Obstacle::RequiredChecks(checks.contexts)
        } else {
            Obstacle::Hidden
        });
    }
    Ok(obstacles)
}
