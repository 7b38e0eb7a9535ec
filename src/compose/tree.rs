//! A compose file as a tree: bounded, with merge keys, and every value with its way in the file.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::wrong::Wrong;
use crate::config::Step;

/// More values than any compose file has; aliases count as often as they are used.
const MOST_VALUES: usize = 20_000;

/// More brackets than any compose file has. The YAML library takes time with the square of their
/// depth.
const MOST_BRACKETS: usize = 4_000;

/// The most bytes of all keys and texts, aliases counted at each use.
const MOST_BYTES: usize = 8 << 20;

/// The way from the root of the document to a value, as it is written there: a value that came by a
/// merge key has `<<` in its way.
#[derive(Debug, Clone, Default)]
pub(super) struct Way(Option<Rc<(Way, Step)>>);

impl Way {
    fn then(&self, step: Step) -> Self {
        Self(Some(Rc::new((self.clone(), step))))
    }

    /// Returns the steps from the root.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut way = self;
        while let Some(link) = &way.0 {
            steps.push(link.1.clone());
            way = &link.0;
        }
        steps.reverse();
        steps
    }

    /// Returns the way as people write it, without merge keys: `services.web.ports[0]`.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for step in self.steps() {
            match step {
                Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
                Step::Key(key) if key == MERGE => {}
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.extend(key.chars().take(80));
                }
            }
        }
        if text.is_empty() { "the file".to_owned() } else { text }
    }
}

/// The merge key ("Merge key language-independent type for YAML").
const MERGE: &str = "<<";

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) way: Way,
    pub(super) kind: Kind,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// In the form that its text has in an environment.
    Number(String),
    Text(String),
    /// A text with a secret put in.
    Secret(crate::secret::Secret),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads a document.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > MOST_BRACKETS {
            return Err(Wrong::file(format!("more than {MOST_BRACKETS} opening brackets")));
        }
        let bounds = Bounds { values: Cell::new(0), bytes: Cell::new(0) };
        let way = Way::default();
        let document = serde_yaml::Deserializer::from_str(text);
        Tree { bounds: &bounds, way: &way }.deserialize(document).map_err(|error| {
            let line = error.location().map(|at| at.line());
            let mut problem = error.to_string();
            if let Some(at) = error.location() {
                let place = format!(" at line {} column {}", at.line(), at.column());
                problem = problem.replacen(&place, "", 1);
            }
            Wrong::syntax(line, format!("cannot be read as YAML: {problem}"))
        })
    }

    /// Returns the word for what it is.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) | Kind::Secret(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "keys with values",
        }
    }

    /// Refuses the value.
    pub(super) fn wrong(&self, problem: impl fmt::Display) -> Wrong {
        Wrong::at(&self.way, format!("{}: {problem}", self.way.text()))
    }

    /// Refuses the value for what it is.
    pub(super) fn not(&self, expected: &str) -> Wrong {
        self.wrong(format!("expected {expected}, found {}", self.what()))
    }

    /// Returns keys and values; none for nothing.
    pub(super) fn map(&self) -> Result<&[(String, Node)], Wrong> {
        match &self.kind {
            Kind::Null => Ok(&[]),
            Kind::Map(pairs) => Ok(pairs),
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Secret(_) | Kind::List(_) => {
                Err(self.not("keys with values"))
            }
        }
    }

    /// Returns the values of a list; none for nothing.
    pub(super) fn list(&self) -> Result<&[Node], Wrong> {
        match &self.kind {
            Kind::Null => Ok(&[]),
            Kind::List(values) => Ok(values),
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Secret(_) | Kind::Map(_) => {
                Err(self.not("a list"))
            }
        }
    }

    /// Returns the values of a list, or the one value that stands for a list of one.
    pub(super) fn one_or_more(&self) -> Result<&[Node], Wrong> {
        match &self.kind {
            Kind::Null => Ok(&[]),
            Kind::List(values) => Ok(values),
            Kind::Map(_) => Err(self.not("text or a list")),
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Secret(_) => {
                Ok(std::slice::from_ref(self))
            }
        }
    }

    /// Returns a text; numbers, `true` and `false` as they are written.
    pub(super) fn text(&self) -> Result<&str, Wrong> {
        match &self.kind {
            Kind::Bool(true) => Ok("true"),
            Kind::Bool(false) => Ok("false"),
            Kind::Number(text) | Kind::Text(text) => Ok(text),
            Kind::Secret(_) => {
                let problem = "a secret may stand in `environment` only";
                let hint =
                    "name the variable so that the program in the container reads it: `$$NAME`";
                Err(self.wrong(problem).hint(hint))
            }
            Kind::Null | Kind::List(_) | Kind::Map(_) => Err(self.not("text")),
        }
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Secret(_)
            | Kind::List(_) => None,
        }
    }

    /// Reads `true` and `false`, also as texts: variables put in texts.
    pub(super) fn flag(&self) -> Result<bool, Wrong> {
        match self.text()? {
            "true" | "yes" | "on" | "y" => Ok(true),
            "false" | "no" | "off" | "n" => Ok(false),
            _ => Err(self.not("true or false")),
        }
    }
}

