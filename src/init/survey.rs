//! What a repository holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::doctor::workflow::Workflow;

/// What was read of a work tree.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// `owner/name` on GitHub.
    pub repository: Option<String>,
    /// The default branch of the remote, else the one that is checked out.
    pub branch: Option<String>,
    /// The paths of all files, from the root, with `/`.
    pub paths: BTreeSet<String>,
    /// The texts of the files that say something about the set-up, by path.
    pub texts: BTreeMap<String, String>,
    /// The configuration that is there already.
    pub config: Option<Config>,
    /// The workflows that can be read.
    pub workflows: Vec<Workflow>,
    /// Whether there was more than is read.
    pub cut_off: bool,
}

/// Folders in which nothing is released: other people's code, and what shows or tests something.
const ASIDE: [&str; 13] = [
    ".devcontainer",
    ".git",
    ".github",
    ".tox",
    ".venv",
    "docs",
    "examples",
    "fixtures",
    "node_modules",
    "site-packages",
    "third_party",
    "vendor",
    "venv",
];

/// The largest manifest that is read, in bytes.
const MANIFEST: usize = 256 << 10;

/// The largest Markdown file that may be the ledger, in bytes.
const LEDGER: usize = 2 << 20;

/// Returns how many bytes of a file are worth reading; `None` where its text says nothing about the
/// set-up. A larger file is left unread.
pub fn limit(path: &str) -> Option<usize> {
    let name = name(path);
    if has_extension(name, &["md"]) {
        return Some(LEDGER);
    }
    let wanted = is_dockerfile(name)
        || is_compose(name)
        || is_requirements(path)
        || matches!(
            name,
            ".eslintrc"
                | ".flake8"
                | ".node-version"
                | ".nvmrc"
                | ".python-version"
                | "Cargo.toml"
                | "GNUmakefile"
                | "Makefile"
                | "clippy.toml"
                | "dbt_project.yml"
                | "go.mod"
                | "justfile"
                | "makefile"
                | "mypy.ini"
                | "noxfile.py"
                | "package.json"
                | "profiles.yml"
                | "pyproject.toml"
                | "pytest.ini"
                | "ruff.toml"
                | "setup.cfg"
                | "setup.py"
                | "tox.ini"
        )
        || (has_extension(name, &["py"]) && path.matches('/').count() <= 1 && !is_test(path));
    wanted.then_some(MANIFEST)
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| extensions.contains(&own))
}

/// Returns the last part of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the folder of a path; the root is empty.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts a path together.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Tells whether a path is below a folder in which nothing is released.
pub(super) fn is_aside(path: &str) -> bool {
    let tests = ["test", "tests"];
    folder(path).split('/').any(|part| ASIDE.contains(&part) || tests.contains(&part))
}

/// A Dockerfile that builds what is released.
pub(super) fn is_dockerfile(name: &str) -> bool {
    let plain = |text: &str| matches!(text, "Dockerfile" | "Containerfile");
    let kind = match name.split_once('.') {
        None => return plain(name),
        Some((before, kind)) if plain(before) => kind,
        Some((kind, "Dockerfile")) => kind,
        Some(_) => return false,
    };
    let kind = kind.to_ascii_lowercase();
    !["dev", "development", "test", "tests", "ci", "local", "debug", "dockerignore"]
        .contains(&kind.as_str())
}

/// A compose file that describes what is released.
pub(super) fn is_compose(name: &str) -> bool {
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"].contains(&name)
}

/// A list of Python packages.
pub(super) fn is_requirements(path: &str) -> bool {
    let name = name(path);
    has_extension(name, &["txt"])
        && (name.contains("requirements") || folder(path).ends_with("requirements"))
}

/// A file of Python tests, by the rules of pytest.
pub(super) fn is_test(path: &str) -> bool {
    let name = name(path);
    has_extension(name, &["py"]) && (name.starts_with("test_") || name.ends_with("_test.py"))
}

impl Survey {
    /// Returns the text of a file that was read.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Returns the text of a file of a folder.
    pub(super) fn text_in(&self, folder: &str, name: &str) -> Option<&str> {
        self.text(&join(folder, name))
    }

    /// Tells whether a folder has a file of this name.
    pub(super) fn has(&self, folder: &str, name: &str) -> bool {
        self.paths.contains(&join(folder, name))
    }

    /// Lists the files of a folder and of those below it.
    pub(super) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let inside = move |path: &&str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.paths.iter().map(String::as_str).filter(inside)
    }

    /// Lists the paths of the files with this name, outside of folders in which nothing is
    /// released, those at the top first.
    pub(super) fn named(&self, fits: impl Fn(&str) -> bool) -> Vec<&str> {
        let mut found: Vec<&str> = self
            .paths
            .iter()
            .map(String::as_str)
            .filter(|path| fits(name(path)) && !is_aside(path))
            .collect();
        found.sort_by_key(|path| (path.matches('/').count(), *path));
        found
    }
}
