//! A stateful fake of GitHub's REST API, over HTTP on a free loopback port.
//!
//! There is no GitHub to start on a machine, so this stands in for it: it keeps what it is told,
//! pages, counts, refuses and limits as GitHub does. It is strict: a route, parameter or field that
//! GitHub does not have is answered with an error and remembered as a defect, and a test whose fake
//! saw a defect fails when the fake is dropped ([`GitHub::take_defects`] is for tests that mean it).
//! The contract test (`tests/it/github/contract.rs`) holds it against GitHub's own description.
//!
//! ```ignore
//! let github = GitHub::start();
//! let run = github.add(Run::push(&commit).id(17).job("tests", "failure"));
//! project.gate(RED).envs(github.envs(&commit)).run().code(3);
//! assert_eq!(github.issues().len(), 1);
//! ```
//!
//! For faults, put a `FaultProxy` in front of [`GitHub::host`] and use [`GitHub::envs_through`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::thread::JoinHandle;

use jiff::Timestamp;

mod actions;
pub mod app;
mod call;
mod history;
mod issues;
mod pulls;
mod render;
mod repository;
mod routes;
mod serve;
pub mod settings;
pub mod world;

use super::project::actions as actions_environment;
pub use app::Key;
pub use serve::Seen;
use world::{Check, Commit, Dispatch, Issue, Limit, Run, Token, World};

/// Who a `GITHUB_TOKEN` acts as.
pub const ACTIONS_BOT: &str = "github-actions[bot]";

/// The `GITHUB_TOKEN` of the run.
pub const TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

/// The App's id.
pub const APP_ID: u64 = 918_273;

/// Its installation in the repository.
pub const INSTALLATION: u64 = 6_000_004_711;

/// The repository's id: more than a 32-bit number holds.
pub const REPOSITORY_ID: u64 = 5_000_000_123;

/// What the job of the example workflow may do.
const PERMISSIONS: [(&str, &str); 6] = [
    ("metadata", "read"),
    ("contents", "write"),
    ("actions", "write"),
    ("checks", "read"),
    ("issues", "write"),
    ("pull_requests", "write"),
];

/// The fake; it stops when it is dropped, and fails the test if it saw a defect.
pub struct GitHub {
    shared: Arc<serve::Shared>,
    server: Arc<tiny_http::Server>,
    workers: Vec<JoinHandle<()>>,
    base: String,
}

impl GitHub {
    /// Starts with the repository `acme/app`, public, which [`TOKEN`] may do anything to that the
    /// example workflow needs.
    pub fn start() -> Self {
        Self::start_at("")
    }

    /// The same below a path: `/api/v3`, as GitHub Enterprise Server has it.
    pub fn start_at(base: &str) -> Self {
        let permissions = PERMISSIONS.map(|(name, level)| (name.to_owned(), level.to_owned()));
        let token =
            Token { login: ACTIONS_BOT.to_owned(), permissions: BTreeMap::from(permissions) };
        let world = World {
            owner: "acme".to_owned(),
            name: "app".to_owned(),
            id: REPOSITORY_ID,
            private: false,
            default_branch: "main".to_owned(),
            has_issues: true,
            actions_may_open_pulls: true,
            settings: settings::Settings::default(),
            tokens: BTreeMap::from([(TOKEN.to_owned(), token)]),
            app: None,
            git: None,
            accounts: BTreeMap::new(),
            branches: BTreeMap::new(),
            commits: Vec::new(),
            workflows: Vec::new(),
            runs: Vec::new(),
            checks: Vec::new(),
            issues: Vec::new(),
            dispatches: Vec::new(),
            reruns: Vec::new(),
            limit: None,
            used: 0,
            not_modified: 0,
            defects: Vec::new(),
            last_id: 19_000_000_000,
        };
        let shared = Arc::new(serve::Shared::new(base, world));
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a free port"));
        let workers = serve::start(&server, &shared);
        Self { shared, server, workers, base: base.to_owned() }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.server.server_addr().to_string()
    }

    /// The API's address, without a slash at the end.
    pub fn url(&self) -> String {
        self.url_through(&self.host())
    }

    /// The API's address through a proxy.
    pub fn url_through(&self, host: &str) -> String {
        format!("http://{host}{}", self.base)
    }

    /// The `GITHUB_TOKEN`.
    #[expect(clippy::unused_self, reason = "asked of the fake, as a test reads")]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The environment of run 17, a push's, whose API is this; with its token. The run itself is
    /// there only if the test adds it.
    pub fn envs(&self, commit: &str) -> Vec<(String, String)> {
        self.envs_through(&self.host(), commit)
    }

