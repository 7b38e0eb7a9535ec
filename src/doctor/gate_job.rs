//! The gate's job runs when it is needed most: after a failure, with all results before it.

use serde_yaml::Value;

use super::cure::{Cure, Place};
use super::workflow::{Job, Runs, scalar};
use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    unreadable(checkup, answer);
    let mut gates = 0;
    for gate in checkup.jobs(Runs::Gate) {
        gates += 1;
        needs(checkup, gate, answer);
        digests(checkup, gate, answer);
        condition(gate, answer);
    }
    if gates == 0 && answer.findings.is_empty() {
        let finding = Finding::new(
            Severity::Warning,
            "gate-missing",
            "no workflow runs the gate: none uses the action or calls `tidegate gate`",
            "nothing is promoted or rolled back, unless a person does it",
            "let `tidegate init` write one",
        );
        answer.find(finding);
    }
}

/// A file that names tidegate, and that nobody can read.
fn unreadable(checkup: &Checkup, answer: &mut Answer) {
    for seen in &checkup.workflows {
        let Err(wrong) = &seen.workflow else { continue };
        if wrong.names_tidegate {
            let finding = Finding::new(
                Severity::Error,
                "workflow-unreadable",
                format!("the workflow cannot be read: {}", wrong.reason),
                "GitHub does not start it, so there is no gate",
                "correct the YAML",
            );
            answer.find(finding.at(&seen.path, wrong.line));
        }
    }
}

fn needs(checkup: &Checkup, gate: Job<'_>, answer: &mut Answer) {
    let file = gate.workflow.path();
    let needs = gate.needs();
    let required = checkup.config.require.jobs.as_deref().unwrap_or_default();
    // What is called gets the results from its caller.
    if needs.is_empty() && gate.workflow.events() == ["workflow_call"] {
        return;
    }
    if needs.is_empty() {
        let finding = Finding::new(
            Severity::Error,
            "gate-needs-nothing",
            format!("job {} has no `needs`", gate.id),
            "the gate does not wait for the tests and has no results: every commit is held",
            "list the jobs that have to pass: `needs: [tests, build]`",
        );
        answer.find(finding.at(file, gate.line("needs")));
        return;
    }
    for job in required.iter().filter(|job| !needs.contains(&job.as_str())) {
        let finding = Finding::new(
            Severity::Error,
            "required-job-not-needed",
            format!("`require.jobs` names {job}, and job {} does not need it", gate.id),
            "its result never arrives, so every commit is held",
            format!("add {job} to `needs`, or take it out of `require.jobs`"),
        );
        answer.find(finding.at(file, gate.line("needs")));
    }
    let counts = |id: &str| {
        checkup.config.require.jobs.as_ref().is_none_or(|jobs| jobs.iter().any(|job| job == id))
    };
    for id in needs {
        let Some(job) = gate.workflow.jobs().find(|job| job.id == id) else {
            let finding = Finding::new(
                Severity::Error,
                "needed-job-unknown",
                format!("job {} needs {id}, and there is no such job", gate.id),
                "GitHub refuses the whole workflow",
                "correct the name in `needs`",
            );
            answer.find(finding.at(file, gate.line("needs")));
            continue;
        };
        let may_fail = job.get("continue-on-error").and_then(scalar);
        if counts(id) && may_fail.as_deref() == Some("true") {
            let finding = Finding::new(
                Severity::Error,
                "required-job-may-fail",
                format!("the required job {id} has `continue-on-error: true`"),
                "GitHub reports its failure as success, and the gate promotes what failed",
                "take the line out, or leave the job out of `require.jobs`",
            );
            answer.find(finding.at(file, job.line("continue-on-error")));
        }
    }
}

/// Where images are released, some job tells the gate which ones.
fn digests(checkup: &Checkup, gate: Job<'_>, answer: &mut Answer) {
    // What another configuration says of images is not known, nor what a caller hands on.
    let none = checkup.config.images.as_ref().is_some_and(Vec::is_empty);
    let has_own_config = given(gate, "config", "TIDEGATE_CONFIG");
    if none || has_own_config || gate.needs().is_empty() || checkup.file.problem.is_some() {
        return;
    }
    let by_input = ["digest", "digests"]
        .into_iter()
        .any(|name| given(gate, name, &format!("TIDEGATE_{}", name.to_ascii_uppercase())));
    let hands_over = |job: Job<'_>| {
        let outputs = job.get("outputs");
        let has = |name: &str| outputs.is_some_and(|outputs| outputs.get(name).is_some());
        // The outputs of a called workflow stand in its own file.
        has("digest") || has("digests") || job.calls().is_some()
    };
    let needs = gate.needs();
    let by_job = gate.workflow.jobs().any(|job| needs.contains(&job.id) && hands_over(job));
    if by_input || by_job {
        return;
    }
    let finding = Finding::new(
        Severity::Error,
        "digest-missing",
        format!("no job that job {} needs has the output `digest` (or `digests`)", gate.id),
        "the gate does not know which image was tested: every promotion is held",
        "let the job that builds hand over the digest (docs/examples/release-gate.yml), and put it into `needs`; or write `images: []` where nothing is built",
    );
    answer.find(finding.at(gate.workflow.path(), gate.line("needs")));
}

