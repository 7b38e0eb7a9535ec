//! Runs, their gates, and the retry workflow.

use std::sync::{Arc, Mutex};

use super::faults::Victim;
use super::{Gate, HOOK_PATH, HOOK_SECRET, RETRY_WORKFLOW, Story};
use crate::harness::fault_proxy::{Request, Rule};
use crate::harness::github::world::Run as Listed;
use crate::harness::repo::Repo;
use crate::harness::tidegate::{Run, Tidegate};

/// Sets a job of the present attempt.
fn set(run: &mut Listed, name: &str, result: &str) {
    let attempt = run.attempt;
    if let Some(job) = run.jobs.iter_mut().find(|job| job.attempt == attempt && job.name == name) {
        job.set(result, jiff::Timestamp::now());
    } else {
        *run = run.clone().job(name, result);
    }
}

impl Story {
    pub fn hook_envs(&self) -> Vec<(String, String)> {
        let url = |name: &str| format!("http://{}{HOOK_PATH}/{name}", self.hooks.host());
        [
            ("PROMOTED_URL", url("promoted")),
            ("REVERTED_URL", url("reverted")),
            ("SLACK_URL", url("slack")),
            ("HOOK_KEY", HOOK_SECRET.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    pub fn clone(&self) -> Repo {
        Repo::clone_of(&format!("http://{}/app.git", self.git.host()))
    }

    /// The runs that wait for their gate.
    fn waiting(&self) -> Vec<usize> {
        (0..self.pushes.len()).filter(|at| self.pushes[*at].gate == Gate::Waits).collect()
    }

    /// The tests of a run end, and its gate is ready.
    fn prepare(&mut self, at: usize) -> (Tidegate, Repo, bool) {
        let push = self.pushes[at].clone();
        self.github.edit(push.run, |run| {
            let known = run.jobs_in(run.attempt).into_iter().find(|job| job.name == "tests");
            if known.is_none_or(|job| job.conclusion.is_none()) {
                set(run, "tests", push.color.result(run.attempt));
            }
            set(run, "gate", "in_progress");
            "in_progress".clone_into(&mut run.status);
        });
        let result = self.tests(at);
        let needs = format!("{{\"tests\":{{\"result\":\"{result}\",\"outputs\":{{}}}}}}");
        let clone = self.clone();
        clone.checkout(&push.commit);
        let gate = Tidegate::new()
            .args(["gate", "--json", "--needs", &needs])
            .current_dir(clone.path())
            .envs(self.github.envs_of(push.run))
            .env("GITHUB_API_URL", self.github.url_through(self.api.host()))
            .envs(self.hook_envs());
        (gate, clone, result == "success")
    }

    /// How the tests of the present attempt ended.
    pub fn tests(&self, at: usize) -> String {
        let run = self.github.run(self.pushes[at].run);
        let jobs = run.jobs_in(run.attempt);
        let tests = jobs.into_iter().find(|job| job.name == "tests");
        tests.and_then(|job| job.conclusion.clone()).unwrap_or_default()
    }

    fn named(&self, at: usize) -> String {
        let push = &self.pushes[at];
        let attempt = self.github.run(push.run).attempt;
        format!("#{at} {} {:?} attempt {attempt}", &push.commit[..7], push.color)
    }

    /// Ends a run.
    fn conclude(&mut self, at: usize, ended: Option<&Run>, faulty: bool) {
        let code = ended.and_then(|run| run.status);
        let green = self.tests(at) == "success" && code == Some(0);
        self.github.edit(self.pushes[at].run, |run| {
            set(run, "gate", if code == Some(0) { "success" } else { "failure" });
            "completed".clone_into(&mut run.status);
            run.conclusion = Some(if green { "success" } else { "failure" }.to_owned());
        });
        self.pushes[at].gate = match code {
            Some(code @ (0 | 3 | 4 | 5)) => Gate::Said(code),
            _ => Gate::Broken,
        };
        let Some(ended) = ended else { return };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&ended.stdout) else {
            if matches!(code, Some(0 | 3 | 4 | 5)) {
                self.fail(&format!("the gate printed no JSON: {ended:?}"));
            }
            return;
        };
        for said in [&json, &json["left"]] {
            let Some(verdict) = said["verdict"].as_str() else { continue };
            let reasons = said["reasons"].as_array().cloned().unwrap_or_default();
            let reasons: Vec<String> =
                reasons.iter().map(|r| r["reason"].as_str().unwrap().to_owned()).collect();
            let commit = &said["commit"];
            self.tell(format!("    {} {verdict} {reasons:?}", &commit.as_str().unwrap()[..7]));
            // A slow machine: nobody could know.
            if reasons.iter().any(|name| name == "github_did_not_answer") {
                self.pushes[at].gate = Gate::Broken;
            }
            // It is about the tested commit, whatever failed above it.
            if reasons.iter().any(|name| name == "rolled_back_already") {
                continue;
            }
            if let Some(push) = self.pushes.iter_mut().find(|push| *commit == *push.commit) {
                push.word = Some((verdict.to_owned(), reasons));
            }
        }
        // The ledger waits for whoever lifts the protection; the release stands.
        let stands = ["promote", "superseded"].iter().any(|verdict| json["verdict"] == *verdict);
        if code == Some(9) && stands && self.protected && !faulty {
            self.pushes[at].gate = Gate::Said(9);
        }
        if let Some(error) = json["error"].as_str() {
            self.tell(format!("    {error}: {}", json["causes"]));
        }
        for what in ["told", "warnings", "pull_request"] {
            if json[what].as_array().is_some_and(|list| !list.is_empty()) || json[what].is_object()
            {
                self.tell(format!("    {what}: {}", json[what]));
            }
        }
        if let Some(problem) = json["left"]["error"].as_str() {
            self.tell(format!("    left: {problem}"));
        }
    }

    /// The gate of a run that waits, perhaps not without trouble.
    pub fn gate(&mut self) {
        let waiting = self.waiting();
        if waiting.is_empty() {
            return self.push();
        }
        let at = waiting[self.dice.index(waiting.len())];
        match self.dice.roll(9) {
            0 | 1 => self.run_gate(at, true),
            2 => self.kill_gate(at),
            3 => self.race(at),
            _ => self.run_gate(at, false),
        }
    }

    pub fn run_gate(&mut self, at: usize, faulty: bool) {
        let before = self.look();
        let (gate, clone, _) = self.prepare(at);
        let fault = if faulty { self.fault() } else { "no fault".to_owned() };
        let text = format!("gate of {} with {fault}", self.named(at));
        self.tell(text);
        let ended = gate.run();
        self.no_faults();
        drop(clone);
        self.tell(format!("    exit {:?}", ended.status));
        self.conclude(at, Some(&ended), faulty);
        self.check_run(&ended, false);
        self.check_retry(&before, &ended);
        self.check(&before, true, faulty);
    }

    fn kill_gate(&mut self, at: usize) {
        let before = self.look();
        let (gate, clone, _) = self.prepare(at);
        let victim = Victim::default();
        let knife = self.knife(&victim);
        let text = format!("gate of {} {knife}", self.named(at));
        self.tell(text);
        let home = {
            let mut slot = victim.lock().unwrap();
            let (child, home) = gate.start();
            *slot = Some(child);
            home
        };
        let status = loop {
            let ended = victim.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = ended {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        drop((home, clone, Arc::clone(&victim)));
        self.no_faults();
        self.tell(format!("    exit {:?}", status.code()));
        self.conclude(at, None, true);
        self.check(&before, true, true);
    }

    /// Somebody pushes while a gate writes.
    fn race(&mut self, at: usize) {
        let color = self.color();
        self.count += 1;
        let text = self.count.to_string();
        let (person, pushed) = (self.clone(), Arc::new(Mutex::new(None)));
        let bare = self.project.bare().display().to_string();
        let skip = self.dice.index(3);
        let note = Arc::clone(&pushed);
        let push = move |_: &Request| {
            person.git(&["fetch", "-q", &bare, "main"]);
            person.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
            let commit = person.commit(&format!("Race {text}"), &[("app.py", &text)]);
            if person.try_git(&["push", "-q", &bare, "HEAD:main"]).status.success() {
                *note.lock().unwrap() = Some(commit);
            }
        };
        let rule = Rule::on("POST", "git-receive-pack").skip(skip).times(1).before(push);
        self.git.add(rule);
        self.tell(format!("somebody pushes in front of write {}", skip + 1));
        self.run_gate(at, false);
        let pushed = pushed.lock().unwrap().take();
        if let Some(commit) = pushed {
            self.tell(format!(
                "push #{} {} {color:?}, in between",
                self.pushes.len(),
                &commit[..7]
            ));
            self.add_run(commit, color);
        }
    }

    /// Two gates at the same time.
    pub fn two_gates(&mut self) {
        let waiting = self.waiting();
        if waiting.len() < 2 {
            return self.gate();
        }
        let before = self.look();
        let first = self.dice.index(waiting.len() - 1);
        let second = first + 1 + self.dice.index(waiting.len() - first - 1);
        let (first, second) = (waiting[first], waiting[second]);
        let text = format!("two gates: {} and {}", self.named(first), self.named(second));
        self.tell(text);
        let (one, one_clone, _) = self.prepare(first);
        let (other, other_clone, _) = self.prepare(second);
        let faulty = self.dice.roll(3) == 0;
        if faulty {
            let fault = self.fault();
            self.tell(format!("    with {fault}"));
        }
        let thread = std::thread::spawn(move || one.run());
        let other = other.run();
        let one = thread.join().unwrap();
        drop((one_clone, other_clone));
        self.no_faults();
        for (at, ended) in [(first, &one), (second, &other)] {
            self.tell(format!("    exit {:?}", ended.status));
            self.conclude(at, Some(ended), faulty);
            self.check_run(ended, false);
        }
        self.check(&before, true, faulty);
    }

    /// The retry workflow of the oldest dispatch that nobody has attended to.
    pub fn attend(&mut self) {
        let dispatches = self.github.dispatches();
        let Some(dispatch) = dispatches.get(self.attended).cloned() else { return self.gate() };
        self.attended += 1;
        assert_eq!(dispatch.workflow, RETRY_WORKFLOW);
        let (run, attempt) = (&dispatch.inputs["run_id"], &dispatch.inputs["attempt"]);
        let head = self.project.branch("main");
        let clone = self.clone();
        let ended = Tidegate::new()
            .args(["retry", "--json", "--wait", "0s"])
            .current_dir(clone.path())
            .envs(self.github.envs(&head))
            .env("GITHUB_EVENT_NAME", "workflow_dispatch")
            .env("GITHUB_RUN_ID", dispatch.run.to_string())
            .env("TIDEGATE_RUN_ID", run)
            .env("TIDEGATE_ATTEMPT", attempt)
            .run();
        self.tell(format!(
            "retry of {run} attempt {attempt}: exit {:?} {}",
            ended.status, ended.stdout
        ));
        self.github.edit(dispatch.run, |run| *run = run.clone().completed("success"));
        self.check_run(&ended, false);
        self.follow_reruns();
    }

    /// Runs that GitHub has started again wait for their gate.
    fn follow_reruns(&mut self) {
        for push in &mut self.pushes {
            if self.github.run(push.run).conclusion.is_none() {
                push.gate = Gate::Waits;
            }
        }
    }

    /// A person runs a finished run again: its failed jobs, or all.
    pub fn rerun(&mut self) {
        let ended: Vec<usize> =
            (0..self.pushes.len()).filter(|at| self.pushes[*at].gate != Gate::Waits).collect();
        if ended.is_empty() {
            return self.gate();
        }
        let at = ended[self.dice.index(ended.len())];
        let all = self.dice.roll(2) == 0;
        self.rerun_run(at, all);
    }

    pub fn rerun_run(&mut self, at: usize, all: bool) {
        let text = format!("rerun of {}, all jobs: {all}", self.named(at));
        self.tell(text);
        self.github.edit(self.pushes[at].run, |run| {
            let tests = run.jobs_in(run.attempt).into_iter().find(|job| job.name == "tests");
            let again = all || tests.is_none_or(|job| job.conclusion.as_deref() != Some("success"));
            run.attempt += 1;
            if again {
                set(run, "tests", "queued");
            }
            set(run, "gate", "queued");
            "queued".clone_into(&mut run.status);
            run.conclusion = None;
        });
        self.pushes[at].gate = Gate::Waits;
    }

    /// Somebody cancels a run that waits.
    pub fn cancel(&mut self) {
        let waiting = self.waiting();
        if waiting.is_empty() {
            return self.push();
        }
        let at = waiting[self.dice.index(waiting.len())];
        let text = format!("cancel {}", self.named(at));
        self.tell(text);
        self.github.edit(self.pushes[at].run, |run| {
            set(run, "tests", "cancelled");
            set(run, "gate", "cancelled");
            *run = run.clone().completed("cancelled");
        });
        self.pushes[at].gate = Gate::Cancelled;
    }

    /// Everything ends in good order: every run gets a gate without faults.
    pub fn end(&mut self) {
        self.no_faults();
        for _ in 0..40 {
            while self.attended < self.github.dispatches().len() {
                self.attend();
            }
            if let Some(at) = self.waiting().first() {
                self.run_gate(*at, false);
                continue;
            }
            let broken = |push: &super::Push| match push.gate {
                // Whoever cancelled it wants to know after all, since nobody else would decide; and a
                // retry workflow that could not be started is started by a person.
                Gate::Broken | Gate::Cancelled | Gate::Said(5) => true,
                Gate::Waits | Gate::Said(_) => false,
            };
            // The newest first.
            match self.pushes.iter().rposition(broken) {
                Some(at) => self.rerun_run(at, false),
                None => return self.check_end(),
            }
        }
        self.fail("the runs do not come to an end");
    }
}
