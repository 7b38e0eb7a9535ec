//! Writes a manifest: one entry in each line, in the order of the paths.

use std::io::{self, Write};

use super::time::shown;
use super::{EntryRef, Manifest};

impl Manifest {
    /// Writes it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_below("", true, out)
    }

    /// Writes what it says of the files below a folder: the copy for the store.
    pub fn write_copy(&self, folder: &str, out: &mut impl Write) -> io::Result<()> {
        self.write_below(folder, false, out)
    }

    fn write_below(&self, folder: &str, whole: bool, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"{\n  \"synced_files\": {")?;
        let mut line = String::new();
        for (index, entry) in self.below(folder).enumerate() {
            line.clear();
            line.push_str(if index == 0 { "\n    " } else { ",\n    " });
            write_entry(&entry, &mut line)?;
            out.write_all(line.as_bytes())?;
        }
        out.write_all(b"\n  },\n  \"last_sync\": ")?;
        match self.last_sync {
            Some(time) => write!(out, "\"{}\"", shown(time))?,
            None => out.write_all(b"null")?,
        }
        if whole && !self.copies.is_empty() {
            write!(out, ",\n  \"store_copies\": {}", serde_json::to_string(&self.copies)?)?;
        }
        if whole {
            for (key, value) in &self.others {
                write!(out, ",\n  {}: {value}", serde_json::to_string(key)?)?;
            }
        }
        out.write_all(b"\n}\n")
    }
}

/// Writes `"path": {...}`.
pub(super) fn write_entry(entry: &EntryRef<'_>, line: &mut String) -> io::Result<()> {
    use std::fmt::Write as _;
    let text = |text: &str| serde_json::to_string(text);
    let wrong = |_| io::Error::other("a text cannot be written");
    line.push_str(&text(entry.key)?);
    line.push_str(": {\"blob_path\": ");
    line.push_str(&text(entry.blob_path)?);
    let time = shown(entry.synced_at);
    write!(line, ", \"size\": {}, \"synced_at\": \"{time}\"", entry.size).map_err(wrong)?;
    if let Some(sha256) = entry.sha256 {
        line.push_str(", \"sha256\": \"");
        for byte in sha256 {
            for digit in [byte >> 4, byte & 0xf] {
                line.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
            }
        }
        line.push('"');
    }
    if let Some(etag) = entry.etag {
        line.push_str(", \"etag\": ");
        line.push_str(&text(etag)?);
    }
    if let Some(mtime) = entry.mtime {
        let (sign, mtime) = (if mtime < 0 { "-" } else { "" }, mtime.unsigned_abs());
        let (seconds, micros) = (mtime / 1_000_000, mtime % 1_000_000);
        write!(line, ", \"mtime\": {sign}{seconds}.{micros:06}").map_err(wrong)?;
    }
    if let Some(other) = entry.other {
        line.push_str(", ");
        line.push_str(other);
    }
    line.push('}');
    Ok(())
}
