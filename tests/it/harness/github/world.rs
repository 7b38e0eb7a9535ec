//! What the fake remembers: the things that GitHub has about one repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{Timestamp, ToSpan as _};

/// The workflow that a [`Run`] belongs to unless a test says otherwise.
pub const WORKFLOW: &str = "release-gate.yml";

/// The moment at which prepared things were made, unless a test says otherwise.
pub const MADE: &str = "2026-11-01T12:00:00Z";

/// One run of a workflow.
#[derive(Debug, Clone)]
pub struct Run {
    /// 0 until it is added, where it then gets an id.
    pub id: u64,
    /// The file's name in `.github/workflows/`.
    pub workflow: String,
    /// The name that the workflow gives itself.
    pub name: String,
    pub event: String,
    /// `queued`, `in_progress`, `completed`, ...
    pub status: String,
    /// Set when it is completed.
    pub conclusion: Option<String>,
    pub head_sha: String,
    /// `None` for runs without a branch.
    pub head_branch: Option<String>,
    /// The repository that the commit comes from; `None` when a fork was deleted.
    pub head_repository: Option<u64>,
    pub attempt: u32,
    pub actor: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub jobs: Vec<Job>,
    /// The inputs of the dispatch that started it.
    pub inputs: BTreeMap<String, String>,
}

/// One job in one attempt.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: u64,
    pub name: String,
    pub attempt: u32,
    pub status: String,
    pub conclusion: Option<String>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

impl Run {
    /// A run of [`WORKFLOW`] for a push to `main`, in progress, in its first attempt.
    pub fn push(commit: &str) -> Self {
        let made: Timestamp = MADE.parse().expect("a time");
        Self {
            id: 0,
            workflow: WORKFLOW.to_owned(),
            name: "Release gate".to_owned(),
            event: "push".to_owned(),
            status: "in_progress".to_owned(),
            conclusion: None,
            head_sha: commit.to_owned(),
            head_branch: Some("main".to_owned()),
            head_repository: None,
            attempt: 1,
            actor: "octocat".to_owned(),
            created_at: made,
            updated_at: made,
            jobs: Vec::new(),
            inputs: BTreeMap::new(),
        }
    }

    pub fn id(mut self, id: u64) -> Self {
        self.id = id;
        self
    }

    pub fn workflow(mut self, file: &str) -> Self {
        file.clone_into(&mut self.workflow);
        self
    }

    pub fn event(mut self, event: &str) -> Self {
        event.clone_into(&mut self.event);
        self
    }

    pub fn branch(mut self, branch: &str) -> Self {
        self.head_branch = Some(branch.to_owned());
        self
    }

    /// The commit is of another repository than the one that ran.
    #[expect(clippy::wrong_self_convention, reason = "a builder: a run from a repository")]
    pub fn from_repository(mut self, id: u64) -> Self {
        self.head_repository = Some(id);
        self
    }

    /// The attempt that the following jobs belong to.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    pub fn created_at(mut self, time: &str) -> Self {
        self.created_at = time.parse().expect("a time");
        self.updated_at = self.created_at;
        self
    }

    /// The run has not begun.
    pub fn queued(mut self) -> Self {
        "queued".clone_into(&mut self.status);
        self
    }

    /// The run is over.
    pub fn completed(mut self, conclusion: &str) -> Self {
        "completed".clone_into(&mut self.status);
        self.conclusion = Some(conclusion.to_owned());
        self
    }

    /// A job of the run's attempt: `queued`, `in_progress`, or how it ended.
    pub fn job(self, name: &str, result: &str) -> Self {
        let attempt = self.attempt;
        self.job_of(attempt, name, result)
    }

    /// A job of an attempt.
    pub fn job_of(mut self, attempt: u32, name: &str, result: &str) -> Self {
        let started_at = self.created_at + i64::from(attempt).hours();
        let mut job = Job {
            id: 0,
            name: name.to_owned(),
            attempt,
            status: String::new(),
            conclusion: None,
            started_at,
            completed_at: None,
        };
        job.set(result, started_at + 5.minutes());
        self.jobs.push(job);
        self
    }

    /// The latest jobs, each by its name, as of an attempt.
    pub fn jobs_in(&self, attempt: u32) -> Vec<&Job> {
        let mut latest: Vec<&Job> = Vec::new();
        for job in self.jobs.iter().filter(|job| job.attempt <= attempt) {
            match latest.iter_mut().find(|known| known.name == job.name) {
                Some(known) if known.attempt < job.attempt => *known = job,
                Some(_) => {}
                None => latest.push(job),
            }
        }
        latest
    }
}

impl Job {
    /// Sets how far it is: `queued`, `in_progress`, or how it ended.
    pub fn set(&mut self, result: &str, at: Timestamp) {
        if ["queued", "in_progress", "waiting", "pending"].contains(&result) {
            result.clone_into(&mut self.status);
            (self.conclusion, self.completed_at) = (None, None);
        } else {
            "completed".clone_into(&mut self.status);
            (self.conclusion, self.completed_at) = (Some(result.to_owned()), Some(at));
        }
    }
}

