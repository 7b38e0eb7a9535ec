//! The folder of the workspace that a schedule holds: the lock, what is known of the tasks, and what
//! the programs of tasks print.
//!
//! A program that runs holds a lock on the file that it prints into. So a schedule that is started
//! after another was killed sees whether a task still runs, and how it ended.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exit::{Exit, Failed, OrFailed as _};
use crate::schedule::Book;

/// The folder in the workspace, and that of the schedule in it.
const OWN: &str = ".tidegate";
const SCHEDULE: &str = "schedule";

const LOCK: &str = "lock.json";
const STATE: &str = "state.json";

/// The largest state, and the most that is read of what a task prints, in bytes.
const MOST: u64 = 8 << 20;

/// Who holds the lock.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    /// The process.
    pid: u32,
    /// When it was started.
    started: Timestamp,
}

/// The folder, held by this process.
pub(super) struct Folder {
    path: PathBuf,
    // Released when it is closed, also when the process is killed.
    _lock: File,
}

/// What a program has printed.
pub(super) enum Printed {
    /// It still runs.
    Running,
    /// It has ended; `None` where it did not print a whole result.
    Ended(Option<Value>),
}

impl Folder {
    /// Holds the folder of the workspace in `root`.
    ///
    /// # Errors
    /// [`Exit::LostRace`] where another process holds it; [`Exit::BadInput`] where this user may not write
    /// there. A full disk is no error here.
    pub(super) fn hold(root: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let own = made(&root.join(OWN))?;
        // Where it cannot be written, the next start tries it again.
        let _ = ignore(&own);
        let path = made(&own.join(SCHEDULE))?;
        let file = path.join(LOCK);
        let mut lock = open(&file, OpenOptions::new().create(true).truncate(false).write(true))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&file)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &file)(error)),
        }
        let holder = Holder { pid: std::process::id(), started: now };
        // It is only told to the next one.
        let _ = lock.set_len(0).and_then(|()| lock.write_all(&serde_json::to_vec(&holder)?));
        Ok(Self { path, _lock: lock })
    }

    /// Reads what is known of the tasks.
    pub(super) fn read(&self) -> anyhow::Result<Book> {
        read(&self.path.join(STATE))
    }

    /// Writes what is known of the tasks: all of it or nothing, and such that it outlives a power cut.
    pub(super) fn write(&self, book: &Book) -> anyhow::Result<()> {
        let path = self.path.join(STATE);
        let text = book.text()?;
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".state-").tempfile_in(&self.path)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
        };
        write().map_err(failed("write", &path))
    }

    /// Makes the file that a program prints into, locked. Whoever has it as its output keeps the lock.
    pub(super) fn output(&self, name: &str) -> anyhow::Result<File> {
        let path = self.path.join(name);
        let file = open(&path, OpenOptions::new().create(true).truncate(true).write(true))?;
        file.try_lock().map_err(std::io::Error::from).map_err(failed("lock", &path))?;
        Ok(file)
    }

    /// Reads what a program has printed.
    pub(super) fn printed(&self, name: &str) -> Printed {
        let path = self.path.join(name);
        let Ok(file) = open(&path, OpenOptions::new().read(true)) else {
            return Printed::Ended(None);
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Printed::Running,
            Ok(()) | Err(TryLockError::Error(_)) => Printed::Ended(parsed(file)),
        }
    }

    /// Removes what a program has printed.
    pub(super) fn remove(&self, name: &str) {
        // What stays is overwritten or ignored.
        let _ = fs::remove_file(self.path.join(name));
    }
}

/// Reads what is known of the tasks of the workspace in `root`, for somebody who only looks.
pub(super) fn look(root: &Path) -> anyhow::Result<Book> {
    read(&root.join(OWN).join(SCHEDULE).join(STATE))
}

fn read(path: &Path) -> anyhow::Result<Book> {
    if matches!(fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    {
        return Ok(Book::default());
    }
    let mut text = Vec::new();
    open(path, OpenOptions::new().read(true))?
        .take(MOST)
        .read_to_end(&mut text)
        .map_err(failed("read", path))?;
    Book::parse(&text)
        .with_context(|| format!("cannot use {}", path.display()))
        .or_exit(Exit::BadInput)
        .or_hint("move the file away: the schedule then begins anew, and catches nothing up")
}

/// Keeps git from taking what is in the folder: nothing of it belongs into a commit. What is there stays,
/// unless a full disk has left it empty.
fn ignore(own: &Path) -> std::io::Result<()> {
    const NAME: &str = ".gitignore";
    match fs::symlink_metadata(own.join(NAME)) {
        Ok(there) if !there.is_file() || there.len() > 0 => Ok(()),
        Ok(_) | Err(_) => fs::write(own.join(NAME), "*\n"),
    }
}

fn parsed(file: File) -> Option<Value> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Makes a folder, unless it is there. A link in its place, which a commit may bring, leads out of the
/// workspace.
fn made(path: &Path) -> anyhow::Result<PathBuf> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed("make", path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let there = fs::symlink_metadata(path).map_err(failed("use", path))?;
    if there.is_dir() { Ok(path.to_owned()) } else { Err(foreign(path)) }
}

/// Opens a file that is none of a link, a folder or a pipe.
fn open(path: &Path, options: &OpenOptions) -> anyhow::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(foreign(path));
    }
    options.open(path).map_err(failed("open", path))
}

fn foreign(path: &Path) -> anyhow::Error {
    let error = format!("{} is not what tidegate makes there", path.display());
    Failed::new(Exit::BadInput, error).with_hint("remove it").into()
}

/// What was tried with a path of the folder, and why it cannot be done.
fn failed(what: &'static str, path: &Path) -> impl Fn(std::io::Error) -> anyhow::Error {
    let what = format!("cannot {what} {}", path.display());
    move |error| match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => {
            Failed::new(Exit::BadInput, format!("{what}: {error}"))
                .with_hint("let the user that runs this read and write there")
                .into()
        }
        _ => anyhow::Error::from(error).context(what.clone()),
    }
}

fn held(file: &Path) -> anyhow::Error {
    let mut text = String::new();
    // It may be written at this moment, and is only told.
    let _ = File::open(file).and_then(|file| file.take(1024).read_to_string(&mut text));
    let by = match serde_json::from_str::<Holder>(&text) {
        Ok(holder) => {
            format!(": process {}, since {}", holder.pid, holder.started.strftime("%FT%TZ"))
        }
        Err(_) => String::new(),
    };
    Failed::new(Exit::LostRace, format!("another schedule runs for this folder{by}"))
        .with_hint("stop it first; `tidegate schedule --list` shows what it does")
        .into()
}
