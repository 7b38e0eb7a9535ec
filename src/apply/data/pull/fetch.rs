//! Receives a file, over as many connections as it takes.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::error::file;
use super::sink::{Sink, Written};
use super::{Going, Pull, PullError, Target, Wanted, timed_out};
use crate::adapters::data_source::{Opened, SourceError};
use crate::apply::data::links::without_links;

/// So many connections in a row may bring nothing.
const FRUITLESS: u32 = 5;

/// So many connections are made for one file.
const CONNECTIONS: u32 = 1000;

/// The wait after a connection that has brought something.
const AFTER_CUT: Duration = Duration::from_millis(100);

/// How DuckDB's files begin, from the ninth byte on ("Storage versions and format").
const DUCKDB: &[u8] = b"DUCK";

/// How the files of `SQLite` begin ("Database file format", section 1.3).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// A file that is whole, beside the target.
pub(super) struct Fetched {
    pub(super) file: PathBuf,
    pub(super) sha256: String,
    pub(super) received: u64,
}

/// Fetches what is wanted into a file beside the target. `alone`: a lock keeps others away, so that
/// what an ended run has left may be gone on with.
pub(super) async fn fetch(
    job: &Pull<'_>,
    target: &Target,
    wanted: &Wanted,
    alone: bool,
    deadline: Instant,
) -> Result<Fetched, PullError> {
    if !alone {
        let own = Own(target.beside(&own_name()?), true);
        let mut transfer = Transfer { job, wanted, path: &own.0, received: 0, whole: false, alone };
        let written = transfer.run(false, deadline).await?;
        let received = transfer.received;
        return Ok(Fetched { file: own.keep(), sha256: written.sha256, received });
    }
    let path = target.beside(&format!("{}.partial", key(job, wanted)));
    remove_partial(target, Some(&path));
    // Only what a digest checks at the end is taken over from a run that was killed.
    let keep = matches!(wanted, Wanted::Version { .. });
    let mut transfer = Transfer { job, wanted, path: &path, received: 0, whole: false, alone };
    let first = transfer.run(keep, deadline).await;
    // What an ended run has left was not what it seemed: all of it once more.
    let again = matches!(first, Err(PullError::Mismatch { .. })) && transfer.whole;
    let written = if again { transfer.run(false, deadline).await } else { first }?;
    let received = transfer.received;
    Ok(Fetched { file: path, sha256: written.sha256, received })
}

/// A name that no other process has: another one that wrote the same file would go on doing so after
/// it was put in its place.
fn own_name() -> Result<String, PullError> {
    let random = getrandom::u64().map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        file("name", Path::new("partial"), source)
    })?;
    Ok(format!("{}-{random:016x}.partial", std::process::id()))
}

/// A file of this process alone, removed at the end unless it is kept.
struct Own(PathBuf, bool);

