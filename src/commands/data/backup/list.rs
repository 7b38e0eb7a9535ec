//! `data backup --list`.

use jiff::Timestamp;
use serde::Serialize;

use super::{Kept, tables};
use crate::data::Backup;
use crate::exit::Exit;
use crate::output::{Output, Table, ago, at, bad, dim, good, plain, size, warn};

#[derive(Serialize)]
struct Listing {
    database: String,
    place: String,
    backups: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    created: Timestamp,
    size: Option<u64>,
    /// Whether it was read back and opened when it was made, and is there in its size.
    verified: bool,
    rows: Option<u64>,
    tables: Option<usize>,
    engine: Option<String>,
    storage_format: Option<String>,
    sha256: Option<String>,
    /// Why it cannot be restored.
    problem: Option<String>,
    /// Whether nothing says that this program made it.
    foreign: bool,
    #[serde(skip)]
    unfinished: bool,
}

pub(super) fn run(kept: &Kept, output: &mut Output) -> anyhow::Result<Exit> {
    let backups = kept.list(output)?;
    let listing = Listing {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        backups: backups.into_iter().map(line).collect(),
    };
    let now = kept.workspace.now;
    output.show("tidegate/backup-list/1", &listing, |output, listing| {
        let mut table = Table::new(&["BACKUP", "MADE", "", "SIZE", "HOLDS", ""]).right(3);
        for line in &listing.backups {
            let holds = line
                .rows
                .zip(line.tables)
                .map(|(rows, count)| format!("{rows} rows in {}", tables(count)));
            let mark = match (&line.problem, line.verified) {
                (None, _) | (_, true) => good("verified when made"),
                (Some(_), false) if line.foreign => dim("not made by tidegate"),
                (Some(_), false) if line.unfinished => warn("not finished"),
                (Some(_), false) if line.engine.is_none() => bad("not understood"),
                (Some(_), false) => bad("damaged"),
            };
            table.row([
                plain(&line.name),
                plain(at(line.created)),
                dim(ago(line.created, now)),
                plain(line.size.map(size).unwrap_or_default()),
                plain(holds.unwrap_or_default()),
                mark,
            ]);
        }
        if table.is_empty() {
            return output.line(format!("{} has no backup in {}", listing.database, listing.place));
        }
        output.table(&table)
    })?;
    Ok(Exit::Done)
}

fn line(backup: Backup) -> Line {
    let problem = backup.why_not_whole();
    let (foreign, unfinished) = (backup.is_foreign(), backup.is_unfinished());
    let described = backup.description;
    Line {
        name: backup.name,
        created: backup.created,
        size: backup.size,
        verified: problem.is_none(),
        rows: described.as_ref().map(crate::data::BackupDescription::rows),
        tables: described.as_ref().map(|described| described.tables.len()),
        engine: described.as_ref().map(|described| described.engine.clone()),
        storage_format: described.as_ref().map(|described| described.storage_format.clone()),
        sha256: described.map(|described| described.sha256),
        problem,
        foreign,
        unfinished,
    }
}
