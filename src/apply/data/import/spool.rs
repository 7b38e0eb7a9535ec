//! Checked rows that wait for the database: see [`crate::data::import::Load`] for their form.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::ImportFailed;
use crate::data::import::Import;

/// So much is written at once, in bytes.
const AT_ONCE: usize = 256 * 1024;

/// The file, while it is written.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    text: Vec<u8>,
}

impl Spool {
    /// Makes the file, with its header.
    pub(super) fn create(path: &Path, import: &Import) -> Result<Self, ImportFailed> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(ImportFailed::write("a temporary file"))?;
        let mut text = Vec::with_capacity(AT_ONCE + AT_ONCE / 4);
        text.extend_from_slice(b"tidegate_row");
        let hash = import.password.iter().map(|password| password.into.as_str());
        for name in import.columns.iter().map(|column| column.name.as_str()).chain(hash) {
            text.push(b',');
            quote(name, &mut text);
        }
        text.push(b'\n');
        Ok(Self { path: path.to_owned(), file, text })
    }

    /// Adds a row: its number, its values, and where the import has passwords, the hash of its own, or
    /// `None` where the table has one.
    pub(super) fn row<'a>(
        &mut self,
        number: u64,
        values: impl Iterator<Item = Option<&'a str>>,
        hash: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<(), ImportFailed> {
        // A number of 64 bits has at most 20 digits.
        let (mut digits, mut from, mut rest) = ([0_u8; 20], 20, number);
        loop {
            from -= 1;
            digits[from] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.extend_from_slice(&digits[from..]);
        for value in values.chain(hash) {
            self.text.push(b',');
            match value {
                Some(value) => quote(value, &mut self.text),
                None => self.text.extend_from_slice(b"\\N"),
            }
        }
        self.text.push(b'\n');
        if self.text.len() >= AT_ONCE {
            self.flush().map_err(ImportFailed::write("a temporary file"))?;
        }
        Ok(())
    }

    /// Ends the file, and returns its path.
    pub(super) fn finish(mut self) -> Result<PathBuf, ImportFailed> {
        self.flush().map_err(ImportFailed::write("a temporary file"))?;
        Ok(self.path)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// Puts a value between quotes (RFC 4180, section 2). Numbers, days and single words need none, which
/// saves writing and reading a fifth of most files.
fn quote(value: &str, into: &mut Vec<u8>) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    if !value.is_empty() && value.bytes().all(is_plain) {
        into.extend_from_slice(value.as_bytes());
        return;
    }
    into.push(b'"');
    if value.as_bytes().contains(&b'"') {
        for byte in value.bytes() {
            into.extend_from_slice(if byte == b'"' {
                b"\"\""
            } else {
                std::slice::from_ref(&byte)
            });
        }
    } else {
        into.extend_from_slice(value.as_bytes());
    }
    into.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::Spool;
    use crate::data::import::Import;

    #[test]
    fn values_have_quotes_where_they_need_them_and_null_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let users = Import::of("users", None).unwrap().unwrap();
        let mut spool = Spool::create(&folder.path().join("rows.csv"), &users).unwrap();
        let values = [Some("a \"b\",\nc"), None, Some("")];
        spool.row(7, values.into_iter(), Some(Some("$argon2id$x"))).unwrap();
        spool.row(u64::MAX, [Some("\\N")].into_iter(), None).unwrap();
        let plain = ["2026-02-07", "-12.50", "Tea", "Té", " x", "true"].map(Some);
        spool.row(8, plain.into_iter(), None).unwrap();
        let text = std::fs::read_to_string(spool.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "tidegate_row,username,email,role,\"password_hash\"\n\
             7,\"a \"\"b\"\",\nc\",\\N,\"\",\"$argon2id$x\"\n\
             18446744073709551615,\"\\N\"\n\
             8,2026-02-07,-12.50,Tea,\"Té\",\" x\",true\n"
        );
    }
}
