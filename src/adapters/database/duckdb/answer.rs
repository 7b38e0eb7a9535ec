//! Answers of the `duckdb` command: one JSON text, made by DuckDB itself, since the command's own JSON
//! differs from version to version.

use serde_json::{Map, Value};

/// The column that the answer stands in.
const COLUMN: &str = "tidegate_answer";

/// Puts a statement that was checked by [`crate::data::sql::one`] into a query whose answer
/// [`read`] understands.
pub(super) fn select(statement: &str, limit: usize) -> String {
    format!(
        "SELECT coalesce(to_json(list(q)), '[]')::VARCHAR AS {COLUMN} FROM (SELECT * FROM (\n{statement}\n) LIMIT {limit}) AS q"
    )
}

/// Reads the rows of the answer; other output around it is passed over.
pub(super) fn read(output: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let begin = format!("[{{\"{COLUMN}\":");
    let text = std::str::from_utf8(output).ok()?;
    let line = text.lines().find(|line| line.starts_with(&begin))?;
    let answer: Vec<Map<String, Value>> = serde_json::from_str(line).ok()?;
    let rows = answer.first()?.get(COLUMN)?.as_str()?;
    serde_json::from_str(rows).or_else(|_| serde_json::from_str(&without_nan(rows))).ok()
}

/// Puts quotes around `NaN` and `Infinity`, which DuckDB writes as they are and JSON does not know.
fn without_nan(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
        let length = match (quoted, word) {
            (false, Some(word)) => {
                shown.extend(["\"", word, "\""]);
                word.len()
            }
            (true, _) if c == '\\' => {
                let length = c.len_utf8() + rest.chars().nth(1).map_or(0, char::len_utf8);
                shown.push_str(rest.get(..length).unwrap_or_default());
                length
            }
            _ => {
                quoted ^= c == '"';
                shown.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_answer_is_found_and_read() {
        let rows = |text: &str| read(text.as_bytes()).map(|rows| json!(rows));
        assert_eq!(rows("[{]\n[{\"tidegate_answer\":\"[]\"}]\n"), Some(json!([])));
        let answer =
            r#"[{"tidegate_answer":"[{\"b\":NaN,\"a\":\"NaN \\\" -Infinity\",\"c\":-Infinity}]"}]"#;
        let expected = json!([{"b": "NaN", "a": "NaN \" -Infinity", "c": "-Infinity"}]);
        assert_eq!(rows(answer), Some(expected));
        for text in ["", "[{\"other\":1}]", "[{\"tidegate_answer\":\"[\"}]", "\u{fffd}"] {
            assert_eq!(rows(text), None, "{text}");
        }
    }
}
