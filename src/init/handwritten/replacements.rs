//! What is shown about each habit, in the order of the file.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Replacement;
use super::habits::Habit;
use super::judge::{JobSeen, Spotted};
use super::outline::{Lines, Outline};
use crate::doctor::workflow::{Workflow, scalar};

/// More lines of one place than anybody reads.
const MOST_LINES: usize = 12;

/// Lists what the jobs that release do, and what the workflow does to them.
pub(super) fn list(
    workflow: &Workflow,
    lines: &Lines<'_>,
    outline: Option<&Outline>,
    jobs: &[JobSeen],
) -> Vec<Replacement> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut add = |job: Option<&str>, spotted: &Spotted| {
        let Range { start, end } = spotted.lines;
        if end > start && seen.insert((start, end, spotted.habit)) {
            let words = spotted.habit.words();
            found.push(Replacement {
                job: job.map(str::to_owned),
                lines: start + 1..=end,
                text: excerpt(lines, start..end),
                does: words.does,
                breaks: words.breaks,
                instead: words.instead,
            });
        }
    };
    for job in jobs.iter().filter(|job| job.releases()) {
        let steps = job.steps.iter().flat_map(|step| &step.spotted);
        for spotted in job.on_failure.iter().chain(steps) {
            add(Some(&job.id), spotted);
        }
    }
    if cancels(workflow) {
        let place = outline.and_then(|outline| outline.top("concurrency"));
        let range = place.map_or(0..1, |key| lines.without_blank_end(key.line..key.lines.end));
        add(None, &Spotted { habit: Habit::Cancels, lines: range, named: false });
    }
    found.sort_by_key(|replacement| *replacement.lines.start());
    found
}

/// Tells whether a newer run cancels an older one, the gate included.
pub(super) fn cancels(workflow: &Workflow) -> bool {
    let group = workflow.get("concurrency");
    let cancels = group.and_then(|group| scalar(group.get("cancel-in-progress")?));
    cancels.as_deref() == Some("true")
}

/// Returns the text of lines without the indentation that they share, and not more than is read.
fn excerpt(lines: &Lines<'_>, range: Range<usize>) -> String {
    let all: Vec<&str> = range.map(|line| lines.line(line).trim_end()).collect();
    let depth = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let shared = all.iter().filter(|line| !line.is_empty()).map(depth).min().unwrap_or(0);
    let mut shown: Vec<&str> =
        all.iter().take(MOST_LINES).map(|line| line.get(shared..).unwrap_or_default()).collect();
    if all.len() > MOST_LINES {
        shown.push("...");
    }
    shown.join("\n")
}
