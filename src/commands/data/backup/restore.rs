//! `data backup --restore`: puts a backup in the place of the database.

use serde::Serialize;

use super::{Kept, tables};
use crate::apply::data::backup::{self, BackupError, Backups};
use crate::cli::DataBackup;
use crate::commands::session::block_on;
use crate::data::{Backup, BackupChoice, BackupDescription};
use crate::exit::{Exit, Failed};
use crate::output::{Output, ago, at, clean, good, size, strong};

#[derive(Serialize)]
struct Restored {
    database: String,
    place: String,
    backup: Backup,
    /// The safety copy of what was replaced.
    safety_copy: Option<String>,
    /// Where the database was gone: the logs that it had left, by their new names.
    kept_logs: Vec<String>,
    /// Whether it was put in place; else it was only looked at.
    changed: bool,
}

pub(super) fn run(
    kept: &Kept,
    choice: &BackupChoice,
    args: &DataBackup,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    if let Some(folder) = kept.file.parent().filter(|_| !args.plan) {
        std::fs::create_dir_all(folder).map_err(|source| BackupError::Io {
            what: "make",
            path: folder.to_owned(),
            source,
        })?;
    }
    let backups = kept.list(output)?;
    let backup = choice.of(&backups).ok_or_else(|| missing(kept, choice, &backups))?.clone();
    let mut restored = Restored {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        backup,
        safety_copy: None,
        kept_logs: Vec::new(),
        changed: false,
    };
    let container_of = || kept.open();
    let progress = output.progress(format!("reading {}", restored.backup.name));
    let say = |text: &str| progress.say(text);
    let (lock, ready) = block_on(async {
        let container = container_of()?;
        let backups = kept.backups(&container, &say);
        let lock = backup::lock(&backups).await?;
        anyhow::Ok((lock, backup::look_up(&backups, &restored.backup).await?))
    })?;
    drop(progress);
    if !args.plan {
        if !args.yes {
            question(kept, &restored.backup, output)?;
            if !output.confirm("put this backup in its place?")? {
                output.line("nothing was changed")?;
                return Ok(Exit::Held);
            }
        }
        let replaced = block_on(async {
            let container = container_of()?;
            let backups: Backups<'_> = kept.backups(&container, &|_| {});
            backup::install(&backups, &ready).await
        })?;
        restored.changed = true;
        let logs = replaced.logs.iter();
        restored.kept_logs = logs.map(|path| path.display().to_string()).collect();
        restored.safety_copy = replaced.safety_copy.map(|path| path.display().to_string());
    }
    drop(lock);
    output.show("tidegate/backup-restore/1", &restored, show)?;
    Ok(Exit::Done)
}

fn show(output: &mut Output, restored: &Restored) -> std::io::Result<()> {
    let (name, database) = (strong(&restored.backup.name), clean(&restored.database));
    if !restored.changed {
        return output.line(format!(
            "{name} was read and opened, and would take the place of {database}; nothing was changed"
        ));
    }
    output.line(format!("{} {name} to {database}", good("restored")))?;
    for log in &restored.kept_logs {
        output.line(format!("  what a lost database had left is kept as {}", clean(log)))?;
    }
    match &restored.safety_copy {
        Some(copy) => output.line(format!("  what was there is kept as {}", clean(copy))),
        None => Ok(()),
    }
}

fn question(kept: &Kept, backup: &Backup, output: &mut Output) -> anyhow::Result<()> {
    let now = match kept.file.metadata() {
        Ok(found) => {
            let written = found.modified().ok().and_then(|at| jiff::Timestamp::try_from(at).ok());
            let written = written.map(|at| format!(", written {}", ago(at, kept.workspace.now)));
            format!("{}{}", size(found.len()), written.unwrap_or_default())
        }
        Err(_) => "nothing".to_owned(),
    };
    output.note(kept.shown.as_str())?;
    output.note(format!("  now   {now}"))?;
    let described = backup.description.as_ref();
    output.note(format!(
        "  then  {} ({}, {}, {} rows in {})",
        backup.name,
        size(backup.size.unwrap_or_default()),
        ago(backup.created, kept.workspace.now),
        described.map_or(0, BackupDescription::rows),
        tables(described.map_or(0, |described| described.tables.len()))
    ))?;
    Ok(())
}

fn missing(kept: &Kept, choice: &BackupChoice, backups: &[Backup]) -> Failed {
    let place = kept.shown_place();
    let said = match choice {
        _ if backups.is_empty() => format!("{} has no backup in {place}", kept.shown),
        BackupChoice::Latest => format!("no backup in {place} is whole"),
        BackupChoice::At(time) => format!("no backup in {place} is from {} or before", at(*time)),
        BackupChoice::On(day) => format!("no backup in {place} is from {day} or before"),
        BackupChoice::Name(name) => format!("{place} has no backup {name:?}"),
    };
    Failed::new(Exit::BadInput, said)
        .with_hint("`tidegate data backup --list` shows what there is; nothing was changed")
}
