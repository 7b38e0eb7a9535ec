//! Random stories with GitHub: whatever people, runs and gates do, and whatever fails on the way,
//! the promises hold. Each seed is one story, so a failure can be told again:
//! `TIDEGATE_WALK=<first>..<last> cargo nextest run -E 'test(github_walk)'` tells others, and
//! `TIDEGATE_WALK_STEPS` sets how long one is.

mod check;
mod faults;
mod gates;
mod people;

use std::collections::BTreeSet;

use crate::harness::fault_proxy::FaultProxy;
use crate::harness::github::GitHub;
use crate::harness::project::{CONFIG, Project};
use crate::harness::receiver::Receiver;

/// A small generator (Marsaglia, "Xorshift RNGs", 2003): the stories must not change with a crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length as u64)).unwrap()
    }
}

/// What becomes of the tests of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    Green,
    Red,
    /// Red up to this attempt.
    Flaky(u32),
    /// Green only the first time.
    Rotten,
}

impl Color {
    fn result(self, attempt: u32) -> &'static str {
        let green = match self {
            Self::Green => true,
            Self::Red => false,
            Self::Flaky(until) => attempt > until,
            Self::Rotten => attempt == 1,
        };
        if green { "success" } else { "failure" }
    }
}

/// How the newest gate of a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Gate {
    /// It has not been there in this attempt.
    Waits,
    /// The run was cancelled before it.
    Cancelled,
    /// It was killed, met a fault or ended with an error.
    Broken,
    /// It said this.
    Said(i32),
}

/// A push with its run.
#[derive(Debug, Clone)]
struct Push {
    commit: String,
    run: u64,
    color: Color,
    gate: Gate,
    /// The last that any gate said about this commit: verdict and reasons.
    word: Option<(String, Vec<String>)>,
}

/// Everything that one story has.
struct Story {
    seed: u64,
    project: Project,
    github: GitHub,
    receiver: Receiver,
    api: FaultProxy,
    git: FaultProxy,
    hooks: FaultProxy,
    dice: Dice,
    pushes: Vec<Push>,
    /// How many dispatches the retry workflow has attended to.
    attended: usize,
    /// Pull requests that were merged or closed.
    protected: bool,
    told: Vec<String>,
    /// Rollbacks of main by gates since the last promotion.
    row: usize,
    /// Commits that an automatic rollback, which main shows, took out.
    out: BTreeSet<String>,
    count: u64,
}

const RETRY_WORKFLOW: &str = "tidegate-retry.yml";
const HOOK_SECRET: &str = "key-0f-the-hooks-4711";
const HOOK_PATH: &str = "/hooks/Sup3rS3cretPath";

impl Story {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            dice.roll(2);
        }
        let project = Project::on_http();
        let retries = dice.roll(3);
        let config = format!(
            "version: 1\nimages: []\nrequire: {{ jobs: [tests] }}\n\
             rollback: {{ retries: {retries} }}\n\
             github: {{ timeout: 2s, patience: 3s }}\n\
             after_promote: [{{ webhook_env: PROMOTED_URL, secret_env: HOOK_KEY, timeout: 1s }}]\n\
             after_rollback: [{{ webhook_env: REVERTED_URL, secret_env: HOOK_KEY, timeout: 1s }}]\n\
             notify: {{ slack: {{ webhook_env: SLACK_URL, on: [rollback, hold, promotion] }} }}\n"
        );
        let (github, receiver) = (GitHub::start(), Receiver::start());
        github.knows(project.bare());
        github.dispatchable(RETRY_WORKFLOW, &["run_id", "attempt"]);
        let api = FaultProxy::start(&github.host());
        let git = FaultProxy::start(&format!("127.0.0.1:{}", project.server().port()));
        let hooks = FaultProxy::start(&receiver.host());
        let mut story = Self {
            seed,
            project,
            github,
            receiver,
            api,
            git,
            hooks,
            dice,
            pushes: Vec::new(),
            attended: 0,
            protected: false,
            told: vec![format!("retries {retries}")],
            row: 0,
            out: BTreeSet::new(),
            count: 0,
        };
        story.push_files("Configure", &[(CONFIG, &config)], Color::Green);
        story
    }

    /// One thing happens.
    fn step(&mut self) {
        match self.dice.roll(25) {
            0..=4 => self.push(),
            5..=13 => self.gate(),
            14 | 15 => self.two_gates(),
            16 => self.attend(),
            17 => self.rerun(),
            18 => self.cancel(),
            19 => self.forge(),
            20 => self.protect(),
            21 | 22 => self.pull_request(),
            _ => self.by_hand(),
        }
    }

    #[expect(clippy::print_stderr, reason = "a story that hangs is told as it goes")]
    fn tell(&mut self, text: String) {
        if std::env::var_os("TIDEGATE_WALK").is_some() {
            eprintln!("seed {}: {text}", self.seed);
        }
        self.told.push(text);
    }

    #[track_caller]
    fn fail(&self, text: &str) -> ! {
        panic!("seed {}: {text}\nthe story:\n{}", self.seed, self.told.join("\n"));
    }
}

fn play(seed: u64, steps: u64) {
    let mut story = Story::new(seed);
    for _ in 0..steps {
        story.step();
    }
    story.end();
}

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn the_promises_hold_in_random_stories_with_github() {
    let steps = asked("TIDEGATE_WALK_STEPS").map_or(12, |text| text.parse().unwrap());
    let seeds = asked("TIDEGATE_WALK").map_or(1..=2, |text| {
        let (first, last) = text.split_once("..").expect("first..last");
        first.parse().unwrap()..=last.parse().unwrap()
    });
    for seed in seeds {
        play(seed, steps);
    }
}
