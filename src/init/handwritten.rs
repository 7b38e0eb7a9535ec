//! Hand-written pipelines: recognised, explained line by line, and rewritten with a gate (pure).
//!
//! 1. `judge`: what each step of each job is to a release, by the commands of its script.
//! 2. `fate`: jobs that only release or take back go; of others only such steps go; what cannot
//!    be told apart is left to a person.
//! 3. `rewrite`: the text is edited by its lines, and everything else in it stays as it is. After
//!    each edit it is read again, and an edit that did anything else is not made.
//!
//! The text comes from whoever could commit it. Its size is bounded by [`Workflow::parse`].

use std::ops::RangeInclusive;

use crate::config::Config;
use crate::doctor::workflow::Workflow;

mod digest;
mod draft;
mod fate;
mod follow;
mod gate;
mod habits;
mod judge;
mod login;
mod outline;
mod replacements;
mod rewrite;
mod roles;
mod shell;
mod top;
mod variables;

/// A workflow that releases and takes back by hand-written steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandWritten {
    /// Its path from the root of the repository.
    pub path: String,
    /// What it does, what breaks because of it and what replaces it, in the order of the file.
    pub replacements: Vec<Replacement>,
    /// The jobs that go as a whole.
    pub removed: Vec<String>,
    /// The jobs that the gate waits for.
    pub needs: Vec<String>,
    /// The images that its jobs push, as far as the workflow says their names; `${{ .. }}` stays.
    pub images: Vec<String>,
    /// What is left to a person.
    pub left: Vec<Left>,
    /// Whether a gate can be in it: it starts on push, and has the tests.
    pub place_for_gate: bool,
    /// The workflow with a gate; `None` where it cannot get one.
    pub rewritten: Option<String>,
}

/// Lines of a hand-written pipeline, and what replaces them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The job that they are in; `None` at the top of the workflow.
    pub job: Option<String>,
    /// The lines, from 1.
    pub lines: RangeInclusive<usize>,
    /// What they say, without the indentation that they share.
    pub text: String,
    /// What they do.
    pub does: &'static str,
    /// What breaks because of it.
    pub breaks: &'static str,
    /// What replaces it.
    pub instead: &'static str,
}

/// Something that a person has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The job, where it is one's.
    pub job: Option<String>,
    /// The lines, from 1.
    pub lines: Option<RangeInclusive<usize>>,
    /// What is left.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub todo: String,
}

/// Looks for hand-written releases and rollbacks in a workflow; `None` where there are none.
///
/// `text` is what `workflow` was read from; `action` is what stands behind `uses:` for this
/// project's action, with its comment.
pub fn find(workflow: &Workflow, text: &str, config: &Config, action: &str) -> Option<HandWritten> {
    let lines = outline::Lines::of(text);
    let outline = outline::Outline::of(&lines);
    let jobs = judge::look(workflow, &lines, outline.as_ref(), config);
    if !jobs.iter().any(judge::JobSeen::releases) || rewrite::only_tags(workflow) {
        return None;
    }
    let replacements = replacements::list(workflow, &lines, outline.as_ref(), &jobs);
    let rewrite::Rewriting { removed, needs, images, left, place_for_gate, text } =
        rewrite::rewrite(workflow, text, &jobs, config, action);
    let path = workflow.path().to_owned();
    let rewritten = text;
    Some(HandWritten {
        path,
        replacements,
        removed,
        needs,
        images,
        left,
        place_for_gate,
        rewritten,
    })
}

/// Tells whether a workflow runs for commits of branches: not for tags alone, or on call.
pub(super) fn may_release(workflow: &Workflow) -> bool {
    workflow.events().contains(&"push") && !rewrite::only_tags(workflow)
}

/// Lists the jobs that push a tag that users pull while they build, with their lines.
pub(super) fn builds_for_users(workflow: &Workflow, config: &Config) -> Vec<(String, usize)> {
    let lines = outline::Lines::of(workflow.text());
    let outline = outline::Outline::of(&lines);
    let jobs = judge::look(workflow, &lines, outline.as_ref(), config);
    let places = jobs.into_iter().filter_map(|job| {
        let step = job.steps.iter().find(|step| step.builds_stable)?;
        Some((job.id.clone(), step.lines.start + 1))
    });
    places.collect()
}

#[cfg(test)]
mod tests;
