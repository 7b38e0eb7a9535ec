//! Reads `JUnit` XML reports from the work tree.
//!
//! 1. Each pattern of `require.reports` is matched below the folder that its fixed part names; no
//!    link is followed, so that nothing outside the work tree is read.
//! 2. A pattern without a file, and a file that cannot be read to its end, is inconclusive.
//! 3. A report that is older than the attempt of the job that should have written it is
//!    inconclusive: it comes from an earlier attempt, a cache or the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use globset::GlobMatcher;
use jiff::{SignedDuration, Timestamp};

use crate::evidence::reports::{InconclusiveReport, Report, ReportEvidence, ReportProblem};
use crate::observe::globs::{self, GlobError};

mod junit;
mod text;

pub use junit::MAX_DEPTH;

/// The largest report, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// How many reports are read.
pub const MAX_REPORTS: usize = 10_000;

/// How many folder entries are looked at for one pattern.
const MAX_ENTRIES: usize = 1_000_000;

/// Clocks of file systems and reports count in whole seconds.
const CLOCK_GRAIN: SignedDuration = SignedDuration::from_secs(1);

/// Reports that are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The pattern of their paths, below the root of the work tree.
    pub pattern: &'a str,
    /// The start of the latest attempt of the job that writes them, where it is known.
    pub began: Option<Timestamp>,
}

/// Reads every report that is wanted below `root`, the work tree. Tests in `failed_before`
/// (`class::name`) that pass now are named in the reports.
pub fn collect(
    root: &Path,
    wanted: &[Wanted<'_>],
    failed_before: &BTreeSet<String>,
) -> Result<ReportEvidence, GlobError> {
    let mut matchers = Vec::new();
    for (index, wanted) in wanted.iter().enumerate() {
        let glob = globs::glob("require.reports", index + 1, wanted.pattern)?;
        matchers.push((wanted, glob.compile_matcher()));
    }
    let mut evidence = ReportEvidence::default();
    // A report that two patterns name must be as new as both say.
    let mut paths: BTreeMap<PathBuf, Option<Timestamp>> = BTreeMap::new();
    for (Wanted { pattern, began }, matcher) in matchers {
        let found = matching_files(root, pattern, &matcher);
        if found.paths.is_empty() && found.inconclusive.is_empty() {
            evidence.inconclusive.push(without_line((*pattern).to_owned(), ReportProblem::NoMatch));
        }
        for path in found.paths {
            let oldest = paths.entry(path).or_default();
            *oldest = (*oldest).max(*began);
        }
        evidence.inconclusive.extend(found.inconclusive);
    }
    for (path, began) in paths {
        match read(root, &path, began, failed_before) {
            Ok(report) => evidence.reports.push(report),
            Err(inconclusive) => evidence.inconclusive.push(inconclusive),
        }
    }
    Ok(evidence)
}

/// Reads one report from its bytes. `written` is when the file was written, `began` as above.
pub fn parse(
    path: &str,
    bytes: &[u8],
    written: Option<Timestamp>,
    began: Option<Timestamp>,
    failed_before: &BTreeSet<String>,
) -> Result<Report, InconclusiveReport> {
    let parsed = junit::parse(bytes, failed_before)
        .map_err(|(line, reason)| InconclusiveReport { path: path.to_owned(), line, reason })?;
    if let Some(began) = began {
        // The report's own time outlives copies and downloads; the file's time catches the rest.
        let times = [parsed.latest, written].into_iter().flatten();
        for time in times {
            if time.saturating_add(CLOCK_GRAIN).is_ok_and(|time| time < began) {
                let reason =
                    ReportProblem::Stale { written: time.to_string(), began: began.to_string() };
                return Err(without_line(path.to_owned(), reason));
            }
        }
    }
    Ok(Report { path: path.to_owned(), ..parsed.report })
}

fn without_line(path: String, reason: ReportProblem) -> InconclusiveReport {
    InconclusiveReport { path, line: None, reason }
}

/// Reads the report at `path`, from the root of the work tree.
fn read(
    root: &Path,
    path: &Path,
    began: Option<Timestamp>,
    failed_before: &BTreeSet<String>,
) -> Result<Report, InconclusiveReport> {
    let name = shown_path(path);
    let unreadable = |error: std::io::Error| {
        without_line(name.clone(), ReportProblem::Unreadable { cause: error.to_string() })
    };
    let full = root.join(path);
    let metadata = fs::symlink_metadata(&full).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(without_line(name, ReportProblem::NotAFile));
    }
    let mut bytes = Vec::new();
    let file = File::open(&full).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(without_line(name, ReportProblem::TooLarge { limit: MAX_FILE }));
    }
    let written = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    parse(&name, &bytes, written, began, failed_before)
}

/// What a walk found.
#[derive(Default)]
struct Found {
    paths: Vec<PathBuf>,
    inconclusive: Vec<InconclusiveReport>,
}

/// Walks the folder that the fixed part of `pattern` names; paths are from `root`.
fn matching_files(root: &Path, pattern: &str, matcher: &GlobMatcher) -> Found {
    let mut found = Found::default();
    let mut entries = 0;
    let Some(start) = fixed_folder(root, pattern) else { return found };
    let mut folders = vec![start];
    while let Some(folder) = folders.pop() {
        let listing = match fs::read_dir(root.join(&folder)) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let reason = ReportProblem::Unreadable { cause: error.to_string() };
                found.inconclusive.push(without_line(shown_path(&folder), reason));
                continue;
            }
        };
        for entry in listing.flatten() {
            entries += 1;
            if entries > MAX_ENTRIES || found.paths.len() >= MAX_REPORTS {
                let limit = if entries > MAX_ENTRIES { MAX_ENTRIES } else { MAX_REPORTS };
                let reason = ReportProblem::TooMany { limit };
                found.inconclusive.push(without_line(pattern.to_owned(), reason));
                return found;
            }
            let path = folder.join(entry.file_name());
            // `file_type` does not follow links.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && path != Path::new(".git") {
                folders.push(path);
            } else if !is_folder && matcher.is_match(&path) {
                found.paths.push(path);
            }
        }
    }
    found
}

/// Returns the folder, from `root`, that the leading parts of `pattern` without special
/// characters name; `None` where it does not exist or lies behind a link.
fn fixed_folder(root: &Path, pattern: &str) -> Option<PathBuf> {
    let mut folder = PathBuf::new();
    let parts: Vec<&str> = pattern.split('/').collect();
    for part in &parts[..parts.len() - 1] {
        if part.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            break;
        }
        folder.push(part);
        if !fs::symlink_metadata(root.join(&folder)).is_ok_and(|metadata| metadata.is_dir()) {
            return None;
        }
    }
    Some(folder)
}

/// Bytes that are not UTF-8 are shown as U+FFFD.
fn shown_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
