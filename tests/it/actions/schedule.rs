//! The workflow that `schedule --emit github` writes, run for real by act.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::act::{Act, ActRun};
use crate::harness::git_server::GitServer;
use crate::harness::github::{self, GitHub};
use crate::harness::repo::Repo;
use crate::harness::team::{tidegate, used_actions};
use crate::harness::tidegate::Tidegate;

const ACTION: &str = include_str!("../../../action.yml");
const REPOSITORY: &str = "acme/app";
const CONFIGURATION: &str = "version: 1\nimages: []\ndata:\n  imports: { sales: { csv: sales.csv } }\nschedule:\n  tasks: { prune: { off: true } }\n";
const GOOD: &str = "date,user_id,product_name,quantity,unit_price,total_amount,region\n2026-02-01,1,Tea,2,2.50,5.00,north\n";

/// A repository with the workflow, its git server, and the runner's database.
struct Runner {
    repo: Repo,
    server: GitServer,
    github: GitHub,
    folder: TempDir,
}

impl Runner {
    fn new() -> Self {
        let server = GitServer::start_with_basic_auth("x-access-token", github::TOKEN);
        server.create(REPOSITORY);
        let repo = Repo::init();
        // act reads the repository's name from a remote; it never contacts it.
        repo.add_remote("github", &format!("https://github.com/{REPOSITORY}.git"));
        repo.write(".github/tidegate.yml", CONFIGURATION);
        let emitted = Tidegate::new()
            .args(["schedule", "--emit", "github"])
            .current_dir(repo.path())
            .run()
            .success()
            .stdout;
        // act 0.2.89 does not know `queue`.
        let known: Vec<&str> = emitted.lines().filter(|line| line.trim() != "queue: max").collect();
        assert_eq!(known.len() + 3, emitted.lines().count(), "one line of each job is removed");
        let text = known.join("\n") + "\n";
        repo.write(".github/workflows/tidegate-schedule.yml", &text);
        let github = GitHub::start();
        github.knows(&server.path(REPOSITORY));
        let runner = Self { repo, server, github, folder: TempDir::new().expect("a folder") };
        runner.push("First", GOOD);
        runner
    }

    fn push(&self, subject: &str, sales: &str) {
        let bare = self.server.path(REPOSITORY).to_string_lossy().into_owned();
        self.repo.commit(subject, &[("sales.csv", sales)]);
        self.repo.git(&["push", "-q", &bare, "main"]);
    }

    fn workflow(&self) -> PathBuf {
        self.repo.path().join(".github/workflows/tidegate-schedule.yml")
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("production.db")
    }

    fn run(&self, act: Act) -> ActRun {
        let action = self.folder.path().join("action");
        fs::create_dir_all(&action).expect("make a folder");
        fs::write(action.join("action.yml"), ACTION).expect("write the action");
        let checkout =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/actions/checkout");
        let workflow = fs::read_to_string(self.workflow()).expect("the workflow");
        let mut act = act.platform("self-hosted");
        for name in used_actions(&workflow).chain(used_actions(ACTION)) {
            act = match name.split_once('@').map_or("", |(name, _)| name) {
                "actions/checkout" => act.action(name, &checkout),
                "tidegate/tidegate" => act.action(name, &action),
                "actions/cache" => act.action(name, &checkout.with_file_name("not-run")),
                _ => panic!("no stand-in for {name}, and there shall be none"),
            };
        }
        act.token(github::TOKEN)
            .env("TEST_REMOTE", &self.server.url(REPOSITORY))
            .env("TIDEGATE_GITHUB_API_URL", &self.github.url())
            .env("TIDEGATE_BIN", &tidegate().display().to_string())
            .env("DATABASE_PATH", &self.database().display().to_string())
            .run()
    }

    fn task(&self, task: &str) -> ActRun {
        let workflow = self.workflow();
        self.run(Act::dispatch(self.repo.path(), REPOSITORY, &workflow, &[("task", task)]))
    }

    fn rows(&self) -> i64 {
        let open = rusqlite::Connection::open(self.database()).expect("the database");
        open.query_row("select count(*) from sales", [], |row| row.get(0)).expect("the rows")
    }
}

#[test]
fn the_task_that_is_asked_for_runs_and_no_other() {
    let runner = Runner::new();
    let run = runner.task("sales");
    run.expect_jobs(&[("sales", true)]);
    assert_eq!(runner.rows(), 1);
    let run = runner.task("backup");
    run.expect_jobs(&[("backup", true)]);
    assert!(runner.folder.path().join("backups").is_dir(), "{}", run.log);
    // A job whose task does not end well is red.
    runner.push("Bad", &GOOD.replace("Tea,2", "Tea,0"));
    let run = runner.task("sales");
    run.expect_jobs(&[("sales", false)]);
    assert!(run.log.contains("expected a number greater than 0"), "{}", run.log);
    assert_eq!(runner.rows(), 1);
}

#[test]
fn the_time_that_started_the_run_says_which_task_it_is() {
    let runner = Runner::new();
    let run = runner.run(Act::schedule(runner.repo.path(), REPOSITORY, "0 2 * * *"));
    run.expect_jobs(&[("sales", true)]);
    assert_eq!(runner.rows(), 1);
    let run = runner.run(Act::schedule(runner.repo.path(), REPOSITORY, "0 * * * *"));
    run.expect_jobs(&[("health", true)]);
}
