//! The syntax of files with variables (Compose documentation, "Set, use, and manage variables in a
//! Compose file with interpolation", ".env file syntax").

use super::Variables;
use super::interpolate::Interpolation;
use crate::stack::Value;

/// The most variables of a file.
const MOST_VARIABLES: usize = 2_000;

/// What is wrong with a file, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) problem: String,
}

/// Reads a file. A name without `=` takes its value from the variables, where there is one. With
/// `raw`, what stands after `=` is the value as it is.
pub(super) fn read(
    text: &str,
    interpolation: &Interpolation<'_>,
    raw: bool,
) -> Result<Variables, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = Variables::new();
    let mut rest = text;
    let (mut line, mut counted) = (1, 0);
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        line += text[counted..at].matches('\n').count();
        counted = at;
        let wrong = |problem: String| BadLine { line, problem };
        let (this, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let start = this.trim();
        if start.is_empty() || start.starts_with('#') {
            rest = after;
            continue;
        }
        if values.len() >= MOST_VARIABLES {
            return Err(wrong(format!("more than {MOST_VARIABLES} variables")));
        }
        let declared = match start.strip_prefix("export ") {
            Some(declared) => declared.trim_start(),
            None => start,
        };
        let end = declared.find(['=', ':']).unwrap_or(declared.len());
        let name = declared[..end].trim_end();
        if !is_key(name) {
            let name: String = name.chars().take(40).collect();
            return Err(wrong(format!("{name:?} is no name of a variable, expected NAME=value")));
        }
        if end == declared.len() {
            if let Some(value) = interpolation.variable(name) {
                values.insert(name.to_owned(), value.clone());
            }
            rest = after;
            continue;
        }
        if raw {
            let value = declared[end + 1..].to_owned();
            values.insert(name.to_owned(), Value::Plain(value));
            rest = after;
            continue;
        }
        // From the character after `=`, over line ends: a quoted value may hold them.
        let before = this.len() - this.trim_start().len() + start.len() - declared.len();
        let from = before + end + 1;
        let (value, left) = value(&rest[from..]).map_err(wrong)?;
        rest = left;
        let value = match value {
            Written::Literal(text) => Value::Plain(text),
            Written::Template(text) => {
                let own = |name: &str| values.get(name).cloned();
                interpolation.text(&text, &own).map_err(wrong)?.value()
            }
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// A value as it was written.
enum Written {
    /// In single quotes.
    Literal(String),
    /// Variables are put in.
    Template(String),
}

/// Reads a value up to the end of its line, and returns what follows.
fn value(text: &str) -> Result<(Written, &str), String> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        let comment = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min();
        let line = if line.starts_with('#') { "" } else { &line[..comment.unwrap_or(line.len())] };
        return Ok((Written::Template(line.trim().to_owned()), rest));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
            match (quote, character) {
                ('"', 'n') => value.push('\n'),
                ('"', 'r') => value.push('\r'),
                ('"', 't') => value.push('\t'),
                ('"', '"' | '\\') | ('\'', '\'') => value.push(character),
                // A dollar sign that is none of a variable.
                ('"', '$') => value.push_str("$$"),
                (_, other) => value.extend(['\\', other]),
            }
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            let (tail, rest) = text[at + 1..].split_once('\n').unwrap_or((&text[at + 1..], ""));
            let tail = tail.trim();
            if !tail.is_empty() && !tail.starts_with('#') {
                return Err("there is text after the closing quote".to_owned());
            }
            let written =
                if quote == '"' { Written::Template(value) } else { Written::Literal(value) };
            return Ok((written, rest));
        } else {
            value.push(character);
        }
    }
    Err(format!("the closing {quote} is missing"))
}

/// Names of variables in containers may hold more than those that are put in.
fn is_key(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name.len() <= 256 && name.bytes().all(allowed)
}
