//! `init` in repositories of five shapes, from nothing to a release and a rollback: what it writes is
//! audited by zizmor and by `doctor`, and run by act, green and red.
//!
//! The repositories lie in `tests/fixtures/shapes`. The runner's programs are real but for those in
//! `tests/fixtures/programs` (pip, ruff, dbt), and so are git server, registry and images; GitHub's
//! API is the fake, and the actions of others have stand-ins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::act::ActRun;
use crate::harness::environment::{isolated_command, require_program};
use crate::harness::project::LEDGER;
use crate::harness::team::{REPOSITORY, TOKEN, Team, digest, fixtures};
use crate::harness::tidegate::{Run, Tidegate};

mod repositories;

/// A repository of `tests/fixtures/shapes`, and what shall come of it.
struct Shape {
    /// Its folder.
    folder: &'static str,
    /// The file of the gate's workflow.
    gate: &'static str,
    /// What `init` gets besides `--yes`.
    arguments: &'static [&'static str],
    /// The names of the jobs before the gate.
    jobs: &'static [&'static str],
    /// Those of them that build on the others, and are skipped when one fails.
    later: &'static [&'static str],
    /// The names of the jobs behind the gate, which run after a promotion only.
    after: &'static [&'static str],
    /// The names of the images in the registry.
    images: &'static [&'static str],
    /// What the Dockerfiles begin with.
    bases: &'static [&'static str],
    /// A mistake that the tests find: the file, a text in it, and what stands there instead.
    mistake: (&'static str, &'static str, &'static str),
    /// The job that finds it.
    fails: &'static str,
    /// What pip is asked for, among others.
    installs: &'static [&'static str],
    /// What the auditors advise about lines of the team's own: a text of the gate's workflow, and
    /// what stands there instead once somebody has followed it.
    advice: &'static [(&'static str, &'static str)],
}

const WRITTEN: [&str; 3] = [
    ".github/tidegate.yml",
    ".github/workflows/tidegate-retry.yml",
    ".github/workflows/tidegate-doctor.yml",
];

/// What the last entry of the ledger in the fixtures praises.
const PRAISED: &str = "611b29b362b480a8e6a56848f453ab8a2091e683";

/// Tells the whole story of a shape.
fn story(shape: &Shape) {
    let team = adopted(shape);
    let good = green(shape, &team);
    red(shape, &team, &good);
    weekly(&team);
}

/// A repository in which `init` has worked, pushed; what it wrote was audited.
fn adopted(shape: &Shape) -> Team {
    let team = Team::new();
    team.gated_by(shape.gate);
    team.on_github();
    copy_folder(&fixtures().join("shapes").join(shape.folder), &team.repo, Path::new(""));
    let first = team.commit("What was there before", &[]);
    // A ledger that was kept by hand praises a commit of this repository.
    if let Ok(ledger) = fs::read_to_string(team.repo.path().join(LEDGER)) {
        assert!(ledger.contains(PRAISED), "{ledger}");
        let ledger = ledger.replace(PRAISED, &first);
        team.commit("docs: update the experiment log [skip ci]", &[(LEDGER, &ledger)]);
    }
    team.repo.add_remote("origin", &format!("https://github.com/{REPOSITORY}.git"));

    let gate = format!(".github/workflows/{}", shape.gate);
    init(shape, &team).code(0);
    for file in WRITTEN.into_iter().chain([gate.as_str()]) {
        assert!(team.repo.path().join(file).is_file(), "{file} was not written");
    }
    let changed = team.repo.git(&["status", "--porcelain", "-uall"]);
    assert!(changed.lines().all(|line| line[3..].starts_with(".github/")), "{changed}");
    // What was kept of the team's own lines is the team's: nothing that was written has a finding.
    let found = audit(&team);
    let own = team.repo.try_git(&["show", &format!("HEAD:{gate}")]).stdout;
    let own = String::from_utf8(own).expect("UTF-8");
    for (file, line) in &found {
        assert!(*file == gate && own.lines().any(|text| text == line), "{file}: {line}");
    }
    assert_eq!(found.is_empty(), shape.advice.is_empty(), "{found:?}");
    let before = team.repo.checkout_state();
    let texts = written(&team);
    let again = init(shape, &team).code(0);
    assert_eq!((team.repo.checkout_state(), written(&team)), (before, texts), "{}", again.stdout);

    if !shape.advice.is_empty() {
        let followed =
            shape.advice.iter().fold(written(&team)[&gate].clone(), |text, (from, to)| {
                assert!(text.contains(from), "{from}: {text}");
                text.replace(from, to)
            });
        team.repo.write(&gate, followed);
        assert_eq!(audit(&team), []);
    }
    // The test's registry is on loopback: its host takes the place of ghcr.io, and nothing else does.
    for (file, text) in written(&team) {
        team.repo.write(&file, text.replace("ghcr.io", team.registry().host()));
    }
    team.base_images(shape.bases);
    team.commit("Let a gate release", &[]);
    team.repo.git(&["remote", "set-url", "origin", &team.url()]);
    no_error_and_no_warning(&team);
    team
}

