//! `status`: what is live, what is good, what was rolled back, and whether everything agrees.
//!
//! 1. Look at git (`look`): the remote, or what the last fetch left here.
//! 2. Ask the registries, without patience (`images`).
//! 3. Compare with the newest record (`agreement`, pure).
//! 4. Find what was rolled back and is not followed by a promotion (`rollbacks`), and what stops
//!    promotions.
//! 5. Say what to do (`advice`), and show it (`render`).
//!
//! What cannot be had is a warning: the rest is still an answer.

use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use crate::adapters::git::RemoteRefs;
use crate::cli::{self, Global};
use crate::doctor::{ProjectionsSeen, Unchecked};
use crate::evidence::freeze::OpenWindow;
use crate::evidence::good::Witness;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::{BranchName, CommitSha, DataVersion, Digest, ImageRef, RunIdentity};
use crate::observe::{freeze, good};
use crate::output::Output;
use crate::plan::{Step, projections};
use crate::policy::last_good;
use crate::state::{Record, RecordKind, State};

mod advice;
pub(super) mod agreement;
mod data;
mod images;
pub(super) mod look;
mod render;
mod rollbacks;
pub(super) mod served;
mod stops;
#[cfg(test)]
mod tests;

use agreement::{Agreement, Check, Finding, Part};
use images::LiveImage;
use look::{Source, said};
use rollbacks::Rollback;

/// At most so many requests go to GitHub.
const MOST_REQUESTS: u64 = 5;

/// Everything that `status` says, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Status {
    /// When it was asked.
    now: Timestamp,
    /// Where the refs come from.
    source: Source,
    /// Whether history is cut off, so that some questions have no answer.
    shallow: bool,
    /// The protected branch.
    branch: BranchName,
    /// Its head.
    head: Option<Named>,
    /// What is live: the newest record.
    live: Option<Live>,
    /// Why the state branch cannot be read.
    state_problem: Option<String>,
    /// The last good commit.
    last_good: Option<Good>,
    /// Why the last good commit is not known.
    last_good_unknown: Option<String>,
    /// Whether everything agrees.
    agreement: Agreement,
    /// Which version the app shows, where the configuration says how it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<served::ServedSeen>,
    /// The comparisons.
    checks: Vec<Check>,
    /// The projections of the newest record that are not made.
    pending: Vec<String>,
    /// Rollbacks that no promotion has followed yet, newest first.
    rollbacks: Vec<Rollback>,
    /// Stops of promotions that are in force.
    holds: Vec<stops::Held>,
    /// Commits that may not come back.
    quarantines: Vec<stops::Forbidden>,
    /// Digests that may not be promoted, whatever commit they belong to.
    quarantined_digests: Vec<stops::ForbiddenDigest>,
    /// Freeze windows that are open.
    freezes: Vec<OpenWindow>,
    /// What the tags point at.
    images: Vec<LiveImage>,
    /// What to pin by hand.
    pin: Option<Pin>,
    /// What to do, most urgent first.
    next: Vec<Advice>,
    /// What could not be had.
    warnings: Vec<String>,
}

/// A commit with the first line of its message, where this clone has it.
#[derive(Debug, Clone, Serialize)]
struct Named {
    commit: CommitSha,
    subject: Option<String>,
}

/// The newest record.
#[derive(Debug, Serialize)]
struct Live {
    release: u64,
    #[serde(flatten)]
    kind: RecordKind,
    commit: CommitSha,
    subject: Option<String>,
    created: Timestamp,
    by: Option<String>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incompatible_with_rollback_before: Option<CommitSha>,
    run: RunIdentity,
    run_url: Option<String>,
    images: Vec<Pinned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<LiveData>,
}

/// The data of the newest record.
#[derive(Debug, Serialize)]
struct LiveData {
    /// The container that it is served from.
    container: String,
    version: DataVersion,
    size: u64,
    /// When it was first published.
    created: Timestamp,
}

/// An image with its digest.
#[derive(Debug, Clone, Serialize)]
struct Pinned {
    image: ImageRef,
    digest: Digest,
}

/// The last good commit.
#[derive(Debug, Serialize)]
struct Good {
    commit: CommitSha,
    subject: Option<String>,
    #[serde(flatten)]
    witness: Witness,
    /// The number of commits above it on the protected branch.
    distance: Option<usize>,
}

