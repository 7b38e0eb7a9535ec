//! Which releases refer to which data.

use std::collections::BTreeMap;

use crate::adapters::git::GitError;
use crate::adapters::state_branch;
use crate::cli::{Global, Place};
use crate::commands::by_hand::{self, Reach};
use crate::commands::session::Session;
use crate::commands::workspace::Workspace;
use crate::data::Serving;
use crate::exit::{Exit, Failed};
use crate::model::DataVersion;
use crate::observe::world::World;
use crate::output::Output;

/// What the state branch says.
#[derive(Default)]
pub(in crate::commands) struct Records {
    /// The releases that refer to each version, oldest first.
    pub(in crate::commands) serving: BTreeMap<DataVersion, Vec<Serving>>,
}

/// Reads the records of the repository, where it is one and has a remote.
///
/// # Errors
/// Where the remote cannot be read, or a record is missing: then nobody knows what releases refer to.
pub(in crate::commands) fn records(
    global: &Global,
    workspace: &Workspace,
    output: &mut Output,
) -> anyhow::Result<Records> {
    if workspace.head.is_none() {
        return Ok(Records::default());
    }
    let session = by_hand::open(global, &Place::default(), Reach::Clone, output)?;
    match session.git.remote_url() {
        Ok(_) => read(session, output),
        Err(GitError::NoRemote { .. }) => Ok(Records::default()),
        Err(error) => Err(error.into()),
    }
}

fn read(mut session: Session, output: &mut Output) -> anyhow::Result<Records> {
    session.log_in(output)?;
    let _progress = output.progress("looking at the releases");
    let world = World::fetch(&session.git, &session.config)?;
    let (state, head) = (&world.state.state, world.state.head.as_ref());
    let mut records = Records::default();
    for entry in &state.index {
        let record = match (state.records.get(&entry.number), head) {
            (Some(record), _) => Some(record.clone()),
            (None, Some(head)) => state_branch::read_record(&session.git, head, entry.number)?,
            (None, None) => None,
        };
        let Some(record) = record else {
            let error = format!(
                "the state branch lists record {}, and does not hold it: nobody knows which data it refers to",
                entry.number
            );
            return Err(Failed::new(Exit::BadInput, error).into());
        };
        let Some(data) = record.data else { continue };
        let serving =
            Serving { release: record.number, commit: record.commit, since: record.created };
        records.serving.entry(data.version.version).or_default().push(serving);
    }
    Ok(records)
}
