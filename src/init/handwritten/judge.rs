//! Judges each job: whether it only releases and takes back, does other things too, or neither.

use std::ops::Range;

use serde_yaml::Value;

use super::habits::Habit;
use super::outline::{Item, Key, Lines, Outline, job_keys, steps as step_items};
use super::roles::{Role, is_stable, role};
use super::shell::{Command, commands};
use super::variables::Variables;
use crate::config::Config;
use crate::doctor::workflow::{Job, Step, Workflow, scalar};

/// A habit, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spotted {
    pub habit: Habit,
    /// The lines, from 0.
    pub lines: Range<usize>,
    /// Whether it concerns by name what users get.
    pub named: bool,
}

/// What a step is to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It releases or takes back, and does nothing else.
    Release,
    /// It prepares the job: a checkout, a login.
    Neutral,
    /// It can fail on purpose, and does nothing else.
    Check,
    /// It does something else.
    Other,
    /// It does both.
    Mixed,
}

/// A step.
#[derive(Debug, Clone)]
pub(super) struct StepSeen {
    pub kind: Kind,
    pub spotted: Vec<Spotted>,
    /// Whether it builds an image.
    pub builds: bool,
    /// Its lines, from 0.
    pub lines: Range<usize>,
    /// Its id.
    pub id: Option<String>,
    /// Whether it pushes a tag that users pull while it builds.
    pub builds_stable: bool,
}

/// A job.
#[derive(Debug, Clone)]
pub(super) struct JobSeen {
    pub id: String,
    pub steps: Vec<StepSeen>,
    /// Its condition, where that starts a rollback on every failure.
    pub on_failure: Option<Spotted>,
}

/// Looks at every job.
pub(super) fn look(
    workflow: &Workflow,
    lines: &Lines<'_>,
    outline: Option<&Outline>,
    config: &Config,
) -> Vec<JobSeen> {
    let mut variables = Variables::default();
    variables.add_env(workflow.get("env"));
    let jobs = workflow.jobs().filter(|job| job.runs().is_none());
    jobs.map(|job| look_at(job, &variables, lines, outline, config)).collect()
}

fn look_at(
    job: Job<'_>,
    variables: &Variables,
    lines: &Lines<'_>,
    outline: Option<&Outline>,
    config: &Config,
) -> JobSeen {
    let mut variables = variables.clone();
    variables.add_env(job.get("env"));
    let place = outline.and_then(|outline| outline.job(job.id));
    let count = job.steps().count();
    let items = place.and_then(|job| step_items(lines, job)).filter(|items| items.len() == count);
    let whole = place.map_or(0..lines.count(), |job| lines.without_blank_end(job.lines.clone()));
    let steps = job.steps().enumerate().map(|(index, step)| {
        let item = items.as_ref().and_then(|items| items.get(index));
        look_at_step(step, item, &variables, lines, &whole, config)
    });
    let mut steps: Vec<StepSeen> = steps.collect();
    tags_of_another_step(job, &mut steps, config);
    let condition = job.get("if").and_then(scalar).unwrap_or_default().to_ascii_lowercase();
    let takes_back = steps.iter().flat_map(|step| &step.spotted).any(|spotted| {
        matches!(spotted.habit, Habit::Revert | Habit::ResetHard | Habit::RestoreTree)
    });
    let line = place
        .and_then(|job| job_keys(lines, job))
        .and_then(|keys| keys.into_iter().find(|key| key.name == "if"))
        .map_or(whole, |key| key.line..key.line + 1);
    let on_failure = (takes_back && condition.contains("failure()")).then_some(Spotted {
        habit: Habit::OnFailure,
        lines: line,
        named: false,
    });
    JobSeen { id: job.id.to_owned(), steps, on_failure }
}

/// A build may take its tags from `docker/metadata-action`.
fn tags_of_another_step(job: Job<'_>, steps: &mut [StepSeen], config: &Config) {
    let stable: Vec<String> = job
        .steps()
        .filter(|step| step.uses().is_some_and(|uses| uses.starts_with("docker/metadata-action@")))
        .filter(|step| {
            let tags = step.input("tags").unwrap_or_default();
            tags.split([',', '\n']).any(|tag| is_stable(tag, config))
        })
        .filter_map(|step| Some(format!("steps.{}.", step.get("id")?.as_str()?)))
        .collect();
    for (step, seen) in job.steps().zip(steps) {
        let tags = step.input("tags").unwrap_or_default();
        seen.builds_stable |= seen.builds && stable.iter().any(|id| tags.contains(id));
    }
}

/// Actions that only prepare a job.
const NEUTRAL: [&str; 16] = [
    "actions/checkout",
    "docker/login-action",
    "docker/setup-buildx-action",
    "docker/setup-qemu-action",
    "docker/metadata-action",
    "redhat-actions/podman-login",
    "aws-actions/amazon-ecr-login",
    "azure/docker-login",
    "imjasonh/setup-crane",
    "oras-project/setup-oras",
    "actions/create-github-app-token",
    "crazy-max/ghaction-setup-docker",
    "actions/setup-python",
    "actions/setup-node",
    "actions/cache",
    "actions/download-artifact",
];

/// Actions that commit and push what a job changed.
const COMMITS: [&str; 4] = [
    "stefanzweifel/git-auto-commit-action",
    "endbug/add-and-commit",
    "ad-m/github-push-action",
    "github-actions-x/commit",
];

