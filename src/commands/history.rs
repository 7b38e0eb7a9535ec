//! `history`: the releases, and the rollbacks of stable and of main, newest first.

use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use super::status::look::{self, said};
use crate::adapters::git::Git;
use crate::adapters::state_branch;
use crate::cli::{self, Global};
use crate::exit::Exit;
use crate::ledger::{EntryStatus, Ledger};
use crate::model::{CommitSha, DataVersion, Digest};
use crate::observe::rollbacks::{self, MainRollback};
use crate::output::{Output, Styled, Table, ago, at, dim, good, plain, warn};
use crate::state::{IndexEntry, Record, RecordKind, State};

mod stops;

/// So many commits of the branch are looked at for rollbacks that no note tells of.
const LOOKED_AT: usize = 1000;

#[derive(Debug, Serialize)]
struct History {
    /// When it was asked.
    now: Timestamp,
    /// Newest first.
    entries: Vec<Entry>,
    /// How many there are altogether, shown or not.
    total: usize,
    warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A candidate became stable.
    Release,
    /// Other data became live, with the same code.
    Data,
    /// Stable went back.
    StableRollback,
    /// The protected branch went back; no release changed.
    MainRollback,
    /// A person quarantined a commit or a digest.
    Quarantine,
    /// A person lifted a quarantine.
    Lift,
    /// A hold, as long as the state branch has it.
    Hold,
    /// An entry of the ledger, where there are no records.
    LedgerEntry,
}

#[derive(Debug, Serialize)]
struct Entry {
    kind: Kind,
    /// When; `None` where a ledger entry has no date that can be read.
    time: Option<Timestamp>,
    /// The number of the record.
    release: Option<u64>,
    /// What was released, what came back, or what was quarantined or lifted; `None` for digests
    /// and holds.
    commit: Option<CommitSha>,
    /// The digest that was quarantined or lifted by itself.
    digest: Option<Digest>,
    /// The id of the hold.
    hold: Option<String>,
    /// The first line of its message.
    subject: Option<String>,
    /// What was taken out.
    failed: Option<CommitSha>,
    /// The release that came back.
    restores: Option<u64>,
    /// The data version that was live with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<DataVersion>,
    /// Why.
    reason: Option<String>,
    /// The reason of an `--override`.
    #[serde(rename = "override")]
    override_reason: Option<String>,
    /// When a quarantine or hold ends by itself, or was ended.
    expires: Option<Timestamp>,
    /// Who.
    by: Option<String>,
    /// Where to look at the run.
    run_url: Option<String>,
    /// What passed only when it was tried again.
    flaky: Vec<String>,
    /// The pull request that a rollback of main waits in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<u64>,
}

