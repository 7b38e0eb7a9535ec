//! The lock of a container in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::failed;
use crate::adapters::store::StoreError;

const LOCK: &str = ".tidegate-lock";
/// So long it is waited for: it is held for one rename at a time.
const WAIT: Duration = Duration::from_mins(2);
/// How often it is tried.
const EVERY: Duration = Duration::from_millis(10);

/// Waits for the container's lock, which its holder's end frees, too.
///
/// # Errors
/// [`StoreError::Busy`] where somebody holds it on.
pub(super) fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join(LOCK);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(failed(&path))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < WAIT => std::thread::sleep(EVERY),
            Err(TryLockError::WouldBlock) => {
                let seconds = WAIT.as_secs();
                return Err(StoreError::Busy {
                    place: path.display().to_string(),
                    reason: format!("another process has held the lock for {seconds} seconds"),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
    }
}
