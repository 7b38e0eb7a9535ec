//! Runs, jobs, dispatches, reruns, check runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::{Answered, Call, Kind, Reply};
use super::render;
use super::world::{Check, Dispatch, Job, Run, World};

/// How many inputs a dispatch may have.
const MOST_INPUTS: usize = 25;

const LIST: [&str; 7] =
    ["branch", "event", "status", "head_sha", "per_page", "page", "exclude_pull_requests"];

/// Values that the filter `status` knows: states and conclusions.
const STATUS: [&str; 15] = [
    "completed",
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "skipped",
    "stale",
    "success",
    "timed_out",
    "in_progress",
    "queued",
    "requested",
    "waiting",
    "pending",
    "startup_failure",
];

/// `GET .../runs`, of the repository or of one workflow.
pub fn list_runs(world: &mut World, call: &Call, workflow: Option<&str>) -> Answered {
    call.needs(world, "actions", "read")?;
    let asked = call.query(&LIST)?;
    if let Some(workflow) = workflow
        && !world.workflows.iter().any(|known| names(known.id, &known.file, workflow))
    {
        return Err(Reply::not_found());
    }
    if let Some(status) = asked.get("status")
        && !STATUS.contains(&status.as_str())
    {
        let text = format!("{} {}: status={status}", call.method, call.path);
        return Err(Reply::error(422, &text).defect(text));
    }
    let is = |name: &str, value: Option<&str>| {
        asked.get(name).is_none_or(|wanted| value == Some(wanted.as_str()))
    };
    let world = &*world;
    let mut found: Vec<&Run> = world
        .runs
        .iter()
        .filter(|run| {
            let id = world.workflows.iter().find(|known| known.file == run.workflow);
            let id = id.map_or(0, |known| known.id);
            workflow.is_none_or(|workflow| names(id, &run.workflow, workflow))
        })
        .filter(|run| is("branch", run.head_branch.as_deref()))
        .filter(|run| is("event", Some(&run.event)))
        .filter(|run| is("head_sha", Some(&run.head_sha)))
        .filter(|run| is("status", Some(&run.status)) || is("status", run.conclusion.as_deref()))
        .collect();
    // Newest first.
    found.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
    let page = call.page(&asked, found)?;
    let runs: Vec<Value> =
        page.items.iter().map(|run| render::run(world, &call.api, run)).collect();
    let body = json!({"total_count": page.total, "workflow_runs": runs});
    page.reply(body)
}

/// A workflow is called by its file or its id.
fn names(id: u64, file: &str, asked: &str) -> bool {
    file == asked || id.to_string() == asked
}

/// `GET .../runs/{id}`.
pub fn get_run(world: &mut World, call: &Call, id: &str) -> Answered {
    call.needs(world, "actions", "read")?;
    call.query(&["exclude_pull_requests"])?;
    let run = find(world, id)?;
    Reply::ok(render::run(world, &call.api, run))
}

/// `GET .../runs/{id}/jobs`.
pub fn list_jobs(world: &mut World, call: &Call, id: &str) -> Answered {
    call.needs(world, "actions", "read")?;
    let asked = call.query(&["filter", "per_page", "page"])?;
    let run = find(world, id)?;
    let jobs = match asked.get("filter").map(String::as_str) {
        None | Some("latest") => run.jobs_in(run.attempt),
        Some("all") => run.jobs.iter().collect(),
        Some(other) => {
            let text = format!("{} {}: filter={other}", call.method, call.path);
            return Err(Reply::error(422, &text).defect(text));
        }
    };
    jobs_reply(world, call, &asked, run, jobs)
}

/// `GET .../runs/{id}/attempts/{n}/jobs`.
pub fn list_attempt(world: &mut World, call: &Call, id: &str, attempt: &str) -> Answered {
    call.needs(world, "actions", "read")?;
    let asked = call.query(&["per_page", "page"])?;
    let run = find(world, id)?;
    let attempt = attempt.parse().ok().filter(|n| (1..=run.attempt).contains(n));
    let attempt = attempt.ok_or_else(Reply::not_found)?;
    jobs_reply(world, call, &asked, run, run.jobs_in(attempt))
}

