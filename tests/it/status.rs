//! `status` and `history`, by the real binary on real repositories.

use serde_json::Value;
use tempfile::TempDir;
use tidegate::adapters::registry::layout::Builder;

use crate::harness::repo::Repo;
use crate::harness::tidegate::{Run, Tidegate};

const PASSED: &str = r#"{"tests":{"result":"success","outputs":{}}}"#;
const FAILED: &str = r#"{"tests":{"result":"failure","outputs":{}}}"#;
const LEDGER: &str = "docs/ML_EXPERIMENT_RESULTS.md";

/// A remote, a clone of it, and a layout with an image for the first commit.
struct World {
    remote: Repo,
    work: Repo,
    images: TempDir,
}

impl World {
    fn new() -> Self {
        let remote = Repo::init_bare();
        let work = Repo::init();
        work.add_remote("origin", &remote.file_url());
        let images = TempDir::new().unwrap();
        let config = format!("images: [\"oci:{}\"]\n", images.path().display());
        work.commit("Fix the loader", &[(".github/tidegate.yml", &config), ("app.py", "good\n")]);
        work.push("HEAD:refs/heads/main");
        Self { remote, work, images }
    }

    /// Builds the image of HEAD, and returns its digest.
    fn build(&self, tags: &[&str]) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let created = "2026-01-01T00:00:00Z".parse().unwrap();
        let tags: Vec<_> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let builder = Builder::new(self.work.head().parse().unwrap(), created)
            .two_platforms(&[b"not a tar".to_vec()]);
        let index = runtime.block_on(builder.write(self.images.path(), &tags)).unwrap();
        index.digest.to_string()
    }

    fn tidegate(&self, args: &[&str]) -> Run {
        Tidegate::new().args(args).current_dir(self.work.path()).run()
    }

    /// Promotes HEAD.
    fn promoted() -> Self {
        let world = Self::new();
        let digest = world.build(&["main-candidate"]);
        world.tidegate(&["gate", "--needs", PASSED, "--digest", &digest]).success();
        world
    }

    /// Pushes a commit that breaks something, on top of what the remote has.
    fn push_bad(&self) -> String {
        self.work.git(&["pull", "-q", "--ff-only", "origin", "main"]);
        let bad = self.work.commit("Break the loader", &[("app.py", "bad\n")]);
        self.work.push("HEAD:refs/heads/main");
        bad
    }

    fn rolled_back() -> (Self, String) {
        let world = Self::promoted();
        let bad = world.push_bad();
        world.tidegate(&["gate", "--needs", FAILED]).code(3);
        (world, bad)
    }

    fn status(&self) -> Value {
        let status = self.tidegate(&["status", "--json"]).success().json();
        assert_eq!(status["schema"], "tidegate/status/1");
        status
    }
}

#[track_caller]
fn finding(status: &Value, part: &str) -> String {
    let checks = status["checks"].as_array().unwrap();
    let found: Vec<_> = checks.iter().filter(|check| check["part"] == part).collect();
    assert!(!found.is_empty(), "no check of {part}: {status:#}");
    let findings: Vec<&str> = found.iter().map(|c| c["finding"].as_str().unwrap()).collect();
    let differs = findings.iter().find(|finding| **finding != "same");
    (*differs.unwrap_or(&findings[0])).to_owned()
}

fn commands(status: &Value) -> Vec<&str> {
    let next = status["next"].as_array().unwrap();
    next.iter().map(|next| next["command"].as_str().unwrap()).collect()
}

#[test]
fn before_the_first_release_it_says_so() {
    let world = World::new();
    let status = world.status();
    assert!(status["live"].is_null() && status["last_good"].is_null());
    assert_eq!(status["agreement"], "no_record");
    let shown = world.tidegate(&["status"]).success();
    assert!(shown.stdout.starts_with("nothing is released yet\n"), "{}", shown.stdout);
}

#[test]
fn after_a_promotion_everything_agrees() {
    let world = World::promoted();
    let good = world.work.head();
    let status = world.status();
    assert_eq!(status["agreement"], "yes", "{status:#}");
    assert_eq!(status["live"]["release"], 1);
    assert_eq!(status["live"]["commit"], good.as_str());
    assert_eq!(status["pin"]["commit"], good.as_str());
    assert_eq!(status["last_good"]["source"], "record");
    let tags = status["images"][0]["tags"].as_array().unwrap();
    assert_eq!(tags.len(), 2);
    assert!(tags.iter().all(|tag| tag["digest"] == status["live"]["images"][0]["digest"]));
    assert_eq!(status["images"][0]["built"], "2026-01-01T00:00:00Z");
    assert_eq!(status["next"].as_array().unwrap().len(), 0);
    let shown = world.tidegate(&["status"]).success();
    let mut lines = shown.stdout.lines();
    let first = format!("release 1 is live: {} Fix the loader (just now)", &good[..7]);
    assert_eq!(lines.next(), Some(first.as_str()));
    let second = "everything agrees: record, main, stable, 2 image tags, ledger";
    assert_eq!(lines.next(), Some(second));
    assert_eq!(shown.stderr, "");
}

