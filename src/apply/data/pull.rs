//! Brings a published database to where an app reads it. An app never sees a part of a file, and
//! keeps the one that it has until the next one is whole.
//!
//! 1. Ask once which version is served. Where that is the version that is here, nothing is done.
//! 2. Take the lock: of several on this machine one fetches, the others wait and find it done.
//! 3. Fetch into a file beside the target, on with what an ended run has left; check size and digest
//!    against `latest.json`. What differs means that a publication is under way: ask again.
//! 4. Remove a log of the old file (DuckDB would replay it into the new one), rename, and note in
//!    `.db_url_cache` what is here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::data_source::{Answer, Source, SourceError, SourceFile};
use crate::data::{Pointer, PublishedVersion};
use crate::http::RetryPolicy;

mod cache;
mod error;
mod fetch;
mod install;
mod lock;
mod sink;

pub use cache::Cache;
use cache::Noted;
pub use error::PullError;
use fetch::Fetched;
use lock::Lock;

/// So often it is asked again which version is served, where a file is not what it should be.
const ROUNDS: u32 = 4;

/// The wait between two rounds: publications are done within seconds.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(1);

/// What is fetched, and how it is told.
pub struct Pull<'a> {
    /// Where it comes from.
    pub source: &'a Source,
    /// Where it goes: a file, which need not exist.
    pub target: &'a Path,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How small requests are repeated.
    pub retry: RetryPolicy,
    /// Is told of what goes on.
    pub say: &'a (dyn Fn(Going) + Send + Sync),
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// Another process fetches the same file.
    Waiting,
    /// So much of it is here.
    Fetching {
        /// The bytes that are here.
        done: u64,
        /// All bytes.
        size: u64,
    },
    /// A publication is under way; it is asked again.
    AskingAgain,
}

/// How a pull ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// Whether the file is another one now.
    pub replaced: bool,
    /// What is here.
    pub cache: Cache,
    /// How many bytes were received of the file.
    pub received: u64,
}

/// What is served.
enum Wanted {
    Version { pointer: Box<Pointer>, etag: Option<String> },
    File(SourceFile),
}

/// A target, and its folder.
struct Target {
    file: PathBuf,
    folder: PathBuf,
    name: String,
}

/// Fetches the database, if it is another one than that which is here.
///
/// # Errors
/// [`PullError`]; the file that was here stays as it was, and nothing half is left.
pub async fn pull(job: &Pull<'_>) -> Result<Pulled, PullError> {
    let deadline = Instant::now() + job.timeout;
    let target = Target::of(job.target)?;
    let cache = Cache::of(&target.folder, &target.file);
    let wanted = match ask(job, cache.as_ref(), deadline).await? {
        Asked::Same(cache) => return Ok(unchanged(&target, cache)),
        Asked::Other(wanted) => wanted,
    };
    std::fs::create_dir_all(&target.folder)
        .map_err(|source| error::file("make the folder", &target.folder, source))?;
    let lock = lock::take(&target, deadline, &|| (job.say)(Going::Waiting)).await?;
    let pulled = with_lock(job, &target, wanted, &lock, deadline).await;
    if pulled.is_err() && lock.excludes {
        fetch::remove_partial(&target, None);
    }
    pulled
}

/// Whether the file that is here was fetched whole, and the last end of the machine has damaged it.
pub fn is_damaged(file: &Path) -> bool {
    Target::of(file)
        .is_ok_and(|target| Cache::noted(&target.folder, &target.file) == Noted::Damaged)
}

async fn with_lock(
    job: &Pull<'_>,
    target: &Target,
    mut wanted: Wanted,
    lock: &Lock,
    deadline: Instant,
) -> Result<Pulled, PullError> {
    let cache = Cache::of(&target.folder, &target.file);
    if lock.waited {
        match ask(job, cache.as_ref(), deadline).await? {
            Asked::Same(cache) => return Ok(unchanged(target, cache)),
            Asked::Other(newer) => wanted = newer,
        }
    } else if let Some(cache) = cache.filter(|cache| wanted.is_here(cache)) {
        return Ok(unchanged(target, cache));
    }
    if let Some(cache) = taken_over(job.source, target, &wanted) {
        return Ok(unchanged(target, cache));
    }
    let mut round = 1;
    loop {
        let fetched = fetch::fetch(job, target, &wanted, lock.excludes, deadline).await;
        let problem = match fetched {
            Ok(fetched) => return installed(job.source, target, &wanted, fetched),
            Err(problem) if problem.is_publication() && round < ROUNDS => problem,
            Err(problem) => return Err(problem),
        };
        tracing::debug!(round, "{problem}; reading latest.json again");
        (job.say)(Going::AskingAgain);
        pause(BETWEEN_ROUNDS * round, deadline, job).await?;
        if let Asked::Other(newer) = ask(job, None, deadline).await? {
            wanted = newer;
        }
        round += 1;
    }
}

/// What was answered to the question which version is served.
enum Asked {
    /// The version that is here.
    Same(Cache),
    /// Another one.
    Other(Wanted),
}

