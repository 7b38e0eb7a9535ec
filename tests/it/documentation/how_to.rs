//! Every block of shell lines is run, in order, in a repository with releases; what cannot be run
//! says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::blocks::{self, Block};
use super::shell::Shell;
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, Pushed, USER};
use crate::promises::release_world::{REPOSITORY, World};

mod data;
mod operations;

/// The documents whose lines have a test of their own, and where.
const RUN: [(&str, &str); 18] = [
    ("README.md", "here"),
    ("docs/tutorial.md", "documentation::the_tutorial_does_what_it_says"),
    ("docs/how-to/back-up-and-watch.md", "operations"),
    ("docs/how-to/get-work-back.md", "here"),
    ("docs/how-to/manual-commands.md", "here"),
    ("docs/how-to/migrate.md", "here"),
    ("docs/how-to/monorepo.md", "monorepo"),
    ("docs/how-to/operations.md", "operations"),
    ("docs/how-to/private-registry.md", "here"),
    ("docs/how-to/publish-data.md", "data"),
    ("docs/how-to/release-data-with-code.md", "data"),
    ("docs/how-to/rollback-drill.md", "here"),
    ("docs/how-to/stop-and-free-promotions.md", "here"),
    ("docs/how-to/streamlit-community-cloud.md", "here"),
    ("docs/how-to/streamlit-data.md", "pull::streamlit"),
    ("docs/how-to/switch-automatic-rollback-off.md", "here"),
    ("docs/how-to/tell-people.md", "here"),
    ("docs/troubleshooting.md", "here"),
];

fn lines_of(document: &str) -> Vec<Block> {
    blocks::of(document).into_iter().filter(|block| block.language == "sh").collect()
}

#[test]
fn few_blocks_are_not_run_and_these_say_why() {
    let all = blocks::all();
    let shell: Vec<&Block> = all.iter().filter(|block| block.language == "sh").collect();
    let not_run: Vec<&&Block> = shell.iter().filter(|block| block.not_run.is_some()).collect();
    for block in &not_run {
        assert!(block.not_run.as_ref().is_some_and(|why| why.len() > 10), "{}", block.place());
    }
    let (not_run, all) = (not_run.len(), shell.len());
    assert!(all > 40 && not_run * 8 <= all, "{not_run} of {all} blocks are not run");
    // Nothing is listed that has nothing to run any more.
    let with_lines: BTreeSet<&str> =
        shell.iter().filter(|b| b.not_run.is_none()).map(|b| b.document.as_str()).collect();
    for (document, _) in RUN {
        assert!(with_lines.contains(document), "{document} has no lines to run");
    }
}

#[test]
fn lines_of_all_other_documents_work_in_a_repository_with_releases() {
    let documents: BTreeSet<String> = blocks::all()
        .into_iter()
        .filter(|block| block.language == "sh" && block.not_run.is_none())
        .map(|block| block.document)
        .filter(|document| RUN.iter().all(|(known, _)| known != document))
        .collect();
    for document in documents {
        Stage::new().plays(&document, |_, _| {});
    }
}

/// A repository with three releases, and a person in a clone of it.
pub struct Stage {
    world: World,
    shell: Shell,
    releases: Vec<String>,
    /// What was pushed last, by [`Stage::breaks`] or [`Stage::improves`].
    newest: String,
    began: String,
}

impl Stage {
    pub fn new() -> Self {
        Self::in_world(World::with(&[REPOSITORY], ""), Shell::new())
    }

    fn in_world(world: World, shell: Shell) -> Self {
        Self::released(world, shell, |_, _| None)
    }

