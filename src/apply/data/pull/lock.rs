//! One at a time on this machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use tokio::time::Instant;

use super::{PullError, Target, error};
use crate::apply::data::links::without_links;

/// How often it is looked whether the lock is free.
const EVERY: Duration = Duration::from_millis(25);

/// The lock of a target. The system frees it with the process, however that ends. The file stays:
/// whoever removed it could remove the lock of somebody else.
pub(super) struct Lock {
    _file: File,
    /// Whether somebody else had it before.
    pub(super) waited: bool,
    /// Whether it keeps others away: some shares have no locks. Then two may fetch the same, each
    /// into a file of its own, and both end well.
    pub(super) excludes: bool,
}

pub(super) async fn take(
    target: &Target,
    deadline: Instant,
    waiting: &(dyn Fn() + Send + Sync),
) -> Result<Lock, PullError> {
    let path = target.beside("lock");
    let begun = Instant::now();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    without_links(&mut options);
    let file = options.open(&path).map_err(|source| error::file("open", &path, source))?;
    let mut waited = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file, waited, excludes: true }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                return Ok(Lock { _file: file, waited, excludes: false });
            }
            Err(TryLockError::Error(source)) => return Err(error::file("lock", &path, source)),
        }
        if !waited {
            waited = true;
            waiting();
        }
        if Instant::now() + EVERY >= deadline {
            return Err(PullError::Locked { path, seconds: begun.elapsed().as_secs() });
        }
        tokio::time::sleep(EVERY).await;
    }
}
