//! Adds an entry to the ledger, on top of whatever the branch has by then.

use anyhow::Context as _;

use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::Pushed;
use crate::ledger::{self, LedgerError, NewEntry};
use crate::model::CommitSha;
use crate::plan::{LedgerStep, ledger_message};
use crate::state::{Record, State};

/// An entry names so many flaky tests; the record names all that are known.
const MOST_FLAKY: usize = 20;

impl Applier<'_> {
    /// Returns whether anything was written. Releases before this one whose entry is missing, since
    /// the ledger was refused or their gate was killed, get theirs too: back to the newest one that
    /// has an entry.
    pub(super) fn append_ledger(&self, step: &LedgerStep, state: &State) -> anyhow::Result<bool> {
        let record = &step.record;
        for _ in 0..TRIES {
            let refs = self.git.fetch(&[&step.branch])?;
            let head = refs.branch(&step.branch);
            let tree = head.map(|head| self.git.commit(head)).transpose()?.map(|info| info.tree);
            let text = match &tree {
                Some(tree) => self.git.file(tree, &step.path)?.unwrap_or_default(),
                None => Vec::new(),
            };
            let unreadable = || format!("{} on branch {}", step.path, step.branch);
            if ledger::contains_release(&text, &record.commit, record.number)
                .with_context(unreadable)?
            {
                return Ok(false);
            }
            let mut text = text;
            for missing in missing(&text, step, state).with_context(unreadable)? {
                text = ledger::append(&text, &entry(missing)).with_context(unreadable)?;
            }
            let tree =
                self.git.tree_with_files(tree.as_ref(), &[(step.path.clone(), Some(text))])?;
            let parents: Vec<&CommitSha> = head.into_iter().collect();
            let commit =
                self.git.write_commit(&tree, &parents, &ledger_message(record), self.signer())?;
            match self.git.push(&step.branch, head, &commit)? {
                Pushed::Done => return Ok(true),
                Pushed::Moved { .. } => {}
                Pushed::Refused { reason } => {
                    let branch = step.branch.to_string();
                    return Err(ApplyError::Refused { branch, reason }.into());
                }
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {}", step.branch) }.into())
    }
}

/// Returns the releases to be entered, oldest first; the last one is that of the step.
fn missing<'a>(
    text: &[u8],
    step: &'a LedgerStep,
    state: &'a State,
) -> Result<Vec<&'a Record>, LedgerError> {
    let mut missing = vec![&step.record];
    let earlier = state.records.values().rev().filter(|record| {
        record.kind.is_promotion()
            && record.number < step.record.number
            && record.places.ledger_branch == step.branch
            && record.places.ledger_path == step.path
    });
    for record in earlier {
        if ledger::contains_release(text, &record.commit, record.number)? {
            break;
        }
        missing.push(record);
    }
    missing.reverse();
    Ok(missing)
}

fn entry(record: &Record) -> NewEntry {
    NewEntry {
        date: record.created,
        branch: record.branch.clone(),
        commit: record.commit.clone(),
        release: Some(record.number),
        checks: record.checks.clone(),
        images: record
            .images
            .iter()
            .map(|released| (released.image.clone(), released.digest.clone()))
            .collect(),
        data: record.data.as_ref().map(|data| data.version.version.clone()),
        metrics: record.metrics.clone(),
        flaky: record.flaky.iter().take(MOST_FLAKY).cloned().collect(),
    }
}
