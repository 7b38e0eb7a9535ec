//! Lifts a quarantine: the file stays, and says who lifted it, when and why.

use serde::Serialize;

use super::{Forbidden, find, named, short};
use crate::commands::by_hand;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::{CommitSha, Digest};
use crate::observe::world::World;
use crate::output::{Output, clean, good, plain, warn};
use crate::state::{Lifted, Quarantine, State, StateChange};

/// Fewer digits than this name nothing.
const MIN_DIGITS: usize = 7;

#[derive(Serialize)]
struct Done {
    /// `false` where it was lifted already.
    changed: bool,
    #[serde(flatten)]
    lifted: Forbidden,
    /// The other commits that the same rollback took out, newest first: they stay out.
    still_out: Vec<CommitSha>,
    /// Digests of this commit that are quarantined by themselves.
    digests_left: Vec<Digest>,
    /// The release that the commit was, which only an override releases again.
    released: Option<u64>,
}

pub(super) fn run(
    session: &Session,
    what: &str,
    reason: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    by_hand::complete_first(session, output)?;
    let done = by_hand::change_state(session, |world| {
        let lifted =
            Lifted { by: session.actor(), at: session.now, reason: reason.map(str::to_owned) };
        if what.starts_with("sha256:") {
            let digest = digest(&world.state.state, what)?;
            lift_digest(&world.state.state, &digest, lifted)
        } else {
            lift_commit(session, world, what, &lifted)
        }
    })?;
    output
        .show("tidegate/quarantine-lift/1", &done, |output, done| people(output, session, done))?;
    Ok(Exit::Done)
}

/// Finds a digest: in full, or by the first digits of one that is known.
fn digest(state: &State, given: &str) -> anyhow::Result<Digest> {
    if let Ok(digest) = given.parse() {
        return Ok(digest);
    }
    let known = state.quarantined_digests.keys();
    let with_commits = state.quarantines.values().flat_map(|own| &own.digests);
    let mut matching: Vec<&Digest> = known
        .chain(with_commits)
        .filter(|own| {
            given.len() >= "sha256:".len() + MIN_DIGITS && own.as_str().starts_with(given)
        })
        .collect();
    matching.sort();
    matching.dedup();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(not_quarantined(given)),
        [..] => {
            Err(Failed::new(Exit::Usage, format!("{given} is the beginning of several digests"))
                .with_hint("name it in full; `tidegate quarantine --json` has it")
                .into())
        }
    }
}

fn not_quarantined(what: &str) -> anyhow::Error {
    Failed::new(Exit::Usage, format!("{what} is not quarantined; nothing was changed"))
        .with_hint("`tidegate quarantine` lists what is")
        .into()
}

fn lift_digest(
    state: &State,
    digest: &Digest,
    lifted: Lifted,
) -> anyhow::Result<(Option<StateChange>, Done)> {
    let done = |changed, own| Done {
        changed,
        lifted: Forbidden::QuarantinedDigest(own),
        still_out: Vec::new(),
        digests_left: Vec::new(),
        released: None,
    };
    if let Some(own) = state.lift_of_digest(digest, lifted) {
        let change =
            StateChange { quarantined_digests: vec![own.clone()], ..StateChange::default() };
        return Ok((Some(change), done(true, own)));
    }
    match state.quarantined_digests.get(digest) {
        Some(own) if own.lifted.is_some() => Ok((None, done(false, own.clone()))),
        Some(_) | None => Err(not_quarantined(&short(digest))),
    }
}

fn lift_commit(
    session: &Session,
    world: &World,
    given: &str,
    lifted: &Lifted,
) -> anyhow::Result<(Option<StateChange>, Done)> {
    let state = &world.state.state;
    let commit = commit(session, state, given)?;
    if let Some(own) = state.lift_of_commit(&commit, lifted.clone()) {
        let change = StateChange { quarantine: Some(own.clone()), ..StateChange::default() };
        return Ok((Some(change), done(state, own, lifted.at, true)));
    }
    match state.quarantines.get(&commit) {
        Some(own) if own.lifted.is_some() => Ok((None, done(state, own.clone(), lifted.at, false))),
        Some(_) | None => Err(not_quarantined(&named(session, &commit))),
    }
}

