//! What is wrong with a ledger, and what is wrong with one of its entries.

use std::fmt;

/// Says why a ledger cannot be read, or cannot be added to.
///
/// The caller knows the path and puts it in front.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A merge was committed with its conflict.
    #[error(
        "line {line}: conflict marker {marker:?} at the start of the line; resolve the conflict \
         and commit the result (indent the line by a space where it is only quoted)"
    )]
    ConflictMarker {
        /// The line, from 1.
        line: u64,
        /// The marker, seven characters.
        marker: String,
    },
    /// The file is UTF-16, as PowerShell's `>>` writes it.
    #[error("line {line}: the text is UTF-16; convert the file to UTF-8 and commit it")]
    NotUtf8 {
        /// The line, from 1.
        line: u64,
    },
    /// What would be appended would not be seen.
    #[error(
        "line {line}: {what} is opened and never closed, so that an entry after it would not be \
         seen; close it and commit the result"
    )]
    Unclosed {
        /// The line that opens it, from 1.
        line: u64,
        /// What is open.
        what: Unclosed,
    },
    /// An entry was appended and the result does not read back as it should.
    #[error(
        "the end of the file does not let an entry be read back; end it with a paragraph or a \
         rule (---) and commit the result"
    )]
    NotReadBack,
    /// The ledger of the good commit is at fault.
    #[error("in the ledger of the good commit: {0}")]
    Good(#[source] Box<LedgerError>),
    /// The ledger of the head is at fault.
    #[error("in the ledger of the head: {0}")]
    Head(#[source] Box<LedgerError>),
}

impl LedgerError {
    /// Adds the lines that stand before the text that was read.
    #[must_use]
    pub fn below(self, lines: u64) -> Self {
        match self {
            Self::ConflictMarker { line, marker } => {
                Self::ConflictMarker { line: line + lines, marker }
            }
            Self::NotUtf8 { line } => Self::NotUtf8 { line: line + lines },
            Self::Unclosed { line, what } => Self::Unclosed { line: line + lines, what },
            Self::NotReadBack => Self::NotReadBack,
            Self::Good(error) => Self::Good(Box::new(error.below(lines))),
            Self::Head(error) => Self::Head(Box::new(error.below(lines))),
        }
    }
}

/// What a document may leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclosed {
    /// A fenced code block.
    Fence,
    /// An HTML comment or a verbatim HTML block.
    Html,
}

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fence => "a code fence",
            Self::Html => "an HTML comment or block",
        })
    }
}

/// Something that looks like an entry and was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line where it begins, from 1; `None` when the file was read from its end.
    pub line: Option<u64>,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Why it was skipped.
    pub what: SkipReason,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: entry skipped: {}", self.what),
            None => write!(f, "byte {}: entry skipped: {}", self.offset, self.what),
        }
    }
}

/// Why an entry was skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// A short commit id.
    #[error("the commit id {given:?} is abbreviated; write all 40 digits")]
    AbbreviatedId {
        /// The id, at most 80 characters of it.
        given: String,
    },
    /// A commit id in capitals.
    #[error("the commit id {given:?} has upper-case digits; write them in lower case")]
    UpperCaseId {
        /// The id, at most 80 characters of it.
        given: String,
    },
    /// A commit id that git would take for an option.
    #[error("the commit id {given:?} looks like an option")]
    OptionLikeId {
        /// The id, at most 80 characters of it.
        given: String,
    },
    /// Any other text in the place of the commit id.
    #[error("{given:?} is not a commit id; write 40 lower-case hexadecimal digits")]
    NotAnId {
        /// The text, at most 80 characters of it.
        given: String,
    },
    /// The file ends in the middle of the entry.
    #[error("the file ends within the entry; complete or remove it")]
    Truncated,
    /// A commit without a status.
    #[error("the entry names a commit and no status; add the status or remove the entry")]
    NoStatus,
    /// A field that an entry has once stands there more often.
    #[error("the field {name:?} stands there more than once; keep one")]
    DuplicateField {
        /// The name of the field.
        name: String,
    },
    /// It cannot be told which status belongs to which commit.
    #[error(
        "it cannot be told which status belongs to which commit; separate the entries by blank lines"
    )]
    Ambiguous,
    /// A line of the entry is not UTF-8.
    #[error("the entry is not valid UTF-8; save the file as UTF-8")]
    InvalidUtf8,
    /// More fields, or longer ones, than an entry may have.
    #[error("the entry has more than {max_fields} fields or {max_bytes} bytes of them")]
    TooLarge {
        /// The most fields that are read.
        max_fields: usize,
        /// The most bytes that are read.
        max_bytes: usize,
    },
}
