//! What stands at the top of the workflow: `permissions`, `concurrency` and what starts it.

use serde_yaml::Value;

use super::Left;
use super::draft::Draft;
use super::gate::is_own_token;
use super::outline::{Lines, Outline};
use super::replacements::cancels;
use crate::config::Config;
use crate::doctor::workflow::{Job, Workflow};

/// Returns the protected branch where the workflow runs for others, too; the gate refuses those.
pub(super) fn only_branch(workflow: &Workflow, config: &Config) -> Option<String> {
    let branch = config.branch.as_str();
    let harmless = ["push", "workflow_dispatch", "schedule"];
    let only_push = workflow.events().iter().all(|event| harmless.contains(event));
    let branches = workflow.event("push").and_then(|push| push.get("branches"));
    let one = match branches {
        Some(Value::Sequence(list)) => list.len() == 1 && list[0].as_str() == Some(branch),
        other => other.and_then(Value::as_str) == Some(branch),
    };
    let dispatched = workflow.events().contains(&"workflow_dispatch");
    (!(only_push && one) || dispatched).then(|| branch.to_owned())
}

/// Sets both; tells what a person has to look at.
pub(super) fn set(
    draft: &mut Draft,
    workflow: &Workflow,
    config: &Config,
    staying: &[&str],
    gate: &str,
) -> Vec<Left> {
    let mut left = Vec::new();
    permissions(draft, workflow, staying, gate, &mut left);
    if cancels(workflow) && no_cancelling(draft, workflow, config).is_none() {
        left.push(Left {
            job: None,
            lines: None,
            what: "a newer run cancels an older one".to_owned(),
            why: "its gate would be stopped half-way".to_owned(),
            todo: "write `cancel-in-progress: false`".to_owned(),
        });
    }
    left
}

fn no_cancelling(draft: &mut Draft, workflow: &Workflow, config: &Config) -> Option<()> {
    let lines = Lines::of(draft.text());
    let outline = Outline::of(&lines)?;
    let key = outline.top("concurrency")?;
    let line =
        (key.line..key.lines.end).find(|line| lines.line(*line).contains("cancel-in-progress"))?;
    let (head, tail) = lines.line(line).split_once("cancel-in-progress")?;
    // Runs of pull requests may go on being cancelled.
    let pulls = workflow.events().contains(&"pull_request");
    let flow = head.contains('{');
    let new = if pulls && !flow {
        format!("${{{{ github.ref != 'refs/heads/{}' }}}}", config.branch.as_str())
    } else {
        "false".to_owned()
    };
    let changed = tail.trim_end().replacen("true", &new, 1);
    let text = format!("{head}cancel-in-progress{changed}\n");
    draft.edit(vec![(line..line + 1, text)], |value, _| {
        let group = value.get_mut("concurrency")?.as_mapping_mut()?;
        let new = if new == "false" { Value::Bool(false) } else { Value::String(new) };
        group.insert("cancel-in-progress".into(), new);
        Some(())
    })
}

const READ: &str = "\
# Each job may read the code; what needs more asks for it.
permissions:
  contents: read
";

fn permissions(
    draft: &mut Draft,
    workflow: &Workflow,
    staying: &[&str],
    gate: &str,
    left: &mut Vec<Left>,
) {
    if let Some(given) = workflow.get("permissions") {
        let wide = given.as_str() == Some("write-all")
            || given
                .as_mapping()
                .is_some_and(|given| given.values().any(|level| level.as_str() == Some("write")));
        if wide {
            left.push(Left {
                job: None,
                lines: None,
                what: "the workflow's `permissions` let every job write".to_owned(),
                why: "the jobs that needed it are gone, and the gate has its own".to_owned(),
                todo: "write `contents: read` there, and into each job what it needs beyond that"
                    .to_owned(),
            });
        }
        return;
    }
    if draft.add_top("permissions", READ, "jobs").is_none() {
        left.push(Left {
            job: None,
            lines: None,
            what: "the workflow has no `permissions` at the top".to_owned(),
            why: "it could not be added by text".to_owned(),
            todo: "write `permissions: { contents: read }` there".to_owned(),
        });
        return;
    }
    let jobs = workflow.jobs().filter(|job| staying.contains(&job.id) && job.id != gate);
    for job in jobs.filter(|job| job.get("permissions").is_none()) {
        let own = needs_token(job);
        let done = own.packages && {
            let line = "permissions:\n  contents: read\n  packages: write # the candidate's tags";
            draft.set(job.id, "permissions", line, "steps").is_some()
        };
        if own.other || (own.packages && !done) {
            left.push(Left {
                job: Some(job.id.to_owned()),
                lines: None,
                what: format!("job {} may use the run's token, which now only reads", job.id),
                why: "before, it had the repository's default, which may be to write everything"
                    .to_owned(),
                todo: "write `permissions:` with what it needs into the job".to_owned(),
            });
        }
    }
}

#[derive(Default)]
struct Token {
    packages: bool,
    other: bool,
}

/// Tells what a job does with the run's token.
fn needs_token(job: Job<'_>) -> Token {
    // A called workflow has no more rights than its caller.
    let mut token = Token { packages: false, other: job.calls().is_some() };
    for step in job.steps() {
        let text = ["with", "env", "run"]
            .into_iter()
            .filter_map(|key| serde_yaml::to_string(step.get(key)?).ok())
            .collect::<String>();
        let name = step.uses().and_then(|uses| uses.split('@').next()).unwrap_or_default();
        let script = step.get("run").and_then(Value::as_str).unwrap_or_default();
        let logs_in = ["docker/login-action", "redhat-actions/podman-login"].contains(&name)
            || script.contains("docker login");
        if logs_in && is_own_token(&text) {
            token.packages = true;
        } else if !reads_only(name) || is_own_token(&text) || script.contains("git push") {
            token.other = true;
        }
    }
    token
}

/// Actions that need no more than to read the code; many others take the run's token unasked.
fn reads_only(action: &str) -> bool {
    let own = ["checkout", "cache", "upload-artifact", "download-artifact"];
    match action.split_once('/') {
        Some(("actions", name)) => own.contains(&name) || name.starts_with("setup-"),
        None | Some(("docker" | "codecov" | "astral-sh" | "hadolint", _)) => true,
        Some(_) => action.starts_with("./"),
    }
}
