//! What is wrong with a compose file, before its line is known.

use super::tree::Way;
use super::{ComposeError, Warning};
use crate::config::{Step, Wanted, locate};

/// What is wrong, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Wrong(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    place: Place,
    problem: String,
    hint: Option<String>,
}

#[derive(Debug, Clone)]
enum Place {
    /// No line is to blame.
    File,
    Line(usize),
    Way(Way),
    /// Another file, with its line.
    Other(String, Option<usize>),
}

impl Wrong {
    fn new(place: Place, problem: String) -> Self {
        Self(Box::new(Parts { place, problem, hint: None }))
    }

    /// Refuses the whole file.
    pub(super) fn file(problem: String) -> Self {
        Self::new(Place::File, problem)
    }

    /// Refuses what cannot be read as YAML.
    pub(super) fn syntax(line: Option<usize>, problem: String) -> Self {
        Self::new(line.map_or(Place::File, Place::Line), problem)
    }

    /// Refuses the value at the end of the way.
    pub(super) fn at(way: &Way, problem: String) -> Self {
        Self::new(Place::Way(way.clone()), problem)
    }

    /// Refuses a file that the compose file names.
    pub(super) fn other(file: String, line: Option<usize>, problem: String) -> Self {
        Self::new(Place::Other(file, line), problem)
    }

    /// Says what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Finds the line.
    pub(super) fn explain(self, file: &str, text: &str) -> ComposeError {
        let Parts { place, problem, hint } = *self.0;
        let (file, line) = match place {
            Place::File => (file.to_owned(), None),
            Place::Line(line) => (file.to_owned(), Some(line)),
            Place::Way(way) => (file.to_owned(), line_of(text, &way.steps())),
            Place::Other(other, line) => (other, line),
        };
        ComposeError { file, line, problem: shown(&problem), hint: hint.as_deref().map(shown) }
    }
}

/// Returns the line of the key at the end of the way, or of the value in a list.
fn line_of(text: &str, steps: &[Step]) -> Option<usize> {
    let place = match steps.split_last() {
        None => return None,
        Some((Step::Key(key), before)) => locate(text, before, Wanted::Key(key)),
        Some((Step::Index(_), _)) => locate(text, steps, Wanted::Value),
    };
    place.map(|place| place.line)
}

/// Names of a file may hold line ends and terminal sequences.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

impl Warning {
    pub(super) fn of(service: &str, key: &str, text: impl AsRef<str>) -> Self {
        Self { service: Some(shown(service)), ..Self::general(key, text) }
    }

    pub(super) fn general(key: &str, text: impl AsRef<str>) -> Self {
        Self { service: None, key: shown(key), text: shown(text.as_ref()) }
    }
}
