//! The files through which a step hands on outputs and its part of the job summary
//! (`GITHUB_OUTPUT`, `GITHUB_STEP_SUMMARY`; "Workflow commands for GitHub Actions", environment
//! files).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::model::InvalidValue;

/// The most that the outputs of a job may hold, in bytes of UTF-16.
pub const MAX_OUTPUTS: usize = 1 << 20;

/// The most that the summary of a step may hold, in bytes.
pub const MAX_SUMMARY: usize = 1 << 20;

const TRUNCATED: &str = "\n\n*The rest is left out: GitHub shows at most 1 MiB.*\n";

/// Says why an output or the summary could not be written.
#[derive(Debug, thiserror::Error)]
pub enum StepFileError {
    /// The name is not one that a workflow can read.
    #[error("output name: {cause}")]
    Name {
        /// What is wrong.
        cause: InvalidValue,
    },
    /// The value holds the delimiter, and could go on with outputs of its own.
    #[error("output {name:?} holds the delimiter that was drawn at random; run the step again")]
    Delimiter {
        /// The name of the output.
        name: String,
    },
    /// The outputs are larger than GitHub takes.
    #[error(
        "the outputs have {size} bytes in UTF-16, and GitHub takes at most {MAX_OUTPUTS}; shorten {largest:?}"
    )]
    TooLarge {
        /// Their size.
        size: usize,
        /// The largest of them.
        largest: String,
    },
    /// The operating system gives no random bytes.
    #[error("cannot draw a delimiter: {cause}")]
    Random {
        /// What it says.
        cause: getrandom::Error,
    },
    /// The file cannot be written.
    #[error("cannot append to {}: {cause}", path.display())]
    Append {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
}

/// How much of a summary was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryWritten {
    /// All of it.
    Whole,
    /// Its beginning, with a note.
    Truncated,
    /// Nothing: earlier commands of the same step have filled the file.
    Nothing,
}

/// Appends `outputs` to the file at `path` (`GITHUB_OUTPUT`), all or none. Each gets a delimiter
/// that was drawn for it.
pub fn append_outputs(path: &Path, outputs: &[(&str, &str)]) -> Result<(), StepFileError> {
    let units = |text: &str| text.encode_utf16().count() * 2;
    let size = outputs.iter().map(|(name, value)| units(name) + units(value)).sum();
    if size > MAX_OUTPUTS {
        let largest = outputs.iter().max_by_key(|(_, value)| units(value));
        let largest = largest.map_or_else(String::new, |(name, _)| (*name).to_owned());
        return Err(StepFileError::TooLarge { size, largest });
    }
    let mut text = String::new();
    for (name, value) in outputs {
        text.push_str(&render_output(name, value, &delimiter()?)?);
    }
    append(path, &text)
}

/// Appends Markdown to the file at `path` (`GITHUB_STEP_SUMMARY`). What does not fit is cut off,
/// and a note says so.
pub fn append_summary(path: &Path, markdown: &str) -> Result<SummaryWritten, StepFileError> {
    let used = match std::fs::metadata(path) {
        Ok(metadata) => usize::try_from(metadata.len()).unwrap_or(MAX_SUMMARY),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(cause) => return Err(StepFileError::Append { path: path.to_owned(), cause }),
    };
    // One byte for the line break that may have to come first.
    let room = MAX_SUMMARY.saturating_sub(used + 1);
    match truncate(markdown, room) {
        None => Ok(SummaryWritten::Nothing),
        Some(text) => {
            append(path, &text)?;
            Ok(match text {
                Cow::Borrowed(_) => SummaryWritten::Whole,
                Cow::Owned(_) => SummaryWritten::Truncated,
            })
        }
    }
}

/// Returns `markdown`, or as many of its whole lines as fit into `room` bytes with a note; `None`
/// where not even the note fits.
fn truncate(markdown: &str, room: usize) -> Option<Cow<'_, str>> {
    if markdown.len() <= room {
        return Some(Cow::Borrowed(markdown));
    }
    let mut end = room.checked_sub(TRUNCATED.len())?;
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    // A line cut in the middle could leave a tag or a code span open.
    let end = markdown[..end].rfind('\n').map_or(end, |line| line + 1);
    Some(Cow::Owned(format!("{}{TRUNCATED}", &markdown[..end])))
}

/// Writes one output in the form with a delimiter.
fn render_output(name: &str, value: &str, delimiter: &str) -> Result<String, StepFileError> {
    let is_name = (1..=100).contains(&name.len())
        && !name.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !is_name {
        let cause = InvalidValue::new(name, "a name of letters, digits, _ and -");
        return Err(StepFileError::Name { cause });
    }
    if value.contains(delimiter) {
        return Err(StepFileError::Delimiter { name: name.to_owned() });
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// Draws a delimiter that nobody who wrote a value can have known.
fn delimiter() -> Result<String, StepFileError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|cause| StepFileError::Random { cause })?;
    let mut text = "tidegate_".to_owned();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Appends whole lines: an earlier command of the step may have left its last line open.
fn append(path: &Path, text: &str) -> Result<(), StepFileError> {
    let attempt = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let text = if ends_within_line(&mut file)? { format!("\n{text}") } else { text.to_owned() };
        file.write_all(text.as_bytes())
    };
    attempt().map_err(|cause| StepFileError::Append { path: path.to_owned(), cause })
}

fn ends_within_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0_u8; 1];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests;
