//! Writes a signed URL into a file that only its owner reads.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::exit::{Exit, OrFailed as _};
use crate::secret::Secret;

/// Replaces the file at `path`, below the folder `root`, by one that holds `text`, readable by its
/// owner only. A link is replaced, and what it leads to stays as it is.
///
/// # Errors
/// Where the file cannot be written, or its folder leads out of `root`; the message does not hold the
/// text.
pub fn hand_out(root: &Path, path: &Path, text: &Secret) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(root);
    let write = || -> std::io::Result<()> {
        let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(root);
        if !there.canonicalize()?.starts_with(root.canonicalize()?) {
            return Err(std::io::Error::other("its folder leads out of the repository"));
        }
        // A link that leads to nothing is no folder, and none is made behind it.
        std::fs::create_dir_all(folder)?;
        // It is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.expose().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display())).or_exit(Exit::BadInput)
}
