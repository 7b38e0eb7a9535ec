//! What people do.

use super::{Color, Gate, Push, Story};
use crate::harness::github::TOKEN;
use crate::harness::github::world::Run as Listed;
use crate::harness::project::{LEDGER, entry};
use crate::harness::tidegate::Tidegate;

const MAIN: &[&str] = &["refs/heads/main"];

impl Story {
    /// Somebody who may pushes what is at HEAD.
    fn push_head(&mut self, color: Color) {
        self.project.server().protect("app", &[]);
        self.project.dev.push("main");
        if self.protected {
            self.project.server().protect("app", MAIN);
        }
        self.add_run(self.project.dev.head(), color);
    }

    /// GitHub starts the run of a push.
    pub fn add_run(&mut self, commit: String, color: Color) {
        let run = Listed::push(&commit).queued().job("tests", "queued").job("gate", "queued");
        let run = self.github.add(run);
        self.pushes.push(Push { commit, run, color, gate: Gate::Waits, word: None });
    }

    pub fn push_files(&mut self, message: &str, files: &[(&str, &str)], color: Color) {
        self.project.pull();
        let commit = self.project.dev.commit(message, files);
        self.tell(format!("push #{} {} {color:?}: {message:?}", self.pushes.len(), &commit[..7]));
        self.push_head(color);
    }

    pub fn color(&mut self) -> Color {
        match self.dice.roll(9) {
            0..=2 => Color::Green,
            3..=6 => Color::Red,
            7 => Color::Flaky(u32::try_from(self.dice.roll(3)).unwrap() + 1),
            _ => Color::Rotten,
        }
    }

    pub fn push(&mut self) {
        let color = self.color();
        self.project.pull();
        for _ in 0..self.dice.roll(3).saturating_sub(1) {
            self.count += 1;
            let text = self.count.to_string();
            self.project.dev.commit("One of several", &[("app.py", &text)]);
        }
        self.count += 1;
        let text = self.count.to_string();
        let commit = self.project.dev.commit(&format!("Change {text}"), &[("app.py", &text)]);
        self.tell(format!("push #{} {} {color:?}", self.pushes.len(), &commit[..7]));
        self.push_head(color);
    }

    /// Somebody writes what is not true.
    pub fn forge(&mut self) {
        let at = self.dice.index(self.pushes.len());
        let liked = self.pushes[at].commit.clone();
        self.project.pull();
        let head = self.project.dev.head();
        self.count += 1;
        let text = self.count.to_string();
        match self.dice.roll(3) {
            0 => {
                let ledger = self.project.show("refs/heads/main", LEDGER) + &entry(&liked);
                self.push_files("Praise", &[(LEDGER, &ledger)], Color::Green);
            }
            1 => {
                let ledger = self.project.show("refs/heads/main", LEDGER) + &entry(&liked);
                let files = [(LEDGER, ledger.as_str()), ("app.py", text.as_str())];
                self.push_files("Praise and break", &files, Color::Red);
            }
            _ => {
                let message = format!(
                    "Auto-rollback\n\nTidegate-Rollback-From: {head}\nTidegate-Rollback-To: {liked}\n"
                );
                self.push_files(&message, &[("app.py", &text)], Color::Red);
            }
        }
    }

    pub fn protect(&mut self) {
        self.protected = !self.protected;
        self.project.server().protect("app", if self.protected { MAIN } else { &[] });
        self.tell(format!("main is protected: {}", self.protected));
    }

    /// Merges, squashes or closes the newest open pull request.
    pub fn pull_request(&mut self) {
        let open = self.github.pulls().into_iter().rfind(|pull| pull.state == "open");
        let Some(open) = open else { return self.gate() };
        let head = open.pull.as_ref().unwrap().head.clone();
        let before = self.look();
        let how = self.dice.roll(3);
        self.tell(format!("pull request {} of {head}: {how}", open.number));
        if how < 2 {
            self.project.pull();
            let dev = &self.project.dev;
            dev.git(&["fetch", "-q", "origin", &head]);
            let title = format!("Merge pull request #{} from acme/{head}", open.number);
            let merge: &[&str] = if how == 0 {
                &["merge", "-q", "--no-ff", "-m", &title, "FETCH_HEAD"]
            } else {
                &["merge", "-q", "--squash", "FETCH_HEAD"]
            };
            let merged = dev.try_git(merge).status.success();
            let committed =
                how == 0 || dev.try_git(&["commit", "-q", "-m", &open.title]).status.success();
            if !merged || !committed {
                dev.try_git(&["merge", "--abort"]);
                dev.git(&["reset", "-q", "--hard", "HEAD"]);
                return self.tell("    conflicts".to_owned());
            }
            let color = if self.dice.roll(4) == 0 { Color::Red } else { Color::Green };
            let text = format!("    push #{} {} {color:?}", self.pushes.len(), &dev.head()[..7]);
            self.tell(text);
            self.push_head(color);
        }
        {
            let mut world = self.github.world();
            let issue = world.issues.iter_mut().find(|issue| issue.number == open.number).unwrap();
            "closed".clone_into(&mut issue.state);
            issue.pull.as_mut().unwrap().merged = how < 2;
        }
        self.check(&before, false, false);
    }

    /// A person types a command.
    pub fn by_hand(&mut self) {
        let before = self.look();
        let records = before.records.len() as u64;
        let number = (self.dice.roll(records.max(1)) + 1).to_string();
        let commit = self.pushes[self.dice.index(self.pushes.len())].commit.clone();
        let args: Vec<&str> = match self.dice.roll(11) {
            0 => vec!["hold", "we are at the fair"],
            1 | 2 => vec!["resume", "--all"],
            3 => vec!["quarantine", &commit, "leaks"],
            4 => vec!["quarantine", "--lift", &commit, "does not leak"],
            5 => vec!["promote", "--yes", &commit],
            6 => vec!["promote", "--yes", &commit, "--override", "a dice said so"],
            7 => vec!["rollback", "--yes"],
            8 => vec!["rollback", "--yes", "--to", &number],
            9 => vec!["rollback", "--yes", "--stable-only"],
            _ => vec!["repair"],
        };
        let clone = self.clone();
        let mut command = Tidegate::new().args(&args).arg_json().current_dir(clone.path());
        let with_github = self.dice.roll(2) == 0;
        if with_github {
            command = command
                .env("GITHUB_REPOSITORY", "acme/app")
                .env("TIDEGATE_GITHUB_API_URL", self.github.url_through(self.api.host()))
                .env("GH_TOKEN", TOKEN)
                .envs(self.hook_envs());
        }
        let faulty = self.dice.roll(5) == 0;
        let fault = if faulty { self.fault() } else { "no fault".to_owned() };
        self.tell(format!("by hand {args:?}, GitHub: {with_github}, {fault}"));
        let ended = command.run();
        self.no_faults();
        self.tell(format!("    exit {:?}", ended.status));
        self.check_run(&ended, true);
        self.check(&before, false, faulty);
    }
}

impl Tidegate {
    fn arg_json(self) -> Self {
        self.args(["--json"])
    }
}
