//! `rollback --undo`: brings a rolled-back change back by a three-way merge.
//!
//! git takes the rolled-back commits for merged, so merging their branch again would leave them
//! out in silence. The merge of trees here takes the good tree as base, so that everything that
//! the rollback took out comes back, on top of what the branch has by now.

use serde::Serialize;

use crate::adapters::git::{CommitInfo, Pushed};
use crate::cli::Rollback;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::{BranchName, CommitSha};
use crate::observe::kept;
use crate::observe::rollbacks::{self, Told};
use crate::observe::world::World;
use crate::output::{Output, clean, good, strong};

/// So far back a rollback is looked for.
const MAX_COMMITS: usize = 5000;

#[derive(Serialize)]
struct Undone {
    branch: String,
    commit: String,
    rollback_commit: String,
    from: String,
}

/// A rollback commit on the branch.
struct Found {
    rollback: CommitInfo,
    from: CommitSha,
    to: CommitSha,
}

pub(super) fn run(
    session: &Session,
    undone: Option<&str>,
    args: &Rollback,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let world = World::fetch(&session.git, &session.config)?;
    let head = world.head(&session.config)?;
    let found = find(session, head, undone)?;
    let tree = merged(session, head, &found)?;
    let branch = branch(session, args, &found)?;
    let expected = world.refs.branch(&branch).cloned();
    if !args.push && expected.is_some() {
        let error = format!("branch {branch} exists on the remote already; nothing was changed");
        return Err(Failed::new(Exit::Usage, error)
            .with_hint(format!("go on there (`git switch {branch}`), or delete it first"))
            .into());
    }
    let rollback = found.rollback.sha.short();
    let where_to = format!(
        "Bring {} back (it was rolled back by {rollback}) on branch {branch}",
        found.from.short()
    );
    output.note(strong(&where_to))?;
    if args.push && !args.yes && !output.confirm("Go on?")? {
        return Ok(Exit::Held);
    }
    let commit =
        session.git.write_commit(&tree, &[head], &message(session, &found), &session.signer())?;
    let expected = if args.push { Some(head) } else { None };
    match session.git.push(&branch, expected, &commit)? {
        Pushed::Done => {}
        Pushed::Moved { .. } => {
            let error = format!("branch {branch} has moved meanwhile; nothing was changed");
            return Err(Failed::new(Exit::StalePlan, error).with_hint("run it again").into());
        }
        Pushed::Refused { reason } => {
            let error = format!("the remote refused to move {branch}: {reason}");
            return Err(Failed::new(Exit::Denied, error).into());
        }
    }
    let undone = Undone {
        branch: branch.to_string(),
        commit: commit.to_string(),
        rollback_commit: found.rollback.sha.to_string(),
        from: found.from.to_string(),
    };
    output.show("tidegate/undo/1", &undone, |output, undone| {
        output.line(format!(
            "{} the changes of {} are on branch {} (commit {})",
            good("brought back"),
            found.from.short(),
            clean(&undone.branch),
            &undone.commit[..7]
        ))?;
        if args.push {
            return output.line("Its tests decide now, as for every push.");
        }
        output.line(format!(
            "  git fetch {} && git switch {}",
            clean(&session.config.remote),
            clean(&undone.branch)
        ))?;
        output
            .line(format!("  mend it there, test it, and merge it into {}", session.config.branch))
    })?;
    Ok(Exit::Done)
}

/// Finds the rollback: of the named commit, else the newest one.
fn find(session: &Session, head: &CommitSha, undone: Option<&str>) -> anyhow::Result<Found> {
    let wanted = undone.map(|undone| session.resolve(undone)).transpose()?;
    for commit in session.git.first_parents(None, head, MAX_COMMITS)? {
        let rollback = session.git.commit(&commit)?;
        let told = rollbacks::told(&session.git, &rollback)?;
        let Some(Told { failed: from, to, agrees: Some(true) }) = told else { continue };
        let asked = match &wanted {
            Some(wanted) => {
                *wanted == from || *wanted == commit || taken_out(session, wanted, &from, &to)?
            }
            None => true,
        };
        if asked {
            return Ok(Found { rollback, from, to });
        }
    }
    let what = undone.map_or_else(String::new, |undone| format!(" that took {undone} out"));
    let error = format!("{} has no rollback{what}", session.config.branch);
    Err(Failed::new(Exit::Usage, error).with_hint("`tidegate history` lists the rollbacks").into())
}

fn taken_out(
    session: &Session,
    wanted: &CommitSha,
    from: &CommitSha,
    to: &CommitSha,
) -> anyhow::Result<bool> {
    let git = &session.git;
    Ok(git.is_ancestor(wanted, from)? && !git.is_ancestor(wanted, to)?)
}

/// Merges; the ledger stays as the branch has it.
fn merged(
    session: &Session,
    head: &CommitSha,
    found: &Found,
) -> anyhow::Result<crate::model::TreeSha> {
    let git = &session.git;
    let tree = |commit: &CommitSha| git.commit(commit).map(|info| info.tree);
    let (ours, ledger) = (tree(head)?, &session.config.ledger.path);
    // The ledger is nobody's change: all three sides get the one of the branch.
    let settled = |side: &CommitSha| -> anyhow::Result<_> {
        let text = git.file(&ours, ledger)?;
        Ok(git.tree_with_files(Some(&tree(side)?), &[(ledger.clone(), text)])?)
    };
    let merged =
        git.merge_trees(&settled(&found.to)?, &ours, &settled(&found.from)?, &found.from)?;
    let nothing = kept::compile(&[])?;
    if kept::same_outside(git, &merged, &ours, ledger, &nothing)? {
        let error = format!(
            "the changes of {} are on {} already; nothing was changed",
            found.from.short(),
            session.config.branch
        );
        return Err(Failed::new(Exit::Usage, error).into());
    }
    Ok(merged)
}

fn branch(session: &Session, args: &Rollback, found: &Found) -> anyhow::Result<BranchName> {
    if args.push {
        return Ok(session.config.branch.clone());
    }
    Ok(format!("undo-{}", found.from.short()).parse()?)
}

fn message(session: &Session, found: &Found) -> String {
    let subject = session.git.commit(&found.from).map(|info| info.subject().to_owned());
    let subject: String = crate::actions::skip_markers::neutralise_skip_markers(
        &subject
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(72)
            .collect::<String>(),
    );
    format!(
        "Bring back {}: {subject}\n\nIt was rolled back by {}.\n\nTidegate-Undo-Of: {}\n",
        found.from.short(),
        found.rollback.sha.short(),
        found.from
    )
}
