//! What stops promotions, and what ends it.
//!
//! A quarantine is never deleted: it tells of a rollback, too. A person lifts it, and the file then
//! says who, when and why. A lift outranks whatever was written about the same commit or digest
//! before it; a later rollback, or a later quarantine, forbids it again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FORMAT, Hold, Quarantine, Record, RollbackNote, State};
use crate::model::{CommitSha, Digest};

/// Who lifted a quarantine, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// Who: a GitHub login or a local user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Why, where a person gave a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A digest that may not be promoted, whatever commit it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedDigest {
    /// The version of the format.
    pub version: u32,
    /// The digest.
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// Who: a GitHub login or a local user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    pub created: Timestamp,
    /// Until when; without it, until a person lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Set once a person lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

impl QuarantinedDigest {
    /// Tells whether it forbids anything at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.lifted.is_none() && in_force(self.expires, now)
    }
}

/// How a rollback was told when it happened, where a person has quarantined its commit again since
/// and the quarantine says something else by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRollback {
    /// Why.
    pub reason: String,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub created: Timestamp,
}

impl Quarantine {
    /// Tells whether it forbids anything at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.lifted.is_none() && in_force(self.expires, now)
    }

    /// Returns how the rollback that it tells of was told when it happened.
    pub fn told_rollback(&self) -> Option<ToldRollback> {
        let note = self.rollback.as_ref()?;
        Some(note.told.clone().unwrap_or_else(|| ToldRollback {
            reason: self.reason.clone(),
            by: self.by.clone(),
            created: self.created,
        }))
    }

    /// Returns it lifted. What it tells of a rollback stays.
    fn lift(self, lifted: Lifted) -> Self {
        let ended = self.expires.map_or(lifted.at, |expires| expires.min(lifted.at));
        Self { expires: Some(ended), lifted: Some(lifted), ..self }
    }
}

impl Hold {
    /// Tells whether it stops promotions at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        in_force(self.expires, now)
    }
}

impl State {
    /// Returns the quarantine of a commit that is in force at `now`.
    pub fn quarantine(&self, commit: &CommitSha, now: Timestamp) -> Option<&Quarantine> {
        self.quarantines.get(commit).filter(|quarantine| quarantine.is_in_force(now))
    }

    /// Returns why a digest is quarantined at `now`: by itself, or with a commit.
    pub fn quarantine_of_digest(&self, digest: &Digest, now: Timestamp) -> Option<&str> {
        let own = self.quarantined_digests.get(digest);
        if let Some(own) = own.filter(|own| own.is_in_force(now)) {
            return Some(&own.reason);
        }
        let lifted = own.and_then(|own| own.lifted.as_ref()).map(|lifted| lifted.at);
        let with_commit = self.quarantines.values().find(|quarantine| {
            quarantine.digests.contains(digest)
                && quarantine.is_in_force(now)
                && lifted.is_none_or(|at| quarantine.created > at)
        });
        with_commit.map(|quarantine| quarantine.reason.as_str())
    }

    /// Returns the quarantine whose rollback keeps `commit` out.
    pub fn kept_out_by(&self, commit: &CommitSha) -> Option<&Quarantine> {
        self.keeping_out(commit).map(|(quarantine, _)| quarantine).next()
    }

    /// Tells whether a rollback took `commit` out and it did not come back since: released again,
    /// as the target of another rollback of stable, or because a person lifted its quarantine.
    pub fn is_rolled_back(&self, commit: &CommitSha) -> bool {
        let released = self
            .index
            .iter()
            .rev()
            .find(|entry| entry.commit == *commit)
            .map_or(0, |entry| entry.number);
        self.keeping_out(commit).any(|(_, note)| note.after_record >= released)
    }

