//! What would change in the work tree.

use similar::TextDiff;

use super::render::File;

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Create,
    /// It is there, and says this already.
    Same,
    /// It is there and says something else: only `--force` replaces it.
    Differs,
}

/// A file beside what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file as it shall be.
    pub file: File,
    /// What becomes of it.
    pub change: Change,
    /// The unified diff; empty where nothing changes.
    pub diff: String,
}

/// Holds files against the texts that are there, in the same order.
pub fn compare(files: Vec<File>, there: Vec<Option<String>>) -> Vec<FileChange> {
    let compare = |(file, old): (File, Option<String>)| {
        let change = match &old {
            None => Change::Create,
            Some(old) if *old == file.text => Change::Same,
            Some(_) => Change::Differs,
        };
        let diff = unified(&file.path, old.as_deref(), &file.text);
        FileChange { file, change, diff }
    };
    files.into_iter().zip(there).map(compare).collect()
}

/// Writes a diff in the unified form, with three lines of context.
fn unified(path: &str, old: Option<&str>, new: &str) -> String {
    if old == Some(new) {
        return String::new();
    }
    let before = old.map_or_else(|| "/dev/null".to_owned(), |_| format!("a/{path}"));
    TextDiff::from_lines(old.unwrap_or_default(), new)
        .unified_diff()
        .header(&before, &format!("b/{path}"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changes() {
        let file = || File { path: "a.yml".to_owned(), text: "one\ntwo\n".to_owned() };
        let change =
            |old: Option<&str>| compare(vec![file()], vec![old.map(str::to_owned)]).remove(0);
        assert_eq!(change(None).change, Change::Create);
        assert!(change(None).diff.starts_with("--- /dev/null\n+++ b/a.yml\n@@ -0,0 +1,2 @@\n+one"));
        let same = change(Some("one\ntwo\n"));
        assert_eq!((same.change, same.diff.as_str()), (Change::Same, ""));
        let other = change(Some("one\n2\n"));
        assert_eq!(other.change, Change::Differs);
        assert!(other.diff.ends_with(" one\n-2\n+two\n"), "{}", other.diff);
    }
}