async fn ask(job: &Pull<'_>, cache: Option<&Cache>, deadline: Instant) -> Result<Asked, PullError> {
    let source = job.source;
    let print = source.fingerprint();
    // What another source calls its versions says nothing here.
    let known = cache.filter(|cache| cache.source == print);
    let etag = known.and_then(|cache| cache.etag.as_deref());
    let mut attempt = 1;
    let wanted = loop {
        let asked = async {
            if source.is_single() {
                return Ok(match source.look(etag).await? {
                    Answer::Same => None,
                    Answer::New(file) => Some(Wanted::File(file)),
                });
            }
            let (bytes, etag) = match source.pointer(etag).await? {
                Answer::Same => return Ok(None),
                Answer::New(found) => found,
            };
            let pointer = Pointer::read(&bytes).map_err(|error| PullError::Pointer {
                place: format!("{}/{}", source.place(), PublishedVersion::POINTER),
                error,
            })?;
            Ok(Some(Wanted::Version { pointer: Box::new(pointer), etag }))
        };
        let asked = tokio::time::timeout_at(deadline, asked).await;
        match asked.unwrap_or_else(|_| Err(timed_out(job))) {
            Ok(wanted) => break wanted,
            Err(PullError::Source(error))
                if error.is_transient() && attempt < job.retry.attempts =>
            {
                let wait = job.retry.backoff(attempt);
                if Instant::now() + wait >= deadline {
                    return Err(error.into());
                }
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    };
    Ok(match (wanted, cache, known) {
        (None, _, Some(cache)) => Asked::Same(cache.clone()),
        (Some(wanted), Some(cache), _) if wanted.is_here(cache) => {
            Asked::Same(wanted.noted(&print, cache))
        }
        (Some(wanted), _, _) => Asked::Other(wanted),
        // "Unchanged" to a question that named no version.
        (None, _, None) => {
            let (place, said) = (source.place().to_owned(), "304 without a condition".to_owned());
            return Err(SourceError::Refused { place, said, transient: false }.into());
        }
    })
}

impl Wanted {
    /// Whether what is here is it, whatever source it came from.
    fn is_here(&self, cache: &Cache) -> bool {
        match self {
            Self::Version { pointer, .. } => pointer.version.sha256 == cache.sha256,
            Self::File(file) => {
                file.etag.is_some() && file.etag == cache.etag && file.size == cache.size
            }
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Version { pointer, .. } => pointer.version.size,
            Self::File(file) => file.size,
        }
    }

    /// What is noted of it; digest, size and time are those of the file that is here.
    fn noted(&self, print: &str, here: &Cache) -> Cache {
        match self {
            Self::Version { pointer, etag } => {
                here.clone().from(print, etag.as_deref()).of_version(pointer)
            }
            Self::File(file) => here.clone().from(print, file.etag.as_deref()),
        }
    }
}

fn unchanged(target: &Target, cache: Cache) -> Pulled {
    if Cache::of(&target.folder, &target.file).as_ref() != Some(&cache) {
        // Only the next question is dearer where it cannot be written.
        let _ = cache.write(&target.folder);
    }
    Pulled { replaced: false, cache, received: 0 }
}

/// Returns what is noted of a file that is here without a note, where it is the served version.
fn taken_over(source: &Source, target: &Target, wanted: &Wanted) -> Option<Cache> {
    let Wanted::Version { pointer, .. } = wanted else { return None };
    let here = Cache::blank(&target.file, pointer.version.sha256.clone())?;
    (here.size == pointer.version.size).then_some(())?;
    let digest = sink::digest_of(&target.file).ok()?;
    (digest == pointer.version.sha256).then(|| wanted.noted(&source.fingerprint(), &here))
}

fn installed(
    source: &Source,
    target: &Target,
    wanted: &Wanted,
    fetched: Fetched,
) -> Result<Pulled, PullError> {
    install::install(&fetched.file, target)?;
    let cache = Cache::blank(&target.file, fetched.sha256)
        .map(|here| wanted.noted(&source.fingerprint(), &here));
    let Some(cache) = cache else {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(error::file("read", &target.file, gone));
    };
    if let Err(error) = cache.write(&target.folder) {
        tracing::warn!("cannot write {}: {error}; the next pull asks afresh", cache::NAME);
    }
    Ok(Pulled { replaced: true, cache, received: fetched.received })
}

async fn pause(wait: Duration, deadline: Instant, job: &Pull<'_>) -> Result<(), PullError> {
    if Instant::now() + wait >= deadline {
        return Err(timed_out(job));
    }
    tokio::time::sleep(wait).await;
    Ok(())
}

fn timed_out(job: &Pull<'_>) -> PullError {
    PullError::TimedOut { place: job.source.place().to_owned(), seconds: job.timeout.as_secs() }
}

impl Target {
    fn of(file: &Path) -> Result<Self, PullError> {
        let wrong = || PullError::Target { path: file.to_owned() };
        let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(wrong)?.to_owned();
        if file.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Err(wrong());
        }
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        Ok(Self { file: file.to_owned(), folder, name })
    }

    /// A file of tidegate's own beside the target.
    fn beside(&self, ending: &str) -> PathBuf {
        self.folder.join(format!(".{}.{ending}", self.name))
    }
}
