//! The issue on GitHub that tells of rollbacks.
//!
//! 1. The number that an earlier notice stores outranks the search.
//! 2. Else the open issues with the label are looked through for the marker. Both are needed:
//!    anybody may write the marker, and only people who may triage set labels.
//! 3. Only where nothing was found is one opened; before a create is tried again, 2 is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Around, Channels, Sent};
use crate::adapters::github::{GitHub, GitHubError, Issue, IssueUpdate, NewIssue};
use crate::config::{Config, GitHubConfig};
use crate::model::BranchName;
use crate::notice::issue;
use crate::state::{Notice, NoticeEvent, NoticeIssue};

/// The most requests that one try sends: for logins, a known issue, a search, a new issue, and the
/// search after a lost answer.
const MOST_REQUESTS: u32 = 5;

/// How long a try may take at the most, with the waits for rate limits: another run that took it for
/// dead would open a second issue.
pub(super) fn patience(config: &Config) -> Duration {
    config.github.patience().unwrap_or(GitHubConfig::PATIENCE) * MOST_REQUESTS
}

impl Channels<'_> {
    /// Tells of a rollback, or closes what told of it.
    pub(super) async fn issue(&self, notice: &Notice, around: &Around<'_>) -> Sent {
        let Some(github) = self.github else {
            return Sent::Failed("there is no token for GitHub".to_owned());
        };
        let state = &self.config.state_branch;
        let told = match notice.event {
            NoticeEvent::RollbackOfMain | NoticeEvent::RollbackOfStable => {
                let logins = self.logins(github, notice).await;
                let body = issue::body(notice, state, &logins, &around.earlier);
                tell(github, (notice, state), body, around.open_issue.as_ref()).await
            }
            NoticeEvent::Promotion => {
                close(github, (notice, state), around.open_issue.as_ref()).await
            }
            NoticeEvent::Hold | NoticeEvent::Data | NoticeEvent::Unknown => Ok(None),
        };
        match told {
            Ok(issue) => Sent::Done { issue },
            // Whatever came of it: the next run finds it by its marker.
            Err(error) => Sent::Failed(advice(&error)),
        }
    }
}

/// Says what to do where the token may not.
fn advice(error: &GitHubError) -> String {
    match error {
        GitHubError::Forbidden { .. } => format!(
            "{error}; give the job `permissions: issues: write`, or set `notify.github_issue: false`"
        ),
        GitHubError::Refused { status: 410, .. } => {
            format!("{error}; the repository has no issues: set `notify.github_issue: false`")
        }
        GitHubError::Transport { .. }
        | GitHubError::Unauthorized { .. }
        | GitHubError::RateLimit { .. }
        | GitHubError::Server { .. }
        | GitHubError::Refused { .. }
        | GitHubError::Unreadable { .. }
        | GitHubError::App { .. } => error.to_string(),
    }
}

async fn tell(
    github: &GitHub,
    (notice, state): (&Notice, &BranchName),
    body: String,
    known: Option<&NoticeIssue>,
) -> Result<Option<NoticeIssue>, GitHubError> {
    let title = issue::title(notice);
    let update =
        IssueUpdate { title: Some(title.clone()), body: Some(body.clone()), state: Some("open") };
    if let Some(known) = known
        && let Some(issue) = updated(github, known.number, &update).await?
    {
        return Ok(Some(stored(&issue, true)));
    }
    if let Some(found) = find(github, notice, state).await? {
        let issue = github.update_issue(found.number, &update).await?;
        return Ok(Some(stored(&issue, true)));
    }
    let new = NewIssue { title, body, labels: vec![issue::LABEL.to_owned()] };
    let created = match github.create_issue(&new).await {
        Ok(created) => created,
        // The answer may be lost, and the issue may be there.
        Err(error) if error.may_have_been_applied() => match find(github, notice, state).await {
            Ok(Some(found)) => found,
            Ok(None) | Err(_) => return Err(error),
        },
        Err(error) => return Err(error),
    };
    Ok(Some(stored(&created, true)))
}

async fn close(
    github: &GitHub,
    (promotion, state): (&Notice, &BranchName),
    known: Option<&NoticeIssue>,
) -> Result<Option<NoticeIssue>, GitHubError> {
    let Some(found) = find(github, promotion, state).await? else {
        // A person has closed it, or taken the label away: it is theirs now. One that was opened
        // a moment ago may not be listed yet.
        let Some(known) = known else { return Ok(None) };
        let update = IssueUpdate { state: Some("closed"), ..IssueUpdate::default() };
        let issue = updated(github, known.number, &update).await?;
        return Ok(issue.map(|issue| stored(&issue, false)));
    };
    let body = issue::closed(found.body.as_deref().unwrap_or_default(), promotion);
    let update = IssueUpdate { title: None, body: Some(body), state: Some("closed") };
    let issue = github.update_issue(found.number, &update).await?;
    Ok(Some(stored(&issue, false)))
}

/// Changes an issue; `None` where it is not there any more.
async fn updated(
    github: &GitHub,
    number: u64,
    update: &IssueUpdate,
) -> Result<Option<Issue>, GitHubError> {
    match github.update_issue(number, update).await {
        Ok(issue) => Ok(Some(issue)),
        // Deleted, or moved to another repository.
        Err(
            GitHubError::Forbidden { status: 404, .. } | GitHubError::Refused { status: 410, .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds the oldest open issue with label and marker: two gates may have opened one each.
async fn find(
    github: &GitHub,
    notice: &Notice,
    state: &BranchName,
) -> Result<Option<Issue>, GitHubError> {
    let open = github.open_issues(issue::LABEL).await?;
    let marked = |found: &Issue| {
        found.body.as_deref().is_some_and(|body| issue::is_marked(body, &notice.branch, state))
    };
    let by_number: BTreeMap<u64, Issue> =
        open.into_iter().filter(marked).map(|found| (found.number, found)).collect();
    Ok(by_number.into_values().next())
}

fn stored(issue: &Issue, open: bool) -> NoticeIssue {
    NoticeIssue { number: issue.number, url: issue.html_url.clone(), open }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_over_while_requests_may_still_be_repeated() {
        let mut config = Config::default();
        assert_eq!(patience(&config), Duration::from_secs(750));
        config.github.patience = Some("10m".to_owned());
        assert_eq!(patience(&config), Duration::from_mins(50));
    }
}
