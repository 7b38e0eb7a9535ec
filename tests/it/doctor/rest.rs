//! The findings that the other rooms do not plant, and the list of all.

use std::collections::BTreeSet;
use std::path::Path;

use super::{CONFIG, CONFIG_TEXT, GATE, GATE_TEXT, PASSED, doctor, finding, ids, right};
use crate::harness::fault_proxy::{FaultProxy, Rule};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER};
use crate::harness::project::{LEDGER, Project, actions};
use crate::harness::tidegate::Tidegate;

#[test]
fn what_is_not_there_yet_is_a_note() {
    let project = right();
    project.dev.remove(CONFIG);
    // Without it the image would be looked for on GitHub, which is not asked here.
    let run = doctor(&project).args(["--offline"]).run();
    assert_eq!(finding(&run, "configuration-missing")["severity"], "note");

    let fresh = Project::on_disk();
    fresh.dev.git(&["rm", "-q", LEDGER]);
    fresh.dev.git(&["commit", "-q", "-m", "Begin again"]);
    fresh.dev.push("main");
    let run = doctor(&fresh).run().code(0);
    assert_eq!(finding(&run, "ledger-missing")["severity"], "note");
}

#[test]
fn a_gate_without_a_checkout_has_nothing_to_decide_about() {
    let project = right();
    let at = GATE_TEXT.rfind("      - uses: actions/checkout@").unwrap();
    let end = at + GATE_TEXT[at..].find("      - name:").unwrap();
    project.dev.write(GATE, format!("{}{}", &GATE_TEXT[..at], &GATE_TEXT[end..]));
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["checkout-missing"]);
}

#[test]
fn a_gate_that_no_job_tells_the_digest_holds_every_promotion() {
    let project = right();
    project.dev.write(CONFIG, CONFIG_TEXT.replace("images: []", "images: [ghcr.io/acme/app]"));
    let offline = || doctor(&project).args(["--offline"]).run();
    assert_eq!(ids(&offline()), Vec::<String>::new());
    let (output, value) = ("      digest: ${{", "steps.build.outputs.digest }}");
    assert!(GATE_TEXT.contains(&format!("{output} {value}")));
    let without = GATE_TEXT.replace(output, "      other: ${{");
    project.dev.write(GATE, &without);
    let run = offline();
    assert_eq!(ids(&run), ["digest-missing"]);
    assert_eq!(finding(&run, "digest-missing")["severity"], "error");
    assert_eq!(finding(&run, "digest-missing")["place"]["file"], GATE);
    // By another way it is there all the same, and without images none is needed.
    let input = "          needs: ${{ toJSON(needs) }}\n";
    for more in ["digest: ${{ needs.build-docker.outputs.other }}", "config: api/tidegate.yml"] {
        project.dev.write(GATE, without.replace(input, &format!("{input}          {more}\n")));
        assert_eq!(ids(&offline()), Vec::<String>::new(), "{more}");
    }
    project.dev.write(GATE, &without);
    project.dev.write(CONFIG, CONFIG_TEXT);
    assert_eq!(ids(&offline()), Vec::<String>::new());
}

/// GitHub follows no link to workflows, and what lies behind one may be nobody's to mend.
#[test]
fn workflows_behind_a_link_are_neither_read_nor_mended() {
    let project = right();
    let away = tempfile::tempdir().unwrap();
    let there = away.path().join("workflows");
    let folder = project.dev.path().join(".github/workflows");
    std::fs::rename(&folder, &there).or_else(|_| copy(&folder, &there)).unwrap();
    let gate = there.join("release-gate.yml");
    let text = GATE_TEXT.replace("          fetch-depth: 0\n", "");
    std::fs::write(&gate, &text).unwrap();
    std::os::unix::fs::symlink(&there, &folder).unwrap();
    let run = doctor(&project).args(["--offline", "--fix", "--yes"]).run().code(10);
    assert_eq!(ids(&run), ["retry-workflow-missing", "gate-missing"]);
    assert_eq!(std::fs::read_to_string(&gate).unwrap(), text);
}

/// Moves a folder to another file system.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    std::fs::remove_dir_all(from)
}