    /// The three releases; `upload` puts the data of each into the store, and names the version.
    fn released(
        world: World,
        shell: Shell,
        mut upload: impl FnMut(&Self, u32) -> Option<String>,
    ) -> Self {
        let shell = shell
            .says_yes()
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@acme.example")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@acme.example")
            .env("USER", "ada");
        let began = world.bare().git(&["rev-parse", "refs/heads/main"]);
        let mut stage = Self { world, shell, releases: vec![], newest: String::new(), began };
        for number in 1..=3 {
            stage.improves(&format!("Release {number}"));
            let gate = stage.world.gate(&stage.newest);
            let image = stage.world.registry.read(REPOSITORY, &stage.newest).expect("an image");
            let digest = super::digest(&image.1);
            let mut needs = serde_json::json!({
                "tests": {"result": "success", "outputs": {}},
                "build-docker": {"result": "success", "outputs": {"digest": digest}},
            });
            if let Some(version) = upload(&stage, number) {
                needs["data"] =
                    serde_json::json!({"result": "success", "outputs": {"data-version": version}});
            }
            gate.env("TIDEGATE_REGISTRY_USER", USER)
                .env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
                .needs(&needs)
                .run()
                .code(0);
            stage.releases.push(stage.newest.clone());
        }
        stage.comes_home();
        stage
    }

    /// Somebody pushes a commit with its image.
    fn improves(&mut self, message: &str) -> Pushed {
        let (commit, image) = self.world.candidate(message, &format!("print('{message}')\n"));
        self.newest = commit;
        image
    }

    /// Somebody pushes a commit whose tests fail; no gate has decided yet.
    fn breaks(&mut self) {
        self.newest = self.world.commit("Break it", &[("app.py", "print(1 / 0)\n")]);
    }

    /// The person's clone shows what main shows.
    pub fn comes_home(&self) {
        let dev = &self.world.dev;
        dev.git(&["fetch", "-q", "origin"]);
        dev.git(&["switch", "-q", "main"]);
        dev.git(&["reset", "-q", "--hard", "origin/main"]);
    }

    /// Somebody pushes a commit; no gate has decided yet.
    pub fn pushes(&self, message: &str, app: &str) -> String {
        self.world.commit(message, &[("app.py", app)])
    }

    /// The gate of a commit rolls it back.
    #[track_caller]
    pub fn fails(&self, commit: &str) {
        self.world.gate(commit).failed().run().code(3);
    }

    /// Somebody pushes a commit that passes, and the results of its jobs are in a file.
    pub fn candidate(&mut self, message: &str) -> String {
        let image = self.improves(message);
        let needs = serde_json::json!({
            "tests": {"result": "success", "outputs": {}},
            "build-docker": {"result": "success", "outputs": {"digest": image.digest}},
        });
        fs::write(self.folder().join("../needs-passed.json"), needs.to_string()).unwrap();
        self.newest.clone()
    }

    /// Types a command that succeeds.
    #[track_caller]
    pub fn types(&self, command: &str) {
        self.shell.types(self.folder(), command);
    }

    /// Types a command, and returns all that it prints.
    pub fn prints(&self, command: &str) -> String {
        let (_, out, err) = self.shell.tries(self.folder(), command);
        out + &err
    }

    fn folder(&self) -> &Path {
        self.world.dev.path()
    }

    /// Names of the documents for what is there: commits, and numbers of releases.
    fn named(&self, text: &str) -> String {
        let good = self.releases.last().expect("a release");
        text.replace("611b29b", &good[..7])
            .replace("dad549a", self.newest.get(..7).unwrap_or("dad549a"))
            .replace("4f0c2d1", &self.began[..7])
            .replace("--to 11", "--to 2")
            .replace("--to 12", "--to 2")
            .replace("--to 13", "--to 3")
    }

    /// Types the blocks of a document; `before` prepares each. Returns what was printed.
    #[track_caller]
    fn plays(mut self, document: &str, mut before: impl FnMut(&mut Self, &str)) -> (Self, String) {
        let mut printed = String::new();
        for block in to_run(document) {
            before(&mut self, &block.text);
            let lines = self.named(&block.text);
            printed += &types(&self.shell, self.folder(), &block, &lines, &printed);
        }
        (self, printed)
    }
}

/// The blocks of a document that are run.
pub fn to_run(document: &str) -> Vec<Block> {
    lines_of(document).into_iter().filter(|block| block.not_run.is_none()).collect()
}

