//! A workflow file, as far as a gate depends on it ("Workflow syntax for GitHub Actions").
//!
//! The file comes from whoever could commit it, so it is bounded, and whatever is odd about it only
//! means that less is known.

use serde_yaml::Value;

use super::cure::{Cure, Place};
use crate::config::{Step as Key, Wanted, locate};

/// The largest file that is read, in bytes; GitHub takes at most 512 KiB.
pub const LARGEST: usize = 512 << 10;

/// More brackets than any workflow has: the YAML library takes time with the square of their depth.
const MOST_BRACKETS: usize = 10_000;

/// Why a file is no workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
    /// Whether the text speaks of tidegate.
    pub names_tidegate: bool,
}

/// A workflow file.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    path: String,
    text: String,
    document: Value,
}

/// A job of a workflow.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The workflow.
    pub workflow: &'a Workflow,
    /// Its id.
    pub id: &'a str,
    value: &'a Value,
}

/// A step of a job.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    job: Job<'a>,
    index: usize,
    value: &'a Value,
}

/// What of tidegate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// The gate.
    Gate,
    /// The retry of failed jobs.
    Retry,
}

impl Runs {
    /// Returns what the input `command` of the action and of the reusable workflow asks for.
    fn of_command(command: Option<&str>) -> Option<Self> {
        match command {
            None | Some("gate") => Some(Self::Gate),
            Some("retry") => Some(Self::Retry),
            Some(_) => None,
        }
    }
}

impl Workflow {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let wrong = |line, reason: String| {
            let lossy = String::from_utf8_lossy(&bytes[..bytes.len().min(LARGEST)]);
            let names_tidegate = lossy.to_ascii_lowercase().contains("tidegate");
            Unreadable { line, reason, names_tidegate }
        };
        if bytes.len() > LARGEST {
            return Err(wrong(None, format!("it has more than {LARGEST} bytes")));
        }
        if bytes.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > MOST_BRACKETS {
            return Err(wrong(None, format!("it has more than {MOST_BRACKETS} opening brackets")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| wrong(None, "no UTF-8".to_owned()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document: Value = serde_yaml::from_str(text)
            .map_err(|error| wrong(error.location().map(|at| at.line()), error.to_string()))?;
        if document.get("jobs").is_none_or(|jobs| !jobs.is_mapping()) {
            return Err(wrong(None, "it has no `jobs`".to_owned()));
        }
        Ok(Self { path: path.to_owned(), text: text.to_owned(), document })
    }

    /// Its path from the root of the repository.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub(super) fn document(&self) -> &Value {
        &self.document
    }

    /// Returns the value of a key at the top.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.document.get(key)
    }

    /// Returns the line of a key at the end of a way through maps; `None` where there is none.
    pub fn line(&self, way: &[&str]) -> Option<usize> {
        way.iter().try_fold(&self.document, |value, key| value.get(*key))?;
        let way: Vec<Key> = way.iter().map(|key| Key::Key((*key).to_owned())).collect();
        self.line_of(&way)
    }

    fn line_of(&self, way: &[Key]) -> Option<usize> {
        match way.split_last()? {
            (Key::Key(key), rest) => locate(&self.text, rest, Wanted::Key(key)),
            (Key::Index(_), _) => locate(&self.text, way, Wanted::Value),
        }
        .map(|place| place.line)
    }

    /// Lists the jobs, in the order of the file.
    pub fn jobs(&self) -> impl Iterator<Item = Job<'_>> {
        let jobs = self.get("jobs").and_then(Value::as_mapping);
        jobs.into_iter()
            .flatten()
            .filter_map(move |(id, value)| Some(Job { workflow: self, id: id.as_str()?, value }))
    }

    /// Lists the events that start it.
    pub fn events(&self) -> Vec<&str> {
        match self.get("on") {
            Some(Value::String(event)) => vec![event],
            Some(Value::Sequence(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::Mapping(map)) => map.keys().filter_map(Value::as_str).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_)) | None => {
                Vec::new()
            }
        }
    }

    /// Returns what is configured for an event.
    pub fn event(&self, event: &str) -> Option<&Value> {
        self.get("on")?.get(event)
    }
}

