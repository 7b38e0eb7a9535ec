//! What stops promotions now: holds, and quarantines of commits and digests.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::render::{SHOWN, more};
use super::{Status, look};
use crate::commands::session::Session;
use crate::model::{CommitSha, Digest};
use crate::output::{Output, ago, at, clean, dim, strong, warn};
use crate::state::{Hold, State};

/// What ends within this time is pointed out: whoever wants it longer has to say so now.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// A hold in force.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    #[serde(flatten)]
    pub(super) hold: Hold,
    /// Whether it ends within a day.
    pub(super) expires_soon: bool,
}

/// A quarantine of a commit in force.
#[derive(Debug, Serialize)]
pub(super) struct Forbidden {
    pub(super) commit: CommitSha,
    pub(super) subject: Option<String>,
    pub(super) reason: String,
    pub(super) by: Option<String>,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) expires_soon: bool,
    pub(super) digests: Vec<Digest>,
}

/// A quarantine of a digest alone in force.
#[derive(Debug, Serialize)]
pub(super) struct ForbiddenDigest {
    pub(super) digest: Digest,
    pub(super) reason: String,
    pub(super) by: Option<String>,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) expires_soon: bool,
}

fn soon(expires: Option<Timestamp>, now: Timestamp) -> bool {
    expires.is_some_and(|expires| expires.duration_since(now) <= SOON)
}

/// Returns the holds in force, oldest first.
pub(super) fn holds(state: &State, now: Timestamp) -> Vec<Held> {
    let mut list: Vec<Held> = state
        .holds_at(now)
        .map(|hold| Held { hold: hold.clone(), expires_soon: soon(hold.expires, now) })
        .collect();
    list.sort_by_key(|held| held.hold.created);
    list
}

/// Returns the quarantines of commits in force, newest first.
pub(super) fn commits(session: &Session, state: &State) -> Vec<Forbidden> {
    let now = session.now;
    let mut list: Vec<Forbidden> = state
        .quarantines
        .values()
        .filter(|own| own.is_in_force(now))
        .map(|own| Forbidden {
            commit: own.commit.clone(),
            subject: look::subject(&session.git, &own.commit),
            reason: own.reason.clone(),
            by: own.by.clone(),
            created: own.created,
            expires: own.expires,
            expires_soon: soon(own.expires, now),
            digests: own.digests.clone(),
        })
        .collect();
    list.sort_by_key(|own| std::cmp::Reverse(own.created));
    list
}

/// Returns the quarantines of digests alone in force, newest first.
pub(super) fn digests(state: &State, now: Timestamp) -> Vec<ForbiddenDigest> {
    let mut list: Vec<ForbiddenDigest> = state
        .quarantined_digests
        .values()
        .filter(|own| own.is_in_force(now))
        .map(|own| ForbiddenDigest {
            digest: own.digest.clone(),
            reason: own.reason.clone(),
            by: own.by.clone(),
            created: own.created,
            expires: own.expires,
            expires_soon: soon(own.expires, now),
        })
        .collect();
    list.sort_by_key(|own| std::cmp::Reverse(own.created));
    list
}

/// Shows them to people.
pub(super) fn show(output: &mut Output, status: &Status) -> io::Result<()> {
    let now = status.now;
    for Held { hold, expires_soon } in &status.holds {
        output.line(format!(
            "{} {}: {}",
            warn("promotions are on hold"),
            until(hold.expires, *expires_soon, now, "until `tidegate resume`"),
            clean(&hold.reason)
        ))?;
        output.line(dim(format!(
            "  {}{}",
            clean(&hold.id),
            told(hold.by.as_deref(), hold.created, now)
        )))?;
    }
    for freeze in &status.freezes {
        output.line(format!(
            "{} until {}: {}",
            warn("promotions are frozen"),
            at(freeze.until),
            clean(&freeze.reason)
        ))?;
    }
    // Those of a rollback that is shown above say the same again.
    let said = |own: &Forbidden| {
        status.rollbacks.iter().take(SHOWN).any(|rollback| {
            let failed = rollback.failed.as_ref();
            failed.is_some_and(|failed| failed.commit == own.commit)
                && rollback.reason == own.reason
        })
    };
    let others: Vec<_> = status.quarantines.iter().filter(|own| !said(own)).collect();
    for own in others.iter().take(SHOWN) {
        let what = format!(
            "{} {}",
            strong(own.commit.short()),
            clean(own.subject.as_deref().unwrap_or_default())
        );
        let end = until(own.expires, own.expires_soon, now, "until it is lifted");
        quarantined(output, what.trim_end(), &end, &own.reason)?;
        output.line(dim(format!(
            "  {}",
            told(own.by.as_deref(), own.created, now).trim_start_matches(", ")
        )))?;
    }
    more(output, others.len(), "quarantines")?;
    for own in status.quarantined_digests.iter().take(SHOWN) {
        let what = strong(format!("sha256:{}", own.digest.short()));
        let end = until(own.expires, own.expires_soon, now, "until it is lifted");
        quarantined(output, &what.to_string(), &end, &own.reason)?;
        output.line(dim(format!(
            "  {}",
            told(own.by.as_deref(), own.created, now).trim_start_matches(", ")
        )))?;
    }
    more(output, status.quarantined_digests.len(), "quarantined digests")
}

fn quarantined(output: &mut Output, what: &str, end: &str, reason: &str) -> io::Result<()> {
    output.line(format!("{} {what}, {end}: {}", warn("quarantined"), clean(reason)))
}

/// Says until when, and that this is soon.
fn until(expires: Option<Timestamp>, soon: bool, now: Timestamp, open: &str) -> String {
    match expires {
        None => open.to_owned(),
        Some(end) if soon => format!("until {} ({})", at(end), warn(ago(end, now))),
        Some(end) => format!("until {}", at(end)),
    }
}

/// Says who and when.
fn told(by: Option<&str>, created: Timestamp, now: Timestamp) -> String {
    let by = by.map_or_else(String::new, |by| format!(", by {}", clean(by)));
    format!("{by}, {}", ago(created, now))
}
