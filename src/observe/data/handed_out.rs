//! Reads the signed URL that was handed out, and whether its file may be written at all.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::adapters::data_source::MAX_URL;
use crate::adapters::git::Git;
use crate::exit::{Exit, Failed};
use crate::secret::Secret;

/// A file for a signed URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called in messages: its path from the root.
    pub name: String,
    /// Whether git leaves it alone: nobody commits it by accident. True where there is no repository.
    pub ignored: bool,
}

impl UrlFile {
    /// Looks at the file `name`, from `root`.
    ///
    /// # Errors
    /// [`Exit::Refused`] where git tracks it: the URL would be pushed with the next commit.
    pub fn look(git: Option<&Git>, root: &Path, name: &str) -> anyhow::Result<Self> {
        if git.is_some_and(|git| git.is_tracked(Path::new(name))) {
            let error = format!("git tracks {name}, and the signed URL must not be committed");
            return Err(Failed::new(Exit::Refused, error)
                .with_hint(format!(
                    "`git rm --cached {name}`, add it to .gitignore, and run it again; where a URL was pushed, renew the account key"
                ))
                .into());
        }
        let ignored = git.is_none_or(|git| git.is_ignored(Path::new(name)));
        Ok(Self { path: root.join(name), name: name.to_owned(), ignored })
    }

    /// Reads the URL that is in it; `None` where there is none that could be one.
    pub fn read(&self) -> Option<Secret> {
        let plain = std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_file());
        let file = plain.then(|| std::fs::File::open(&self.path).ok()).flatten()?;
        let mut text = String::new();
        file.take(MAX_URL as u64).read_to_string(&mut text).ok()?;
        let line = text.lines().next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| Secret::new(line))
    }
}
