//! `data versions`.

use jiff::Timestamp;
use serde::Serialize;

use super::known::{self, Found};
use crate::cli::{DataVersions, Global};
use crate::commands::publish::{Database, Records, records};
use crate::exit::Exit;
use crate::model::{CommitSha, DataVersion};
use crate::observe::data::StoredVersion;
use crate::output::{Output, Table, ago, at, dim, good, plain, size, warn};

#[derive(Serialize)]
struct Listing {
    container: String,
    served: Option<DataVersion>,
    /// Whether the releases could be read.
    releases_known: bool,
    /// How many versions there are.
    total: usize,
    versions: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    version: DataVersion,
    created: Timestamp,
    size: Option<u64>,
    commit: Option<CommitSha>,
    storage_format: Option<String>,
    served: bool,
    /// The releases that refer to it, oldest first.
    releases: Vec<u64>,
    /// Whether it can be had: described, and there in its size.
    complete: bool,
}

pub(super) fn run(
    global: &Global,
    args: &DataVersions,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let workspace = super::open(global, &args.variables, output)?;
    let database = Database::of(&workspace)?;
    let found = {
        let _progress = output.progress("reading the versions");
        known::look(&database)?
    };
    // The list is of use without them.
    let read = records(global, &workspace, output);
    let releases_known = read.is_ok();
    let records = match read {
        Ok(records) => records,
        Err(error) => {
            output.warning(&format!("the releases cannot be read: {error:#}"))?;
            Records::default()
        }
    };
    let count = if args.all { usize::MAX } else { args.count };
    let listing = Listing {
        container: database.place.container_url(),
        served: found.served.as_ref().map(|pointer| pointer.version.version.clone()),
        releases_known,
        total: found.versions.len(),
        versions: found.versions.iter().take(count).map(|v| line(v, &found, &records)).collect(),
    };
    let now = workspace.now;
    output.show("tidegate/data-versions/1", &listing, |output, listing| {
        people(output, listing, now)
    })?;
    Ok(Exit::Done)
}

fn line(version: &StoredVersion, found: &Found, records: &Records) -> Line {
    let published = version.published.as_ref();
    let releases = records.serving.get(&version.version).into_iter().flatten();
    Line {
        version: version.version.clone(),
        created: version.created(),
        size: version.file.as_ref().map(|file| file.size),
        commit: published.and_then(|published| published.commit.clone()),
        storage_format: published.map(|published| published.storage_format.clone()),
        served: found.is_served(version),
        releases: releases.map(|serving| serving.release).collect(),
        complete: version.can_be_had(),
    }
}

fn people(output: &mut Output, listing: &Listing, now: Timestamp) -> std::io::Result<()> {
    let header = ["VERSION", "CREATED", "", "SIZE", "COMMIT", "RELEASES", ""];
    let mut table = Table::new(&header).right(3);
    for line in &listing.versions {
        let version: String = line.version.as_str().chars().skip(7).take(12).collect();
        let releases: Vec<String> = line.releases.iter().map(u64::to_string).collect();
        let mark = match (line.served, line.complete) {
            (true, true) => good("served"),
            (true, false) => crate::output::bad("served, and not whole"),
            (false, true) => plain(""),
            (false, false) => warn("not whole"),
        };
        table.row([
            plain(version),
            plain(at(line.created)),
            dim(ago(line.created, now)),
            plain(line.size.map(size).unwrap_or_default()),
            plain(line.commit.as_ref().map(CommitSha::short).unwrap_or_default()),
            plain(releases.join(", ")),
            mark,
        ]);
    }
    if table.is_empty() {
        return output.line(format!("nothing was published to {}", listing.container));
    }
    output.table(&table)?;
    let more = listing.total - listing.versions.len();
    if more > 0 {
        output.note(dim(format!("{more} older versions; --all shows them")))?;
    }
    Ok(())
}
