//! Signals that end a command: its folders go first.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folders of this process.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

pub(super) fn note(folder: &Path) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).push(folder.to_owned());
}

pub(super) fn forget(folder: &Path) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != folder);
}

/// Lets SIGHUP, SIGINT and SIGTERM remove the folders of this process before they end it, from now on.
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
        let folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in folders.iter() {
            // What stays is removed by the next import.
            let _ = (0..TRIES).find(|_| std::fs::remove_dir_all(folder).is_ok());
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
