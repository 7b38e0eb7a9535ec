//! The token of the gate's job may do what the configuration asks for
//! (docs/how-to/permissions-and-apps.md).

use serde_yaml::Value;

use super::cure::{Cure, Place};
use super::workflow::{Job, Runs};
use super::{Answer, Checkup, Finding, Severity};
use crate::config::{Config, PullRequests};
use crate::model::ImageRef;

/// A permission that the gate's job needs.
struct Need {
    name: &'static str,
    writes: bool,
    severity: Severity,
    /// What does not work without it.
    breaks: &'static str,
    /// Whether the token of a GitHub App brings it along.
    by_app: bool,
}

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let mut gates = 0;
    for gate in checkup.jobs(Runs::Gate) {
        gates += 1;
        let (of_job, of_workflow) = (gate.get("permissions"), gate.workflow.get("permissions"));
        if of_workflow.is_none() {
            top_missing(gate, of_job.is_none(), answer);
        }
        match of_job.or(of_workflow) {
            // What the repository's default is, the file does not say.
            None => {}
            Some(given) => missing(&checkup.config, gate, given, answer),
        }
    }
    if gates == 0 {
        answer.not_needed();
    }
}

fn top_missing(gate: Job<'_>, of_job_too: bool, answer: &mut Answer) {
    let line = gate.workflow.line(&["jobs"]);
    let (problem, breaks) = if of_job_too {
        (
            "neither the workflow nor the gate's job has `permissions`",
            "the token has the default of the repository: in new ones it may only read, and nothing can be released; in old ones every job may write everything",
        )
    } else {
        (
            "the workflow has no `permissions` at the top",
            "jobs without their own get the default of the repository, which may be to write everything: also code that is only being tested",
        )
    };
    let mend = "write `permissions: {}` at the top, and into each job what it needs (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md)";
    let finding = Finding::new(Severity::Warning, "permissions-default", problem, breaks, mend);
    // With a word of their own, no job loses anything.
    let all_have = gate.workflow.jobs().all(|job| job.get("permissions").is_some());
    let cure = all_have.then(|| {
        Cure::add(gate.workflow.path(), Vec::new(), "permissions: {}", Place::Above("jobs"))
    });
    answer.find(finding.at(gate.workflow.path(), line).cured_by(cure));
}

fn missing(config: &Config, gate: Job<'_>, given: &Value, answer: &mut Answer) {
    let file = gate.workflow.path();
    let line = gate
        .get("permissions")
        .map_or_else(|| gate.workflow.line(&["permissions"]), |_| gate.line("permissions"));
    if given.as_str() == Some("write-all") {
        let finding = Finding::new(
            Severity::Warning,
            "permissions-too-wide",
            format!("job {} may write everything (`write-all`)", gate.id),
            "whatever runs in it can do more than a release needs",
            "name what the gate needs (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md)",
        );
        answer.find(finding.at(file, line));
        return;
    }
    let has_app = gate.has_app();
    for need in needs(config, gate) {
        if (has_app && need.by_app) || allows(given, &need) {
            continue;
        }
        lacks(gate, &need, line, answer);
    }
}

/// A login without a key needs a token that says who runs (OIDC).
pub(super) fn id_token(job: Job<'_>, answer: &mut Answer) {
    let need = Need {
        name: "id-token",
        writes: true,
        severity: Severity::Error,
        breaks: "the store gets no proof of who runs, and refuses the login without a key (OIDC)",
        by_app: false,
    };
    let given = job.get("permissions").or_else(|| job.workflow.get("permissions"));
    // No default of a repository has it.
    if given.is_none_or(|given| given.as_str() != Some("write-all") && !allows(given, &need)) {
        lacks(job, &need, job.line("permissions"), answer);
    }
}

fn lacks(gate: Job<'_>, need: &Need, line: Option<usize>, answer: &mut Answer) {
    let file = gate.workflow.path();
    let level = if need.writes { "write" } else { "read" };
    let finding = Finding::new(
        need.severity,
        "permission-missing",
        format!("job {} lacks the permission `{}: {level}`", gate.id, need.name),
        need.breaks,
        format!("write `{}: {level}` into its `permissions`", need.name),
    );
    let of_job = gate.get("permissions").and_then(Value::as_mapping);
    let cure = of_job.map(|own| {
        let way = gate.way(&["permissions"]);
        if own.contains_key(need.name) {
            Cure::write(file, way, need.name, level)
        } else {
            Cure::add(file, way, format!("{}: {level}", need.name), Place::Last)
        }
    });
    answer.find(finding.at(file, line).cured_by(cure));
}

fn allows(given: &Value, need: &Need) -> bool {
    let level = match given {
        Value::String(all) if all == "read-all" => Some("read"),
        given => given.get(need.name).and_then(Value::as_str),
    };
    match level {
        Some("write") => true,
        Some("read") => !need.writes,
        Some(_) | None => false,
    }
}

fn needs(config: &Config, gate: Job<'_>) -> Vec<Need> {
    let need = |name, writes, severity, breaks| Need {
        name,
        writes,
        severity,
        breaks,
        by_app: name != "packages",
    };
    let mut needs = vec![need(
        "contents",
        true,
        Severity::Error,
        "nothing can be recorded, promoted or rolled back",
    )];
    if pushes_packages(config, gate) {
        needs.push(need(
            "packages",
            true,
            Severity::Error,
            "the image tags cannot be moved: promotions end before anything is seen",
        ));
    }
    if config.rollback.enabled && config.rollback.pull_request == PullRequests::Auto {
        needs.push(need(
            "pull-requests",
            true,
            Severity::Warning,
            "where main is protected, a rollback is only a branch, and a person has to open its pull request (`rollback: { pull_request: never }` does without)",
        ));
    }
    if config.notify.github_issue {
        needs.push(need("issues", true, Severity::Warning, "no issue tells of a rollback"));
    }
    if config.rollback.retries > 0 {
        needs.push(need(
            "actions",
            true,
            Severity::Error,
            "failed jobs cannot be tried again, though `rollback.retries` asks for it",
        ));
    } else {
        needs.push(need(
            "actions",
            false,
            Severity::Warning,
            "the gate cannot ask GitHub what passed, and takes the ledger at its word",
        ));
    }
    if !config.require.checks.is_empty() {
        needs.push(need(
            "checks",
            false,
            Severity::Error,
            "`require.checks` cannot be read, so every commit is held",
        ));
    }
    needs
}

/// GHCR takes the job's token; who gives another password, has another login.
fn pushes_packages(config: &Config, gate: Job<'_>) -> bool {
    let mut images = config.images.iter().flatten();
    let on_ghcr =
        images.any(|image| matches!(image, ImageRef::Registry { host, .. } if host == "ghcr.io"));
    let password = gate
        .steps()
        .filter(|step| step.runs() == Some(Runs::Gate))
        .find_map(|step| step.input("registry-password"));
    let own = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("github.token") || text.contains("secrets.github_token")
    };
    on_ghcr && password.is_none_or(|password| own(&password))
}