/// Types the lines that a block has become; returns what they print.
#[track_caller]
pub fn types(shell: &Shell, folder: &Path, block: &Block, lines: &str, before: &str) -> String {
    let (status, out, err) = shell.tries(folder, lines);
    let place = block.place();
    assert!(
        status == Some(0),
        "{place}: {status:?}\n{lines}\n--- stdout\n{out}\n--- stderr\n{err}\n--- before\n{before}"
    );
    out
}

fn is(text: &str, first: &str) -> bool {
    text.lines().next() == Some(first)
}

/// A file as `data import sales` takes it.
const SALES: &str = "date,user_id,product_name,quantity,unit_price,total_amount,region
2026-02-07,1,Olive oil,2,9.90,19.80,Attica
";

#[test]
fn readme() {
    let mut stage = Stage::new();
    stage.breaks();
    stage.comes_home();
    let (stage, printed) = stage.plays("README.md", |stage, lines| {
        // What `init` writes is looked at where it writes it; here it has to find tests.
        stage.world.dev.git(&["clean", "-q", "-f", "-d"]);
        if is(lines, "tidegate init") {
            stage.world.dev.write("Makefile", "test:\n\ttrue\n");
        }
        if lines.contains("data import sales") {
            stage.world.dev.write("sales.csv", SALES);
        }
    });
    assert!(printed.contains("sales.csv -> sales in sales.db: 1 new"), "{printed}");
    assert!(printed.contains("sales.db: healthy"), "{printed}");
    assert!(
        printed.contains("nothing new") || printed.contains("promotions are on hold"),
        "{printed}"
    );
    // Main has the files of the last good commit, and users go back one release.
    let live = stage.world.bare().newest_record();
    assert_eq!(live["commit"], stage.releases[1].as_str(), "{printed}");
    let undo = format!("undo-{}", &stage.newest[..7]);
    assert!(stage.world.bare().branch(&undo).is_some(), "{printed}");
}

#[test]
fn get_work_back() {
    let mut stage = Stage::new();
    stage.breaks();
    stage.world.gate(&stage.newest).failed().run().code(3);
    let (stage, _) = stage.plays("docs/how-to/get-work-back.md", |stage, lines| {
        // Each way of the page is one of several.
        if is(lines, "tidegate rollback --undo dad549a") {
            let undo = format!("undo-{}", &stage.newest[..7]);
            stage.world.dev.git(&["push", "-q", "origin", "--delete", &undo]);
        }
    });
    let file = |revision: &str| stage.world.bare().show(revision, "app.py");
    assert_eq!(file(&format!("refs/heads/undo-{}", &stage.newest[..7])), "print(1 / 0)");
    assert_eq!(file("refs/heads/main"), "print(1 / 0)", "it was put back at once");
}

#[test]
fn manual_commands() {
    let mut stage = Stage::new();
    stage.improves("Release 4");
    stage.comes_home();
    // A commit that is named is the one that was pushed last.
    stage.releases.push(stage.newest.clone());
    let (stage, printed) = stage.plays("docs/how-to/manual-commands.md", |stage, lines| {
        if is(lines, "tidegate rollback") {
            stage.breaks();
        }
        stage.comes_home();
    });
    assert!(stage.world.bare().ledger_names(&stage.began), "{printed}");
    assert!(printed.contains("everything agrees"), "{printed}");
}

#[test]
fn migrate() {
    let pipeline = ".github/workflows/ci-cd.yml";
    let text =
        include_str!("../../fixtures/shapes/hand-written/.github/workflows/ci-cd.yml").to_owned();
    let stage = Stage::new();
    stage.world.commit("Release by hand", &[(pipeline, &text)]);
    stage.comes_home();
    let (stage, printed) = stage.plays("docs/how-to/migrate.md", |stage, lines| {
        let dev = &stage.world.dev;
        if is(lines, "tidegate status") {
            // They look at it and merge it; what the registry of the test needs stays.
            dev.git(&["checkout", "-q", "--", ".github/tidegate.yml"]);
            dev.git(&["add", "--all"]);
            dev.git(&["commit", "-q", "-m", "Gate releases"]);
            dev.git(&["switch", "-q", "main"]);
            dev.git(&["merge", "-q", "--no-ff", "-m", "Merge the gate", "release-gate"]);
            dev.push("main");
        }
    });
    assert!(printed.contains("releases by hand-written steps"), "{printed}");
    assert!(printed.contains("replaced .github/workflows/ci-cd.yml"), "{printed}");
    // The old pipeline is back.
    assert_eq!(stage.world.bare().show("refs/heads/main", pipeline), text.trim_end());
}

