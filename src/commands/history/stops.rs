//! What people have quarantined, lifted and held. A rollback tells of its own quarantine itself, and
//! a hold that was ended is gone: the log of the state branch has it.

use jiff::Timestamp;

use super::{Entry, Kind};
use crate::model::{CommitSha, Digest};
use crate::state::{Hold, Lifted, State};

/// What an entry is about.
#[derive(Clone, Copy)]
enum About<'a> {
    Commit(&'a CommitSha),
    Digest(&'a Digest),
}

/// Returns the entries, in no order.
pub(super) fn entries(state: &State) -> Vec<Entry> {
    let mut entries = Vec::new();
    for own in state.quarantines.values() {
        let about = About::Commit(&own.commit);
        // Where the rollback is told with the quarantine, it has an entry of its own.
        let of_rollback = own.rollback.as_ref().is_some_and(|note| note.told.is_none());
        if !of_rollback {
            entries.extend(quarantine(about, own.created, own.lifted.as_ref()).map(|entry| {
                let expires = own.lifted.is_none().then_some(own.expires).flatten();
                Entry { reason: Some(own.reason.clone()), by: own.by.clone(), expires, ..entry }
            }));
        }
        entries.extend(own.lifted.as_ref().map(|lifted| lift(about, lifted)));
    }
    for own in state.quarantined_digests.values() {
        let about = About::Digest(&own.digest);
        entries.extend(quarantine(about, own.created, own.lifted.as_ref()).map(|entry| {
            let expires = own.lifted.is_none().then_some(own.expires).flatten();
            Entry { reason: Some(own.reason.clone()), by: own.by.clone(), expires, ..entry }
        }));
        entries.extend(own.lifted.as_ref().map(|lifted| lift(about, lifted)));
    }
    // A rollback of stable tells of the hold that was set with it.
    let of_rollback = |hold: &&Hold| hold.id.starts_with("stable-only-");
    let holds = state.holds.values().filter(|hold| !of_rollback(hold));
    entries.extend(holds.map(|hold| Entry {
        hold: Some(hold.id.clone()),
        reason: Some(hold.reason.clone()),
        by: hold.by.clone(),
        expires: hold.expires,
        ..Entry::new(Kind::Hold, Some(hold.created))
    }));
    entries
}

/// A file that only says that something was lifted was never a quarantine of its own.
fn quarantine(about: About<'_>, created: Timestamp, lifted: Option<&Lifted>) -> Option<Entry> {
    let only_lift = lifted.is_some_and(|lifted| lifted.at == created);
    (!only_lift).then(|| about.entry(Kind::Quarantine, created))
}

fn lift(about: About<'_>, lifted: &Lifted) -> Entry {
    Entry {
        reason: lifted.reason.clone(),
        by: lifted.by.clone(),
        ..about.entry(Kind::Lift, lifted.at)
    }
}

impl About<'_> {
    fn entry(self, kind: Kind, time: Timestamp) -> Entry {
        let entry = Entry::new(kind, Some(time));
        match self {
            Self::Commit(commit) => Entry { commit: Some(commit.clone()), ..entry },
            Self::Digest(digest) => Entry { digest: Some(digest.clone()), ..entry },
        }
    }
}
