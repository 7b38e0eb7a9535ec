//! The same plan as a workflow of GitHub Actions, for teams that let GitHub run it.
//!
//! `on.schedule` has the zone of its fields as `timezone` ("Workflow syntax for GitHub Actions"). A job
//! knows the fields that started it, and not their zone: the same fields in two zones cannot be told
//! apart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::plan::{Schedule, ScheduleError, Task};
use crate::pin;

mod posix;

/// How often GitHub starts a schedule at the most ("Events that trigger workflows", `schedule`).
const LEAST: SignedDuration = SignedDuration::from_mins(5);

/// So many times of a task show how far they are apart.
const LOOKED_AT: usize = 70;

/// Writes the workflow.
///
/// # Errors
/// Two tasks have the same fields in different zones, or fields that GitHub does not take.
pub fn workflow(schedule: &Schedule) -> Result<String, ScheduleError> {
    let (mut crons, mut names) = (BTreeMap::<String, &Task>::new(), BTreeMap::new());
    for task in &schedule.tasks {
        if let Some(other) = names.insert(task.name.to_lowercase(), &task.name) {
            return Err(ScheduleError::NotForGitHub(format!(
                "the tasks {other} and {} have one name for GitHub, which ignores the case of letters",
                task.name
            )));
        }
        if let Some(problem) = posix::problem(&task.fields) {
            return Err(ScheduleError::NotForGitHub(format!(
                "task {}: GitHub does not take the cron {:?}: {problem}",
                task.name, task.fields
            )));
        }
        let other = crons.entry(cron(task)).or_insert(task);
        if other.timezone != task.timezone {
            return Err(ScheduleError::NotForGitHub(format!(
                "tasks {} and {} have the same cron {:?} in different time zones, which GitHub cannot tell apart; move one of them by a minute",
                other.name, task.name, task.fields
            )));
        }
    }
    if schedule.tasks.is_empty() {
        let error = "every task is off, so there is nothing to write".to_owned();
        return Err(ScheduleError::NotForGitHub(error));
    }
    let mut text = "\
        # Runs the tasks of `schedule` in .github/tidegate.yml on GitHub, instead of `tidegate schedule`.\n\
        # Written by `tidegate schedule --emit github`: write it again after a change of the tasks.\n\
        #\n\
        # The tasks work on a database that is there: they need a runner of your own on the machine that\n\
        # has it. Variables that the runner does not have (addresses and keys of imports, credentials of\n\
        # stores) come from the repository: take the # away, and write the names that you need.\n\
        name: Schedule\n\
        \n\
        # env:\n\
        #   SALES_API_URL: ${{ vars.SALES_API_URL }}\n\
        #   SALES_API_KEY: ${{ secrets.SALES_API_KEY }}\n\
        \n\
        on:\n  \
          schedule:\n"
        .to_owned();
    let mut written = Vec::new();
    for task in &schedule.tasks {
        let cron = cron(task);
        if written.contains(&cron) {
            continue;
        }
        let _ = writeln!(text, "    - cron: {}", scalar(&cron));
        written.push(cron);
        if task.timezone != "UTC" {
            let _ = writeln!(text, "      timezone: {}", scalar(&task.timezone));
        }
    }
    text.push_str(
        "  workflow_dispatch:\n    inputs:\n      task:\n        description: The task to run now\n        \
         type: choice\n        required: true\n        options:\n",
    );
    for task in &schedule.tasks {
        let _ = writeln!(text, "          - {}", scalar(&task.name));
    }
    text.push_str(
        "\n# Each job asks for what it needs, and gets nothing else.\npermissions: {}\n\njobs:\n  \
         # One task at a time, and none is dropped: DuckDB lets one process write. The group is of each\n  \
         # job, since tasks with the same `cron` are jobs of one run.\n",
    );
    for (index, task) in schedule.tasks.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        job(&mut text, task);
    }
    Ok(text)
}

/// The fields in one spelling: expressions of GitHub compare texts without their case, so that two spellings
/// would start each other's jobs.
fn cron(task: &Task) -> String {
    task.fields.to_uppercase()
}

/// Returns what GitHub does otherwise, seen from `now`.
pub fn warnings(schedule: &Schedule, now: Timestamp) -> Vec<String> {
    let often = |task: &&Task| {
        let times = std::iter::successors(task.next(now), |time| task.next(*time));
        let times: Vec<Timestamp> = times.take(LOOKED_AT).collect();
        times.windows(2).any(|pair| match pair {
            [one, next] => next.duration_since(*one) < LEAST,
            _ => false,
        })
    };
    schedule
        .tasks
        .iter()
        .filter(often)
        .map(|task| {
            format!("task {}: GitHub starts a schedule every 5 minutes at the most", task.name)
        })
        .collect()
}

fn job(text: &mut String, task: &Task) {
    let minutes = task.timeout.as_secs().div_ceil(60) + 5;
    let name = &task.name;
    let _ = write!(
        text,
        "  {id}:\n    \
           name: {shown}\n    \
           if: ${{{{ github.event.schedule == {fields} || inputs.task == {quoted} }}}}\n    \
           runs-on: self-hosted # the machine with the database\n    \
           timeout-minutes: {minutes}\n    \
           concurrency:\n      \
             group: tidegate-schedule\n      \
             cancel-in-progress: false\n      \
             queue: max\n    \
           permissions:\n      \
             contents: read\n    \
           steps:\n      \
             - uses: {checkout}\n        \
               with:\n          \
                 persist-credentials: false\n          \
                 clean: false # the database and what is known of the tasks stay\n      \
             - name: {run}\n        \
               uses: {action}@{commit} # {version}\n        \
               env:\n          \
                 TIDEGATE_TASK: {shown}\n        \
               with:\n          \
                 command: schedule\n          \
                 token: ${{{{ github.token }}}}\n",
        id = name,
        shown = scalar(name),
        run = scalar(&format!("Run tidegate {}", task.what.arguments().join(" "))),
        fields = expression(&cron(task)),
        quoted = expression(name),
        checkout = pin::CHECKOUT,
        action = pin::ACTION,
        commit = pin::COMMIT,
        version = pin::VERSION,
    );
}

/// Text as YAML, quoted: names such as `on` or `1` are more than text to some readers.
fn scalar(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text in an expression of GitHub.
fn expression(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
