//! GitHub's API: the fake that stands in for it, its contract, and faults.

use std::time::Duration;

use tidegate::adapters::github::{AppKey, GitHub as Client, GitHubError, Login, Options};
use tidegate::http;
use tidegate::secret::{Redactor, Secret};

use crate::harness::github::{APP_ID, GitHub, Key, TOKEN};

use ask::Ask;

mod ask;
mod contract;
mod fake;
mod faults;

/// How often the client tries.
const ATTEMPTS: u32 = 3;

/// How long one attempt may take, where no test is about that.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks through the tool's own client, with an API at `host` and the waits of a test.
fn ask_through(host: &str, ask: Ask, patience: Duration) -> Result<String, GitHubError> {
    let login = if ask.as_app() {
        let key = Secret::new(&Key::shared().private);
        Login::App(AppKey { app: APP_ID, key })
    } else {
        Login::Token(Secret::new(TOKEN))
    };
    let options = Options {
        api: format!("http://{host}").parse().expect("an address"),
        repository: "acme/app".to_owned(),
        login,
        http: http::Options {
            retry: http::RetryPolicy {
                attempts: ATTEMPTS,
                first_delay: Duration::from_millis(2),
                longest_delay: Duration::from_millis(10),
                ends_where_asked_for_more: false,
                limit_delay: Duration::from_millis(10),
                total: Duration::from_mins(2),
            },
            connect_timeout: PATIENCE,
            attempt_timeout: patience,
        },
        cache: None,
        redactor: Redactor::default(),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async { ask.send(&Client::new(options)?).await })
}

/// The commit that `main` is at, and the one that `rollback` is at.
const BASE: &str = "1111111111111111111111111111111111111111";
const HEAD: &str = "2222222222222222222222222222222222222222";

/// A finished run of [`BASE`] with a failed job.
const RUN: u64 = 17;

/// A ruleset.
const RULESET: u64 = 4711;

/// A fake in which everything that [`Ask`] asks for can be had.
fn prepared() -> GitHub {
    use crate::harness::github::world::Run;

    let github = GitHub::start();
    github.install_app(&Key::shared().public);
    github.commit(BASE, Some("octocat"), "Good");
    github.commit(HEAD, None, "Roll back");
    github.branch("main", BASE);
    github.branch("rollback", HEAD);
    github.permit("administration", "read");
    github.ruleset("Reviews", &["main"], &["pull_request", "update"], Some("never"));
    github.world().settings.rulesets[0].id = RULESET;
    github.world().settings.classic.insert("main".to_owned(), vec!["tests".to_owned()]);
    github.dispatchable("retry.yml", &["run_id", "attempt"]);
    let run = Run::push(BASE).id(RUN).job("lint", "success").job("tests", "failure");
    github.add(run.completed("failure"));
    let unfinished = Run::push(HEAD).branch("rollback").job("tests", "in_progress");
    github.add(unfinished.job("gate", "queued").from_repository(9));
    github.check(BASE, "tests", "success");
    github.check(BASE, "scan", "in_progress");
    github.issue("octocat", "Slow", "It is slow", &["tidegate"]);
    github
}