fn init(shape: &Shape, team: &Team) -> Run {
    Tidegate::new()
        .args(["init", "--yes"])
        .args(shape.arguments)
        .current_dir(team.repo.path())
        .run()
}

/// The files below `.github`, by path.
fn written(team: &Team) -> BTreeMap<String, String> {
    let listing = team.repo.git(&["ls-files", "-co", "--exclude-standard", ".github"]);
    let read = |path: &str| fs::read_to_string(team.repo.path().join(path)).expect("UTF-8");
    listing.lines().map(|path| (path.to_owned(), read(path))).collect()
}

/// What zizmor finds: the file, and the text of the line.
fn audit(team: &Team) -> Vec<(String, String)> {
    let output = isolated_command(require_program("zizmor"), team.repo.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config"])
        .args(["--format", "json", ".github"])
        .current_dir(team.repo.path())
        .output()
        .expect("start zizmor");
    let said = String::from_utf8_lossy(&output.stdout);
    let found: Vec<Value> = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.success(), found.is_empty(), "{said}");
    let texts = written(team);
    let locations = found.iter().flat_map(|own| own["locations"].as_array().expect("locations"));
    let primary = locations.filter(|own| own["symbolic"]["kind"] == "Primary");
    let place = |own: &Value| {
        let file = own["symbolic"]["key"]["Local"]["verbatim_path"].as_str().expect("a file");
        let row = own["concrete"]["location"]["start_point"]["row"].as_u64().expect("a row");
        let line = texts[file].lines().nth(usize::try_from(row).expect("a row"));
        (file.to_owned(), line.expect("a line").to_owned())
    };
    primary.map(place).collect()
}

fn no_error_and_no_warning(team: &Team) {
    let run = Tidegate::new()
        .args(["doctor", "--json"])
        .env("TIDEGATE_TOKEN", TOKEN)
        .env("TIDEGATE_GITHUB_API_URL", team.github().url())
        .env("GITHUB_REPOSITORY", REPOSITORY)
        .env("TIDEGATE_REGISTRY_USER", crate::harness::oci_registry::USER)
        .env("TIDEGATE_REGISTRY_PASSWORD", TOKEN)
        .current_dir(team.repo.path())
        .run()
        .code(0);
    let json = run.json();
    let findings = json["findings"].as_array().expect("findings");
    assert!(findings.iter().all(|own| own["severity"] == "note"), "{json:#}");
}

/// The jobs of a run before its gate, with the results that GitHub shows.
fn results(shape: &Shape, red: bool) -> Vec<(&'static str, &'static str)> {
    let result = |name: &&'static str| match red {
        true if *name == shape.fails => "failure",
        true if shape.later.contains(name) => "skipped",
        true | false => "success",
    };
    shape.jobs.iter().map(|name| (*name, result(name))).collect()
}

/// The jobs of act's run were as predicted, and so was the gate.
#[track_caller]
fn expect(shape: &Shape, run: &ActRun, results: &[(&str, &str)], gate: bool) {
    let ran = results.iter().filter(|(_, result)| *result != "skipped");
    let mut jobs: Vec<(&str, bool)> =
        ran.map(|(name, result)| (*name, *result == "success")).collect();
    jobs.push(("Gate", gate));
    jobs.extend(shape.after.iter().filter(|_| gate).map(|name| (*name, true)));
    run.expect_jobs(&jobs);
}

