//! Where the action gets tidegate from: the release of its version, or the locked build.
//!
//! The action runs as it is, in a folder with a small source of its own. Releases come from a
//! loopback server; `cargo` and `gh` are scripts that note what was asked of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::harness::act::{Act, ActRun};
use crate::harness::repo::Repo;
use crate::harness::team::digest;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const CACHE: &str = "actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves the files of a folder on a loopback port until it is dropped.
struct Releases {
    server: Arc<tiny_http::Server>,
    worker: Option<JoinHandle<()>>,
}

impl Releases {
    fn serve(folder: PathBuf) -> Self {
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a free port"));
        let own = Arc::clone(&server);
        let worker = std::thread::spawn(move || {
            while let Ok(request) = own.recv() {
                let file = folder.join(request.url().trim_start_matches('/'));
                // The client may be gone.
                let _ = if folder.join("unsized").exists() {
                    // Ten megabytes in chunks, whose sum nobody says before.
                    let bytes = std::io::Read::take(std::io::repeat(b'x'), 10_000_000);
                    let status = tiny_http::StatusCode(200);
                    request.respond(tiny_http::Response::new(status, vec![], bytes, None, None))
                } else {
                    match fs::read(file) {
                        Ok(bytes) => request.respond(tiny_http::Response::from_data(bytes)),
                        Err(_) => request.respond(tiny_http::Response::empty(404)),
                    }
                };
            }
        });
        Self { server, worker: Some(worker) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }
}

impl Drop for Releases {
    fn drop(&mut self) {
        self.server.unblock();
        let ended = self.worker.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the server of releases panicked");
    }
}

/// An action with a source of its own, its releases, and what its programs note.
struct World {
    folder: TempDir,
    releases: Releases,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in
            ["action.yml", "Cargo.toml", "packaging/source-hash.sh", ".github/action/download.sh"]
        {
            let to = folder.path().join("action").join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("make a folder");
            fs::copy(root.join(file), to).expect("copy a part of the action");
        }
        let releases = Releases::serve(folder.path().join("releases"));
        let world = Self { folder, releases };
        world.write("action/src/main.rs", "fn main() {}\n");
        world.write("action/Cargo.lock", "version = 4\n");
        world.write("action/build.rs", "fn main() {}\n");
        world.write("action/docs/examples/tidegate-retry.yml", "on: workflow_dispatch\n");
        world.script("bin/cargo", &format!(
            "echo \"$@\" >> '{notes}/cargo'\nmkdir -p \"$CARGO_TARGET_DIR/release\"\n\
             printf '#!/bin/sh\\necho \"$@\" >> \"{notes}/built\"\\n' > \"$CARGO_TARGET_DIR/release/tidegate\"\n\
             chmod +x \"$CARGO_TARGET_DIR/release/tidegate\"\n",
            notes = world.path("notes").display()
        ));
        world.gh(0);
        fs::create_dir(world.path("notes")).expect("make a folder");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        fs::write(path, content).expect("write a file");
    }

