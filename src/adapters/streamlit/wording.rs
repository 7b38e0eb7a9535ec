//! How a failure of a page is said. Everything here comes from the app and may be hostile: lines are
//! cleaned of what moves a cursor, and lengths are bounded.

use std::sync::LazyLock;

use regex::Regex;

use super::messages::Exception;
use super::session::Run;
use crate::http::one_line;
use crate::output::clean_lines;
use crate::probe::{MAX_DETAIL, ProbeFailure};

/// The most frames of a traceback that are shown: the innermost ones, where it happened.
const MAX_FRAMES: usize = 12;
/// The most bytes of one frame or message.
const MAX_ENTRY: usize = 2 * 1024;

/// Names a page.
pub fn page(name: &str) -> String {
    format!("page \"{}\"", one_line(name))
}

/// A page that does not compile.
pub fn compile_error(name: &str, error: &Exception) -> ProbeFailure {
    let said = error.message.lines().next_back().map(one_line).unwrap_or_default();
    let said = if said.is_empty() { one_line(&error.r#type) } else { said };
    let cause =
        if has_conflict_marker(&error.message) { " (a merge conflict is left in it)" } else { "" };
    let what = format!("{} does not compile: {said}{cause}", page(name));
    ProbeFailure::new(what).with_detail(bounded(&error.message))
}

/// Whether git's conflict markers stand in the lines that Python quotes.
fn has_conflict_marker(message: &str) -> bool {
    message.lines().map(str::trim_start).any(|line| {
        line.starts_with("<<<<<<< ") || line == "=======" || line.starts_with(">>>>>>> ")
    })
}

/// A page with an exception; `how` stands behind it.
pub fn exception(name: &str, exception: &Exception, how: &str) -> ProbeFailure {
    if exception.r#type.ends_with("SyntaxError") || exception.r#type.ends_with("IndentationError") {
        return compile_error(name, exception);
    }
    let said = said(exception);
    let what = match missing_secret(exception) {
        Some(secret) => format!("{}: the app needs {secret}: {said}", page(name)),
        None => format!("{}: {said}{how}", page(name)),
    };
    ProbeFailure::new(what).with_detail(traceback(exception))
}

/// An exception that ended the run and is not shown (`st.App(on_script_error=..)`).
pub fn hidden_exception(name: &str, kind: &str) -> ProbeFailure {
    ProbeFailure::new(format!(
        "{}: an exception ended the script, and the app does not show it: {}",
        page(name),
        one_line(kind)
    ))
}

/// A page without an element.
pub fn blank(name: &str, login: bool) -> ProbeFailure {
    ProbeFailure::new(if login {
        format!("{} shows nothing and sends people to a login", page(name))
    } else {
        format!("{} shows nothing", page(name))
    })
}

/// What a page has shown, in a few words.
pub fn shown_so_far(run: &Run) -> String {
    let (mut count, mut last) = (0_usize, None);
    for element in run.screen.elements() {
        count += 1;
        last = Some(element);
    }
    let Some(last) = last else { return "it had shown nothing".to_owned() };
    let elements = if count == 1 { "1 element".to_owned() } else { format!("{count} elements") };
    match last.text.first() {
        Some(text) => {
            format!("it had shown {elements}, ending with {} \"{}\"", last.name(), one_line(text))
        }
        None => format!("it had shown {elements}, ending with {}", last.name()),
    }
}

/// The last line of a Python traceback.
fn said(exception: &Exception) -> String {
    // `builtins` are without a module, so are most others for people.
    let kind = exception.r#type.rsplit('.').next().unwrap_or_default();
    let kind = if kind.is_empty() { "an exception" } else { kind };
    if exception.message.trim().is_empty() {
        return one_line(kind);
    }
    one_line(&format!("{kind}: {}", exception.message))
}

fn traceback(exception: &Exception) -> String {
    let frames: Vec<&String> = exception.stack_trace.iter().collect();
    let own: Vec<&String> = frames.iter().copied().filter(|frame| !is_streamlits(frame)).collect();
    let frames = if own.is_empty() { frames } else { own };
    let mut lines = String::from("Traceback (most recent call last):\n");
    if let Some(left_out) = frames.len().checked_sub(MAX_FRAMES + 1) {
        lines = format!("{lines}  ({} frames left out)\n", left_out + 1);
    }
    let first = frames.len().saturating_sub(MAX_FRAMES);
    for frame in frames.iter().skip(first) {
        // The first line of a frame has lost its indent, the others have it still.
        lines.push_str("  ");
        lines.push_str(bounded(frame).trim_end());
        lines.push('\n');
    }
    let kind = if exception.r#type.is_empty() { "Exception" } else { exception.r#type.as_str() };
    lines.push_str(&bounded(&format!("{kind}: {}", exception.message)));
    lines
}

/// Whether the traceback of an exception begins in the part of Streamlit that runs scripts,
/// fragments and callbacks: then nothing of the app caught it.
pub fn begins_in_streamlit(exception: &Exception) -> bool {
    let first = exception.stack_trace.first().and_then(|frame| frame.lines().next());
    first.is_some_and(|line| line.replace('\\', "/").contains("/streamlit/runtime/"))
}

/// Whether a frame lies in the package `streamlit`.
fn is_streamlits(frame: &str) -> bool {
    let place = frame.lines().next().unwrap_or_default().replace('\\', "/");
    place.contains("-packages/streamlit/")
}

/// Text of the app, cleaned and cut.
fn bounded(text: &str) -> String {
    let mut end = text.len().min(MAX_ENTRY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut kept = clean_lines(text.get(..end).unwrap_or_default());
    if end < text.len() {
        kept.push('…');
    }
    // An escape takes more room than what it stands for.
    kept.truncate(kept.floor_char_boundary(MAX_DETAIL / 2));
    kept
}

/// Says which secret an app missed, where the exception is about `st.secrets`: Streamlit names it in
/// the message where there is a file of secrets, else only the line of the app does.
fn missing_secret(exception: &Exception) -> Option<String> {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"st\.secrets has no (?:key|attribute) "([^"]{1,100})""#).ok()
    });
    static ASKED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"secrets\s*(?:\[\s*|\.get\(\s*)["']([^"']{1,100})["']|secrets\.([A-Za-z_]\w{0,99})"#,
        )
        .ok()
    });
    let kind = exception.r#type.rsplit('.').next().unwrap_or_default();
    let message = exception.message.as_str();
    if let Some(found) = NAMED.as_ref().and_then(|named| named.captures(message)) {
        return Some(format!("the secret `{}`", one_line(found.get(1)?.as_str())));
    }
    let about_secrets = kind == "StreamlitSecretNotFoundError"
        || message.starts_with("No secrets f")
        || (kind == "FileNotFoundError" && message.contains("secrets.toml"));
    if !about_secrets {
        return None;
    }
    let asked = ASKED.as_ref().and_then(|asked| {
        exception.stack_trace.iter().rev().filter(|frame| !is_streamlits(frame)).find_map(|frame| {
            let found = asked.captures(frame.lines().nth(1)?)?;
            found.get(1).or_else(|| found.get(2)).map(|name| one_line(name.as_str()))
        })
    });
    Some(asked.map_or_else(|| "secrets".to_owned(), |name| format!("the secret `{name}`")))
}
