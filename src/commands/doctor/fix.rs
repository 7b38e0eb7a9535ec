//! Writes the mended workflows into the work tree, once they were shown and a person agreed.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::adapters::git::{Git, diff};
use crate::doctor::workflow::LARGEST;
use crate::doctor::{Mended, MendedFile};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::output::{Output, bad, clean, good, plain};

/// What stands before a text that some editors write ("UTF-8 with BOM").
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Shows the changes, asks, and writes them; `false` where a person does not want them.
pub(super) fn write(
    git: &Git,
    mended: &Mended,
    yes: bool,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let Some(root) = git.workdir() else {
        let error = "a bare repository has no files that could be mended";
        return Err(Failed::new(Exit::Usage, error).with_hint("run it in a work tree").into());
    };
    for file in &mended.files {
        for line in diff::unified(&file.path, &file.old, &file.new)?.lines() {
            let line = match line.as_bytes().first() {
                Some(b'+') => good(line),
                Some(b'-') => bad(line),
                Some(_) | None => plain(clean(line)),
            };
            output.note(line)?;
        }
    }
    if !yes && !output.confirm("Write these changes?")? {
        return Ok(false);
    }
    for file in &mended.files {
        replace(root, file)
            .with_context(|| format!("cannot write {}", file.path))
            .or_exit(Exit::BadInput)
            .or_hint("nothing else was changed; run `tidegate doctor --fix` again")?;
    }
    Ok(true)
}

/// Replaces a file in one step, if it still is what was examined.
fn replace(root: &Path, file: &MendedFile) -> anyhow::Result<()> {
    let path = root.join(&file.path);
    let data = fs::symlink_metadata(&path)?;
    anyhow::ensure!(data.is_file(), "it is no file any more");
    let mut bytes = Vec::new();
    File::open(&path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let (mark, text) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (BYTE_ORDER_MARK, text),
        None => ("", text),
    };
    anyhow::ensure!(text == file.old, "somebody has changed it meanwhile");
    let folder = path.parent().context("it is in no folder")?;
    let mut beside = NamedTempFile::new_in(folder)?;
    beside.write_all(mark.as_bytes())?;
    beside.write_all(file.new.as_bytes())?;
    beside.as_file().set_permissions(data.permissions())?;
    beside.as_file().sync_all()?;
    beside.persist(&path)?;
    Ok(())
}
