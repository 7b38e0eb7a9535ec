//! The workflow of a release with data: the job that makes the data is waited for, hands over its
//! version, and what runs tidegate can log in to the store.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::data_login::{advice, can_log_in};
use super::gate_job::given;
use super::permissions::id_token;
use super::workflow::{Job, Runs, names_tidegate, scalar};
use super::{Answer, Checkup, Finding, Severity};
use crate::config::DataConfig;
use crate::model::StoreUrl;
use crate::model::store_variables::{AZURE_CONNECTION, AZURE_KEYS, AZURE_SIGNATURES};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let data = checkup.config.data.as_ref().filter(|data| data.database().is_some());
    let Some(data) = data.filter(|_| checkup.file.problem.is_none()) else {
        return answer.not_needed();
    };
    let mut gates = 0;
    for gate in checkup.jobs(Runs::Gate) {
        // What another configuration says of data is not known.
        let called = gate.needs().is_empty() && gate.workflow.events() == ["workflow_call"];
        if called || given(gate, "config", "TIDEGATE_CONFIG") {
            continue;
        }
        gates += 1;
        let made = data.job.as_deref().filter(|_| checkup.config.publishes_data());
        let maker = made.and_then(|id| gate.workflow.jobs().find(|job| job.id == id));
        if let Some(id) = made {
            waits(checkup, gate, id, answer);
        }
        if let Some(maker) = maker {
            hands_over(gate, maker, answer);
        }
        for job in [Some(gate), maker.filter(|job| runs_tidegate(*job))].into_iter().flatten() {
            logs_in(data, job, answer);
        }
    }
    if gates == 0 {
        answer.not_needed();
    }
}

fn waits(checkup: &Checkup, gate: Job<'_>, id: &str, answer: &mut Answer) {
    let required = checkup.config.require.jobs.iter().flatten().any(|job| job == id);
    // A gate that needs nothing, or not what `require.jobs` names, has a finding of its own.
    if gate.needs().is_empty() || gate.needs().contains(&id) || required {
        return;
    }
    let finding = Finding::new(
        Severity::Error,
        "data-job-not-needed",
        format!("`data.job` names {id}, and job {} does not need it", gate.id),
        "the gate never hears of the data version: every promotion is held",
        format!("add {id} to `needs`, or take `job` out of `data`"),
    );
    answer.find(finding.at(gate.workflow.path(), gate.line("needs")));
}

fn hands_over(gate: Job<'_>, maker: Job<'_>, answer: &mut Answer) {
    let output = maker.get("outputs").and_then(|outputs| outputs.get("data-version"));
    // The outputs of a called workflow stand in its own file.
    if output.is_some()
        || maker.calls().is_some()
        || given(gate, "data-version", "TIDEGATE_DATA_VERSION")
    {
        return;
    }
    let finding = Finding::new(
        Severity::Error,
        "data-version-missing",
        format!("job {}, which `data.job` names, has no output `data-version`", maker.id),
        "the gate never hears of the data version: every promotion is held",
        "write `outputs: { data-version: ${{ steps.<id>.outputs.data-version }} }` into the job, with the id of the step that runs `sync`",
    );
    answer.find(finding.at(gate.workflow.path(), maker.line("outputs")));
}

fn runs_tidegate(job: Job<'_>) -> bool {
    let calls = |text: &str| text.split_whitespace().any(|word| word.ends_with("tidegate"));
    job.calls().is_some_and(names_tidegate)
        || job.steps().any(|step| {
            step.uses().is_some_and(names_tidegate)
                || step.get("run").and_then(Value::as_str).is_some_and(calls)
        })
}

fn logs_in(data: &DataConfig, job: Job<'_>, answer: &mut Answer) {
    let (Some(names), Some(store)) = (variables(job), &data.store) else { return };
    if matches!(store, StoreUrl::Azure { .. }) && wants_id_token(&names) {
        return id_token(job, answer);
    }
    if matches!(store, StoreUrl::S3 { .. }) && takes_on_role(job, &names) {
        return id_token(job, answer);
    }
    if can_log_in(store, &|name| names.contains(name)) {
        return;
    }
    let finding = Finding::new(
        Severity::Error,
        "store-credentials-missing",
        format!("job {} gets no credentials for {}", job.id, store),
        "it can neither publish data nor point readers back: promotions end with an error",
        if job.calls().is_some() {
            format!(
                "hand them over in `secrets:`, by the names in https://github.com/tidegate/tidegate/blob/main/docs/how-to/reusable-workflow.md: {}",
                advice(store)
            )
        } else {
            format!("write into the step's `env:` {}", advice(store))
        },
    );
    let key = if job.calls().is_some() { "secrets" } else { "steps" };
    answer.find(finding.at(job.workflow.path(), job.line(key)));
}

/// The variables that tidegate gets in a job; `None` where others may come from elsewhere: from a
/// runner of the team's own, an action of others, or a script that exports some.
fn variables(job: Job<'_>) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if job.calls().is_some() {
        for given in [job.get("secrets"), job.get("with")].into_iter().flatten() {
            let keys = given.as_mapping().into_iter().flatten().filter_map(|(key, _)| key.as_str());
            names.extend(keys.map(|key| key.replace('-', "_").to_ascii_uppercase()));
        }
        return Some(names);
    }
    let runner = job.get("runs-on").and_then(scalar)?;
    if !["ubuntu-", "windows-", "macos-"].iter().any(|hosted| runner.starts_with(hosted)) {
        return None;
    }
    let mut given = vec![job.workflow.get("env"), job.get("env")];
    for step in job.steps() {
        let script = step.get("run").and_then(Value::as_str).unwrap_or_default();
        let foreign = step.uses().is_some_and(|uses| {
            !names_tidegate(uses)
                && !["actions/", "docker/"].iter().any(|own| uses.starts_with(own))
        });
        if foreign || script.contains("GITHUB_ENV") {
            return None;
        }
        if script.contains("tidegate") || step.uses().is_some_and(names_tidegate) {
            given.push(step.get("env"));
        }
    }
    for env in given.into_iter().flatten() {
        // An expression may hold anything.
        names.extend(env.as_mapping()?.keys().filter_map(Value::as_str).map(str::to_owned));
    }
    Some(names)
}

/// Tells whether a job calls the reusable workflow with a role in AWS, which that takes on by the
/// identity of the run (OIDC). A key outranks the role.
fn takes_on_role(job: Job<'_>, names: &BTreeSet<String>) -> bool {
    job.calls().is_some() && names.contains("AWS_ROLE_ARN") && !names.contains("AWS_ACCESS_KEY_ID")
}

/// Tells whether a job logs in to an Azure account by the identity of its run (OIDC).
fn wants_id_token(names: &BTreeSet<String>) -> bool {
    let has = |name: &str| names.contains(name);
    let other = [AZURE_CONNECTION, "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"];
    let mut other = AZURE_KEYS.into_iter().chain(AZURE_SIGNATURES).chain(other);
    has("AZURE_CLIENT_ID") && has("AZURE_TENANT_ID") && !other.any(has)
}
