//! The pages for whoever begins, typed in repositories as teams have them.

use std::fs;
use std::path::Path;

use super::how_to::{to_run, types};
use super::shell::Shell;
use crate::harness::repo::Repo;

/// A team's repository from `tests/fixtures/shapes`, with a person in a clone of it.
struct Team {
    shell: Shell,
    remote: Repo,
    repo: Repo,
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
        Self { shell, remote, repo }
    }

    /// Types the blocks of a page; `before` prepares each. Returns what was printed.
    #[track_caller]
    fn plays(&self, page: &str, before: impl Fn(&str)) -> String {
        let mut printed = String::new();
        for block in to_run(page) {
            before(&block.text);
            // The registry of the page is GitHub's, which no test asks.
            let lines = block.text.replace("tidegate doctor", "tidegate doctor --offline");
            printed += &types(&self.shell, self.repo.path(), &block, &lines, &printed);
        }
        printed
    }

    fn has(&self, path: &str) -> bool {
        self.repo.path().join(path).is_file()
    }
}

#[test]
fn set_up() {
    let team = Team::of("streamlit");
    team.plays("docs/how-to/set-up.md", |_| {});
    assert!(team.has(".github/tidegate.yml") && team.has(".github/workflows/release-gate.yml"));
}

#[test]
fn migrate() {
    let team = Team::of("hand-written");
    // A commit of this repository is in the ledger that the team kept by hand.
    let good = team.repo.head();
    let ledger = team.repo.path().join("docs/ML_EXPERIMENT_RESULTS.md");
    let text = fs::read_to_string(&ledger).expect("the ledger");
    let id = regex::Regex::new("[0-9a-f]{40}").unwrap();
    let text = id.replace_all(&text, good.as_str()).into_owned();
    team.repo.commit("Log", &[("docs/ML_EXPERIMENT_RESULTS.md", &text)]);
    team.repo.commit("More work", &[("more.txt", "more\n")]);
    team.repo.push("main");
    let main = team.repo.head();

    let printed = team.plays("docs/how-to/migrate.md", |lines| {
        if lines.contains("git revert") {
            team.repo.commit("Gate releases", &[]);
            team.repo.checkout("main");
            team.repo.merge("tidegate", "Gate releases");
            team.repo.push("main");
        }
    });

    assert!(printed.contains("the last good commit"), "{printed}");
    // The merge was reverted.
    assert_eq!(team.remote.tree("main"), team.repo.tree(&main));
}
