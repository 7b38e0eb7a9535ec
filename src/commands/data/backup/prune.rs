//! `data backup --prune`: deletes old backups.

use serde::Serialize;

use super::Kept;
use crate::apply::data::{backup, prune};
use crate::cli::DataBackup;
use crate::commands::session::block_on;
use crate::data::{Backup, PrunePlan, prune_backups};
use crate::exit::Exit;
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
}

pub(super) fn run(kept: &Kept, args: &DataBackup, output: &mut Output) -> anyhow::Result<Exit> {
    let plan = |backups: &[Backup]| {
        prune_backups(backups, kept.config.keep_days, kept.config.keep_last, kept.workspace.now)
    };
    let mut pruned = Pruned {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        plan: plan(&kept.list(output)?),
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
            let _lock = backup::lock(&backups).await?;
            let found = crate::observe::data::kept::kept(&container, backups.name()?).await?;
            let mut now = plan(&found.backups);
            now.remove.retain(|one| pruned.plan.remove.iter().any(|other| other.path == one.path));
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

fn show(pruned: &Pruned, output: &mut Output) -> std::io::Result<()> {
    let mut table = Table::new(&["", "BACKUP", "MADE", "SIZE", "BECAUSE"]).right(3);
    for removal in &pruned.plan.remove {
        table.row([
            bad("delete"),
            plain(&removal.path),
            plain(at(removal.created)),
            plain(size(removal.size)),
            plain("old, and newer ones are there"),
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
