use std::collections::BTreeMap;

use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// The environment of a push to main, as the runner sets it.
struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    fn new() -> Self {
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_SHA", SHA),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_REPOSITORY", "acme/app"),
            ("GITHUB_RUN_ID", "17"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_ACTOR", "dependabot[bot]"),
        ];
        Self(variables.map(|(name, value)| (name, value.to_owned())).into())
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    fn read(&self) -> Result<Option<Run>, ActionsError> {
        Run::from_env(&|name| self.0.get(name).cloned())
    }

    fn run(&self) -> Run {
        self.read().unwrap().unwrap()
    }

    fn with_event(self, folder: &tempfile::TempDir, payload: &str) -> Self {
        let path = folder.path().join("event.json");
        std::fs::write(&path, payload).unwrap();
        self.with("GITHUB_EVENT_PATH", path.to_str().unwrap())
    }
}

fn main_branch() -> BranchName {
    "main".parse().unwrap()
}

#[test]
fn outside_actions_there_is_no_run() {
    assert_eq!(Run::from_env(&|_| None).unwrap(), None);
    for value in ["false", ""] {
        assert_eq!(Environment::new().with("GITHUB_ACTIONS", value).read().unwrap(), None);
    }
}

#[test]
fn a_push_to_main() {
    let folder = tempfile::tempdir().unwrap();
    let payload = format!("{{\"before\": \"{SHA}\", \"forced\": true, \"commits\": []}}");
    let run = Environment::new().with_event(&folder, &payload).run();
    assert_eq!(run.identity, RunIdentity { id: 17, attempt: 2 });
    assert_eq!(run.url().as_deref(), Some("https://github.com/acme/app/actions/runs/17"));
    assert_eq!(run.branch(), Some(main_branch()));
    assert_eq!((run.before.as_ref().map(CommitSha::as_str), run.forced), (Some(SHA), Some(true)));
    assert_eq!(run.permission(&main_branch()), Permission::AllVerdicts);
}

#[test]
fn a_new_branch_has_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let payload = format!("{{\"before\": \"{}\", \"forced\": null}}", "0".repeat(40));
    let run = Environment::new().with_event(&folder, &payload).run();
    assert_eq!((run.before, run.forced), (None, None));
}

#[test]
fn a_pull_request_is_told_from_a_fork_by_its_repository() {
    let folder = tempfile::tempdir().unwrap();
    let head = |repo: &str| format!("{{\"pull_request\": {{\"head\": {{\"repo\": {repo}}}}}}}");
    for (payload, expected) in [
        (head("{\"full_name\": \"Acme/App\"}"), Origin::SameRepository),
        (
            head("{\"full_name\": \"stranger/app\"}"),
            Origin::Fork { repository: Some("stranger/app".into()) },
        ),
        (head("null"), Origin::Fork { repository: None }),
        (head("{}"), Origin::Unknown),
        ("{}".to_owned(), Origin::Unknown),
    ] {
        let run = Environment::new()
            .with("GITHUB_EVENT_NAME", "pull_request")
            .with("GITHUB_REF", "refs/heads/main")
            .with_event(&folder, &payload)
            .run();
        assert_eq!(run.origin, expected, "{payload}");
        let is_refused = matches!(run.permission(&main_branch()), Permission::Refused(_));
        assert_eq!(is_refused, expected != Origin::SameRepository, "{payload}");
    }
}

#[test]
fn a_pull_request_without_an_event_file_may_be_a_fork() {
    let run = Environment::new().with("GITHUB_EVENT_NAME", "pull_request").run();
    assert_eq!(run.permission(&main_branch()), Permission::Refused(Refusal::UnknownOrigin));
}

#[test]
fn a_wrong_environment_is_named() {
    for (name, value) in [
        ("GITHUB_SHA", ""),
        ("GITHUB_SHA", "HEAD"),
        ("GITHUB_SHA", "--upload-pack=x"),
        ("GITHUB_RUN_ID", "-1"),
        ("GITHUB_RUN_ID", "1\n2"),
        ("GITHUB_RUN_ATTEMPT", "99999999999"),
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_REPOSITORY", "../app"),
        ("GITHUB_REPOSITORY", "acme/app/x"),
        ("GITHUB_SERVER_URL", "javascript:alert(1)"),
        ("GITHUB_REF", ""),
        ("GITHUB_EVENT_NAME", ""),
        ("GITHUB_EVENT_PATH", "/nonexistent/event.json"),
    ] {
        let error = Environment::new().with(name, value).read().unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn credentials_in_the_server_url_are_refused_and_not_shown() {
    let environment = Environment::new().with("GITHUB_SERVER_URL", "https://u:hunter2@github.com");
    let error = environment.read().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_bad_event_file_is_named_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for payload in ["", "[1,\n2", "\"x\"", "{\"forced\": \"yes\"}", &"[".repeat(100_000)] {
        let error = Environment::new().with_event(&folder, payload).read().unwrap_err();
        assert!(error.to_string().contains("event.json, line "), "{error}");
    }
}

#[test]
fn the_deletion_of_another_branch_is_no_push_to_main() {
    let folder = tempfile::tempdir().unwrap();
    let payload = "{\"ref\": \"refs/heads/feature\", \"deleted\": true}";
    let run = Environment::new().with_event(&folder, payload).run();
    assert_eq!(run.permission(&main_branch()), Permission::Refused(Refusal::Deletion));
}
