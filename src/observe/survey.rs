//! Reads what a work tree holds, for `init`: the names of its files, and the texts of those that
//! say how it is built and tested.
//!
//! The files come from whoever could commit them: their number, depth and size are bounded, no link
//! is followed, and what git ignores is not looked at.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::adapters::git::Git;
use crate::config::{CONFIG_PATH, Config, MAX_CONFIG_BYTES};
use crate::init::{Survey, limit};
use crate::observe::checkup::workflows;

/// So many files and folders are looked at.
const MOST_ENTRIES: usize = 50_000;

/// So deep are folders looked into.
const DEEPEST: usize = 12;

/// So many texts are read.
const MOST_TEXTS: usize = 1_000;

/// Their bytes together.
const MOST_BYTES: usize = 32 << 20;

/// Reads the work tree. `repository` is its `owner/name` on GitHub.
///
/// # Errors
/// There is no work tree, or a folder cannot be read.
pub fn look(git: &Git, repository: Option<String>) -> anyhow::Result<Survey> {
    let Some(root) = git.workdir() else {
        anyhow::bail!("a bare repository has no work tree to write to");
    };
    let mut survey = Survey {
        repository,
        branch: branch(git),
        workflows: workflows::read(git)?.into_iter().filter_map(|own| own.workflow.ok()).collect(),
        ..Survey::default()
    };
    walk(git, root, &mut survey)?;
    let largest = usize::try_from(MAX_CONFIG_BYTES).unwrap_or(usize::MAX);
    if let Some(bytes) = read(&root.join(CONFIG_PATH), largest) {
        survey.config = Config::parse(&bytes, CONFIG_PATH).ok();
    }
    Ok(survey)
}

/// The default branch of the remote, else `main` or `master`, else what is checked out.
fn branch(git: &Git) -> Option<String> {
    let usual = || {
        let names = ["main", "master"].into_iter();
        let mut there = names.filter(|name| git.local_ref(&format!("refs/heads/{name}")).is_some());
        there.next().map(str::to_owned)
    };
    git.default_branch().or_else(usual).or_else(|| git.head_branch())
}

fn walk(git: &Git, root: &Path, survey: &mut Survey) -> io::Result<()> {
    let mut folders = vec![(PathBuf::new(), 0)];
    let (mut entries, mut texts, mut bytes) = (0, 0, 0);
    while let Some((folder, depth)) = folders.pop() {
        let mut names: Vec<_> = fs::read_dir(root.join(&folder))?.collect::<Result<_, _>>()?;
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            entries += 1;
            if entries > MOST_ENTRIES {
                survey.cut_off = true;
                return Ok(());
            }
            let path = folder.join(entry.file_name());
            // A name that is no UTF-8 can stand in no workflow.
            let Some(name) = path.to_str().map(str::to_owned) else { continue };
            let kind = entry.file_type()?;
            if entry.file_name() == ".git" || git.is_ignored(&path) {
                continue;
            }
            if kind.is_dir() {
                let nested = root.join(&path).join(".git").symlink_metadata().is_ok();
                survey.cut_off |= depth + 1 > DEEPEST;
                if depth < DEEPEST && !nested {
                    folders.push((path, depth + 1));
                }
            } else if kind.is_file() {
                if let Some(largest) = limit(&name).filter(|_| texts < MOST_TEXTS)
                    && let Some(content) = read(&root.join(&path), largest)
                    && bytes + content.len() <= MOST_BYTES
                    && let Ok(text) = String::from_utf8(content)
                {
                    texts += 1;
                    bytes += text.len();
                    survey.texts.insert(name.clone(), text);
                }
                survey.paths.insert(name);
            }
        }
    }
    Ok(())
}

/// Reads a file; `None` where it is larger, or cannot be read.
fn read(path: &Path, largest: usize) -> Option<Vec<u8>> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(largest as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= largest).then_some(bytes)
}
