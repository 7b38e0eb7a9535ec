//! Styled text, and text that others wrote.

use std::borrow::Cow;
use std::fmt;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

/// A text with one style, cleaned of control characters when it is made.
///
/// Its `Display` always holds the style; [`super::Output`] strips it where there is no colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Styled {
    text: String,
    style: Style,
}

impl Styled {
    /// Returns the text without its style.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the number of columns that the text takes.
    pub fn width(&self) -> usize {
        width(&self.text)
    }

    /// Cuts the text to `columns`, with `…` at the end where something is missing.
    #[must_use]
    pub fn cut(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let mut text = String::new();
        for c in self.text.chars() {
            // Measured as a whole: a joined emoji is narrower than its parts.
            text.push(c);
            if width(&text) + 1 > columns {
                text.pop();
                break;
            }
        }
        text.push('…');
        Self { text, style: self.style }
    }
}

impl fmt::Display for Styled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A plain style writes nothing before and nothing after the text.
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}

impl From<&str> for Styled {
    fn from(text: &str) -> Self {
        plain(text)
    }
}

impl From<String> for Styled {
    fn from(text: String) -> Self {
        plain(text)
    }
}

fn styled(text: impl fmt::Display, style: Style) -> Styled {
    Styled { text: clean(&text.to_string()).into_owned(), style }
}

/// Text without a style.
pub fn plain(text: impl fmt::Display) -> Styled {
    styled(text, Style::new())
}

/// What went well: green.
pub fn good(text: impl fmt::Display) -> Styled {
    styled(text, AnsiColor::Green.on_default())
}

/// What failed: red and bold.
pub fn bad(text: impl fmt::Display) -> Styled {
    styled(text, AnsiColor::Red.on_default().bold())
}

/// What a person looks at: yellow.
pub fn warn(text: impl fmt::Display) -> Styled {
    styled(text, AnsiColor::Yellow.on_default())
}

/// What matters less: dimmed.
pub fn dim(text: impl fmt::Display) -> Styled {
    styled(text, Style::new().dimmed())
}

/// What matters most: bold.
pub fn strong(text: impl fmt::Display) -> Styled {
    styled(text, Style::new().bold())
}

/// Returns the number of columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Makes one line of text that others wrote fit to be shown: what would move the cursor, colour
/// the terminal, end the line, or reorder or hide characters is written as an escape (`\u{1b}`).
pub fn clean(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_dangerous(c) || is_line_break(c))
}

/// Cleans like [`clean`], and keeps line breaks (`\n`; a `\r` before it is dropped).
pub fn clean_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    escaped(&text, |c| c != '\n' && (is_dangerous(c) || is_line_break(c))).into_owned()
}

fn escaped(text: &str, dangerous: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&dangerous) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => clean.push(' '),
            '\n' | '\r' if dangerous(c) => clean.extend(c.escape_default()),
            c if dangerous(c) => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Marks that reorder text (Unicode Standard Annex 9, "Explicit Directional
            // Formatting Characters"; CVE-2021-42574).
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Characters without a glyph. The joiner U+200D and the variation selectors stay:
            // they make emoji.
            | '\u{00ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_reach_the_terminal() {
        assert_eq!(clean("a\x1b]0;x\x07b"), "a\\u{1b}]0;x\\u{7}b");
        assert_eq!(clean("one\r\ntwo\tthree"), "one\\r\\ntwo three");
        assert_eq!(clean("\u{202e}gnp.exe\u{9b}2J\u{7f}"), "\\u{202e}gnp.exe\\u{9b}2J\\u{7f}");
        assert_eq!(clean_lines("one\r\ntwo\x1b\n"), "one\ntwo\\u{1b}\n");
    }

    #[test]
    fn text_of_people_stays() {
        for text in ["Grüße ✅ ⚠️ 👩‍🔬 東京", ""] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn cuts_by_columns() {
        assert_eq!(plain("東京都").cut(5).as_str(), "東京…");
        assert_eq!(plain("東京都").cut(4).as_str(), "東…");
        assert_eq!(plain("abc").cut(3).as_str(), "abc");
        assert_eq!(plain("abcd").cut(3).as_str(), "ab…");
    }
}
