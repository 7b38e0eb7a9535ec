//! The workflow files: those of the work tree, as somebody may be writing them just now, or those
//! of `HEAD` where there is no work tree.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::adapters::git::Git;
use crate::doctor::WorkflowSeen;
use crate::doctor::workflow::{LARGEST, Unreadable, Workflow};

/// Where GitHub looks for workflows.
const FOLDER: &str = ".github/workflows";

/// So many files are read. Nobody has more, and whoever has shall not wait for ever.
const MOST: usize = 300;

/// Reads them, in the order of their names. No such folder: none.
///
/// # Errors
/// The folder cannot be read.
pub fn read(git: &Git) -> anyhow::Result<Vec<WorkflowSeen>> {
    let files = match git.workdir() {
        Some(root) => in_work_tree(root)?,
        None => at_head(git)?,
    };
    let parsed = files.into_iter().map(|(name, bytes)| {
        let path = format!("{FOLDER}/{name}");
        let workflow = match bytes {
            Ok(bytes) => Workflow::parse(&path, &bytes),
            Err(error) => {
                Err(Unreadable { line: None, reason: error.to_string(), names_tidegate: false })
            }
        };
        WorkflowSeen { path, workflow }
    });
    Ok(parsed.collect())
}

fn is_workflow(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(std::ffi::OsStr::to_str);
    matches!(extension, Some("yml" | "yaml"))
}

type Named = (String, io::Result<Vec<u8>>);

fn in_work_tree(root: &Path) -> io::Result<Vec<Named>> {
    // GitHub reads a folder of the commit and follows no link to one; it could also lead out of the
    // repository, where `--fix` would write.
    let is_link = |path: &str| {
        root.join(path).symlink_metadata().is_ok_and(|own| own.file_type().is_symlink())
    };
    if is_link(".github") || is_link(FOLDER) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(root.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries.take(MOST) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link could lead out of the repository, and GitHub follows none either.
        if is_workflow(&name) && entry.file_type()?.is_file() {
            let bytes = bounded(&entry.path());
            files.push((name, bytes));
        }
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

/// Reads one byte more than a workflow may have: the parser then says that it is too large.
fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn at_head(git: &Git) -> anyhow::Result<Vec<Named>> {
    let Some(head) = git.local_commit("HEAD") else { return Ok(Vec::new()) };
    let files = git.folder(&git.commit(&head)?.tree, FOLDER)?;
    let workflows = files.into_iter().filter(|(name, _)| is_workflow(name)).take(MOST);
    Ok(workflows.map(|(name, bytes)| (name, Ok(bytes))).collect())
}
