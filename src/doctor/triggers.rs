//! What starts the gate's workflow: pushes to the protected branch, and nothing that lets strangers
//! in.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use serde_yaml::Value;

use super::workflow::{Runs, Workflow};
use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let mut seen = BTreeSet::new();
    for gate in checkup.jobs(Runs::Gate) {
        if seen.insert(gate.workflow.path()) {
            dangerous(gate.workflow, answer);
            pushes(checkup, gate.workflow, answer);
        }
    }
    if seen.is_empty() {
        answer.not_needed();
    }
}

/// These run with the secrets of the repository for code that anybody may have written ("Events
/// that trigger workflows").
fn dangerous(workflow: &Workflow, answer: &mut Answer) {
    for event in workflow.events() {
        if ["pull_request_target", "workflow_run"].contains(&event) {
            let line = workflow.line(&["on", event]).or_else(|| workflow.line(&["on"]));
            let finding = Finding::new(
                Severity::Error,
                "dangerous-trigger",
                format!("the gate's workflow starts on {event}"),
                "code of strangers can run with a token that may push; the gate refuses this event (exit code 6)",
                format!("take {event} out of `on:`"),
            );
            answer.find(finding.at(workflow.path(), line));
        }
    }
}

fn pushes(checkup: &Checkup, workflow: &Workflow, answer: &mut Answer) {
    // A reusable workflow is started by its callers.
    if workflow.events().contains(&"workflow_call") {
        return;
    }
    let branch = checkup.config.branch.as_str();
    let problem = if !workflow.events().contains(&"push") {
        "the gate's workflow does not start on push".to_owned()
    } else if workflow.event("push").is_some_and(|push| !covers(push, branch)) {
        format!("the gate's workflow does not start on pushes to {branch}")
    } else {
        return;
    };
    let line = workflow.line(&["on", "push"]).or_else(|| workflow.line(&["on"]));
    let finding = Finding::new(
        Severity::Error,
        "push-trigger",
        problem,
        format!("commits on {branch} are never promoted and never rolled back"),
        format!("write `on: {{ push: {{ branches: [{branch}] }} }}`"),
    );
    answer.find(finding.at(workflow.path(), line));
}

/// Tells whether the filters of `on.push` let the branch through ("Filter pattern cheat sheet").
fn covers(push: &Value, branch: &str) -> bool {
    let list = |key: &str| -> Option<Vec<String>> {
        match push.get(key)? {
            Value::Sequence(list) => {
                Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            other => Some(vec![other.as_str()?.to_owned()]),
        }
    };
    if let Some(ignored) = list("branches-ignore") {
        return !ignored.iter().any(|pattern| fits(pattern, branch));
    }
    match list("branches") {
        // The last pattern that fits decides.
        Some(patterns) => {
            patterns.iter().fold(false, |covered, pattern| match pattern.strip_prefix('!') {
                Some(without) => covered && !fits(without, branch),
                None => covered || fits(pattern, branch),
            })
        }
        // Filters for tags alone leave no branch.
        None => push.get("tags").is_none() && push.get("tags-ignore").is_none(),
    }
}

fn fits(pattern: &str, branch: &str) -> bool {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    // What cannot be read is given the benefit of the doubt.
    glob.map_or(true, |glob| glob.compile_matcher().is_match(branch))
}
