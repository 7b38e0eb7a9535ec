//! What the tool sends, and what the fake answers, held against GitHub's own description of its API.
//!
//! prism stands between them and refuses what the description does not allow. It is known to check
//! nothing at all where a description has a certain flaw, without a word; so every operation also
//! has a request that must be refused.

use serde_json::{Value, json};

use super::{Ask, PATIENCE, RUN, ask_through, prepared};
use crate::harness::fault_proxy::{Answer, FaultProxy, Request, Rule, exchange};
use crate::harness::github::{APP_ID, GitHub, Key, Seen, TOKEN, app};
use crate::harness::prism::{Description, Prism};

/// One operation: a good request, and a bad one that differs from it in one thing.
struct Case {
    operation: &'static str,
    good: (&'static str, Value),
    bad: Bad,
}

/// What is wrong with a bad request.
enum Bad {
    /// The path or query.
    Path(&'static str),
    /// The body.
    Body(Value),
    /// There is nothing to get wrong but the method: no parameter and no body is described.
    Method(&'static str),
}

const NO_BODY: Value = Value::Null;

/// All that the fake answers to.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Bad::{Body, Method, Path};
    let case = |operation, good, body, bad| Case { operation, good: (good, body), bad };
    vec![
        case("GET /repos/{owner}/{repo}", "/repos/acme/app", NO_BODY, Method("POST")),
        case("GET /repos/{owner}/{repo}/rules/branches/{branch}",
            "/repos/acme/app/rules/branches/main?per_page=1", NO_BODY,
            Path("/repos/acme/app/rules/branches/main?per_page=one")),
        case("GET /repos/{owner}/{repo}/rulesets/{ruleset_id}", "/repos/acme/app/rulesets/4711",
            NO_BODY, Path("/repos/acme/app/rulesets/first")),
        case("GET /repos/{owner}/{repo}/branches/{branch}", "/repos/acme/app/branches/main",
            NO_BODY, Method("POST")),
        case("GET /repos/{owner}/{repo}/actions/permissions/workflow",
            "/repos/acme/app/actions/permissions/workflow", NO_BODY, Method("POST")),
        case("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
            "/repos/acme/app/actions/workflows/release-gate.yml/runs?status=success&branch=main", NO_BODY,
            Path("/repos/acme/app/actions/workflows/release-gate.yml/runs?status=red")),
        case("GET /repos/{owner}/{repo}/actions/runs",
            "/repos/acme/app/actions/runs?per_page=1&event=push", NO_BODY,
            Path("/repos/acme/app/actions/runs?per_page=one")),
        case("GET /repos/{owner}/{repo}/actions/runs/{run_id}",
            "/repos/acme/app/actions/runs/17", NO_BODY, Path("/repos/acme/app/actions/runs/last")),
        case("GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
            "/repos/acme/app/actions/runs/17/jobs?filter=all", NO_BODY,
            Path("/repos/acme/app/actions/runs/17/jobs?filter=newest")),
        case("GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
            "/repos/acme/app/actions/runs/17/attempts/1/jobs", NO_BODY,
            Path("/repos/acme/app/actions/runs/17/attempts/first/jobs")),
        case("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs",
            "/repos/acme/app/actions/runs/17/rerun-failed-jobs", json!({"enable_debug_logging": true}),
            Body(json!({"enable_debug_logging": "yes"}))),
        case("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
            "/repos/acme/app/actions/workflows/retry.yml/dispatches",
            json!({"ref": "main", "inputs": {"run_id": "17"}, "return_run_details": true}),
            Body(json!({"inputs": {"run_id": "17"}}))),
        case("GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
            "/repos/acme/app/commits/main/check-runs?filter=all&check_name=tests", NO_BODY,
            Path("/repos/acme/app/commits/main/check-runs?filter=newest")),
        case("GET /repos/{owner}/{repo}/compare/{basehead}",
            "/repos/acme/app/compare/main...rollback?per_page=1", NO_BODY,
            Path("/repos/acme/app/compare/main...rollback?per_page=one")),
        case("POST /repos/{owner}/{repo}/pulls", "/repos/acme/app/pulls",
            json!({"title": "Roll back", "head": "rollback", "base": "main"}),
            Body(json!({"title": "Roll back", "head": "rollback"}))),
        case("GET /repos/{owner}/{repo}/pulls",
            "/repos/acme/app/pulls?head=acme:rollback&state=all", NO_BODY,
            Path("/repos/acme/app/pulls?state=merged")),
        case("GET /repos/{owner}/{repo}/pulls/{pull_number}", "/repos/acme/app/pulls/2", NO_BODY,
            Path("/repos/acme/app/pulls/rollback")),
        case("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", "/repos/acme/app/pulls/2",
            json!({"title": "Roll back!", "state": "closed"}), Body(json!({"state": "merged"}))),
        case("POST /repos/{owner}/{repo}/issues", "/repos/acme/app/issues",
            json!({"title": "Rolled back", "body": "text", "labels": ["rollback"], "assignees": []}),
            Body(json!({"body": "Rolled back"}))),
        case("POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
            "/repos/acme/app/issues/2/labels", json!({"labels": ["rollback"]}),
            Body(json!({"labels": "rollback"}))),
        case("GET /repos/{owner}/{repo}/issues",
            "/repos/acme/app/issues?state=all&labels=rollback&sort=updated", NO_BODY,
            Path("/repos/acme/app/issues?state=done")),
        case("GET /repos/{owner}/{repo}/issues/{issue_number}", "/repos/acme/app/issues/3", NO_BODY,
            Path("/repos/acme/app/issues/two")),
        case("PATCH /repos/{owner}/{repo}/issues/{issue_number}", "/repos/acme/app/issues/3",
            json!({"title": "Undone", "body": "text", "state": "closed", "state_reason": "completed"}),
            Body(json!({"state": "done"}))),
        case("POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
            "/repos/acme/app/issues/3/comments", json!({"body": "text"}), Body(json!({"body": 1}))),
        case("GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
            "/repos/acme/app/issues/3/comments?page=1", NO_BODY,
            Path("/repos/acme/app/issues/3/comments?page=last")),
        case("GET /repos/{owner}/{repo}/installation", "/repos/acme/app/installation", NO_BODY,
            Method("POST")),
        case("POST /app/installations/{installation_id}/access_tokens",
            "/app/installations/6000004711/access_tokens",
            json!({"repositories": ["app"], "permissions": {"issues": "write"}}),
            Body(json!({"permissions": {"issues": "maybe"}}))),
    ]
}

fn by_prism(prism: &Prism, method: &str, path: &str, body: &Value) -> Answer {
    let token = if path.contains("installation") { as_app() } else { TOKEN.to_owned() };
    let mut request = Request::new(method, path)
        .header("User-Agent", "the tests")
        .header("Authorization", &format!("Bearer {token}"));
    if !body.is_null() {
        request = request.header("Content-Type", "application/json");
        request = request.body(body.to_string().as_bytes());
    }
    exchange(prism.host(), &request).expect("an answer of prism")
}

/// A token that the App has signed.
fn as_app() -> String {
    let now = jiff::Timestamp::now().as_second();
    app::sign(Key::shared(), &json!({"iss": APP_ID, "iat": now - 60, "exp": now + 500}))
}

/// The one test that starts prism: loading the description takes seconds.
#[test]
fn requests_of_the_tool_and_answers_of_the_fake_are_as_github_describes_them() {
    let cases = cases();
    let operations: Vec<&str> = cases.iter().map(|case| case.operation).collect();
    let description = Description::of(&operations);
    let github = prepared();
    let proxy = FaultProxy::start(&github.host());
    let prism = Prism::in_front_of(proxy.host(), &description);
    for case in &cases {
        let method = case.operation.split(' ').next().expect("a method");
        let (path, body) = (case.good.0, &case.good.1);
        let (operation, _) = description
            .operation(method, path.split('?').next().expect("a path"))
            .unwrap_or_else(|| panic!("{path} is not described"));
        assert_eq!(operation, case.operation);
        let answer = by_prism(&prism, method, path, body);
        let said = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 300, "{method} {path}: {} {said}", answer.status);
        let good = answer.status;

        let seen = github.seen().len();
        let answer = match &case.bad {
            Bad::Path(path) => by_prism(&prism, method, path, body),
            Bad::Body(body) => by_prism(&prism, method, path, body),
            Bad::Method(method) => by_prism(&prism, method, path, &json!({})),
        };
        let refused = (400..500).contains(&answer.status) && github.seen().len() == seen;
        assert!(refused, "{}: requests are not checked: {}", case.operation, answer.status);

        // An answer that is described in no way.
        let json = [("Content-Type", "application/json")];
        proxy.add(Rule::when(|_| true).times(1).answer(good, &json, "\"nonsense\""));
        let answer = by_prism(&prism, method, path, body);
        assert_eq!(answer.status, 500, "{}: answers are not checked", case.operation);
    }

    // What the tool itself sends, on the same way.
    github.edit(RUN, |run| run.status = "completed".to_owned());
    github.forget();
    for (ask, name) in Ask::ALL {
        let answer = ask_through(prism.host(), ask, PATIENCE);
        assert!(answer.is_ok(), "{name}: {answer:?}\n{}", said_again(&prism, &github));
    }
    for seen in github.seen() {
        only_what_is_described(&description, &seen);
    }
}

/// All that prism says about the last request; the tool's own errors are cut short.
fn said_again(prism: &Prism, github: &GitHub) -> String {
    let Some(last) = github.seen().pop() else { return String::new() };
    let pairs =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&last.query).finish();
    let answer = by_prism(prism, &last.method, &format!("{}?{pairs}", last.path), &last.json());
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// prism lets parameters pass that are not described.
fn only_what_is_described(description: &Description, seen: &Seen) {
    let found = description.operation(&seen.method, &seen.path);
    let (operation, known) = found.unwrap_or_else(|| panic!("{} is not described", seen.path));
    for (name, _) in &seen.query {
        assert!(known.contains(name), "{operation} has no parameter `{name}`");
    }
}
