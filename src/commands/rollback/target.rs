//! Finds the release or commit that a person names with `--to`.

use crate::adapters::state_branch;
use crate::cli::Rollback;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::output::clean;
use crate::state::Record;

/// What `--to` names.
pub(super) struct Target {
    /// The commit.
    pub(super) commit: CommitSha,
    /// Its release, where it has one.
    pub(super) record: Option<Record>,
}

/// Reads `--to`, and refuses what is quarantined, unless a person says why it comes back.
pub(super) fn allowed(
    session: &Session,
    world: &World,
    args: &Rollback,
    to: &str,
) -> anyhow::Result<Target> {
    let target = find(session, world, to)?;
    let state = &world.state.state;
    let digests: Vec<_> = target.record.iter().flat_map(Record::digests).collect();
    let own = state.quarantine(&target.commit, session.now).map(|own| own.reason.as_str());
    let why = own.or_else(|| {
        digests.iter().find_map(|digest| state.quarantine_of_digest(digest, session.now))
    });
    match why {
        Some(why) if args.override_reason.is_none() => {
            let error = format!(
                "{} is quarantined: {}; nothing was changed",
                target.commit.short(),
                clean(why)
            );
            Err(Failed::new(Exit::Held, error)
                .with_hint("choose another release (`tidegate history` lists them), or say why with `--override \"why\"`, which is recorded")
                .into())
        }
        Some(_) | None => Ok(target),
    }
}

/// Reads `--to`: the number of a release, or a revision.
pub(super) fn find(session: &Session, world: &World, to: &str) -> anyhow::Result<Target> {
    let state = &world.state.state;
    if let Some(entry) =
        to.parse::<u64>().ok().and_then(|number| state.index.iter().find(|e| e.number == number))
    {
        let record = record(session, world, entry.number)?;
        return Ok(Target { commit: record.commit.clone(), record: Some(record) });
    }
    let commit = session.resolve(to)?;
    let released = state.index.iter().rev().find(|e| e.kind.is_release() && e.commit == commit);
    let record = released.map(|entry| record(session, world, entry.number)).transpose()?;
    Ok(Target { commit, record })
}

/// Reads the record of a release, also an old one.
pub(in crate::commands) fn record(
    session: &Session,
    world: &World,
    number: u64,
) -> anyhow::Result<Record> {
    if let Some(record) = world.state.state.records.get(&number) {
        return Ok(record.clone());
    }
    let found = match &world.state.head {
        Some(head) => state_branch::read_record(&session.git, head, number)?,
        None => None,
    };
    found.ok_or_else(|| {
        Failed::new(Exit::BadInput, format!("there is no record of release {number}"))
            .with_hint("`tidegate history` lists the releases")
            .into()
    })
}
