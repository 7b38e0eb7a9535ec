//! The fake of GitHub keeps the rules that tests rely on: each once, by plain HTTP.

use serde_json::{Value, json};

use crate::harness::fault_proxy::{Answer, Fault, FaultProxy, Request, Rule, exchange};
use crate::harness::github::world::Run;
use crate::harness::github::{APP_ID, GitHub, INSTALLATION, Key, REPOSITORY_ID, TOKEN, app};
use crate::harness::project::Project;

const SHA: &str = "1111111111111111111111111111111111111111";
const NEXT: &str = "2222222222222222222222222222222222222222";

fn request(method: &str, path: &str) -> Request {
    Request::new(method, path)
        .header("User-Agent", "the tests")
        .header("Authorization", &format!("Bearer {TOKEN}"))
}

fn send(github: &GitHub, request: &Request) -> Answer {
    exchange(&github.host(), request).expect("an answer of the fake")
}

fn get(github: &GitHub, path: &str) -> Answer {
    send(github, &request("GET", &format!("/repos/acme/app{path}")))
}

fn write(github: &GitHub, method: &str, path: &str, body: &Value) -> Answer {
    let path = format!("/repos/acme/app{path}");
    send(github, &request(method, &path).body(body.to_string().as_bytes()))
}

#[track_caller]
fn body(answer: &Answer, status: u16) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn names<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().expect("a list").iter().map(|item| item[field].as_str().unwrap()).collect()
}

#[test]
fn a_repository_has_its_id_and_the_permissions_of_the_token() {
    let github = GitHub::start();
    let found = body(&get(&github, ""), 200);
    assert_eq!(found["id"], REPOSITORY_ID);
    assert_eq!(found["default_branch"], "main");
    assert_eq!(found["permissions"]["push"], true);
    github.permit("contents", "read");
    assert_eq!(body(&get(&github, ""), 200)["permissions"]["push"], false);
    body(&send(&github, &request("GET", "/repos/acme/other")), 404);
}

