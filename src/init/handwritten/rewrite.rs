//! Puts a gate in the place of the jobs that release and take back.
//!
//! 1. Jobs that only do so go; of the others, their steps.
//! 2. The gate is added, which waits for the jobs that the removed ones waited for.
//! 3. Jobs that came after a removed one come after the gate.
//! 4. The jobs that build an image hand over its digest.
//! 5. The workflow gets `permissions` where it has none, and stops cancelling runs.

use std::collections::{BTreeMap, BTreeSet};

use super::Left;
use super::digest;
use super::draft::Draft;
use super::fate::{Fate, fates};
use super::follow::{Verdict, asks_for_results, is_for_red, repoint, undone};
use super::gate::{GateJob, Had};
use super::judge::JobSeen;
use super::login;
use super::outline::{Lines, Outline};
use super::top;
use crate::config::Config;
use crate::doctor::workflow::{Job, Runs, Workflow, scalar};

/// More jobs than anybody has: each edit reads the text again.
const MOST_JOBS: usize = 100;

/// More steps than anybody has.
const MOST_STEPS: usize = 1000;

/// What became of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Rewriting {
    pub removed: Vec<String>,
    pub needs: Vec<String>,
    pub images: Vec<String>,
    pub left: Vec<Left>,
    pub place_for_gate: bool,
    pub text: Option<String>,
}

/// Tells whether only tags start a workflow: that is a release of versions, not of every commit.
pub(super) fn only_tags(workflow: &Workflow) -> bool {
    let push = workflow.event("push");
    let has = |key: &str| push.is_some_and(|push| push.get(key).is_some());
    let others = ["workflow_run", "workflow_dispatch", "workflow_call", "schedule"];
    let by_others = workflow.events().iter().any(|event| others.contains(event));
    !by_others && (has("tags") || has("tags-ignore")) && !has("branches")
        || workflow.events() == ["release"]
}

/// Rewrites a workflow.
pub(super) fn rewrite(
    workflow: &Workflow,
    text: &str,
    jobs: &[JobSeen],
    config: &Config,
    action: &str,
) -> Rewriting {
    let mut out = Rewriting::default();
    if let Some(reason) = no_place(workflow, jobs) {
        out.left.push(not_rewritten(workflow, reason));
        return out;
    }
    out.place_for_gate = true;
    if let Err((why, todo)) = rewritten(workflow, text, jobs, (config, action), &mut out) {
        out = Rewriting {
            left: vec![not_rewritten(workflow, (why, todo))],
            place_for_gate: (why, todo) != NO_TESTS,
            ..Rewriting::default()
        };
    }
    out
}

/// Why a workflow is not rewritten, and what to do about it.
type Reason = (&'static str, &'static str);

fn not_rewritten(workflow: &Workflow, (why, todo): Reason) -> Left {
    let what = format!("{} is not rewritten", workflow.path());
    Left { job: None, lines: None, what, why: why.to_owned(), todo: todo.to_owned() }
}

const FORM: Reason = (
    "its text is not in a form that can be edited line by line",
    "write it by hand, beside https://github.com/tidegate/tidegate/blob/main/docs/examples/release-gate.yml",
);

const NO_TESTS: Reason = (
    "no job of it tests before the release, so a gate would have nothing to decide by",
    "put the gate into the workflow with the tests, and delete these jobs",
);

/// Why a gate has no place in a workflow.
fn no_place(workflow: &Workflow, jobs: &[JobSeen]) -> Option<Reason> {
    let events = workflow.events();
    if events.contains(&"workflow_run") || events.contains(&"pull_request_target") {
        return Some((
            "it starts on an event that may not release (workflow_run, pull_request_target)",
            "put the gate into the workflow with the tests, and delete this file",
        ));
    }
    if !events.contains(&"push") {
        return Some((
            "it does not start on push",
            "delete the file when the gate works: `tidegate rollback` and `tidegate promote` do by hand what it does",
        ));
    }
    let steps: usize = jobs.iter().map(|job| job.steps.len()).sum();
    (jobs.len() > MOST_JOBS || steps > MOST_STEPS)
        .then_some(("it has too many jobs or steps", "write it by hand"))
}

