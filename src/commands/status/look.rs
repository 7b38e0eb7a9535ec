//! Looks at git for `status`: everything that cannot be had becomes a warning, nothing an error.

use serde::Serialize;

use super::agreement::{LastPassed, LedgerSeen, MainSeen, StableSeen};
use crate::adapters::git::{CommitInfo, Git, GitError, RemoteRefs};
use crate::adapters::state_branch;
use crate::commands::session::Session;
use crate::config::Config;
use crate::exit::Failure;
use crate::ledger::{self, EntryStatus, Ledger};
use crate::model::{BranchName, CommitSha};
use crate::observe::{good, kept, stable};
use crate::state::{Record, State};

/// Where the refs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Source {
    /// The remote, just now.
    Remote,
    /// What the last fetch left in this clone.
    LastFetch,
    /// The branches of this repository, which has no remote.
    Local,
}

/// The refs and the state, with what could not be had.
#[derive(Debug)]
pub(in crate::commands) struct Seen {
    pub(in crate::commands) source: Source,
    pub(in crate::commands) refs: RemoteRefs,
    pub(in crate::commands) state: State,
    /// The head of the state branch.
    pub(in crate::commands) state_head: Option<CommitSha>,
    /// Why the state branch cannot be read.
    pub(in crate::commands) state_problem: Option<String>,
    pub(in crate::commands) warnings: Vec<String>,
}

/// Says an error with its causes on one line.
pub(in crate::commands) fn said(error: impl Into<anyhow::Error>) -> String {
    let failure = Failure::of(&error.into());
    let mut text = failure.error;
    for cause in failure.causes {
        text.push_str(": ");
        text.push_str(&cause);
    }
    text
}

/// Reads the remote's branches and the state, from the remote or from what is here.
pub(in crate::commands) fn look(git: &Git, config: &Config, offline: bool) -> Seen {
    let mut branches = vec![&config.branch, &config.stable_branch, &config.state_branch];
    if config.ledger_branch() != &config.branch {
        branches.push(config.ledger_branch());
    }
    let mut warnings = Vec::new();
    let (source, refs) = refs(git, &branches, offline, &mut warnings);
    let head = refs.branch(&config.state_branch).cloned();
    let (state, state_problem) = match state_branch::read(git, head.as_ref()) {
        Ok(observed) => (observed.state, None),
        Err(error) => (State::default(), Some(said(error))),
    };
    Seen { source, refs, state, state_head: head, state_problem, warnings }
}

fn refs(
    git: &Git,
    branches: &[&BranchName],
    offline: bool,
    warnings: &mut Vec<String>,
) -> (Source, RemoteRefs) {
    let local = || -> RemoteRefs {
        let here =
            |branch: &BranchName| git.tracked(branch).or_else(|| git.local_ref(&branch.full_ref()));
        branches.iter().filter_map(|branch| Some((branch.full_ref(), here(branch)?))).collect()
    };
    if git.remote_url().is_err() {
        return (Source::Local, local());
    }
    if offline {
        return (Source::LastFetch, local());
    }
    git.be_impatient();
    match git.look(branches) {
        Ok((refs, failed)) => {
            warnings.extend(failed.map(said));
            (Source::Remote, refs)
        }
        Err(error) => {
            warnings.push(format!("{}; the last fetched refs are used", said(error)));
            (Source::LastFetch, local())
        }
    }
}

/// Reads the ledger, with what is wrong with it.
pub(in crate::commands) fn ledger(
    git: &Git,
    config: &Config,
    refs: &RemoteRefs,
    state: &State,
) -> (Ledger, LedgerSeen) {
    let nothing = |seen| (Ledger::default(), seen);
    let Some(head) = refs.branch(config.ledger_branch()) else {
        return nothing(LedgerSeen::Missing);
    };
    if !git.has_commit(head) {
        let why = format!("commit {} is not in this clone", head.short());
        return nothing(LedgerSeen::Unknown(why));
    }
    let bytes = git.commit(head).and_then(|info| git.file(&info.tree, &config.ledger.path));
    let bytes = match bytes {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return nothing(LedgerSeen::Missing),
        Err(GitError::Missing { .. }) => {
            return nothing(LedgerSeen::Unknown(
                "the file is not in this partial clone".to_owned(),
            ));
        }
        Err(error) => return nothing(LedgerSeen::Unreadable(said(error))),
    };
    let mut ledger = match ledger::newest_entries_in(&bytes, good::LEDGER_ENTRIES) {
        Ok(ledger) => ledger,
        Err(error) => return nothing(LedgerSeen::Unreadable(said(error))),
    };
    ledger::number_lines(&bytes, &mut ledger);
    let has_release = state.newest().is_some_and(|record| {
        ledger::contains_release(&bytes, &record.commit, record.number).unwrap_or(false)
    });
    let about_branch =
        |named: &Option<String>| named.as_ref().is_none_or(|named| named == config.branch.as_str());
    let last_passed = ledger
        .entries
        .iter()
        .rev()
        .find(|entry| entry.status == EntryStatus::Passed && about_branch(&entry.branch))
        .map(|entry| LastPassed {
            commit: entry.commit.clone(),
            release: entry.release,
            has_record: state.index.iter().any(|known| known.commit == entry.commit),
        });
    (ledger, LedgerSeen::Read { has_release, last_passed })
}

