//! From bytes to a [`Config`]:
//!
//! 1. size, UTF-8, byte order mark;
//! 2. YAML to a tree: bounded, without double keys;
//! 3. the tree to the types: unknown keys, wrong types;
//! 4. what types cannot say: [`super::check`].
//!
//! What goes wrong in 3 and 4 knows its way from the root, and [`super::locate`] turns that into a
//! line and a column.

use std::cell::Cell;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize as _;
use serde::de::DeserializeSeed as _;

use super::locate::{Wanted, locate};
use super::node::{Misfit, MisfitKind, Node, Step, Tree, alternatives};
use super::{Config, ConfigError, Place, Problem, check};

/// The largest configuration that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// More brackets than any configuration has. The YAML library takes time with the square of their
/// depth: a file of a megabyte would take minutes.
const MOST_BRACKETS: usize = 4_000;

impl Config {
    /// Reads a configuration from a file of at most [`MAX_CONFIG_BYTES`].
    ///
    /// # Errors
    /// [`ConfigError`], also where there is no such file: whether that is one is for the caller.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(path)
            .and_then(|file| file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            let problem = Problem::Unreadable(error.to_string());
            return Err(ConfigError::new(&name, None, problem));
        }
        Self::parse(&bytes, &name)
    }

    /// Reads a configuration from the bytes of a file, which is called `name` in errors.
    /// An empty file is the default configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with the place in the file.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, ConfigError> {
        let wrong = |problem| ConfigError::new(name, None, problem);
        if bytes.len() as u64 > MAX_CONFIG_BYTES {
            return Err(wrong(Problem::TooLarge));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| wrong(Problem::NotUtf8(error.valid_up_to())))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > MOST_BRACKETS {
            let problem = format!("more than {MOST_BRACKETS} opening brackets");
            return Err(wrong(Problem::Syntax(problem)));
        }
        let tree = Tree::new(&Cell::new(0))
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| syntax(name, &error))?;
        if tree == Node::Null {
            return Ok(Self::default());
        }
        let checked = Self::deserialize(tree).and_then(|config| {
            check::check(&config)?;
            Ok(config)
        });
        checked.map_err(|misfit| explain(misfit, text, name))
    }
}

/// The library puts the way and the place into its message; the place stands before it already.
fn syntax(name: &str, error: &serde_yaml::Error) -> ConfigError {
    let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
    let mut message = error.to_string();
    if let Some(place) = place {
        let at = format!(" at line {} column {}", place.line, place.column);
        message = message.replacen(&at, "", 1);
    }
    ConfigError::new(name, place, Problem::Syntax(message))
}

fn explain(misfit: Misfit, text: &str, name: &str) -> ConfigError {
    let path = way(&misfit.path);
    let place = |wanted| locate(text, &misfit.path, wanted);
    match misfit.kind {
        MisfitKind::UnknownKey { key, allowed } => {
            let place = place(Wanted::Key(&key));
            let hint = nearest(&key, &allowed).map(|known| format!("did you mean `{known}`?"));
            let expected = alternatives(allowed.iter().map(String::as_str));
            let problem = Problem::UnknownKey { key: shortened(&key), path, expected };
            let error = ConfigError::new(name, place, problem);
            if let Some(hint) = hint { error.with_hint(hint) } else { error }
        }
        MisfitKind::UnknownWord { word, allowed } => {
            let expected = alternatives(allowed.iter().map(String::as_str));
            let problem = format!("expected {expected}, found {:?}", shortened(&word));
            let problem = Problem::Value { path, problem };
            let error = ConfigError::new(name, place(Wanted::Value), problem);
            match nearest(&word, &allowed) {
                Some(known) => error.with_hint(format!("did you mean `{known}`?")),
                None => error,
            }
        }
        MisfitKind::Other(problem) => {
            let place = place(Wanted::Value);
            let path = if path.is_empty() { "the file".to_owned() } else { path };
            ConfigError::new(name, place, Problem::Value { path, problem })
        }
    }
}

/// Returns the way as people write it: `metrics[0].file`.
fn way(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shortened(key));
            }
        }
    }
    text
}

/// Keys may be hostile and long.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Returns the allowed word that `word` was probably meant to be.
fn nearest<'a>(word: &str, allowed: &'a [String]) -> Option<&'a str> {
    // The measure takes quadratic time, and no key is that long.
    let word: String = word.chars().take(80).collect::<String>().to_lowercase().replace('-', "_");
    allowed
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(&word, known), known.as_str()))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
