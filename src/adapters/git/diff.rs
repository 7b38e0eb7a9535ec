//! Differences between texts, as people read them.

use std::path::Path;

use git2::{DiffOptions, Patch};

use super::GitError;

/// Returns what changes from `old` to `new` as a unified diff with the file's name above it; empty
/// where nothing does.
///
/// # Errors
/// libgit2 cannot compare them.
pub fn unified(path: &str, old: &str, new: &str) -> Result<String, GitError> {
    let failed = GitError::other("comparing texts");
    let name = Some(Path::new(path));
    let mut options = DiffOptions::new();
    let mut change =
        Patch::from_buffers(old.as_bytes(), name, new.as_bytes(), name, Some(&mut options))
            .map_err(failed)?;
    let mut text = String::new();
    let written = change.print(&mut |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(line.origin());
        }
        text.push_str(&String::from_utf8_lossy(line.content()));
        true
    });
    written.map_err(GitError::other("comparing texts"))?;
    // What git says about blobs is of no use here.
    let headless = text.find("--- ").map_or("", |at| &text[at..]);
    Ok(headless.to_owned())
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let text = unified("a.yml", "a\nb\nc\n", "a\nx\nc\n").unwrap();
        assert_eq!(text, "--- a/a.yml\n+++ b/a.yml\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        assert_eq!(unified("a.yml", "a\n", "a\n").unwrap(), "");
    }
}
