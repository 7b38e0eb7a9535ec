//! How a task ended, by the exit code and the JSON of its program.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::What;

/// The longest reason, in characters.
const LONGEST: usize = 400;

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it is for.
    Done,
    /// An import ended well, and its source had no rows.
    NoData,
    /// A health check ended well, and could not look into the database: nothing is known.
    Inconclusive,
    /// It did not.
    Failed {
        /// Why, on one line.
        reason: String,
        /// The exit code, where the program ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<u8>,
    },
    /// The schedule was stopped, and the task with it: it runs again.
    Stopped,
}

impl Outcome {
    /// Reads how a program ended: its exit code (`None` where nobody saw the end of it, because the
    /// schedule was killed meanwhile), the JSON that it printed, and what it said last.
    pub fn of(what: &What, exit: Option<i32>, document: Option<&Value>, said: &str) -> Self {
        let code = exit.or_else(|| document.map(exit_of));
        match code {
            Some(0) => match (what, document.and_then(rows)) {
                (What::Import { .. }, Some(0)) => Self::NoData,
                (_, _) if document.is_some_and(is_blind) => Self::Inconclusive,
                (_, _) => Self::Done,
            },
            code => Self::failed(reason(code, document, said), code),
        }
    }

    /// A failure whose reason is known.
    pub fn failed(reason: impl AsRef<str>, exit: Option<i32>) -> Self {
        let mut reason: String = reason.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((at, _)) = reason.char_indices().nth(LONGEST) {
            reason.truncate(at);
            reason.push('…');
        }
        Self::Failed { reason, exit: exit.and_then(|code| u8::try_from(code).ok()) }
    }

    /// Returns its name, as JSON has it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NoData => "no-data",
            Self::Inconclusive => "inconclusive",
            Self::Failed { .. } => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What the JSON of an ended program says about its end.
fn exit_of(document: &Value) -> i32 {
    if let Some(code) = document["code"].as_i64().filter(|_| is_error(document)) {
        return i32::try_from(code).unwrap_or(1);
    }
    let failed = document["status"] == "error"
        || document["database"]["outcome"] == "failed"
        || document["stopped"] == true;
    if failed { 14 } else { 0 }
}

fn is_error(document: &Value) -> bool {
    document["schema"] == "tidegate/error/1"
}

/// Whether a health check could not look into the database.
fn is_blind(document: &Value) -> bool {
    document["schema"] == "tidegate/health/1" && document["looked"] == false
}

/// How many rows an import's source had.
fn rows(document: &Value) -> Option<u64> {
    document["rows"].as_u64()
}

/// Where a bad row stands: in a file, or in the answer of an API.
fn place(place: &Value) -> Option<String> {
    let answer = &place["answer"];
    let row =
        || Some(format!("page {}, {}", answer["page"].as_u64()?, answer["pointer"].as_str()?));
    place["line"].as_u64().map(|line| format!("line {line}")).or_else(row)
}

fn reason(code: Option<i32>, document: Option<&Value>, said: &str) -> String {
    let mut parts = document.map(reasons).unwrap_or_default();
    if parts.is_empty() {
        parts.extend(error_in(said));
    }
    let ended = match code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    if parts.is_empty() { ended } else { format!("{} ({ended})", parts.join("; ")) }
}

/// Finds the error in what a program said: the last one with its causes, where it is told as tidegate tells
/// errors; else the last line that is no hint.
fn error_in(said: &str) -> Option<String> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let of = |line: &str, mark: &str| line.strip_prefix(mark).map(|text| text.trim().to_owned());
    let mut found: Vec<String> = Vec::new();
    for line in lines() {
        if let Some(error) = of(line, "error:") {
            found = vec![error];
        } else if let Some(cause) = of(line, "caused by:").filter(|_| !found.is_empty()) {
            found.push(cause);
        }
    }
    found.truncate(MOST);
    let last = || lines().rfind(|line| !line.starts_with("hint:")).map(str::to_owned);
    if found.is_empty() { last() } else { Some(found.join(": ")) }
}

/// At most so many reasons are told.
const MOST: usize = 3;

/// What the JSON of a program says about its failure: an error, findings of a health check, steps and
/// checks of the data, bad rows of an import.
fn reasons(document: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if is_error(document) {
        let causes = list(&document["causes"]);
        let error = text(&document["error"]).into_iter();
        return vec![
            error.chain(causes.iter().filter_map(text)).take(MOST).collect::<Vec<_>>().join(": "),
        ];
    }
    let mut reasons = Vec::new();
    let bad = list(&document["bad_rows"]);
    if let Some((first, count)) = bad.first().zip(document["bad"].as_u64()) {
        let place = place(&first["place"]).unwrap_or_else(|| "the first".to_owned());
        // Without the value, which may be somebody's.
        let fault = &first["faults"][0];
        let what = [&fault["column"], &fault["rule"]].map(|part| part.as_str().unwrap_or_default());
        let rows = if count == 1 { "row" } else { "rows" };
        reasons.push(format!("{count} bad {rows}; {place}: {}", what.join(": ")));
    }
    let findings = list(&document["findings"]);
    let findings = findings.iter().filter(|finding| finding["status"] == "error");
    reasons.extend(findings.filter_map(|finding| {
        let detail = text(&finding["detail"])?;
        let part = text(&finding["part"]).map(|part| part.replace('_', " "));
        Some(part.map(|part| format!("{part}: {detail}")).unwrap_or(detail))
    }));
    let database = &document["database"];
    for part in list(&database["steps"]).iter().chain(&list(&database["checks"])) {
        if let (Some(name), Some(why)) = (text(&part["name"]), text(&part["why"])) {
            reasons.push(format!("{name}: {why}"));
        }
    }
    reasons.truncate(MOST);
    reasons
}
