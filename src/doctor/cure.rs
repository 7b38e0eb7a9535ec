//! The change of a workflow's text that cures a finding: one key is added, or gets another value.
//!
//! A YAML library would write the whole file anew and lose comments and form. So a cure tries the
//! places where the line may go, and takes the first text that reads as exactly the document that
//! is wanted: whatever is unusual about a file only means that it is not cured.

use serde_yaml::Value;

use super::workflow::Workflow;
use crate::config::{Step, Wanted, locate};

/// Beside so many keys of a map a place is looked for.
const MOST_KEYS: usize = 25;

/// Larger texts are left alone, in bytes: each place that is tried costs a reading of the whole.
const LARGEST: usize = 64 << 10;

/// A change of one map in a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cure {
    file: String,
    map: Vec<Step>,
    edit: Edit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit {
    /// Adds these lines, which are one key with its value.
    Add { lines: String, place: Place },
    /// Gives a key that is there another plain value.
    Write { key: String, value: String },
}

/// Where a key is best added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the end of the map.
    Last,
    /// Below this key.
    After(&'static str),
    /// Above this key and its comments, with an empty line between them.
    Above(&'static str),
}

impl Cure {
    /// Adds a key with its value, `lines`, to a map.
    pub(super) fn add(file: &str, map: Vec<Step>, lines: impl Into<String>, place: Place) -> Self {
        Self { file: file.to_owned(), map, edit: Edit::Add { lines: lines.into(), place } }
    }

    /// Gives a key of a map another plain value.
    pub(super) fn write(
        file: &str,
        map: Vec<Step>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let edit = Edit::Write { key: key.into(), value: value.into() };
        Self { file: file.to_owned(), map, edit }
    }

    /// The workflow's path.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Returns the workflow with the change; `None` where no place for it was found.
    pub(super) fn applied(&self, workflow: &Workflow) -> Option<Workflow> {
        let wanted =
            self.wanted(workflow.document()).filter(|_| workflow.text().len() <= LARGEST)?;
        let texts = match &self.edit {
            Edit::Add { lines, place } => self.added(workflow, lines, *place),
            Edit::Write { key, value } => self.written(workflow.text(), key, value),
        };
        texts.into_iter().find_map(|text| {
            let changed = Workflow::parse(workflow.path(), text.as_bytes()).ok()?;
            (*changed.document() == wanted).then_some(changed)
        })
    }

    /// The document as it shall be.
    fn wanted(&self, document: &Value) -> Option<Value> {
        let mut wanted = document.clone();
        let mut at = &mut wanted;
        for step in &self.map {
            at = match step {
                Step::Key(key) => at.get_mut(key.as_str())?,
                Step::Index(index) => at.get_mut(*index)?,
            };
        }
        let map = at.as_mapping_mut()?;
        match &self.edit {
            Edit::Add { lines, .. } => {
                let Value::Mapping(new) = serde_yaml::from_str(lines).ok()? else { return None };
                for (key, value) in new {
                    if map.insert(key, value).is_some() {
                        return None;
                    }
                }
            }
            Edit::Write { key, value } => {
                // What would be cut short or mean something else without quotes.
                if value.contains(" #") || value.contains(": ") || value.contains('\n') {
                    return None;
                }
                *map.get_mut(key.as_str())? = serde_yaml::from_str(value).ok()?;
            }
        }
        Some(wanted)
    }

    fn at_map<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.map.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.get(key.as_str()),
            Step::Index(index) => value.get(*index),
        })
    }

    /// The line (from 0) and the column (in bytes) of a key of the map.
    fn place_of(&self, text: &str, key: &str) -> Option<(usize, usize)> {
        let place = locate(text, &self.map, Wanted::Key(key))?;
        let line = place.line.checked_sub(1)?;
        let content = text.lines().nth(line)?;
        let (column, _) = content.char_indices().nth(place.column.checked_sub(1)?)?;
        let here = content.get(column..)?;
        let quoted = here.strip_prefix(['"', '\'']).unwrap_or(here);
        quoted.starts_with(key).then_some((line, column))
    }

    /// The text with `added` at each place where it may fit, the best first.
    fn added(&self, workflow: &Workflow, added: &str, place: Place) -> Vec<String> {
        let text = workflow.text();
        let Some(map) = self.at_map(workflow.document()).and_then(Value::as_mapping) else {
            return Vec::new();
        };
        let keys: Vec<&str> = map.keys().filter_map(Value::as_str).take(MOST_KEYS).collect();
        let places: Vec<(&str, (usize, usize))> =
            keys.iter().filter_map(|key| Some((*key, self.place_of(text, key)?))).collect();
        let Some((_, (first, indent))) = places.first().copied() else { return Vec::new() };
        let after = |line: usize| inserted(text, line + 1, indent, added);
        let mut texts = Vec::new();
        for (key, (line, _)) in &places {
            match place {
                Place::After(best) if best == *key => texts.push(after(*line)),
                Place::Above(best) if best == *key => {
                    let line = above_comments(text, *line);
                    texts.push(inserted(text, line, indent, &format!("{added}\n\n")));
                }
                Place::Last | Place::After(_) | Place::Above(_) => {}
            }
        }
        texts.extend(places.iter().rev().map(|(_, at)| after(at.0)));
        texts.push(inserted(text, first, indent, added));
        texts
    }

    /// The text with another value of `key`, for each place where the old one may end.
    fn written(&self, text: &str, key: &str, value: &str) -> Vec<String> {
        let Some((number, column)) = self.place_of(text, key) else { return Vec::new() };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let Some(line) = lines.get(number).copied() else { return Vec::new() };
        let Some(colon) = line[column..].find(':').map(|at| column + at + 1) else {
            return Vec::new();
        };
        let content = line.trim_end_matches(['\n', '\r']);
        let begin = colon + content[colon..].chars().take_while(|c| *c == ' ').count();
        let mut ends: Vec<usize> =
            content[begin..].match_indices([',', '}', '#']).map(|(at, _)| begin + at).collect();
        ends.push(content.len());
        let mut texts = Vec::new();
        for end in ends {
            let old = content[begin..end].trim_end();
            let rest = &line[begin + old.len()..];
            let changed = format!("{} {value}{rest}", line[..colon].trim_end());
            let (above, below) = (lines[..number].concat(), lines[number + 1..].concat());
            texts.push(format!("{above}{changed}{below}"));
        }
        texts
    }
}

