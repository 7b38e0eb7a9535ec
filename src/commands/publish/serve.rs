//! Lets a version be served: by a release of the data where the repository has releases, else by
//! moving the pointer.

use jiff::Timestamp;

use super::{Database, Records};
use crate::apply::data::move_pointer;
use crate::cli::Global;
use crate::commands::session::block_on;
use crate::data::PublishedVersion;
use crate::exit::{Exit, Failed};
use crate::output::Output;

/// What is to be served, and why.
pub(in crate::commands) struct Publication<'a> {
    /// The version, which is in the store already.
    pub(in crate::commands) version: &'a PublishedVersion,
    /// The time in the name of the backup, where there is to be one.
    pub(in crate::commands) backup: Option<Timestamp>,
    /// What passed, in words.
    pub(in crate::commands) checks: Vec<String>,
    /// Why, where a person has said so.
    pub(in crate::commands) reason: Option<String>,
}

/// How that ended.
pub(in crate::commands) struct Served {
    /// The release that serves it, where there are releases.
    pub(in crate::commands) release: Option<u64>,
    /// Whether anything was changed.
    pub(in crate::commands) changed: bool,
}

/// Lets a version be served.
///
/// # Errors
/// [`Exit::Held`] where a hold or a freeze stops releases; those of the store and the remote.
pub(in crate::commands) fn serve(
    global: &Global,
    database: &Database<'_>,
    records: &Records,
    publication: Publication<'_>,
    output: &mut Output,
) -> anyhow::Result<Served> {
    match records.newest {
        // The one place at which a publication becomes a release of its own.
        Some(_) => release(global, database, publication, output),
        None => directly(database, &publication),
    }
}

fn release(
    _global: &Global,
    _database: &Database<'_>,
    _publication: Publication<'_>,
    _output: &mut Output,
) -> anyhow::Result<Served> {
    Err(Failed::new(Exit::Internal, "a release of data alone cannot be made yet").into())
}

fn directly(database: &Database<'_>, publication: &Publication<'_>) -> anyhow::Result<Served> {
    let Publication { version, backup, .. } = publication;
    let now = database.workspace.now;
    let changed = block_on(async {
        let container = database.container()?;
        move_pointer(&container, &database.place.file, version, None, *backup, now).await
    })?;
    Ok(Served { release: None, changed })
}
