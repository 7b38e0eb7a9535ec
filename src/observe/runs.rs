//! GitHub's word about the push runs of this workflow on the protected branch.
//!
//! 1. One listing, newest first, as many pages as the commits of interest need. It says which
//!    commits have a run of their own and which runs have not ended.
//! 2. For a commit that only the ledger calls good: its run, by the listing or a query of its own,
//!    and the jobs of its latest attempt. A required job that did not succeed refutes the commit,
//!    and the next one is asked about.
//!
//! Nothing is asked before something depends on it. Runs count by what cannot be forged (promise
//! 6): commit, workflow file, event, branch and repository ([`Run::is_push_of`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::git::Git;
use crate::adapters::github::{GitHub, GitHubError, Run};
use crate::evidence::good::{GoodSearch, Rejection};
use crate::evidence::runs::{Corroboration, RunsSeen, SeenRun, Word};
use crate::model::{BranchName, CommitSha};
use crate::policy::last_good;

pub mod names;
pub mod workflow_file;

use names::{Found, judge};
use workflow_file::WorkflowFile;

/// So many commits of the ledger are asked about. Whoever has forged more entries than this has
/// to be dealt with by a person.
const MOST_ASKED: usize = 5;

/// Where the workflow's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workflow {
    /// At this path.
    Path(String),
    /// Where this run has it.
    OfRun(u64),
    /// Nobody can tell.
    Unknown,
}

/// Asks GitHub about runs, and remembers what it said.
pub struct Runs<'a> {
    github: Option<&'a GitHub>,
    branch: BranchName,
    workflow: Workflow,
    own: Option<u64>,
    seen: RunsSeen,
    /// Whether the listing goes back to the first run.
    whole: bool,
    words: BTreeMap<CommitSha, Word>,
    /// At most so many requests, where there is a limit.
    budget: Option<u64>,
}

/// The jobs that had to pass for a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Required {
    /// Their ids; `None` where nobody can tell.
    pub jobs: Option<Vec<String>>,
    /// The workflow file of the commit, where it can be read.
    pub file: Option<WorkflowFile>,
}

/// Why there is no answer.
enum Trouble {
    /// There may be one later.
    Unanswered(String),
    /// There will be none.
    Unavailable(String),
}

impl From<GitHubError> for Trouble {
    fn from(error: GitHubError) -> Self {
        if error.is_transient() {
            Self::Unanswered(error.to_string())
        } else {
            Self::Unavailable(error.with_permission("actions: read"))
        }
    }
}

impl<'a> Runs<'a> {
    /// Asks nothing yet. `own` is the run that asks, in GitHub Actions.
    pub fn new(
        github: Option<&'a GitHub>,
        branch: BranchName,
        workflow: Workflow,
        own: Option<u64>,
    ) -> Self {
        let (seen, words) = (RunsSeen::NotAsked, BTreeMap::new());
        Self { github, branch, workflow, own, seen, whole: false, words, budget: None }
    }

    /// Asks about no further commit where more than so many requests may be sent in all.
    #[must_use]
    pub fn at_most(mut self, requests: u64) -> Self {
        self.budget = Some(requests);
        self
    }

    /// Whether another commit can be asked about: by a query for its run, and one for its jobs.
    fn may_ask(&self) -> bool {
        let sent = self.github.map_or(0, GitHub::requests);
        self.budget.is_none_or(|budget| sent + 2 <= budget)
    }

    /// The run that asks.
    pub fn own(&self) -> Option<u64> {
        self.own
    }

    /// Lists the runs of `commits`, which are the newest of the branch up to some commit.
    pub async fn list(&mut self, commits: &BTreeSet<CommitSha>) -> &RunsSeen {
        if !self.covers(commits) {
            self.seen = match self.listed(commits).await {
                Ok(runs) => RunsSeen::Listed { runs },
                Err(Trouble::Unanswered(why)) => RunsSeen::Unanswered { why },
                Err(Trouble::Unavailable(why)) => RunsSeen::Unavailable { why },
            };
        }
        &self.seen
    }

