//! `demo` tells the truth: what it leaves behind is read here byte by byte, and the commands that
//! it prints are typed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use tidegate::model::Digest;

use super::harness::environment::isolated_command;
use super::harness::tidegate::Tidegate;

const LEDGER: &str = "docs/ML_EXPERIMENT_RESULTS.md";

/// A folder that a demo was played in, and what it said.
struct Demo {
    home: TempDir,
    said: Value,
}

impl Demo {
    /// Plays it in a folder whose name needs care.
    fn play() -> Self {
        let home = TempDir::new().unwrap();
        let folder = home.path().join("it's a demo");
        let run = Tidegate::new().args(["demo", "--json", "--dir"]).args([&folder]).run();
        assert_eq!(run.stderr, "");
        Self { home, said: run.success().json() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.said["path"].as_str().unwrap()).join(name)
    }

    fn text(&self, pointer: &str) -> &str {
        let value = self.said.pointer(pointer);
        value.and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {:#}", self.said))
    }

    fn git(&self, folder: &str, args: &[&str]) -> String {
        let output = isolated_command("git", self.home.path())
            .arg("-C")
            .arg(self.path(folder))
            .args(args)
            .output()
            .expect("this test needs git");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Reads what a tag names in the layout's `index.json`.
    fn tag(&self, tag: &str) -> String {
        let index = fs::read(self.path("registry/index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let named = |entry: &&Value| {
            entry["annotations"]["org.opencontainers.image.ref.name"].as_str() == Some(tag)
        };
        let manifests = index["manifests"].as_array().unwrap();
        let found: Vec<&Value> = manifests.iter().filter(named).collect();
        assert_eq!(found.len(), 1, "{tag} in {index:#}");
        found[0]["digest"].as_str().unwrap().to_owned()
    }

    /// Reads a blob, and holds it against its digest.
    fn blob(&self, digest: &str) -> Vec<u8> {
        let name = digest.strip_prefix("sha256:").unwrap();
        let bytes = fs::read(self.path("registry/blobs/sha256").join(name)).unwrap();
        assert_eq!(Digest::of(&bytes).as_str(), digest);
        bytes
    }

    fn blob_json(&self, digest: &Value) -> Value {
        serde_json::from_slice(&self.blob(digest.as_str().unwrap())).unwrap()
    }

    /// Types the lines of one step of `next` into a shell, and returns the exit code of the last;
    /// all before it have to succeed.
    fn type_step(&self, number: usize) -> i32 {
        let lines = |step: usize| self.said["next"][step]["run"].as_array().unwrap().iter();
        let typed: Vec<&str> =
            lines(0).chain(lines(number)).map(|line| line.as_str().unwrap()).collect();
        let output = isolated_command("sh", self.home.path())
            .args(["-c", &typed.join(" &&\n")])
            .output()
            .expect("this test needs a shell");
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (shown(&output.stdout), shown(&output.stderr));
        output.status.code().filter(|code| [0, 3].contains(code)).unwrap_or_else(|| {
            panic!("{typed:#?} ended with {:?}\n{out}\n{err}", output.status);
        })
    }

    /// Returns the paths that differ between two commits of the remote.
    fn differing(&self, one: &str, other: &str) -> String {
        self.git("remote.git", &["diff", "--name-only", one, other])
    }

    fn remote(&self, revision: &str) -> String {
        self.git("remote.git", &["rev-parse", "--verify", "--end-of-options", revision])
    }
}

#[test]
fn a_good_commit_is_promoted_and_a_bad_one_rolled_back() {
    let demo = Demo::play();
    assert_eq!(demo.text("/schema"), "tidegate/demo/1");
    assert_eq!(demo.text("/promotion/verdict"), "promote");
    assert_eq!(demo.text("/rollback/verdict"), "rollback");
    let (good, bad) = (demo.text("/promotion/commit"), demo.text("/rollback/commit"));

    // The image that was tested is the one that users pull, with all its platforms.
    let digest = demo.tag("stable");
    assert_eq!(digest, demo.tag(good));
    assert_eq!(digest, demo.tag("latest"));
    assert_eq!(digest, demo.text("/promotion/record/images/0/digest"));
    let index = demo.blob_json(&Value::from(digest));
    let mut platforms = Vec::new();
    for child in index["manifests"].as_array().unwrap() {
        platforms.push(child["platform"]["architecture"].as_str().unwrap().to_owned());
        let manifest = demo.blob_json(&child["digest"]);
        let config = demo.blob_json(&manifest["config"]["digest"]);
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], good);
        let layer = demo.blob(manifest["layers"][0]["digest"].as_str().unwrap());
        let app = demo.git("remote.git", &["cat-file", "blob", &format!("{good}:app.py")]);
        assert!(String::from_utf8_lossy(&layer).contains(&app), "the layer holds the app");
    }
    assert_eq!(platforms, ["amd64", "arm64"]);

    // main has the good files again, in a commit above the bad one; stable has not moved.
    assert_eq!(demo.differing(good, "refs/heads/main"), LEDGER);
    assert_eq!(demo.remote("refs/heads/main^1"), bad);
    assert_eq!(demo.remote("refs/heads/main"), demo.text("/rollback/rolled_back/commit"));
    assert_eq!(demo.remote("refs/heads/stable"), good);
    let ledger = demo.git("remote.git", &["cat-file", "blob", &format!("main:{LEDGER}")]);
    let entries: Vec<&str> =
        ledger.lines().filter_map(|line| line.strip_prefix("**Commit**: ")).collect();
    let older = demo.remote("refs/heads/main~5");
    assert_eq!(entries, [older.as_str(), good]);

    // Nothing of the demo's surroundings is in the repository.
    let tracked = demo.git("app", &["ls-files"]);
    let expected = [".github/tidegate.yml", "app.py", LEDGER, "requirements.txt"];
    assert_eq!(tracked.lines().collect::<Vec<_>>(), expected);
    assert_eq!(demo.git("app", &["status", "--porcelain"]), "");
    assert_eq!(demo.git("app", &["rev-parse", "main"]), demo.remote("main"));
    demo.git("remote.git", &["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn one_can_go_on_by_hand() {
    let demo = Demo::play();
    let waiting = demo.git("app", &["rev-parse", "next"]);
    assert_eq!(demo.type_step(1), 0);
    assert_eq!(demo.remote("stable"), waiting);
    assert_eq!(demo.tag("stable"), demo.tag(&waiting));
    assert_ne!(demo.tag("stable"), demo.text("/promotion/record/images/0/digest"));

    let live = demo.tag("stable");
    assert_eq!(demo.type_step(2), 3);
    assert_eq!(demo.git("app", &["log", "-1", "--format=%s"]), "Break the app");
    let broken = demo.git("app", &["rev-parse", "HEAD"]);
    assert_eq!(demo.remote("main^1"), broken);
    assert_eq!(demo.differing(&waiting, "main"), LEDGER);
    assert_eq!((demo.remote("stable"), demo.tag("stable")), (waiting, live));

    assert_eq!(demo.type_step(3), 0);
    assert_eq!(demo.git("app", &["rev-parse", "HEAD"]), demo.remote("main"));
}

#[test]
fn the_surroundings_do_not_matter() {
    let home = TempDir::new().unwrap();
    let hostile = "[user]\n\tuseConfigOnly = true\n[commit]\n\tgpgSign = true\n[gpg]\n\
                   \tprogram = /nonexistent\n[core]\n\tautocrlf = true\n\
                   \thooksPath = /nonexistent\n[init]\n\tdefaultBranch = trunk\n";
    fs::write(home.path().join(".gitconfig"), hostile).unwrap();
    let [outputs, summary] = ["outputs", "summary"].map(|name| home.path().join(name));
    fs::write(&outputs, "").unwrap();
    fs::write(&summary, "").unwrap();
    let run = Tidegate::new()
        .args(["demo"])
        .envs([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "pull_request_target"),
            ("GITHUB_SHA", "1111111111111111111111111111111111111111"),
            ("GITHUB_REF", "refs/heads/other"),
            ("GITHUB_REPOSITORY", "acme/app"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_TOKEN", "very-secret-token"),
            ("TIDEGATE_NEEDS", "{}"),
            ("TIDEGATE_CONFIG", "/nonexistent/tidegate.yml"),
            ("TIDEGATE_BRANCH", "other"),
            ("TIDEGATE_LEDGER", "OTHER.md"),
            ("GIT_DIR", "/nonexistent"),
            ("PATH", "/nonexistent"),
        ])
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .run()
        .success();
    assert!(run.stdout.contains("is live as release 1"), "{}", run.stdout);
    assert!(run.stdout.contains("rolled back main shows the tree of"), "{}", run.stdout);
    assert!(!run.stdout.contains("::warning"), "{}", run.stdout);
    assert!(fs::read(&outputs).unwrap().is_empty() && fs::read(&summary).unwrap().is_empty());

    // The folder is the last thing that is said, and it is there.
    let last = run.stdout.lines().last().unwrap();
    let folder = last.strip_prefix("It is all in ").and_then(|rest| rest.split(". ").next());
    assert!(Path::new(folder.unwrap()).join("remote.git").is_dir(), "{last}");
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let run = Tidegate::new().args(["demo", "--dir"]).args([folder.path()]).run().code(2);
    assert!(run.stderr.contains("is not empty"), "{}", run.stderr);
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}
