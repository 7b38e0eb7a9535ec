//! SQL as text: names, values and the places between statements.
//!
//! [`identifier`], [`table`] and [`literal`] are the only ways by which tidegate puts a name or a
//! value into SQL. They are right for DuckDB and for SQLite, which agree here.

use serde_json::Value;

/// Why SQL cannot be run as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlProblem {
    /// There is nothing to run.
    #[error("expected a statement, found none")]
    Empty,
    /// One statement is asked for.
    #[error("expected one statement, found another after `;`")]
    Several,
    /// A bracket closes what was not opened, or a text, name or comment has no end.
    #[error("{0}")]
    Broken(&'static str),
    /// The transaction is not the statement's own.
    #[error("`{0}` does not go with statements that run in one transaction")]
    Transaction(String),
    /// The `duckdb` command would take the line as a command of its own.
    #[error("line {0} begins with `.`; indent it")]
    Dot(usize),
    /// A value that no literal can be made of.
    #[error("expected text, a number, true, false or null as a parameter")]
    Value,
}

/// Returns a name between double quotes, in which any character stands for itself.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// Returns the parts of a table's name: `sales`, `marts.sales`, `"odd.name"`, `marts."Sales 2026"`.
/// What cannot be read like that is one name.
pub fn parts(table: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = table;
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            match unquoted(quoted) {
                Some(found) => found,
                None => return vec![table.to_owned()],
            }
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            (part.to_owned(), after)
        };
        if part.is_empty() || parts.len() == 3 {
            return vec![table.to_owned()];
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return parts,
            None => return vec![table.to_owned()],
        }
    }
}

/// Reads up to the closing quote; two quotes stand for one.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// Returns the name of a table, with its schema where it has one, as SQL.
pub fn table(table: &str) -> String {
    let parts: Vec<String> = parts(table).iter().map(|part| identifier(part)).collect();
    parts.join(".")
}

/// Returns a value as SQL.
pub fn literal(value: &Value) -> Result<String, SqlProblem> {
    match value {
        Value::Null => Ok("NULL".to_owned()),
        Value::Bool(true) => Ok("TRUE".to_owned()),
        Value::Bool(false) => Ok("FALSE".to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) if text.contains('\0') => Err(SqlProblem::Value),
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Array(_) | Value::Object(_) => Err(SqlProblem::Value),
    }
}

/// Returns the one statement of a text, without `;` and what follows it. Its brackets are balanced,
/// so that it stays within brackets that are put around it.
pub fn one(sql: &str) -> Result<&str, SqlProblem> {
    let mut found = statements(sql)?.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(SqlProblem::Empty),
        (Some(_), Some(_)) => Err(SqlProblem::Several),
    }
}

/// Checks statements that are to run in one transaction, and as the input of the `duckdb` command.
pub fn transaction(sql: &str) -> Result<(), SqlProblem> {
    if let Some(line) = sql.lines().position(|line| line.starts_with('.')) {
        return Err(SqlProblem::Dot(line + 1));
    }
    let found = statements(sql)?;
    if found.is_empty() {
        return Err(SqlProblem::Empty);
    }
    for statement in found {
        let start = begin(statement);
        let word: String = start.chars().take_while(char::is_ascii_alphabetic).collect();
        let word = word.to_ascii_uppercase();
        if matches!(
            word.as_str(),
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE"
        ) {
            return Err(SqlProblem::Transaction(word));
        }
    }
    Ok(())
}

/// Skips blanks and comments at the beginning.
fn begin(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if text.starts_with("--") {
            text = text.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = text.strip_prefix("/*") {
            text = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return text;
        }
    }
}

/// Returns the statements of a text: what stands between `;`, where there is more than comments.
fn statements(sql: &str) -> Result<Vec<&str>, SqlProblem> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut depth = 0_i32;
    let mut start = 0;
    // Where the statement ends without the comments after it, if it has begun.
    let mut end = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if !sql.is_char_boundary(at) {
            at += 1;
            end = Some(at);
            continue;
        }
        let rest = sql.get(at..).unwrap_or_default();
        let next = match byte {
            b'\'' if is_escape_string(bytes, at) => at + past_escape_string(rest)?,
            b'\'' | b'"' | b'`' => at + past_quoted(rest, char::from(*byte))?,
            b'-' if rest.starts_with("--") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with("/*") => {
                at += past_comment(rest)?;
                continue;
            }
            b'$' => match past_dollars(bytes, rest, at)? {
                Some(length) => at + length,
                None => at + 1,
            },
            b';' => {
                if depth != 0 {
                    return Err(SqlProblem::Broken("a bracket is not closed"));
                }
                if let Some(end) = end.take() {
                    found.push(sql.get(start..end).unwrap_or_default());
                }
                at += 1;
                start = at;
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                at + 1
            }
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth < 0 {
                    return Err(SqlProblem::Broken("a bracket closes what was not opened"));
                }
                at + 1
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => at + 1,
        };
        at = next;
        end = Some(at);
    }
    if depth != 0 {
        return Err(SqlProblem::Broken("a bracket is not closed"));
    }
    if let Some(end) = end {
        found.push(sql.get(start..end).unwrap_or_default());
    }
    Ok(found)
}

/// Tells whether the quote at `at` opens a text with backslashes: `E'..'`.
fn is_escape_string(bytes: &[u8], at: usize) -> bool {
    let byte = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at));
    matches!(byte(1), Some(b'e' | b'E'))
        && !byte(2).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn past_escape_string(text: &str) -> Result<usize, SqlProblem> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(SqlProblem::Broken("a text has no end"))
}

fn past_quoted(text: &str, quote: char) -> Result<usize, SqlProblem> {
    // Two quotes are the end of one text and the beginning of the next, which comes to the same.
    text.get(1..)
        .and_then(|rest| rest.find(quote))
        .map(|end| end + 2)
        .ok_or(SqlProblem::Broken("a text or a name has no end"))
}

fn past_comment(text: &str) -> Result<usize, SqlProblem> {
    text.get(2..)
        .and_then(|rest| rest.find("*/"))
        .map(|end| end + 4)
        .ok_or(SqlProblem::Broken("a comment has no end"))
}

/// Reads `$$..$$` and `$tag$..$tag$`; `None` where it is neither, such as `$1`.
fn past_dollars(bytes: &[u8], text: &str, at: usize) -> Result<Option<usize>, SqlProblem> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    if at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(word) {
        return Ok(None);
    }
    let after = text.get(1..).unwrap_or_default();
    let Some(end) = after.find('$') else { return Ok(None) };
    let tag = after.get(..end).unwrap_or_default();
    let fits = tag.bytes().all(|byte| word(&byte))
        && !tag.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if !fits {
        return Ok(None);
    }
    let delimiter = format!("${tag}$");
    let body = text.get(delimiter.len()..).unwrap_or_default();
    match body.find(&delimiter) {
        Some(end) => Ok(Some(end + 2 * delimiter.len())),
        None => Err(SqlProblem::Broken("a text between dollars has no end")),
    }
}

#[cfg(test)]
mod tests;
