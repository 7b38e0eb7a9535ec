//! What was sent since a large manifest was written: a line for each file, added to a file beside it.
//! To write a million entries after every fifty files would take longer than to send them.

use std::io::{self, BufRead};

use serde_json::value::RawValue;

use super::read::EntryRead;
use super::write::write_entry;
use super::{Entry, EntryRef, Manifest};

/// Returns the line of a file that was sent, or (`None`) deleted from the store.
pub fn journal_line(key: &str, entry: Option<&Entry>) -> io::Result<String> {
    let mut line = "{".to_owned();
    match entry {
        Some(entry) => write_entry(&EntryRef::of(key, entry), &mut line)?,
        None => line.extend([serde_json::to_string(key)?.as_str(), ": null"]),
    }
    line.push_str("}\n");
    Ok(line)
}

impl Manifest {
    /// Notes what a journal says, up to the first line that is not whole: its process was killed
    /// there. Returns how many lines counted.
    pub fn replay(&mut self, mut journal: impl BufRead) -> io::Result<u64> {
        let (mut lines, mut line) = (0, Vec::new());
        loop {
            line.clear();
            // Longer than any entry: not a journal.
            let read = io::Read::take(&mut journal, 1 << 20).read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') || !self.replay_line(&line) {
                return Ok(lines);
            }
            lines += 1;
        }
    }

    fn replay_line(&mut self, line: &[u8]) -> bool {
        let Ok(entry) =
            serde_json::from_slice::<std::collections::BTreeMap<String, &RawValue>>(line)
        else {
            return false;
        };
        for (key, value) in entry {
            if value.get() == "null" {
                self.remove(&key);
                continue;
            }
            let Ok(read) = serde_json::from_str::<EntryRead<'_>>(value.get()) else { return false };
            let entry = read.entry(&key).to_entry();
            self.set(&key, entry);
        }
        true
    }
}
