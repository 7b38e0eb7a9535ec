//! Puts variables in ("Compose file reference", "Interpolation"): `$NAME`, `${NAME}`, the forms with
//! `-`, `?` and `+`, each also with `:`, and `$$` for a dollar sign. A default may hold variables
//! itself; a value never does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::Variables;
use super::tree::{Kind, Node};
use super::wrong::Wrong;
use crate::secret::Secret;
use crate::stack::Value;

/// Defaults in defaults, at most.
const DEEPEST: usize = 20;

/// The most bytes of all texts that variables were put into.
const MOST_BYTES: usize = 8 << 20;

/// The most places without a value that are remembered.
const MOST_MISSING: usize = 10_000;

/// Puts variables in, and remembers which were missing.
pub(super) struct Interpolation<'a> {
    variables: &'a Variables,
    bytes: Cell<usize>,
    /// With repetitions.
    missing: RefCell<Vec<String>>,
}

/// A text with its variables put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// Whether a secret was put in.
    pub(super) secret: bool,
}

impl Filled {
    fn add(&mut self, value: &Value) {
        match value {
            Value::Plain(text) => self.text.push_str(text),
            Value::Secret(secret) => {
                self.text.push_str(secret.expose());
                self.secret |= !secret.is_empty();
            }
        }
    }

    fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.secret |= other.secret;
    }

    /// Returns it as a value that keeps a secret a secret.
    pub(super) fn value(self) -> Value {
        if self.secret { Value::Secret(Secret::new(self.text)) } else { Value::Plain(self.text) }
    }
}

impl<'a> Interpolation<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self { variables, bytes: Cell::new(0), missing: RefCell::default() }
    }

    /// Returns the variables that stood there without a default and have no value: as with
    /// `docker compose`, they are empty.
    pub(super) fn missing(&self) -> BTreeSet<String> {
        self.missing.borrow().iter().cloned().collect()
    }

    /// Returns the value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&'a Value> {
        self.variables.get(name)
    }

    /// Fills a value and everything in it; keys are left as they are.
    pub(super) fn fill(&self, node: &Node) -> Result<Node, Wrong> {
        let kind = match &node.kind {
            Kind::Text(text) => {
                let filled = self.text(text, &|_| None).map_err(|problem| node.wrong(problem))?;
                if filled.secret {
                    Kind::Secret(Secret::new(filled.text))
                } else {
                    Kind::Text(filled.text)
                }
            }
            Kind::List(values) => {
                Kind::List(values.iter().map(|value| self.fill(value)).collect::<Result<_, _>>()?)
            }
            Kind::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| Ok((key.clone(), self.fill(value)?)));
                Kind::Map(pairs.collect::<Result<_, Wrong>>()?)
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Secret(_) => node.kind.clone(),
        };
        Ok(Node { way: node.way.clone(), kind })
    }

    /// Fills a text; `first` gives values that count before the variables.
    pub(super) fn text(
        &self,
        text: &str,
        first: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Filled, String> {
        let mut template = Template { rest: text, interpolation: self, first };
        let filled = template.until_end(0)?;
        if template.rest.is_empty() { Ok(filled) } else { Err(invalid(template.rest)) }
    }

    fn count(&self, bytes: usize) -> Result<(), String> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > MOST_BYTES {
            return Err(format!("more than {MOST_BYTES} bytes after variables were put in"));
        }
        Ok(())
    }
}

fn invalid(at: &str) -> String {
    let at: String = at.chars().take(40).collect();
    format!("{at:?} is no variable, expected $NAME, ${{NAME}} or $$ for a dollar sign")
}

struct Template<'a, 'b> {
    rest: &'a str,
    interpolation: &'b Interpolation<'b>,
    first: &'b dyn Fn(&str) -> Option<Value>,
}

