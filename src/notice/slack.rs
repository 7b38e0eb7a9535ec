//! A message for Slack ("Formatting text for app surfaces", "Reference: blocks").
//!
//! Text of others must not call anybody, link anywhere or make up formatting: `&`, `<` and `>` are
//! escaped as Slack documents it, which also takes the force out of `<!channel>` and `<@U1>`;
//! `verbatim` keeps Slack from finding addresses and names by itself; and what could be read so
//! by a client is parted by characters that take no room.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Document, Part, Section};
use crate::state::Notice;

/// The longest text of a header block, in characters.
const LONGEST_HEADER: usize = 150;

/// The longest text of a section block is 3,000 characters.
const LONGEST_SECTION: usize = 2_900;

/// Parts a word, and takes no room on the screen.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Returns the body for the incoming webhook.
pub fn message(notice: &Notice, repository: Option<&str>) -> Value {
    of(&Document::of(notice), repository)
}

/// The same of any document.
pub fn of(document: &Document, repository: Option<&str>) -> Value {
    let headline = match repository {
        Some(repository) => format!("{repository}: {}", document.headline),
        None => document.headline.clone(),
    };
    let header: String = headline.chars().take(LONGEST_HEADER).collect();
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": header, "emoji": false },
    })];
    if !document.lead.is_empty() {
        blocks.push(section_block(&line(&document.lead)));
    }
    for section in &document.sections {
        blocks.push(section_block(&section_text(section)));
    }
    // What clients show that know no blocks, and what notifications read out.
    json!({
        "text": escaped(&headline),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn section_block(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

/// Whole lines only: a cut would break an escape or a link.
fn section_text(section: &Section) -> String {
    let mut text = format!("*{}*", section.title);
    let fence = if section.is_code { "\n```" } else { "" };
    text.push_str(fence);
    for (number, parts) in section.lines.iter().enumerate() {
        let mark = if section.is_code { "" } else { "• " };
        let line = format!("\n{mark}{}", line(parts));
        if text.chars().count() + line.chars().count() > LONGEST_SECTION {
            let more = format!("\n• and {} more", section.lines.len() - number);
            text.push_str(&more);
            break;
        }
        text.push_str(&line);
    }
    text.push_str(fence);
    text
}

fn line(parts: &[Part]) -> String {
    let mut line = String::new();
    for part in parts {
        match part {
            Part::Own(text) => line.push_str(&entities(text)),
            Part::Said(text) => line.push_str(&escaped(text)),
            Part::Author { name, .. } => line.push_str(&escaped(name)),
            Part::Code(text) => {
                // Nothing is looked for between backticks.
                let _ = write!(line, "`{}`", entities(text).replace('`', "'"));
            }
            Part::Link { label, url } => {
                line.push('<');
                line.push_str(&entities(url));
                line.push('|');
                line.push_str(&escaped(label).replace('|', "/"));
                line.push('>');
            }
        }
    }
    line
}

fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns text of others such that it is only shown.
fn escaped(text: &str) -> String {
    let text = entities(text);
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            // Names are called, `://` and `mailto:` become links, `:smile:` a picture, `#general` a
            // channel.
            '@' | ':' | '#' => out.extend([c, ZERO_WIDTH_SPACE]),
            // Formatting.
            '*' | '_' | '~' | '`' => out.extend([ZERO_WIDTH_SPACE, c, ZERO_WIDTH_SPACE]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_calls_nobody_and_links_nowhere() {
        for hostile in ["<!channel>", "<@U123>", "<!here|x>", "<https://evil.example|click>"] {
            let shown = escaped(hostile);
            assert!(!shown.contains(['<', '>']), "{shown}");
            assert!(!shown.contains("://"), "{shown}");
        }
        assert_eq!(escaped("a & b <c>"), "a &amp; b &lt;c&gt;");
        assert!(!escaped("@everyone").contains("@everyone"));
        assert!(!escaped("https://evil.example").contains("://"));
    }
}
