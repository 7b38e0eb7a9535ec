//! Texts of a compose file that mean times, sizes, words and ports.

use std::time::Duration;

/// The longest time that a compose file may name.
const LONGEST: Duration = Duration::from_hours(24);

/// Reads a duration as Go writes it: `1m30s`, `1.5h`, `500ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| end + at);
        seconds += number
            * match &rest[end..unit] {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (!text.is_empty() && duration <= LONGEST).then_some(duration)
}

/// Reads a size: `512m`, `2gb`, `1073741824`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let factor: u64 = match text[end..].trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = text[..end].parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let number: f64 = text[..end].parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a byte does not count, and the range is checked"
    )]
    let bytes = (number * factor as f64) as u64;
    (number.is_finite() && number < 1e6).then_some(bytes)
}

/// Reads a number of CPUs into billionths.
pub(super) fn nano_cpus(text: &str) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a billionth does not count, and the range is checked"
    )]
    let billionths = (number * 1e9) as u64;
    (number > 0.0 && number <= 1024.0).then_some(billionths)
}

/// Splits a command into words as a shell does: spaces, quotes, backslashes; nothing else.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some('"'), '\\') => {
                let next = characters.next()?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// What an entry of `ports` or `expose` names inside of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ports {
    Tcp(Vec<u16>),
    /// Not what a probe can reach.
    Other,
}

/// The most ports of a range.
const MOST_PORTS: u16 = 100;

/// Reads `[[host:]published:]container[/protocol]`, with ranges.
pub(super) fn ports(text: &str) -> Option<Ports> {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    // An address of the host may be an IPv6 address; what counts stands last.
    let container = text.rsplit(':').next()?;
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    if first == 0 || last < first || last - first >= MOST_PORTS {
        return None;
    }
    match protocol {
        "tcp" => Some(Ports::Tcp((first..=last).collect())),
        "udp" | "sctp" => Some(Ports::Other),
        _ => None,
    }
}

/// Whether a text can be the name of a host on the network of the run.
pub(super) fn is_host_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 128
        && text.bytes().all(inside)
}

/// Joins a path of the compose file to the folder that it is relative to, without asking the file
/// system; both from the root of the repository. `None` where it leads outside.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.starts_with('~') || path.contains(['\0', '\\']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
