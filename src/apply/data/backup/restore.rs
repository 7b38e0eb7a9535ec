//! Brings a backup back in the place of the database.
//!
//! 1. The backup is read beside the database, compared, opened, and its tables are read.
//! 2. A database that a process has open is refused.
//! 3. What it keeps beside it (`.wal`, `-wal`) is folded in by its engine, where that can open it.
//! 4. A backup of a SQLite file in WAL mode is put into that mode again, which its copy never is.
//! 5. The database gets a second name, with what is still beside it: that is the safety copy, which
//!    needs no space and cannot be half there.
//! 6. What is beside it is removed, since engines would replay it into another file, and the backup is
//!    renamed to its place.
//!
//! Killed before 6, nothing has changed. Killed within it, the safety copy holds everything.

use std::io;
use std::path::{Path, PathBuf};

use super::{BackupError, Backups, Scratch};
use crate::adapters::database::{self, holder};
use crate::data::{Backup, backup_name};
use crate::observe::data::kept::{self, BackupDamaged, Expected};

/// What databases keep beside a file, and would play into the next one: DuckDB's log; the log of
/// SQLite, its index and its journal.
const LOGS: [&str; 4] = [".wal", "-wal", "-shm", "-journal"];

/// So many names of safety copies are tried.
const NAMES: u32 = 100;

/// A backup that is whole, here, and ready to be put in place.
#[derive(Debug)]
pub struct Restore {
    /// Its name.
    pub name: String,
    file: PathBuf,
    /// Whether the database was one of SQLite in WAL mode, where the backup tells it.
    wal: Option<bool>,
    /// The permissions that it gets where no database is there.
    mode: u32,
    _scratch: Scratch,
}

/// What a restore has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The safety copy of what was there; `None` where there was nothing.
    pub safety_copy: Option<PathBuf>,
    /// Where the database was gone: the logs that it had left beside it, by their new names.
    pub logs: Vec<PathBuf>,
}

/// Reads a backup and proves it.
///
/// # Errors
/// [`BackupDamaged`], besides those of the store and of this machine. Nothing has changed then.
pub async fn look_up(backups: &Backups<'_>, backup: &Backup) -> anyhow::Result<Restore> {
    let damaged = |problem: String| BackupDamaged { name: backup.name.clone(), problem };
    let described = match (&backup.description, backup.why_not_whole()) {
        (Some(described), None) => described,
        (_, why) => return Err(damaged(why.unwrap_or_default()).into()),
    };
    let name = backups.name()?;
    let scratch = Scratch::make(backups.folder(), name)?;
    let file = scratch.path().join(name);
    (backups.say)(&format!("reading {}", backup.name));
    let expected = Expected {
        sha256: &described.sha256,
        size: described.size,
        tables: Some(&described.tables),
    };
    let engine = (backups.config, backups.root, backups.environment);
    kept::prove(backups.container, &backup.name, expected, &file, engine, &|_| {}).await?;
    Ok(Restore {
        name: backup.name.clone(),
        file,
        wal: described.wal,
        mode: described.restored_mode(),
        _scratch: scratch,
    })
}

/// Puts it in the place of the database.
///
/// # Errors
/// [`BackupError::InUse`], and those of this machine.
pub async fn install(backups: &Backups<'_>, restore: &Restore) -> anyhow::Result<Replaced> {
    let target = backups.file;
    let there = target.symlink_metadata().is_ok();
    if there {
        unheld(backups)?;
        fold(backups).await;
        unheld(backups)?;
    }
    // What it replaces tells it where the backup does not.
    if restore.wal.unwrap_or_else(|| there && database::is_wal(target).unwrap_or_default()) {
        database::set_wal(&restore.file)?;
    }
    if there {
        permit(&restore.file, target);
    } else {
        permit_new(&restore.file, restore.mode);
    }
    let (safety, logs) = second_name(backups, there)?;
    for log in LOGS.map(|end| beside(target, end)) {
        match std::fs::remove_file(&log) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("remove", &log)(source).into()),
        }
    }
    std::fs::rename(&restore.file, target).map_err(failed("replace", target))?;
    // The file is there; what is left open is whether it is after a power cut.
    let _ = std::fs::File::open(backups.folder()).and_then(|folder| folder.sync_all());
    Ok(if there {
        Replaced { safety_copy: Some(safety), logs: Vec::new() }
    } else {
        Replaced { safety_copy: None, logs }
    })
}

