//! A file with variables, as `.env` files are written: `NAME=value` in each line.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use crate::exit::{Exit, Failed};

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a file. Values are never shown in errors.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let wrong =
        |problem: String| Failed::new(Exit::Usage, format!("{}: {problem}", path.display()));
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(wrong(format!("has more than {MOST_BYTES} bytes")).into());
    }
    parse(&text).map_err(|(line, problem)| wrong(format!("line {line}: {problem}")).into())
}

/// Reads the text: nothing is put in for `$`, since keys may hold one.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut variables = BTreeMap::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| (index + 1, problem);
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or(wrong("expected NAME=value"))?;
        let name = name.trim();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(wrong("expected NAME=value, with a name of letters, digits and _"));
        }
        variables.insert(name.to_owned(), self::value(value.trim()).map_err(wrong)?);
    }
    Ok(variables)
}

/// A value stands between quotes, or ends before ` #`.
fn value(text: &str) -> Result<String, &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(" #").unwrap_or(text.len());
        return Ok(text[..end].trim_end().to_owned());
    };
    let mut value = String::new();
    let mut rest = text[1..].chars();
    while let Some(c) = rest.next() {
        match c {
            c if c == quote => {
                let after = rest.as_str().trim_start();
                let ends = after.is_empty() || after.starts_with('#');
                return if ends { Ok(value) } else { Err("something stands after the quote") };
            }
            '\\' if quote == '"' => match rest.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a quote is not closed on its line")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::parse;

    #[test]
    fn values_are_read_as_they_are_meant() {
        let text = "\u{feff}# store\nAZURE_ACCOUNT_NAME=acme\n\nexport AZURE_ACCOUNT_KEY = a+b/$c==  # key\n\
            QUOTED=\"a \\\"b\\\" \\n #c\" # d\nSINGLE='a\\n $b'\nEMPTY=\nCONNECTION=AccountName=x;AccountKey=y#z==\n";
        let read = parse(text).unwrap();
        let get = |name: &str| read[name].as_str();
        assert_eq!(get("AZURE_ACCOUNT_NAME"), "acme");
        assert_eq!(get("AZURE_ACCOUNT_KEY"), "a+b/$c==");
        assert_eq!(get("QUOTED"), "a \"b\" \n #c");
        assert_eq!(get("SINGLE"), "a\\n $b");
        assert_eq!(get("EMPTY"), "");
        assert_eq!(get("CONNECTION"), "AccountName=x;AccountKey=y#z==");
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_not_shown() {
        for (text, line) in
            [("A=1\nsecret", 2), ("=x", 1), ("A b=x", 1), ("A='x", 1), ("A=\"x\" y", 1)]
        {
            let (at, problem) = parse(text).unwrap_err();
            assert_eq!(at, line, "{text}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