    /// Whether what was listed reaches below all of `commits`. What was refused is not asked again.
    fn covers(&self, commits: &BTreeSet<CommitSha>) -> bool {
        match &self.seen {
            RunsSeen::NotAsked => false,
            RunsSeen::Listed { runs } => {
                self.whole || runs.keys().any(|commit| !commits.contains(commit))
            }
            RunsSeen::Unavailable { .. } | RunsSeen::Unanswered { .. } => true,
        }
    }

    async fn listed(
        &mut self,
        commits: &BTreeSet<CommitSha>,
    ) -> Result<BTreeMap<CommitSha, SeenRun>, Trouble> {
        let (github, path) = self.workflow().await?;
        let file = path.rsplit('/').next().unwrap_or(&path);
        let mut reached = false;
        // Runs come newest first: one of an older commit says that all newer ones were there.
        let reaches_below = |runs: &[Run]| {
            let older = |run: &Run| {
                run.head_sha.parse().is_ok_and(|commit: CommitSha| !commits.contains(&commit))
            };
            reached = runs.iter().any(|run| run.is_push_of(&path, &self.branch) && older(run));
            reached
        };
        let runs = github.push_runs(file, &self.branch, reaches_below).await?;
        self.whole = !reached;
        Ok(newest(&runs, &path, &self.branch))
    }

    /// Finds the workflow's path, with at most one request.
    async fn workflow(&mut self) -> Result<(&'a GitHub, String), Trouble> {
        let Some(github) = self.github else {
            return Err(Trouble::Unavailable(
                "there is no token for GitHub (set TIDEGATE_TOKEN)".to_owned(),
            ));
        };
        let unknown = || {
            let why = "which workflow runs the gate is not known: no run of it is recorded";
            Trouble::Unavailable(why.to_owned())
        };
        match &self.workflow {
            Workflow::Path(path) => Ok((github, path.clone())),
            Workflow::Unknown => Err(unknown()),
            Workflow::OfRun(id) => {
                let run = github.run(*id).await?.ok_or_else(unknown)?;
                let path = run.workflow().to_owned();
                self.workflow = Workflow::Path(path.clone());
                Ok((github, path))
            }
        }
    }

    /// Asks about the commit that would win, where only the ledger calls it good, until one stands
    /// that is not refuted. Rejections and warnings go into `search`. `required` says which jobs had
    /// to pass for a commit; it is given the path of the workflow's file.
    pub async fn corroborate(
        &mut self,
        search: &mut GoodSearch,
        required: &dyn Fn(&CommitSha, &str) -> Required,
    ) -> Corroboration {
        let mut found = Corroboration::default();
        let mut refuted = 0;
        while refuted < MOST_ASKED && self.may_ask() {
            let Some(good) = last_good::choose(search).filter(|c| !c.witness.is_authority()) else {
                return found;
            };
            let (commit, witness) = (good.commit.clone(), good.witness);
            match self.word_on(&commit, required).await {
                Word::Passed => return found,
                Word::Refuted(why) => {
                    refuted += 1;
                    search.warnings.push(format!(
                        "{witness}: {} is passed over, since GitHub refutes it: {why}",
                        commit.short()
                    ));
                    search.reject_hints(&commit, &Rejection::Refuted { found: why });
                }
                Word::Unfinished => {
                    found.unfinished.insert(commit);
                    return found;
                }
                Word::Unknown(why) => {
                    search.warnings.push(format!(
                        "{witness}: that {} has passed could not be checked: {why}",
                        commit.short()
                    ));
                    return found;
                }
                Word::Unanswered(why) => {
                    found.unanswered =
                        Some(format!("whether {} has passed: {why}", commit.short()));
                    return found;
                }
            }
        }
        while let Some(commit) = last_good::choose(search)
            .filter(|candidate| !candidate.witness.is_authority())
            .map(|candidate| candidate.commit.clone())
        {
            search.reject_hints(&commit, &Rejection::NotCorroborated);
        }
        search.warnings.push(format!(
            "{refuted} commits of the ledger were refuted by GitHub, and it was not asked about the others, so they do not count; see who has changed the ledger"
        ));
        found
    }

