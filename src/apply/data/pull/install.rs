//! Puts a whole file in the place of the old one.

use std::io;
use std::path::Path;

use super::cache::boot;
use super::{PullError, Target, error};

/// What databases keep beside a file, and would play into the next one: DuckDB's log; the log of `SQLite`,
/// its index and its journal.
const LOGS: [&str; 4] = [".wal", "-wal", "-shm", "-journal"];

pub(super) fn install(file: &Path, target: &Target) -> Result<(), PullError> {
    let mut removed = false;
    for ending in LOGS {
        let log = target.folder.join(format!("{}{ending}", target.name));
        match std::fs::remove_file(&log) {
            Ok(()) => {
                removed = true;
                tracing::debug!("removed {}, which belongs to the old file", log.display());
            }
            Err(found) if found.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(error::file("remove", &log, source)),
        }
    }
    // After a power cut, too, no log stands beside the new file.
    if removed {
        let _ = sync_folder(&target.folder);
    }
    std::fs::rename(file, &target.file)
        .map_err(|source| error::file("replace", &target.file, source))?;
    // The file is there. After a power cut it may be the old one again: then the note beside it does
    // not speak of it, and the next run fetches. Elsewhere nothing tells.
    if boot().is_none() {
        let _ = sync_folder(&target.folder);
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
