//! Finds the line and the column of a value.
//!
//! The YAML library tells a place only in errors. So the document is read once more, down to the
//! value in question, and there an error is made on purpose.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Place;
use super::node::Step;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// The value at the end of the way.
    Value,
    /// The key of this name in the map at the end of the way.
    Key(&'a str),
}

/// Returns the place of what is `wanted` at the end of `path`, if it is there.
pub(crate) fn locate(text: &str, path: &[Step], wanted: Wanted<'_>) -> Option<Place> {
    let error = Way { path, wanted }.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    let location = error.location()?;
    Some(Place { line: location.line(), column: location.column() })
}

/// Goes `path`, and errs at its end.
#[derive(Clone, Copy)]
struct Way<'a> {
    path: &'a [Step],
    wanted: Wanted<'a>,
}

/// Nothing that is ever shown: only its place counts.
fn here<E: de::Error>() -> E {
    E::custom("here")
}

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value that is looked for")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(index), rest)) = self.path.split_first() else { return Err(here()) };
        for _ in 0..*index {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Way { path: rest, ..self })?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (wanted, rest, at_key) = match (self.path.split_first(), self.wanted) {
            (Some((Step::Key(key), rest)), _) => (key.as_str(), rest, false),
            (None, Wanted::Key(key)) => (key, self.path, true),
            (None, Wanted::Value) | (Some((Step::Index(_), _)), _) => return Err(here()),
        };
        while let Some(found) = map.next_key_seed(IsKey { wanted, at_key })? {
            if found {
                return map.next_value_seed(Way { path: rest, ..self });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Tells whether a key is the wanted one, and errs at it where the key itself is looked for.
struct IsKey<'a> {
    wanted: &'a str,
    at_key: bool,
}

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        let found = key == self.wanted;
        if found && self.at_key { Err(here()) } else { Ok(found) }
    }
}
