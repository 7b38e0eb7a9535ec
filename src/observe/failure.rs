//! What a rollback needs to know.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::actions::skip_markers::has_skip_marker;
use crate::adapters::git::Git;
use crate::config::Config;
use crate::evidence::good::{GoodSearch, Rejection};
use crate::evidence::runs::RunsSeen;
use crate::evidence::{Above, FailureEvidence};
use crate::ledger::{EntryStatus, Ledger};
use crate::model::CommitSha;
use crate::observe::good::{self, GoodQuery};
use crate::observe::{kept, rollbacks};
use crate::policy::last_good;
use crate::state::{Outcome, State};

/// At most so many commits are looked at above the tested one, or noted below the failed one.
pub const MAX_COMMITS: usize = 1000;

/// Lists the commits above the tested one, newest first.
///
/// GitHub starts one run for each push, for its last commit; without a token nobody knows which
/// commits were pushed last, so every commit counts as one with a run of its own, unless its
/// message carries a skip marker or it touches only the ledger.
pub fn above(
    git: &Git,
    config: &Config,
    state: &State,
    tested: &CommitSha,
    head: &CommitSha,
) -> anyhow::Result<Vec<Above>> {
    if !git.is_ancestor(tested, head)? {
        return Ok(Vec::new());
    }
    let mut list = Vec::new();
    for commit in git.range(tested, head, MAX_COMMITS)? {
        let info = git.commit(&commit)?;
        // Anybody can write the trailers; history has to agree with them.
        let rollback_of = rollbacks::told(git, &info)?
            .filter(|told| told.agrees == Some(true))
            .map(|told| told.failed);
        list.push(Above {
            own_run: seems_to_run(git, config, &commit)?,
            stored: state.verdicts.get(&commit).map(|verdict| verdict.outcome),
            commit,
            rollback_of,
        });
    }
    Ok(list)
}

/// Tells whether a commit seems to have a run: its message has no skip marker, and it touches more
/// than the ledger.
pub fn seems_to_run(git: &Git, config: &Config, commit: &CommitSha) -> anyhow::Result<bool> {
    let info = git.commit(commit)?;
    let ledger_only = match info.parents.as_slice() {
        [parent] => git.touches_only(parent, commit, &config.ledger.path)?,
        _ => false,
    };
    Ok(!ledger_only && !has_skip_marker(&info.message))
}

/// Takes GitHub's word on which commits have a run of their own. One that has stored a verdict had
/// a run, whatever became of it.
pub fn name_own_runs(above: &mut [Above], seen: &RunsSeen) {
    for above in above {
        if let Some(has_run) = seen.has_run(&above.commit) {
            above.own_run = has_run || above.stored.is_some();
        }
    }
}

/// The inputs of [`search`] and [`observe`].
#[derive(Debug, Clone, Copy)]
pub struct FailureQuery<'a> {
    /// The commit that was tested.
    pub tested: &'a CommitSha,
    /// The observed head.
    pub head: &'a CommitSha,
    /// The commits above the tested one.
    pub above: &'a [Above],
    /// What the state branch holds.
    pub state: &'a State,
    /// Patterns of kept paths besides the ledger.
    pub keep: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// Returns the commit that a failure is about: the newest commit above with a run of its own that
/// has stored a failure, else the tested one; a commit that only touches the ledger is the one
/// below it.
pub fn subject(
    git: &Git,
    config: &Config,
    tested: &CommitSha,
    above: &[Above],
) -> anyhow::Result<CommitSha> {
    let deciding = above.iter().find(|above| above.own_run);
    match deciding {
        Some(newer) if newer.stored == Some(Outcome::Failed) => Ok(newer.commit.clone()),
        Some(_) | None => Ok(git.effective_head(tested, &config.ledger.path)?),
    }
}

/// Searches the commits that count as good, without GitHub's word.
pub fn search(
    git: &Git,
    config: &Config,
    ledger: &Ledger,
    query: &FailureQuery<'_>,
    failed: &CommitSha,
) -> anyhow::Result<GoodSearch> {
    let query = GoodQuery {
        head: query.head,
        failed: Some(failed),
        branch: &config.branch,
        ledger_path: &config.ledger.path,
        state: query.state,
        now: query.now,
    };
    good::search(git, ledger, &query)
}

