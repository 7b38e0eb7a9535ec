//! What a sync of a folder has to do: local files and the manifest come in, a plan goes out.
//!
//! A file is the same where size and time are those of the manifest. Where only the time differs, its
//! digest decides: a file that was merely touched is not sent again. An entry of an older manifest, or
//! of a listing, has neither time nor digest: the same size counts as synced, and the time is filled
//! in, so that a later change is seen.

use std::collections::{BTreeMap, HashSet};
use std::iter::Peekable;

use serde::Serialize;

use super::manifest::{Below, Entry, EntryRef, Manifest};

mod drift;
mod fetch;
mod limit;
mod partition;
mod place;
mod shown;

pub use drift::{Drift, Listed};
pub use fetch::{Fetch, FetchPlan};
pub use limit::{DeleteLimit, TooManyDeletions};
pub use partition::{Partitions, partition};
pub use place::{BadPath, LayerPlace, MANIFESTS};
pub use shown::{bytes, files};

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Its path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last written, in microseconds since 1970.
    pub mtime: i64,
}

/// How files are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Read every file, also where size and time are the same.
    pub checksum: bool,
    /// Send every file.
    pub force: bool,
}

/// Why a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was never sent.
    New,
    /// It has another size.
    Size,
    /// It has another content.
    Content,
    /// It was written since, and nobody knows what was sent.
    Time,
    /// Everything is sent again.
    Forced,
}

impl Reason {
    /// Returns the word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Size => "other size",
            Self::Content => "other content",
            Self::Time => "written since",
            Self::Forced => "forced",
        }
    }
}

/// A file that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its path in the container.
    pub blob_path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last written, in microseconds since 1970.
    #[serde(skip)]
    pub mtime: i64,
    /// Why.
    pub reason: Reason,
}

/// A file whose content has to be read before it is known whether it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The file.
    pub file: LocalFile,
    /// What the manifest says.
    pub entry: Entry,
}

/// A file that was sent once and is no longer here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its path in the container.
    pub blob_path: String,
    /// Its size, in bytes.
    pub size: u64,
}

/// A file that cannot be synced, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its path, as far as it can be written as text.
    pub path: String,
    /// What is wrong.
    pub error: String,
}

/// What a sync of one folder has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncPlan {
    /// The layer.
    pub layer: String,
    /// The container, for people: `azure://acme/bronze`.
    pub place: String,
    /// What is sent, in the order of the paths.
    pub upload: Vec<Upload>,
    /// What is sent, in bytes.
    pub upload_bytes: u64,
    /// What is deleted from the store.
    pub delete: Vec<Gone>,
    /// How many files of the store are not here and stay: those that were sent once, unless they are
    /// deleted, and those that others have put there.
    pub kept: u64,
    /// How many files were never hashed when they were sent: that their size is the same is all that
    /// is known of them.
    #[serde(skip)]
    pub taken_over: u64,
    /// How many files are there already.
    pub skipped: u64,
    /// Of these, how many get what an older manifest lacks, or a new time.
    pub noted: u64,
    /// How many files are here.
    pub local_files: u64,
    /// What they have, in bytes.
    pub local_bytes: u64,
    /// Files that cannot be synced.
    pub problems: Vec<Problem>,
    /// Links and other things that are no files; they are left out.
    pub left_out: Vec<String>,
}

/// Compares the files of a folder, which come in the order of their paths, with the manifest.
pub struct Comparing<'m> {
    place: &'m LayerPlace,
    how: How,
    entries: Peekable<Below<'m>>,
    plan: SyncPlan,
    unsure: Vec<Unsure>,
    gone: Vec<Gone>,
    entries_seen: u64,
    /// The places in the container that are not the usual ones of their entries.
    odd: HashSet<&'m str>,
    /// Of these, the ones that files use which are here.
    used: HashSet<&'m str>,
}

/// What the comparison gave; [`Compared::settle`] makes a plan of it.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    plan: SyncPlan,
    /// The files whose content has to be read.
    pub unsure: Vec<Unsure>,
    gone: Vec<Gone>,
    entries: u64,
    /// What the manifest gets to know of files that are not sent.
    pub noted: BTreeMap<String, Entry>,
}

impl<'m> Comparing<'m> {
    /// Begins.
    pub fn new(place: &'m LayerPlace, manifest: &'m Manifest, how: How) -> Self {
        let plan = SyncPlan { layer: place.layer.clone(), ..SyncPlan::default() };
        let entries = manifest.below(&place.folder).peekable();
        let odd = manifest.below(&place.folder).filter_map(|entry| {
            let usual = entry.key.get(place.folder.len()..).unwrap_or_default();
            (!entry.blob_path.is_empty() && entry.blob_path != usual).then_some(entry.blob_path)
        });
        Self {
            place,
            how,
            entries,
            plan,
            unsure: Vec::new(),
            gone: Vec::new(),
            entries_seen: 0,
            odd: odd.collect(),
            used: HashSet::new(),
        }
    }