#[test]
fn a_base_path_is_part_of_every_address() {
    let github = GitHub::start_at("/api/v3");
    github.branch("main", SHA);
    let answer = send(&github, &request("GET", "/api/v3/repos/acme/app"));
    let url = body(&answer, 200)["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("{}/repos/acme/app", github.url()));
    body(&get(&github, ""), 404);
    assert_eq!(github.take_defects().len(), 1);
}

#[test]
fn pages_carry_links_that_lead_to_all_items_once() {
    let github = GitHub::start();
    for _ in 0..7 {
        github.add(Run::push(SHA).completed("success"));
    }
    let mut path = "/repos/acme/app/actions/runs?head_sha=".to_owned() + SHA + "&per_page=3";
    let mut ids = Vec::new();
    let mut pages = 0;
    loop {
        let answer = send(&github, &request("GET", &path));
        let found = body(&answer, 200);
        assert_eq!(found["total_count"], 7);
        ids.extend(found["workflow_runs"].as_array().unwrap().iter().map(|run| run["id"].clone()));
        pages += 1;
        let link = answer.get("link").unwrap();
        let next = link.split(", ").find(|part| part.ends_with("; rel=\"next\""));
        let Some(next) = next else { break };
        assert!(link.contains("rel=\"last\""), "{link}");
        let next = next.trim_start_matches('<').split('>').next().unwrap();
        path = next.strip_prefix(&github.url()).unwrap().to_owned();
    }
    assert_eq!(pages, 3);
    ids.sort_by_key(Value::as_u64);
    ids.dedup();
    assert_eq!(ids.len(), 7);
    // No more than one page: no links.
    let answer = get(&github, "/actions/runs?per_page=100");
    assert_eq!(answer.get("link"), None);
}

#[test]
fn what_has_not_changed_is_304_and_costs_nothing() {
    let github = GitHub::start();
    let run = github.add(Run::push(SHA));
    let path = format!("/repos/acme/app/actions/runs/{run}");
    let tag = send(&github, &request("GET", &path)).get("etag").unwrap().to_owned();
    let again = request("GET", &path).header("If-None-Match", &tag);
    let used = github.used();
    let answer = send(&github, &again);
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    assert_eq!(answer.get("etag"), Some(tag.as_str()));
    assert_eq!((github.not_modified(), github.used()), (1, used));
    github.finish(run, &[], "success");
    let answer = send(&github, &again);
    assert_eq!(body(&answer, 200)["conclusion"], "success");
    assert_ne!(answer.get("etag"), Some(tag.as_str()));
}

#[test]
fn a_wrong_token_is_401_and_a_missing_permission_403() {
    let github = GitHub::start();
    let path = "/repos/acme/app/issues";
    let wrong = Request::new("GET", path).header("User-Agent", "x");
    let wrong = wrong.header("Authorization", "Bearer ghs_wrong");
    assert_eq!(body(&send(&github, &wrong), 401)["message"], "Bad credentials");
    github.permit("issues", "read");
    body(&get(&github, "/issues"), 200);
    let answer = write(&github, "POST", "/issues", &json!({"title": "x"}));
    assert_eq!(body(&answer, 403)["message"], "Resource not accessible by integration");
    assert!(github.issues().is_empty());
    github.permit("actions", "none");
    body(&get(&github, "/actions/runs"), 403);
}

#[test]
fn without_a_token_public_things_are_read_and_private_ones_are_not_there() {
    let github = GitHub::start();
    let nobody =
        |method: &str| Request::new(method, "/repos/acme/app/issues").header("User-Agent", "x");
    body(&send(&github, &nobody("GET")), 200);
    body(&send(&github, &nobody("POST").body(b"{\"title\":\"x\"}")), 401);
    github.private();
    body(&send(&github, &nobody("GET")), 404);
}

#[test]
fn limits_are_told_by_status_headers_and_text() {
    let github = GitHub::start();
    github.limit_primary(1, 60);
    let answer = get(&github, "/issues");
    assert_eq!(answer.get("x-ratelimit-remaining"), Some("0"));
    let reset: i64 = answer.get("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!(reset > jiff::Timestamp::now().as_second());
    assert!(body(&answer, 403)["message"].as_str().unwrap().contains("API rate limit exceeded"));
    for (after, header) in [(None, None), (Some(60), Some("60"))] {
        github.limit_secondary(1, after);
        let answer = get(&github, "/issues");
        assert_eq!(answer.get("retry-after"), header);
        assert!(body(&answer, 403)["message"].as_str().unwrap().contains("secondary rate limit"));
    }
    body(&get(&github, "/issues"), 200);
}

#[test]
fn what_github_does_not_have_is_a_defect() {
    let github = GitHub::start();
    let body_of = |field: &str| json!({"title": "x", field: "y"});
    body(&get(&github, "/issues?label=x"), 422);
    body(&get(&github, "/actions/runs?status=red"), 422);
    body(&get(&github, "/actions/runs?per_page=all"), 422);
    body(&get(&github, "/workflows"), 404);
    body(&write(&github, "POST", "/issues", &body_of("labels_")), 422);
    body(&get(&github, "/pulls?head=branch"), 422);
    let silent = Request::new("GET", "/repos/acme/app");
    body(&send(&github, &silent), 403);
    assert_eq!(github.take_defects().len(), 7);
    // Refused as GitHub refuses it: no defect.
    body(&write(&github, "POST", "/issues", &json!({"title": 1})), 422);
    body(&write(&github, "POST", "/issues", &json!({"body": "x"})), 422);
    body(&write(&github, "POST", "/issues", &json!(null)), 400);
    assert!(github.issues().is_empty());
}

#[test]
fn a_defect_fails_the_test_that_does_not_ask_about_it() {
    let github = GitHub::start();
    body(&get(&github, "/nothing"), 404);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(github)));
    let text = *outcome.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("the fake has no GET /repos/acme/app/nothing"), "{text}");
}

