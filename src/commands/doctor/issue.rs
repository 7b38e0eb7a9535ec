//! `--open-issue`: one issue on GitHub while there are errors or warnings.

use std::fmt;

use serde::Serialize;

use crate::adapters::github::GitHubError;
use crate::apply::keep_issue::{self, KeptIssue};
use crate::commands::session::{Session, block_on};
use crate::doctor::{Diagnosis, issue};
use crate::exit::{Exit, Failed, Failure, OrFailed as _};
use crate::output::{bad, clean};

/// What became of the issue, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    /// What was done.
    done: Done,
    /// Its number; `None` where there is none.
    number: Option<u64>,
    /// Its page.
    url: Option<String>,
    /// Why it could not be kept.
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Done {
    None,
    Opened,
    Updated,
    Unchanged,
    Closed,
    Failed,
}

impl Kept {
    /// It could not be kept.
    pub(super) fn failed(failure: &Failure) -> Self {
        let words = [&failure.error].into_iter().chain(&failure.causes).chain(&failure.hints);
        let why = words.map(String::as_str).collect::<Vec<_>>().join("; ");
        Self { done: Done::Failed, number: None, url: None, why: Some(why) }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.done {
            Done::None => return f.write_str("no issue is open, and none is needed"),
            Done::Opened => "opened issue",
            Done::Updated => "updated issue",
            Done::Unchanged => "nothing new for issue",
            Done::Closed => "closed issue",
            Done::Failed => {
                let why = self.why.as_deref().unwrap_or_default();
                return write!(f, "{} {}", bad("the issue could not be kept:"), clean(why));
            }
        };
        let url = self.url.as_deref().unwrap_or_default();
        write!(f, "{what} #{} {}", self.number.unwrap_or_default(), clean(url))
    }
}

/// Opens, updates or closes it.
///
/// # Errors
/// There is no token, or GitHub does not do it.
pub(super) fn keep(session: &Session, diagnosis: &Diagnosis) -> anyhow::Result<Kept> {
    let branch = &session.config.branch;
    let kept = block_on(async {
        let Some(github) = session.github()? else {
            let error = "there is no token to open an issue with, or the remote is not on GitHub";
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("give the action its input `token`, or set TIDEGATE_TOKEN")
                .into());
        };
        match keep_issue::keep(&github, branch, issue::text(diagnosis, branch)).await {
            Ok(kept) => Ok(kept),
            Err(error @ GitHubError::Forbidden { .. }) => {
                Err(error).or_hint("give the job `permissions: issues: write`")
            }
            Err(error) => Err(error.into()),
        }
    })?;
    let of = |done, issue: crate::adapters::github::Issue| Kept {
        done,
        number: Some(issue.number),
        url: Some(issue.html_url),
        why: None,
    };
    Ok(match kept {
        KeptIssue::None => Kept { done: Done::None, number: None, url: None, why: None },
        KeptIssue::Opened(issue) => of(Done::Opened, issue),
        KeptIssue::Updated(issue) => of(Done::Updated, issue),
        KeptIssue::Unchanged(issue) => of(Done::Unchanged, issue),
        KeptIssue::Closed(issue) => of(Done::Closed, issue),
    })
}
