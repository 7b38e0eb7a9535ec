//! Partitions: the folders of a path that say what is in them (`region=y/year=2026`).

use std::collections::BTreeMap;

/// How many files of each partition are concerned.
pub type Partitions = BTreeMap<String, u64>;

/// Returns the partition of a path below the layer: the folders up to the last that has a `=`; where
/// none has, its folder; `.` for a file in no folder.
pub fn partition(blob_path: &str) -> &str {
    let folder = blob_path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let mut end = folder;
    loop {
        let (before, last) = end.rsplit_once('/').unwrap_or(("", end));
        if last.contains('=') {
            return end;
        }
        if before.is_empty() {
            return folder;
        }
        end = before;
    }
}