    /// The same, through a proxy.
    pub fn envs_through(&self, host: &str, commit: &str) -> Vec<(String, String)> {
        let mut all = actions_environment(commit);
        let world = self.world();
        let own = [
            ("GITHUB_API_URL", self.url_through(host)),
            ("GITHUB_REPOSITORY", world.slug()),
            ("GITHUB_REPOSITORY_ID", world.id.to_string()),
            ("GITHUB_REPOSITORY_OWNER", world.owner.clone()),
            ("GITHUB_REF_NAME", "main".to_owned()),
            ("GITHUB_REF_TYPE", "branch".to_owned()),
            ("GITHUB_JOB", "gate".to_owned()),
            ("GITHUB_WORKFLOW", "Release gate".to_owned()),
            ("GITHUB_WORKFLOW_SHA", commit.to_owned()),
            (
                "GITHUB_WORKFLOW_REF",
                format!("{}/.github/workflows/{}@refs/heads/main", world.slug(), world::WORKFLOW),
            ),
            ("GITHUB_TOKEN", TOKEN.to_owned()),
        ];
        all.retain(|(name, _)| own.iter().all(|(known, _)| name != known));
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all
    }

    /// The environment of a run that was added, in its present attempt.
    pub fn envs_of(&self, run: u64) -> Vec<(String, String)> {
        let run = self.run(run);
        let branch = run.head_branch.clone().unwrap_or_default();
        let mut all = self.envs(&run.head_sha);
        let own = [
            ("GITHUB_RUN_ID", run.id.to_string()),
            ("GITHUB_RUN_ATTEMPT", run.attempt.to_string()),
            ("GITHUB_EVENT_NAME", run.event.clone()),
            ("GITHUB_ACTOR", run.actor.clone()),
            ("GITHUB_REF", format!("refs/heads/{branch}")),
            ("GITHUB_REF_NAME", branch.clone()),
            (
                "GITHUB_WORKFLOW_REF",
                format!("acme/app/.github/workflows/{}@refs/heads/{branch}", run.workflow),
            ),
        ];
        all.retain(|(name, _)| own.iter().all(|(known, _)| name != known));
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all
    }

    /// Everything that the fake knows; do not hold it while a client asks.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    // What a test prepares.

    /// Adds a run; returns its id.
    pub fn add(&self, run: Run) -> u64 {
        self.world().add_run(run)
    }

    /// Changes a run.
    #[track_caller]
    pub fn edit(&self, run: u64, change: impl FnOnce(&mut Run)) {
        change(self.world().runs.iter_mut().find(|known| known.id == run).expect("a run"));
    }

    /// Ends the unfinished jobs of a run and the run itself.
    #[track_caller]
    pub fn finish(&self, run: u64, jobs: &[(&str, &str)], conclusion: &str) {
        self.edit(run, |run| {
            let now = Timestamp::now();
            for (name, result) in jobs {
                let job = run.jobs.iter_mut().rev().find(|job| job.name == *name);
                job.unwrap_or_else(|| panic!("no job {name}")).set(result, now);
            }
            "completed".clone_into(&mut run.status);
            run.conclusion = Some(conclusion.to_owned());
            run.updated_at = now;
        });
    }

    /// Adds a workflow that can be dispatched with these inputs.
    pub fn dispatchable(&self, file: &str, inputs: &[&str]) {
        let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
        self.world().workflow(file).inputs = Some(inputs);
    }

    /// Adds a check run of GitHub Actions: `queued`, `in_progress`, or how it ended.
    pub fn check(&self, commit: &str, name: &str, result: &str) {
        self.check_by("github-actions", commit, name, result);
    }

    /// Adds a check run of any App, newer than all others.
    pub fn check_by(&self, app: &str, commit: &str, name: &str, result: &str) {
        let mut world = self.world();
        let id = world.next_id();
        let ended = !["queued", "in_progress"].contains(&result);
        let made: Timestamp = world::MADE.parse().expect("a time");
        world.checks.push(Check {
            id,
            name: name.to_owned(),
            head_sha: commit.to_owned(),
            status: if ended { "completed".to_owned() } else { result.to_owned() },
            conclusion: ended.then(|| result.to_owned()),
            app: app.to_owned(),
            started_at: made,
            completed_at: ended.then_some(made),
        });
    }

    /// Adds an open issue of somebody; returns its number.
    pub fn issue(&self, creator: &str, title: &str, body: &str, labels: &[&str]) -> u64 {
        let mut world = self.world();
        let number = world.next_number();
        let now = Timestamp::now();
        world.issues.push(Issue {
            number,
            title: title.to_owned(),
            body: Some(body.to_owned()),
            state: "open".to_owned(),
            state_reason: None,
            labels: labels.iter().map(|name| (*name).to_owned()).collect(),
            assignees: Vec::new(),
            creator: creator.to_owned(),
            comments: Vec::new(),
            created_at: now,
            updated_at: now,
            closed_at: None,
            pull: None,
        });
        number
    }

