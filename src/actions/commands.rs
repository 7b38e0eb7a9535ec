//! Workflow commands: lines on standard output that the runner acts on ("Workflow commands for
//! GitHub Actions").

use std::io::{self, Write};

/// How much of an annotation's text is shown, in characters.
const MAX_MESSAGE: usize = 4000;

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `::notice`.
    Notice,
    /// `::warning`.
    Warning,
    /// `::error`.
    Error,
}

/// A message that GitHub shows on the page of the run and, with a file, beside its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// How loud it is.
    pub level: Level,
    /// The heading; may be empty.
    pub title: &'a str,
    /// The file, from the root of the repository.
    pub file: Option<&'a str>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// The text; may hold several lines.
    pub message: &'a str,
}

/// Writes an annotation.
pub fn annotate(out: &mut dyn Write, annotation: &Annotation<'_>) -> io::Result<()> {
    let command = match annotation.level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let mut properties = Vec::new();
    if !annotation.title.is_empty() {
        properties.push(format!("title={}", escape_property(annotation.title)));
    }
    if let Some(file) = annotation.file {
        properties.push(format!("file={}", escape_property(file)));
    }
    if let Some(line) = annotation.line {
        properties.push(format!("line={line}"));
    }
    let space = if properties.is_empty() { "" } else { " " };
    let message: String = annotation.message.chars().take(MAX_MESSAGE).collect();
    writeln!(out, "::{command}{space}{}::{}", properties.join(","), escape_data(&message))
}

/// Tells the runner to hide `secret` in everything that is printed from here on. A secret of
/// several lines is also hidden line by line; lines of less than four characters are not, because
/// hiding a lone bracket would blank the whole log.
///
/// The runner hides the plain text only: what is derived from it (base64, URL encoding) has to be
/// masked on its own.
pub fn mask(out: &mut dyn Write, secret: &str) -> io::Result<()> {
    if secret.trim().is_empty() {
        return Ok(());
    }
    writeln!(out, "::add-mask::{}", escape_secret(secret))?;
    if secret.contains(['\n', '\r']) {
        for line in secret.split(['\n', '\r']).filter(|line| line.trim().chars().count() >= 4) {
            writeln!(out, "::add-mask::{}", escape_secret(line))?;
        }
    }
    Ok(())
}

/// Returns `text`, which may be anything, so that printing it cannot command the runner: `::` at
/// the start of a line and `##[` anywhere are broken up.
pub fn neutralise_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let line = line.replace("##[", "#\u{200b}#[");
        let indent = line.len() - line.trim_start().len();
        match line[indent..].strip_prefix("::") {
            Some(rest) => {
                out.push_str(&line[..indent]);
                out.push_str(":\u{200b}:");
                out.push_str(rest);
            }
            None => out.push_str(&line),
        }
    }
    out
}

/// Escapes the message of a command; control characters that could write to a terminal are shown
/// as U+FFFD.
fn escape_data(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    escape_secret(&text.chars().map(visible).collect::<String>())
}

/// Escapes a property of a command.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes what ends a command, and changes nothing else: a secret has to arrive as it is.
fn escape_secret(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(title: &str, file: Option<&str>, message: &str) -> String {
        let mut out = Vec::new();
        let line = file.map(|_| 7);
        let annotation = Annotation { level: Level::Warning, title, file, line, message };
        annotate(&mut out, &annotation).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn annotations() {
        assert_eq!(annotated("", None, "rolled back"), "::warning::rolled back\n");
        assert_eq!(
            annotated("Rollback", Some("a,b:c.py"), "100% bad"),
            "::warning title=Rollback,file=a%2Cb%3Ac.py,line=7::100%25 bad\n"
        );
    }

    #[test]
    fn nothing_in_an_annotation_starts_a_second_command() {
        let hostile = "x\n::add-mask::a\r\n::set-output name=a::b\u{1b}[2J%0A::error::y";
        let out = annotated(hostile, Some(hostile), hostile);
        assert_eq!(out.matches('\n').count(), 1);
        assert!(!out.contains(['\r', '\u{1b}']));
        assert!(out.contains("%250A"));
        let properties = out.strip_prefix("::warning ").unwrap().split("::").next().unwrap();
        assert_eq!(properties.split(',').count(), 3, "{properties}");
    }

    #[test]
    fn long_messages_are_cut() {
        assert!(annotated("", None, &"ä".repeat(100_000)).chars().count() < MAX_MESSAGE + 20);
    }

    #[test]
    fn secrets_of_several_lines_are_masked_whole_and_line_by_line() {
        let mut out = Vec::new();
        mask(&mut out, "{\n \"key\": \"50%\"\r\n}").unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(
            out,
            "::add-mask::{%0A \"key\": \"50%25\"%0D%0A}\n::add-mask:: \"key\": \"50%25\"\n"
        );
        let mut out = Vec::new();
        mask(&mut out, " \n").unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn printed_text_cannot_command_the_runner() {
        let hostile = "ok\n  ::stop-commands::x\r::error::y ##[error]z a::b";
        let safe = neutralise_commands(hostile);
        for line in safe.split(['\n', '\r']) {
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
        assert!(!safe.contains("##["));
        assert!(safe.ends_with("a::b"));
    }
}
