//! Answers that are kept for conditional requests.
//!
//! An answer that has not changed is a 304, which costs nothing of the hourly limit ("Best
//! practices for using the REST API", conditional requests). A gate asks the same again when the
//! world has moved; a person who asks `status` twice gets the second answer from this file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::header::{ETAG, HeaderMap, LINK};
use serde::{Deserialize, Serialize};

/// How many answers are kept.
const MOST: usize = 50;

/// The largest answer that is kept, in bytes.
const LARGEST: usize = 4 << 20;

/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// One answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its entity tag (RFC 9110 section 8.8.3).
    pub(super) etag: String,
    /// Its links to other pages.
    pub(super) link: Option<String>,
    /// Its body.
    pub(super) body: String,
    /// Counts up with each use, so that the oldest goes first.
    used: u64,
}

impl Kept {
    /// Returns what is kept of an answer; `None` where it has no tag or is too large.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        let body = std::str::from_utf8(body).ok().filter(|body| body.len() <= LARGEST)?;
        Some(Self { etag: text(ETAG)?, link: text(LINK), body: body.to_owned(), used: 0 })
    }
}

/// The kept answers, by address.
#[derive(Debug, Default)]
pub(super) struct Etags {
    answers: BTreeMap<String, Kept>,
    clock: u64,
    file: Option<PathBuf>,
    changed: bool,
}

impl Etags {
    /// Reads the file. One that cannot be read counts as empty: it only saves requests.
    pub(super) fn open(file: Option<&Path>) -> Self {
        let mut etags = Self::default();
        etags.file = file.map(Path::to_owned);
        let Some(file) = file else { return etags };
        let small = std::fs::metadata(file).is_ok_and(|data| data.len() <= LARGEST_FILE);
        if let Some(bytes) = small.then(|| std::fs::read(file).ok()).flatten()
            && let Ok(answers) = serde_json::from_slice::<BTreeMap<String, Kept>>(&bytes)
        {
            etags.clock = answers.values().map(|kept| kept.used).max().unwrap_or(0);
            etags.answers = answers;
        }
        etags
    }

    /// Returns what was kept of `url`.
    pub(super) fn kept(&mut self, url: &str) -> Option<Kept> {
        self.clock = self.clock.saturating_add(1);
        let kept = self.answers.get_mut(url)?;
        kept.used = self.clock;
        Some(kept.clone())
    }

    /// Keeps an answer in place of an earlier one.
    pub(super) fn keep(&mut self, url: &str, kept: Option<Kept>) {
        self.changed = true;
        let Some(mut kept) = kept else {
            self.answers.remove(url);
            return;
        };
        kept.used = self.clock;
        self.answers.insert(url.to_owned(), kept);
        while self.answers.len() > MOST {
            let oldest = self.answers.iter().min_by_key(|(_, kept)| kept.used);
            let Some(url) = oldest.map(|(url, _)| url.clone()) else { break };
            self.answers.remove(&url);
        }
    }

    /// Writes the file: whole, beside it first, so that nobody reads half of it.
    fn save(&self) -> std::io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.changed) else { return Ok(()) };
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let beside = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(std::io::BufWriter::new(beside.as_file()), &self.answers)?;
        beside.persist(file).map(|_| ()).map_err(|error| error.error)
    }
}

impl Drop for Etags {
    fn drop(&mut self) {
        if let Err(error) = self.save() {
            tracing::debug!(%error, "the answers of GitHub could not be kept for the next command");
        }
    }
}
