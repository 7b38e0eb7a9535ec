//! What dbt writes about its run: `target/run_results.json`
//! (<https://docs.getdbt.com/reference/artifacts/run-results-json>).

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::shown;
use crate::secret::Redactor;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// How many folders below the step's are looked into.
const MOST_FOLDERS: usize = 200;

/// How many nodes are named.
const MOST_NAMED: usize = 5;

/// A file of results, and when it was written.
pub(super) type Written = (PathBuf, SystemTime);

#[derive(Deserialize)]
struct Results {
    results: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    status: String,
    #[serde(default)]
    unique_id: String,
    #[serde(default)]
    message: Option<String>,
}

/// Finds results of dbt in a folder and one level below it.
pub(super) fn results(folder: &Path) -> Vec<Written> {
    let below = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let below = below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .take(MOST_FOLDERS);
    std::iter::once(folder.to_owned())
        .chain(below)
        .filter_map(|folder| {
            let file = folder.join("target/run_results.json");
            let found = file.symlink_metadata().ok()?;
            let fits = found.is_file() && found.len() <= LARGEST;
            fits.then(|| found.modified().ok().map(|written| (file, written))).flatten()
        })
        .collect()
}

/// Names the nodes that failed, from results that were not there `earlier`.
pub(super) fn failures(folder: &Path, earlier: &[Written], redactor: &Redactor) -> Option<String> {
    let written = results(folder).into_iter().filter(|found| !earlier.contains(found));
    let (file, _) = written.max_by_key(|(_, written)| *written)?;
    failed(&std::fs::read_to_string(file).ok()?, redactor)
}

fn failed(text: &str, redactor: &Redactor) -> Option<String> {
    let results: Results = serde_json::from_str(text).ok()?;
    let all = results.results.len();
    let failed: Vec<&Node> = results
        .results
        .iter()
        .filter(|node| matches!(node.status.as_str(), "error" | "fail" | "runtime error"))
        .collect();
    if failed.is_empty() {
        return None;
    }
    let named = failed.iter().take(MOST_NAMED).map(|node| {
        let name = shown::line(&node.unique_id, redactor);
        match node.message.as_deref().map(|message| shown::line(message, redactor)) {
            Some(message) if !message.is_empty() => format!("{name} ({message})"),
            Some(_) | None => name,
        }
    });
    let named: Vec<String> = named.collect();
    let more = failed.len() - named.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(format!("dbt: {} of {all} nodes failed: {}{more}", failed.len(), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_nodes_are_named() {
        let text = r#"{"results": [
            {"status": "success", "unique_id": "model.tiny.a", "message": "OK"},
            {"status": "error", "unique_id": "model.tiny.b", "message": "Binder Error:\n  no \u001b[31mcolumn"},
            {"status": "fail", "unique_id": "test.tiny.c", "message": null},
            {"status": "skipped", "unique_id": "model.tiny.d"}]}"#;
        assert_eq!(
            failed(text, &Redactor::new()).as_deref(),
            Some("dbt: 2 of 4 nodes failed: model.tiny.b (Binder Error: no column), test.tiny.c")
        );
        for text in ["", "{}", "[]", r#"{"results": [{"status": "success"}]}"#, r#"{"results": 1}"#]
        {
            assert_eq!(failed(text, &Redactor::new()), None, "{text}");
        }
    }

    #[test]
    fn many_failed_nodes_are_counted() {
        let node = r#"{"status": "fail", "unique_id": "t"}"#;
        let text = format!("{{\"results\": [{}]}}", [node; 9].join(","));
        let said = failed(&text, &Redactor::new()).unwrap_or_default();
        assert!(said.starts_with("dbt: 9 of 9") && said.ends_with(", and 4 more"), "{said}");
    }
}
