//! Text from outside in Markdown: job summaries, issues, pull requests.
//!
//! GitHub renders HTML, links, mentions and references to issues in all of them. Quoted text must
//! do none of that: no image that calls home, no link that lures, nobody called, no issue closed.

use super::skip_markers::neutralise_skip_markers;

/// Parts a word so that GitHub sees no mention or reference in it; takes no room on the screen.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Returns `text` for a place in a line or a table cell, such that it is shown as it is. Line
/// breaks become spaces; control characters and those that turn the direction of text around
/// become U+FFFD.
pub fn inline(text: &str) -> String {
    let text = neutralise_skip_markers(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        if rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("www.")) {
            out.push_str(&rest[..3]);
            rest = &rest[3..];
            out.push_str("\\.");
            rest = &rest[1..];
            continue;
        }
        if rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("gh-")) {
            out.push_str(&rest[..2]);
            out.push(ZERO_WIDTH_SPACE);
            rest = &rest[2..];
            continue;
        }
        push_inline(&mut out, c, rest);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Returns `text` in a code span that is safe in table cells too.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", inline(text))
}

/// Returns several lines as they are, in a block that nothing in them can end: `<pre>` goes on to
/// `</pre>` and holds no Markdown ("GitHub Flavored Markdown Spec", 4.6), nor mentions or
/// references, and what is in it is escaped as HTML.
pub fn verbatim(text: &str) -> String {
    let mut out = String::from("<pre>");
    for (index, line) in neutralise_skip_markers(text).trim_end().lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for c in line.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '\t' => out.push_str("    "),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
                c if c.is_control() => out.push('\u{fffd}'),
                c => out.push(c),
            }
        }
    }
    out.push_str("</pre>");
    out
}

fn push_inline(out: &mut String, c: char, rest: &str) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '@' => out.extend(['@', ZERO_WIDTH_SPACE]),
        '#' => out.extend(['\\', '#', ZERO_WIDTH_SPACE]),
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
            out.extend(['\\', c]);
        }
        // A scheme would become a link.
        ':' if rest.starts_with("://") => out.push_str("\\:"),
        // At the start of a line these make lists, rules and headings.
        '-' | '+' | '=' if out.is_empty() => out.extend(['\\', c]),
        '.' if ends_list_number(out, rest) => out.push_str("\\."),
        '\n' | '\r' | '\t' => out.push(' '),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
        c if c.is_control() => out.push('\u{fffd}'),
        c => out.push(c),
    }
}

/// `12. text` at the start of a line makes a numbered list.
fn ends_list_number(before: &str, rest: &str) -> bool {
    let is_number = !before.is_empty() && before.bytes().all(|b| b.is_ascii_digit());
    is_number && rest[1..].chars().next().is_none_or(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_stays_readable() {
        for text in ["tests failed", "src/app.py", "0.91", "feature-x", "ä ö ü", "12:30"] {
            assert_eq!(inline(text), text);
        }
    }

    #[test]
    fn hostile_text_is_only_shown() {
        for (text, expected) in [
            ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
            ("`a|b`", "\\`a\\|b\\`"),
            ("@acme/ops", "@\u{200b}acme/ops"),
            ("fixes #12", "fixes \\#\u{200b}12"),
            ("GH-12", "GH\u{200b}-12"),
            ("![x](https://evil.example)", "\\!\\[x\\]\\(https\\://evil.example\\)"),
            ("www.evil.example", "www\\.evil.example"),
            ("&lt;", "&amp;lt;"),
            ("a\n# b\r\nc", "a \\#\u{200b} b  c"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("[skip ci]", "\\(skip ci\\)"),
            ("\u{1b}[31m\u{202e}", "\u{fffd}\\[31m\u{fffd}"),
            ("\u{feff}<!-- -->", "\u{feff}&lt;!-- --&gt;"),
        ] {
            // `!` is escaped wherever it stands.
            assert_eq!(inline(text), expected.replace("&lt;!", "&lt;\\!"), "{text}");
        }
        assert_eq!(code("a`|<b>"), "<code>a\\`\\|&lt;b&gt;</code>");
    }

    #[test]
    fn a_block_is_not_left() {
        let hostile = "a\n\n</pre>\n```\n# b\n@acme fixes #12\n<img src=x>\u{1b}[2J";
        let block = verbatim(hostile);
        assert_eq!(block.matches('<').count(), 2, "{block}");
        assert!(block.starts_with("<pre>a\n\n&lt;/pre&gt;\n```\n# b\n@acme"), "{block}");
        assert!(!block.contains('\u{1b}') && block.ends_with("</pre>"), "{block}");
    }

    proptest! {
        #[test]
        fn no_special_character_is_left_bare(text in "(\\PC|[<>`|@#*_\\[\\]\\\\\n\r\t]){0,40}") {
            let safe = inline(&text);
            prop_assert!(!safe.contains(['\n', '\r', '\t', '<', '>']));
            let mut escaped = false;
            for (index, c) in safe.char_indices() {
                if "`*_{}[]()!|~$#".contains(c) {
                    prop_assert!(escaped, "{c:?} at {index} in {safe:?}");
                }
                escaped = c == '\\' && !escaped;
                if c == '@' || c == '#' {
                    prop_assert!(safe[index + 1..].starts_with(ZERO_WIDTH_SPACE));
                }
            }
            prop_assert!(!escaped);
        }
    }
}