fn rewritten(
    workflow: &Workflow,
    text: &str,
    jobs: &[JobSeen],
    (config, action): (&Config, &str),
    out: &mut Rewriting,
) -> Result<(), Reason> {
    let lines = Lines::of(text);
    let mut draft = Draft::of(text).ok_or(FORM)?;
    let ids: Vec<&str> = workflow.jobs().map(|job| job.id).collect();
    if !ids.iter().all(|id| is_id(id)) || Outline::of(&lines).is_none() {
        return Err(FORM);
    }
    let mut fates = fates(jobs, &lines);
    remove(&mut draft, &mut fates, &lines, jobs);
    let concerned = |id: &str| fates.get(id).is_some_and(|fate| *fate != Fate::Stays);
    let first = ids.iter().position(|id| concerned(id)).ok_or(FORM)?;

    let gone: Vec<&str> = of(&ids, &fates, |fate| *fate == Fate::Goes);
    let after = followers(workflow, jobs, &fates);
    let needs = needs(workflow, &ids, &fates, &after);
    let staying: Vec<&str> =
        of(&ids, &fates, |fate| !matches!(fate, Fate::Goes | Fate::Left { .. }));
    let before: Vec<&str> =
        staying.iter().filter(|id| !after.contains_key(**id)).copied().collect();
    // Without the steps that are gone already.
    let parse = |text: &str| Workflow::parse(workflow.path(), text.as_bytes()).map_err(|_| FORM);
    let trimmed = parse(draft.text())?;
    let pushed = digest::pushes(&trimmed, &before);

    let own_gate = workflow.jobs().find(|job| job.runs() == Some(Runs::Gate)).map(|job| job.id);
    let gate_id = own_gate.map(str::to_owned).or_else(|| free_id(&ids, &gone)).ok_or(FORM)?;
    if own_gate.is_none() {
        if needs.is_empty() {
            return Err(NO_TESTS);
        }
        let tells = !after.is_empty();
        let images = !pushed.is_empty();
        let only_branch = top::only_branch(workflow, config);
        let mut concerned = gone.clone();
        concerned.extend(of(&ids, &fates, |fate| matches!(fate, Fate::Trimmed { .. })));
        let had = Had::of(workflow, &concerned);
        let (login, names_host, no_login) = login::choose(workflow, &concerned, &pushed);
        out.left.extend(no_login);
        let (id, needs, action) = (gate_id.clone(), needs.clone(), action.to_owned());
        let job = GateJob { id, needs, only_branch, images, tells, action, had, login, names_host };
        let behind = ids[..first].iter().rev().find(|id| staying.contains(*id));
        let last = job.needs.last();
        let behind = behind.or_else(|| last.and_then(|id| ids.iter().find(|own| *own == id)));
        draft.add_job(behind.copied(), &gate_id, &job.text()).ok_or(FORM)?;
    }
    for (id, verdict) in &after {
        let gone: BTreeSet<&str> = gone.iter().copied().collect();
        repoint(&mut draft, id, *verdict, &gate_id, &gone, &mut out.left).ok_or(FORM)?;
    }
    out.left.extend(digest::hand_over(&mut draft, workflow.path(), &pushed));
    out.left.extend(top::set(&mut draft, workflow, config, &staying, &gate_id));
    out.left.extend(unfinished(workflow, &lines, jobs, &fates, &pushed));
    out.left.extend(undone(workflow, &gone, &after));

    // The last word has the reader that GitHub's own resembles most.
    let read = parse(draft.text())?;
    let known: BTreeSet<&str> = read.jobs().map(|job| job.id).collect();
    if !read.jobs().flat_map(|job| job.needs()).all(|id| known.contains(id)) {
        return Err(FORM);
    }
    out.removed = gone.into_iter().map(str::to_owned).collect();
    out.needs = needs;
    let mut seen = BTreeSet::new();
    let images = pushed.into_iter().filter_map(|pushed| pushed.image);
    out.images = images.filter(|image| seen.insert(image.clone())).collect();
    out.text = Some(draft.text().to_owned());
    Ok(())
}

fn is_concerned(fate: &Fate) -> bool {
    matches!(fate, Fate::Goes | Fate::Trimmed { .. })
}

