//! What containers print: bounded, without secrets, harmless to terminals and logs.

use std::collections::VecDeque;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{Stream, StreamExt as _};

use crate::probe::MAX_DETAIL;
use crate::secret::Redactor;

/// How many bytes are kept while a stream is read: more than is shown, because what the cut may have
/// taken apart is taken away.
const KEPT: usize = 8 * MAX_DETAIL;
/// How much of the front of an endless line is taken away.
const LONGEST_SECRET: usize = 4096;
/// How many entries of a log the engine is asked for: an entry has at most 16 KiB.
const ENTRIES: &str = "400";
/// How long reading a log may take.
const LONGEST: Duration = Duration::from_secs(20);

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// Adds bytes, and forgets the oldest.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let from = bytes.len().saturating_sub(KEPT);
        self.cut |= from > 0;
        self.bytes.extend(&bytes[from..]);
        let over = self.bytes.len().saturating_sub(KEPT);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// Reads a stream to its end; an error ends it, too.
    pub(super) async fn read<S>(&mut self, mut stream: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<LogOutput, Error>> + Unpin,
    {
        while let Some(piece) = stream.next().await {
            self.push(piece?.as_ref());
        }
        Ok(())
    }

    /// The text, fit to be shown: at most [`MAX_DETAIL`] bytes.
    pub(super) fn shown(&self, redactor: &Redactor) -> String {
        let (front, back) = self.bytes.as_slices();
        let bytes = [front, back].concat();
        let text = String::from_utf8_lossy(&bytes);
        let text = redactor.redact(&text);
        let text = clean(if self.cut { without_front(&text) } else { &text });
        // Colours may stand in the middle of a secret.
        bounded(&redactor.redact(&text), self.cut)
    }
}

/// The end of a text, fit to be shown.
pub(super) fn tail_of(text: &str, redactor: &Redactor) -> String {
    let mut tail = Tail::default();
    tail.push(text.as_bytes());
    tail.shown(redactor)
}

/// The end of a container's log.
pub(super) async fn read(docker: &Docker, id: &str, redactor: &Redactor) -> Result<String, Error> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(ENTRIES).build();
    let mut tail = Tail::default();
    let stream = Box::pin(docker.logs(id, Some(options)));
    if let Ok(read) = tokio::time::timeout(LONGEST, tail.read(stream)).await {
        read?;
    } else {
        // What has come so far is shown.
        tracing::debug!("the log of {id} did not end in {LONGEST:?}");
    }
    Ok(tail.shown(redactor))
}

/// Takes away the line that the cut went through, or the front of an endless one: the cut may have
/// taken a secret apart, and then nobody knows its second half.
fn without_front(text: &str) -> &str {
    let mut front = text.len().min(LONGEST_SECRET);
    while !text.is_char_boundary(front) {
        front += 1;
    }
    let line = text[..front].find('\n').map_or(front, |end| end + 1);
    &text[line..]
}

/// Keeps the last lines of a clean text.
fn bounded(text: &str, cut: bool) -> String {
    let text = text.trim_end();
    if text.len() <= MAX_DETAIL && !cut {
        return text.to_owned();
    }
    // Room for the mark below.
    let mut from = text.len().saturating_sub(MAX_DETAIL - 4);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let end = &text[from..];
    // Whole lines, unless a single long one is all there is.
    let end = end.split_once('\n').map_or(end, |(_, whole)| whole);
    format!("…\n{end}")
}

/// Removes terminal sequences, and replaces what else would move a cursor or turn text around.
pub(super) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    console::strip_ansi_codes(&text)
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            // A progress bar writes its line again and again.
            '\r' => '\n',
            '\u{2028}' | '\u{2029}' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_flood_keeps_its_end_only() {
        let mut tail = Tail::default();
        for n in 0..100_000 {
            tail.push(format!("line {n}\n").as_bytes());
            assert!(tail.bytes.len() <= KEPT);
        }
        tail.push(&vec![b'x'; 10 * KEPT]);
        tail.push(b"\nthe end\n");
        let shown = tail.shown(&Redactor::default());
        assert_eq!(shown, "…\nthe end");
    }

    #[test]
    fn one_endless_line_is_shown_in_part() {
        let mut tail = Tail::default();
        tail.push(&vec![b'x'; 2 * KEPT]);
        let shown = tail.shown(&Redactor::default());
        assert!(shown.starts_with("…\nxxx") && shown.len() <= MAX_DETAIL, "{}", shown.len());
    }

    #[test]
    fn secrets_do_not_survive_the_cut() {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("first-second"));
        for separator in ["", "\n"] {
            for padding in 0..40 {
                let mut tail = Tail::default();
                tail.push(format!("first-second{separator}").repeat(KEPT).as_bytes());
                tail.push(&vec![b'.'; padding]);
                let shown = tail.shown(&redactor);
                assert!(!shown.contains("second") && shown.contains("***"), "{padding}: {shown}");
            }
        }
    }

    #[test]
    fn colours_hide_no_secret() {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("first-second"));
        let shown = tail_of("key: first-\u{1b}[1;36msecond\u{1b}[0m.\n", &redactor);
        assert_eq!(shown, "key: ***.");
    }

    #[test]
    fn terminals_are_safe() {
        let hostile =
            "\u{1b}[2J\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} a\rb\u{202e}c\u{0}\r\n\td";
        let shown = clean(hostile);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{shown:?}");
        assert!(shown.starts_with("red") && shown.ends_with("\n\td"), "{shown:?}");
    }
}