/// Asks what a rollback would restore, and whether the code can be the cause at all. `search` is
/// what came of [`search`], with what GitHub refutes.
pub fn observe(
    git: &Git,
    config: &Config,
    ledger: &Ledger,
    query: &FailureQuery<'_>,
    failed: CommitSha,
    search: GoodSearch,
) -> anyhow::Result<FailureEvidence> {
    let good = last_good::choose(&search).map(|good| good.commit.clone());
    let patterns = kept::compile(query.keep)?;
    let head_tree = git.commit(query.head)?.tree;
    let (mut nothing_to_restore, mut kept_paths, mut range) = (false, Vec::new(), Vec::new());
    if let Some(good) = &good {
        let good_tree = git.commit(good)?.tree;
        let kept = kept::differing(git, &good_tree, &head_tree, &config.ledger.path, &patterns)?;
        // The ledger is no cause of anything: where it alone differs, the trees count as equal.
        let ledger_path = &config.ledger.path;
        nothing_to_restore = kept.iter().any(|kept| kept.path() != ledger_path.as_bytes())
            && kept::same_outside(git, &good_tree, &head_tree, ledger_path, &patterns)?;
        kept_paths =
            kept.iter().map(|kept| String::from_utf8_lossy(kept.path()).into_owned()).collect();
        range = git.range(good, query.head, MAX_COMMITS)?;
    }
    let failed_tree = git.commit(&failed)?.tree;
    // Only what the configuration names: a newer workflow may be the cure, and its run may not be
    // listed yet.
    let named = kept::compile(&config.rollback.keep)?;
    let head_shows_it =
        kept::same_outside(git, &failed_tree, &head_tree, &config.ledger.path, &named)?;
    let same_tree_as = same_tree_as_passed(git, config, query, &failed, &search, &patterns)?
        .filter(|commit| !(nothing_to_restore && Some(commit) == good.as_ref()));
    Ok(FailureEvidence {
        limits: Vec::new(),
        passed_before: passed_before(query.state, ledger, &failed),
        commit: failed,
        good: search,
        same_tree_as,
        head_shows_it,
        nothing_to_restore,
        kept: kept_paths,
        // Without GitHub's word none counts as unfinished.
        unfinished: Vec::new(),
        unanswered: None,
        range,
        never_came: never_came(git, query)?,
    })
}

/// Finds the noted rollbacks whose commit is not on the branch: another push came first, and its
/// own run decided.
fn never_came(git: &Git, query: &FailureQuery<'_>) -> anyhow::Result<BTreeSet<CommitSha>> {
    let noted: Vec<_> = query.state.rollbacks_since_promotion().collect();
    let mut missing: BTreeSet<CommitSha> =
        noted.iter().map(|(commit, _)| (*commit).clone()).collect();
    for (failed, note) in noted {
        // One walk finds the rollbacks of later notes too.
        if !missing.contains(failed) {
            continue;
        }
        let known = git.has_commit(&note.to);
        let range = if known { git.range(&note.to, query.head, MAX_COMMITS)? } else { Vec::new() };
        if !known || range.len() == MAX_COMMITS {
            // Not to be told any more: it counts.
            missing.remove(failed);
        }
        for commit in &range {
            let info = git.commit(commit)?;
            if let Some(Ok(from)) = info.trailer("Tidegate-Rollback-From").map(str::parse) {
                missing.remove::<CommitSha>(&from);
            }
        }
        // The merge of a pull request says what whoever merged it wanted.
        if note.pull_request.is_some()
            && known
            && missing.contains(failed)
            && rollbacks::merged(git, failed, &note.to, query.head, MAX_COMMITS)?.is_some()
        {
            missing.remove(failed);
        }
    }
    Ok(missing)
}

fn passed_before(state: &State, ledger: &Ledger, failed: &CommitSha) -> Option<String> {
    if let Some(entry) = state.promotion_of(failed) {
        return Some(format!("release {}", entry.number));
    }
    if state.verdicts.get(failed).is_some_and(|v| v.outcome == Outcome::Passed) {
        return Some("a stored passed verdict".to_owned());
    }
    ledger
        .entries
        .iter()
        .any(|entry| entry.commit == *failed && entry.status == EntryStatus::Passed)
        .then(|| "the ledger".to_owned())
}

fn same_tree_as_passed(
    git: &Git,
    config: &Config,
    query: &FailureQuery<'_>,
    failed: &CommitSha,
    search: &GoodSearch,
    patterns: &globset::GlobSet,
) -> anyhow::Result<Option<CommitSha>> {
    let failed_tree = git.commit(failed)?.tree;
    let quarantined = |commit: &CommitSha| query.state.quarantine(commit, query.now).is_some();
    // Rejections do not matter here: a commit that is too old to go back to has passed all the same.
    let passed = search.candidates.iter().filter(|candidate| {
        candidate.distance.is_some()
            && candidate.commit != *failed
            && !quarantined(&candidate.commit)
            && !candidate.rejections.contains(&Rejection::DidNotPass)
            && !candidate.rejections.iter().any(|why| matches!(why, Rejection::Refuted { .. }))
            // A note about the failed commit on top of it says nothing about its tree.
            && !candidate.rejections.contains(&Rejection::IsTheFailedCommit)
    });
    for candidate in passed {
        let tree = git.commit(&candidate.commit)?.tree;
        if kept::same_outside(git, &tree, &failed_tree, &config.ledger.path, patterns)? {
            return Ok(Some(candidate.commit.clone()));
        }
    }
    Ok(None)
}
