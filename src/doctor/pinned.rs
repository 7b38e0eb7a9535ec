//! Actions beside the gate are pinned to a commit: a tag can be moved to code that reads the token.

use std::collections::BTreeSet;

use super::workflow::{Job, Runs};
use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let mut files = BTreeSet::new();
    for job in checkup.jobs(Runs::Gate).chain(checkup.jobs(Runs::Retry)) {
        if files.insert(job.workflow.path()) {
            for job in job.workflow.jobs() {
                unpinned(job, answer);
            }
        }
    }
    if files.is_empty() {
        answer.not_needed();
    }
}

fn unpinned(job: Job<'_>, answer: &mut Answer) {
    let called = job.calls().map(|uses| (uses, job.line("uses")));
    let used = job.steps().filter_map(|step| Some((step.uses()?, step)));
    for (uses, step) in used {
        if !is_pinned(uses) {
            answer.find(finding(uses).at(job.workflow.path(), step.line("uses")));
        }
    }
    if let Some((uses, line)) = called.filter(|(uses, _)| !is_pinned(uses)) {
        answer.find(finding(uses).at(job.workflow.path(), line));
    }
}

fn finding(uses: &str) -> Finding {
    Finding::new(
        Severity::Warning,
        "action-unpinned",
        format!("`{uses}` is not pinned to a commit"),
        "whoever can move the tag or branch runs code in your workflow, with its token",
        "put the full commit id after the @, and the version into a comment: `@08c6903... # v5.0.0`; `git ls-remote https://github.com/<owner>/<name> '<tag>*'` shows it",
    )
}

/// Local actions are of the commit itself; container images are pinned by digest.
fn is_pinned(uses: &str) -> bool {
    if uses.starts_with("./") {
        return true;
    }
    if let Some(image) = uses.strip_prefix("docker://") {
        return image.contains("@sha256:");
    }
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    uses.rsplit_once('@').is_some_and(|(_, at)| matches!(at.len(), 40 | 64) && hex(at))
}
