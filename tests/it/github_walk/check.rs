//! The promises.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{HOOK_PATH, HOOK_SECRET, Story};
use crate::harness::github::{ACTIONS_BOT, TOKEN};
use crate::harness::tidegate::{Run, Tidegate};

/// The world between two steps.
pub struct Look {
    refs: BTreeMap<String, String>,
    pub records: Vec<Value>,
    quarantines: BTreeMap<String, Value>,
    passed: BTreeSet<String>,
}

const STATE: &str = "refs/heads/tidegate";

impl Story {
    pub fn look(&self) -> Look {
        let refs = self.project.refs();
        let mut look = Look {
            refs,
            records: Vec::new(),
            quarantines: BTreeMap::new(),
            passed: BTreeSet::new(),
        };
        if !look.refs.contains_key(STATE) {
            return look;
        }
        let read = |path: &str| -> Value {
            serde_json::from_str(&self.project.show(STATE, path)).expect("JSON")
        };
        let files = self.project.remote_git(&["ls-tree", "-r", "--name-only", STATE]);
        for path in files.lines() {
            if path == "index.json" {
                look.records.clone_from(read(path)["records"].as_array().unwrap());
            } else if path.starts_with("quarantine/") {
                let file = read(path);
                look.quarantines.insert(file["commit"].as_str().unwrap().to_owned(), file);
            } else if path.starts_with("verdicts/") {
                let file = read(path);
                if file["outcome"] == "passed" {
                    look.passed.insert(file["commit"].as_str().unwrap().to_owned());
                }
            }
        }
        look
    }

    fn is_ancestor(&self, one: &str, other: &str) -> bool {
        self.project.remote_git(&["merge-base", "--independent", one, other]).trim() == other
    }

    /// What a process may say, and how it may end.
    pub fn check_run(&self, run: &Run, by_hand: bool) {
        let code = run.status.unwrap_or(-1);
        let documented = matches!(code, 0 | 3..=12) || (by_hand && code == 2);
        if !documented || run.stderr.contains("panicked") {
            self.fail(&format!("a bad end: {run:?}"));
        }
        for secret in [TOKEN, HOOK_SECRET, HOOK_PATH] {
            let shown = |line: &&str| line.contains(secret) && !line.contains("::add-mask::");
            if let Some(line) = run.stdout.lines().chain(run.stderr.lines()).find(shown) {
                self.fail(&format!("a secret is shown: {line}"));
            }
        }
    }

    /// A gate that says `retry` reverts and quarantines nothing.
    pub fn check_retry(&self, before: &Look, run: &Run) {
        if run.status != Some(5) {
            return;
        }
        let after = self.look();
        if before.quarantines != after.quarantines {
            self.fail("a verdict retry quarantined");
        }
        let range = format!("{}..refs/heads/main", before.refs["refs/heads/main"]);
        let new =
            self.project.remote_git(&["log", "--author=github-actions", "--format=%s", &range]);
        if new.lines().any(|subject| !subject.contains("Record release")) {
            self.fail(&format!("a verdict retry changed main: {new}"));
        }
    }

    /// Everything that holds after each step.
    pub fn check(&mut self, before: &Look, automatic: bool, faulty: bool) {
        let after = self.look();
        for (name, old) in &before.refs {
            // A branch of a pull request may be deleted by people only, and nobody does.
            let Some(new) = after.refs.get(name) else { self.fail(&format!("{name} is gone")) };
            if old != new && !self.is_ancestor(old, new) {
                self.fail(&format!("{name} was rewritten"));
            }
        }
        if after.records[..before.records.len()] != before.records[..] {
            self.fail("a record has changed");
        }
        let new: Vec<Value> = after.records[before.records.len()..].to_vec();
        let promoted = new.iter().any(|record| record["kind"] == "promotion");
        if automatic {
            for (at, record) in new.iter().enumerate() {
                self.check_promotion(before, &before.records, &new[..at], record);
            }
        }
        self.check_rollbacks(before, promoted, automatic, faulty);
        self.check_stable(&after, faulty);
        self.check_audience();
    }

    fn check_promotion(&self, before: &Look, old: &[Value], new: &[Value], record: &Value) {
        let commit = record["commit"].as_str().unwrap();
        if record["kind"] != "promotion" {
            self.fail("a gate rolled stable back");
        }
        for earlier in old.iter().chain(new).filter(|record| record["kind"] == "promotion") {
            let earlier = earlier["commit"].as_str().unwrap();
            if earlier == commit || !self.is_ancestor(earlier, commit) {
                self.fail(&format!("{commit} over {earlier}, which is not older"));
            }
        }
        let Some(at) = self.pushes.iter().position(|push| push.commit == commit) else {
            self.fail(&format!("{commit}, which has no run, was promoted"));
        };
        if self.tests(at) != "success" {
            self.fail(&format!("{commit}, whose tests did not pass, was promoted"));
        }
        let lifted = before.quarantines.get(commit).is_some_and(|file| file["lifted"].is_object());
        if self.out.contains(commit) && !lifted {
            self.fail(&format!("{commit}, which a rollback took out, was promoted"));
        }
        let quarantined = before.quarantines.contains_key(commit) && !lifted;
        if quarantined {
            self.fail(&format!("{commit}, which is quarantined, was promoted"));
        }
    }