#[test]
fn after_a_rollback_it_says_why_and_how_the_change_comes_back() {
    let (world, bad) = World::rolled_back();
    let status = world.status();
    assert_eq!(status["agreement"], "yes", "{status:#}");
    assert_eq!(finding(&status, "main"), "same_tree");
    let rollback = &status["rollbacks"][0];
    assert_eq!(rollback["failed"]["commit"], bad.as_str());
    assert_eq!(rollback["to"]["commit"], status["live"]["commit"]);
    assert_eq!(rollback["is_head"], true);
    assert_eq!(rollback["live_was_taken_out"], false);
    assert_eq!(rollback["commit"], world.remote.rev_parse("main"));
    assert_eq!(status["quarantines"][0]["commit"], bad.as_str());
    let undo = format!("tidegate rollback --undo {}", &bad[..7]);
    assert_eq!(commands(&status), [undo.as_str()]);
    let shown = world.tidegate(&["status"]).success().stdout;
    assert!(shown.contains("users are unaffected: they get release 1"), "{shown}");
    assert!(shown.contains("because required job \"tests\" failed"), "{shown}");
}

#[test]
fn a_rollback_is_told_until_a_promotion_follows_and_also_without_the_state_branch() {
    let (world, bad) = World::rolled_back();
    world.remote.git(&["update-ref", "-d", "refs/heads/tidegate"]);
    let status = world.status();
    assert!(status["live"].is_null());
    assert_eq!(status["rollbacks"][0]["failed"]["commit"], bad.as_str());
    assert_eq!(status["rollbacks"][0]["reason"], "Required job \"tests\" failed");
    // What is left is the ledger, a hint.
    assert_eq!(status["last_good"]["source"], "ledger");
    assert!(status["last_good"]["line"].as_u64().is_some(), "{status:#}");
    assert_eq!(status["pin"]["commit"], status["last_good"]["commit"]);
}

#[test]
fn a_promotion_after_a_rollback_ends_the_telling() {
    let (world, _) = World::rolled_back();
    world.work.git(&["pull", "-q", "--ff-only", "origin", "main"]);
    world.work.commit("Mend the loader", &[("app.py", "better\n")]);
    world.work.push("HEAD:refs/heads/main");
    assert_eq!(finding(&world.status(), "main"), "ahead");
    let digest = world.build(&["main-candidate"]);
    world.tidegate(&["gate", "--needs", PASSED, "--digest", &digest]).success();
    let status = world.status();
    assert_eq!(
        (&status["live"]["release"], &status["rollbacks"]),
        (&2.into(), &Value::Array(vec![]))
    );
    assert_eq!(status["agreement"], "yes", "{status:#}");
}

#[test]
fn stable_moved_by_hand_is_named_with_what_mends_it() {
    let (world, bad) = World::rolled_back();
    world.remote.git(&["update-ref", "refs/heads/stable", &bad]);
    let status = world.status();
    assert_eq!(
        (status["agreement"].as_str(), finding(&status, "stable").as_str()),
        (Some("no"), "differs")
    );
    assert!(status["pending"][0].as_str().unwrap().starts_with("branch stable -> "));
    assert_eq!(commands(&status)[0], "tidegate repair");
    let shown = world.tidegate(&["status"]).success().stdout;
    assert!(shown.contains("not everything agrees with release 1"), "{shown}");
    assert!(!shown.contains("unaffected"), "{shown}");
    world.remote.git(&["update-ref", "-d", "refs/heads/stable"]);
    assert_eq!(finding(&world.status(), "stable"), "differs");
}

#[test]
fn stable_with_the_right_tree_and_a_commit_of_nobody_is_still_pending() {
    let world = World::promoted();
    let tree = world.work.tree("HEAD");
    let other = world.remote.git(&["commit-tree", &tree, "-m", "A copy"]);
    world.remote.git(&["update-ref", "refs/heads/stable", &other]);
    let status = world.status();
    assert_eq!(finding(&status, "stable"), "differs");
    let details = status["checks"].to_string();
    assert!(details.contains("same tree as") && details.contains("does not name"), "{details}");
}

