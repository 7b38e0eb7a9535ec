//! Issues.

use ::http::Method;
use serde::{Deserialize, Serialize};

use super::{Call, GitHub, GitHubError};
use crate::http::Repeat;

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its page.
    #[serde(default)]
    pub html_url: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Its text.
    #[serde(default)]
    pub body: Option<String>,
    /// `open` or `closed`.
    pub state: String,
    /// Present where it is a pull request: GitHub lists both.
    #[serde(default)]
    pull_request: Option<PullLink>,
}

/// That there is one is all that counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct PullLink {}

/// An issue to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewIssue {
    /// The title.
    pub title: String,
    /// The text, in Markdown.
    pub body: String,
    /// The labels; GitHub makes those that do not exist yet.
    pub labels: Vec<String>,
}

/// A change of an issue; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IssueUpdate {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `open` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
}

impl GitHub {
    /// Lists the open issues with a label, newest first; no pull requests.
    pub async fn open_issues(&self, label: &str) -> Result<Vec<Issue>, GitHubError> {
        let query = [("labels", label), ("state", "open")];
        let mut issues: Vec<Issue> =
            self.list(&self.path("issues"), &query, None, |_| false).await?;
        issues.retain(|issue| issue.pull_request.is_none());
        Ok(issues)
    }

    /// Opens an issue. Never repeated blindly: after a lost answer, look with
    /// [`GitHub::open_issues`] first.
    pub async fn create_issue(&self, issue: &NewIssue) -> Result<Issue, GitHubError> {
        self.call(Call {
            method: Method::POST,
            path: self.path("issues"),
            body: Some(issue),
            repeat: Repeat::Limited,
        })
        .await
    }

    /// Changes an issue. Doing it twice is the same as doing it once.
    pub async fn update_issue(
        &self,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, GitHubError> {
        self.call(Call {
            method: Method::PATCH,
            path: self.path(&format!("issues/{number}")),
            body: Some(update),
            repeat: Repeat::Always,
        })
        .await
    }
}