    /// Sets a branch for dispatches and pull requests, where there is no real repository.
    pub fn branch(&self, name: &str, commit: &str) {
        self.world().branches.insert(name.to_owned(), commit.to_owned());
    }

    /// Adds a commit on top of the last, for `compare`, where there is no real repository.
    pub fn commit(&self, sha: &str, login: Option<&str>, message: &str) {
        let mut world = self.world();
        let parents = world.commits.last().map(|last| last.sha.clone()).into_iter().collect();
        world.commits.push(Commit {
            sha: sha.to_owned(),
            parents,
            message: message.to_owned(),
            name: login.unwrap_or("Somebody").to_owned(),
            email: "somebody@example.com".to_owned(),
            login: login.map(str::to_owned),
        });
    }

    /// Answers about branches and commits from this bare repository.
    pub fn knows(&self, bare: &Path) {
        self.world().git = Some(bare.to_owned());
    }

    /// Says whose account an address of a commit's author is.
    pub fn account(&self, email: &str, login: &str) {
        self.world().accounts.insert(email.to_owned(), login.to_owned());
    }

    // What the token may do.

    /// Gives the token a permission (`write` or `read`), or takes it (`none`).
    pub fn permit(&self, permission: &str, level: &str) {
        let mut world = self.world();
        let token = world.tokens.get_mut(TOKEN).expect("the token");
        token.permissions.insert(permission.to_owned(), level.to_owned());
    }

    /// Puts branches under a ruleset with these rules; who asks may pass it as `bypass` says.
    pub fn ruleset(&self, name: &str, branches: &[&str], rules: &[&str], bypass: Option<&str>) {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut world = self.world();
        let id = world.next_id();
        world.settings.rulesets.push(settings::Ruleset {
            id,
            name: name.to_owned(),
            branches: texts(branches).into_iter().collect(),
            rules: texts(rules),
            bypass: bypass.map(str::to_owned),
        });
    }

    /// Makes every token a wrong one.
    pub fn revoke_tokens(&self) {
        self.world().tokens.clear();
    }

    /// Makes the repository private: without a token it is not there.
    pub fn private(&self) {
        self.world().private = true;
    }

    /// Installs an App with the token's permissions, whose tokens are checked with this key.
    pub fn install_app(&self, public_key: &str) {
        let mut world = self.world();
        let permissions = PERMISSIONS.map(|(name, level)| (name.to_owned(), level.to_owned()));
        world.app = Some(app::App {
            id: APP_ID,
            slug: "acme-tidegate".to_owned(),
            installation: INSTALLATION,
            permissions: BTreeMap::from(permissions),
            public_key: public_key.to_owned(),
            tokens: 0,
        });
    }

    /// Answers the next requests as if the hour's were used up; `reset_after` is in seconds.
    pub fn limit_primary(&self, times: usize, reset_after: i64) {
        self.world().limit = Some((Limit::Primary { reset_after }, times));
    }

    /// Answers the next requests with a secondary limit, with or without `Retry-After` (seconds).
    pub fn limit_secondary(&self, times: usize, retry_after: Option<u64>) {
        self.world().limit = Some((Limit::Secondary { retry_after }, times));
    }

    // What a test asks about afterwards.

    /// A run.
    #[track_caller]
    pub fn run(&self, id: u64) -> Run {
        self.world().runs.iter().find(|run| run.id == id).expect("a run").clone()
    }

    /// All issues, without the pull requests.
    pub fn issues(&self) -> Vec<Issue> {
        let world = self.world();
        world.issues.iter().filter(|issue| issue.pull.is_none()).cloned().collect()
    }

    /// All pull requests.
    pub fn pulls(&self) -> Vec<Issue> {
        let world = self.world();
        world.issues.iter().filter(|issue| issue.pull.is_some()).cloned().collect()
    }

    pub fn dispatches(&self) -> Vec<Dispatch> {
        self.world().dispatches.clone()
    }

    /// The runs whose failed jobs were asked for again, in that order.
    pub fn reruns(&self) -> Vec<u64> {
        self.world().reruns.clone()
    }

    /// All requests, in the order of their answers.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// `METHOD path` of all requests.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// How many requests have this method and a path that contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }

    /// The requests that change something.
    pub fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method != "GET").collect()
    }

    /// How many requests were answered with 304.
    pub fn not_modified(&self) -> usize {
        self.world().not_modified
    }

    /// How many requests count against the hour's limit.
    pub fn used(&self) -> u64 {
        self.world().used
    }

    /// Forgets the requests.
    pub fn forget(&self) {
        self.shared.seen().clear();
    }

    /// What was asked for that GitHub does not have, and forgets it.
    pub fn take_defects(&self) -> Vec<String> {
        std::mem::take(&mut self.world().defects)
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
        let defects = self.take_defects();
        if !std::thread::panicking() {
            assert!(defects.is_empty(), "asked for what GitHub does not have: {defects:#?}");
        }
    }
}
