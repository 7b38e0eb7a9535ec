//! What a team lives through, told by the example workflows: act runs them against a fake GitHub, a
//! real registry and a git server that protects main when it is told to.

use super::example::Example;
use crate::harness::act::ActRun;
use crate::harness::project::{LEDGER, ledger_of};
use crate::harness::team::tidegate;

const SETTINGS: &str = "\
require: { reports: ['reports/**/*.xml'] }
rollback: { retries: 1 }
";

/// A test that depends on the word in `app`: it works, is broken, or passes on the second try.
const TESTS: &str = "\
test:
\tmkdir -p reports
\tif grep -qx works app || { grep -qx flaky app && [ \"$$GITHUB_RUN_ATTEMPT\" -gt 1 ]; }; then \\
\t  printf '<testsuite tests=\"1\"><testcase classname=\"app\" name=\"test_answer\"/></testsuite>' > reports/junit.xml; \\
\telse \\
\t  printf '<testsuite tests=\"1\" failures=\"1\"><testcase classname=\"app\" name=\"test_answer\"><failure message=\"no answer\"/></testcase></testsuite>' > reports/junit.xml; \\
\t  exit 1; \\
\tfi
lint:
\ttest -s app
";

const GREEN: [(&str, &str); 3] =
    [("Tests", "success"), ("Code quality", "success"), ("Candidate image", "success")];
const RED: [(&str, &str); 3] =
    [("Tests", "failure"), ("Code quality", "success"), ("Candidate image", "skipped")];

impl Example {
    /// Pushes an app and runs the workflow on it, with GitHub knowing the run while it runs.
    fn live(&self, id: u64, app: &str, jobs: &[(&str, &str)]) -> (String, bool) {
        let commit = self.commit(&format!("App {id}"), &[("app", app), ("n", &id.to_string())]);
        self.github().add(self.deciding(&commit, id, jobs));
        (commit, gate(&self.decides(id, 1)))
    }

    fn stable(&self) -> String {
        self.git(&["rev-parse", "refs/heads/stable"])
    }
}

/// Whether the gate succeeded.
fn gate(run: &ActRun) -> bool {
    run.jobs["Gate"]
}

#[test]
fn green_flaky_red_and_protected() {
    let example = Example::on_github(SETTINGS);
    example.repo.write("Makefile", TESTS);

    let (first, promoted) = example.live(1001, "works\n", &GREEN);
    assert!(promoted);
    assert_eq!(example.stable(), first);

    // Flaky: red, tried again, promoted; the test is named.
    example.pull();
    let (flaky, promoted) = example.live(1002, "flaky\n", &RED);
    assert!(!promoted);
    assert_eq!(example.stable(), first);
    assert_eq!(example.github().dispatches().len(), 1);
    assert!(gate(&example.second_try(1002, &GREEN)));
    assert_eq!(example.stable(), flaky);
    let ledger = example.git(&["show", &format!("refs/heads/main:{LEDGER}")]);
    assert!(ledger.contains("app::test_answer"), "the flaky test is not named: {ledger}");
    assert!(example.github().issues().is_empty(), "nothing was rolled back");

    // Red twice: rolled back, with one issue.
    example.pull();
    let (bad, promoted) = example.live(1003, "broken\n", &RED);
    assert!(!promoted);
    assert!(example.github().issues().is_empty(), "the retry comes first");
    assert!(!gate(&example.second_try(1003, &RED)));
    let message = example.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert_eq!(example.stable(), flaky);
    let issues = example.github().issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].state, "open");
    let text = issues[0].body.as_deref().unwrap_or_default();
    assert!(text.contains(&bad[..7]) && text.contains(&flaky[..7]), "{text}");
    assert!(text.contains("test\\_answer"), "the failing test is not named: {text}");
    let jobs = &example.github().run(1003).jobs;
    let job = jobs.iter().rfind(|job| job.name == "Tests").expect("the job of the second try");
    let page = format!("/actions/runs/1003/job/{}", job.id);
    assert!(text.contains(&page), "no link to the failed job: {text}");

    // The next green commit supersedes it, and closes the issue.
    example.pull();
    let (mended, promoted) = example.live(1004, "works\n", &GREEN);
    assert!(promoted);
    assert_eq!(example.stable(), mended);
    assert_eq!(example.github().issues()[0].state, "closed");

    // A protected main: the rollback is a pull request, opened once.
    example.pull();
    let (_, promoted) = example.live(1005, "broken\n", &RED);
    assert!(!promoted);
    example.server().protect("acme/app", &["refs/heads/main"]);
    let main = example.git(&["rev-parse", "refs/heads/main"]);
    assert!(!gate(&example.second_try(1005, &RED)));
    assert!(!gate(&example.decides(1005, 3)), "a third try finds the pull request again");
    assert_eq!(example.git(&["rev-parse", "refs/heads/main"]), main, "main is protected");
    let pulls = example.github().pulls();
    assert_eq!(pulls.len(), 1);
    let head = &pulls[0].pull.as_ref().expect("a pull request").head;
    let tree = |revision: &str| example.git(&["rev-parse", &format!("{revision}:app")]);
    assert_eq!(tree(&format!("refs/heads/{head}")), tree(&mended));
    let message = example.git(&["log", "-1", "--format=%B", &format!("refs/heads/{head}")]);
    assert!(!message.contains("[skip ci]"), "its checks have to run: {message}");
    assert_eq!(example.stable(), mended);
}

#[test]
fn a_forged_ledger_entry_is_warned_about_and_passed_over() {
    let example = Example::on_github("");
    let good = example.commit("Good", &[("app", "works\n")]);
    let forged = example.commit("Never passed", &[("app", "never worked\n")]);
    let ledger = ledger_of(&[&good, &forged]);
    example.commit("Praise both [skip ci]", &[(LEDGER, &ledger)]);
    for (id, commit, jobs) in [(901, &good, &GREEN), (902, &forged, &RED)] {
        let run = example.deciding(commit, id, jobs.as_slice());
        example.github().add(run);
        example.github().finish(id, &[("Gate", "success")], "success");
    }
    let bad = example.commit("Bad", &[("app", "broken\n")]);
    example.github().add(example.deciding(&bad, 903, &RED));

    let run = example.attempt(903, 1, tidegate());

    assert_eq!(run.jobs.get("Gate"), Some(&false), "{}", run.log);
    let message = example.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains(&format!("Tidegate-Rollback-To: {good}")), "{message}\n{}", run.log);
    assert!(run.log.contains("refutes") && run.log.contains(&forged[..7]), "{}", run.log);
}