/// Compares the protected branch with the record's commit and tree.
pub(super) fn main(session: &Session, refs: &RemoteRefs, record: &Record) -> MainSeen {
    let Some(head) = refs.branch(&session.config.branch) else { return MainSeen::Missing };
    main_at(session, head, record).unwrap_or_else(|error| MainSeen::Unknown(said(error)))
}

fn main_at(session: &Session, head: &CommitSha, record: &Record) -> anyhow::Result<MainSeen> {
    let git = &session.git;
    let unknown = |why: String| Ok(MainSeen::Unknown(why));
    if *head == record.commit {
        return Ok(MainSeen::Released { ledger_commits: false });
    }
    if !git.has_commit(head) {
        return unknown(format!("at {}, which is not in this clone", head.short()));
    }
    let ledger_path = &session.config.ledger.path;
    let effective = git.effective_head(head, ledger_path)?;
    if effective == record.commit {
        return Ok(MainSeen::Released { ledger_commits: true });
    }
    if let Some(kept) = differs_in_kept_paths(session, &effective, record)? {
        return Ok(MainSeen::SameTree { head: effective, kept });
    }
    if git.is_shallow() {
        return unknown(format!(
            "at {}; how it relates to {} cannot be known in a shallow clone",
            head.short(),
            record.commit.short()
        ));
    }
    if !git.has_commit(&record.commit) || !git.is_ancestor(&record.commit, head)? {
        return Ok(MainSeen::Apart { head: head.clone() });
    }
    Ok(MainSeen::Ahead { by: commits_above(git, &record.commit, &effective, ledger_path)? })
}

/// Counts the commits above a release, without those that only add to the ledger.
fn commits_above(
    git: &Git,
    released: &CommitSha,
    head: &CommitSha,
    ledger_path: &str,
) -> anyhow::Result<usize> {
    /// Above so many commits nobody counts the ledger's.
    const EXACT: usize = 100;
    let above = git.divergence(head, released)?.ahead;
    if above > EXACT {
        return Ok(above);
    }
    let mut count = 0;
    for commit in git.range(released, head, EXACT)? {
        let info = git.commit(&commit)?;
        let only_ledger = match info.parents.as_slice() {
            [parent] => git.touches_only(parent, &commit, ledger_path)?,
            _ => false,
        };
        count += usize::from(!only_ledger);
    }
    Ok(count)
}

/// Returns the paths that differ from the record's tree, the ledger left out: none, or such as a
/// rollback keeps. `None` where the trees differ for another reason, or are not here.
fn differs_in_kept_paths(
    session: &Session,
    head: &CommitSha,
    record: &Record,
) -> anyhow::Result<Option<Vec<String>>> {
    /// A rollback that keeps more paths than this has not brought the tree back.
    const MAX_KEPT: usize = 200;
    let git = &session.git;
    let info = git.commit(head)?;
    let mut differing = match git.changed_paths(&record.tree, &info.tree, MAX_KEPT) {
        Ok(differing) => differing,
        Err(GitError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    differing.retain(|path| path != session.config.ledger.path.as_bytes());
    if differing.is_empty() {
        return Ok(Some(Vec::new()));
    }
    // Workflow files count as kept where a rollback says so: it may have run in Actions.
    let patterns = kept::compile(&kept::patterns(&session.config, true))?;
    let all_kept = differing
        .iter()
        .all(|path| patterns.is_match_candidate(&globset::Candidate::from_bytes(path)));
    let is_rollback = info.trailer("Tidegate-Rollback-To").is_some();
    let names = || differing.iter().map(|path| String::from_utf8_lossy(path).into_owned());
    Ok((is_rollback && all_kept).then(|| names().collect()))
}

/// Looks at `stable`.
pub(super) fn stable(
    git: &Git,
    config: &Config,
    refs: &RemoteRefs,
    record: Option<&Record>,
) -> StableSeen {
    let Some(commit) = refs.branch(&config.stable_branch) else { return StableSeen::Missing };
    if !git.has_commit(commit) {
        return StableSeen::NotHere(commit.clone());
    }
    let looked = || -> Result<StableSeen, GitError> {
        let info = git.commit(commit)?;
        let shows = match record {
            Some(record) => stable::shows_release(
                git,
                commit,
                &record.commit,
                &record.tree,
                record.code_release(),
            )?,
            None => false,
        };
        Ok(StableSeen::At {
            commit: commit.clone(),
            subject: info.subject().to_owned(),
            shows,
            same_tree: record.is_some_and(|record| record.tree == info.tree),
        })
    };
    looked().unwrap_or_else(|error| StableSeen::Unknown(said(error)))
}

/// Reads a commit where this clone has it.
pub(in crate::commands) fn commit(git: &Git, commit: &CommitSha) -> Option<CommitInfo> {
    git.commit(commit).ok()
}

/// Returns the first line of a commit's message, or nothing where the commit is not here.
pub(in crate::commands) fn subject(git: &Git, sha: &CommitSha) -> Option<String> {
    commit(git, sha).map(|info| info.subject().to_owned())
}
