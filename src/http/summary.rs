//! What is shown of a body that a server sent with an error.

/// The longest text that is shown of a server's answer, in characters.
const LONGEST: usize = 200;

/// Returns a one-line summary of the body of a failed answer: the messages of an OCI or GitHub
/// error document, the title or text of an HTML page, else the beginning of the text. Control
/// characters are neutralised: the text may be hostile.
pub fn summary(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..16_384).unwrap_or(body));
    let shown = json_messages(body).unwrap_or_else(|| {
        if text.trim_start().starts_with('<') { html_text(&text) } else { text.into_owned() }
    });
    one_line(&shown)
}

/// Returns `text` on one line, without control or direction characters, at most 200 characters.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for c in word.chars() {
            if length >= LONGEST {
                line.push('…');
                return line;
            }
            line.push(if is_invisible(c) { '\u{fffd}' } else { c });
            length += 1;
        }
    }
    line
}

/// Characters that change how the text around them is shown (Unicode TR 36, section 3).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn json_messages(body: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    if let Some(errors) = document.get("errors").and_then(serde_json::Value::as_array) {
        let messages: Vec<String> = errors
            .iter()
            .take(5)
            .filter_map(|error| match (text(error, "code"), text(error, "message")) {
                (Some(code), Some(message)) => Some(format!("{code}: {message}")),
                (Some(one), None) | (None, Some(one)) => Some(one),
                (None, None) => None,
            })
            .collect();
        if !messages.is_empty() {
            return Some(messages.join("; "));
        }
    }
    text(&document, "message").or_else(|| text(&document, "details"))
}

fn html_text(page: &str) -> String {
    // ASCII case folding keeps byte positions, so they are valid in `page`, too.
    let lower = page.to_ascii_lowercase();
    if let Some(start) = lower.find("<title>").map(|at| at + "<title>".len())
        && let Some(length) = lower.get(start..).and_then(|rest| rest.find("</title>"))
        && let Some(title) = page.get(start..start + length)
    {
        return title.to_owned();
    }
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_documents_become_one_line() {
        for (body, expected) in [
            (
                "<!DOCTYPE html><html><head><title>Unicorn!\n 502</title></head></html>",
                "Unicorn! 502",
            ),
            ("<html><body><h1>504</h1> Gateway</body></html>", "504 Gateway"),
            (r#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}"#, "DENIED: no; X"),
            (r#"{"message":"Not Found"}"#, "Not Found"),
            ("plain\r\n\x1b[31mred\x07", "plain [31mred"),
            ("", ""),
        ] {
            assert_eq!(summary(body.as_bytes()), expected);
        }
    }

    #[test]
    fn long_and_bidirectional_text_is_neutralised() {
        let shown = summary(format!("\u{202e}{}", "x".repeat(100_000)).as_bytes());
        assert!(shown.starts_with('\u{fffd}') && shown.chars().count() == LONGEST + 1, "{shown}");
    }
}
