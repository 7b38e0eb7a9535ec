//! `last-good`: prints the id of the last good commit and nothing else. No network, except where
//! there is a token for GitHub and only the ledger calls the commit good.

use serde::Serialize;

use super::by_hand::{self, Reach};
use super::session::Session;
use crate::adapters::state_branch::{self, Observed};
use crate::cli::{Global, LastGood};
use crate::evidence::good::{GoodCandidate, GoodSearch};
use crate::exit::{Exit, Failed};
use crate::ledger::{self, Ledger, Presence};
use crate::model::CommitSha;
use crate::observe::good::{self, GoodQuery};
use crate::observe::{ledger_file, rollback_limit};
use crate::output::{Output, Table, clean, dim, good as fine, plain, warn};
use crate::policy::last_good;
use crate::state::State;

#[derive(Serialize)]
struct Answer<'a> {
    commit: Option<&'a CommitSha>,
    head: &'a CommitSha,
    #[serde(flatten)]
    search: &'a GoodSearch,
}

pub(super) fn run(global: &Global, args: &LastGood, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &args.place, Reach::Clone, output)?;
    let head = protected_head(&session, &args.head)?;
    let failed = args.failed.as_deref().map(|failed| session.resolve(failed)).transpose()?;
    let ledger = local_ledger(&session, &head, output)?;
    let state = local_state(&session, output)?;
    let mut search = good::search(
        &session.git,
        &ledger,
        &GoodQuery {
            head: &head,
            failed: failed.as_ref(),
            branch: &session.config.branch,
            ledger_path: &session.config.ledger.path,
            state: &state,
            now: session.now,
        },
    )?;
    let silent = session.corroborate_shown(&state, &mut search, None);
    let chosen = last_good::choose(&search);
    // What is printed may be checked out: trouble of GitHub's must not make a forged entry count.
    let on_hearsay = silent && chosen.is_some_and(|good| !good.witness.is_authority());
    for warning in &search.warnings {
        output.warning(warning)?;
    }
    if output.is_json() {
        let commit = chosen.map(|good| &good.commit);
        output.json("tidegate/last-good/1", &Answer { commit, head: &head, search: &search })?;
    } else if args.explain {
        explain(output, &session, &search, chosen, &state)?;
    } else if let Some(good) = chosen.filter(|_| !on_hearsay) {
        output.line(&good.commit)?;
    }
    if on_hearsay && (output.is_json() || args.explain) {
        // The answer is there, and its warning says what it is worth.
        return Ok(Exit::Unreachable);
    }
    if on_hearsay {
        let error = "only the ledger calls a commit good, and GitHub did not answer whether its jobs passed";
        return Err(Failed::new(Exit::Unreachable, error)
            .with_hint("run it again later, or look at `tidegate last-good --explain`")
            .into());
    }
    if chosen.is_some() {
        return Ok(Exit::Done);
    }
    let looked_at = search.candidates.len();
    let place = &session.config.ledger.path;
    let error = match (looked_at, ledger.presence) {
        (0, Presence::Missing) => format!("there is no ledger at {place} and no release record"),
        (0, _) => format!("no entry of {place} counts, and there is no release record"),
        _ => {
            format!("none of the {looked_at} commits that are recorded as good survives the checks")
        }
    };
    let failed = Failed::new(Exit::NoGoodCommit, error);
    // Whoever reads the explanation is not sent to it.
    if args.explain {
        return Err(failed.into());
    }
    Err(failed.with_hint("`tidegate last-good --explain` says what was found of each").into())
}

/// Returns the head whose history counts: HEAD where it is on the protected branch or detached, as
/// a checkout in Actions leaves it, else the protected branch as it was last fetched.
pub(super) fn protected_head(session: &Session, given: &str) -> anyhow::Result<CommitSha> {
    let branch = &session.config.branch;
    let on_branch = session.git.head_branch().is_none_or(|name| name == branch.as_str());
    if given == "HEAD" && !on_branch {
        let known =
            session.git.tracked(branch).or_else(|| session.git.local_ref(&branch.full_ref()));
        if let Some(head) = known {
            return Ok(head);
        }
    }
    session.resolve(given)
}

/// The branch that holds the ledger, where that is another one than the protected branch.
pub(super) enum Apart {
    /// The ledger is on the protected branch.
    No,
    /// It is on another one, as it was last fetched.
    At(CommitSha),
    /// It is on another one, which this clone does not have.
    NotHere,
}

