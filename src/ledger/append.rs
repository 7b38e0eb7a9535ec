//! Writes an entry in the form of the one before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::error::LedgerError;
use super::field::RELEASE;
use super::figures::fields_of;
use super::parser::parse_all;
use super::{Entry, EntryStatus, Form, Ledger, Presence, newest_entries_in, parse};
use crate::model::{BranchName, CommitSha, DataVersion, Digest, ImageRef};

/// An entry to be written. Only released commits get one, so its status is always passed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When it was released.
    pub date: Timestamp,
    /// The protected branch.
    pub branch: BranchName,
    /// The released commit.
    pub commit: CommitSha,
    /// The number of the release record; `None` where a person adds an entry by hand.
    pub release: Option<u64>,
    /// What was checked, in the words of the workflow (job names).
    pub checks: Vec<String>,
    /// The images of the release set.
    pub images: Vec<(ImageRef, Digest)>,
    /// The data version, where the release has one.
    pub data: Option<DataVersion>,
    /// The metrics; those that are not finite are not written.
    pub metrics: BTreeMap<String, f64>,
    /// What passed only when it was tried again.
    pub flaky: Vec<String>,
}

const TITLE: &str = "# ML Experiment Results";
const HEADING: &str = "## CI/CD Test Execution Log";
const CHECKS: &str = "### Automated Tests Executed:";
const DEPLOYMENT: (&str, &str) = ("Deployment", "Ready for production");
/// Names of checks are cut here, in characters.
const MAX_CHECK: usize = 200;

/// How the last entry of a file is written.
struct Style {
    form: Form,
    newline: &'static str,
    rule: bool,
    heading: Option<String>,
    checks: Option<String>,
    deployment: bool,
}

/// Returns the ledger with the entry at its end, all bytes before it as they were.
///
/// The entry follows the last one of the file in form, line ending, rule and headings. An empty
/// file, or one without an entry, gets the plain form, which the widely copied line
/// `grep -B 3 "Status: ✅ Tests Passed" FILE | grep "Commit:" | tail -1 | awk '{print $2}'`
/// can read. The result always ends with a line ending: without one, the next reader could not
/// tell a whole entry from a truncated one.
pub fn append(existing: &[u8], entry: &NewEntry) -> Result<Vec<u8>, LedgerError> {
    let parsed = parse_all(existing)?;
    if let Some((what, line)) = parsed.unclosed {
        return Err(LedgerError::Unclosed { line, what });
    }
    let style = Style::of(existing, &parsed.ledger);
    let mut text = existing.to_vec();
    if parsed.ledger.presence == Presence::Empty {
        text.extend_from_slice(TITLE.as_bytes());
    }
    join(&mut text, render(entry, &style).as_bytes(), style.newline);
    let read_back = newest_entries_in(&text, 1)?;
    match read_back.entries.last() {
        Some(last)
            if last.commit == entry.commit
                && last.release == entry.release
                && last.status == EntryStatus::Passed
                && last.offset >= existing.len() as u64 =>
        {
            Ok(text)
        }
        Some(_) | None => Err(LedgerError::NotReadBack),
    }
}

/// Says whether the release has its entry: the same commit and the same record number. The entry
/// of another release of the commit does not count, nor one without a number.
pub fn contains_release(
    existing: &[u8],
    commit: &CommitSha,
    release: u64,
) -> Result<bool, LedgerError> {
    let ledger = parse(existing)?;
    Ok(ledger.entries.iter().any(|e| e.commit == *commit && e.release == Some(release)))
}

/// Puts a block below a text, one blank line between them.
pub(super) fn join(text: &mut Vec<u8>, block: &[u8], newline: &str) {
    let content = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if !content.is_empty() {
        if !content.ends_with(b"\n") {
            text.extend_from_slice(newline.as_bytes());
        }
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or(line);
        if !line.iter().all(u8::is_ascii_whitespace) {
            text.extend_from_slice(newline.as_bytes());
        }
    }
    text.extend_from_slice(block);
    if !block.ends_with(b"\n") {
        text.extend_from_slice(newline.as_bytes());
    }
}

