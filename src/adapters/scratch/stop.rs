//! Signals that end a command: what it would have removed goes first.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folders and files of this process.
static PLACES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Notes a folder or file that this process has made, and that a signal removes until it is forgotten.
pub fn note(place: &Path) {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner).push(place.to_owned());
}

/// Forgets a folder or file: it is gone, or it stays.
pub fn forget(place: &Path) {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != place);
}

/// Removes a file, or a folder with what is in it.
#[cfg(unix)]
fn remove(place: &Path) -> std::io::Result<()> {
    if place.symlink_metadata()?.is_dir() {
        std::fs::remove_dir_all(place)
    } else {
        std::fs::remove_file(place)
    }
}

/// Lets SIGHUP, SIGINT and SIGTERM remove the folders and files of this process before they end it, from now on.
/// Whatever the process was about to do, ends there, as it would without this. A signal that the process
/// was told to ignore, as nohup(1) does, stays ignored.
#[cfg(unix)]
pub fn remove_when_stopped() {
    use tokio::signal::unix::{SignalKind, signal};

    /// How often it is tried: an engine that is still ending may write meanwhile.
    const TRIES: usize = 3;

    let watching = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let number = runtime.block_on(async {
            let next = async |kind: SignalKind, unknown: bool| {
                if is_ignored(kind.as_raw_value()).unwrap_or(unknown) {
                    return std::future::pending().await;
                }
                let Ok(mut signal) = signal(kind) else { return std::future::pending().await };
                signal.recv().await;
            };
            tokio::select! {
                () = next(SignalKind::hangup(), true) => 1,
                () = next(SignalKind::interrupt(), false) => 2,
                () = next(SignalKind::terminate(), false) => 15,
            }
        });
        let places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        for place in places.iter() {
            // What stays is removed by the next import.
            let _ = (0..TRIES).find(|_| remove(place).is_ok());
        }
        end(number);
    });
    if let Err(error) = watching {
        tracing::debug!("cannot watch for signals: {error}");
    }
}

/// Tells whether a signal is ignored, where the system says it (`SigIgn`, `proc_pid_status(5)`).
#[cfg(unix)]
fn is_ignored(signal: i32) -> Option<bool> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask >> (signal - 1) & 1 == 1)
}

/// Elsewhere they end it at once.
#[cfg(not(unix))]
pub fn remove_when_stopped() {}

#[cfg(unix)]
#[expect(clippy::exit, reason = "it stands for the signal, which ends the process")]
fn end(signal: i32) {
    std::process::exit(128 + signal);
}
