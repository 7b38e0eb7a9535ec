//! Whatever happens on the way to GitHub: each request ends as its kind allows, and nothing is
//! made twice.
//!
//! Every test asks for everything, each time on a fake and through a proxy of its own. A request
//! that creates something and whose fate is not known is an error: the next run looks first.

use std::time::Duration;

use tidegate::adapters::github::GitHubError;

use super::{ATTEMPTS, Ask, PATIENCE, ask_through, prepared};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::github::GitHub;

const HTML: &str = "<!DOCTYPE html><html><body><h1>Unicorn!</h1></body></html>";

/// How a request ended, what it left behind, and how often it was sent.
struct Outcome {
    name: &'static str,
    ask: Ask,
    result: Result<String, GitHubError>,
    created: usize,
    sent: u32,
}

/// Asks for one thing after `prepare` has set up what goes wrong.
fn ask(
    one: (Ask, &'static str),
    patience: Duration,
    prepare: impl Fn(&GitHub, &FaultProxy),
) -> Outcome {
    let (ask, name) = one;
    let github = prepared();
    let proxy = FaultProxy::start(&github.host());
    prepare(&github, &proxy);
    let result = ask_through(proxy.host(), ask, patience);
    let sent = u32::try_from(proxy.seen().len()).expect("a small number");
    Outcome { name, ask, result, created: ask.created(&github), sent }
}

/// Asks for everything.
fn all(prepare: impl Fn(&GitHub, &FaultProxy)) -> Vec<Outcome> {
    Ask::ALL.into_iter().map(|one| ask(one, PATIENCE, &prepare)).collect()
}

/// All requests meet this once.
fn once(fault: impl Fn() -> Fault) -> Vec<Outcome> {
    all(|_, proxy| proxy.add(Rule::when(|_| true).times(1).fault(fault())))
}

impl Outcome {
    /// It came through, at this attempt, and was done once.
    #[track_caller]
    fn came_through(&self, attempt: u32) {
        assert!(self.result.is_ok(), "{}: {:?}", self.name, self.result);
        assert_eq!(self.sent, attempt, "{}", self.name);
        assert_eq!(self.created, usize::from(self.ask.creates()), "{}", self.name);
    }

    /// It failed after so many attempts and left so many things behind.
    #[track_caller]
    fn failed(&self, attempts: u32, created: usize, kind: impl Fn(&GitHubError) -> bool) {
        let error = self.result.as_ref().expect_err(self.name);
        assert!(kind(error), "{}: {error:?}", self.name);
        assert_eq!(self.sent, attempts, "{}", self.name);
        assert_eq!(self.created, created, "{}", self.name);
        // What is said ends up in a summary: no page of HTML, no line breaks.
        let text = error.to_string();
        assert!(text.len() < 600 && !text.contains('\n'), "{}: {text}", self.name);
    }

    /// It may have been done, and is not sent again.
    #[track_caller]
    fn is_unknown(&self, created: usize, kind: impl Fn(&GitHubError) -> bool) {
        self.failed(1, created, |error| {
            error.is_transient() && error.may_have_been_applied() && kind(error)
        });
    }
}

fn is_transport(error: &GitHubError) -> bool {
    matches!(error, GitHubError::Transport { .. })
}

fn is_limit(error: &GitHubError) -> bool {
    matches!(error, GitHubError::RateLimit { .. })
        && error.is_transient()
        && !error.may_have_been_applied()
}

#[test]
fn without_trouble_everything_is_had_at_once() {
    for outcome in all(|_, _| {}) {
        outcome.came_through(1);
    }
}

#[test]
fn a_reset_before_the_request_is_seen() {
    for outcome in once(|| Fault::Close) {
        if outcome.ask.creates() {
            outcome.is_unknown(0, is_transport);
        } else {
            outcome.came_through(2);
        }
    }
}

#[test]
fn an_answer_that_is_lost_after_the_effect() {
    for outcome in once(|| Fault::DropAnswer) {
        if outcome.ask.creates() {
            outcome.is_unknown(1, is_transport);
        } else {
            outcome.came_through(2);
        }
    }
}

#[test]
fn an_answer_that_breaks_off() {
    for outcome in once(|| Fault::CutBody(1)) {
        match outcome.ask {
            // Nothing follows its 204.
            Ask::DispatchRetry => outcome.came_through(1),
            ask if ask.creates() => outcome.is_unknown(1, is_transport),
            _ => outcome.came_through(2),
        }
    }
}

#[test]
fn a_server_that_hangs() {
    let patience = Duration::from_millis(700);
    for one in Ask::ALL {
        let outcome = ask(one, patience, |_, proxy| {
            proxy.add(Rule::when(|_| true).times(1).fault(Fault::Hang));
        });
        if outcome.ask.creates() {
            outcome.is_unknown(0, is_transport);
        } else {
            outcome.came_through(2);
        }
    }
}

#[test]
fn too_many_requests() {
    for headers in [&[][..], &[("Retry-After", "0")], &[("Retry-After", "3600")]] {
        let limit = |times: usize| {
            let body = r#"{"message":"Too many requests"}"#;
            move |_: &GitHub, proxy: &FaultProxy| {
                proxy.add(Rule::when(|_| true).times(times).answer(429, headers, body));
            }
        };
        for outcome in all(limit(1)) {
            outcome.came_through(2);
        }
        for outcome in all(limit(usize::MAX)) {
            outcome.failed(ATTEMPTS, 0, is_limit);
        }
    }
}

#[test]
fn the_hour_is_used_up() {
    for outcome in all(|github, _| github.limit_primary(usize::MAX, 1800)) {
        // Waiting for the next hour is for the next run.
        outcome.failed(1, 0, |error| {
            is_limit(error) && matches!(error, GitHubError::RateLimit { resets: Some(_), .. })
        });
    }
}

#[test]
fn a_secondary_limit() {
    for retry_after in [None, Some(60)] {
        for outcome in all(|github, _| github.limit_secondary(1, retry_after)) {
            outcome.came_through(2);
        }
        for outcome in all(|github, _| github.limit_secondary(usize::MAX, retry_after)) {
            outcome.failed(ATTEMPTS, 0, is_limit);
        }
    }
}

#[test]
fn a_permission_that_is_missing() {
    let body = r#"{"message":"Resource not accessible by integration","status":"403"}"#;
    let refuse = |_: &GitHub, proxy: &FaultProxy| {
        proxy.add(Rule::when(|_| true).answer(403, &[], body));
    };
    for outcome in all(refuse) {
        outcome.failed(1, 0, |error| {
            matches!(error, GitHubError::Forbidden { status: 403, said, .. }
                if said.contains("Resource not accessible"))
                && !error.is_transient()
                && !error.may_have_been_applied()
        });
    }
}

#[test]
fn a_token_that_nobody_knows() {
    let forget = |github: &GitHub, _: &FaultProxy| {
        github.revoke_tokens();
        github.world().app = None;
    };
    for outcome in all(forget) {
        outcome.failed(1, 0, |error| {
            matches!(error, GitHubError::Unauthorized { .. }) && !error.is_transient()
        });
    }
}

#[test]
fn a_page_of_html_in_the_place_of_the_server() {
    for status in [500, 502, 504] {
        let page = |times: usize| {
            move |_: &GitHub, proxy: &FaultProxy| {
                let headers = [("Content-Type", "text/html")];
                proxy.add(Rule::when(|_| true).times(times).answer(status, &headers, HTML));
            }
        };
        let kind = |error: &GitHubError| matches!(error, GitHubError::Server { status: found, .. } if *found == status);
        for outcome in all(page(1)) {
            if outcome.ask.creates() {
                outcome.is_unknown(0, kind);
            } else {
                outcome.came_through(2);
            }
        }
        for outcome in all(page(usize::MAX)) {
            let attempts = if outcome.ask.creates() { 1 } else { ATTEMPTS };
            outcome.failed(attempts, 0, kind);
        }
    }
}

#[test]
fn a_page_of_html_after_the_effect() {
    for status in [500, 502, 503, 504] {
        let page = |_: &GitHub, proxy: &FaultProxy| {
            proxy.add(Rule::when(|_| true).times(1).edit(move |answer| {
                answer.status = status;
                answer.set("Content-Type", "text/html");
                answer.body = HTML.as_bytes().to_vec();
            }));
        };
        for outcome in all(page) {
            if outcome.ask.creates() {
                outcome.is_unknown(1, |error| matches!(error, GitHubError::Server { .. }));
            } else {
                outcome.came_through(2);
            }
        }
    }
}

#[test]
fn a_page_of_html_that_says_200() {
    let page = |_: &GitHub, proxy: &FaultProxy| {
        let headers = [("Content-Type", "text/html")];
        proxy.add(Rule::when(|_| true).answer(200, &headers, HTML));
    };
    for outcome in all(page) {
        match outcome.ask {
            // Their answers have nothing that is read.
            Ask::AddLabels | Ask::DispatchRetry | Ask::RerunFailedJobs => {
                assert!(outcome.result.is_ok(), "{}: {:?}", outcome.name, outcome.result);
            }
            _ => outcome.failed(1, 0, |error| matches!(error, GitHubError::Unreadable { .. })),
        }
    }
}