    fn script(&self, name: &str, body: &str) {
        self.write(name, format!("#!/bin/sh\n{body}"));
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755))
            .expect("make it executable");
    }

    /// GitHub's command line, which finds an attestation good (0) or not.
    fn gh(&self, code: u8) {
        self.script(
            "bin/gh",
            &format!(
                "[ \"$2\" = verify ] || exit 0\n[ -n \"$GH_TOKEN\" ] || exit 4\n\
                 shift 3\necho \"$@\" >> '{}/gh'\necho 'no attestation fits'\nexit {code}\n",
                self.path("notes").display()
            ),
        );
    }

    /// A released program that says that it is of `version`.
    fn program(&self, version: &str) {
        self.script(&format!("build/{}/tidegate", Self::name()), &format!(
            "[ \"$1\" != --version ] || {{ echo 'tidegate {version}'; exit 0; }}\necho \"$@\" >> '{}/released'\n",
            self.path("notes").display()
        ));
    }

    fn name() -> String {
        format!("tidegate-{VERSION}-linux-x86_64")
    }

    fn archive() -> String {
        format!("releases/v{VERSION}/{}.tar.gz", Self::name())
    }

    /// Packs the folder `build` as the release's archive; more arguments for tar come first.
    fn pack(&self, options: &[&str]) {
        fs::create_dir_all(self.path(&format!("releases/v{VERSION}"))).expect("make a folder");
        let tar = Command::new("tar")
            .arg("-czPf")
            .arg(self.path(&Self::archive()))
            .args(options)
            .current_dir(self.path("build"))
            .arg(Self::name())
            .status();
        assert!(tar.expect("start tar").success());
    }

    /// The hash that the action itself would give its source.
    fn source(&self) -> String {
        let script = self.path("action/packaging/source-hash.sh");
        let output = Command::new("bash").arg(script).output().expect("start bash");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn sums(&self, archive: &str, source: &str) {
        let sums = format!("{archive}  {}.tar.gz\n{source}  source\n", Self::name());
        self.write(&format!("releases/v{VERSION}/SHA256SUMS"), sums);
    }

    /// The SHA-256 of the archive as it is.
    fn archive_hash(&self) -> String {
        let bytes = fs::read(self.path(&Self::archive())).expect("the archive");
        digest(&bytes).trim_start_matches("sha256:").to_owned()
    }

    /// A complete and right release.
    fn release(&self) {
        self.program(VERSION);
        self.pack(&[]);
        self.sums(&self.archive_hash(), &self.source());
    }

    /// Runs the action in a workflow; `cache` is what stands for actions/cache.
    fn run(&self, cache: &str) -> ActRun {
        self.run_with(cache, &[])
    }

    fn run_with(&self, cache: &str, environment: &[(&str, &str)]) -> ActRun {
        let repo = Repo::init();
        repo.add_remote("github", "https://github.com/acme/app.git");
        repo.commit("Add the gate", &[(".github/workflows/gate.yml", &format!(
            "on: push\njobs:\n  gate:\n    name: Gate\n    runs-on: ubuntu-latest\n    steps:\n      \
             - uses: tidegate/tidegate@{COMMIT}\n        with:\n          token: ${{{{ github.token }}}}\n"
        ))]);
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/actions");
        let act = Act::push(repo.path(), "acme/app")
            .action(&format!("tidegate/tidegate@{COMMIT}"), &self.path("action"))
            .action(CACHE, &fixtures.join(cache))
            .programs(&self.path("bin"))
            .token("run-token")
            .env("TIDEGATE_RELEASES_URL", &self.releases.url());
        environment.iter().fold(act, |act, (name, value)| act.env(name, value)).run()
    }

    fn note(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("notes").join(name)).ok()
    }

    /// Runs the action, which must not take the release but ask for the locked build, and say why.
    #[track_caller]
    fn expect_build(&self, reason: &str) {
        let run = self.run("cache");
        run.expect_jobs(&[("Gate", true)]);
        assert_eq!(self.note("released"), None, "the release ran\n{}", run.log);
        let cargo = self.note("cargo");
        let locked = Some("build --release --locked --bin tidegate\n");
        assert_eq!(cargo.as_deref(), locked, "{}", run.log);
        assert_eq!(self.note("built").as_deref(), Some("gate\n"), "{}", run.log);
        assert!(run.log.contains(reason), "no {reason:?} in\n{}", run.log);
        assert!(run.log.contains("tidegate is built from source"), "{}", run.log);
    }
}

#[test]
fn the_release_of_exactly_this_source_is_used() {
    let world = World::new();
    world.release();
    let run = world.run("not-run");
    run.expect_jobs(&[("Gate", true)]);
    assert_eq!(world.note("released").as_deref(), Some("gate\n"), "{}", run.log);
    assert_eq!(world.note("cargo"), None, "{}", run.log);
    assert!(run.log.contains("its attestation holds"), "{}", run.log);
    let asked = format!(
        "--repo tidegate/tidegate --source-ref refs/tags/v{VERSION} \
         --signer-workflow tidegate/tidegate/.github/workflows/release.yml\n"
    );
    let gh = world.note("gh").expect("gh was asked");
    assert!(gh.ends_with(&asked), "{gh}");
}

#[test]
fn a_release_that_is_not_there_is_built_instead() {
    World::new().expect_build(&format!("release v{VERSION}: SHA256SUMS could not be had"));
}