impl Template<'_, '_> {
    /// Fills up to the end, or inside of braces (`depth` above 0) up to the closing brace, which it
    /// leaves.
    fn until_end(&mut self, depth: usize) -> Result<Filled, String> {
        if depth > DEEPEST {
            return Err(format!("more than {DEEPEST} defaults in defaults"));
        }
        let mut filled = Filled::default();
        loop {
            let stops: &[char] = if depth == 0 { &['$'] } else { &['$', '}'] };
            let stop = self.rest.find(stops).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at(stop);
            self.interpolation.count(plain.len())?;
            filled.text.push_str(plain);
            self.rest = rest;
            if !rest.starts_with('$') {
                return Ok(filled);
            }
            if let Some(after) = rest.strip_prefix("$$") {
                filled.text.push('$');
                self.rest = after;
            } else if let Some(inside) = rest.strip_prefix("${") {
                self.rest = inside;
                let value = self.braced(rest, depth)?;
                self.interpolation.count(value.text.len())?;
                filled.append(&value);
            } else {
                let name = name(&rest[1..]);
                if name.is_empty() {
                    return Err(invalid(rest));
                }
                self.rest = &rest[1 + name.len()..];
                let value = self.value(name);
                self.interpolation.count(value.text.len())?;
                filled.append(&value);
            }
        }
    }

    /// Fills `NAME}`, `NAME:-default}` and so on; `whole` is for errors.
    fn braced(&mut self, whole: &str, depth: usize) -> Result<Filled, String> {
        let name = name(self.rest);
        let after = &self.rest[name.len()..];
        if name.is_empty() {
            return Err(invalid(whole));
        }
        if let Some(rest) = after.strip_prefix('}') {
            self.rest = rest;
            return Ok(self.value(name));
        }
        let (empty_too, operator) = match after.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, after),
        };
        let kind = operator.chars().next().filter(|kind| matches!(kind, '-' | '?' | '+'));
        let kind = kind.ok_or_else(|| invalid(whole))?;
        self.rest = &operator[1..];
        // What is not used must not be missed.
        let missing = self.interpolation.missing.borrow().len();
        let word = self.until_end(depth + 1)?;
        self.rest = self.rest.strip_prefix('}').ok_or_else(|| {
            format!(
                "the closing brace of {:?} is missing",
                whole.chars().take(40).collect::<String>()
            )
        })?;
        let value = self.known(name).filter(|value| !empty_too || !value.text.is_empty());
        let is_set = value.is_some();
        let unused = match kind {
            '+' => !is_set,
            _ => is_set,
        };
        if unused {
            self.interpolation.missing.borrow_mut().truncate(missing);
        }
        match (kind, value) {
            ('+', Some(_)) => Ok(word),
            ('+', None) => Ok(Filled::default()),
            (_, Some(value)) => Ok(value),
            ('?', None) if word.text.is_empty() => Err(format!("the variable {name} has no value")),
            // A secret cannot be meant as an error text.
            ('?', None) if word.secret => Err(format!("the variable {name} has no value: ***")),
            ('?', None) => {
                let word: String = word.text.chars().take(200).collect();
                Err(format!("the variable {name} has no value: {word}"))
            }
            (_, None) => Ok(word),
        }
    }

    fn known(&self, name: &str) -> Option<Filled> {
        let value = (self.first)(name).or_else(|| self.interpolation.variable(name).cloned())?;
        let mut filled = Filled::default();
        filled.add(&value);
        Some(filled)
    }

    fn value(&self, name: &str) -> Filled {
        self.known(name).unwrap_or_else(|| {
            let mut missing = self.interpolation.missing.borrow_mut();
            if missing.len() < MOST_MISSING {
                missing.push(name.chars().take(80).collect());
            }
            Filled::default()
        })
    }
}

/// Returns the name of a variable at the start of a text.
fn name(text: &str) -> &str {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    if !text.bytes().next().is_some_and(is_first) {
        return "";
    }
    let end = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'));
    &text[..end.unwrap_or(text.len())]
}

/// Whether a text is the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && name(text).len() == text.len()
}
