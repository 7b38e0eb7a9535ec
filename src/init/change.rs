//! What would change in the work tree.

use super::render::File;

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Create,
    /// It is there, and says this already.
    Same,
    /// It is there and says something else: only a person who asks for it has it replaced.
    Differs,
}

/// A file beside what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file as it shall be.
    pub file: File,
    /// What it says now.
    pub old: Option<String>,
    /// What becomes of it.
    pub change: Change,
}

/// Holds files against the texts that are there, in the same order.
pub fn compare(files: Vec<File>, there: Vec<Option<String>>) -> Vec<FileChange> {
    let compare = |(file, old): (File, Option<String>)| {
        let change = match &old {
            None => Change::Create,
            Some(old) if *old == file.text => Change::Same,
            Some(_) => Change::Differs,
        };
        FileChange { file, old, change }
    };
    files.into_iter().zip(there).map(compare).collect()
}
