//! Text of apps, servers and engines as it may be shown: bounded, without secrets, and without what
//! would act on a terminal.

use crate::http::one_line;
use crate::output::{clean, clean_lines};
use crate::secret::Redactor;

/// The most bytes of a text that are looked at.
const LONGEST: usize = 64 * 1024;

/// Returns a text on one line, at most 200 characters.
pub(in crate::observe) fn line(text: &str, redactor: &Redactor) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    one_line(&hidden(text, redactor))
}

/// Takes secrets away, and terminal sequences, which may stand in the middle of a secret.
fn hidden(text: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    redactor.redact_cut(&console::strip_ansi_codes(&text))
}

/// The most characters of a line that holds the words of tidegate itself, with what to do.
const LONGEST_LINE: usize = 1000;

/// Returns a text on one line, at most 1000 characters: for messages of tidegate with parts of others
/// in them.
pub(in crate::observe) fn long_line(text: &str, redactor: &Redactor) -> String {
    let text = hidden(text, redactor);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = clean(&words.join(" ")).into_owned();
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Returns a text of several lines: its end, where it is very long.
pub(in crate::observe) fn lines(text: &str, redactor: &Redactor) -> String {
    let mut start = text.len().saturating_sub(LONGEST);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    clean_lines(hidden(text.get(start..).unwrap_or_default(), redactor).trim_end())
}

/// Returns the last `most` lines.
pub(in crate::observe) fn last_lines(text: &str, most: usize) -> &str {
    let text = text.trim_end();
    match text.rmatch_indices('\n').nth(most.saturating_sub(1)) {
        Some((at, _)) => text.get(at + 1..).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn colours_go_and_controls_are_written_out() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("s3cret-value"));
        let text = "\x1b[31mred\x1b[0m s3cret-value\r\nnext\x07\u{202e}\n";
        assert_eq!(lines(text, &redactor), "red ***\nnext\\u{7}\\u{202e}");
        assert_eq!(line(text, &redactor), "red *** next \u{fffd}");
    }

    #[test]
    fn colours_hide_no_secret() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("s3cret-value"));
        let text = "key s3cret-\x1b[1;36mvalue\x1b[0m";
        for shown in [line, long_line, lines] {
            assert_eq!(shown(text, &redactor), "key ***");
        }
    }

    #[test]
    fn long_text_is_bounded() {
        let redactor = Redactor::new();
        assert_eq!(long_line(&"ü ".repeat(5000), &redactor).chars().count(), 1001);
        let long = "ü".repeat(100_000);
        assert!(lines(&long, &redactor).len() <= LONGEST);
        assert!(line(&long, &redactor).chars().count() <= 201);
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\nb", 5), "a\nb");
    }
}