/// Looks for the branch of the ledger in this clone; says so where it is not here.
pub(super) fn ledger_apart(session: &Session, output: &mut Output) -> anyhow::Result<Apart> {
    let (config, git) = (&session.config, &session.git);
    let branch = config.ledger_branch();
    if branch == &config.branch {
        return Ok(Apart::No);
    }
    if let Some(head) = git.tracked(branch).or_else(|| git.local_ref(&branch.full_ref())) {
        return Ok(Apart::At(head));
    }
    output.warning(&format!(
        "branch {branch}, which holds the ledger, is not in this clone; fetch it with `git fetch {} {branch}`",
        config.remote
    ))?;
    Ok(Apart::NotHere)
}

/// Reads the ledger, without any network: that of its own branch as it was last fetched, else that
/// of the work tree where there is one, else that of `head`.
fn local_ledger(
    session: &Session,
    head: &CommitSha,
    output: &mut Output,
) -> anyhow::Result<Ledger> {
    match ledger_apart(session, output)? {
        Apart::No => {}
        Apart::At(head) => return ledger_at(session, &head),
        Apart::NotHere => return Ok(no_ledger()),
    }
    let path = &session.config.ledger.path;
    if session.git.workdir().is_some() && session.root.join(path).exists() {
        return Ok(ledger_file::newest_entries(&session.root.join(path), good::LEDGER_ENTRIES)?);
    }
    ledger_at(session, head)
}

fn no_ledger() -> Ledger {
    Ledger { presence: Presence::Missing, ..Ledger::default() }
}

/// Reads the newest entries of the ledger of a commit.
pub(super) fn ledger_at(session: &Session, head: &CommitSha) -> anyhow::Result<Ledger> {
    let path = &session.config.ledger.path;
    let tree = session.git.commit(head)?.tree;
    match session.git.file(&tree, path)? {
        Some(bytes) => ledger::newest_entries_in(&bytes, good::LEDGER_ENTRIES).map_err(|error| {
            anyhow::Error::new(error).context(format!("cannot read {path} at {}", head.short()))
        }),
        None => Ok(no_ledger()),
    }
}

/// Reads the state branch as it was last fetched. Where that cannot be read, only the ledger is
/// left, and the user is told.
pub(super) fn local_state(session: &Session, output: &mut Output) -> anyhow::Result<State> {
    let head = session.git.tracked(&session.config.state_branch);
    match state_branch::read(&session.git, head.as_ref()) {
        Ok(observed) => Ok(observed.state),
        Err(error) => {
            output.warning(&format!("{error}; only the ledger is read"))?;
            Ok(State::default())
        }
    }
}

fn explain(
    output: &mut Output,
    session: &Session,
    search: &GoodSearch,
    chosen: Option<&GoodCandidate>,
    state: &State,
) -> anyhow::Result<()> {
    let mut table = Table::new(&["", "commit", "behind", "witness", "subject", "verdict"])
        .right(2)
        .when_empty("no record, no stored verdict and no ledger entry says that a commit is good");
    for candidate in &search.candidates {
        let is_chosen = chosen == Some(candidate);
        let subject = session.git.commit(&candidate.commit).map(|info| info.subject().to_owned());
        let subject: String = subject.unwrap_or_default().chars().take(40).collect();
        let distance = candidate.distance.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let verdict = match (is_chosen, candidate.rejections.first()) {
            (true, _) => fine("the last good commit"),
            (false, Some(rejection)) => warn(clean(&rejection.to_string())),
            (false, None) => dim("good, but another one comes first"),
        };
        table.row([
            plain(if is_chosen { "→" } else { "" }),
            plain(candidate.commit.short()),
            plain(distance),
            plain(candidate.witness),
            plain(clean(&subject)),
            verdict,
        ]);
    }
    output.table(&table)?;
    let Some(good) = chosen else { return Ok(()) };
    let head = session.git.tracked(&session.config.state_branch);
    let state = state.clone();
    for limit in rollback_limit::forbidding(&session.git, &Observed { head, state }, &good.commit)?
    {
        output.warning(&format!("no rollback goes back to {}: {limit}", good.commit.short()))?;
    }
    Ok(())
}
