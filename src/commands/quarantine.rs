//! `quarantine`: forbids a commit or an image to come back, lifts that, or lists what is forbidden.

use serde::Serialize;

use super::by_hand::{self, Reach};
use super::rollback::target;
use super::session::Session;
use crate::adapters::git::GitError;
use crate::cli::{self, Global, Place};
use crate::exit::{Exit, Failed};
use crate::model::{CommitSha, Digest};
use crate::observe::world::World;
use crate::output::{Output, clean, warn};
use crate::state::{FORMAT, Quarantine, QuarantinedDigest, Record, StateChange};

mod lift;
mod list;

/// What is forbidden, as the state branch has it now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Forbidden {
    Quarantine(Quarantine),
    QuarantinedDigest(QuarantinedDigest),
}

#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    forbidden: Forbidden,
    /// What the same commit or digest was quarantined for before.
    replaced: Option<String>,
    /// The release that users get, where it is made of this.
    live: Option<u64>,
}

pub(super) fn run(
    global: &Global,
    args: &cli::Quarantine,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &Place::default(), Reach::Remote, output)?;
    let Some(what) = &args.what else { return list::run(&session, output) };
    let reason = args.reason.as_deref().map(by_hand::reason).transpose()?;
    if args.lift {
        return lift::run(&session, what, reason.as_deref(), output);
    }
    let Some(reason) = reason else {
        let error = format!("nobody says why {what} is quarantined");
        return Err(Failed::new(Exit::Usage, error)
            .with_hint(format!("say it in a few words: tidegate quarantine {what} \"why\""))
            .into());
    };
    let expires = by_hand::expires(&session, &args.end)?;
    by_hand::complete_first(&session, output)?;
    let done = if what.starts_with("sha256:") {
        let digest: Digest = what.parse().map_err(|error| Failed::new(Exit::Usage, error))?;
        by_hand::change_state(&session, |world| {
            let own = QuarantinedDigest {
                version: FORMAT,
                digest: digest.clone(),
                reason: reason.clone(),
                by: session.actor(),
                created: session.now,
                expires,
                lifted: None,
            };
            Ok(forbid_digest(world, own))
        })?
    } else {
        let commit = meant(&session, &find(&session, what)?, output)?;
        by_hand::change_state(&session, |world| {
            let quarantine = Quarantine {
                version: FORMAT,
                commit: commit.clone(),
                digests: released_digests(&session, world, &commit)?,
                reason: reason.clone(),
                by: session.actor(),
                created: session.now,
                expires,
                lifted: None,
                rollback: None,
            };
            Ok(forbid_commit(world, quarantine))
        })?
    };
    output.show("tidegate/quarantine/1", &done, |output, done| people(output, &session, done))?;
    Ok(Exit::Done)
}

fn forbid_digest(world: &World, own: QuarantinedDigest) -> (Option<StateChange>, Done) {
    let state = &world.state.state;
    let replaced = state.quarantine_of_digest(&own.digest, own.created).map(str::to_owned);
    let live = state.newest().filter(|live| live.digests().any(|digest| digest == own.digest));
    let live = live.map(|live| live.number);
    let change = StateChange { quarantined_digests: vec![own.clone()], ..StateChange::default() };
    (Some(change), Done { forbidden: Forbidden::QuarantinedDigest(own), replaced, live })
}

fn forbid_commit(world: &World, quarantine: Quarantine) -> (Option<StateChange>, Done) {
    let state = &world.state.state;
    let before = state.quarantine(&quarantine.commit, quarantine.created);
    let replaced = before.map(|before| before.reason.clone());
    let live = state.newest().filter(|live| live.commit == quarantine.commit);
    let live = live.map(|live| live.number);
    let quarantine = state.united(quarantine);
    let change = StateChange { quarantine: Some(quarantine.clone()), ..StateChange::default() };
    (Some(change), Done { forbidden: Forbidden::Quarantine(quarantine), replaced, live })
}

/// Finds the commit that a person names: in this clone, else on the remote's branches.
fn find(session: &Session, given: &str) -> anyhow::Result<CommitSha> {
    if let Some(commit) = session.git.local_commit(given) {
        return Ok(commit);
    }
    World::fetch(&session.git, &session.config)?;
    session.git.whole_history()?;
    session.git.local_commit(given).ok_or_else(|| {
        let remote = &session.config.remote;
        let error = format!(
            "{given:?} names no commit, neither in this clone nor on {} at {remote}; nothing was changed",
            session.config.branch
        );
        Failed::new(Exit::Usage, error)
            .with_hint("name it by its full id, and fetch its branch first where it is on another")
            .into()
    })
}

/// Commits that only add to the ledger are nobody's change: the one below them is meant.
fn meant(session: &Session, given: &CommitSha, output: &mut Output) -> anyhow::Result<CommitSha> {
    let meant = match session.git.effective_head(given, &session.config.ledger.path) {
        Ok(meant) => meant,
        // Where history is cut off right below it, it is taken as it is.
        Err(GitError::Shallow { .. }) => given.clone(),
        Err(error) => return Err(error.into()),
    };
    if meant != *given {
        output.note(format!(
            "{} only adds to the ledger; {} below it is meant",
            given.short(),
            meant.short()
        ))?;
    }
    Ok(meant)
}

/// Returns the digests of all releases of a commit, also of old ones.
fn released_digests(
    session: &Session,
    world: &World,
    commit: &CommitSha,
) -> anyhow::Result<Vec<Digest>> {
    let state = &world.state.state;
    let own = state.index.iter().filter(|entry| entry.commit == *commit);
    let records: Vec<Record> = own
        .map(|entry| target::record(session, world, entry.number))
        .collect::<anyhow::Result<_>>()?;
    Ok(state.forbiddable_digests(commit, records.iter()))
}

/// A commit as people know it: its first digits, and its subject where this clone has it.
fn named(session: &Session, commit: &CommitSha) -> String {
    let subject = super::status::look::subject(&session.git, commit).unwrap_or_default();
    format!("{} {}", commit.short(), clean(&subject)).trim_end().to_owned()
}

/// A digest as it may be given to `--lift` again.
fn short(digest: &Digest) -> String {
    format!("sha256:{}", digest.short())
}

fn people(output: &mut Output, session: &Session, done: &Done) -> std::io::Result<()> {
    let (what, lift, reason, expires, digests) = match &done.forbidden {
        Forbidden::Quarantine(own) => (
            named(session, &own.commit),
            own.commit.short().to_owned(),
            &own.reason,
            own.expires,
            own.digests.as_slice(),
        ),
        Forbidden::QuarantinedDigest(own) => {
            (short(&own.digest), short(&own.digest), &own.reason, own.expires, &[][..])
        }
    };
    let end = list::end(expires);
    output.line(format!("{} {what}, {end}: {}", warn("quarantined"), clean(reason)))?;
    for digest in digests {
        output.line(format!("  with its image {}", short(digest)))?;
    }
    if let Some(replaced) = &done.replaced {
        output.line(format!("  it was quarantined already: {}", clean(replaced)))?;
    }
    if let Some(release) = done.live {
        output.line(format!(
            "  {}: it is release {release}; `tidegate rollback --stable-only` takes users back",
            warn("it stays live")
        ))?;
    }
    output.line("no gate promotes it, and no rollback goes back to it")?;
    output.line(format!("`tidegate quarantine --lift {lift}` lifts it"))
}