    /// Takes the next file. Its path comes after those of all files before, by its bytes.
    pub fn file(&mut self, file: LocalFile) {
        self.gone_before(Some(&file.path));
        self.plan.local_files += 1;
        self.plan.local_bytes += file.size;
        let entry = self.entries.next_if(|entry| entry.key == file.path);
        self.entries_seen += u64::from(entry.is_some());
        if let Err(bad) = self.place.blob_path(&file.path) {
            return self.problem(Problem { error: bad.to_string(), path: file.path });
        }
        if !self.odd.is_empty() {
            let usual = file.path.get(self.place.folder.len()..).unwrap_or_default();
            let own = entry.as_ref().map(|entry| entry.blob_path);
            let places = [Some(usual), own].into_iter().flatten();
            self.used.extend(places.filter_map(|place| self.odd.get(place).copied()));
        }
        let Some(entry) = entry else {
            let reason = if self.how.force { Reason::Forced } else { Reason::New };
            return self.upload(file, None, reason);
        };
        // An older manifest may have sent it to another place.
        let place = Some(entry.blob_path).filter(|path| !path.is_empty());
        if let Some(Err(bad)) = place.map(place::check) {
            let error = format!("the manifest sends it to {:?}, which {bad}", entry.blob_path);
            return self.problem(Problem { error, path: file.path });
        }
        if self.how.force {
            return self.upload(file, None, Reason::Forced);
        }
        if entry.size != file.size {
            return self.upload(file, place, Reason::Size);
        }
        let same_time = entry.mtime == Some(file.mtime);
        match (entry.sha256.is_some(), entry.mtime) {
            (true, _) if same_time && !self.how.checksum => self.plan.skipped += 1,
            (false, Some(_)) if !same_time => self.upload(file, place, Reason::Time),
            (false, Some(_)) if !self.how.checksum => self.plan.skipped += 1,
            (true | false, Some(_) | None) => {
                let blob_path = self.at(&file, place);
                self.unsure.push(Unsure { file, entry: Entry { blob_path, ..entry.to_entry() } });
            }
        }
    }

    /// Returns the path in the container: the usual one, where there is no other.
    fn at(&self, file: &LocalFile, place: Option<&str>) -> String {
        let usual = || file.path.get(self.place.folder.len()..).unwrap_or_default();
        place.unwrap_or_else(usual).to_owned()
    }

    /// Notes something that cannot be synced.
    pub fn problem(&mut self, problem: Problem) {
        self.plan.problems.push(problem);
    }

    /// Notes a link, or another thing that is no file.
    pub fn left_out(&mut self, path: String) {
        self.plan.left_out.push(path);
    }

    /// Ends the comparison: all files were there.
    pub fn finish(mut self) -> Compared {
        self.gone_before(None);
        // What a file that is here is sent to is not gone, whoever else was sent there once.
        let used = &self.used;
        self.gone.retain(|gone| !used.contains(gone.blob_path.as_str()));
        Compared {
            plan: self.plan,
            unsure: self.unsure,
            gone: self.gone,
            entries: self.entries_seen,
            noted: BTreeMap::new(),
        }
    }

    fn gone_before(&mut self, path: Option<&str>) {
        let before = |entry: &EntryRef<'_>| path.is_none_or(|path| entry.key < path);
        while let Some(entry) = self.entries.next_if(before) {
            let usual = self.place.blob_path(entry.key).unwrap_or_default();
            let blob_path = if entry.blob_path.is_empty() { usual } else { entry.blob_path };
            // A listing has named it, and nothing says that it was ever sent from here; or it is where
            // no file belongs, such as the copy of the manifest. It is not tidegate's to delete.
            let foreign = entry.sha256.is_none() && entry.mtime.is_none() && entry.etag.is_some();
            if foreign || place::check(blob_path).is_err() {
                self.plan.kept += 1;
                continue;
            }
            self.entries_seen += 1;
            self.gone.push(Gone {
                path: entry.key.to_owned(),
                blob_path: blob_path.to_owned(),
                size: entry.size,
            });
        }
    }

    fn upload(&mut self, file: LocalFile, place: Option<&str>, reason: Reason) {
        self.plan.upload_bytes += file.size;
        self.plan.upload.push(Upload {
            blob_path: self.at(&file, place),
            path: file.path,
            size: file.size,
            mtime: file.mtime,
            reason,
        });
    }
}

impl Compared {
    /// Decides about a file whose content was read; `mtime` is its time, where it may be noted.
    pub fn settle(&mut self, unsure: Unsure, sha256: [u8; 32], mtime: Option<i64>) {
        let Unsure { file, entry } = unsure;
        if entry.sha256.is_some_and(|known| known != sha256) {
            self.plan.upload_bytes += file.size;
            self.plan.upload.push(Upload {
                path: file.path,
                blob_path: entry.blob_path,
                size: file.size,
                mtime: file.mtime,
                reason: Reason::Content,
            });
            return;
        }
        self.plan.skipped += 1;
        // Nobody knows what was sent: that it is what is here now is for nobody to say. The time is
        // noted, so that a later change is seen.
        self.plan.taken_over += u64::from(entry.sha256.is_none());
        let known = Entry { mtime, ..entry.clone() };
        if known != entry {
            self.plan.noted += 1;
            self.noted.insert(file.path, known);
        }
    }

    /// Notes a file whose content could not be read.
    pub fn problem(&mut self, problem: Problem) {
        self.plan.problems.push(problem);
    }

    /// Makes the plan once every [`Compared::unsure`] is settled. With a limit, what is no longer here
    /// is deleted from the store.
    ///
    /// # Errors
    /// [`TooManyDeletions`] where more than the limit would be deleted, or where files that could not
    /// be read might only look deleted.
    pub fn plan(
        self,
        delete: Option<DeleteLimit>,
    ) -> Result<(SyncPlan, BTreeMap<String, Entry>), TooManyDeletions> {
        let mut plan = self.plan;
        plan.upload.sort_by(|a, b| a.path.cmp(&b.path));
        match delete {
            Some(limit) => {
                limit.check(&self.gone, self.entries, &plan)?;
                plan.delete = self.gone;
            }
            None => plan.kept += self.gone.len() as u64,
        }
        Ok((plan, self.noted))
    }
}

impl SyncPlan {
    /// Tells whether nothing is sent and nothing deleted.
    pub fn is_empty(&self) -> bool {
        self.upload.is_empty() && self.delete.is_empty()
    }
}

#[cfg(test)]
mod tests;
