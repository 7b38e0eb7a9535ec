//! `ledger append`, `ledger show`.

use std::io::Write as _;

use anyhow::Context as _;
use serde::Serialize;

use super::by_hand::{self, Reach};
use super::last_good::{Apart, ledger_apart, local_state, protected_head};
use super::session::Session;
use crate::cli;
use crate::cli::{Global, LedgerAppend, LedgerCommand, LedgerShow};
use crate::evidence::good::GoodSearch;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::ledger::{self, NewEntry};
use crate::observe::good::{self, GoodQuery};
use crate::observe::ledger_file;
use crate::output::{Output, Table, clean, dim, good as fine, plain, warn};

pub(super) fn run(
    global: &Global,
    args: &cli::Ledger,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    match &args.command {
        LedgerCommand::Append(args) => append(global, args, output),
        LedgerCommand::Show(args) => show(global, args, output),
    }
}

/// Appends an entry to the file of the work tree; committing it is the caller's business.
fn append(global: &Global, args: &LedgerAppend, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &args.place, Reach::Clone, output)?;
    let commit = session.resolve(&args.commit)?;
    if session.git.workdir().is_none() {
        let error = "a bare repository has no work tree to write the ledger to";
        return Err(Failed::new(Exit::Usage, error).into());
    }
    refuse_bad(&session, &commit, output)?;
    let path = session.root.join(&session.config.ledger.path);
    let existing = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let entry = NewEntry {
        date: session.now,
        branch: session.config.branch.clone(),
        commit: commit.clone(),
        release: None,
        checks: args.checks.clone(),
        images: Vec::new(),
        data: None,
        metrics: std::collections::BTreeMap::new(),
        flaky: Vec::new(),
    };
    let known = ledger::parse(&existing)
        .with_context(|| format!("cannot read {}", path.display()))?
        .entries;
    let status = &crate::ledger::EntryStatus::Passed;
    if known.iter().any(|known| known.commit == commit && known.status == *status) {
        let error =
            format!("{} has an entry for {} already", session.config.ledger.path, commit.short());
        return Err(Failed::new(Exit::Usage, error).into());
    }
    let text = ledger::append(&existing, &entry)
        .with_context(|| format!("cannot append to {}", path.display()))?;
    write_atomically(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    let added = Added { commit: commit.to_string(), path: session.config.ledger.path.clone() };
    output.show("tidegate/ledger-append/1", &added, |output, added| {
        output.line(format!("added {} to {}", commit.short(), clean(&added.path)))
    })?;
    output.note("commit and push the file, with [skip ci] in the message")?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Added {
    commit: String,
    path: String,
}

/// An entry says that a commit may come back: not one that a rollback took out, or that is not on
/// the branch.
fn refuse_bad(
    session: &Session,
    commit: &crate::model::CommitSha,
    output: &mut Output,
) -> anyhow::Result<()> {
    let state = local_state(session, output)?;
    let head = protected_head(session, "HEAD")?;
    let why = if let Some(quarantine) = state.quarantine(commit, session.now) {
        format!("it is quarantined: {}", quarantine.reason)
    } else if state.is_rolled_back(commit) {
        "a rollback took it out".to_owned()
    } else if !session.git.is_ancestor(commit, &head)? {
        format!("it is not on {}", session.config.branch)
    } else {
        return Ok(());
    };
    Err(Failed::new(Exit::Held, format!("{} gets no entry: {why}", commit.short())).into())
}

/// A reader sees the old file or the new one, never half of it.
fn write_atomically(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if let Ok(metadata) = std::fs::metadata(path) {
        file.as_file().set_permissions(metadata.permissions())?;
    } else {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
    }
    file.persist(path)?;
    Ok(())
}

#[derive(Serialize)]
struct Shown<'a> {
    path: &'a str,
    entries: Vec<ShownEntry>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ShownEntry {
    commit: String,
    date: Option<String>,
    branch: Option<String>,
    release: Option<u64>,
    line: Option<u64>,
    counts: bool,
    why_not: Vec<String>,
}

fn show(global: &Global, args: &LedgerShow, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &args.place, Reach::Clone, output)?;
    let head = protected_head(&session, "HEAD")?;
    let count = if args.all { usize::MAX } else { args.count };
    let ledger = numbered_ledger(&session, count, output)?;
    let state = local_state(&session, output)?;
    let query = GoodQuery {
        head: &head,
        failed: None,
        branch: &session.config.branch,
        ledger_path: &session.config.ledger.path,
        state: &state,
        now: session.now,
    };
    let mut search = good::search(&session.git, &ledger, &query)?;
    let _silent = session.corroborate_shown(&state, &mut search, None);
    let entries: Vec<ShownEntry> =
        ledger.entries.iter().rev().map(|entry| shown(entry, &search)).collect();
    let shown = Shown { path: &session.config.ledger.path, entries, warnings: &search.warnings };
    output.show("tidegate/ledger/1", &shown, |output, shown| {
        let mut table = Table::new(&["commit", "date", "branch", "release", "line", "counts"])
            .right(3)
            .right(4)
            .when_empty("the ledger has no entries");
        for entry in &shown.entries {
            let dash = || "-".to_owned();
            table.row([
                plain(entry.commit.get(..7).unwrap_or_default()),
                plain(entry.date.clone().unwrap_or_else(dash)),
                plain(entry.branch.clone().unwrap_or_else(dash)),
                plain(entry.release.map_or_else(dash, |n| n.to_string())),
                dim(entry.line.map_or_else(dash, |n| n.to_string())),
                if entry.counts { fine("yes") } else { warn(clean(&entry.why_not.join("; "))) },
            ]);
        }
        output.table(&table)
    })?;
    for warning in shown.warnings {
        output.warning(warning)?;
    }
    Ok(Exit::Done)
}

/// Reads the newest entries with their lines: of the ledger's own branch as it was last fetched,
/// else of the work tree.
fn numbered_ledger(
    session: &Session,
    count: usize,
    output: &mut Output,
) -> anyhow::Result<ledger::Ledger> {
    let path = &session.config.ledger.path;
    let head = match ledger_apart(session, output)? {
        Apart::No => {
            let path = session.root.join(path);
            let mut ledger = ledger_file::newest_entries(&path, count).or_exit(Exit::BadInput)?;
            ledger_file::number_lines(&path, &mut ledger)?;
            return Ok(ledger);
        }
        Apart::At(head) => head,
        Apart::NotHere => return Ok(ledger::Ledger::default()),
    };
    let tree = session.git.commit(&head)?.tree;
    let bytes = session.git.file(&tree, path)?.unwrap_or_default();
    let mut ledger = ledger::newest_entries_in(&bytes, count).with_context(|| {
        format!("cannot read {path} on branch {}", session.config.ledger_branch())
    })?;
    ledger::number_lines(&bytes, &mut ledger);
    Ok(ledger)
}

fn shown(entry: &ledger::Entry, search: &GoodSearch) -> ShownEntry {
    let candidate = search
        .candidates
        .iter()
        .find(|candidate| candidate.commit == entry.commit && !candidate.witness.is_authority());
    let why_not: Vec<String> = match candidate {
        Some(candidate) => candidate.rejections.iter().map(ToString::to_string).collect(),
        None => vec![format!("it is not among the last {}", good::LEDGER_ENTRIES)],
    };
    ShownEntry {
        commit: entry.commit.to_string(),
        date: entry.date.clone(),
        branch: entry.branch.clone(),
        release: entry.release,
        line: entry.line,
        counts: why_not.is_empty(),
        why_not,
    }
}