fn done(state: &State, own: Quarantine, now: jiff::Timestamp, changed: bool) -> Done {
    let range = own.rollback.iter().flat_map(|note| &note.range);
    let still_out = range.filter(|other| **other != own.commit && state.is_rolled_back(other));
    let released = state.records.values().filter(|record| record.commit == own.commit);
    let by_itself = |digest: &&Digest| {
        state.quarantined_digests.get(*digest).is_some_and(|own| own.is_in_force(now))
    };
    let digests = released.flat_map(|record| record.images.iter().map(|image| &image.digest));
    let mut digests_left: Vec<Digest> = digests.filter(by_itself).cloned().collect();
    digests_left.sort();
    digests_left.dedup();
    Done {
        changed,
        still_out: still_out.cloned().collect(),
        digests_left,
        released: state.promotion_of(&own.commit).map(|entry| entry.number),
        lifted: Forbidden::Quarantine(own),
    }
}

/// Finds the commit: among what is quarantined, which may be gone from the repository, else as any
/// commit.
fn commit(session: &Session, state: &State, given: &str) -> anyhow::Result<CommitSha> {
    let known = state
        .quarantines
        .keys()
        .filter(|own| given.len() >= MIN_DIGITS && own.as_str().starts_with(given));
    if let [one] = known.collect::<Vec<_>>().as_slice() {
        return Ok((*one).clone());
    }
    let commit = find(session, given)?;
    if state.quarantines.contains_key(&commit) || state.kept_out_by(&commit).is_some() {
        return Ok(commit);
    }
    // A ledger commit on top of it names it, too.
    Ok(session.git.effective_head(&commit, &session.config.ledger.path).unwrap_or(commit))
}

fn people(output: &mut Output, session: &Session, done: &Done) -> std::io::Result<()> {
    let (what, again, lifted, reason) = match &done.lifted {
        Forbidden::Quarantine(own) => (
            named(session, &own.commit),
            own.commit.short().to_owned(),
            own.lifted.as_ref(),
            &own.reason,
        ),
        Forbidden::QuarantinedDigest(own) => {
            (short(&own.digest), own.digest.to_string(), own.lifted.as_ref(), &own.reason)
        }
    };
    let by = lifted.and_then(|lifted| lifted.by.as_deref()).unwrap_or("somebody");
    if !done.changed {
        return output.line(format!(
            "{}: the quarantine of {what} was lifted by {}",
            good("nothing to do"),
            clean(by)
        ));
    }
    output.line(format!("{} the quarantine of {what}: {}", good("lifted"), clean(reason)))?;
    match (done.released, &done.lifted) {
        (Some(release), _) => output.line(format!(
            "  it was release {release}, which no gate releases again; `tidegate promote {again} --override \"why\"` does"
        ))?,
        (None, Forbidden::Quarantine(_)) => output.line(
            "  it counts like any other commit again; `tidegate promote` or a rerun of its run releases it",
        )?,
        (None, Forbidden::QuarantinedDigest(_)) => {
            output.line("  it may be promoted again")?;
        }
    }
    for digest in &done.digests_left {
        let digest = short(digest);
        output.line(format!("  {} {digest} is quarantined by itself", warn("its image")))?;
    }
    if !done.still_out.is_empty() {
        let count = done.still_out.len();
        let commits = if count == 1 { "commit" } else { "commits" };
        let stay = if count == 1 { "stays" } else { "stay" };
        output.line(plain(format!("  {count} other {commits} of the same rollback {stay} out")))?;
    }
    output.line(format!("`tidegate quarantine {again} \"why\"` quarantines it again"))
}
