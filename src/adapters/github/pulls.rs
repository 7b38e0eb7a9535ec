//! Pull requests.

use ::http::Method;
use serde::{Deserialize, Serialize};

use super::{Call, GitHub, GitHubError};
use crate::http::Repeat;
use crate::model::BranchName;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Its page.
    #[serde(default)]
    pub html_url: String,
    /// `open` or `closed`.
    pub state: String,
    /// When it was merged.
    #[serde(default)]
    pub merged_at: Option<String>,
}

/// A pull request to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewPull {
    /// The title.
    pub title: String,
    /// The branch that has the change, in this repository.
    pub head: BranchName,
    /// The branch that is to get it.
    pub base: BranchName,
    /// The text, in Markdown.
    pub body: String,
}

impl GitHub {
    /// Lists the pull requests, open or closed, that want to bring branch `head` of this
    /// repository into `base`; newest first.
    pub async fn pulls_of(
        &self,
        head: &BranchName,
        base: &BranchName,
    ) -> Result<Vec<Pull>, GitHubError> {
        let head = format!("{}:{head}", self.owner());
        let query = [("base", base.as_str()), ("head", &head), ("state", "all")];
        self.list(&self.path("pulls"), &query, None, |_| true).await
    }

    /// Opens a pull request. Never repeated blindly: after a lost answer, look with
    /// [`GitHub::pulls_of`] first.
    pub async fn create_pull(&self, pull: &NewPull) -> Result<Pull, GitHubError> {
        self.call(Call {
            method: Method::POST,
            path: self.path("pulls"),
            body: Some(pull),
            repeat: Repeat::Limited,
        })
        .await
    }

    /// Adds labels to an issue or a pull request. GitHub makes labels that do not exist yet.
    pub async fn add_labels(&self, number: u64, labels: &[&str]) -> Result<(), GitHubError> {
        let call = Call {
            method: Method::POST,
            path: self.path(&format!("issues/{number}/labels")),
            body: Some(&serde_json::json!({ "labels": labels })),
            // A label that is there stays one label.
            repeat: Repeat::Always,
        };
        self.send(call).await?.success(&self.redactor).map(|_| ())
    }
}