struct Bounds {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Bounds {
    fn value<E: de::Error>(&self) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MOST_VALUES {
            let error = format!("more than {MOST_VALUES} values, aliases counted at each use");
            return Err(E::custom(error));
        }
        Ok(())
    }

    fn text<E: de::Error>(&self, text: &str) -> Result<String, E> {
        self.bytes.set(self.bytes.get().saturating_add(text.len()));
        if self.bytes.get() > MOST_BYTES {
            let error = format!("more than {MOST_BYTES} bytes, aliases counted at each use");
            return Err(E::custom(error));
        }
        Ok(text.to_owned())
    }
}

struct Tree<'a> {
    bounds: &'a Bounds,
    way: &'a Way,
}

impl Tree<'_> {
    fn node(&self, kind: Kind) -> Node {
        Node { way: self.way.clone(), kind }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.bounds.value()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Kind::Null))
    }

    // What the library calls a document without content.
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(self.node(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.node(Kind::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(self.node(Kind::Number(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(self.node(Kind::Number(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(self.node(Kind::Number(value.to_string())))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        let text = self.bounds.text(value)?;
        Ok(self.node(Kind::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        loop {
            let way = self.way.then(Step::Index(values.len()));
            let seed = Tree { bounds: self.bounds, way: &way };
            let Some(value) = list.next_element_seed(seed)? else { break };
            values.push(value);
        }
        Ok(self.node(Kind::List(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs: Vec<(String, Node)> = Vec::new();
        // To find double keys without a square of comparisons.
        let mut taken: HashSet<String> = HashSet::new();
        let mut merged = None;
        while let Some(key) = map.next_key_seed(Key { taken: &taken, bounds: self.bounds })? {
            let way = self.way.then(Step::Key(key.clone()));
            let value = map.next_value_seed(Tree { bounds: self.bounds, way: &way })?;
            taken.insert(key.clone());
            if key == MERGE {
                merged = Some(value);
            } else {
                pairs.push((key, value));
            }
        }
        if let Some(merged) = merged {
            merge(&mut pairs, &mut taken, merged).map_err(de::Error::custom)?;
        }
        Ok(self.node(Kind::Map(pairs)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(de::Error::custom("a tag (`!name`), expected a plain value"))
    }
}

/// Adds what a merge key brings. What stands in the map itself counts, then the first of a list.
fn merge(
    pairs: &mut Vec<(String, Node)>,
    taken: &mut HashSet<String>,
    merged: Node,
) -> Result<(), &'static str> {
    let maps = match merged.kind {
        Kind::List(maps) => maps,
        kind => vec![Node { way: merged.way, kind }],
    };
    for map in maps {
        let Kind::Map(others) = map.kind else {
            return Err("`<<` expects an alias of keys with values");
        };
        for (key, value) in others {
            if !taken.contains(&key) {
                taken.insert(key.clone());
                pairs.push((key, value));
            }
        }
    }
    Ok(())
}

/// Reads a key; the error is raised here so that it gets the place of the key.
struct Key<'a> {
    taken: &'a HashSet<String>,
    bounds: &'a Bounds,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is text")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.taken.contains(key) {
            let key: String = key.chars().take(80).collect();
            return Err(E::custom(format!("the key `{key}` stands there twice")));
        }
        self.bounds.text(key)
    }
}
