//! The text of a report: its encoding, its lines, and what of it may be shown.

use crate::evidence::reports::ReportProblem;

/// Returns the text without a byte order mark; if it is not UTF-8, the line, from 1, and the
/// problem.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (Option<u64>, ReportProblem)> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err((Some(1), ReportProblem::NotUtf8 { found: "UTF-16".to_owned() }));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let lines = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        let found = "bytes that are not UTF-8".to_owned();
        (Some(lines as u64), ReportProblem::NotUtf8 { found })
    })
}

/// Says whether the name of an encoding is one whose bytes are UTF-8.
pub(super) fn is_utf8(name: &str) -> bool {
    let known = ["utf-8", "utf8", "us-ascii", "ascii"];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Returns the line, from 1, of a position in bytes.
pub(super) fn line_at(text: &str, position: u64) -> u64 {
    let end = usize::try_from(position).map_or(text.len(), |end| end.min(text.len()));
    text.as_bytes()[..end].split(|byte| *byte == b'\n').count() as u64
}

/// Returns at most `most` characters on one line, without control characters and without those that
/// turn the direction of text around.
pub(super) fn shown(text: &str, most: usize) -> String {
    let one = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.trim().chars().take(most).map(one).collect()
}
