//! Kept paths: what a rollback does not restore.

use globset::{Candidate, GlobSet};

use crate::adapters::git::{Git, KeptPath};
use crate::config::{Config, WorkflowFiles};
use crate::ledger;
use crate::model::TreeSha;
use crate::observe::globs;

/// Where GitHub keeps workflows. `GITHUB_TOKEN` cannot push changes there (GitHub documentation,
/// "Automatic token authentication").
const WORKFLOWS: &str = ".github/workflows/**";

/// More paths than this between two trees are not a rollback that anybody wants to read.
const MAX_CHANGED: usize = 1_000_000;

/// Returns the patterns of kept paths besides the ledger.
pub fn patterns(config: &Config, in_actions: bool) -> Vec<String> {
    let workflows = match config.rollback.workflows {
        WorkflowFiles::Auto => in_actions,
        WorkflowFiles::Keep => true,
        WorkflowFiles::Restore => false,
    };
    let mut patterns = config.rollback.keep.clone();
    if workflows {
        patterns.push(WORKFLOWS.to_owned());
    }
    patterns
}

/// Compiles the patterns.
pub fn compile(patterns: &[String]) -> anyhow::Result<GlobSet> {
    Ok(globs::set("rollback.keep", patterns)?)
}

/// Finds the kept paths that differ between the good tree and the head's, and what they hold.
pub fn differing(
    git: &Git,
    good: &TreeSha,
    head: &TreeSha,
    ledger_path: &str,
    patterns: &GlobSet,
) -> anyhow::Result<Vec<KeptPath>> {
    let mut kept = Vec::new();
    for path in git.changed_paths(good, head, MAX_CHANGED)? {
        if path == ledger_path.as_bytes() {
            let head_text = git.file(head, ledger_path)?.unwrap_or_default();
            let Some(good_text) = git.file(good, ledger_path)? else {
                // There is no older text that could be put back: the whole file is newer.
                kept.push(KeptPath::FromHead(path));
                continue;
            };
            let carried = ledger::carry_forward(&good_text, &head_text).map_err(|error| {
                anyhow::Error::new(error)
                    .context(format!("cannot carry the newer entries of {ledger_path} over"))
            })?;
            if carried != good_text {
                kept.push(KeptPath::Content(path, carried));
            }
        } else if patterns.is_match_candidate(&Candidate::from_bytes(&path)) {
            kept.push(KeptPath::FromHead(path));
        }
    }
    Ok(kept)
}

/// Tells whether two trees differ in kept paths only, the ledger included.
pub fn same_outside(
    git: &Git,
    one: &TreeSha,
    other: &TreeSha,
    ledger_path: &str,
    patterns: &GlobSet,
) -> anyhow::Result<bool> {
    let is_kept = |path: &Vec<u8>| {
        path == ledger_path.as_bytes() || patterns.is_match_candidate(&Candidate::from_bytes(path))
    };
    Ok(git.changed_paths(one, other, MAX_CHANGED)?.iter().all(is_kept))
}
