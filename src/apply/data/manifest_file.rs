//! The manifest on this machine: read, written so that it is whole at any moment, and locked, so that
//! of two syncs one waits for the other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::links::{is_link, without_links};
use crate::data::manifest::{Entry, Manifest, ManifestError, journal_line};

mod error;
mod lock;

pub use error::ManifestFileError;
use lock::Lock;

/// After so many files the manifest is written.
const FILES: usize = 50;
/// And after this time.
const TIME: Duration = Duration::from_secs(5);
/// A larger manifest is written at the end; until then, a journal beside it says what was sent. To write
/// all of it after so few files would take longer and longer, and the disk is busy with the files.
const SMALL: usize = 1_000;

/// How the name of a file begins and ends that is being written.
const TEMPORARY: (&str, &str) = (".sync_manifest.", ".tmp");

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A manifest.
    Manifest(Manifest),
    /// None.
    Missing,
    /// Something else, which was renamed.
    Damaged {
        /// What is wrong with it.
        problem: String,
        /// Its name now.
        moved_to: PathBuf,
    },
}

/// A thread that writes a checkpoint.
type Writing = JoinHandle<Result<(), ManifestFileError>>;

/// The manifest of this machine, held by this process.
#[derive(Debug)]
pub struct ManifestFile {
    path: PathBuf,
    /// Unlocked when this is dropped, and however the process ends.
    _lock: Lock,
    journal: Option<File>,
    /// The checkpoint that is being written.
    writing: Option<Writing>,
    /// What was noted since the last checkpoint.
    noted: Vec<(String, Option<Entry>)>,
    last: Instant,
    /// Whether a checkpoint writes the whole manifest.
    whole: bool,
    /// Whether there is a journal beside the manifest.
    has_journal: bool,
}

impl ManifestFile {
    /// Takes hold of the manifest; `waiting` is told who has it, and says whether to wait on.
    pub fn hold(
        root: &Path,
        path: &str,
        mut waiting: impl FnMut(Option<u32>) -> bool,
    ) -> Result<Self, ManifestFileError> {
        let full = root.join(path);
        let folder = full.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(failed("make the folder of", &full))?;
        let inside =
            || Ok::<_, io::Error>(folder.canonicalize()?.starts_with(root.canonicalize()?));
        if !inside().map_err(failed("find the folder of", &full))? || full.is_symlink() {
            return Err(ManifestFileError::Outside { path: path.to_owned() });
        }
        loop {
            match Lock::take(&full)? {
                Ok(lock) => {
                    clean(folder);
                    let last = Instant::now();
                    let noted = Vec::new();
                    return Ok(Self {
                        path: full,
                        _lock: lock,
                        journal: None,
                        writing: None,
                        noted,
                        last,
                        whole: true,
                        has_journal: false,
                    });
                }
                Err(holder) if waiting(holder) => std::thread::sleep(Duration::from_millis(100)),
                Err(holder) => {
                    return Err(ManifestFileError::Held { path: path.to_owned(), holder });
                }
            }
        }
    }

    /// Reads it, with what a killed sync has noted beside it. What is no manifest is set aside.
    pub fn read(&mut self, now: i64) -> Result<Found, ManifestFileError> {
        let found = read(&self.path)?;
        let (mut manifest, missing) = match found {
            Ok(Some(manifest)) => (manifest, false),
            Ok(None) => (Manifest::default(), true),
            Err(problem) => {
                let moved_to = self.path.with_extension(format!("json.damaged-{now}"));
                fs::rename(&self.path, &moved_to).map_err(failed("rename", &self.path))?;
                // It goes with the manifest that it was noted for.
                let _ = fs::remove_file(journal_of(&self.path));
                return Ok(Found::Damaged { problem, moved_to });
            }
        };
        let replayed = replay(&self.path, &mut manifest)?;
        if replayed > 0 {
            // The copies lag behind what a killed sync has noted.
            manifest.copies.clear();
        }
        self.has_journal = journal_of(&self.path).exists();
        self.whole = manifest.size_hint() <= SMALL;
        if missing && replayed == 0 { Ok(Found::Missing) } else { Ok(Found::Manifest(manifest)) }
    }

    /// Notes a file in the manifest, and writes what was noted when it is time.
    pub fn note(
        &mut self,
        manifest: &mut Manifest,
        path: &str,
        entry: Option<Entry>,
    ) -> Result<(), ManifestFileError> {
        match &entry {
            Some(entry) => manifest.set(path, entry.clone()),
            None => manifest.remove(path),
        }
        self.noted.push((path.to_owned(), entry));
        self.checkpoint(manifest, false)
    }

    /// Writes what was noted, if it is time, or `now`.
    pub fn checkpoint(&mut self, manifest: &Manifest, now: bool) -> Result<(), ManifestFileError> {
        let due = self.noted.len() >= FILES || self.last.elapsed() >= TIME;
        if self.noted.is_empty() || !(due || now) {
            return Ok(());
        }
        let busy = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        if busy && !now && self.noted.len() < 2 * FILES {
            return Ok(());
        }
        self.finish_writing()?;
        // Beside the transfers, which go on meanwhile.
        self.writing = Some(if self.whole && manifest.size_hint() <= SMALL {
            let (path, manifest) = (self.path.clone(), manifest.clone());
            std::thread::spawn(move || write_file(&path, &manifest))
        } else {
            self.add_to_journal()?
        });
        if now {
            self.finish_writing()?;
        }
        self.noted.clear();
        self.last = Instant::now();
        Ok(())
    }