fn look_at_step(
    step: Step<'_>,
    item: Option<&Item>,
    variables: &Variables,
    lines: &Lines<'_>,
    job: &Range<usize>,
    config: &Config,
) -> StepSeen {
    let range = item.map_or(job.clone(), |item| lines.without_blank_end(item.lines.clone()));
    let id = step.get("id").and_then(Value::as_str).map(str::to_owned);
    let mut seen = StepSeen {
        kind: Kind::Other,
        spotted: Vec::new(),
        builds: false,
        lines: range.clone(),
        id,
        builds_stable: false,
    };
    if let Some(uses) = step.uses() {
        let name = uses.split('@').next().unwrap_or_default().to_ascii_lowercase();
        if NEUTRAL.contains(&name.as_str()) {
            seen.kind = Kind::Neutral;
        } else if COMMITS.contains(&name.as_str()) {
            seen.kind = Kind::Release;
            seen.spotted.push(Spotted { habit: Habit::Push, lines: range, named: false });
        } else if name == "akhilerm/tag-push-action" {
            seen.kind = Kind::Release;
            seen.spotted.push(Spotted { habit: Habit::CopyTag, lines: range, named: true });
        } else if name == "actions/github-script" {
            let script = step.input("script").unwrap_or_default();
            if script.contains("issues.create") {
                seen.kind = Kind::Release;
                seen.spotted.push(Spotted { habit: Habit::Issue, lines: range, named: false });
            }
        } else if name == "docker/build-push-action" {
            seen.builds = true;
            let tags = variables.expand(&step.input("tags").unwrap_or_default());
            seen.builds_stable = tags.split([',', '\n']).any(|tag| is_stable(tag, config));
        }
        return seen;
    }
    let Some(script) = step.get("run").and_then(Value::as_str) else { return seen };
    let mut variables = variables.clone();
    variables.add_env(step.get("env"));
    let first = item.and_then(|item| script_start(lines, item, script));
    let (mut releases, mut others, mut checks) = (false, false, false);
    for command in commands(script) {
        match role(&command, &variables, config) {
            Role::Release(habit, named) => {
                releases = true;
                let lines = first.map_or(range.clone(), |first| {
                    first + command.lines.start..first + command.lines.end
                });
                seen.spotted.push(Spotted { habit, lines, named });
            }
            Role::Glue => checks |= decides(&command),
            Role::Other => {
                others = true;
                seen.builds |= builds(&command);
            }
        }
        for (name, value) in command.assignments() {
            variables.set(name, value);
        }
    }
    seen.spotted.dedup();
    seen.builds_stable =
        seen.builds && seen.spotted.iter().any(|spotted| spotted.named && is_image(spotted.habit));
    seen.kind = match (releases, others) {
        (true, true) => Kind::Mixed,
        (true, false) => Kind::Release,
        (false, true) => Kind::Other,
        (false, false) if checks => Kind::Check,
        (false, false) => Kind::Neutral,
    };
    seen
}

/// Tells whether a step may fail by this command because of what it finds.
fn decides(command: &Command) -> bool {
    let Some((program, arguments)) = command.program() else { return false };
    let has = |options: &[&str]| arguments.iter().any(|word| options.contains(&word.as_str()));
    // Behind `if` it only chooses.
    let alone = command.words.first().is_some_and(|word| word == program);
    match program {
        "exit" => arguments.first().is_some_and(|code| code != "0"),
        "false" => true,
        "jq" => has(&["-e", "--exit-status", "-re", "-er"]),
        "git" => has(&["--exit-code"]),
        "test" | "[" | "[[" | "grep" | "egrep" | "fgrep" => alone,
        _ => false,
    }
}

fn builds(command: &Command) -> bool {
    command.program().is_some_and(|(program, arguments)| {
        ["docker", "podman", "buildah", "nerdctl"].contains(&program)
            && arguments.iter().any(|word| ["build", "bud"].contains(&word.as_str()))
    })
}

fn is_image(habit: Habit) -> bool {
    matches!(habit, Habit::Retag | Habit::PushTag | Habit::CopyTag)
}

/// Returns the line of the text on which a script begins, where each of its lines has one.
pub(super) fn script_start(lines: &Lines<'_>, item: &Item, script: &str) -> Option<usize> {
    let run = lines.item_keys(item)?.into_iter().find(|key| key.name == "run")?;
    let header =
        lines.line(run.line).split_once("run")?.1.trim_start_matches(['"', '\'', ':', ' ']);
    let start = if header.starts_with('|') { run.line + 1 } else { run.line };
    if start == run.line {
        // A script of one line stands behind its key.
        return (!script.trim_end().contains('\n') && run_lines(lines, &run) == 1).then_some(start);
    }
    let same = |(offset, line): (usize, &str)| lines.line(start + offset).trim() == line.trim();
    script.lines().enumerate().all(same).then_some(start)
}

fn run_lines(lines: &Lines<'_>, run: &Key) -> usize {
    (run.line..run.lines.end).filter(|line| !lines.line(*line).trim().is_empty()).count()
}

impl JobSeen {
    /// Tells whether the job releases or takes back: one habit that is unmistakable, or several
    /// together.
    pub fn releases(&self) -> bool {
        let steps = self.steps.iter().filter(|step| !step.builds_stable);
        let spotted: Vec<&Spotted> = steps.flat_map(|step| &step.spotted).collect();
        let has = |habit: Habit| spotted.iter().any(|spotted| spotted.habit == habit);
        let takes_back = [Habit::Revert, Habit::ResetHard, Habit::RestoreTree].map(has);
        let pushes = has(Habit::Push) || has(Habit::ForcedPush);
        let named = spotted.iter().any(|spotted| spotted.named);
        named || (takes_back.contains(&true) && pushes)
    }

    /// Tells whether it gives users something new.
    pub fn promotes(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.spotted).any(|spotted| {
            spotted.named && (is_image(spotted.habit) || spotted.habit == Habit::PushStable)
        })
    }

    /// Tells whether it moves tags of images.
    pub fn moves_images(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.spotted).any(|spotted| is_image(spotted.habit))
    }
}
