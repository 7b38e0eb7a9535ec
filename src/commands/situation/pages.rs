//! Where people look at what failed: the pages of the jobs.

use std::collections::BTreeMap;

use crate::commands::clients::Clients;
use crate::commands::session::Session;
use crate::evidence::Evidence;
use crate::observe::runs::{names, workflow_file};
use crate::policy::{Decision, Verdict};

/// What telling people needs besides the decision.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Whether there is a client of GitHub, and so an issue.
    pub(super) github: bool,
    /// The page of each failed job, by its id, where GitHub tells it.
    pub(super) pages: BTreeMap<String, String>,
}

/// Asks GitHub for the pages of the jobs that failed, where a rollback is to be told. Without an
/// answer the page of the run has to do.
pub(super) async fn observe(
    session: &Session,
    clients: &Clients,
    evidence: &Evidence,
    decision: &Decision,
) -> News {
    let mut news = News { github: clients.github.is_some(), ..News::default() };
    // What failed is of this run, also where the failure of another one is decided.
    let (run, failures) = (session.identity(), evidence.jobs.failures());
    let told = decision.binding && decision.verdict == Verdict::Rollback;
    if !told || !news.github || run.id == 0 || failures.is_empty() {
        return news;
    }
    // A rollback does not wait long for links.
    let Ok(Some(github)) = session.impatient_github() else { return news };
    let jobs = match github.jobs(run.id).await {
        Ok(jobs) => jobs,
        Err(error) => {
            tracing::info!(%error, "the pages of the failed jobs are not known");
            return news;
        }
    };
    let path = session.run.as_ref().and_then(|run| run.workflow_path.as_deref());
    let file = path.and_then(|path| workflow_file(&session.git, &evidence.tested, path));
    for failed in failures {
        let shown = names::jobs_of(&failed.name, file.as_ref(), &jobs);
        let page = shown
            .into_iter()
            .filter(|job| job.conclusion.as_deref() == Some("failure"))
            .find_map(|job| job.html_url.clone());
        news.pages.extend(page.map(|page| (failed.name.clone(), page)));
    }
    news
}
