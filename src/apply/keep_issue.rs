//! One issue on GitHub that follows what `doctor` finds.
//!
//! It is found again by label and marker, and both are needed: anybody may write the marker, and
//! only people who may triage set labels. Only where none is open is one opened, and before a
//! create is tried again it is looked for.

use std::collections::BTreeMap;

use crate::adapters::github::{GitHub, GitHubError, Issue, IssueUpdate, NewIssue};
use crate::doctor::issue::{self, LABEL};
use crate::model::BranchName;

/// What became of the issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptIssue {
    /// There was none, and none is needed.
    None,
    /// It was opened.
    Opened(Issue),
    /// What is found has changed, and it says so.
    Updated(Issue),
    /// It says already what is found.
    Unchanged(Issue),
    /// Nothing is left, and it was closed.
    Closed(Issue),
}

/// Opens, changes or closes the issue of a branch. `told` is its title and body, or `None` where
/// there is nothing to tell.
///
/// # Errors
/// GitHub does not do it; the next call finds what there is.
pub async fn keep(
    github: &GitHub,
    branch: &BranchName,
    told: Option<(String, String)>,
) -> Result<KeptIssue, GitHubError> {
    let open = find(github, branch).await?;
    match (open, told) {
        (None, None) => Ok(KeptIssue::None),
        (Some(open), None) => {
            let body = issue::closed(open.body.as_deref().unwrap_or_default());
            let update = IssueUpdate { body: Some(body), state: Some("closed"), title: None };
            github.update_issue(open.number, &update).await.map(KeptIssue::Closed)
        }
        (Some(open), Some((title, body))) => {
            let same = issue::is_same(open.body.as_deref().unwrap_or_default(), &body);
            if same && open.title == title {
                return Ok(KeptIssue::Unchanged(open));
            }
            let update = IssueUpdate { title: Some(title), body: Some(body), state: None };
            github.update_issue(open.number, &update).await.map(KeptIssue::Updated)
        }
        (None, Some((title, body))) => {
            let new = NewIssue { title, body, labels: vec![LABEL.to_owned()] };
            match github.create_issue(&new).await {
                Ok(created) => Ok(KeptIssue::Opened(created)),
                // The answer may be lost, and the issue may be there.
                Err(error) if error.may_have_been_applied() => match find(github, branch).await {
                    Ok(Some(found)) => Ok(KeptIssue::Opened(found)),
                    Ok(None) | Err(_) => Err(error),
                },
                Err(error) => Err(error),
            }
        }
    }
}

/// Finds the oldest open issue with label and marker: two runs may have opened one each.
async fn find(github: &GitHub, branch: &BranchName) -> Result<Option<Issue>, GitHubError> {
    let open = github.open_issues(LABEL).await?;
    let marked =
        |found: &Issue| found.body.as_deref().is_some_and(|body| issue::is_marked(body, branch));
    let by_number: BTreeMap<u64, Issue> =
        open.into_iter().filter(marked).map(|found| (found.number, found)).collect();
    Ok(by_number.into_values().next())
}
