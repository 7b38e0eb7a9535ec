//! One gate at a time, and none is stopped half-way.

use serde_yaml::Value;

use super::cure::{Cure, Place};
use super::workflow::{Job, Runs, scalar};
use super::{Answer, Checkup, Finding, Severity};
use crate::config::Step;

/// The group of the example.
const GROUP: &str = "concurrency:\n  group: release-gate-${{ github.ref }}\n  cancel-in-progress: false\n  queue: max";

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let mut gates = 0;
    // What a reusable workflow does about it is not in this file.
    for gate in checkup.jobs(Runs::Gate).filter(|gate| gate.calls().is_none()) {
        gates += 1;
        group(gate, answer);
    }
    if gates == 0 {
        answer.not_needed();
    }
}

fn group(gate: Job<'_>, answer: &mut Answer) {
    let (of_job, of_workflow) = (gate.get("concurrency"), gate.workflow.get("concurrency"));
    let file = gate.workflow.path();
    if of_job.is_none() && of_workflow.is_none() {
        let finding = Finding::new(
            Severity::Warning,
            "concurrency-missing",
            format!("job {} has no `concurrency` group", gate.id),
            "two gates can work at once: the second loses the race for a branch, and ends with exit code 12",
            "add `concurrency: { group: release-gate-${{ github.ref }}, cancel-in-progress: false }` to the job",
        );
        let cure = Cure::add(file, gate.way(&[]), GROUP, Place::After("if"));
        answer.find(finding.at(file, gate.line("concurrency")).cured_by(Some(cure)));
    }
    let places = [
        (of_job, gate.line("concurrency"), gate.way(&["concurrency"])),
        (
            of_workflow,
            gate.workflow.line(&["concurrency"]),
            vec![Step::Key("concurrency".to_owned())],
        ),
    ];
    for (group, line, way) in places {
        let cancels = group.and_then(|group| scalar(group.get("cancel-in-progress")?));
        if cancels.as_deref() == Some("true") {
            let finding = Finding::new(
                Severity::Error,
                "concurrency-cancels",
                "`cancel-in-progress: true` stops a gate when the next push comes",
                "a release stays half shown until the next run, and the failure of a commit is never decided",
                "write `cancel-in-progress: false`",
            );
            let cure = Cure::write(file, way, "cancel-in-progress", "false");
            answer.find(finding.at(file, line).cured_by(Some(cure)));
        }
    }
    // A group that is the same for every run of the workflow, but not one per run.
    let per_run = |group: &Value| {
        let name = group.as_str().or_else(|| group.get("group")?.as_str()).unwrap_or_default();
        ["github.run_id", "github.sha", "github.run_number"].iter().any(|own| name.contains(own))
    };
    if of_job.or(of_workflow).is_some_and(per_run) {
        let finding = Finding::new(
            Severity::Warning,
            "concurrency-per-run",
            "the `concurrency` group has another name in every run",
            "it keeps no two gates apart",
            "name it by the branch: `group: release-gate-${{ github.ref }}`",
        );
        answer.find(finding.at(file, gate.line("concurrency")));
    }
}