#[test]
fn runs_are_found_by_workflow_branch_event_status_and_commit() {
    let github = GitHub::start();
    let push = github.add(Run::push(SHA).completed("success"));
    let other = github.add(Run::push(SHA).workflow("other.yml").event("schedule").branch("dev"));
    let fork = github.add(Run::push(NEXT).from_repository(99).completed("failure"));
    let ids = |path: &str| -> Vec<u64> {
        let found = body(&get(&github, path), 200);
        let runs = found["workflow_runs"].as_array().unwrap().clone();
        runs.iter().map(|run| run["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("/actions/runs"), [fork, other, push]);
    assert_eq!(ids("/actions/workflows/release-gate.yml/runs"), [fork, push]);
    assert_eq!(ids("/actions/workflows/other.yml/runs?branch=dev"), [other]);
    assert_eq!(ids("/actions/runs?event=push&status=success"), [push]);
    assert_eq!(ids("/actions/runs?status=completed"), [fork, push]);
    assert_eq!(ids(&format!("/actions/runs?head_sha={NEXT}")), [fork]);
    body(&get(&github, "/actions/workflows/none.yml/runs"), 404);
    let found = body(&get(&github, &format!("/actions/runs/{fork}")), 200);
    assert_eq!(found["head_repository"]["id"], 99);
    assert_eq!(found["repository"]["id"], REPOSITORY_ID);
    assert_eq!(found["path"], ".github/workflows/release-gate.yml");
}

#[test]
fn failed_jobs_run_again_only_after_the_run_and_green_ones_keep_their_attempt() {
    let github = GitHub::start();
    let run =
        Run::push(SHA).job("lint", "success").job("tests", "failure").job("gate", "in_progress");
    let run = github.add(run);
    let rerun = format!("/actions/runs/{run}/rerun-failed-jobs");
    let answer = body(&write(&github, "POST", &rerun, &json!({})), 403);
    assert_eq!(answer["message"], "This workflow is already running");
    assert!(github.reruns().is_empty());
    github.finish(run, &[("gate", "failure")], "failure");
    body(&write(&github, "POST", &rerun, &json!({})), 201);
    assert_eq!(github.reruns(), [run]);
    let found = body(&get(&github, &format!("/actions/runs/{run}")), 200);
    assert_eq!((&found["run_attempt"], &found["status"]), (&json!(2), &json!("queued")));
    assert_eq!(found["conclusion"], Value::Null);
    let jobs = |path: &str| -> Vec<(String, u64, String)> {
        let found = body(&get(&github, &format!("/actions/runs/{run}{path}")), 200);
        let jobs = found["jobs"].as_array().unwrap().clone();
        assert_eq!(found["total_count"], jobs.len());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let job = |job: &Value| {
            (text(&job["name"]), job["run_attempt"].as_u64().unwrap(), text(&job["status"]))
        };
        jobs.iter().map(job).collect()
    };
    let job = |name: &str, attempt, status: &str| (name.to_owned(), attempt, status.to_owned());
    let latest = [job("lint", 1, "completed"), job("tests", 2, "queued"), job("gate", 2, "queued")];
    assert_eq!(jobs("/jobs"), latest);
    assert_eq!(jobs("/attempts/2/jobs"), latest);
    assert_eq!(jobs("/attempts/1/jobs").iter().map(|job| job.1).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(jobs("/jobs?filter=all").len(), 5);
    body(&get(&github, &format!("/actions/runs/{run}/attempts/3/jobs")), 404);
    // Running again, it is refused again.
    body(&write(&github, "POST", &rerun, &json!({})), 403);
}

#[test]
fn a_dispatch_starts_a_run_of_a_workflow_that_allows_it() {
    let github = GitHub::start();
    github.branch("main", SHA);
    github.dispatchable("retry.yml", &["run_id"]);
    github.add(Run::push(SHA));
    let post = |file: &str, body: &Value| {
        write(&github, "POST", &format!("/actions/workflows/{file}/dispatches"), body)
    };
    let good = json!({"ref": "main", "inputs": {"run_id": "17"}});
    let answer = post("retry.yml", &good);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let dispatches = github.dispatches();
    assert_eq!(dispatches.len(), 1);
    assert_eq!(dispatches[0].inputs["run_id"], "17");
    let run = github.run(dispatches[0].run);
    assert_eq!((run.event.as_str(), run.status.as_str()), ("workflow_dispatch", "queued"));
    assert_eq!((run.head_sha.as_str(), run.workflow.as_str()), (SHA, "retry.yml"));
    body(&post("none.yml", &good), 404);
    let message = |answer: &Answer| body(answer, 422)["message"].as_str().unwrap().to_owned();
    let answer = post("release-gate.yml", &json!({"ref": "main"}));
    assert!(message(&answer).contains("'workflow_dispatch' trigger"));
    let answer = post("retry.yml", &json!({"ref": "gone"}));
    assert_eq!(message(&answer), "No ref found for: gone");
    let answer = post("retry.yml", &json!({"ref": "main", "inputs": {"other": "1"}}));
    assert!(message(&answer).contains("Unexpected inputs"));
    assert_eq!(github.dispatches().len(), 1);
}

#[test]
fn check_runs_are_told_by_name_and_the_latest_by_default() {
    let github = GitHub::start();
    github.check(SHA, "tests", "failure");
    github.check(SHA, "tests", "success");
    github.check(SHA, "scan", "in_progress");
    github.check_by("somebody", SHA, "tests", "success");
    let path = format!("/commits/{SHA}/check-runs");
    let found = body(&get(&github, &path), 200);
    assert_eq!(found["total_count"], 3);
    let found = body(&get(&github, &format!("{path}?check_name=tests&filter=all")), 200);
    assert_eq!(names(&found["check_runs"], "conclusion"), ["success", "success", "failure"]);
    let found = body(&get(&github, &format!("{path}?check_name=scan")), 200);
    assert_eq!(found["check_runs"][0]["conclusion"], Value::Null);
    body(&get(&github, &format!("/commits/{NEXT}/check-runs")), 422);
}

#[test]
fn compare_names_the_authors_who_have_accounts() {
    let github = GitHub::start();
    github.commit(SHA, Some("octocat"), "One");
    github.commit(NEXT, None, "Two");
    let found = body(&get(&github, &format!("/compare/{SHA}...{NEXT}")), 200);
    assert_eq!((&found["status"], &found["total_commits"]), (&json!("ahead"), &json!(1)));
    assert_eq!(found["commits"][0]["sha"], NEXT);
    assert_eq!(found["commits"][0]["author"], Value::Null);
    assert_eq!(found["base_commit"]["author"]["login"], "octocat");
    body(&get(&github, &format!("/compare/{SHA}...{}", "3".repeat(40))), 404);
}

#[test]
fn compare_reads_a_real_repository() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    let github = GitHub::start();
    github.knows(project.bare());
    github.account(&project.dev.git(&["log", "-1", "--format=%ae"]), "octocat");
    let found = body(&get(&github, &format!("/compare/{}...{bad}", project.good)), 200);
    assert_eq!(found["total_commits"], 2);
    assert_eq!(found["commits"][1]["sha"], bad);
    assert_eq!(found["commits"][1]["commit"]["message"], "Bad");
    assert_eq!(found["commits"][1]["author"]["login"], "octocat");
    let found = body(&get(&github, "/compare/main...main"), 200);
    assert_eq!(found["status"], "identical");
}

#[test]
fn an_issue_is_opened_changed_commented_and_found() {
    let github = GitHub::start();
    github.issue("octocat", "Another", "text", &["bug"]);
    let issue = json!({"title": "Rolled back", "body": "why", "labels": ["tidegate", "rollback"]});
    let made = body(&write(&github, "POST", "/issues", &issue), 201);
    assert_eq!(made["number"], 2);
    assert_eq!(made["user"]["login"], "github-actions[bot]");
    let titles = |query: &str| -> Vec<String> {
        let found = body(&get(&github, &format!("/issues?{query}")), 200);
        names(&found, "title").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(titles("labels=tidegate,rollback"), ["Rolled back"]);
    assert_eq!(titles("creator=github-actions%5Bbot%5D"), ["Rolled back"]);
    assert_eq!(titles("sort=created&direction=asc"), ["Another", "Rolled back"]);
    let comment = write(&github, "POST", "/issues/2/comments", &json!({"body": "again"}));
    body(&comment, 201);
    let found = body(&get(&github, "/issues/2/comments?per_page=100"), 200);
    assert_eq!(names(&found, "body"), ["again"]);
    let closed = write(&github, "PATCH", "/issues/2", &json!({"state": "closed"}));
    assert_eq!(body(&closed, 200)["state_reason"], "completed");
    assert_eq!(titles(""), ["Another"]);
    assert_eq!(titles("state=all").len(), 2);
    let long = json!({"title": "x", "body": "y".repeat(65_537)});
    body(&write(&github, "POST", "/issues", &long), 422);
    body(&write(&github, "PATCH", "/issues/9", &json!({"state": "closed"})), 404);
    github.world().has_issues = false;
    body(&write(&github, "POST", "/issues", &issue), 410);
    assert_eq!(github.issues().len(), 2);
}

#[test]
fn one_open_pull_request_for_a_head_and_it_is_also_an_issue() {
    let github = GitHub::start();
    github.branch("main", SHA);
    github.branch("tidegate/rollback", NEXT);
    let pull = json!({"title": "Roll back", "head": "tidegate/rollback", "base": "main"});
    let made = body(&write(&github, "POST", "/pulls", &pull), 201);
    assert_eq!((&made["number"], &made["head"]["sha"]), (&json!(1), &json!(NEXT)));
    let again = body(&write(&github, "POST", "/pulls", &pull), 422);
    let text = "A pull request already exists for acme:tidegate/rollback.";
    assert_eq!(again["errors"][0]["message"], text);
    let labels = write(&github, "POST", "/issues/1/labels", &json!({"labels": ["rollback"]}));
    assert_eq!(names(&body(&labels, 200), "name"), ["rollback"]);
    let found = body(&get(&github, "/pulls?head=acme:tidegate/rollback&base=main"), 200);
    assert_eq!(found[0]["labels"][0]["name"], "rollback");
    assert_eq!(body(&get(&github, "/pulls?head=acme:other&state=all"), 200), json!([]));
    assert!(body(&get(&github, "/issues"), 200)[0]["pull_request"].is_object());
    body(&write(&github, "PATCH", "/pulls/1", &json!({"body": "new", "state": "closed"})), 200);
    body(&write(&github, "POST", "/pulls", &pull), 201);
    assert_eq!((github.pulls().len(), github.issues().len()), (2, 0));
    let gone = json!({"title": "x", "head": "gone", "base": "main"});
    assert_eq!(body(&write(&github, "POST", "/pulls", &gone), 422)["errors"][0]["field"], "head");
    github.world().actions_may_open_pulls = false;
    let answer = body(&write(&github, "POST", "/pulls", &pull), 403);
    assert!(answer["message"].as_str().unwrap().contains("not permitted to create"));
}

#[test]
fn an_app_signs_for_its_installation_and_gets_a_token() {
    let github = GitHub::start();
    github.install_app(&Key::shared().public);
    let now = jiff::Timestamp::now().as_second();
    let claims =
        |from: i64, until: i64| json!({"iss": APP_ID, "iat": now + from, "exp": now + until});
    let with = |token: &str, method: &str, path: &str| {
        let request = Request::new(method, path).header("User-Agent", "x");
        send(&github, &request.header("Authorization", &format!("Bearer {token}")))
    };
    let installation = "/repos/acme/app/installation";
    let good = app::sign(Key::shared(), &claims(-60, 540));
    assert_eq!(body(&with(&good, "GET", installation), 200)["id"], INSTALLATION);
    let path = format!("/app/installations/{INSTALLATION}/access_tokens");
    let made = body(&with(&good, "POST", &path), 201);
    let token = made["token"].as_str().unwrap();
    assert!(
        made["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second() > now
    );
    let issue = Request::new("POST", "/repos/acme/app/issues").header("User-Agent", "x");
    let issue = issue.header("Authorization", &format!("token {token}"));
    let made = body(&send(&github, &issue.body(b"{\"title\":\"x\"}")), 201);
    assert_eq!(made["user"]["login"], "acme-tidegate[bot]");
    // Wrong times, a wrong key, a wrong App, or no signed token at all.
    for bad in [
        app::sign(Key::shared(), &claims(60, 540)),
        app::sign(Key::shared(), &claims(-60, 700)),
        app::sign(Key::shared(), &claims(-600, -1)),
        app::sign(Key::shared(), &json!({"iss": 1, "iat": now - 60, "exp": now + 60})),
        app::sign(&Key::generate(), &claims(-60, 540)),
        TOKEN.to_owned(),
    ] {
        body(&with(&bad, "GET", installation), 401);
        body(&with(&bad, "POST", &path), 401);
    }
    body(&with(&good, "POST", "/app/installations/1/access_tokens"), 404);
}

#[test]
fn faults_in_front_of_the_fake_reach_the_client_and_links_lead_through_them() {
    let github = GitHub::start();
    for _ in 0..3 {
        github.add(Run::push(SHA));
    }
    let proxy = FaultProxy::start(&github.host());
    let send = |request: &Request| exchange(proxy.host(), request);
    let answer = send(&request("GET", "/repos/acme/app/actions/runs?per_page=2")).unwrap();
    assert!(answer.get("link").unwrap().contains(proxy.host()), "{:?}", answer.get("link"));
    let post = || request("POST", "/repos/acme/app/issues").body(b"{\"title\":\"x\"}");
    proxy.add(Rule::on("POST", "/issues").times(1).fault(Fault::Close));
    proxy.add(Rule::on("POST", "/issues").times(1).fault(Fault::DropAnswer));
    proxy.add(Rule::on("POST", "/issues").times(1).fault(Fault::CutBody(10)));
    proxy.add(Rule::on("POST", "/issues").times(1).answer(502, &[], "<html>"));
    for applied in [0, 1, 2] {
        send(&post()).expect_err("no whole answer");
        assert_eq!(github.issues().len(), applied);
    }
    assert_eq!(send(&post()).unwrap().status, 502);
    assert_eq!(send(&post()).unwrap().status, 201);
    assert_eq!(github.issues().len(), 3);
    // An answer without a body passes as it is.
    github.branch("main", SHA);
    github.dispatchable("retry.yml", &[]);
    let path = "/repos/acme/app/actions/workflows/retry.yml/dispatches";
    assert_eq!(send(&request("POST", path).body(b"{\"ref\":\"main\"}")).unwrap().status, 204);
}
