//! `data prune`: deletes old versions and backups.

use serde::Serialize;

use super::known;
use crate::apply::data::prune;
use crate::cli::{DataPrune, Global};
use crate::commands::publish::{Database, Records, records};
use crate::commands::session::block_on;
use crate::commands::workspace::Workspace;
use crate::data::{Keep, Pointer, PrunePlan};
use crate::exit::{Exit, OrFailed as _};
use crate::observe::data;
use crate::output::{Output, Table, at, bad, dim, good, plain, size};

#[derive(Serialize)]
struct Pruned {
    container: String,
    #[serde(flatten)]
    plan: PrunePlan,
    /// How many were deleted.
    removed: usize,
    /// What that has freed, in bytes.
    freed: u64,
}

pub(super) fn run(global: &Global, args: &DataPrune, output: &mut Output) -> anyhow::Result<Exit> {
    let workspace = super::open(global, &args.variables, output)?;
    let database = Database::of(&workspace)?;
    let records = read_records(global, args, &workspace, output)?;
    let found = known::look(&database)?;
    let file = &database.place.file;
    let backups = block_on(async { data::backups(&database.container()?, file).await })?;
    let kept = keep(&database, &records, found.served.as_ref());
    let versions = found.versions.iter().map(data::StoredVersion::prunable).collect();
    let mut plan = PrunePlan::of(versions, &kept, workspace.now);
    plan.extend(PrunePlan::of(backups, &kept, workspace.now));
    let container = database.place.container_url();
    let mut pruned = Pruned { container, plan, removed: 0, freed: 0 };
    if !output.is_json() {
        show(&pruned, output)?;
    }
    let nothing = pruned.plan.remove.is_empty();
    if !nothing && !args.plan {
        let question = format!("delete {}?", amount(&pruned.plan));
        if !args.yes && !output.confirm(&question)? {
            output.line("nothing was deleted")?;
            return Ok(Exit::Held);
        }
        // The answer may have taken long: a release that came meanwhile counts.
        let records = read_records(global, args, &workspace, output)?;
        let served = block_on(async { data::served(&database.container()?).await })?;
        let served = served.map(|(pointer, _)| pointer);
        pruned.plan.look_again(&keep(&database, &records, served.as_ref()));
        let progress = output.progress("deleting");
        let removed = block_on(async {
            let say = |path: &str| progress.say(&format!("deleting {path}"));
            let removed = prune(&database.container()?, &pruned.plan, &say).await?;
            Ok((removed.len(), removed.iter().map(|removal| removal.size).sum()))
        })?;
        drop(progress);
        (pruned.removed, pruned.freed) = removed;
    }
    output.show("tidegate/data-prune/1", &pruned, |output, pruned| match pruned.removed {
        0 => Ok(()),
        count => output.line(format!("{} {count}, {} freed", good("deleted"), size(pruned.freed))),
    })?;
    Ok(Exit::Done)
}

/// Reads what releases refer to.
fn read_records(
    global: &Global,
    args: &DataPrune,
    workspace: &Workspace,
    output: &mut Output,
) -> anyhow::Result<Records> {
    match records(global, workspace, output) {
        Err(error) if args.without_records => {
            let problem = format!("{error:#}");
            output.warning(&format!("the releases cannot be read, and do not count: {problem}"))?;
            Ok(Records::default())
        }
        records => records.or_hint(
            "nothing was deleted, because nobody knows what releases refer to; pass --without-records to go on all the same",
        ),
    }
}

fn keep(database: &Database<'_>, records: &Records, served: Option<&Pointer>) -> Keep {
    let backups = database.config.backups.clone().unwrap_or_default();
    let numbers = |serving: &Vec<crate::data::Serving>| serving.iter().map(|s| s.release).collect();
    let releases = records.serving.iter();
    Keep {
        days: backups.keep_days,
        last: usize::try_from(backups.keep_last).unwrap_or(usize::MAX),
        served: served.map(|pointer| pointer.version.version.clone()),
        releases: releases.map(|(version, s)| (version.clone(), numbers(s))).collect(),
    }
}

fn amount(plan: &PrunePlan) -> String {
    let count = plan.remove.len();
    let files = if count == 1 {
        "1 version or backup".to_owned()
    } else {
        format!("{count} versions and backups")
    };
    format!("{files} ({})", size(plan.freed()))
}

fn show(pruned: &Pruned, output: &mut Output) -> std::io::Result<()> {
    let mut table = Table::new(&["", "FILE", "FROM", "SIZE", "BECAUSE"]).right(3);
    for removal in &pruned.plan.remove {
        table.row([
            bad("delete"),
            plain(short(&removal.path)),
            plain(at(removal.created)),
            plain(size(removal.size)),
            plain("old, and nothing refers to it"),
        ]);
    }
    for kept in &pruned.plan.keep {
        table.row([
            dim("keep"),
            plain(short(&kept.path)),
            plain(at(kept.created)),
            plain(size(kept.size)),
            plain(&kept.reason),
        ]);
    }
    if table.is_empty() {
        return output.line(format!("nothing was published to {}", pruned.container));
    }
    output.table(&table)?;
    if pruned.plan.remove.is_empty() {
        output.line("nothing is old enough to be deleted")?;
    }
    Ok(())
}

/// A version's path, with as many digits as people quote.
fn short(path: &str) -> String {
    match path.strip_prefix("versions/").and_then(|name| name.split_once('.')) {
        Some((hex, extension)) if hex.len() == 64 => {
            format!("versions/{}….{extension}", hex.chars().take(12).collect::<String>())
        }
        Some(_) | None => path.to_owned(),
    }
}