/// Tells whether the gate is given something: as an input, an option or a variable.
pub(super) fn given(gate: Job<'_>, input: &str, variable: &str) -> bool {
    let set = |env: Option<&Value>| env.is_some_and(|env| env.get(variable).is_some());
    let by_step = gate.steps().filter(|step| step.runs() == Some(Runs::Gate)).any(|step| {
        let script = step.get("run").and_then(Value::as_str).unwrap_or_default();
        step.input(input).is_some()
            || script.contains(&format!("--{input}"))
            || set(step.get("env"))
    });
    by_step || gate.input(input).is_some() || set(gate.get("env")) || set(gate.workflow.get("env"))
}

/// Without a status function in its `if`, a job is skipped when one that it needs did not succeed
/// ("Expressions", status check functions).
fn condition(gate: Job<'_>, answer: &mut Answer) {
    if gate.needs().is_empty() {
        return;
    }
    let wrong = |id, problem: String| {
        Finding::new(
            Severity::Error,
            id,
            problem,
            "the gate is skipped when a job that it needs fails: nothing is ever rolled back",
            "write `if: ${{ !cancelled() }}` into the job",
        )
        .at(gate.workflow.path(), gate.line("if"))
    };
    let write = |value: String| Cure::write(gate.workflow.path(), gate.way(&[]), "if", value);
    let text = match gate.get("if") {
        Some(Value::Tagged(tagged)) => {
            let text = "`if: !...` without quotes or `${{ }}` is a YAML tag, not a condition";
            let whole = tagged.tag == "!cancelled()" && tagged.value.is_null();
            let cure = whole.then(|| write("${{ !cancelled() }}".to_owned()));
            answer.find(wrong("gate-if-no-expression", text.to_owned()).cured_by(cure));
            return;
        }
        None => {
            let text = format!("job {} has no `if`", gate.id);
            let line = "if: ${{ !cancelled() }}";
            let cure = Cure::add(gate.workflow.path(), gate.way(&[]), line, Place::After("needs"));
            answer.find(wrong("gate-if-missing", text).cured_by(Some(cure)));
            return;
        }
        Some(value) => scalar(value).unwrap_or_default(),
    };
    // Case and space do not matter in expressions.
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let packed = packed.to_ascii_lowercase();
    let says = |word: &str| packed.contains(word);
    let both = says("failure()") && says("success()") && says("||");
    let runs_on_red = says("!cancelled()") || says("always()") || both;
    if says("!failure()") || !runs_on_red {
        let problem = format!("the `if` of job {} does not say `!cancelled()`: {text}", gate.id);
        let cure = also_on_red(&text).map(write);
        answer.find(wrong("gate-if-skips-failures", problem).cured_by(cure));
    } else if asks_for_success(&packed) {
        let text = format!("the `if` of job {} asks for success: {text}", gate.id);
        answer.find(wrong("gate-if-asks-for-success", text));
    }
}

/// Tells whether a condition, without spaces, is false when a needed job has failed.
fn asks_for_success(packed: &str) -> bool {
    let says = |word: &str| packed.contains(word);
    let succeeded = says(".result=='success'") && !says(".result=='failure'");
    // No job failed: the list of all results, or the one of a job.
    let none_failed = says("!contains(needs.*.result,'failure')")
        || says("contains(needs.*.result,'failure')==false")
        || says(".result!='failure'");
    says("needs.") && (succeeded || none_failed)
}

/// The condition, such that it lets the gate run after failures too. One that asks for success by
/// itself means something else.
fn also_on_red(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let inner = inner.unwrap_or(text).trim();
    let functions = ["success", "failure", "cancelled"];
    let asks = functions.iter().any(|function| inner.to_ascii_lowercase().contains(function));
    let plain = !inner.is_empty() && !inner.contains("${{") && !asks;
    plain.then(|| format!("${{{{ !cancelled() && ({inner}) }}}}"))
}
