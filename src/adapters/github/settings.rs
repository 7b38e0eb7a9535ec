//! What the repository's settings say about branches and about the token of Actions.

use serde::Deserialize;

use super::{GitHub, GitHubError, segment};
use crate::model::BranchName;

/// A rule of a ruleset that applies to a branch (`GET /repos/{owner}/{repo}/rules/branches/{branch}`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BranchRule {
    /// What it asks for: `pull_request`, `update`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The ruleset that it is of.
    #[serde(default)]
    pub ruleset_id: Option<u64>,
}

/// A ruleset (`GET /repos/{owner}/{repo}/rulesets/{ruleset_id}`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ruleset {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether who asks may pass it: `always`, `exempt`, `pull_requests_only` or `never`.
    #[serde(default)]
    pub current_user_can_bypass: Option<String>,
}

/// A branch (`GET /repos/{owner}/{repo}/branches/{branch}`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Its classic protection, as far as anybody may read it.
    #[serde(default)]
    pub protection: Option<Protection>,
}

/// The classic protection of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Protection {
    /// Whether there is one.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Its required status checks.
    #[serde(default)]
    pub required_status_checks: Option<RequiredChecks>,
}

/// The required status checks of a classic protection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RequiredChecks {
    /// `off`, `non_admins` or `everyone`.
    #[serde(default)]
    pub enforcement_level: Option<String>,
    /// The names of the checks.
    #[serde(default)]
    pub contexts: Vec<String>,
}

/// What the token of Actions may do (`GET /repos/{owner}/{repo}/actions/permissions/workflow`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkflowPermissions {
    /// `read` or `write`: what a workflow without `permissions` gets.
    pub default_workflow_permissions: String,
    /// Whether it may open and approve pull requests.
    pub can_approve_pull_request_reviews: bool,
}

impl GitHub {
    /// Lists the rules of all active rulesets that apply to a branch, whether or not it is there.
    pub async fn branch_rules(&self, branch: &BranchName) -> Result<Vec<BranchRule>, GitHubError> {
        let path = self.path(&format!("rules/branches/{}", segment(branch.as_str())));
        self.list(&path, &[], None, |_| false).await
    }

    /// Reads a ruleset of the repository, or of its organisation; `None` where it is not shown.
    pub async fn ruleset(&self, id: u64) -> Result<Option<Ruleset>, GitHubError> {
        self.get(self.path(&format!("rulesets/{id}"))).await
    }

    /// Reads a branch; `None` where there is none.
    pub async fn branch(&self, branch: &BranchName) -> Result<Option<Branch>, GitHubError> {
        self.get(self.path(&format!("branches/{}", segment(branch.as_str())))).await
    }

    /// Reads what the token of Actions may do. Only administrators may ask: others get
    /// [`GitHubError::Forbidden`], or nothing.
    pub async fn workflow_permissions(&self) -> Result<Option<WorkflowPermissions>, GitHubError> {
        self.get(self.path("actions/permissions/workflow")).await
    }
}