impl<'a> Job<'a> {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key)
    }

    /// Returns the line of a key, or that of the job where it has no such key.
    pub fn line(&self, key: &str) -> Option<usize> {
        let of_key = self.get(key).and_then(|_| self.workflow.line(&["jobs", self.id, key]));
        of_key.or_else(|| self.workflow.line(&["jobs", self.id]))
    }

    /// The way to it from the root of the document, and on to a key of it.
    pub(super) fn way(&self, more: &[&str]) -> Vec<Key> {
        let keys = ["jobs", self.id].into_iter().chain(more.iter().copied());
        keys.map(|key| Key::Key(key.to_owned())).collect()
    }

    /// Returns an input that it gives the reusable workflow that it calls, as text.
    pub fn input(&self, name: &str) -> Option<String> {
        scalar(self.get("with")?.get(name)?).filter(|text| !text.is_empty())
    }

    /// Returns the jobs that it needs.
    pub fn needs(&self) -> Vec<&'a str> {
        match self.get("needs") {
            Some(Value::Sequence(list)) => list.iter().filter_map(Value::as_str).collect(),
            other => other.and_then(Value::as_str).into_iter().collect(),
        }
    }

    /// Returns the reusable workflow that it calls.
    pub fn calls(&self) -> Option<&'a str> {
        self.get("uses").and_then(Value::as_str)
    }

    /// Lists its steps.
    pub fn steps(self) -> impl Iterator<Item = Step<'a>> {
        let steps = self.get("steps").and_then(Value::as_sequence);
        steps.into_iter().flatten().enumerate().map(move |(index, value)| Step {
            job: self,
            index,
            value,
        })
    }

    /// Whether tidegate logs in as a GitHub App there.
    pub fn has_app(&self) -> bool {
        self.input("app-id").is_some()
            || self.steps().any(|step| step.runs().is_some() && step.input("app-id").is_some())
    }

    /// Returns what of tidegate runs in it.
    pub fn runs(self) -> Option<Runs> {
        if self.calls().is_some_and(names_tidegate) {
            return Runs::of_command(self.input("command").as_deref());
        }
        self.steps().find_map(|step| step.runs())
    }
}

impl<'a> Step<'a> {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key)
    }

    /// Returns the action that it uses.
    pub fn uses(&self) -> Option<&'a str> {
        self.get("uses").and_then(Value::as_str)
    }

    /// Returns an input that it gives its action, as text.
    pub fn input(&self, name: &str) -> Option<String> {
        input(self.value, name)
    }

    /// The way to it from the root of the document.
    pub(super) fn way(&self) -> Vec<Key> {
        let mut way = self.job.way(&["steps"]);
        way.push(Key::Index(self.index));
        way
    }

    /// The change that gives its action an input; `None` where `with` is no map.
    pub(super) fn with_input(&self, name: &str, value: &str) -> Option<Cure> {
        let file = self.job.workflow.path();
        let mut with = self.way();
        with.push(Key::Key("with".to_owned()));
        let Some(given) = self.get("with") else {
            let lines = format!("with:\n  {name}: {value}");
            return Some(Cure::add(file, self.way(), lines, Place::After("uses")));
        };
        Some(if given.as_mapping()?.contains_key(name) {
            Cure::write(file, with, name, value)
        } else {
            Cure::add(file, with, format!("{name}: {value}"), Place::Last)
        })
    }

    /// Returns the line of a key, or that of the step where it has no such key.
    pub fn line(&self, key: &str) -> Option<usize> {
        let mut way = self.way();
        let mut keys = self.value.as_mapping()?.keys().filter_map(Value::as_str);
        // A map has no place of its own: its first key stands there.
        let key = if self.get(key).is_some() { key } else { keys.next()? };
        way.push(Key::Key(key.to_owned()));
        self.job.workflow.line_of(&way)
    }

    /// Returns what of tidegate it runs.
    pub fn runs(&self) -> Option<Runs> {
        if self.uses().is_some_and(names_tidegate) {
            return Runs::of_command(self.input("command").as_deref());
        }
        let script = self.get("run").and_then(Value::as_str)?;
        script.replace("\\\n", " ").lines().find_map(called)
    }
}

/// Returns what of tidegate a line of a script calls: options may stand before the command.
fn called(line: &str) -> Option<Runs> {
    let mut words = line.split_whitespace();
    let is_program = |word: &str| {
        let last = word.rsplit(['"', '\'', '(', '`']).find(|part| !part.is_empty());
        last.is_some_and(|name| name == "tidegate" || name.ends_with("/tidegate"))
    };
    words.by_ref().find(|word| is_program(word))?;
    let ends = |word: &str| ["&&", "||", "|", ";", "&"].contains(&word) || word.ends_with(';');
    let mut last = false;
    let arguments = words.take_while(|word| !std::mem::replace(&mut last, ends(word)));
    arguments.into_iter().find_map(|word| match word.trim_matches(['"', '\'', ')', '`', ';']) {
        "gate" => Some(Runs::Gate),
        "retry" => Some(Runs::Retry),
        _ => None,
    })
}

/// Tells whether `uses` names this project's action or one of its workflows.
pub fn names_tidegate(uses: &str) -> bool {
    let path = uses.split('@').next().unwrap_or_default();
    path.split('/').take(2).any(|part| part.eq_ignore_ascii_case("tidegate"))
}

/// Returns an input of what a job or a step uses, as text; an empty one is none.
fn input(user: &Value, name: &str) -> Option<String> {
    scalar(user.get("with")?.get(name)?).filter(|text| !text.is_empty())
}

/// Returns a scalar as the text that GitHub makes of it.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_calls_the_gate_in_several_ways() {
        for line in [
            "tidegate gate",
            "./bin/tidegate gate --needs \"$NEEDS\"",
            "tidegate --config api/tidegate.yml gate",
            "set -e; \"$HOME/tidegate\" --json gate | tee out.json",
            "out=$(tidegate gate)",
        ] {
            assert_eq!(called(line), Some(Runs::Gate), "{line}");
        }
        assert_eq!(called("tidegate retry"), Some(Runs::Retry));
        for line in ["pip install tidegate && ./gate", "echo gate", "tidegate doctor; ./gate gate"]
        {
            assert_eq!(called(line), None, "{line}");
        }
    }
}