/// Returns the line ending of the first line of `bytes`, where it has one.
pub(super) fn line_ending(bytes: &[u8]) -> Option<&'static str> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some(if bytes[..end].ends_with(b"\r") { "\r\n" } else { "\n" })
}

/// Returns the bytes of an entry's block.
pub(super) fn block_of<'a>(bytes: &'a [u8], entry: &Entry) -> &'a [u8] {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.get(at(entry.block.start)..at(entry.block.end)).unwrap_or_default()
}

impl Style {
    fn of(existing: &[u8], ledger: &Ledger) -> Self {
        let Some(last) = ledger.entries.last() else {
            return Self {
                form: Form::Plain,
                newline: line_ending(existing).unwrap_or("\n"),
                rule: true,
                heading: Some(HEADING.to_owned()),
                checks: Some(CHECKS.to_owned()),
                deployment: true,
            };
        };
        let block = block_of(existing, last);
        let text = String::from_utf8_lossy(block);
        let above = usize::try_from(last.offset - last.block.start).unwrap_or(0);
        let (above, below) = text.split_at_checked(above).unwrap_or(("", &text));
        let heading = above.lines().find(|line| line.trim_start().starts_with('#'));
        let checks = below.lines().find(|line| line.starts_with("###"));
        // A heading with a figure in it (a date, a build number) is about its own entry only.
        let copy = |line: &str, standard: &str| {
            let is_general =
                line.len() <= 120 && !line.contains(|c: char| c.is_numeric() || c == '<');
            if is_general { line.trim().to_owned() } else { standard.to_owned() }
        };
        Self {
            form: last.form,
            newline: line_ending(block).or_else(|| line_ending(existing)).unwrap_or("\n"),
            rule: above.lines().any(|line| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with('#')
            }),
            heading: heading.map(|line| copy(line, HEADING)),
            checks: checks.map(|line| copy(line, CHECKS)),
            deployment: last.fields.iter().any(|(name, _)| name == DEPLOYMENT.0),
        }
    }
}

fn render(entry: &NewEntry, style: &Style) -> String {
    let mut lines = Vec::new();
    if style.rule {
        lines.extend(["---".to_owned(), String::new()]);
    }
    if let Some(heading) = &style.heading {
        lines.extend([heading.clone(), String::new()]);
    }
    let field = |name: &str, value: &str| match style.form {
        Form::Bold => format!("**{name}**: {value}"),
        Form::Plain => format!("{name}: {value}"),
    };
    lines.push(field("Date", &entry.date.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()));
    lines.push(field("Branch", entry.branch.as_str()));
    lines.push(field("Commit", entry.commit.as_str()));
    lines.push(field("Status", "✅ Tests Passed"));
    if let Some(release) = entry.release {
        lines.push(field(RELEASE, &release.to_string()));
    }
    lines.extend(fields_of(entry).iter().map(|(name, value)| field(name, value)));
    if !entry.checks.is_empty() {
        lines.push(String::new());
        lines.extend(style.checks.clone());
        lines.extend(entry.checks.iter().map(|check| format!("- ✅ {}", one_line(check))));
    }
    if style.deployment {
        lines.extend([String::new(), field(DEPLOYMENT.0, DEPLOYMENT.1)]);
    }
    let mut text = String::new();
    for line in lines {
        // Writing to a String cannot fail.
        let _ = write!(text, "{line}{}", style.newline);
    }
    text
}

/// Returns the name of a check as one line that neither Markdown nor the shell line takes for
/// anything else.
fn one_line(check: &str) -> String {
    let line: String = check
        .chars()
        .take(MAX_CHECK)
        .map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c })
        .collect();
    line.replace('<', "&lt;").replace("Commit:", "Commit").replace("Status:", "Status")
}