#[test]
fn a_token_for_everything_is_a_warning() {
    let project = right();
    let at = GATE_TEXT.rfind("    permissions:\n").unwrap();
    let end = at + GATE_TEXT[at..].find("    steps:").unwrap();
    let gate = format!("{}    permissions: write-all\n{}", &GATE_TEXT[..at], &GATE_TEXT[end..]);
    project.dev.write(GATE, gate);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["permissions-too-wide"], "{}", run.stdout);
}

#[test]
fn a_conflict_marker_that_is_released_is_a_note() {
    let conflict = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n";
    let project = right();
    let warn = format!("{CONFIG_TEXT}preflight: {{ conflict_markers: warn }}\n");
    project.push("Quote a conflict", &[(CONFIG, &warn), ("notes.txt", conflict)]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["conflict-markers"], "{}", run.stdout);
    project.gate(PASSED).run().code(0);
    project.pull();
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["conflict-markers-released"], "{}", run.stdout);
}

#[test]
fn rollbacks_that_are_used_up_are_named() {
    let project = right();
    let once = CONFIG_TEXT.replace("retries: 1", "max_depth: 1");
    project.push("Roll back once", &[(CONFIG, &once)]);
    project.gate(PASSED).run().code(0);
    project.pull();
    project.push("Bad", &[("app.py", "print('bad')\n")]);
    project.gate(&PASSED.replacen("success", "failure", 1)).run().code(3);
    project.pull();
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "rollbacks-used-up")["severity"], "warning");
}

/// `doctor` with the registry's login.
fn logged_in(project: &Project) -> Tidegate {
    doctor(project).env("TIDEGATE_REGISTRY_USER", USER).env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
}

#[test]
fn a_registry_that_is_none_and_a_login_that_only_reads_are_told_apart() {
    let project = right();
    let registry = OciRegistry::start_with(Auth::Basic);
    let proxy = FaultProxy::start(registry.host());
    let images = format!("[\"{}/acme/app\"]", proxy.host());
    project.dev.write(CONFIG, CONFIG_TEXT.replace("[]", &images));
    assert_eq!(ids(&logged_in(&project).run().code(0)), Vec::<String>::new());
    // An upload was opened, and cancelled at once.
    let lines: Vec<String> =
        proxy.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    let uploads: Vec<&String> = lines.iter().filter(|line| line.contains("/uploads/")).collect();
    assert!(uploads.iter().any(|line| line.starts_with("POST ")), "{lines:?}");
    assert!(uploads.last().unwrap().starts_with("DELETE "), "{lines:?}");
    // This registry leaves empty folders of a cancelled upload.
    let uploads = registry.repository_folder("acme/app").join("_uploads");
    for upload in uploads.read_dir().expect("the uploads") {
        let data = upload.expect("an upload").path().join("data");
        assert!(!data.exists(), "an upload is left");
    }

    let body = r#"{"errors":[{"code":"DENIED","message":"permission_denied: write_package"}]}"#;
    proxy.add(Rule::on("POST", "/uploads/").answer(403, &[], body));
    let run = logged_in(&project).run().code(0);
    assert_eq!(finding(&run, "registry-read-only")["severity"], "warning");
    let run = logged_in(&project).envs(actions(&project.dev.head())).run().code(10);
    assert_eq!(finding(&run, "registry-read-only")["severity"], "error");
    assert!(!run.stdout.contains(PASSWORD));

    proxy.add(Rule::when(|_| true).answer(418, &[("Content-Type", "text/html")], "<html>"));
    let run = logged_in(&project).run().code(10);
    assert_eq!(finding(&run, "registry-answer")["severity"], "error");
}

/// The names in the page's tables.
fn described() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/how-to/doctor.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn every_finding_is_planted_by_some_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/doctor");
    let mut sources = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        sources += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let known = described();
    assert!(known.len() > 50, "{known:?}");
    let never: Vec<&String> =
        known.iter().filter(|id| !sources.contains(&format!("\"{id}\""))).collect();
    assert!(never.is_empty(), "no test plants {never:?}");
}
