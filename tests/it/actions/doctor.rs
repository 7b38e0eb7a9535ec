//! The weekly workflow of docs/how-to/doctor.md, run by act: green where all is well, red with an
//! error, and one issue as long as there is something to tell.

use std::fs;

use super::example::Example;

const PAGE: &str = include_str!("../../../docs/how-to/doctor.md");
const FILE: &str = ".github/workflows/tidegate-doctor.yml";
const GATE: &str = ".github/workflows/release-gate.yml";
const IF: &str = "    if: ${{ !cancelled() }}\n    runs-on";

/// The workflow as the page has it, with the commit filled in.
fn workflow() -> String {
    let begin = PAGE.find("```yaml\npermissions: {}\n").expect("the workflow") + "```yaml\n".len();
    let text = &PAGE[begin..begin + PAGE[begin..].find("```").expect("its end")];
    assert!(text.contains("open-issue: true") && text.contains("@<commit>"), "{text}");
    text.replace("@<commit>", "@179e295e7c1f043766594af3dd64c327cb46b2ac")
}

#[test]
fn the_weekly_doctor_opens_an_issue_on_an_error_and_closes_it_later() {
    let example = Example::on_github("");
    let text = workflow();
    example.commit("Ask a doctor every week", &[("app", "works\n"), (FILE, &text)]);
    let well = example.dispatch("tidegate-doctor.yml", 1, &[]);
    well.expect_jobs(&[("doctor", true)]);
    assert!(example.github().issues().is_empty(), "{}", well.log);

    let gate = fs::read_to_string(example.repo.path().join(GATE)).expect("the gate's workflow");
    assert!(gate.contains(IF));
    example.commit("Tidy up", &[(GATE, &gate.replace(IF, "    runs-on"))]);
    let ill = example.dispatch("tidegate-doctor.yml", 2, &[]);
    ill.expect_jobs(&[("doctor", false)]);
    let issues = example.github().issues();
    let [issue] = issues.as_slice() else { panic!("{issues:?}\n{}", ill.log) };
    assert_eq!(
        (issue.state.as_str(), issue.labels.join(" ").as_str()),
        ("open", "tidegate-doctor")
    );
    assert!(issue.body.as_deref().unwrap_or_default().contains("gate-if-missing"), "{issue:?}");

    example.commit("Let the gate run on red again", &[(GATE, &gate)]);
    let healed = example.dispatch("tidegate-doctor.yml", 3, &[]);
    healed.expect_jobs(&[("doctor", true)]);
    let issues = example.github().issues();
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!(issues[0].state, "closed", "{}", healed.log);
}
