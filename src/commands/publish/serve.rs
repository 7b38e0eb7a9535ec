//! Lets a version be served: by a release of the data where the repository has releases, else by
//! moving the pointer.

use jiff::Timestamp;

use super::Database;
use crate::apply::data::move_pointer;
use crate::commands::data_release::{self, Wanted};
use crate::commands::session::{Session, block_on};
use crate::data::{PublishedVersion, ReleasedData};
use crate::exit::Failed;
use crate::output::Output;

/// What is to be served, and why.
pub(in crate::commands) struct Publication<'a> {
    /// The version, which is in the store already.
    pub(in crate::commands) version: &'a PublishedVersion,
    /// What passed, in words.
    pub(in crate::commands) checks: Vec<String>,
    /// Why, where a person has said so.
    pub(in crate::commands) reason: Option<String>,
    /// When this run has read the data.
    pub(in crate::commands) made: Timestamp,
    /// Whether it goes back to earlier data: no hold and no freeze stops that, and it needs no backup.
    pub(in crate::commands) back: bool,
    /// Why it is served although it is quarantined, where a person has said so.
    pub(in crate::commands) override_reason: Option<String>,
}

/// How that ended.
pub(in crate::commands) struct Served {
    /// The release that serves it, where there are releases.
    pub(in crate::commands) release: Option<u64>,
    /// Whether anything was changed.
    pub(in crate::commands) changed: bool,
    /// Whether newer data was released meanwhile, and stays.
    pub(in crate::commands) superseded: bool,
    /// The time in the name of the backup, where one was made.
    pub(in crate::commands) backup: Option<Timestamp>,
}

/// Lets a version be served. `session` is the repository where it has releases.
///
/// # Errors
/// [`crate::exit::Exit::Held`] where a hold or a freeze stops releases; those of the store and the remote. Where
/// the release stands and its pointer could not be moved, the error says so.
pub(in crate::commands) fn serve(
    database: &Database<'_>,
    session: Option<&Session>,
    publication: Publication<'_>,
    output: &mut Output,
) -> anyhow::Result<Served> {
    match session {
        // The one place at which a publication becomes a release of its own.
        Some(session) => release(database, session, publication, output),
        None => directly(database, &publication),
    }
}

fn release(
    database: &Database<'_>,
    session: &Session,
    publication: Publication<'_>,
    output: &mut Output,
) -> anyhow::Result<Served> {
    let Publication { version, checks, reason, made, back, override_reason } = publication;
    let data = ReleasedData { place: database.place.clone(), version: version.clone() };
    let variables = database.workspace.lookup();
    let wanted = Wanted {
        data,
        file: None,
        checks,
        reason,
        made,
        made_before: false,
        back,
        override_reason,
        variables,
    };
    let done = {
        let progress = output.progress("releasing the data");
        block_on(data_release::release(session, wanted, &|step| progress.say(step)))?
    };
    data_release::tell(session, &done, output)?;
    let mut pending = done.completion.pending.iter();
    for other in pending.clone() {
        output.warning(&format!("pending: {}: {}", other.step, other.reason))?;
    }
    if let Some(first) = pending.find(|pending| pending.is_data) {
        let error = format!("release {} stands, and its data is not served yet", done.release);
        return Err(Failed::new(first.exit, error)
            .with_hint("run it again, or `tidegate repair`, once the cause is gone")
            .into());
    }
    Ok(Served {
        release: Some(done.release),
        changed: done.changed,
        superseded: done.superseded,
        backup: done.changed.then_some(session.now),
    })
}

fn directly(database: &Database<'_>, publication: &Publication<'_>) -> anyhow::Result<Served> {
    let Publication { version, back, .. } = publication;
    let now = database.workspace.now;
    let backup = (!back).then_some(now);
    let changed = block_on(async {
        let container = database.container()?;
        move_pointer(&container, &database.place.file, version, None, backup, now).await
    })?;
    Ok(Served { release: None, changed, superseded: false, backup: backup.filter(|_| changed) })
}
