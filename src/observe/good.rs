//! Looks at every commit that somebody says is good, and checks it (promise 6).

use jiff::Timestamp;

use crate::adapters::git::Git;
use crate::evidence::good::{GoodCandidate, GoodSearch, Rejection, Witness};
use crate::ledger::{Entry, EntryStatus, Ledger};
use crate::model::{BranchName, CommitSha};
use crate::state::{Outcome, State};

/// How many of the ledger's last entries count.
pub const LEDGER_ENTRIES: usize = 50;

/// How many of the newest records are looked at. Only the newest can win; the others explain.
const RECORDS: usize = 10;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct GoodQuery<'a> {
    /// The head of the protected branch.
    pub head: &'a CommitSha,
    /// The commit that failed.
    pub failed: Option<&'a CommitSha>,
    /// The protected branch.
    pub branch: &'a BranchName,
    /// The path of the ledger.
    pub ledger_path: &'a str,
    /// What the state branch holds.
    pub state: &'a State,
    /// Now, for quarantines that expire.
    pub now: Timestamp,
}

/// Checks records, stored verdicts and the ledger's last entries.
pub fn search(git: &Git, ledger: &Ledger, query: &GoodQuery<'_>) -> anyhow::Result<GoodSearch> {
    // Where history is cut off, a commit that is not here may be on the branch all the same.
    git.whole_history()?;
    let mut search = GoodSearch::default();
    for entry in query.state.index.iter().rev().take(RECORDS) {
        let witness = Witness::Record { number: entry.number };
        add(git, &mut search, query, &entry.commit, witness, Vec::new())?;
    }
    for verdict in query.state.verdicts.values() {
        match verdict.outcome {
            Outcome::Passed => {
                add(git, &mut search, query, &verdict.commit, Witness::Verdict, Vec::new())?;
            }
            Outcome::Failed => {}
        }
    }
    let surplus = ledger.entries.len().saturating_sub(LEDGER_ENTRIES);
    for entry in ledger.entries[surplus..].iter().rev() {
        let witness = Witness::Ledger { line: entry.line };
        add(git, &mut search, query, &entry.commit, witness, said(entry, query.branch))?;
    }
    search.warnings =
        ledger.warnings.iter().map(|warning| format!("{}: {warning}", query.ledger_path)).collect();
    Ok(search)
}

/// What an entry itself says against its commit.
fn said(entry: &Entry, branch: &BranchName) -> Vec<Rejection> {
    let mut rejections = Vec::new();
    match &entry.status {
        EntryStatus::Passed => {}
        EntryStatus::Failed | EntryStatus::RolledBack | EntryStatus::Other(_) => {
            rejections.push(Rejection::DidNotPass);
        }
    }
    if let Some(named) = entry.branch.as_ref().filter(|named| *named != branch.as_str()) {
        rejections.push(Rejection::OtherBranch { branch: named.clone() });
    }
    rejections
}

fn add(
    git: &Git,
    search: &mut GoodSearch,
    query: &GoodQuery<'_>,
    commit: &CommitSha,
    witness: Witness,
    mut rejections: Vec<Rejection>,
) -> anyhow::Result<()> {
    let known = |c: &GoodCandidate| {
        c.commit == *commit
            && c.witness.is_authority() == witness.is_authority()
            && c.rejections == rejections
    };
    if search.candidates.iter().any(known) {
        return Ok(());
    }
    let mut distance = None;
    if git.has_commit(commit) {
        if git.is_ancestor(commit, query.head)? {
            distance = Some(git.divergence(query.head, commit)?.ahead);
        } else {
            rejections.push(Rejection::NotOnBranch);
        }
        rejections.extend(history_against(git, query, commit)?);
    } else {
        rejections.push(Rejection::Unknown);
    }
    if let Some(quarantine) = query.state.quarantine(commit, query.now) {
        rejections.push(Rejection::Quarantined { reason: quarantine.reason.clone() });
    } else if query.state.is_rolled_back(commit) {
        rejections.push(Rejection::RolledBack);
    }
    search.candidates.push(GoodCandidate { commit: commit.clone(), witness, distance, rejections });
    Ok(())
}

/// What history says against a commit that exists.
fn history_against(
    git: &Git,
    query: &GoodQuery<'_>,
    commit: &CommitSha,
) -> anyhow::Result<Vec<Rejection>> {
    let mut rejections = Vec::new();
    if let Some(failed) = query.failed {
        // A commit that only adds to the ledger on top of the failed one is the failed one.
        let is_failed = commit == failed
            || (git.is_ancestor(failed, commit)?
                && git.effective_head(commit, query.ledger_path)? == *failed);
        if is_failed {
            rejections.push(Rejection::IsTheFailedCommit);
        }
    }
    if let Some(stable) = query.state.newest().map(|record| &record.commit)
        && commit != stable
        && git.has_commit(stable)
        && git.is_ancestor(commit, stable)?
    {
        rejections.push(Rejection::OlderThanStable { stable: stable.clone() });
    }
    Ok(rejections)
}
