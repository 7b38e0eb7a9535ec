//! `doctor`: each planted fault is named, with its place and its cure, and a right repository has
//! no finding.

use serde_json::Value;

use crate::harness::project::{CONFIG, GREEN, Project};
use crate::harness::tidegate::{Run, Tidegate};

mod callers;
mod data;
mod files;
mod fix;
mod github;
mod issue;
mod planted;
mod rest;
mod served;
mod world;

/// Where the gate's workflow is.
const GATE: &str = ".github/workflows/release-gate.yml";

/// Where the retry workflow is.
const RETRY: &str = ".github/workflows/tidegate-retry.yml";

/// The workflows that users copy.
const GATE_TEXT: &str = include_str!("../../docs/examples/release-gate.yml");
const RETRY_TEXT: &str = include_str!("../../docs/examples/tidegate-retry.yml");

/// A configuration that asks for everything that needs no server.
const CONFIG_TEXT: &str =
    "version: 1\nimages: []\nrequire: { jobs: [tests, code-quality] }\nrollback: { retries: 1 }\n";

/// What passed in the right repository.
const PASSED: &str = r#"{"tests":{"result":"success","outputs":{}},"code-quality":{"result":"success","outputs":{}}}"#;

/// A repository as it should be: released, with both workflows.
fn right() -> Project {
    right_on(Project::on_disk())
}

fn right_on(project: Project) -> Project {
    assert_ne!(PASSED, GREEN);
    let files = [(CONFIG, CONFIG_TEXT), (GATE, GATE_TEXT), (RETRY, RETRY_TEXT)];
    project.push("Let a gate release", &files);
    project.gate(PASSED).run().code(0);
    project.pull();
    project
}

/// `doctor` in the developer's clone.
fn doctor(project: &Project) -> Tidegate {
    Tidegate::new().args(["doctor", "--json"]).current_dir(project.dev.path())
}

/// The finding of this name.
#[track_caller]
fn finding(run: &Run, id: &str) -> Value {
    let json = run.json();
    assert_eq!(json["schema"], "tidegate/doctor/1");
    let list = json["findings"].as_array().expect("findings").clone();
    let found = list.iter().find(|finding| finding["id"] == id);
    let found = found.unwrap_or_else(|| panic!("no {id}: {json:#}")).clone();
    for key in ["problem", "breaks", "mend"] {
        assert!(found[key].as_str().is_some_and(|text| text.len() > 5), "{key} of {found:#}");
    }
    found
}

/// The names of all findings.
#[track_caller]
fn ids(run: &Run) -> Vec<String> {
    let json = run.json();
    let list = json["findings"].as_array().expect("findings").clone();
    list.iter().map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect()
}

/// What could not be checked.
#[track_caller]
fn unchecked(run: &Run) -> Vec<String> {
    let json = run.json();
    let list = json["unchecked"].as_array().expect("unchecked").clone();
    list.iter().map(|own| format!("{}: {}", own["what"], own["why"])).collect()
}

#[test]
fn a_right_repository_has_no_finding_and_nothing_changes() {
    let project = right();
    let before = (project.refs(), project.dev.checkout_state());
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    assert_eq!((project.refs(), project.dev.checkout_state()), before);
    assert!(run.json()["worst"].is_null());
    let well = run.json()["well"].as_array().unwrap().len();
    assert!(well > 12, "{}", run.stdout);
    // Its remote is a folder, and that is said.
    assert_eq!(unchecked(&run).len(), 1, "{}", run.stdout);
    assert!(unchecked(&run)[0].contains("not on GitHub"), "{}", run.stdout);

    let shown = Tidegate::new().args(["doctor"]).current_dir(project.dev.path()).run().code(0);
    assert!(shown.stdout.starts_with("nothing is wrong\n\nwell: configuration, ledger, gate job"));
    assert!(shown.stdout.contains("could not be checked:\n  the repository on GitHub ("));
}

#[test]
fn people_see_what_is_wrong_what_it_breaks_and_how_to_mend_it() {
    let project = right();
    let gate =
        GATE_TEXT.replace("    if: ${{ !cancelled() }}\n    runs-on", "    runs-on").replace(
            "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0",
            "actions/checkout@v5",
        );
    project.dev.write(GATE, gate);
    let shown = Tidegate::new().args(["doctor"]).current_dir(project.dev.path()).run().code(10);
    let text = &shown.stdout;
    assert!(text.starts_with("1 error, 4 warnings\n\nerror gate-if-missing\n"), "{text}");
    assert!(text.contains("release-gate.yml:"), "{text}");
    // Four places, one cure.
    assert_eq!(
        text.matches("`actions/checkout@v5` is not pinned to a commit").count(),
        4,
        "{text}"
    );
    assert_eq!(text.matches("put the full commit id after the @").count(), 1, "{text}");
}

#[test]
fn sarif_has_every_finding_with_its_place() {
    let project = right();
    project.dev.write(GATE, GATE_TEXT.replace("          fetch-depth: 0\n", ""));
    let path = project.dev.path().join(".git/doctor.sarif");
    let run = doctor(&project).args(["--sarif".as_ref(), path.as_os_str()]).run().code(0);
    let found = finding(&run, "fetch-depth");
    let text = std::fs::read_to_string(path).unwrap();
    let sarif: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), ids(&run).len());
    assert_eq!(results[0]["ruleId"], "fetch-depth");
    assert_eq!(results[0]["level"], "warning");
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], GATE);
    assert_eq!(place["region"]["startLine"], found["place"]["line"]);
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "fetch-depth"));
}

#[test]
fn offline_asks_nobody_and_says_so() {
    let project = right();
    let run = doctor(&project).args(["--offline"]).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    let unchecked = unchecked(&run).join("\n");
    for what in ["branches of the remote", "takes pushes", "repository on GitHub"] {
        assert!(unchecked.contains(what), "{unchecked}");
    }
}
