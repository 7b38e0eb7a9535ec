//! Where failed jobs are tried again, the workflow that does it is there and can.

use serde_yaml::Value;

use super::workflow::{Runs, Workflow};
use super::{Answer, Checkup, Finding, Severity};

/// What breaks, whatever is wrong with it.
const BREAKS: &str =
    "failed jobs are not tried again: the gate holds instead, and a person has to decide";

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let rollback = &checkup.config.rollback;
    if rollback.retries == 0 || !rollback.enabled {
        answer.not_needed();
        return;
    }
    let path = format!(".github/workflows/{}", rollback.retry_workflow);
    let Some(seen) = checkup.workflows.iter().find(|seen| seen.path == path) else {
        let finding = Finding::new(
            Severity::Error,
            "retry-workflow-missing",
            format!("`rollback.retries` is {}, and there is no {path}", rollback.retries),
            BREAKS,
            "let `tidegate init` write one, or name the file in `rollback.retry_workflow`",
        );
        answer.find(finding.at(&path, None));
        return;
    };
    match &seen.workflow {
        Ok(workflow) => {
            for problem in problems(workflow) {
                let mend = "compare it with the one that `tidegate init` writes";
                let finding =
                    Finding::new(Severity::Error, "retry-workflow-unfit", problem.0, BREAKS, mend);
                answer.find(finding.at(&path, problem.1));
            }
        }
        // Said by the check of the gate's job already.
        Err(wrong) if wrong.names_tidegate => {}
        Err(wrong) => {
            let problem = format!("the retry workflow cannot be read: {}", wrong.reason);
            let mend = "correct the YAML";
            let finding =
                Finding::new(Severity::Error, "retry-workflow-unfit", problem, BREAKS, mend);
            answer.find(finding.at(&path, wrong.line));
        }
    }
}

fn problems(workflow: &Workflow) -> Vec<(String, Option<usize>)> {
    let mut found = Vec::new();
    let on = workflow.line(&["on"]);
    if workflow.events().contains(&"workflow_dispatch") {
        let inputs = workflow.event("workflow_dispatch").and_then(|event| event.get("inputs"));
        for input in ["run_id", "attempt"] {
            if inputs.is_none_or(|inputs| inputs.get(input).is_none()) {
                found.push((format!("the retry workflow has no input {input}"), on));
            }
        }
    } else {
        found.push(("the retry workflow does not start on workflow_dispatch".to_owned(), on));
    }
    let Some(job) = workflow.jobs().find(|job| job.runs() == Some(Runs::Retry)) else {
        found
            .push(("the retry workflow does not run `retry`".to_owned(), workflow.line(&["jobs"])));
        return found;
    };
    let given = job.get("permissions").or_else(|| workflow.get("permissions"));
    let may_write = given.is_none_or(|given| {
        given.as_str() == Some("write-all")
            || given.get("actions").and_then(Value::as_str) == Some("write")
    });
    if !may_write && !job.has_app() {
        let text = format!("job {} lacks the permission `actions: write`", job.id);
        found.push((text, job.line("permissions")));
    }
    found
}