/// What to pin by hand, where nothing else can be trusted.
#[derive(Debug, Serialize)]
struct Pin {
    commit: CommitSha,
    images: Vec<Pinned>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Advice {
    why: String,
    command: String,
}

pub(super) fn run(
    global: &Global,
    args: &cli::Status,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let (mut session, config_problem) = Session::open_anyway(global, &args.place)?;
    // Somebody who only asks is told what can be told.
    let login = if args.offline { None } else { session.log_in(output).err() };
    let progress = output.progress("looking at the remote");
    let mut status = observe(&session, args.offline, &|what| progress.say(what));
    drop(progress);
    status.warnings.extend(login.map(said));
    if let Some(problem) = config_problem {
        status.warnings.insert(0, format!("{}; the defaults are used", said(problem)));
    }
    output.show("tidegate/status/1", &status, |output, status| {
        render::people(output, status)?;
        for warning in &status.warnings {
            output.warning(warning)?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn observe(session: &Session, offline: bool, say: &dyn Fn(&str)) -> Status {
    let (git, config) = (&session.git, &session.config);
    let seen = look::look(git, config, offline);
    let (state, refs) = (&seen.state, &seen.refs);
    let mut warnings = seen.warnings;
    let (ledger, ledger_seen) = look::ledger(git, config, refs, state);
    let head = refs.branch(&config.branch);
    let (last_good, last_good_unknown) =
        find_good(session, refs, state, &ledger, offline, &mut warnings);
    say("asking the registries");
    let record = state.newest();
    let asked: Vec<ImageRef> = match record {
        Some(record) => record.images.iter().map(|own| own.image.clone()).collect(),
        None => session.images().to_vec(),
    };
    let images = images::look(session, &asked, offline, &mut warnings).unwrap_or_else(|error| {
        warnings.push(said(error));
        Vec::new()
    });
    let checks = record.map_or_else(Vec::new, |record| {
        checks(session, refs, record, &ledger_seen, &images, offline)
    });
    let rollbacks = rollbacks::find(session, state, head).unwrap_or_else(|error| {
        warnings.push(said(error));
        Vec::new()
    });
    let freezes = freeze::open_windows(&config.freeze, session.now).unwrap_or_else(|error| {
        warnings.push(said(error));
        Vec::new()
    });
    let mut status = Status {
        now: session.now,
        source: seen.source,
        shallow: git.is_shallow(),
        branch: config.branch.clone(),
        head: head.map(|head| named(session, head)),
        live: record.map(|record| live(session, record)),
        state_problem: seen.state_problem,
        agreement: agreement::agreement(record, &checks),
        pending: record.map_or_else(Vec::new, |record| pending(record, &checks)),
        served: served::look(session, state, offline),
        checks,
        rollbacks,
        holds: stops::holds(state, session.now),
        quarantines: stops::commits(session, state),
        quarantined_digests: stops::digests(state, session.now),
        freezes,
        images,
        pin: pin(record, last_good.as_ref()),
        last_good,
        last_good_unknown,
        next: Vec::new(),
        warnings,
    };
    status.next = advice::advice(&status, config);
    status
}

fn named(session: &Session, commit: &CommitSha) -> Named {
    Named { commit: commit.clone(), subject: look::subject(&session.git, commit) }
}

fn live(session: &Session, record: &Record) -> Live {
    Live {
        release: record.number,
        kind: record.kind.clone(),
        commit: record.commit.clone(),
        subject: look::subject(&session.git, &record.commit),
        created: record.created,
        by: record.by.clone(),
        reason: record.reason.clone(),
        incompatible_with_rollback_before: record.incompatible_with_rollback_before.clone(),
        run: record.run.clone(),
        run_url: record.run_url.clone(),
        images: pinned(record),
        data: record.data.as_ref().map(|data| LiveData {
            container: data.place.container_url(),
            version: data.version.version.clone(),
            size: data.version.size,
            created: data.version.created,
        }),
    }
}

fn pinned(record: &Record) -> Vec<Pinned> {
    let pin = |own: &crate::state::ReleasedImage| Pinned {
        image: own.image.clone(),
        digest: own.digest.clone(),
    };
    record.images.iter().map(pin).collect()
}

fn pin(record: Option<&Record>, good: Option<&Good>) -> Option<Pin> {
    match (record, good) {
        (Some(record), _) => Some(Pin { commit: record.commit.clone(), images: pinned(record) }),
        (None, Some(good)) => Some(Pin { commit: good.commit.clone(), images: Vec::new() }),
        (None, None) => None,
    }
}

/// Finds the last good commit; in a shallow clone, where ancestry has no answer, says so.
fn find_good(
    session: &Session,
    refs: &RemoteRefs,
    state: &State,
    ledger: &Ledger,
    offline: bool,
    warnings: &mut Vec<String>,
) -> (Option<Good>, Option<String>) {
    let (git, config) = (&session.git, &session.config);
    let unknown = |why: String| (None, Some(why));
    let Some(head) = refs.branch(&config.branch) else {
        return unknown(format!("there is no branch {}", config.branch));
    };
    if git.is_shallow() {
        return unknown("this clone is shallow, so ancestry has no answer".to_owned());
    }
    if !git.has_commit(head) {
        return unknown(format!("commit {} is not in this clone", head.short()));
    }
    let query = good::GoodQuery {
        head,
        failed: None,
        branch: &config.branch,
        ledger_path: &config.ledger.path,
        state,
        now: session.now,
    };
    match good::search(git, ledger, &query) {
        Ok(mut search) => {
            if !offline {
                let most = MOST_REQUESTS.saturating_sub(session.login_requests);
                let _silent = session.corroborate_shown(state, &mut search, Some(most));
            }
            let chosen = last_good::choose(&search).map(|good| Good {
                commit: good.commit.clone(),
                subject: look::subject(git, &good.commit),
                witness: good.witness,
                distance: good.distance,
            });
            warnings.extend(search.warnings);
            (chosen, None)
        }
        Err(error) => unknown(said(error)),
    }
}

fn checks(
    session: &Session,
    refs: &RemoteRefs,
    record: &Record,
    ledger: &agreement::LedgerSeen,
    images: &[LiveImage],
    offline: bool,
) -> Vec<Check> {
    let (git, config) = (&session.git, &session.config);
    let tree = look::commit(git, &record.commit).map(|info| info.tree);
    let mut checks = vec![
        agreement::record(record, tree.as_ref()),
        agreement::main(config.branch.as_str(), record, &look::main(session, refs, record)),
        agreement::stable(
            config.stable_branch.as_str(),
            record,
            &look::stable(git, config, refs, Some(record)),
        ),
    ];
    for (live, own) in images.iter().zip(&record.images) {
        for tag in &live.tags {
            checks.push(agreement::tag(&live.image, &tag.tag, &own.digest, &tag.seen));
        }
    }
    checks.extend(data::look(session, record, offline));
    checks.push(agreement::ledger(&config.ledger.path, record, ledger));
    checks
}

/// Compares what users see with the newest record, for somebody who has looked at the remote:
/// the projections that are not made, and the comparisons that have no answer.
pub(super) fn projections_at(
    session: &Session,
    seen: &look::Seen,
    offline: bool,
) -> anyhow::Result<ProjectionsSeen> {
    let Some(record) = seen.state.newest() else { return Ok(ProjectionsSeen::default()) };
    let (_, ledger) = look::ledger(&session.git, &session.config, &seen.refs, &seen.state);
    let asked: Vec<ImageRef> = record.images.iter().map(|own| own.image.clone()).collect();
    let images = images::look(session, &asked, offline, &mut Vec::new())?;
    let checks = checks(session, &seen.refs, record, &ledger, &images, offline);
    let unknown = checks
        .iter()
        .filter(|check| check.finding == Finding::Unknown)
        .filter(|check| matches!(check.part, Part::Stable | Part::Tag | Part::Data | Part::Ledger))
        .map(|check| Unchecked {
            what: format!("whether {} is up to date", check.name),
            why: check.detail.clone(),
        })
        .collect();
    Ok(ProjectionsSeen { pending: pending(record, &checks), unknown })
}

/// Names the projections that are not made, in the words of a plan.
fn pending(record: &Record, checks: &[Check]) -> Vec<String> {
    let steps = projections(record);
    let differs = |part: Part, name: Option<&str>| {
        let named = |check: &Check| name.is_none_or(|name| check.name == name);
        checks.iter().any(|check| check.part == part && check.pending && named(check))
    };
    let is_pending = |step: &&Step| match step {
        Step::MoveTag { image, tag, .. } => differs(Part::Tag, Some(&format!("{image}:{tag}"))),
        Step::MoveStable { .. } => differs(Part::Stable, None),
        Step::MoveData { .. } => differs(Part::Data, None),
        Step::AppendLedger(_) => differs(Part::Ledger, None),
        Step::CheckImage { .. }
        | Step::KeepDigest { .. }
        | Step::UploadData { .. }
        | Step::CheckData { .. }
        | Step::RunLive(_)
        | Step::WriteState { .. }
        | Step::RollBack(_)
        | Step::Notify { .. }
        | Step::DispatchRetry { .. } => false,
    };
    steps.iter().filter(is_pending).map(ToString::to_string).collect()
}
