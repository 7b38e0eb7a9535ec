//! Where the parts of a workflow stand in its text.
//!
//! The YAML library tells values, not lines. In block style, which workflows are written in, the
//! indentation tells the rest. Whatever is written in another style has no outline, and whoever
//! edits by it reads the result again (`draft`).

use std::ops::Range;

/// A text by its lines, which keep their ends.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    lines: Vec<&'a str>,
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name.
    pub name: String,
    /// Its line, from 0.
    pub line: usize,
    /// Its lines and those of its value, with the comment straight above.
    pub lines: Range<usize>,
    /// How deep it is indented.
    pub indent: usize,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The line of its dash, from 0.
    pub line: usize,
    /// Its lines, with the comment straight above.
    pub lines: Range<usize>,
    /// How deep its content is indented.
    pub indent: usize,
}

impl<'a> Lines<'a> {
    /// Splits a text.
    pub fn of(text: &'a str) -> Self {
        Self { lines: text.split_inclusive('\n').collect() }
    }

    /// Counts them.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Returns a line with its end; empty behind the last.
    pub fn line(&self, index: usize) -> &'a str {
        self.lines.get(index).copied().unwrap_or_default()
    }

    /// Returns the text of these lines.
    pub fn text(&self, lines: Range<usize>) -> String {
        self.lines.get(lines).map(<[&str]>::concat).unwrap_or_default()
    }

    /// Returns what ends the lines.
    pub fn ending(&self) -> &'static str {
        if self.line(0).ends_with("\r\n") { "\r\n" } else { "\n" }
    }

    /// Returns how deep a line is indented; `None` where it is empty or a comment.
    fn depth(&self, index: usize) -> Option<usize> {
        // The mark of the byte order is no indentation.
        let line = self.line(index).trim_start_matches('\u{feff}');
        let content = line.trim();
        let says = !content.is_empty() && !content.starts_with('#') && content != "---";
        says.then(|| line.len() - line.trim_start_matches(' ').len())
    }

    /// Returns the first of the comment lines straight above a line, not above `from`. Deeper ones
    /// belong to what stands above.
    fn lead(&self, line: usize, indent: usize, from: usize) -> usize {
        let mut lead = line;
        while lead > from {
            let above = self.line(lead - 1);
            let content = above.trim_start_matches(' ');
            if !content.starts_with('#') || above.len() - content.len() > indent {
                break;
            }
            lead -= 1;
        }
        lead
    }

    /// Lists the keys of the map that stands in these lines; `None` where it is not block style.
    pub fn keys(&self, within: Range<usize>) -> Option<Vec<Key>> {
        let (mut starts, indent) = self.starts(within.clone())?;
        if is_item(self.line(*starts.first()?)) {
            return None;
        }
        // The items of a list may stand as deep as its key.
        starts.retain(|line| !is_item(self.line(*line)));
        let found = starts.iter().map(|line| key_of(self.line(*line)));
        let names: Vec<String> = found.collect::<Option<_>>()?;
        let ranges = self.ranges(&starts, indent, within);
        let keys = names.into_iter().zip(starts).zip(ranges);
        Some(keys.map(|((name, line), lines)| Key { name, line, lines, indent }).collect())
    }

    /// Lists the items of the list that stands in these lines; `None` where it is not block style.
    pub fn items(&self, within: Range<usize>) -> Option<Vec<Item>> {
        let (starts, dash) = self.starts(within.clone())?;
        let ranges = self.ranges(&starts, dash, within);
        let items = starts.into_iter().zip(ranges).map(|(line, lines)| {
            let behind = self.line(line).trim_start_matches(' ').strip_prefix('-')?;
            let content = behind.trim_start_matches(' ');
            if content.trim().is_empty() {
                let indent = (line + 1..lines.end).find_map(|line| self.depth(line))?;
                return Some(Item { line, lines, indent });
            }
            let indent = dash + 1 + behind.len() - content.len();
            (behind.len() > content.len()).then_some(Item { line, lines, indent })
        });
        items.collect()
    }

    /// Lists the keys of the map that an item of a list is.
    pub fn item_keys(&self, item: &Item) -> Option<Vec<Key>> {
        let first = self.line(item.line).trim_start_matches(' ').strip_prefix('-')?;
        if first.trim().is_empty() {
            return self.keys(item.line + 1..item.lines.end);
        }
        let mut starts = vec![item.line];
        for line in item.line + 1..item.lines.end {
            match self.depth(line) {
                Some(depth) if depth == item.indent && !is_item(self.line(line)) => {
                    starts.push(line);
                }
                Some(depth) if depth < item.indent => return None,
                Some(_) | None => {}
            }
        }
        let keys = starts.iter().map(|line| match line {
            line if *line == item.line => key_of(first),
            line => key_of(self.line(*line)),
        });
        let names: Vec<String> = keys.collect::<Option<_>>()?;
        let ranges = self.ranges(&starts, item.indent, item.line..item.lines.end);
        let keys = names.into_iter().zip(starts).zip(ranges);
        let indent = item.indent;
        Some(keys.map(|((name, line), lines)| Key { name, line, lines, indent }).collect())
    }

    /// Returns the lines at the depth of the first, and this depth; `None` where one is less deep.
    ///
    /// The list that is the value of a key need not be deeper than the key ("YAML 1.2.2", chapter
    /// 8.2.3): its dashes begin no key.
    fn starts(&self, within: Range<usize>) -> Option<(Vec<usize>, usize)> {
        let is_item = |line: usize| {
            let content = self.line(line).trim();
            content == "-" || content.starts_with("- ")
        };
        let mut starts: Vec<usize> = Vec::new();
        let mut indent = None;
        for line in within {
            let Some(depth) = self.depth(line) else { continue };
            let indent = *indent.get_or_insert(depth);
            if depth < indent {
                return None;
            }
            let of_key = is_item(line) && starts.first().is_some_and(|first| !is_item(*first));
            if depth == indent && !of_key {
                starts.push(line);
            }
        }
        Some((starts, indent?))
    }

    fn ranges(&self, starts: &[usize], indent: usize, within: Range<usize>) -> Vec<Range<usize>> {
        let mut from = within.start;
        let mut leads = Vec::new();
        for start in starts {
            leads.push(self.lead(*start, indent, from));
            from = start + 1;
        }
        let ends = leads.iter().skip(1).copied().chain([within.end]);
        leads.iter().copied().zip(ends).map(|(lead, end)| lead..end).collect()
    }

    /// Takes the empty lines off the end.
    pub fn without_blank_end(&self, mut lines: Range<usize>) -> Range<usize> {
        while lines.end > lines.start + 1 && self.line(lines.end - 1).trim().is_empty() {
            lines.end -= 1;
        }
        lines
    }
}