#[test]
fn a_workflow_can_do_without_the_cache_of_builds() {
    let world = World::new();
    let run = world.run_with("not-run", &[("TIDEGATE_BUILD_CACHE", "off")]);
    run.expect_jobs(&[("Gate", true)]);
    assert_eq!(world.note("built").as_deref(), Some("gate\n"), "{}", run.log);
}

#[test]
fn an_answer_without_end_is_not_kept() {
    let world = World::new();
    world.write("releases/unsized", "");
    world.expect_build(&format!("release v{VERSION}: SHA256SUMS could not be had: curl: (23)"));
}

#[test]
fn an_archive_with_another_checksum_is_not_used() {
    let world = World::new();
    world.release();
    world.sums(&"0".repeat(64), &world.source());
    world.expect_build("SHA256SUMS says 000000");
    assert_eq!(world.note("gh"), None, "an archive with a wrong checksum was looked at");
}

#[test]
fn a_release_of_another_source_is_not_used() {
    let world = World::new();
    world.release();
    let before = world.source();
    world.write("action/src/main.rs", "fn main() { println!(); }\n");
    assert_ne!(before, world.source());
    world.expect_build("was built from another source");
}

#[test]
fn a_release_whose_attestation_is_refused_is_not_used() {
    let world = World::new();
    world.release();
    world.gh(1);
    world.expect_build("was refused: no attestation fits");
}

#[test]
fn a_program_of_another_version_is_not_used() {
    let world = World::new();
    world.program("9.9.9");
    world.pack(&[]);
    world.sums(&world.archive_hash(), &world.source());
    world.expect_build("the program does not run here: tidegate 9.9.9");
}

#[test]
fn a_link_in_place_of_the_program_is_not_followed() {
    let world = World::new();
    let program = world.path("build").join(World::name()).join("tidegate");
    fs::create_dir_all(program.parent().expect("a folder")).expect("make a folder");
    std::os::unix::fs::symlink(world.path("bin/cargo"), program).expect("make a link");
    world.pack(&[]);
    world.sums(&world.archive_hash(), &world.source());
    world.expect_build("holds no program");
}

#[test]
fn a_path_that_leads_out_of_the_archive_writes_nothing() {
    let world = World::new();
    world.program(VERSION);
    world.write("build/evil", "evil\n");
    let out = world.path("out");
    let absolute = format!("--transform=s|^evil$|{}|", out.display());
    for transform in [absolute.as_str(), "--transform=s|^evil$|../../../../../../../../out|"] {
        world.pack(&[transform, "evil"]);
        world.sums(&world.archive_hash(), &world.source());
        let run = world.run("not-run");
        run.expect_jobs(&[("Gate", true)]);
        assert!(!out.exists() && !Path::new("/out").exists(), "{}", run.log);
    }
    assert_eq!(world.note("released").as_deref(), Some("gate\ngate\n"));
}

/// What a release names as its source is what the action of the same checkout computes.
#[test]
fn the_source_hash_follows_names_and_contents() {
    let world = World::new();
    let first = world.source();
    assert!(first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    world.write("action/README.md", "not built\n");
    assert_eq!(world.source(), first);
    fs::rename(world.path("action/src/main.rs"), world.path("action/src/other.rs"))
        .expect("rename");
    let second = world.source();
    assert_ne!(second, first);
    // A part of the program, which `init` writes.
    world.write("action/docs/examples/tidegate-retry.yml", "on: push\n");
    assert_ne!(world.source(), second);
}

/// What is compiled in from outside of `src` is part of the source.
#[test]
fn no_file_is_compiled_in_that_the_source_hash_leaves_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut open, mut found) = (vec![root.join("src")], 0);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            if path.ends_with("tests.rs") || path.iter().any(|part| part == "tests") {
                continue;
            }
            for named in production.split("include_str!(\"").skip(1) {
                let named = named.split('"').next().unwrap_or_default();
                let file = path.parent().expect("a folder").join(named);
                let file = file.canonicalize().expect("a file that is compiled in");
                let covered = ["src", "docs/examples"].map(|own| root.join(own));
                assert!(covered.iter().any(|own| file.starts_with(own)), "{}", file.display());
                found += 1;
            }
        }
    }
    assert!(found > 3, "{found}");
}
