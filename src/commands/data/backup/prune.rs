//! `data backup --prune`: deletes old backups.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Kept;
use crate::apply::data::backup::{self, BackupLock, Backups};
use crate::apply::data::prune;
use crate::cli::DataBackup;
use crate::commands::session::block_on;
use crate::data::{Backup, PrunePlan, prune_backups};
use crate::exit::{Exit, Failed};
use crate::observe::data::kept::kept as list;
use crate::output::{Output, Table, at, bad, dim, good, plain, size};

#[derive(Serialize)]
struct Pruned {
    database: String,
    place: String,
    #[serde(flatten)]
    plan: PrunePlan,
    /// How many were deleted.
    removed: usize,
    /// What that has freed, in bytes.
    freed: u64,
    /// What was never finished, by its name.
    #[serde(skip)]
    unfinished: BTreeSet<String>,
}

fn names(backups: &[Backup], wanted: impl Fn(&Backup) -> bool) -> BTreeSet<String> {
    backups.iter().filter(|backup| wanted(backup)).map(|backup| backup.name.clone()).collect()
}

pub(super) fn run(kept: &Kept, args: &DataBackup, output: &mut Output) -> anyhow::Result<Exit> {
    let found = kept.list(output)?;
    let planned = |backups: &[Backup]| {
        prune_backups(backups, kept.config.keep_days, kept.config.keep_last, kept.workspace.now)
    };
    let mut pruned = Pruned {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        plan: planned(&found),
        unfinished: names(&found, Backup::is_unfinished),
        removed: 0,
        freed: 0,
    };
    if !output.is_json() {
        show(&pruned, output)?;
    }
    if !pruned.plan.remove.is_empty() && !args.plan {
        let count = pruned.plan.remove.len();
        let word = if count == 1 { "backup" } else { "backups" };
        let question = format!("delete {count} {word} ({})?", size(pruned.plan.freed()));
        if !args.yes && !output.confirm(&question)? {
            output.line("nothing was deleted")?;
            return Ok(Exit::Held);
        }
        let progress = output.progress("deleting");
        let say = |path: &str| progress.say(path);
        (pruned.plan, pruned.removed, pruned.freed) = block_on(async {
            let container = kept.open()?;
            let backups = kept.backups(&container, &say);
            // The answer may have taken long, and another run may have pruned, or lost a backup that
            // this plan keeps: what is deleted is decided under the lock.
            let lock = backup::lock(&backups).await?;
            let found = list(&container, backups.name()?).await?;
            let mut now = planned(&found.backups);
            now.remove.retain(|one| pruned.plan.remove.iter().any(|other| other.path == one.path));
            if !now.remove.is_empty() {
                prove(&backups, &lock, &found.backups).await?;
                let leaving: Vec<&str> =
                    now.remove.iter().map(|removal| removal.path.as_str()).collect();
                backup::mark(&backups, &lock, &leaving).await?;
            }
            let removed = prune(&container, &now, &say).await?;
            let freed = removed.iter().map(|removal| removal.size).sum();
            let count = removed.len();
            anyhow::Ok((now, count, freed))
        })?;
    }
    output.show("tidegate/backup-prune/1", &pruned, |output, pruned| match pruned.removed {
        0 => Ok(()),
        count => output.line(format!("{} {count}, {} freed", good("deleted"), size(pruned.freed))),
    })?;
    Ok(Exit::Done)
}

/// Reads the newest backup that stays back and opens it: after this it may be the last one.
async fn prove(backups: &Backups<'_>, lock: &BackupLock, found: &[Backup]) -> anyhow::Result<()> {
    let unproven = |why: String| {
        Failed::new(Exit::DataFailed, why)
            .with_hint("nothing was deleted; make a new backup with `tidegate data backup` first")
    };
    // The newest one that is whole always stays.
    let whole = found.iter().find(|backup| backup.is_whole());
    let Some((newest, described)) =
        whole.and_then(|backup| Some((backup, backup.description.as_ref()?)))
    else {
        return Err(unproven("no backup that stays can be restored".to_owned()).into());
    };
    (backups.say)(&format!("reading {}, the newest that stays", newest.name));
    match backup::verify(backups, lock, newest, described).await? {
        None => Ok(()),
        Some(problem) => {
            Err(unproven(format!("backup {} cannot be restored: {problem}", newest.name)).into())
        }
    }
}

fn show(pruned: &Pruned, output: &mut Output) -> std::io::Result<()> {
    let mut table = Table::new(&["", "BACKUP", "MADE", "SIZE", "BECAUSE"]).right(3);
    for removal in &pruned.plan.remove {
        let is_unfinished = pruned.unfinished.contains(&removal.path);
        let why = if is_unfinished { "never finished" } else { "old, and newer ones are there" };
        table.row([
            bad("delete"),
            plain(&removal.path),
            plain(at(removal.created)),
            plain(size(removal.size)),
            plain(why),
        ]);
    }
    for kept in &pruned.plan.keep {
        table.row([
            dim("keep"),
            plain(&kept.path),
            plain(at(kept.created)),
            plain(size(kept.size)),
            plain(&kept.reason),
        ]);
    }
    if table.is_empty() {
        return output.line(format!("{} has no backup in {}", pruned.database, pruned.place));
    }
    output.table(&table)?;
    if pruned.plan.remove.is_empty() {
        output.line("nothing is old enough to be deleted")?;
    }
    Ok(())
}