/// Tells whether an item of a list begins here.
fn is_item(line: &str) -> bool {
    let behind = line.trim_start_matches(' ').strip_prefix('-');
    behind.is_some_and(|behind| behind.trim().is_empty() || behind.starts_with(' '))
}

/// Returns the key of `key: value`.
fn key_of(line: &str) -> Option<String> {
    let content = line.trim_start_matches('\u{feff}').trim();
    for quote in ['"', '\''] {
        if let Some(rest) = content.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            return rest.trim_start().starts_with(':').then(|| name.to_owned());
        }
    }
    let (name, rest) = content.split_once(':')?;
    let ends = rest.is_empty() || rest.starts_with(' ');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    (ends && plain && !name.is_empty()).then(|| name.to_owned())
}

/// The parts of a workflow.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    /// The keys at the top.
    pub top: Vec<Key>,
    /// The jobs.
    pub jobs: Vec<Key>,
}

impl Outline {
    /// Looks at a text.
    pub fn of(lines: &Lines<'_>) -> Option<Self> {
        let top = lines.keys(0..lines.count())?;
        let at = top.iter().find(|key| key.name == "jobs")?;
        let jobs = lines.keys(at.line + 1..at.lines.end)?;
        Some(Self { top, jobs })
    }

    /// Returns the place of a job.
    pub fn job(&self, id: &str) -> Option<&Key> {
        self.jobs.iter().find(|job| job.name == id)
    }

