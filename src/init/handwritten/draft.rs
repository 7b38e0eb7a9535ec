//! A text that is edited by its lines and read again after each edit.
//!
//! Every edit says what the document shall be afterwards. Where the text then says anything else,
//! the edit is not made: an anchor that went with a removed job, a style without lines of its own.

use std::ops::Range;

use serde_yaml::{Mapping, Value};

use super::outline::{Key, Lines, Outline, job_keys, steps};

/// A text and what it says.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    text: String,
    value: Value,
}

/// Lines that give way to a text.
pub(super) type Splice = (Range<usize>, String);

impl Draft {
    /// Reads a text.
    pub fn of(text: &str) -> Option<Self> {
        let value = read(text)?;
        Some(Self { text: text.to_owned(), value })
    }

    /// Returns the text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns a job.
    pub fn job(&self, id: &str) -> Option<&Value> {
        self.value.get("jobs")?.get(id)
    }

    /// Makes an edit; `expect` says what it is to do to the document, and is given what the new
    /// text says. Nothing happens where the two differ.
    pub fn edit(
        &mut self,
        mut splices: Vec<Splice>,
        expect: impl FnOnce(&mut Value, &Value) -> Option<()>,
    ) -> Option<()> {
        splices.sort_by_key(|(lines, _)| lines.start);
        let lines = Lines::of(&self.text);
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        for (range, new) in splices {
            if range.start < from || range.end > lines.count() {
                return None;
            }
            text.push_str(&lines.text(from..range.start));
            if !new.is_empty() && !text.is_empty() && !text.ends_with('\n') {
                text.push_str(lines.ending());
            }
            text.push_str(&new.replace('\n', lines.ending()));
            from = range.end;
        }
        text.push_str(&lines.text(from..lines.count()));
        let value = read(&text)?;
        let mut expected = self.value.clone();
        expect(&mut expected, &value)?;
        (value == expected).then(|| *self = Self { text, value })
    }

    /// Takes a job out.
    pub fn remove_job(&mut self, id: &str) -> Option<()> {
        let lines = Lines::of(&self.text);
        let outline = Outline::of(&lines)?;
        let job = outline.job(id)?;
        let mut range = job.lines.clone();
        if outline.jobs.last() == Some(job) {
            // What stands behind the jobs keeps its distance.
            range = lines.without_blank_end(range);
            while range.start > 0 && lines.line(range.start - 1).trim().is_empty() {
                range.start -= 1;
            }
        }
        self.edit(vec![(range, String::new())], |value, _| {
            jobs_mut(value)?.remove(id)?;
            Some(())
        })
    }

    /// Takes steps out of a job.
    pub fn remove_steps(&mut self, id: &str, gone: &[usize]) -> Option<()> {
        let lines = Lines::of(&self.text);
        let outline = Outline::of(&lines)?;
        let items = steps(&lines, outline.job(id)?)?;
        let end = items.last()?.lines.end;
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for index in gone {
            let lines = items.get(*index)?.lines.clone();
            match ranges.last_mut() {
                Some(before) if before.end == lines.start => before.end = lines.end,
                Some(_) | None => ranges.push(lines),
            }
        }
        if let Some(last) = ranges.last_mut().filter(|last| last.end == end) {
            // What stands behind the job keeps its distance.
            *last = lines.without_blank_end(last.clone());
            while last.start > 0 && lines.line(last.start - 1).trim().is_empty() {
                last.start -= 1;
            }
        }
        let splices = ranges.into_iter().map(|range| (range, String::new())).collect();
        self.edit(splices, |value, _| {
            let steps = job_mut(value, id)?.get_mut("steps")?.as_sequence_mut()?;
            let mut index = 0;
            steps.retain(|_| {
                index += 1;
                !gone.contains(&(index - 1))
            });
            Some(())
        })
    }

    /// Sets a key of a job whose value is one word or expression; a new one stands in front of
    /// `before`.
    pub fn set(&mut self, id: &str, key: &str, line: &str, before: &str) -> Option<()> {
        let lines = Lines::of(&self.text);
        let outline = Outline::of(&lines)?;
        let keys = job_keys(&lines, outline.job(id)?)?;
        let new: Value = serde_yaml::from_str::<Value>(line).ok()?.get(key)?.clone();
        let splice = if let Some(own) = keys.iter().find(|own| own.name == key) {
            (lines.without_blank_end(own.line..own.lines.end), indented(line, own.indent))
        } else {
            let next = keys.iter().find(|own| own.name == before).or_else(|| keys.first())?;
            (next.lines.start..next.lines.start, indented(line, next.indent))
        };
        self.edit(vec![splice], |value, _| {
            job_mut(value, id)?.insert(key.into(), new);
            Some(())
        })
    }

    /// Adds a job behind another, or before all others.
    pub fn add_job(&mut self, behind: Option<&str>, id: &str, text: &str) -> Option<()> {
        let lines = Lines::of(&self.text);
        let outline = Outline::of(&lines)?;
        let first = outline.jobs.first()?;
        let block = indented(text, first.indent);
        let splice = match behind.and_then(|id| outline.job(id)) {
            Some(job) => {
                let end = lines.without_blank_end(job.lines.clone()).end;
                (end..end, format!("\n{block}"))
            }
            None => (first.lines.start..first.lines.start, format!("{block}\n")),
        };
        let new: Value = serde_yaml::from_str::<Value>(text).ok()?.get(id)?.clone();
        self.edit(vec![splice], |value, _| {
            let jobs = jobs_mut(value)?;
            let old = jobs.insert(id.into(), new);
            old.is_none().then_some(())
        })
    }

    /// Adds a key with its value at the top, in front of another.
    pub fn add_top(&mut self, key: &str, text: &str, before: &str) -> Option<()> {
        let lines = Lines::of(&self.text);
        let outline = Outline::of(&lines)?;
        let next: &Key = outline.top(before)?;
        let new: Value = serde_yaml::from_str::<Value>(text).ok()?.get(key)?.clone();
        let block = format!("{}\n", indented(text, next.indent));
        self.edit(vec![(next.lines.start..next.lines.start, block)], |value, _| {
            value.as_mapping_mut()?.insert(key.into(), new);
            Some(())
        })
    }
}

fn read(text: &str) -> Option<Value> {
    serde_yaml::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()
}

/// Returns the jobs of a document.
pub(super) fn jobs_mut(value: &mut Value) -> Option<&mut Mapping> {
    value.get_mut("jobs")?.as_mapping_mut()
}

/// Returns a job of a document.
pub(super) fn job_mut<'a>(value: &'a mut Value, id: &str) -> Option<&'a mut Mapping> {
    jobs_mut(value)?.get_mut(id)?.as_mapping_mut()
}

/// Indents every line that says anything, and ends the last.
pub(super) fn indented(text: &str, depth: usize) -> String {
    let margin = " ".repeat(depth);
    let line = |line: &str| match line {
        "" => "\n".to_owned(),
        line => format!("{margin}{line}\n"),
    };
    text.lines().map(line).collect()
}
