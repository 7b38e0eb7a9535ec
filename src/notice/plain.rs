//! Plain text, for e-mail.

use std::fmt::Write as _;

use super::{Document, Part};
use crate::state::Notice;

/// Returns the subject and the text. Neither holds a line break of others.
pub fn message(notice: &Notice, repository: Option<&str>) -> (String, String) {
    of(&Document::of(notice), repository, &format!("notice {}", notice.id))
}

/// The same of any document; `name` stands at its end.
pub fn of(document: &Document, repository: Option<&str>, name: &str) -> (String, String) {
    let subject = match repository {
        Some(repository) => format!("[{repository}] {}", document.headline),
        None => document.headline.clone(),
    };
    let mut text = format!("{}\n", document.headline);
    if !document.lead.is_empty() {
        let _ = writeln!(text, "\n{}", line(&document.lead));
    }
    for section in &document.sections {
        let _ = writeln!(text, "\n{}:", section.title);
        for parts in &section.lines {
            let mark = if section.is_code { "    " } else { "- " };
            let _ = writeln!(text, "{mark}{}", line(parts));
        }
    }
    let _ = writeln!(text, "\n-- \ntidegate, {name}");
    (subject, text)
}

fn line(parts: &[Part]) -> String {
    let mut line = String::new();
    for part in parts {
        match part {
            Part::Own(text) | Part::Said(text) | Part::Code(text) => line.push_str(text),
            Part::Author { name, .. } => line.push_str(name),
            Part::Link { label, url } => {
                let _ = write!(line, "{label}: {url}");
            }
        }
    }
    line
}
