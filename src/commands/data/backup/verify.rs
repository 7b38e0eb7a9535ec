//! `data backup --verify-all`: reads each backup back, compares it and opens it.

use serde::Serialize;

use super::Kept;
use crate::apply::data::backup;
use crate::commands::session::block_on;
use crate::data::Backup;
use crate::exit::{Exit, Failure};
use crate::output::{Output, bad, clean, good, size, warn};

#[derive(Serialize)]
struct Verified {
    database: String,
    place: String,
    backups: Vec<Line>,
    /// How many cannot be restored.
    damaged: usize,
    /// How many nobody knows of.
    unknown: usize,
    /// How many can.
    #[serde(skip)]
    restorable: usize,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the JSON")]
struct Line {
    name: String,
    size: Option<u64>,
    /// Whether it can be restored.
    restorable: bool,
    /// Whether nobody counts on it: the run that made it was killed, or has not ended yet.
    unfinished: bool,
    /// Whether nothing says that this program made it.
    foreign: bool,
    /// Whether nobody knows if it can be restored: the disk here has no room for it.
    unknown: bool,
    /// Why it cannot be restored.
    problem: Option<String>,
}

impl Line {
    fn is_damaged(&self) -> bool {
        !self.restorable && !self.unfinished && !self.foreign && !self.unknown
    }
}

pub(super) fn run(kept: &Kept, output: &mut Output) -> anyhow::Result<Exit> {
    let backups = kept.list(output)?;
    let progress = output.progress("reading the backups");
    let lines = block_on(async {
        let mut lines = Vec::new();
        for backup in &backups {
            progress.say(&format!("reading {}", backup.name));
            let problem = problem(kept, backup).await;
            let (problem, unknown) = match problem.map_err(|error| (Failure::of(&error), error)) {
                Ok(problem) => (problem, false),
                // A smaller one may have room.
                Err((failure, _)) if failure.exit == Exit::Incomplete => {
                    (Some(format!("not verified: {}", failure.error)), true)
                }
                Err((_, error)) => return Err(error),
            };
            lines.push(Line {
                name: backup.name.clone(),
                size: backup.size,
                restorable: problem.is_none(),
                unfinished: backup.is_unfinished(),
                foreign: backup.is_foreign(),
                unknown,
                problem,
            });
        }
        anyhow::Ok(lines)
    })?;
    drop(progress);
    let damaged = lines.iter().filter(|line| line.is_damaged()).count();
    let unknown = lines.iter().filter(|line| line.unknown).count();
    let restorable = lines.iter().filter(|line| line.restorable).count();
    let verified = Verified {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        backups: lines,
        damaged,
        unknown,
        restorable,
    };
    output.show("tidegate/backup-verify/1", &verified, show)?;
    // Whoever asks wants a backup to count on.
    Ok(match (damaged, unknown, restorable) {
        (0, 0, 1..) => Exit::Done,
        (0, 1.., _) => Exit::Incomplete,
        (_, _, _) => Exit::DataFailed,
    })
}

/// Says why a backup cannot be restored.
async fn problem(kept: &Kept, one: &Backup) -> anyhow::Result<Option<String>> {
    let described = match (&one.description, one.why_not_whole()) {
        (Some(described), None) => described,
        (_, why) => return Ok(Some(why.unwrap_or_default())),
    };
    let container = kept.open()?;
    let backups = kept.backups(&container, &|_| {});
    // For each of them: a backup need not wait until all are read.
    let lock = backup::lock(&backups).await?;
    backup::verify(&backups, &lock, one, described).await
}

fn show(output: &mut Output, verified: &Verified) -> std::io::Result<()> {
    for line in &verified.backups {
        let (name, bytes) = (clean(&line.name), line.size.map(size).unwrap_or_default());
        match &line.problem {
            None => output.line(format!("{} {name} ({bytes}): restorable", good("✓")))?,
            Some(why) if !line.is_damaged() => {
                output.line(format!("{} {name}: {}", warn("!"), clean(why)))?;
            }
            Some(why) => output.line(format!("{} {name}: {}", bad("✗"), clean(why)))?,
        }
    }
    match (verified.backups.len(), verified.damaged) {
        (0, _) => output.line(format!("{} has no backup in {}", verified.database, verified.place)),
        (_, 0) if verified.unknown > 0 => output.line(format!(
            "{}: free some space and run it again",
            bad(format!("{} not verified", verified.unknown))
        )),
        (_, 0) if verified.restorable == 0 => {
            output.line(format!("{} has no finished backup", bad(&verified.database)))
        }
        (_, 0) => output.line("every finished backup can be restored"),
        (_, damaged) => output.line(format!(
            "{}: delete it when a newer one is verified",
            bad(format!("{damaged} cannot be restored"))
        )),
    }
}
