//! What killed processes have left of files that they were writing.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::{HIDDEN, PART};

/// A file that nobody has written to for so long is left.
const LEFT: Duration = Duration::from_hours(24);

/// The folders that were swept: each is once.
pub(super) type Swept = Arc<Mutex<HashSet<PathBuf>>>;

/// Removes what is left in a folder.
pub(super) fn sweep(folder: &Path, swept: &Swept) {
    let first = swept.lock().is_ok_and(|mut swept| swept.insert(folder.to_owned()));
    let entries = first.then(|| fs::read_dir(folder).ok()).flatten();
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let part =
            name.to_str().is_some_and(|name| name.starts_with(HIDDEN) && name.ends_with(PART));
        let Some(found) = part.then(|| entry.metadata().ok()).flatten() else { continue };
        let age = found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if found.is_file() && age.is_some_and(|age| age > LEFT) {
            // Where it cannot be removed, it does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}