impl Own {
    fn keep(mut self) -> PathBuf {
        self.1 = false;
        std::mem::take(&mut self.0)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.1 {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

/// Removes what ended runs have left beside a target, except `keep`.
pub(super) fn remove_partial(target: &Target, keep: Option<&Path>) {
    let Ok(entries) = std::fs::read_dir(&target.folder) else { return };
    let begin = format!(".{}.", target.name);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let own = name.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(".partial"));
        let is_key = |key: &str| key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit());
        if own.is_some_and(is_key) && keep != Some(&entry.path()) {
            // The next run tries it again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Names a version, so that what is left of another one is not taken for it.
fn key(job: &Pull<'_>, wanted: &Wanted) -> String {
    let text = match wanted {
        Wanted::Version { pointer, .. } => pointer.version.sha256.clone(),
        Wanted::File(file) => {
            let name = format!("{}\n{:?}\n{}", job.source.fingerprint(), file.etag, file.size);
            format!("{:x}", Sha256::digest(name))
        }
    };
    text.chars().take(16).collect()
}

struct Transfer<'a> {
    job: &'a Pull<'a>,
    wanted: &'a Wanted,
    path: &'a Path,
    /// The bytes that were received, over all tries.
    received: u64,
    /// Whether the last try began with what an ended run has left.
    whole: bool,
    /// Whether nobody else writes the file.
    alone: bool,
}

impl Transfer<'_> {
    async fn run(&mut self, keep: bool, deadline: Instant) -> Result<Written, PullError> {
        let size = self.wanted.size();
        let (sink, begin) = self.start(keep)?;
        self.whole = begin > 0;
        let received = tokio::time::timeout_at(deadline, self.receive(sink, begin)).await;
        let sink = received.unwrap_or_else(|_| Err(timed_out(self.job)))?;
        let written = sink.finish().map_err(|source| self.unwritten(source))?;
        match self.wanted {
            Wanted::Version { pointer, .. } if written.sha256 != pointer.version.sha256 => {
                let problem = format!(
                    "its sha256 is {}, and {} was expected",
                    written.sha256, pointer.version.sha256
                );
                self.forget();
                Err(self.mismatch(problem))
            }
            Wanted::File(_) if !is_database(&written.head) => {
                Err(PullError::NoDatabase { place: self.job.source.place().to_owned() })
            }
            Wanted::Version { .. } | Wanted::File(_) => {
                (self.job.say)(Going::Fetching { done: size, size });
                Ok(written)
            }
        }
    }

    /// Opens the file, and what is in it already.
    fn start(&self, keep: bool) -> Result<(Sink, u64), PullError> {
        if !keep {
            self.forget();
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).truncate(false);
        if self.alone {
            options.create(true);
        } else {
            options.create_new(true);
        }
        without_links(&mut options);
        let open = || {
            let opened = options.open(self.path)?;
            let found = opened.metadata()?;
            let regular = found.is_file();
            if regular { Ok((opened, found.len())) } else { Err(ErrorKind::InvalidInput.into()) }
        };
        let (opened, length) = open().or_else(|_: std::io::Error| {
            // A link, a pipe: whatever it is, it is not what an ended run has left.
            self.forget();
            open().map_err(|source| self.unwritten(source))
        })?;
        let begin = if length <= self.wanted.size() { length } else { 0 };
        let sink = Sink::start(opened, begin).map_err(|source| self.unwritten(source))?;
        Ok((sink, begin))
    }

    async fn receive(&mut self, mut sink: Sink, begin: u64) -> Result<Sink, PullError> {
        let (size, mut done) = (self.wanted.size(), begin);
        let (mut fruitless, mut connections) = (0, 0);
        while done < size {
            connections += 1;
            let before = done;
            let problem = match self.open(done).await {
                Ok(mut opened) => {
                    if opened.offset != done {
                        // The server knows no ranges: all of it comes once more.
                        self.stop(sink)?;
                        (sink, done) = self.start(false)?;
                    }
                    match self.pour(&mut opened, &sink, &mut done).await? {
                        None => continue,
                        Some(Stopped::Source(problem)) => problem,
                        Some(Stopped::Sink) => {
                            self.stop(sink)?;
                            return Err(self.unwritten(std::io::Error::other("it ended")));
                        }
                    }
                }
                Err(problem) => problem,
            };
            if !problem.is_transient() || connections >= CONNECTIONS {
                return Err(problem.into());
            }
            let wait = if done > before {
                fruitless = 0;
                AFTER_CUT
            } else {
                fruitless += 1;
                if fruitless >= FRUITLESS {
                    return Err(problem.into());
                }
                self.job.retry.backoff(fruitless)
            };
            tracing::debug!(done, size, "{problem}; going on from there");
            tokio::time::sleep(wait).await;
        }
        Ok(sink)
    }

    async fn open(&self, done: u64) -> Result<Opened, SourceError> {
        let source = self.job.source;
        match self.wanted {
            Wanted::Version { pointer, .. } => {
                source.open(Some(&pointer.version.path), done, None).await
            }
            Wanted::File(file) => {
                // A weak one is never equal for a range (RFC 9110, section 13.1.1).
                let strong = file.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
                // Nothing else tells that the rest is of the same version: all of it once more.
                let from = if strong.is_some() { done } else { 0 };
                let opened = source.open(None, from, strong).await?;
                if file.etag.is_some() && opened.etag != file.etag {
                    return Err(SourceError::Moved { place: source.place().to_owned() });
                }
                Ok(opened)
            }
        }
    }

    /// Hands on what comes; `None` where all of it came, else why it stopped.
    async fn pour(
        &mut self,
        opened: &mut Opened,
        sink: &Sink,
        done: &mut u64,
    ) -> Result<Option<Stopped>, PullError> {
        let size = self.wanted.size();
        if let Some(found) = opened.size.filter(|found| *found != size) {
            return Err(self.mismatch(format!("it has {found} bytes, and {size} were expected")));
        }
        loop {
            let piece = match opened.body.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) if *done == size => return Ok(None),
                Ok(None) => return Ok(Some(Stopped::Source(self.short(*done)))),
                Err(problem) => return Ok(Some(Stopped::Source(problem))),
            };
            *done += piece.len() as u64;
            self.received += piece.len() as u64;
            if *done > size {
                return Err(self.mismatch(format!("it has more than {size} bytes")));
            }
            if !sink.take(piece).await {
                return Ok(Some(Stopped::Sink));
            }
            (self.job.say)(Going::Fetching { done: *done, size });
        }
    }

    /// Ends the thread that writes; an error of its own is the one to tell.
    fn stop(&self, sink: Sink) -> Result<(), PullError> {
        sink.finish().map(|_| ()).map_err(|source| self.unwritten(source))
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(self.path);
    }

    fn short(&self, done: u64) -> SourceError {
        let said = format!("with {done} bytes of {}", self.wanted.size());
        SourceError::Refused { place: self.place(), said, transient: true }
    }

    fn mismatch(&self, problem: String) -> PullError {
        PullError::Mismatch { place: self.place(), problem }
    }

    fn place(&self) -> String {
        let place = self.job.source.place();
        match self.wanted {
            Wanted::Version { pointer, .. } => format!("{place}/{}", pointer.version.path),
            Wanted::File(_) => place.to_owned(),
        }
    }

    fn unwritten(&self, source: std::io::Error) -> PullError {
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            let folder = self.path.parent().unwrap_or_else(|| Path::new(".")).to_owned();
            return PullError::Full { folder, size: self.wanted.size() };
        }
        file("write", self.path, source)
    }
}

/// Why a connection stopped before its end.
enum Stopped {
    Source(SourceError),
    Sink,
}

fn is_database(head: &[u8]) -> bool {
    head.starts_with(SQLITE) || head.get(8..12) == Some(DUCKDB)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn the_file_of_a_process_is_its_own_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::of(&folder.path().join("a.duckdb")).unwrap();
        let [first, second] = [(); 2].map(|()| Own(target.beside(&own_name().unwrap()), true));
        assert_ne!(first.0, second.0);
        for own in [&first, &second] {
            std::fs::write(&own.0, "a").unwrap();
        }
        // What another run takes for left over.
        remove_partial(&target, None);
        let (dropped, kept) = (first.0.clone(), second.keep());
        assert!(dropped.exists() && kept.exists());
        drop(first);
        assert!(!dropped.exists() && kept.exists());
    }
}