fn jobs_reply(
    world: &World,
    call: &Call,
    asked: &BTreeMap<String, String>,
    run: &Run,
    jobs: Vec<&Job>,
) -> Answered {
    let page = call.page(asked, jobs)?;
    let jobs: Vec<Value> =
        page.items.iter().map(|job| render::job(world, &call.api, run, job)).collect();
    let body = json!({"total_count": page.total, "jobs": jobs});
    page.reply(body)
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a Run, Reply> {
    let run = world.runs.iter().find(|run| run.id.to_string() == id);
    run.ok_or_else(Reply::not_found)
}

/// `POST .../workflows/{file}/dispatches`.
pub fn dispatch(world: &mut World, call: &Call, workflow: &str) -> Answered {
    call.needs(world, "actions", "write")?;
    call.query(&[])?;
    let body = call.body(&[
        ("ref", Kind::Text, true),
        ("inputs", Kind::Object, false),
        ("return_run_details", Kind::Flag, false),
    ])?;
    let known = world.workflows.iter().find(|known| names(known.id, &known.file, workflow));
    let known = known.ok_or_else(Reply::not_found)?.clone();
    let git_ref = body["ref"].as_str().unwrap_or_default().to_owned();
    let Some(head) = world.resolve(&git_ref) else {
        return Err(Reply::error(422, &format!("No ref found for: {git_ref}")));
    };
    let Some(declared) = known.inputs else {
        return Err(Reply::error(422, "Workflow does not have 'workflow_dispatch' trigger"));
    };
    let mut inputs = BTreeMap::new();
    for (name, value) in body.get("inputs").and_then(Value::as_object).into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Reply::error(422, &format!("Invalid value for input '{name}'")));
            }
        };
        inputs.insert(name.clone(), text);
    }
    if inputs.len() > MOST_INPUTS {
        return Err(Reply::error(
            422,
            &format!("you may only define up to {MOST_INPUTS} `inputs`"),
        ));
    }
    let unknown: Vec<&String> = inputs.keys().filter(|name| !declared.contains(name)).collect();
    if !unknown.is_empty() {
        return Err(Reply::error(422, &format!("Unexpected inputs provided: {unknown:?}")));
    }
    let branch = git_ref.strip_prefix("refs/heads/").unwrap_or(&git_ref).to_owned();
    let mut run = Run::push(&head).workflow(&known.file).event("workflow_dispatch").queued();
    run.head_branch = Some(branch);
    run.actor = call.login();
    (run.created_at, run.updated_at) = (Timestamp::now(), Timestamp::now());
    run.inputs.clone_from(&inputs);
    let run = world.add_run(run);
    world.dispatches.push(Dispatch { workflow: known.file, git_ref, inputs, run });
    if body.get("return_run_details").and_then(Value::as_bool) == Some(true) {
        let slug = world.slug();
        return Reply::ok(json!({
            "workflow_run_id": run,
            "run_url": format!("{}/repos/{slug}/actions/runs/{run}", call.api),
            "html_url": format!("https://github.com/{slug}/actions/runs/{run}"),
        }));
    }
    Ok(Reply { status: 204, headers: Vec::new(), body: None, defect: None })
}

/// `POST .../runs/{id}/rerun-failed-jobs`.
pub fn rerun_failed(world: &mut World, call: &Call, id: &str) -> Answered {
    call.needs(world, "actions", "write")?;
    call.query(&[])?;
    call.body(&[("enable_debug_logging", Kind::Flag, false)])?;
    let (id, failed) = {
        let run = find(world, id)?;
        if run.status != "completed" {
            return Err(Reply::error(403, "This workflow is already running"));
        }
        let jobs = run.jobs_in(run.attempt).into_iter();
        let failed: BTreeSet<String> = jobs
            .filter(|job| job.conclusion.as_deref() != Some("success"))
            .map(|job| job.name.clone())
            .collect();
        if failed.is_empty() {
            let text = "This workflow run cannot be retried: it has no failed jobs";
            return Err(Reply::error(403, text));
        }
        (run.id, failed)
    };
    let ids: Vec<u64> = failed.iter().map(|_| world.next_id()).collect();
    let now = Timestamp::now();
    world.reruns.push(id);
    if let Some(run) = world.runs.iter_mut().find(|run| run.id == id) {
        run.attempt += 1;
        "queued".clone_into(&mut run.status);
        (run.conclusion, run.updated_at) = (None, now);
        let attempt = run.attempt;
        run.jobs.extend(failed.into_iter().zip(ids).map(|(name, id)| Job {
            id,
            name,
            attempt,
            status: "queued".to_owned(),
            conclusion: None,
            started_at: now,
            completed_at: None,
        }));
    }
    Ok(Reply::json(201, json!({})))
}

/// `GET .../commits/{ref}/check-runs`.
pub fn list_checks(world: &mut World, call: &Call, revision: &str) -> Answered {
    call.needs(world, "checks", "read")?;
    let asked = call.query(&["check_name", "status", "filter", "per_page", "page"])?;
    let known = |sha: &String| world.checks.iter().any(|check| check.head_sha == *sha);
    let sha = world.resolve(revision).or_else(|| Some(revision.to_owned()).filter(known));
    let Some(sha) = sha else {
        let text = format!("No commit found for SHA: {revision}");
        return Err(Reply::error(422, &text));
    };
    let is = |name: &str, value: &str| asked.get(name).is_none_or(|wanted| wanted == value);
    let of_commit = world.checks.iter().filter(|check| check.head_sha == sha);
    let mut found: Vec<&Check> = of_commit
        .filter(|check| is("check_name", &check.name) && is("status", &check.status))
        .collect();
    // Newest first.
    found.sort_by_key(|check| std::cmp::Reverse((check.started_at, check.id)));
    match asked.get("filter").map(String::as_str) {
        None | Some("latest") => {
            let mut seen = BTreeSet::new();
            found.retain(|check| seen.insert((&check.app, &check.name)));
        }
        Some("all") => {}
        Some(other) => {
            let text = format!("{} {}: filter={other}", call.method, call.path);
            return Err(Reply::error(422, &text).defect(text));
        }
    }
    let page = call.page(&asked, found)?;
    let checks: Vec<Value> =
        page.items.iter().map(|check| render::check(world, &call.api, check)).collect();
    let body = json!({"total_count": page.total, "check_runs": checks});
    page.reply(body)
}
