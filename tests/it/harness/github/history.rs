//! What `compare` knows: commits that a test listed, or those of a real repository.

use std::path::Path;

use super::super::environment::isolated_command;
use super::world::{Commit, World};

/// How two commits lie to each other.
pub struct Comparison {
    pub base: Commit,
    pub merge_base: Commit,
    /// In `head` and not in `base`, oldest first.
    pub ahead: Vec<Commit>,
    pub behind: usize,
}

/// Compares two revisions; `None` where one is unknown or they have no common history.
pub fn compare(world: &World, base: &str, head: &str) -> Option<Comparison> {
    let (base, head) = (world.resolve(base)?, world.resolve(head)?);
    if let Some(git) = &world.git {
        let merge_base = run(git, &["merge-base", &base, &head])?;
        let merge_base = log(world, git, &["-1", &merge_base])?.pop()?;
        let ahead = log(world, git, &["--reverse", "--topo-order", &format!("{base}..{head}")])?;
        let behind = run(git, &["rev-list", "--count", &format!("{head}..{base}")])?;
        let base = log(world, git, &["-1", &base])?.pop()?;
        return Some(Comparison { base, merge_base, ahead, behind: behind.parse().ok()? });
    }
    let at = |sha: &str| world.commits.iter().position(|commit| commit.sha == sha);
    let (from, to) = (at(&base)?, at(&head)?);
    let base = world.commits[from].clone();
    let merge_base = world.commits[from.min(to)].clone();
    let ahead = world.commits.get(from + 1..=to).unwrap_or_default().to_vec();
    Some(Comparison { base, merge_base, ahead, behind: from.saturating_sub(to) })
}

/// The commit that a branch or an object id of a real repository stands for.
pub fn resolve(git: &Path, name: &str) -> Option<String> {
    let branch = format!("refs/heads/{name}^{{commit}}");
    run(git, &["rev-parse", "--verify", "--quiet", &branch]).or_else(|| {
        let id = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = format!("{name}^{{commit}}");
        id.then(|| run(git, &["rev-parse", "--verify", "--quiet", &commit])).flatten()
    })
}

fn log(world: &World, git: &Path, arguments: &[&str]) -> Option<Vec<Commit>> {
    let format = "--format=%H%x1f%P%x1f%an%x1f%ae%x1f%B%x1e";
    let text = run(git, &[&["log", format], arguments].concat())?;
    let entries = text.split('\u{1e}').map(str::trim_start).filter(|entry| !entry.is_empty());
    let commits = entries.filter_map(|entry| {
        let mut parts = entry.splitn(5, '\u{1f}');
        let mut next = || parts.next().map(str::to_owned);
        let (sha, parents, name, email, message) = (next()?, next()?, next()?, next()?, next()?);
        let parents = parents.split_whitespace().map(str::to_owned).collect();
        let login = world.accounts.get(&email).cloned();
        Some(Commit { sha, parents, message: message.trim_end().to_owned(), name, email, login })
    });
    Some(commits.collect())
}

fn run(git: &Path, arguments: &[&str]) -> Option<String> {
    let output = isolated_command("git", git)
        .arg("--git-dir")
        .arg(git)
        .args(arguments)
        .output()
        .expect("start git");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
