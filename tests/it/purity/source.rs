//! Rust sources as the rules see them: without comments, texts and tests.

use std::ops::Range;

/// The production code of one file.
pub struct Source {
    /// The code, with spaces in the place of comments, literals and test items.
    code: String,
    strings: Vec<String>,
    lines: usize,
}

impl Source {
    pub fn read(text: &str) -> Self {
        let (code, literals) = blanked(text);
        let tests = test_items(&code);
        let in_tests = |at: usize| tests.iter().any(|range| range.contains(&at));
        let strings = literals
            .into_iter()
            .filter(|range| !in_tests(range.start))
            .map(|range| text[range].to_owned())
            .collect();
        let mut lines = 0;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            lines += usize::from(!in_tests(start));
            start += line.len();
        }
        let code =
            code.bytes().enumerate().map(|(at, b)| if in_tests(at) { b' ' } else { b }).collect();
        Self { code: String::from_utf8(code).unwrap(), strings, lines }
    }

    /// Returns the number of lines that are not in tests.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Returns the contents of the string literals.
    pub fn strings(&self) -> &[String] {
        &self.strings
    }

    /// Returns whether an identifier occurs.
    pub fn has_word(&self, word: &str) -> bool {
        has(&self.code, word)
    }

    /// Returns which of the `forbidden` paths occur, in `use` items or anywhere else, besides those
    /// that are `allowed`.
    pub fn uses<'a>(&self, forbidden: &[&'a str], allowed: &[&str]) -> Vec<&'a str> {
        let compact: String = {
            let words: Vec<&str> = self.code.split_whitespace().collect();
            words.join(" ").replace(" ::", "::").replace(":: ", "::")
        };
        let mut paths = vec![compact.clone()];
        for statement in compact.split("use ").skip(1) {
            let tree = statement.split(';').next().unwrap_or_default();
            expand("", tree, &mut paths);
        }
        for text in &mut paths {
            for path in allowed {
                *text = text.replace(path, "allowed");
            }
        }
        let occurs = |path: &str| {
            paths.iter().any(|text| {
                has(text, path)
                    || path
                        .strip_prefix("crate::")
                        .is_some_and(|m| has(text, &format!("super::{m}")))
            })
        };
        forbidden.iter().copied().filter(|path| occurs(path)).collect()
    }
}

/// Returns whether `path` occurs in `text` as whole words.
fn has(text: &str, path: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(word) && path.starts_with(word);
        let after =
            text[at + path.len()..].chars().next().is_some_and(word) && path.ends_with(word);
        !before && !after
    })
}

/// Writes out a `use` tree: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &inner[start..], paths);
}

/// Blanks comments and literals byte by byte, and returns where the contents of strings are.
fn blanked(text: &str) -> (String, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut strings = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let word_before =
            at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + block_comment(rest)
        } else if let Some(open) = raw_string(rest).filter(|_| !word_before || rest[0] != b'r') {
            let close = format!("\"{}", "#".repeat(open - 2));
            let contents = at + open;
            let length = find(&bytes[contents..], close.as_bytes());
            strings.push(contents..contents + length);
            contents + length + close.len()
        } else if rest[0] == b'"' {
            let length = quoted(&rest[1..], b'"');
            strings.push(at + 1..at + 1 + length);
            at + length + 2
        } else if rest[0] == b'\'' && is_char(rest) {
            at + quoted(&rest[1..], b'\'') + 2
        } else {
            at += 1;
            continue;
        };
        let end = end.min(bytes.len());
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    for byte in &mut code {
        if !byte.is_ascii() {
            *byte = b' ';
        }
    }
    (String::from_utf8(code).unwrap(), strings)
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap_or(bytes.len())
}

/// Returns the length of a comment, which may hold others.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// Returns the length of `r#"`, if `bytes` begin so.
fn raw_string(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes.strip_prefix(b"r")?.iter().take_while(|b| **b == b'#').count();
    (bytes.get(1 + hashes) == Some(&b'"')).then_some(hashes + 2)
}

/// Returns the length up to the closing quote.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Tells a character from a lifetime.
fn is_char(bytes: &[u8]) -> bool {
    match bytes {
        [_, b'\\', ..] => true,
        [_, first, ..] if !first.is_ascii() => true,
        [_, _, b'\'', ..] => true,
        _ => false,
    }
}

/// Returns where the items under `#[cfg(test)]` are.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(test)]").map(|at| from + at) {
        let mut depth = 0;
        let mut end = code.len();
        for (at, c) in code[start..].char_indices().map(|(at, c)| (start + at, c)) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ';' if depth == 0 => {}
                _ => continue,
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        found.push(start..end);
        from = end;
    }
    found
}