fn of<'a>(
    ids: &[&'a str],
    fates: &BTreeMap<String, Fate>,
    is: impl Fn(&Fate) -> bool,
) -> Vec<&'a str> {
    let fate = |id: &str| fates.get(id).is_none_or(&is);
    ids.iter().copied().filter(|id| fates.contains_key(*id) && fate(id)).collect()
}

/// Takes jobs and steps out; what cannot be taken out is left.
fn remove(
    draft: &mut Draft,
    fates: &mut BTreeMap<String, Fate>,
    lines: &Lines<'_>,
    jobs: &[JobSeen],
) {
    for job in jobs {
        let Some(fate) = fates.get_mut(&job.id) else { continue };
        let done = match fate {
            Fate::Goes => draft.remove_job(&job.id),
            Fate::Trimmed { steps, .. } => draft.remove_steps(&job.id, steps),
            Fate::Stays | Fate::Left { .. } => Some(()),
        };
        if done.is_none() {
            let why = "other parts of the file depend on it, or its lines cannot be told apart";
            let first = job.steps.first().map_or(0, |step| step.lines.start);
            let last = job.steps.last().map_or(first, |step| step.lines.end);
            *fate = Fate::Left { why, lines: first..last.min(lines.count()) };
        }
    }
}

/// Lists the jobs that stay and came after a removed one, with the verdict that they wait for.
///
/// Where a job only loses the steps that promoted, whatever came after it came after a promotion,
/// unless it brings an image, which the gate needs.
fn followers(
    workflow: &Workflow,
    jobs: &[JobSeen],
    fates: &BTreeMap<String, Fate>,
) -> BTreeMap<String, Verdict> {
    let mut after = BTreeMap::new();
    let seen = |id: &str| jobs.iter().find(|job| job.id == id);
    let promoted = |id: &str| {
        matches!(fates.get(id), Some(Fate::Trimmed { follows: false, .. }))
            && seen(id).is_some_and(JobSeen::promotes)
    };
    for job in workflow.jobs() {
        match fates.get(job.id) {
            Some(Fate::Trimmed { follows: true, .. }) => {
                after.insert(job.id.to_owned(), Verdict::of(workflow, &[job.id]));
            }
            // What it does before it takes back waits for the verdict, too.
            Some(Fate::Trimmed { follows: false, .. }) if is_for_red(job) => {
                after.insert(job.id.to_owned(), Verdict::Rollback);
            }
            Some(Fate::Stays | Fate::Trimmed { .. } | Fate::Left { .. }) => {
                let needs = job.needs();
                let gone: Vec<&str> = needs
                    .into_iter()
                    .filter(|id| matches!(fates.get(*id), Some(Fate::Goes)) || promoted(id))
                    .collect();
                let brings = gone.iter().all(|id| promoted(id))
                    && seen(job.id).is_some_and(|job| job.steps.iter().any(|step| step.builds));
                if !gone.is_empty() && !brings {
                    after.insert(job.id.to_owned(), Verdict::of(workflow, &gone));
                }
            }
            Some(Fate::Goes) | None => {}
        }
    }
    after
}

/// Lists the jobs that the gate waits for: those that removed ones waited for, and all before them.
fn needs(
    workflow: &Workflow,
    ids: &[&str],
    fates: &BTreeMap<String, Fate>,
    after: &BTreeMap<String, Verdict>,
) -> Vec<String> {
    let jobs: BTreeMap<&str, Job<'_>> = workflow.jobs().map(|job| (job.id, job)).collect();
    let mut open: Vec<&str> = of(ids, fates, |fate| *fate != Fate::Stays);
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(job) = open.pop().and_then(|id| jobs.get(id)) {
        open.extend(job.needs().into_iter().filter(|id| seen.insert(id)));
    }
    // What comes after the gate cannot come before it.
    let mut behind: BTreeSet<&str> = after.keys().map(String::as_str).collect();
    loop {
        let count = behind.len();
        let more = workflow.jobs().filter(|job| job.needs().iter().any(|id| behind.contains(id)));
        behind.extend(more.map(|job| job.id).collect::<Vec<_>>());
        if behind.len() == count {
            break;
        }
    }
    let counts = |id: &&str| {
        let stays =
            matches!(fates.get(*id), Some(Fate::Stays | Fate::Trimmed { follows: false, .. }));
        // GitHub reports the failure of such a job as success.
        let may_fail = jobs.get(*id).and_then(|job| scalar(job.get("continue-on-error")?));
        // One that runs on red only is skipped on green, and what is skipped holds a promotion.
        let for_red = jobs.get(*id).is_some_and(|job| is_for_red(*job));
        let counts = stays && seen.contains(*id) && !behind.contains(*id) && !for_red;
        counts && may_fail.as_deref() != Some("true")
    };
    ids.iter().copied().filter(counts).map(str::to_owned).collect()
}

