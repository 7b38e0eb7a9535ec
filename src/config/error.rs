//! What is wrong with a configuration file, and where.

use std::fmt;

/// A place in a file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Says what is wrong with a configuration file, where, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {}", .0.file, At(.0.place), .0.problem)]
pub struct ConfigError(Box<Wrong>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Wrong {
    file: String,
    place: Option<Place>,
    problem: Problem,
    hint: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read at all.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is larger than a configuration can be.
    #[error("too large, expected at most {} bytes", super::MAX_CONFIG_BYTES)]
    TooLarge,
    /// The file is not UTF-8.
    #[error("invalid UTF-8 after byte {0}, expected a text file in UTF-8")]
    NotUtf8(usize),
    /// The file is not YAML.
    #[error("cannot be read as YAML: {0}")]
    Syntax(String),
    /// A key that does not exist there.
    #[error("unknown key `{key}`{}, expected {expected}", In(.path))]
    UnknownKey {
        /// The key, as it was written.
        key: String,
        /// The keys that it stands under.
        path: String,
        /// The keys that exist there.
        expected: String,
    },
    /// A value that its key does not allow.
    #[error("{path}: {problem}")]
    Value {
        /// The keys that lead to the value.
        path: String,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
}

impl ConfigError {
    pub(super) fn new(file: &str, place: Option<Place>, problem: Problem) -> Self {
        Self(Box::new(Wrong { file: file.to_owned(), place, problem, hint: None }))
    }

    pub(super) fn with_hint(mut self, hint: String) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// Returns the name of the file, as it was given to the parser.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Returns where in the file, if one place is to blame.
    pub fn place(&self) -> Option<Place> {
        self.0.place
    }

    /// Returns what is wrong.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }
}

struct At(Option<Place>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(place) => write!(f, ":{}:{}", place.line, place.column),
            None => Ok(()),
        }
    }
}

struct In<'a>(&'a str);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " under `{}`", self.0) }
    }
}