/// Refuses a database that somebody has open.
fn unheld(backups: &Backups<'_>) -> Result<(), BackupError> {
    let files = ["", "-wal", "-shm"].map(|end| beside(backups.file, end));
    match files.iter().filter(|file| file.is_file()).find_map(|file| holder(file)) {
        Some(holder) => {
            Err(BackupError::InUse { file: backups.shown.to_owned(), holder: holder.to_string() })
        }
        None => Ok(()),
    }
}

/// Lets the engine fold in what is beside the file, so that the safety copy is one file. Where it
/// cannot open it, as one that is damaged, the safety copy gets what is beside it as it is.
async fn fold(backups: &Backups<'_>) {
    let has_logs = LOGS.iter().any(|end| beside(backups.file, end).is_file());
    if !has_logs {
        return;
    }
    let Backups { config, root, shown, environment, .. } = *backups;
    let folded = async {
        let database = database::open(config, root, shown, environment).await?;
        database.execute("SELECT 1").await
    };
    if let Err(error) = folded.await {
        tracing::debug!("what is beside the database stays as it is: {error}");
    }
}

/// Gives the database a second name, with what is beside it; where it is gone, what it has left beside
/// it. Returns that name, and those of what is beside it.
fn second_name(backups: &Backups<'_>, there: bool) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    let name = backups.name()?;
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (name, String::new()),
    };
    for number in 0..NAMES {
        let more = if number == 0 { String::new() } else { format!("_{}", number + 1) };
        let safety = backup_name(&format!("{stem}_before_restore{more}{extension}"), backups.now);
        let safety = backups.folder().join(safety);
        let taken = |path: &Path| path.symlink_metadata().is_ok();
        if !there && (taken(&safety) || LOGS.iter().any(|end| taken(&beside(&safety, end)))) {
            continue;
        }
        if there {
            match copy(backups.file, &safety) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(failed("keep a copy as", &safety)(source).into()),
            }
        }
        let mut logs = Vec::new();
        for end in LOGS {
            let log = beside(backups.file, end);
            if log.is_file() {
                let kept = beside(&safety, end);
                copy(&log, &kept).map_err(failed("keep a copy as", &kept))?;
                logs.push(kept);
            }
        }
        return Ok((safety, logs));
    }
    let path = backups.folder().to_owned();
    Err(failed("keep a copy in", &path)(io::ErrorKind::AlreadyExists.into()).into())
}

/// A second name; a copy where the file system has none.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut target = create_like(from, to)?;
            let copied = std::fs::File::open(from)
                .and_then(|mut source| io::copy(&mut source, &mut target))
                .and_then(|_| target.sync_all());
            if copied.is_err() {
                let _ = std::fs::remove_file(to);
            }
            copied
        }
        linked => linked,
    }
}

/// A new file that nobody may read who cannot read the other.
#[cfg(unix)]
fn create_like(from: &Path, to: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let created = std::fs::File::options().write(true).create_new(true).mode(0o600).open(to)?;
    permit(to, from);
    Ok(created)
}

#[cfg(not(unix))]
fn create_like(_: &Path, to: &Path) -> io::Result<std::fs::File> {
    std::fs::File::create_new(to)
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io { what, path: path.to_owned(), source }
}

/// Who could use the database can use the new one.
#[cfg(unix)]
fn permit(new: &Path, old: &Path) {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let (Ok(found), Ok(own)) = (old.metadata(), new.metadata()) else { return };
    let (user, group) = (found.uid(), found.gid());
    if (own.uid(), own.gid()) != (user, group) {
        // Only root may give it away; where that cannot be done, the file is this user's.
        let given = std::os::unix::fs::chown(new, Some(user), Some(group));
        let _ = given.or_else(|_| std::os::unix::fs::chown(new, None, Some(group)));
    }
    let mut mode = found.mode() & 0o7777;
    if new.metadata().is_ok_and(|own| own.gid() != group) {
        // Another group: it may do what all others may, too.
        let both = (mode >> 3) & mode & 0o007;
        mode = (mode & !0o077) | both << 3 | both;
    }
    let _ = std::fs::set_permissions(new, std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn permit(_: &Path, _: &Path) {}

#[cfg(unix)]
fn permit_new(new: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(new, std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn permit_new(_: &Path, _: u32) {}