    /// Writes the whole manifest: to a temporary file, onto the disk, in place of the old one.
    pub fn write(&mut self, manifest: &Manifest) -> Result<(), ManifestFileError> {
        self.finish_writing()?;
        write_file(&self.path, manifest)?;
        self.noted.clear();
        self.last = Instant::now();
        // What it says is in the manifest now, and would say the same again.
        self.journal = None;
        self.has_journal = false;
        match fs::remove_file(journal_of(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &journal_of(&self.path))(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Waits for the checkpoint that is being written.
    fn finish_writing(&mut self) -> Result<(), ManifestFileError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let stopped = |_| failed("write", &self.path)(io::Error::other("the writer has stopped"));
        writing.join().map_err(stopped)?
    }

    /// Adds to the journal what was noted, in a thread of its own.
    fn add_to_journal(&mut self) -> Result<Writing, ManifestFileError> {
        let path = journal_of(&self.path);
        self.has_journal = true;
        // The manifest may not overtake it.
        self.whole = false;
        let mut text = String::new();
        for (key, entry) in &self.noted {
            text.push_str(&journal_line(key, entry.as_ref()).map_err(failed("write", &path))?);
        }
        let journal = if let Some(journal) = &mut self.journal {
            journal
        } else {
            let open = || {
                let mut options = OpenOptions::new();
                let options = options.create(true).append(true).read(true);
                let mut file = without_links(options).open(&path)?;
                // A killed process may have left half a line: nothing may be added to it.
                end_line(&mut file)?;
                Ok(file)
            };
            self.journal.insert(open().map_err(failed("open", &path))?)
        };
        let mut journal = journal.try_clone().map_err(failed("open", &path))?;
        Ok(std::thread::spawn(move || {
            let mut write = || {
                journal.write_all(text.as_bytes())?;
                journal.sync_data()
            };
            write().map_err(failed("write", &path))
        }))
    }

    /// Gives it back, without a journal beside it.
    pub fn release(mut self, manifest: &Manifest) -> Result<(), ManifestFileError> {
        if self.has_journal {
            return self.write(manifest);
        }
        self.finish_writing()
    }
}

impl Drop for ManifestFile {
    /// A checkpoint that has begun is finished, however the sync ended; the lock goes after it.
    fn drop(&mut self) {
        let _ = self.finish_writing();
    }
}

/// Removes what a killed sync has left of a checkpoint. Nobody else writes while the lock is held.
fn clean(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left = name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1));
        if left && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a manifest: to a temporary file, onto the disk, in place of the old one.
fn write_file(path: &Path, manifest: &Manifest) -> Result<(), ManifestFileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file =
            tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).tempfile_in(folder)?;
        let mut out = BufWriter::with_capacity(256 << 10, file.as_file_mut());
        manifest.write(&mut out)?;
        out.flush()?;
        drop(out);
        permit(file.as_file(), path)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(failed("write", path))
}

/// Reads the manifest of a folder without taking hold of it, for those who only look.
pub fn look(root: &Path, path: &str) -> Result<Found, ManifestFileError> {
    let full = root.join(path);
    match read(&full)? {
        Ok(manifest) => {
            let (mut manifest, missing) = match manifest {
                Some(manifest) => (manifest, false),
                None => (Manifest::default(), true),
            };
            let replayed = replay(&full, &mut manifest)?;
            Ok(if missing && replayed == 0 { Found::Missing } else { Found::Manifest(manifest) })
        }
        Err(problem) => Ok(Found::Damaged { problem, moved_to: full }),
    }
}

/// A manifest, none, or what is wrong with it.
type Read = Result<Option<Manifest>, String>;

fn read(path: &Path) -> Result<Read, ManifestFileError> {
    let file = match without_links(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(None)),
        Err(error) => return Err(failed("read", path)(error)),
    };
    match Manifest::read(file) {
        Ok(manifest) => Ok(Ok(Some(manifest))),
        Err(ManifestError::Damaged(problem)) => Ok(Err(problem)),
        Err(ManifestError::Io(error)) => Err(failed("read", path)(error)),
        Err(source @ ManifestError::TooLarge) => {
            Err(ManifestFileError::TooLarge { path: path.display().to_string(), source })
        }
    }
}

fn replay(path: &Path, manifest: &mut Manifest) -> Result<u64, ManifestFileError> {
    let journal = journal_of(path);
    match without_links(OpenOptions::new().read(true)).open(&journal) {
        Ok(file) => manifest.replay(BufReader::new(file)).map_err(failed("read", &journal)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed("read", &journal)(error)),
    }
}

fn journal_of(path: &Path) -> PathBuf {
    beside(path, ".journal")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

/// Cuts off what stands after the last line end.
fn end_line(file: &mut File) -> io::Result<()> {
    let mut bytes = Vec::new();
    let length = file.metadata()?.len();
    file.seek(io::SeekFrom::Start(length.saturating_sub(1 << 20)))?;
    file.take(1 << 20).read_to_end(&mut bytes)?;
    let half = bytes.iter().rev().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    file.set_len(length - half as u64)
}

/// The manifest is read by other tools and people: it gets the permissions that it had, or the usual.
#[cfg(unix)]
fn permit(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let usual = || fs::Permissions::from_mode(0o644);
    file.set_permissions(fs::metadata(path).map_or_else(|_| usual(), |there| there.permissions()))
}

#[cfg(not(unix))]
fn permit(_file: &File, _path: &Path) -> io::Result<()> {
    Ok(())
}

/// A rename is on the disk once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ManifestFileError + 'a {
    move |source| {
        let path = path.display().to_string();
        if is_link(&source) {
            ManifestFileError::Outside { path }
        } else {
            ManifestFileError::Io { doing, path, source }
        }
    }
}