    /// Returns GitHub's word on a commit, asked for once.
    async fn word_on(
        &mut self,
        commit: &CommitSha,
        required: &dyn Fn(&CommitSha, &str) -> Required,
    ) -> Word {
        if let Some(word) = self.words.get(commit) {
            return word.clone();
        }
        let word = match self.ask_about(commit, required).await {
            Ok(word) => word,
            Err(Trouble::Unanswered(why)) => Word::Unanswered(why),
            Err(Trouble::Unavailable(why)) => Word::Unknown(why),
        };
        self.words.insert(commit.clone(), word.clone());
        word
    }

    async fn ask_about(
        &mut self,
        commit: &CommitSha,
        required: &dyn Fn(&CommitSha, &str) -> Required,
    ) -> Result<Word, Trouble> {
        let (github, path) = self.workflow().await?;
        let run = match self.list(&BTreeSet::new()).await {
            RunsSeen::Listed { runs } => runs.get(commit).cloned(),
            RunsSeen::Unanswered { why } => return Err(Trouble::Unanswered(why.clone())),
            RunsSeen::Unavailable { why } => return Err(Trouble::Unavailable(why.clone())),
            RunsSeen::NotAsked => None,
        };
        let run = match run {
            None if !self.whole => {
                let runs = github.push_runs_of(commit, &self.branch).await?;
                newest(&runs, &path, &self.branch).remove(commit)
            }
            run => run,
        };
        let Some(run) = run else {
            return Ok(Word::Unknown(format!("GitHub has no push run of {path} for it any more")));
        };
        let required = required(commit, &path);
        let Some(ids) = required.jobs.filter(|ids| !ids.is_empty()) else {
            let why = "which jobs were required is not known; name them in `require.jobs`";
            return Ok(Word::Unknown(why.to_owned()));
        };
        let jobs = github.jobs(run.id).await?;
        let of_run = if run.url.is_empty() { format!("run {}", run.id) } else { run.url };
        let mut doubts = Vec::new();
        let mut unfinished = false;
        for id in ids {
            match judge(&id, required.file.as_ref(), &jobs) {
                Found::Passed => {}
                Found::Failed(job) => {
                    return Ok(Word::Refuted(format!(
                        "required job {id:?} ended with {:?} in {of_run}",
                        short(job.conclusion.as_deref().unwrap_or("nothing"))
                    )));
                }
                Found::Unfinished(_) => unfinished = true,
                Found::MayFail(_) => {
                    doubts.push(format!(
                        "job {id:?} did not succeed and may fail (continue-on-error)"
                    ));
                }
                Found::NotThere => doubts.push(format!("no job of it is called {id:?}")),
            }
        }
        if unfinished {
            return Ok(Word::Unfinished);
        }
        if doubts.is_empty() {
            return Ok(Word::Passed);
        }
        Ok(Word::Unknown(format!("{} ({of_run})", doubts.join("; "))))
    }
}

/// At most so much of a text that GitHub gives is shown.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Returns the newest matching run of each commit: ids of runs only grow.
fn newest(runs: &[Run], workflow: &str, branch: &BranchName) -> BTreeMap<CommitSha, SeenRun> {
    let mut newest: BTreeMap<CommitSha, SeenRun> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.is_push_of(workflow, branch)) {
        let Ok(commit) = run.head_sha.parse::<CommitSha>() else { continue };
        let older = newest.get(&commit).is_none_or(|known| known.id < run.id);
        if older {
            let seen = SeenRun {
                id: run.id,
                attempt: run.run_attempt,
                finished: run.status == crate::adapters::github::RunStatus::Completed,
                cancelled: run.conclusion.as_deref() == Some("cancelled"),
                url: run.html_url.chars().take(300).collect(),
            };
            newest.insert(commit, seen);
        }
    }
    newest
}

/// Reads the workflow file of a commit.
pub fn workflow_file(git: &Git, commit: &CommitSha, path: &str) -> Option<WorkflowFile> {
    let tree = git.commit(commit).ok()?.tree;
    WorkflowFile::parse(&git.file(&tree, path).ok()??)
}
