//! Text in workflows and configurations: quoted, or refused.

/// The longest path that goes into a workflow, in bytes.
const LONGEST: usize = 200;

/// Tells whether a path may stand in a workflow and in a shell line as it is: letters, digits and
/// `._/+@-`, inside the repository, and no option.
pub(super) fn is_plain_path(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != ".." && !part.starts_with('-');
    path.len() <= LONGEST
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/+@-".contains(&byte))
        && path.split('/').all(part)
}

/// Writes a text as a YAML scalar on one line ("YAML 1.2.2", chapter 7.3).
pub(super) fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let plain = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && text.chars().all(safe)
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { double_quoted(text) }
}

fn double_quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 || (0x7f..0xa0).contains(&(c as u32)) || is_odd(c) => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that end lines in some readers, or hide or reorder others.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}')
}

/// Makes a text of the repository fit for a comment: one line, of characters that show themselves.
pub(super) fn comment(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(LONGEST) {
        out.push(if c.is_control() || is_odd(c) { ' ' } else { c });
    }
    // A comment is no expression, and nobody should copy one from it.
    out.replace("${{", "$ {{")
}

/// Tells whether GitHub would evaluate something in a text.
pub(super) fn has_expression(text: &str) -> bool {
    text.contains("${{")
}

/// Writes a branch as a filter pattern, which matches this branch alone ("Filter pattern cheat
/// sheet").
pub(super) fn branch_pattern(branch: &str) -> String {
    let mut out = String::new();
    for (at, c) in branch.char_indices() {
        if matches!(c, '*' | '+' | '?' | '[' | ']' | '\\') || (at == 0 && c == '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_go_into_workflows() {
        for path in ["services/api", "a.b_c/D-1+2@3", "Dockerfile"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in
            ["", "a b", "${{ github.token }}", "$(id)", "../x", "a//b", "-f", "a/-f", "ä", "a\nb"]
        {
            assert!(!is_plain_path(path), "{path}");
        }
    }

    #[test]
    fn a_scalar_comes_back_as_it_was() {
        for text in [
            "main",
            "true",
            "1",
            "a: b",
            "#x",
            "it's",
            "\"q\"",
            "a\\b",
            "a\nb",
            "\u{1b}[2J",
            "",
            "- a",
            "\u{2028}",
            "*a",
            "&a",
            "!a",
            "null",
            "0x1",
            "ä",
        ] {
            let read: String = serde_yaml::from_str(&scalar(text)).unwrap();
            assert_eq!(read, text, "{}", scalar(text));
        }
        assert_eq!(scalar("release/1"), "release/1");
    }

    #[test]
    fn a_comment_is_one_line_without_expressions() {
        assert_eq!(comment("a\nb\u{1b}c ${{ x }}"), "a b c $ {{ x }}");
    }
}