    /// Returns the rollbacks that took `commit` out without those that a person has lifted for it
    /// since. The other commits that they took out stay out.
    fn keeping_out(
        &self,
        commit: &CommitSha,
    ) -> impl Iterator<Item = (&Quarantine, &RollbackNote)> {
        let own = self.quarantines.get(commit);
        let lifted = own.and_then(|own| own.lifted.as_ref()).map(|lifted| lifted.at);
        self.rollbacks_over(commit).filter(move |(quarantine, _)| {
            lifted.is_none_or(|at| {
                // A file that was lifted tells of nothing that came after it, whatever clocks say.
                own.is_none_or(|own| own.commit != quarantine.commit)
                    && quarantine.told_rollback().is_some_and(|told| told.created > at)
            })
        })
    }

    /// Returns the holds that are in force at `now`.
    pub fn holds_at(&self, now: Timestamp) -> impl Iterator<Item = &Hold> {
        self.holds.values().filter(move |hold| hold.is_in_force(now))
    }

    /// Returns the ids of the holds that are over: the next write may remove them.
    pub fn expired_holds(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.holds.values().filter(move |hold| !hold.is_in_force(now)).map(|hold| hold.id.as_str())
    }

    /// Returns the digests that were released for a commit, as far as its records were read,
    /// without those that users get from another commit.
    pub fn released_digests(&self, commit: &CommitSha) -> Vec<Digest> {
        let own = self.records.values().filter(|record| record.commit == *commit);
        self.forbiddable_digests(commit, own)
    }

    /// Returns the digests of these records of a commit, without those that users get from another
    /// commit: what is live is not forbidden by the way.
    pub fn forbiddable_digests<'a>(
        &self,
        commit: &CommitSha,
        records: impl Iterator<Item = &'a Record>,
    ) -> Vec<Digest> {
        let live = self.newest().filter(|live| live.commit != *commit);
        let is_live = |digest: &Digest| {
            live.is_some_and(|live| live.images.iter().any(|own| own.digest == *digest))
        };
        let mut digests = Vec::new();
        for own in records.flat_map(|record| &record.images) {
            if !is_live(&own.digest) && !digests.contains(&own.digest) {
                digests.push(own.digest.clone());
            }
        }
        digests
    }

    /// Returns what has to be written to let a commit come back; `None` where nothing forbids it.
    pub fn lift_of_commit(&self, commit: &CommitSha, lifted: Lifted) -> Option<Quarantine> {
        let own = self.quarantines.get(commit);
        if let Some(own) = own.filter(|own| own.is_in_force(lifted.at)) {
            return Some(own.clone().lift(lifted));
        }
        let by = self.kept_out_by(commit)?;
        let quarantine = own.cloned().unwrap_or_else(|| Quarantine {
            version: FORMAT,
            commit: commit.clone(),
            digests: Vec::new(),
            reason: format!("taken out by the rollback of {}", by.commit.short()),
            by: by.by.clone(),
            created: lifted.at,
            expires: None,
            lifted: None,
            rollback: None,
        });
        Some(quarantine.lift(lifted))
    }

    /// Returns what has to be written to let a digest be promoted again; `None` where nothing
    /// forbids it.
    pub fn lift_of_digest(&self, digest: &Digest, lifted: Lifted) -> Option<QuarantinedDigest> {
        let reason = self.quarantine_of_digest(digest, lifted.at)?.to_owned();
        let own = self.quarantined_digests.get(digest).cloned();
        let quarantined = own.unwrap_or_else(|| QuarantinedDigest {
            version: FORMAT,
            digest: digest.clone(),
            reason,
            by: None,
            created: lifted.at,
            expires: None,
            lifted: None,
        });
        let ended = quarantined.expires.map_or(lifted.at, |expires| expires.min(lifted.at));
        Some(QuarantinedDigest { expires: Some(ended), lifted: Some(lifted), ..quarantined })
    }
}

fn in_force(expires: Option<Timestamp>, now: Timestamp) -> bool {
    expires.is_none_or(|expires| expires > now)
}

#[cfg(test)]
mod tests;