/// The ids that the workflow syntax allows (`jobs.<job_id>`).
fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty()
        && !text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.chars().all(fits)
}

fn free_id(ids: &[&str], gone: &[&str]) -> Option<String> {
    let taken = |id: &&str| ids.contains(id) && !gone.contains(id);
    ["gate", "release-gate", "tidegate"].into_iter().find(|id| !taken(id)).map(str::to_owned)
}

/// Lists what a person has to do before the gate works as it should.
fn unfinished(
    workflow: &Workflow,
    lines: &Lines<'_>,
    jobs: &[JobSeen],
    fates: &BTreeMap<String, Fate>,
    pushed: &[digest::Pushed],
) -> Vec<Left> {
    let mut left = Vec::new();
    for job in jobs {
        let id = job.id.as_str();
        if let Some(Fate::Left { why, lines }) = fates.get(id) {
            left.push(Left {
                job: Some(id.to_owned()),
                lines: (lines.end > lines.start).then(|| lines.start + 1..=lines.end),
                what: format!("job {id} still releases or takes back"),
                why: (*why).to_owned(),
                todo:
                    "take these steps out by hand before you push; else they work against the gate"
                        .to_owned(),
            });
        }
        for step in job.steps.iter().filter(|step| step.builds_stable) {
            left.push(Left {
                job: Some(id.to_owned()),
                lines: Some(step.lines.start + 1..=step.lines.end.min(lines.count())),
                what: format!("job {id} pushes a tag that users pull while it builds"),
                why: "users get the image before the gate has decided".to_owned(),
                todo: "push only `${{ github.sha }}` and a candidate tag; the gate moves `stable` and `latest`".to_owned(),
            });
        }
        left.extend(fates.get(id).and_then(|fate| condition(workflow, job, fate)));
        let gone = fates.get(id).is_some_and(is_concerned);
        let place = workflow.jobs().find(|own| own.id == id && gone);
        if let Some(environment) = place.and_then(|job| job.get("environment")) {
            let name = environment.get("name").and_then(scalar).or_else(|| scalar(environment));
            left.push(Left {
                job: Some(id.to_owned()),
                lines: None,
                what: format!("job {id} waited for the environment {}", name.unwrap_or_default()),
                why: "its approvals and secrets do not come along by themselves".to_owned(),
                todo: "write `environment:` into the gate's job, if a person has to approve; a rollback then waits, too".to_owned(),
            });
        }
    }
    let moves_images = jobs
        .iter()
        .filter(|job| fates.get(&job.id).is_some_and(is_concerned))
        .any(JobSeen::moves_images);
    if pushed.is_empty() && moves_images {
        left.push(Left {
            job: None,
            lines: None,
            what: "no job that stays pushes an image".to_owned(),
            why: "the gate promotes the digest that a job hands over".to_owned(),
            todo: "build and push the image in a job before the gate, and give it the output `digest` (https://github.com/tidegate/tidegate/blob/main/docs/how-to/migrate.md)".to_owned(),
        });
    }
    left
}

/// A condition of a job that promoted, which goes with it.
fn condition(workflow: &Workflow, seen: &JobSeen, fate: &Fate) -> Option<Left> {
    let job = workflow.jobs().find(|job| job.id == seen.id)?;
    let text = scalar(job.get("if")?)?;
    if *fate != Fate::Goes || !seen.promotes() || asks_for_results(&text) {
        return None;
    }
    Some(Left {
        job: Some(seen.id.clone()),
        lines: None,
        what: format!("job {} had a condition of its own, which is gone: {text}", seen.id),
        why: "the gate promotes whenever the jobs that it needs have passed".to_owned(),
        todo: "if it still matters, let a job that the gate needs fail by it; `tidegate hold` and `freeze` stop promotions for a while".to_owned(),
    })
}