    /// Returns the place of a key at the top.
    pub fn top(&self, name: &str) -> Option<&Key> {
        self.top.iter().find(|key| key.name == name)
    }
}

/// Lists the keys of a job.
pub(super) fn job_keys(lines: &Lines<'_>, job: &Key) -> Option<Vec<Key>> {
    lines.keys(job.line + 1..job.lines.end)
}

/// Lists the steps of a job.
pub(super) fn steps(lines: &Lines<'_>, job: &Key) -> Option<Vec<Item>> {
    let keys = job_keys(lines, job)?;
    let steps = keys.iter().find(|key| key.name == "steps")?;
    lines.items(steps.line + 1..steps.lines.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        include_str!("../../../tests/fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");

    #[test]
    fn jobs_have_their_lines_with_the_comment_above() {
        let lines = Lines::of(TEXT);
        let outline = Outline::of(&lines).unwrap();
        let names: Vec<&str> = outline.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names[..3], ["tests", "code-quality", "build-docker"]);
        let build = outline.job("build-docker").unwrap();
        assert!(lines.line(build.lines.start).contains("# -----"));
        assert!(lines.line(build.line).contains("build-docker:"));
        assert!(lines.line(build.lines.end).contains("# -----"));
        let tests = steps(&lines, outline.job("tests").unwrap()).unwrap();
        assert_eq!(tests.len(), 3);
        assert!(lines.line(tests[1].lines.start).contains("The model is small"));
        let keys = lines.item_keys(&tests[1]).unwrap();
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["name", "run"]);
    }

    /// As many write it: the dashes of a list below the first letter of its key.
    fn shallow(text: &str) -> String {
        let mut inside = false;
        let lines = text.lines().map(|line| {
            let depth = line.len() - line.trim_start().len();
            inside = line == "    steps:" || (inside && (depth > 4 || line.trim().is_empty()));
            if inside && depth > 4 { line[2..].to_owned() + "\n" } else { line.to_owned() + "\n" }
        });
        lines.collect()
    }

    #[test]
    fn lists_may_be_as_deep_as_their_key() {
        let text = shallow(TEXT);
        assert!(text.contains("    steps:\n    - uses: actions/checkout@v4\n"), "{text}");
        let (old, new) = (Lines::of(TEXT), Lines::of(&text));
        let (before, after) = (Outline::of(&old).unwrap(), Outline::of(&new).unwrap());
        for (one, other) in before.jobs.iter().zip(&after.jobs) {
            assert_eq!(one.lines, other.lines);
            let lines =
                |items: Vec<Item>| items.into_iter().map(|item| item.lines).collect::<Vec<_>>();
            let (one, other) = (steps(&old, one).unwrap(), steps(&new, other).unwrap());
            assert_eq!(lines(one), lines(other));
        }
        let needs = "needs:\n- a\n# why\n- b\n\nif: c\n";
        let keys = Lines::of(needs).keys(0..6).unwrap();
        let lines: Vec<_> = keys.into_iter().map(|key| (key.name, key.lines)).collect();
        assert_eq!(lines, [("needs".to_owned(), 0..5), ("if".to_owned(), 5..6)]);
    }

    #[test]
    fn other_styles_have_no_outline() {
        for text in ["jobs: { a: {} }\n", "? jobs\n: a\n", "", "- jobs:\n", "jobs:\n  {a: 1}\n"] {
            assert!(Outline::of(&Lines::of(text)).is_none(), "{text}");
        }
        let lines = Lines::of("jobs:\n  a:\n    steps: []\n");
        let outline = Outline::of(&lines).unwrap();
        assert!(steps(&lines, outline.job("a").unwrap()).is_none());
    }
}