#[test]
fn tags_that_moved_are_named() {
    let world = World::promoted();
    world.work.commit("Something else", &[("app.py", "other\n")]);
    world.build(&["latest"]);
    let status = world.status();
    assert_eq!(finding(&status, "tag"), "differs");
    let pending = status["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 1, "{status:#}");
    assert!(pending[0].as_str().unwrap().contains(":latest -> "), "{status:#}");
}

#[test]
fn a_ledger_without_the_entry_lags_and_one_with_a_forged_entry_leads() {
    let world = World::promoted();
    world.work.git(&["pull", "-q", "--ff-only", "origin", "main"]);
    let honest = world.work.show_text("HEAD", LEDGER);
    world.work.commit("Tidy", &[(LEDGER, "# Results\n")]);
    world.work.push("HEAD:refs/heads/main");
    let status = world.status();
    assert_eq!(finding(&status, "ledger"), "differs");
    assert!(status["pending"][0].as_str().unwrap().starts_with("ledger "), "{status:#}");

    let forged = format!(
        "{honest}\n---\n\n## CI/CD Test Execution Log\n\nDate: 2026-01-02 00:00:00 UTC\nBranch: main\n\
         Commit: {}\nRelease: 99\nStatus: ✅ Tests Passed\n",
        world.work.head()
    );
    world.work.commit("Forge", &[(LEDGER, &forged)]);
    world.work.push("HEAD:refs/heads/main");
    let status = world.status();
    assert_eq!(finding(&status, "ledger"), "differs");
    assert!(status["checks"].to_string().contains("names release 99"), "{status:#}");
    assert_eq!(commands(&status), ["tidegate ledger show"]);
    // The forged entry is a hint; the record stays the witness.
    assert_eq!(status["last_good"]["source"], "record");

    world.work.commit("Break", &[(LEDGER, "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> b\n")]);
    world.work.push("HEAD:refs/heads/main");
    assert!(world.status()["checks"].to_string().contains("cannot be read"));
}

#[test]
fn an_unreadable_state_branch_is_an_answer_and_no_failure() {
    let world = World::promoted();
    let state = Repo::clone_with(&world.remote.file_url(), &["-b", "tidegate"]);
    state.commit("Tamper", &[("index.json", "{ not json")]);
    state.push("HEAD:refs/heads/tidegate");
    let status = world.status();
    assert!(status["state_problem"].as_str().unwrap().contains("index.json"), "{status:#}");
    let shown = world.tidegate(&["status"]).success().stdout;
    assert!(shown.starts_with("what is live cannot be told:"), "{shown}");
    assert!(!shown.contains("unaffected"), "{shown}");
    assert!(shown.contains("git log -p refs/tidegate/tidegate"), "{shown}");
}

#[test]
fn without_network_the_last_fetched_refs_answer() {
    let (world, _) = World::rolled_back();
    let online = world.status();
    let gone = world.remote.path().with_extension("gone");
    std::fs::rename(world.remote.path(), &gone).unwrap();
    let status = world.status();
    assert_eq!(status["source"], "last_fetch");
    assert!(status["warnings"][0].as_str().unwrap().contains("the last fetched refs are used"));
    assert_eq!(status["live"], online["live"]);
    assert_eq!(status["rollbacks"], online["rollbacks"]);
    let offline = world.tidegate(&["status", "--offline", "--json"]).success();
    assert_eq!(offline.json()["live"], online["live"]);
    assert_eq!(offline.json()["warnings"], Value::Array(vec![]));
}

#[test]
fn a_registry_that_is_not_there_is_a_warning() {
    let world = World::new();
    // Nothing listens on the discard port of this machine.
    world.work.write("other.yml", "images: [\"127.0.0.1:9/acme/app\", \"127.0.0.1:9/acme/web\"]\n");
    let status = world.tidegate(&["status", "--json", "--config", "other.yml"]).success().json();
    let warnings = status["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{status:#}");
    assert!(warnings[0].as_str().unwrap().contains("127.0.0.1:9"), "{status:#}");
    let asked = world.tidegate(&["status", "--json", "--offline", "--config", "other.yml"]);
    assert_eq!(asked.success().json()["warnings"], Value::Array(vec![]));
}

#[test]
fn a_registry_that_never_answers_is_a_warning_too() {
    let world = World::new();
    // The system takes the connection, and nobody reads from it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap();
    world.work.write("other.yml", format!("images: [\"{host}/acme/app\"]\n"));
    let status = world.tidegate(&["status", "--json", "--config", "other.yml"]).success().json();
    let warnings = status["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{status:#}");
    assert!(warnings[0].as_str().unwrap().contains(&host.to_string()), "{status:#}");
}

/// Writes what a rollback of stable writes: record 3 restores release 1, commit 2 is quarantined.
fn take_stable_back(world: &World, left: &str) {
    let state = Repo::clone_with(&world.remote.file_url(), &["-b", "tidegate"]);
    let read =
        |path: &str| -> Value { serde_json::from_str(&state.show_text("HEAD", path)).unwrap() };
    let created = "2026-01-05T00:00:00Z";
    let mut record = read("records/000001.json");
    let mut index = read("index.json");
    for (key, value) in [
        ("number", Value::from(3)),
        ("kind", "rollback".into()),
        ("restores", 1.into()),
        ("created", created.into()),
        ("reason", "login is broken".into()),
    ] {
        record[key] = value;
    }
    index["newest"] = 3.into();
    index["records"].as_array_mut().unwrap().push(serde_json::json!({
        "number": 3, "kind": "rollback", "restores": 1, "commit": record["commit"], "created": created,
    }));
    let note = serde_json::json!({
        "to": record["commit"], "range": [left], "after_record": 3, "by_hand": true,
    });
    let quarantine = serde_json::json!({
        "version": 1, "commit": left, "reason": "login is broken", "created": created,
        "rollback": note,
    });
    let hold = serde_json::json!({
        "version": 1, "id": "stable-only-3", "reason": "login is broken", "by": "octocat",
        "created": created,
    });
    let ended = serde_json::json!({
        "version": 1, "id": "old", "reason": "over", "created": created, "expires": created,
    });
    let quarantine_path = format!("quarantine/{left}.json");
    let files = [
        ("index.json", index),
        ("records/000003.json", record),
        (quarantine_path.as_str(), quarantine),
        ("holds/stable-only-3.json", hold),
        ("holds/old.json", ended),
    ];
    let texts: Vec<(&str, String)> =
        files.iter().map(|(path, value)| (*path, value.to_string())).collect();
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    state.commit("Release 3: back to release 1", &texts);
    state.push("HEAD:refs/heads/tidegate");
}

#[test]
fn a_rollback_of_stable_shows_as_one_with_its_hold_and_what_is_pending() {
    let world = World::promoted();
    let first = world.work.head();
    let second = world.push_bad();
    let digest = world.build(&["main-candidate"]);
    world.tidegate(&["gate", "--needs", PASSED, "--digest", &digest]).success();
    take_stable_back(&world, &second);
    let freeze =
        "freeze: [{ cron: \"* * * * *\", duration: 2h, timezone: UTC, reason: festival }]\n";
    let config = format!("images: [\"oci:{}\"]\n{freeze}", world.images.path().display());
    world.work.write(".github/tidegate.yml", config);
    let status = world.status();
    assert_eq!(
        (&status["live"]["kind"], &status["live"]["restores"]),
        (&"rollback".into(), &1.into())
    );
    assert_eq!(status["live"]["commit"], first.as_str());
    // Tags and branch still show release 2: the run was killed after the commit point.
    assert_eq!(status["pending"].as_array().unwrap().len(), 3, "{status:#}");
    assert_eq!(finding(&status, "main"), "ahead");
    let rollback = &status["rollbacks"][0];
    assert_eq!(rollback["what"], "stable");
    assert_eq!(rollback["failed"]["commit"], second.as_str());
    assert_eq!(rollback["to_release"], 1);
    assert_eq!(status["holds"].as_array().unwrap().len(), 1, "an expired hold is over");
    assert_eq!(status["freezes"][0]["reason"], "festival");
    assert_eq!(commands(&status), ["tidegate repair", "tidegate resume"]);
    let shown = world.tidegate(&["status"]).success().stdout;
    assert!(shown.starts_with("release 3 is live: back to release 1, "), "{shown}");
    assert!(
        shown.contains("promotions are on hold until `tidegate resume`: login is broken"),
        "{shown}"
    );
    let history = world.tidegate(&["history"]).success().stdout;
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 5, "{history}");
    assert!(history.contains("stable back") && history.contains("login is broken"), "{history}");
}

#[test]
fn a_rollback_that_never_landed_is_told_as_begun() {
    let (world, bad) = World::rolled_back();
    world.remote.git(&["update-ref", "refs/heads/main", &bad]);
    let status = world.status();
    assert!(status["rollbacks"][0]["commit"].is_null(), "{status:#}");
    let again = format!("tidegate rollback --failed {}", &bad[..7]);
    assert_eq!(commands(&status), [again.as_str()]);
    let shown = world.tidegate(&["status"]).success().stdout;
    assert!(shown.contains("a rollback of main was begun"), "{shown}");
}

#[test]
fn every_kind_of_clone_answers() {
    let (world, _) = World::rolled_back();
    let expected = world.status();
    let ask = |repo: &Repo, folder: &str| {
        let run = Tidegate::new().args(["status", "--json"]).current_dir(repo.path().join(folder));
        run.run().success().json()
    };
    let same = |status: &Value| {
        for part in ["live", "last_good", "rollbacks", "agreement"] {
            assert_eq!(status[part], expected[part], "{part}: {status:#}");
        }
    };
    let fresh = Repo::clone_of(&world.remote.file_url());
    same(&ask(&fresh, ""));
    same(&ask(&fresh, ".github"));
    fresh.checkout("HEAD~1");
    same(&ask(&fresh, ""));
    let bare = Repo::clone_with(&world.remote.file_url(), &["--bare"]);
    same(&ask(&bare, ""));
    let own = ask(&world.remote, "");
    assert_eq!(own["source"], "local");
    same(&own);
}

#[test]
fn a_shallow_clone_says_what_it_cannot_know_and_stays_shallow() {
    let (world, bad) = World::rolled_back();
    let shallow = Repo::clone_with(&world.remote.file_url(), &["--depth=1", "--no-single-branch"]);
    let run = Tidegate::new().args(["status", "--json"]).current_dir(shallow.path()).run();
    let status = run.success().json();
    assert_eq!(status["shallow"], true);
    assert_eq!(status["live"]["release"], 1);
    assert_eq!(status["rollbacks"][0]["failed"]["commit"], bad.as_str());
    assert!(status["last_good_unknown"].as_str().unwrap().contains("shallow"), "{status:#}");
    assert!(commands(&status).contains(&"git fetch --unshallow"), "{status:#}");
    assert_eq!(finding(&status, "stable"), "same", "{status:#}");
    assert_eq!(shallow.git(&["rev-parse", "--is-shallow-repository"]), "true");
}

#[test]
fn nothing_at_all_is_an_answer_too() {
    let empty = Repo::init();
    let run = Tidegate::new().args(["status"]).current_dir(empty.path()).run().success();
    assert!(run.stdout.starts_with("nothing is released yet"), "{}", run.stdout);
    let folder = TempDir::new().unwrap();
    let run = Tidegate::new().args(["status"]).current_dir(folder.path()).run();
    assert_ne!(run.status, Some(0));
    assert!(run.stderr.contains("not in a git repository"), "{}", run.stderr);
}

#[test]
fn a_broken_configuration_is_a_warning() {
    let world = World::promoted();
    world.work.write(".github/tidegate.yml", "colour: red\n");
    let status = world.status();
    assert_eq!(status["live"]["release"], 1);
    let warning = status["warnings"][0].as_str().unwrap();
    assert!(warning.contains("colour") && warning.contains("the defaults are used"), "{warning}");
}

#[test]
fn asking_changes_nothing_on_the_remote() {
    let (world, _) = World::rolled_back();
    let before =
        (world.remote.refs(), world.work.git(&["status", "--porcelain"]), world.work.head());
    world.status();
    world.tidegate(&["history"]).success();
    let after =
        (world.remote.refs(), world.work.git(&["status", "--porcelain"]), world.work.head());
    assert_eq!(before, after);
}

#[test]
fn history_lists_releases_and_rollbacks_newest_first() {
    let (world, bad) = World::rolled_back();
    let history = world.tidegate(&["history", "--json"]).success().json();
    assert_eq!(history["schema"], "tidegate/history/1");
    let kinds: Vec<&str> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["main_rollback", "release"]);
    assert_eq!(history["entries"][0]["failed"], bad.as_str());
    assert_eq!(history["entries"][1]["subject"], "Fix the loader");
    let one = world.tidegate(&["history", "-n", "1"]).success();
    assert_eq!(one.stdout.lines().count(), 2, "{}", one.stdout);
    assert!(one.stdout.contains("main back"), "{}", one.stdout);
    assert!(one.stderr.contains("1 older"), "{}", one.stderr);
}

#[test]
fn history_without_records_is_the_ledgers() {
    let world = World::promoted();
    world.remote.git(&["update-ref", "-d", "refs/heads/tidegate"]);
    let history = world.tidegate(&["history", "--json"]).success().json();
    assert_eq!(history["entries"][0]["kind"], "ledger_entry", "{history:#}");
    assert!(history["entries"][0]["time"].is_string(), "{history:#}");
}
