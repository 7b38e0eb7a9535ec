//! Random stories: whatever people and gates do one after the other, the promises hold. Each seed
//! is one story, so a failure can be told again.

use crate::harness::project::{CONFIG, GREEN, NO_IMAGES, Project, RED};
use crate::harness::tidegate::{Run, Tidegate};

/// A small generator (Marsaglia, "Xorshift RNGs", 2003): the stories must not change with a crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Story {
    project: Project,
    dice: Dice,
    pushed: Vec<String>,
    told: Vec<String>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let project = Project::on_disk_with(&[(CONFIG, NO_IMAGES), ("app.py", "0")]);
        let pushed = vec![project.good.clone()];
        Self {
            project,
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            pushed,
            told: Vec::new(),
        }
    }

    fn by_hand(&self, args: &[&str]) -> Run {
        Tidegate::new().args(args).current_dir(self.project.dev.path()).run()
    }

    fn push(&mut self) {
        self.project.pull();
        let text = format!("{}", self.pushed.len());
        self.pushed.push(self.project.push(&text, &[("app.py", &text)]));
    }

    /// Does one thing, and returns whether it was an automatic promotion.
    fn step(&mut self) -> (Run, bool) {
        let what = self.dice.roll(10);
        let records = self.records().len() as u64;
        let number = (self.dice.roll(records.max(1)) + 1).to_string();
        let old = usize::try_from(self.dice.roll(self.pushed.len() as u64)).unwrap();
        let old = self.pushed[old].clone();
        self.told.push(format!("{what} ({number}, {})", &old[..7]));
        let gate = |needs| self.project.gate(needs);
        match what {
            0..=2 => {
                self.push();
                (self.project.gate(GREEN).run(), true)
            }
            3 | 4 => {
                self.push();
                (self.project.gate(RED).run(), false)
            }
            5 => {
                (gate(if number == "1" { GREEN } else { RED }).args(["--commit", &old]).run(), true)
            }
            6 => (self.by_hand(&["rollback", "--yes", "--to", &number]), false),
            7 => (self.by_hand(&["rollback", "--yes", "--stable-only"]), false),
            8 => (self.by_hand(&["resume", "--all"]), false),
            _ => (self.by_hand(&["promote", "--yes", &old, "--override", "a dice said so"]), false),
        }
    }

    /// All records, by number.
    fn records(&self) -> Vec<serde_json::Value> {
        if !self.project.refs().contains_key("refs/heads/tidegate") {
            return Vec::new();
        }
        let index = self.project.show("refs/heads/tidegate", "index.json");
        let index: serde_json::Value = serde_json::from_str(&index).unwrap();
        index["records"].as_array().unwrap().clone()
    }

    fn is_ancestor(&self, one: &str, other: &str) -> bool {
        self.project.remote_git(&["merge-base", "--independent", one, other]).trim() == other
    }
}

#[track_caller]
fn play(seed: u64) {
    let mut story = Story::new(seed);
    for _ in 0..14 {
        let (refs, before) = (story.project.refs(), story.records());
        let (run, automatic) = story.step();
        let told = format!("seed {seed}: {:?}\n{run:?}", story.told);
        // No defect of the program, no panic.
        assert!(run.status.is_some_and(|code| code != 1 && code < 100), "{told}");
        // Promise 3: every branch that was there is still below its new head.
        for (name, old) in &refs {
            let new = story.project.refs().get(name).cloned();
            let new = new.unwrap_or_else(|| panic!("{name} is gone: {told}"));
            assert!(*old == new || story.is_ancestor(old, &new), "{name} was rewritten: {told}");
        }
        let after = story.records();
        assert_eq!(after[..before.len()], before, "a record has changed: {told}");
        // Promise 2: what a gate promotes descends from everything that was ever promoted.
        if automatic && after.len() > before.len() {
            let new = after.last().unwrap()["commit"].as_str().unwrap().to_owned();
            for record in before.iter().filter(|record| record["kind"] == "promotion") {
                let old = record["commit"].as_str().unwrap();
                assert!(old != new && story.is_ancestor(old, &new), "{old} over {new}: {told}");
            }
        }
        // Promise 9: stable shows the newest record.
        if let Some(newest) = after.last() {
            let commit = newest["commit"].as_str().unwrap();
            let (stable, live) =
                (story.project.tree("refs/heads/stable"), story.project.tree(commit));
            assert_eq!(stable, live, "stable does not show {commit}: {told}");
        }
    }
    assert!(story.records().len() > 1, "nothing happened in seed {seed}: {:?}", story.told);
}

#[test]
fn the_promises_hold_in_random_stories() {
    for seed in 1..=4 {
        play(seed);
    }
}

#[test]
fn the_promises_hold_in_more_random_stories() {
    for seed in 5..=8 {
        play(seed);
    }
}
