//! The pages for whoever begins, typed in repositories as teams have them.

use std::path::Path;

use super::how_to::{to_run, types};
use super::shell::Shell;
use crate::harness::repo::Repo;

/// A team's repository from `tests/fixtures/shapes`, with a person in a clone of it.
struct Team {
    shell: Shell,
    repo: Repo,
    /// As long as the clone lives.
    _remote: Repo,
}

impl Team {
    fn of(shape: &str) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shapes");
        let (remote, repo) = (Repo::init_bare(), Repo::init());
        repo.add_remote("origin", &remote.file_url());
        let shell = Shell::new()
            .says_yes()
            .env("GITHUB_REPOSITORY", "acme/app")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@acme.example")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@acme.example");
        let from = format!("cp -r '{}/.' .", fixtures.join(shape).display());
        shell.types(repo.path(), &from);
        repo.commit("The app", &[]);
        repo.push("main");
        Self { shell, repo, _remote: remote }
    }

    /// Types the blocks of a page.
    #[track_caller]
    fn plays(&self, page: &str) {
        let mut printed = String::new();
        for block in to_run(page) {
            printed += &types(&self.shell, self.repo.path(), &block, &block.text, &printed);
        }
    }

    fn has(&self, path: &str) -> bool {
        self.repo.path().join(path).is_file()
    }
}

#[test]
fn set_up() {
    let team = Team::of("streamlit");
    team.plays("docs/how-to/set-up.md");
    assert!(team.has(".github/tidegate.yml") && team.has(".github/workflows/release-gate.yml"));
}