/// A check run.
#[derive(Debug, Clone)]
pub struct Check {
    pub id: u64,
    pub name: String,
    pub head_sha: String,
    pub status: String,
    pub conclusion: Option<String>,
    /// The App that wrote it.
    pub app: String,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

/// A workflow file.
#[derive(Debug, Clone)]
pub struct Workflow {
    pub id: u64,
    pub file: String,
    /// The inputs of its `workflow_dispatch` trigger, where it has one.
    pub inputs: Option<Vec<String>>,
}

/// A dispatch as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    pub workflow: String,
    pub git_ref: String,
    pub inputs: BTreeMap<String, String>,
    /// The run that it started.
    pub run: u64,
}

/// An issue, or the issue side of a pull request.
#[derive(Debug, Clone)]
pub struct Issue {
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub state: String,
    pub state_reason: Option<String>,
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub creator: String,
    pub comments: Vec<Comment>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Set where it is a pull request.
    pub pull: Option<Pull>,
}

/// What a pull request has beyond an issue.
#[derive(Debug, Clone)]
pub struct Pull {
    /// `owner` of the head's repository.
    pub head_owner: String,
    pub head: String,
    pub head_sha: String,
    pub base: String,
    pub base_sha: String,
    pub draft: bool,
    pub maintainer_can_modify: bool,
    pub merged: bool,
}

/// A comment on an issue.
#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub body: String,
    pub creator: String,
    pub created_at: Timestamp,
}

/// A commit as `compare` tells of it.
#[derive(Debug, Clone)]
pub struct Commit {
    pub sha: String,
    pub parents: Vec<String>,
    pub message: String,
    pub name: String,
    pub email: String,
    /// The account, where the address belongs to one.
    pub login: Option<String>,
}

/// A token and what it may do.
#[derive(Debug, Clone)]
pub struct Token {
    pub login: String,
    /// `contents` => `write`.
    pub permissions: BTreeMap<String, String>,
}

/// A limit that is in force for so many requests.
#[derive(Debug, Clone)]
pub enum Limit {
    /// All requests of the hour are used; `x-ratelimit-reset` is so many seconds from now.
    Primary { reset_after: i64 },
    /// Too fast; with or without `Retry-After` in seconds.
    Secondary { retry_after: Option<u64> },
}

/// Everything.
#[derive(Debug)]
pub struct World {
    pub owner: String,
    pub name: String,
    pub id: u64,
    pub private: bool,
    pub default_branch: String,
    pub has_issues: bool,
    /// Whether the organisation lets Actions open pull requests.
    pub actions_may_open_pulls: bool,
    pub settings: super::settings::Settings,
    pub tokens: BTreeMap<String, Token>,
    pub app: Option<super::app::App>,
    /// The real repository, where the test has one.
    pub git: Option<PathBuf>,
    /// `email` => `login`.
    pub accounts: BTreeMap<String, String>,
    pub branches: BTreeMap<String, String>,
    pub commits: Vec<Commit>,
    pub workflows: Vec<Workflow>,
    pub runs: Vec<Run>,
    pub checks: Vec<Check>,
    pub issues: Vec<Issue>,
    pub dispatches: Vec<Dispatch>,
    pub reruns: Vec<u64>,
    pub limit: Option<(Limit, usize)>,
    pub used: u64,
    pub not_modified: usize,
    pub defects: Vec<String>,
    pub last_id: u64,
}

impl World {
    /// An id that no 32-bit number holds, as GitHub's have long been.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn slug(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub fn workflow(&mut self, file: &str) -> &mut Workflow {
        if let Some(at) = self.workflows.iter().position(|known| known.file == file) {
            return &mut self.workflows[at];
        }
        let id = self.next_id();
        self.workflows.push(Workflow { id, file: file.to_owned(), inputs: None });
        self.workflows.last_mut().expect("just added")
    }

    /// Adds a run and gives ids to it and its jobs.
    pub fn add_run(&mut self, mut run: Run) -> u64 {
        self.workflow(&run.workflow);
        if run.id == 0 {
            run.id = self.next_id();
        }
        assert!(self.runs.iter().all(|known| known.id != run.id), "run {} is there", run.id);
        if run.head_repository.is_none() {
            run.head_repository = Some(self.id);
        }
        for job in &mut run.jobs {
            job.id = self.next_id();
        }
        let id = run.id;
        self.runs.push(run);
        id
    }

    pub fn next_number(&self) -> u64 {
        self.issues.iter().map(|issue| issue.number).max().unwrap_or(0) + 1
    }

    /// What a branch, a full ref name or a commit id stands for.
    pub fn resolve(&self, revision: &str) -> Option<String> {
        let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        if let Some(commit) = self.branches.get(name) {
            return Some(commit.clone());
        }
        if let Some(git) = &self.git {
            return super::history::resolve(git, name);
        }
        self.commits.iter().find(|commit| commit.sha == revision).map(|commit| commit.sha.clone())
    }
}