/// The first push after the adoption releases; returns the commit.
fn green(shape: &Shape, team: &Team) -> String {
    let good = team.repo.head();
    let jobs = results(shape, false);
    team.github().add(team.deciding(&good, 1001, &jobs));
    let run = team.decides(1001, 1);
    expect(shape, &run, &jobs, true);

    assert_eq!(team.git(&["rev-parse", "refs/heads/stable"]), good);
    let ledger = team.git(&["show", &format!("refs/heads/main:{LEDGER}")]);
    assert!(ledger.contains(&good), "{ledger}");
    let record = team.git(&["show", "refs/heads/tidegate:records/000001.json"]);
    let record: Value = serde_json::from_str(&record).expect("a record");
    assert_eq!(record["commit"], good, "{record:#}");
    for image in shape.images {
        let candidate = team.manifest(image, &good).expect("the candidate by the commit's tag");
        for tag in ["main-candidate", "stable", "latest"] {
            assert_eq!(team.manifest(image, tag).as_ref(), Some(&candidate), "{image}:{tag}");
        }
        assert!(ledger.contains(&digest(&candidate)), "{image} is not in the ledger: {ledger}");
        assert!(record.to_string().contains(&digest(&candidate)), "{image}: {record:#}");
    }
    let asked = team.asked("pip");
    for package in shape.installs {
        assert!(asked.iter().any(|line| line.contains(package)), "{package}: {asked:?}");
    }
    good
}

/// The mistake fails twice, the second time by the retry workflow, and main goes back.
fn red(shape: &Shape, team: &Team, good: &str) {
    team.pull();
    let (file, right, wrong) = shape.mistake;
    let records = |team: &Team| team.git(&["ls-tree", "refs/heads/tidegate:records"]);
    let released = records(team);
    let text = fs::read_to_string(team.repo.path().join(file)).expect("the file of the mistake");
    assert!(text.contains(right), "{file}: {text}");
    let bad = team.commit("Make a mistake", &[(file, &text.replace(right, wrong))]);
    let jobs = results(shape, true);
    team.github().add(team.deciding(&bad, 1002, &jobs));

    let run = team.decides(1002, 1);
    expect(shape, &run, &jobs, false);
    assert_eq!(team.git(&["rev-parse", "refs/heads/main"]), bad, "the retry comes first");
    let run = team.second_try(1002, &jobs);
    expect(shape, &run, &jobs, false);

    let changed = team.git(&["diff-tree", "-r", "--name-only", good, "refs/heads/main"]);
    assert_eq!(changed, LEDGER, "main is not the good tree");
    let message = team.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert!(message.contains(&format!("Tidegate-Rollback-To: {good}")), "{message}");
    assert_eq!(team.git(&["rev-parse", "refs/heads/stable"]), good);
    assert_eq!(records(team), released, "another release");
    for image in shape.images {
        assert_eq!(team.manifest(image, &bad), None, "an image of the failed commit");
        let released = team.manifest(image, good);
        for tag in ["main-candidate", "stable", "latest"] {
            assert_eq!(team.manifest(image, tag), released, "{image}:{tag}");
        }
    }
}

/// The weekly workflow finds nothing to open an issue for.
fn weekly(team: &Team) {
    team.pull();
    let run = team.dispatch("tidegate-doctor.yml", 3001, &[]);
    run.expect_jobs(&[("Doctor", true)]);
    let issues = team.github().issues();
    let doctors =
        issues.iter().filter(|issue| issue.labels.iter().any(|own| own == "tidegate-doctor"));
    assert_eq!(doctors.count(), 0, "{}", run.log);
}

/// Copies a folder of fixtures into the work tree.
fn copy_folder(from: &Path, repo: &crate::harness::repo::Repo, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder of fixtures") {
        let entry = entry.expect("a file of fixtures");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), repo, &target);
        } else {
            let path = target.to_str().expect("a path in UTF-8");
            repo.write(path, fs::read(entry.path()).expect("a file"));
        }
    }
}