pub(super) fn run(
    global: &Global,
    args: &cli::History,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let (mut session, problem) = Session::open_anyway(global, &args.place)?;
    // Somebody who only asks is told what can be told.
    let login = session.log_in(output).err();
    let progress = output.progress("looking at the remote");
    let mut history = observe(&session, args.count);
    drop(progress);
    history.warnings.extend(login.map(said));
    history.warnings.extend(problem.map(|error| format!("{}; the defaults are used", said(error))));
    output.show("tidegate/history/1", &history, |output, history| {
        // With -n 0 nobody asked for a table, and something did happen.
        if !history.entries.is_empty() || history.total == 0 {
            output.table(&table(history))?;
        }
        let left = history.total - history.entries.len();
        if left > 0 {
            let older = if history.entries.is_empty() { "to show" } else { "older" };
            output.note(dim(format!("{left} {older}; -n {} shows all", history.total)))?;
        }
        for warning in &history.warnings {
            output.warning(warning)?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn observe(session: &Session, count: usize) -> History {
    let (git, config) = (&session.git, &session.config);
    let seen = look::look(git, config, false);
    let mut warnings = seen.warnings;
    warnings.extend(seen.state_problem);
    let (state, head) = (&seen.state, seen.refs.branch(&config.branch));
    let mut entries: Vec<Entry> = state.index.iter().map(|entry| of_index(state, entry)).collect();
    let of_main = rollbacks::of_main(git, state, None, head, LOOKED_AT).unwrap_or_else(|error| {
        warnings.push(said(error));
        Vec::new()
    });
    entries.extend(of_main.into_iter().map(of_rollback));
    entries.extend(stops::entries(state));
    if state.index.is_empty() {
        let (ledger, _) = look::ledger(git, config, &seen.refs, state);
        entries.extend(of_ledger(ledger));
    }
    // Stable: what has no time, or the same time, stays in its order.
    entries.sort_by_key(|entry| entry.time);
    entries.reverse();
    let total = entries.len();
    entries.truncate(count);
    for entry in &mut entries {
        complete(git, seen.state_head.as_ref(), state, entry);
    }
    History { now: session.now, entries, total, warnings }
}

fn of_index(state: &State, entry: &IndexEntry) -> Entry {
    let (kind, restores) = match entry.kind {
        RecordKind::Promotion => (Kind::Release, None),
        RecordKind::Data { .. } => (Kind::Data, None),
        RecordKind::Rollback { restores } => (Kind::StableRollback, Some(restores)),
    };
    let left = state
        .quarantines
        .values()
        .find(|own| rollbacks::of_stable(state, own) == Some(entry.number));
    Entry {
        release: Some(entry.number),
        commit: Some(entry.commit.clone()),
        failed: left.map(|own| own.commit.clone()),
        restores,
        ..Entry::new(kind, Some(entry.created))
    }
}

impl Entry {
    fn new(kind: Kind, time: Option<Timestamp>) -> Self {
        Self {
            kind,
            time,
            release: None,
            commit: None,
            digest: None,
            hold: None,
            subject: None,
            failed: None,
            restores: None,
            data: None,
            reason: None,
            override_reason: None,
            expires: None,
            by: None,
            run_url: None,
            flaky: Vec::new(),
            pull_request: None,
        }
    }
}

fn of_rollback(rollback: MainRollback) -> Entry {
    Entry {
        commit: Some(rollback.to),
        failed: Some(rollback.failed),
        reason: Some(rollback.reason),
        by: rollback.by,
        pull_request: rollback.pull_request.filter(|_| rollback.commit.is_none()),
        ..Entry::new(Kind::MainRollback, Some(rollback.created))
    }
}

fn of_ledger(ledger: Ledger) -> impl Iterator<Item = Entry> {
    let passed = |entry: &crate::ledger::Entry| entry.status == EntryStatus::Passed;
    ledger.entries.into_iter().filter(passed).map(|entry| Entry {
        flaky: entry.flaky(),
        release: entry.release,
        commit: Some(entry.commit),
        ..Entry::new(Kind::LedgerEntry, entry.date.as_deref().and_then(ledger_time))
    })
}

/// Reads `2025-12-22 02:33:00 UTC`.
fn ledger_time(text: &str) -> Option<Timestamp> {
    let text = text.trim().strip_suffix("UTC")?.trim();
    let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// Adds what the record and the commit say. Old records are read one by one.
fn complete(git: &Git, head: Option<&CommitSha>, state: &State, entry: &mut Entry) {
    entry.subject = entry.commit.as_ref().and_then(|commit| look::subject(git, commit));
    let (Some(number), Some(head)) = (entry.release, head) else { return };
    let record: Option<Record> = match state.records.get(&number) {
        Some(record) => Some(record.clone()),
        None => state_branch::read_record(git, head, number).ok().flatten(),
    };
    let Some(record) = record else { return };
    entry.reason = record.reason;
    entry.data = record.data.map(|data| data.version.version);
    entry.override_reason = record.override_reason;
    entry.by = record.by;
    entry.run_url = record.run_url;
    if entry.kind == Kind::Release {
        entry.flaky = record.flaky;
    }
}

fn table(history: &History) -> Table {
    let mut table = Table::new(&["what", "release", "commit", "when", "by", "why"])
        .right(1)
        .when_empty("nothing was released and nothing was rolled back yet");
    for entry in &history.entries {
        table.row(row(entry, history.now));
    }
    table
}

fn row(entry: &Entry, now: Timestamp) -> [Styled; 6] {
    let what = match entry.kind {
        Kind::Release => good("released"),
        Kind::Data => good("data"),
        Kind::StableRollback => warn("stable back"),
        Kind::MainRollback if entry.pull_request.is_some() => warn("main waits"),
        Kind::MainRollback => warn("main back"),
        Kind::Quarantine => warn("quarantined"),
        Kind::Lift => good("lifted"),
        Kind::Hold => warn("on hold"),
        Kind::LedgerEntry => plain("in the ledger"),
    };
    let subject = entry.subject.as_deref().unwrap_or_default();
    let about = match (&entry.commit, &entry.digest, &entry.hold) {
        (Some(commit), _, _) => format!("{} {subject}", commit.short()),
        (None, Some(digest), _) => format!("sha256:{}", digest.short()),
        (None, None, hold) => hold.clone().unwrap_or_default(),
    };
    [
        what,
        plain(entry.release.map_or_else(String::new, |number| number.to_string())),
        plain(about).cut(50),
        dim(entry.time.map_or_else(String::new, |time| ago(time, now))),
        plain(entry.by.as_deref().unwrap_or_default()).cut(20),
        plain(why(entry, now)),
    ]
}

fn why(entry: &Entry, now: Timestamp) -> String {
    let data = entry.data.as_ref().filter(|_| entry.kind == Kind::Data);
    let version = data.map(|data| data.as_str().chars().take("sha256:".len() + 12).collect());
    let mut told: Vec<String> = version.into_iter().collect();
    told.extend(entry.reason.clone());
    let reason = &told.join(": ");
    let mut why = match (entry.kind, &entry.failed) {
        (Kind::StableRollback | Kind::MainRollback, Some(failed)) => match entry.pull_request {
            Some(number) => {
                format!("takes out {} (pull request #{number}): {reason}", failed.short())
            }
            None => format!("took out {}: {reason}", failed.short()),
        },
        (
            Kind::Release
            | Kind::Data
            | Kind::LedgerEntry
            | Kind::Quarantine
            | Kind::Lift
            | Kind::Hold
            | Kind::StableRollback
            | Kind::MainRollback,
            _,
        ) => reason.to_owned(),
    };
    if !entry.flaky.is_empty() {
        let flaky = format!("flaky: {}", entry.flaky.join(", "));
        why = if why.is_empty() { flaky } else { format!("{why}; {flaky}") };
    }
    if let Some(overridden) = &entry.override_reason {
        // A rollback has said it in its reason already.
        if !why.contains(overridden.as_str()) {
            why = format!("{why} (override: {overridden})");
        }
    }
    match entry.expires {
        Some(expires) if expires <= now => format!("{why} (over since {})", at(expires)),
        Some(expires) => format!("{why} (until {})", at(expires)),
        None => why,
    }
}
