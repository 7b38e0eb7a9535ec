//! The folder of the workspace that a schedule holds: the lock, what is known of the tasks, and what
//! the programs of tasks print.
//!
//! A program that runs holds a lock on the file that it prints into. So a schedule that is started
//! after another was killed sees whether a task still runs, and how it ended.

use std::fs::{self, File, OpenOptions, TryLockError};
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
    /// [`Exit::LostRace`] where another process holds it.
    pub(super) fn hold(root: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let own = made(&root.join(OWN))?;
        let ignore = own.join(".gitignore");
        if fs::symlink_metadata(&ignore).is_err() {
            // Nothing in here belongs into a commit.
            fs::write(&ignore, "*\n").with_context(|| cannot("write", &ignore))?;
        }
        let path = made(&own.join(SCHEDULE))?;
        let file = path.join(LOCK);
        let mut lock = open(&file, OpenOptions::new().create(true).truncate(false).write(true))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&file)),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| cannot("lock", &file));
            }
        }
        let holder = Holder { pid: std::process::id(), started: now };
        lock.set_len(0)
            .and_then(|()| lock.write_all(&serde_json::to_vec(&holder)?))
            .with_context(|| cannot("write", &file))?;
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
        write().with_context(|| cannot("write", &path))
    }

    /// Makes the file that a program prints into, locked. Whoever has it as its output keeps the lock.
    pub(super) fn output(&self, name: &str) -> anyhow::Result<File> {
        let path = self.path.join(name);
        let file = open(&path, OpenOptions::new().create(true).truncate(true).write(true))?;
        file.try_lock().map_err(std::io::Error::from).with_context(|| cannot("lock", &path))?;
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
        .with_context(|| cannot("read", path))?;
    Book::parse(&text)
        .with_context(|| cannot("use", path))
        .or_exit(Exit::BadInput)
        .or_hint("move the file away: the schedule then begins anew, and catches nothing up")
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
            return Err(error).with_context(|| cannot("make", path));
        }
        Ok(()) | Err(_) => {}
    }
    let there = fs::symlink_metadata(path).with_context(|| cannot("use", path))?;
    if there.is_dir() { Ok(path.to_owned()) } else { Err(foreign(path)) }
}

/// Opens a file that is none of a link, a folder or a pipe.
fn open(path: &Path, options: &OpenOptions) -> anyhow::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(foreign(path));
    }
    options.open(path).with_context(|| cannot("open", path))
}

fn foreign(path: &Path) -> anyhow::Error {
    let error = format!("{} is not what tidegate makes there", path.display());
    Failed::new(Exit::BadInput, error).with_hint("remove it").into()
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
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