#[test]
fn troubleshooting() {
    let mut stage = Stage::new();
    stage.breaks();
    let (stage, printed) = stage.plays("docs/troubleshooting.md", |stage, lines| {
        if is(lines, "git pull --rebase origin main") {
            stage.comes_home();
            stage.improves("Somebody else's");
            stage.world.dev.git(&["reset", "-q", "--hard", "HEAD~1"]);
            stage.world.dev.commit("More", &[("more.txt", "more\n")]);
        }
    });
    assert!(printed.contains("rolled back"), "{printed}");
    assert_eq!(stage.world.bare().show("refs/heads/main", "more.txt"), "more");
    assert!(stage.world.bare().branch("ledger").is_some());
}

#[test]
fn rollback_drill() {
    let (stage, printed) = Stage::new().plays("docs/how-to/rollback-drill.md", |stage, lines| {
        if lines.contains("needs.json") {
            let image = stage.improves("Release 4");
            stage.comes_home();
            let needs = serde_json::json!({
                "tests": {"result": "success", "outputs": {}},
                "build-docker": {"result": "success", "outputs": {"digest": image.digest}},
            });
            stage.world.dev.write("needs.json", needs.to_string());
        }
    });
    assert!(printed.contains("rollback ") && printed.contains("restore the tree of"), "{printed}");
    assert_eq!(stage.world.bare().newest_number(), 4);
    assert_eq!(stage.world.bare().branch("drill"), None);
}

#[test]
fn stop_and_free_promotions() {
    let (stage, _) = Stage::new().plays("docs/how-to/stop-and-free-promotions.md", |_, _| {});
    assert_eq!(stage.world.bare().state_folder("holds").len(), 1);
}

#[test]
fn streamlit_community_cloud() {
    let (stage, printed) =
        Stage::new().plays("docs/how-to/streamlit-community-cloud.md", |_, _| {});
    assert_eq!(printed, format!("{}\trefs/heads/stable\n", stage.releases[2]));
}

#[test]
fn switch_automatic_rollback_off() {
    let mut stage = Stage::new();
    stage.breaks();
    stage.comes_home();
    let document = "docs/how-to/switch-automatic-rollback-off.md";
    let (stage, _) = stage.plays(document, |_, _| {});
    assert_eq!(stage.world.bare().show("refs/heads/main", "app.py"), "print('Release 3')");
}

#[test]
fn tell_people() {
    let told = "after_rollback: [{ webhook_env: DEPLOY_HOOK_URL }]\n\
                notify: { slack: { webhook_env: SLACK_WEBHOOK } }\n";
    let mut stage = Stage::in_world(World::with(&[REPOSITORY], told), Shell::new());
    stage.breaks();
    stage.comes_home();
    let (_, printed) = stage.plays("docs/how-to/tell-people.md", |_, _| {});
    assert!(printed.contains("notify: after_rollback[0], Slack"), "{printed}");
}

#[test]
fn private_registry() {
    let world = World::around(OciRegistry::start_with(Auth::Basic), &[REPOSITORY], "");
    let host = world.image(REPOSITORY);
    let host = host.split('/').next().unwrap_or_default();
    let shell = Shell::new()
        .env("TIDEGATE_REGISTRY_HOST", host)
        .env("TIDEGATE_REGISTRY_USER", USER)
        .env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD);
    let mut stage = Stage::in_world(world, shell);
    stage.improves("Release 4");
    stage.comes_home();
    let (_, printed) = stage.plays("docs/how-to/private-registry.md", |_, _| {});
    assert!(printed.contains("promote "), "{printed}");
}