/// The first line of the comments right above a line.
fn above_comments(text: &str, line: usize) -> usize {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let comments = lines.iter().rev().take_while(|line| line.trim_start().starts_with('#'));
    line - comments.count()
}

/// Writes `added` above a line (from 0), at this indentation and with the line ends of the text.
fn inserted(text: &str, line: usize, indent: usize, added: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = String::with_capacity(text.len() + added.len() + 64);
    let mut lines = text.split_inclusive('\n');
    out.extend(lines.by_ref().take(line));
    let unfinished = !out.is_empty() && !out.ends_with('\n');
    if unfinished {
        out.push_str(end);
    }
    for own in added.lines() {
        if !own.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(own);
        }
        out.push_str(end);
    }
    if unfinished {
        out.truncate(out.len() - end.len());
    }
    out.extend(lines);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
on: push # always
jobs:
  # The gate.
  gate:
    # Why.
    needs: [tests]
    permissions: # few
      contents: read # the \"code\"
    concurrency: { group: x, cancel-in-progress: true }
    steps:
      - uses: a/b@c # v1
      - uses: d/e@f
        with:
          fetch-depth: 1   # shallow
";

    fn way(keys: &[&str]) -> Vec<Step> {
        let step = |key: &&str| match key.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key((*key).to_owned()),
        };
        keys.iter().map(step).collect()
    }

    fn applied(text: &str, cure: &Cure) -> Option<String> {
        let workflow = Workflow::parse("x.yml", text.as_bytes()).unwrap();
        cure.applied(&workflow).map(|new| new.text().to_owned())
    }

    #[track_caller]
    fn cures(cure: &Cure, old: &str, new: &str) {
        assert!(TEXT.contains(old), "{old}");
        assert_eq!(applied(TEXT, cure).unwrap(), TEXT.replacen(old, new, 1));
        let (windows, unfinished) = (TEXT.replace('\n', "\r\n"), TEXT.trim_end());
        let expected = TEXT.replacen(old, new, 1);
        assert_eq!(applied(&windows, cure).unwrap(), expected.replace('\n', "\r\n"));
        assert_eq!(applied(unfinished, cure).unwrap(), expected.trim_end());
    }

    #[test]
    fn a_line_goes_where_it_reads_best_and_every_other_byte_stays() {
        let job = || way(&["jobs", "gate"]);
        let add = |map, lines: &str, place| Cure::add("x.yml", map, lines, place);
        cures(
            &add(job(), "if: ${{ !cancelled() }}", Place::After("needs")),
            "    needs: [tests]\n",
            "    needs: [tests]\n    if: ${{ !cancelled() }}\n",
        );
        cures(
            &add(way(&["jobs", "gate", "permissions"]), "issues: write", Place::Last),
            "# the \"code\"\n",
            "# the \"code\"\n      issues: write\n",
        );
        cures(
            &add(way(&[]), "permissions: {}", Place::Above("jobs")),
            "jobs:\n",
            "permissions: {}\n\njobs:\n",
        );
        cures(
            &add(
                way(&["jobs", "gate", "steps", "0"]),
                "with:\n  fetch-depth: 0",
                Place::After("uses"),
            ),
            "@c # v1\n",
            "@c # v1\n        with:\n          fetch-depth: 0\n",
        );
    }

    #[test]
    fn a_value_is_changed_and_its_comment_stays() {
        let write = |map, key: &str, value: &str| Cure::write("x.yml", map, key, value);
        cures(
            &write(way(&["jobs", "gate", "steps", "1", "with"]), "fetch-depth", "0"),
            "fetch-depth: 1   #",
            "fetch-depth: 0   #",
        );
        cures(
            &write(way(&["jobs", "gate", "concurrency"]), "cancel-in-progress", "false"),
            "progress: true }",
            "progress: false }",
        );
        cures(
            &write(way(&["jobs", "gate", "permissions"]), "contents", "write"),
            "contents: read #",
            "contents: write #",
        );
    }

    #[test]
    fn what_is_written_in_another_way_is_left_alone() {
        let add = |lines: &str| Cure::add("x.yml", way(&["jobs", "gate"]), lines, Place::Last);
        // A map in braces has no lines of its own.
        let flow = "jobs: { gate: { needs: [a], steps: [] } }\n";
        assert_eq!(applied(flow, &add("if: always()")), None);
        // It is there.
        assert_eq!(applied(TEXT, &add("needs: x")), None);
        // One line that two places stand for.
        let shared = "jobs:\n  gate: &both\n    needs: [a]\n  other: *both\n";
        assert_eq!(applied(shared, &add("if: always()")), None);
        // The last lines are a text, and no place for keys.
        let text = "jobs:\n  gate:\n    x: |\n      a\n\n      b";
        let new = applied(text, &add("if: always()")).unwrap();
        assert_eq!(new, "jobs:\n  gate:\n    if: always()\n    x: |\n      a\n\n      b");
    }
}