    fn check_rollbacks(&mut self, before: &Look, promoted: bool, automatic: bool, faulty: bool) {
        let range = format!("{}..refs/heads/main", before.refs["refs/heads/main"]);
        let args = [
            "log",
            "--first-parent",
            "--reverse",
            "--author=github-actions",
            "--format=%H",
            &range,
        ];
        let commits = self.project.remote_git(&args);
        let mut reverts = 0;
        for commit in commits.lines() {
            let message = self.project.message(commit);
            let trailer = |name: &str| {
                let line = message.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_start_matches(':').trim().to_owned())
            };
            let (Some(from), Some(to)) =
                (trailer("Tidegate-Rollback-From"), trailer("Tidegate-Rollback-To"))
            else {
                continue;
            };
            self.tell(format!("    main: {} -> {}", &from[..7], &to[..7]));
            let out = format!("{to}..{commit}^");
            let out = self.project.remote_git(&["rev-list", &out]);
            self.out.extend(out.lines().map(str::to_owned));
            if !automatic {
                continue;
            }
            reverts += 1;
            if !message.contains("[skip ci]") {
                self.fail("a rollback without a skip marker");
            }
            let (good, bad) = (self.project.listing(&to), self.project.listing(commit));
            if good != bad {
                self.fail(&format!("{commit} does not show the tree of {to}"));
            }
            let known = before.records.iter().any(|record| record["commit"] == *to)
                || before.passed.contains(&to);
            let run = self.pushes.iter().position(|push| push.commit == to);
            if let Some(at) = run
                && !known
                && !faulty
                && self.tests(at) != "success"
            {
                self.fail(&format!("rolled back to {to}, whose tests did not pass"));
            }
            if let Some(at) = self.pushes.iter().position(|push| push.commit == from)
                && self.tests(at) == "success"
            {
                self.fail(&format!("rolled back {from}, whose tests passed"));
            }
        }
        self.row = if promoted { reverts } else { self.row + reverts };
        if self.row > 3 {
            self.fail("more than max_depth rollbacks in a row");
        }
    }

    fn check_stable(&self, after: &Look, faulty: bool) {
        let Some(newest) = after.records.last() else { return };
        let commit = newest["commit"].as_str().unwrap();
        let same = after.refs.contains_key("refs/heads/stable")
            && self.project.tree("refs/heads/stable") == self.project.tree(commit);
        if same {
            return;
        }
        if !faulty {
            self.fail(&format!("stable does not show {commit}"));
        }
        let clone = self.clone();
        let status = Tidegate::new().args(["status", "--json"]).current_dir(clone.path()).run();
        self.check_run(&status, false);
        if status.json()["agreement"] != "no" {
            self.fail(&format!("status does not say that stable lags: {}", status.stdout));
        }
    }

    fn check_audience(&self) {
        let issues = self.github.issues();
        let own = issues.iter().filter(|issue| issue.creator == ACTIONS_BOT);
        let open = own.clone().filter(|issue| issue.state == "open").count();
        if open > 1 {
            self.fail(&format!("{open} open issues: {issues:#?}"));
        }
        let mut seen = BTreeSet::new();
        for issue in own {
            if !seen.insert(&issue.title) {
                self.fail(&format!("two issues for one rollback: {issues:#?}"));
            }
        }
        let pulls = self.github.pulls();
        let mut heads = BTreeSet::new();
        for pull in &pulls {
            if !heads.insert(&pull.pull.as_ref().unwrap().head) {
                self.fail(&format!("two pull requests of one commit: {pulls:#?}"));
            }
        }
        let mut deliveries = BTreeSet::new();
        for received in self.receiver.received() {
            let key = received.header("tidegate-delivery").map_or(received.text(), str::to_owned);
            if received.text().contains(TOKEN) || received.text().contains(HOOK_SECRET) {
                self.fail("a secret was sent");
            }
            if !deliveries.insert((received.path.clone(), key.clone())) {
                self.fail(&format!("delivered twice: {} {key}", received.path));
            }
        }
    }

    /// What holds when every run has ended.
    pub fn check_end(&mut self) {
        let mut head = self.project.branch("main");
        while self.project.message(&head).contains("Tidegate-Release:") {
            let below = self.project.remote_git(&["rev-parse", &format!("{head}^")]);
            below.trim().clone_into(&mut head);
        }
        if let Some(at) = self.pushes.iter().position(|push| push.commit == head)
            && self.tests(at) != "success"
        {
            let word = self.pushes[at].word.clone();
            let branch = format!("tidegate-rollback-{}", &head[..12]);
            let pulls = self.github.pulls();
            let waits = pulls.iter().any(|pull| pull.pull.as_ref().unwrap().head == branch);
            let named = word.as_ref().is_some_and(|(verdict, reasons)| {
                let lasting = |name: &String| {
                    !["unfinished_runs", "github_did_not_answer", "job_failed", "failed_earlier"]
                        .contains(&name.as_str())
                };
                verdict == "hold" && reasons.iter().any(lasting)
            });
            if !waits && !named {
                self.fail(&format!("the failure of {head} (#{at}) is lost: {word:?}"));
            }
        }
        let objects = self.project.remote_git(&["log", "--all", "-p", "--format=%B%an%ae"]);
        for secret in [TOKEN, HOOK_SECRET, HOOK_PATH] {
            if objects.contains(secret) {
                self.fail("a secret is in the repository");
            }
            if self
                .github
                .seen()
                .iter()
                .any(|seen| String::from_utf8_lossy(&seen.body).contains(secret))
            {
                self.fail("a secret is in a request's body");
            }
        }
        let defects = self.github.take_defects();
        if !defects.is_empty() {
            self.fail(&format!("GitHub does not have it: {defects:?}"));
        }
    }
}
