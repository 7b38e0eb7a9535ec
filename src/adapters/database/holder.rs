//! Which process has a database open.
//!
//! DuckDB and SQLite lock their files by fcntl(2), `F_SETLK`; `F_GETLK` tells who holds such a lock
//! without taking one. A connection of SQLite that does nothing holds none: on Linux its file is
//! found among those that processes have open (`/proc/PID/fd`, proc(5)), as far as they may be seen.

use std::fmt;
use std::path::Path;

/// A process that has a file open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number; `None` where the system does not tell.
    pub process: Option<u32>,
    /// Its program, as far as it can be seen.
    pub program: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.process, &self.program) {
            (Some(process), Some(program)) => write!(f, "process {process} ({program})"),
            (Some(process), None) => write!(f, "process {process}"),
            (None, _) => f.write_str("another process"),
        }
    }
}

/// Returns a process other than this one that has the file open or locked. `None` where there is none,
/// or the system does not tell.
///
/// This opens and closes the file: not for a file that this process itself has locked.
pub fn holder(file: &Path) -> Option<Holder> {
    locked(file).or_else(|| opened(file))
}

#[cfg(unix)]
fn locked(file: &Path) -> Option<Holder> {
    use rustix::process::{Flock, FlockType, fcntl_getlk};

    let open = std::fs::File::open(file).ok()?;
    let found = fcntl_getlk(&open, &Flock::from(FlockType::WriteLock)).ok().flatten()?;
    let process = found.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
    Some(Holder { process, program: process.and_then(program) })
}

#[cfg(not(unix))]
fn locked(_: &Path) -> Option<Holder> {
    None
}

#[cfg(target_os = "linux")]
fn opened(file: &Path) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt as _;

    let wanted = std::fs::metadata(file).ok()?;
    let name = file.file_name()?.to_owned();
    let own = std::process::id();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let process: Option<u32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(process) = process.filter(|process| *process != own) else { continue };
        let Ok(open) = std::fs::read_dir(entry.path().join("fd")) else { continue };
        for link in open.flatten() {
            // Only what has the name is asked for more: a hanging share of others must not hang this.
            let target = std::fs::read_link(link.path());
            if !target.is_ok_and(|target| target.file_name() == Some(&name)) {
                continue;
            }
            let same = |found: std::fs::Metadata| {
                (found.dev(), found.ino()) == (wanted.dev(), wanted.ino())
            };
            if std::fs::metadata(link.path()).is_ok_and(same) {
                return Some(Holder { process: Some(process), program: program(process) });
            }
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn opened(_: &Path) -> Option<Holder> {
    None
}

#[cfg(target_os = "linux")]
fn program(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(all(unix, not(target_os = "linux")))]
fn program(_: u32) -> Option<String> {
    None
}
