//! The steps of the gate's job: the checkout, and what the action is given.

use super::cure::{Cure, Place};
use super::workflow::{Job, Runs, Step, names_tidegate};
use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let mut gates = 0;
    for gate in checkup.jobs(Runs::Gate) {
        gates += 1;
        if gate.calls().is_some() {
            // The reusable workflow has its own steps, and the job's token.
            called(gate, answer);
            continue;
        }
        checkout(gate, answer);
        for step in gate.steps().filter(|step| step.runs() == Some(Runs::Gate)) {
            inputs(gate, step, answer);
        }
    }
    if gates == 0 {
        answer.not_needed();
    }
}

fn checkout(gate: Job<'_>, answer: &mut Answer) {
    let file = gate.workflow.path();
    let is_checkout = |step: &Step<'_>| {
        step.uses().is_some_and(|uses| uses.split('@').next() == Some("actions/checkout"))
    };
    let before = gate.steps().take_while(|step| step.runs() != Some(Runs::Gate));
    let Some(step) = before.filter(is_checkout).last() else {
        let finding = Finding::new(
            Severity::Error,
            "checkout-missing",
            format!("job {} checks nothing out before the gate", gate.id),
            "there is no repository to decide about",
            "add `actions/checkout` with `fetch-depth: 0` and `persist-credentials: false`",
        );
        answer.find(finding.at(file, gate.line("steps")));
        return;
    };
    if step.input("fetch-depth").as_deref() != Some("0") {
        let finding = Finding::new(
            // The gate deepens such a clone itself.
            Severity::Warning,
            "fetch-depth",
            format!("the checkout of job {} lacks `fetch-depth: 0`", gate.id),
            "the clone has one commit, and no answer to which commit is newer or was good: each gate fetches the whole history itself, and ends with an error where it cannot",
            "write `fetch-depth: 0` below `with:`",
        );
        let cure = step.with_input("fetch-depth", "0");
        answer.find(finding.at(file, step.line("with")).cured_by(cure));
    }
    if step.input("persist-credentials").as_deref() != Some("false") {
        let finding = Finding::new(
            Severity::Warning,
            "persist-credentials",
            format!("the checkout of job {} lacks `persist-credentials: false`", gate.id),
            "the token that may push stays in the clone, where every later step can read it",
            "write `persist-credentials: false` below `with:`; the gate has its own `token`",
        );
        let cure = step.with_input("persist-credentials", "false");
        let cure = cure.filter(|_| !uses_git(gate));
        answer.find(finding.at(file, step.line("with")).cured_by(cure));
    }
}

/// Whether a step may use the token in the clone: a script that names git, or an action of others.
fn uses_git(gate: Job<'_>) -> bool {
    gate.steps().any(|step| {
        let script = step.get("run").and_then(serde_yaml::Value::as_str).unwrap_or_default();
        let foreign = step.uses().is_some_and(|uses| {
            !names_tidegate(uses)
                && !["actions/", "docker/"].iter().any(|own| uses.starts_with(own))
        });
        foreign || script.contains("git ")
    })
}

/// What the reusable workflow is given.
fn called(gate: Job<'_>, answer: &mut Answer) {
    let needs = gate.input("needs");
    if needs.as_deref().is_some_and(all_needs) {
        return;
    }
    let value = "${{ toJSON(needs) }}";
    let file = gate.workflow.path();
    let finding = needs_input(needs.is_some(), "write `needs: ${{ toJSON(needs) }}` below `with:`");
    let cure = match (gate.get("with"), needs) {
        (None, _) => {
            let lines = format!("with:\n  needs: {value}");
            Cure::add(file, gate.way(&[]), lines, Place::After("uses"))
        }
        (Some(_), None) => {
            Cure::add(file, gate.way(&["with"]), format!("needs: {value}"), Place::Last)
        }
        (Some(_), Some(_)) => Cure::write(file, gate.way(&["with"]), "needs", value),
    };
    answer.find(finding.at(file, gate.line("with")).cured_by(Some(cure)));
}

fn needs_input(given: bool, mend: &str) -> Finding {
    let problem = if given {
        "what the gate gets as `needs` is not `${{ toJSON(needs) }}`"
    } else {
        "the gate is not given the results of the jobs (`needs`)"
    };
    let breaks = "the gate does not know what passed or failed, and ends with an error";
    Finding::new(Severity::Error, "needs-input", problem, breaks, mend)
}

fn inputs(gate: Job<'_>, step: Step<'_>, answer: &mut Answer) {
    let file = gate.workflow.path();
    let by_script = step.uses().is_none();
    let (given, whole, place) = if by_script {
        // An option of the command, or the variable in the environment of step, job or workflow.
        let script = step.get("run").and_then(serde_yaml::Value::as_str).unwrap_or_default();
        let variable = [step.get("env"), gate.get("env"), gate.workflow.get("env")]
            .into_iter()
            .flatten()
            .find_map(|env| env.get("TIDEGATE_NEEDS")?.as_str());
        let given = variable.is_some() || script.contains("--needs");
        (given, variable.is_none_or(all_needs), "env")
    } else {
        let needs = step.input("needs");
        (needs.is_some(), needs.as_deref().is_none_or(all_needs), "with")
    };
    if !given || !whole {
        let mend = if by_script {
            "set `TIDEGATE_NEEDS: ${{ toJSON(needs) }}` in `env:`"
        } else {
            "write `needs: ${{ toJSON(needs) }}` below `with:`"
        };
        let cure = step.with_input("needs", "${{ toJSON(needs) }}").filter(|_| !by_script);
        answer.find(needs_input(given, mend).at(file, step.line(place)).cured_by(cure));
    }
    if !by_script && step.input("token").is_none() && step.input("app-id").is_none() {
        let finding = Finding::new(
            Severity::Error,
            "token-input",
            "the gate is given no `token`",
            "it can neither push nor ask GitHub",
            "write `token: ${{ github.token }}` below `with:`",
        );
        let cure = step.with_input("token", "${{ github.token }}");
        answer.find(finding.at(file, step.line("with")).cured_by(cure));
    }
}

/// All results, or what a caller has handed on as such.
fn all_needs(text: &str) -> bool {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let packed = packed.to_ascii_lowercase();
    packed.contains("tojson(needs)") || packed.contains("inputs.needs")
}
