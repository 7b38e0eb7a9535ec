//! The ledger after a rollback: the good tree's text plus whole newer entries.

use std::collections::HashMap;

use super::append::{block_of, join, line_ending};
use super::error::LedgerError;
use super::parser::parse_all;
use super::{Entry, newest_entries_in};
use crate::model::CommitSha;

/// What tells an entry from others, however it was edited since.
type Identity = (CommitSha, Option<u64>);

/// Returns the text of `good` with those entries of `head` below it that `good` does not have, in
/// the order of `head`, whole and byte for byte.
///
/// 1. Entries that stand in both with the same text are the same, whatever the line endings.
/// 2. Of the others, those with the same commit and release number are paired in order: they were
///    edited in between, and the good text stands.
/// 3. What `head` has beyond that is newer, also a second entry of the same commit.
///
/// Prose of `head` that belongs to no entry stays behind with the rest of the tree. A missing or
/// empty ledger is the empty text.
pub fn carry_forward(good: &[u8], head: &[u8]) -> Result<Vec<u8>, LedgerError> {
    let in_good = |error| LedgerError::Good(Box::new(error));
    let in_head = |error| LedgerError::Head(Box::new(error));
    let old = parse_all(good).map_err(in_good)?;
    let new = parse_all(head).map_err(in_head)?;
    let newer = newer_entries(good, &old.ledger.entries, head, &new.ledger.entries);
    if newer.is_empty() {
        return Ok(good.to_vec());
    }
    if let Some((what, line)) = old.unclosed {
        return Err(in_good(LedgerError::Unclosed { line, what }));
    }
    let newline = line_ending(good).or_else(|| line_ending(head)).unwrap_or("\n");
    let mut text = good.to_vec();
    for entry in &newer {
        if let Some((what, line)) = new.unclosed
            && entry.block.end >= head.trim_ascii_end().len() as u64
        {
            // The last block would take the open fence with it.
            return Err(in_head(LedgerError::Unclosed { line, what }));
        }
        join(&mut text, block_of(head, entry), newline);
    }
    let read_back = newest_entries_in(&text, newer.len())?;
    let same = |(a, b): (&Entry, &&Entry)| (&a.commit, &a.status) == (&b.commit, &b.status);
    if read_back.entries.len() == newer.len() && read_back.entries.iter().zip(&newer).all(same) {
        Ok(text)
    } else {
        Err(LedgerError::NotReadBack)
    }
}

fn newer_entries<'a>(good: &[u8], old: &[Entry], head: &[u8], new: &'a [Entry]) -> Vec<&'a Entry> {
    let mut texts: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut identities: HashMap<Identity, usize> = HashMap::new();
    for entry in old {
        *texts.entry(text_of(good, entry)).or_default() += 1;
        *identities.entry(identity(entry)).or_default() += 1;
    }
    let mut take_text = |entry: &Entry| take(&mut texts, &text_of(head, entry));
    // First all that are the same, so that an edited entry is not paired with another's text.
    let unpaired: Vec<&Entry> = new
        .iter()
        .filter(|entry| {
            let is_same = take_text(entry);
            if is_same {
                take(&mut identities, &identity(entry));
            }
            !is_same
        })
        .collect();
    unpaired.into_iter().filter(|entry| !take(&mut identities, &identity(entry))).collect()
}

fn take<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) -> bool {
    match counts.get_mut(key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    }
}

fn identity(entry: &Entry) -> Identity {
    (entry.commit.clone(), entry.release)
}

/// The fields of an entry and what follows them, without the differences that git's line ending
/// conversion makes.
fn text_of(bytes: &[u8], entry: &Entry) -> Vec<u8> {
    let block = block_of(bytes, entry);
    let above = usize::try_from(entry.offset - entry.block.start).unwrap_or(0);
    let text = block.get(above..).unwrap_or(block);
    text.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<_>>().trim_ascii_end().to_vec()
}
