//! The ledger's word against that of GitHub (promise 6).

use super::{IMPATIENT, World, warnings};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::github::world::Run;
use crate::harness::project::{CONFIG, NO_IMAGES, RED, reasons};
use crate::harness::tidegate::Tidegate;

/// What GitHub was asked about runs; people are told of the rollback by other requests, with the
/// pages of the jobs of the gate's own run.
fn asked(world: &World) -> Vec<String> {
    let told = |line: &String| line.contains("/issues") || line.contains("/runs/17/jobs");
    world.github.lines().into_iter().filter(|line| !told(line)).collect()
}

#[test]
fn a_commit_whose_required_job_succeeded_is_gone_back_to() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], world.project.good.as_str());
    assert_eq!(warnings(&run), "");
    let asked = asked(&world);
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn a_forged_entry_is_warned_about_and_passed_over() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let forged = world.push("Broken and praised", "broken\n");
    let red = world.ran(&forged, "failure");
    let bad = world.push_bad_with(&[&forged]);
    let run = world.gate(&bad, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], world.project.good.as_str());
    let said = warnings(&run);
    for part in [&forged[..7], "refutes", "\"tests\"", "failure", &red.to_string()] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let asked = asked(&world);
    assert!(asked.len() <= 4, "{asked:?}");
}

#[test]
fn a_forged_entry_alone_gives_no_good_commit() {
    let world = World::new();
    world.ran(&world.project.good, "cancelled");
    let bad = world.push("Bad", "bad\n");
    let gate = world.gate(&bad, RED);
    let run = world.project.holds(gate, "no_good_commit");
    assert!(warnings(&run).contains("cancelled"), "{}", run.stdout);
}

#[test]
fn only_the_latest_attempt_counts() {
    let world = World::new();
    let good = world.project.good.clone();
    let run = Run::push(&good).job("tests", "failure").attempt(2).job("tests", "success");
    world.github.add(run.completed("success"));
    let bad = world.push("Bad", "bad\n");
    world.gate(&bad, RED).run().code(3);
}

#[test]
fn runs_of_other_workflows_events_branches_and_repositories_prove_nothing() {
    let world = World::new();
    let good = world.project.good.clone();
    let red = || Run::push(&good).job("tests", "failure").completed("failure");
    world.github.add(red().workflow("nightly.yml"));
    world.github.add(red().event("schedule"));
    world.github.add(red().branch("side"));
    world.github.add(red().from_repository(666));
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    let said = warnings(&run);
    assert!(said.contains("no push run") && said.contains(&good[..7]), "{said}");
}

#[test]
fn a_record_outranks_what_github_says() {
    let world = World::new();
    let good = world.push("Released", "released\n");
    world.project.gate(crate::harness::project::GREEN).run().success();
    world.project.pull();
    world.ran(&good, "failure");
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], good.as_str());
}

#[test]
fn five_forged_entries_end_the_questions() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let forged: Vec<String> = (0..6)
        .map(|number| {
            let commit = world.push("Praised", &format!("broken {number}\n"));
            world.ran(&commit, "failure");
            commit
        })
        .collect();
    let praised: Vec<&str> = forged.iter().map(String::as_str).collect();
    let bad = world.push_bad_with(&praised);
    let gate = world.gate(&bad, RED);
    let run = world.project.holds(gate, "no_good_commit");
    assert!(warnings(&run).contains("do not count"), "{}", run.stdout);
    assert!(world.github.lines().len() <= 12, "{:?}", world.github.lines());
}

#[test]
fn names_of_jobs_come_from_the_workflow_file() {
    let world = World::new();
    let workflow =
        "on: push\njobs:\n  tests: { name: Unit tests, runs-on: x }\n  gate: { needs: tests }\n";
    let path = ".github/workflows/release-gate.yml";
    let forged = world.project.push("Praised", &[("app.py", "x\n"), (path, workflow)]);
    world.github.add(
        Run::push(&forged)
            .job("tests", "success")
            .job("Unit tests", "failure")
            .completed("failure"),
    );
    world.ran(&world.project.good, "success");
    let bad = world.push_bad_with(&[&forged]);
    let run = world.gate(&bad, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], world.project.good.as_str());
}

#[test]
fn a_required_job_of_no_known_name_is_a_warning() {
    let world = World::new();
    let good = world.project.good.clone();
    world.github.add(Run::push(&good).job("Something else", "failure").completed("failure"));
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    assert!(warnings(&run).contains("no job of it is called \"tests\""), "{}", run.stdout);
}

#[test]
fn a_token_that_may_not_read_runs_warns_and_goes_on() {
    let world = World::new();
    world.ran(&world.project.good, "failure");
    world.github.permit("actions", "none");
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    assert!(warnings(&run).contains("could not be checked"), "{}", run.stdout);
}

#[test]
fn a_github_that_does_not_answer_holds_what_only_the_ledger_calls_good() {
    for status in [None, Some(503)] {
        let world = World::new();
        world
            .project
            .push("Be impatient [skip ci]", &[(CONFIG, &format!("{NO_IMAGES}{IMPATIENT}"))]);
        let proxy = FaultProxy::start(&world.github.host());
        proxy.add(match status {
            Some(status) => Rule::when(|_| true).answer(status, &[], "<html>Unicorn</html>"),
            None => Rule::when(|_| true).fault(Fault::Close),
        });
        let bad = world.push("Bad", "bad\n");
        let gate = world.project.gate(RED).envs(world.github.envs_through(proxy.host(), &bad));
        let run = world.project.holds(gate, "github_did_not_answer");
        assert_eq!(reasons(&run).len(), 2, "{}", run.stdout);
    }
}

/// A project with the workflow file, and a commit in its ledger that GitHub refutes.
fn forged_by_hand() -> (World, String) {
    let world = World::new();
    let workflow = "on: push\njobs:\n  tests: { runs-on: x }\n  lint: { runs-on: x }\n  gate:\n    \
                    needs: [tests]\n    steps: [{ uses: tidegate/tidegate@main }]\n";
    let path = ".github/workflows/release-gate.yml";
    let forged = world.project.push("Praised", &[("app.py", "broken\n"), (path, workflow)]);
    world.push_bad_with(&[&forged]);
    world.github.add(Run::push(&forged).job("tests", "failure").completed("failure"));
    (world, forged)
}

/// A command that a person gives, with a token.
fn by_hand(world: &World, host: &str, arguments: &[&str]) -> Tidegate {
    Tidegate::new()
        .args(arguments)
        .current_dir(world.project.dev.path())
        .env("GITHUB_REPOSITORY", "acme/app")
        .env("TIDEGATE_GITHUB_API_URL", world.github.url_through(host))
        .env("GH_TOKEN", world.github.token())
}

#[test]
fn people_are_told_what_github_refutes() {
    let (world, _) = forged_by_hand();
    let host = world.github.host();
    let ask = |arguments: &[&str]| by_hand(&world, &host, arguments).run();
    let run = ask(&["last-good", "--json"]).success();
    assert_eq!(run.json()["commit"], world.project.good.as_str(), "{}", run.stdout);
    let run = ask(&["last-good", "--explain"]).success();
    assert!(run.stdout.contains("GitHub refutes it"), "{}", run.stdout);
    let run = ask(&["ledger", "show", "--json"]).success();
    let entries = run.json()["entries"].clone();
    assert_eq!(entries[0]["counts"], false, "{entries}");
    assert_eq!(entries[1]["counts"], true, "{entries}");
    world.github.forget();
    let run = ask(&["status", "--json"]).success();
    assert_eq!(run.json()["last_good"]["commit"], world.project.good.as_str());
    assert!(world.github.lines().len() <= 5, "{:?}", world.github.lines());
}

#[test]
fn without_a_token_people_get_the_ledgers_word_and_nobody_is_asked() {
    let (world, forged) = forged_by_hand();
    let run = by_hand(&world, &world.github.host(), &["last-good"]).env("GH_TOKEN", "").run();
    assert_eq!(run.success().line(), forged);
    assert!(world.github.lines().is_empty());
}

#[test]
fn last_good_prints_no_hearsay_where_github_is_silent() {
    let (world, forged) = forged_by_hand();
    let proxy = FaultProxy::start(&world.github.host());
    proxy.add(Rule::when(|_| true).answer(500, &[], "<html>Unicorn</html>"));
    let run = by_hand(&world, proxy.host(), &["last-good"]).run().code(8);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("--explain"), "{}", run.stderr);
    let run = by_hand(&world, proxy.host(), &["last-good", "--json"]).run().code(8);
    assert_eq!(run.json()["commit"], forged.as_str());
    assert!(run.stdout.contains("GitHub did not answer"), "{}", run.stdout);
}

#[test]
fn a_rollback_by_hand_passes_over_what_github_refutes() {
    let (world, _) = forged_by_hand();
    let run =
        by_hand(&world, &world.github.host(), &["rollback", "--yes", "--json"]).run().success();
    assert_eq!(run.json()["to"], world.project.good.as_str(), "{}", run.stderr);
    assert!(run.stderr.contains("refutes"), "{}", run.stderr);
}

#[test]
fn a_rollback_by_hand_does_not_guess_where_github_is_silent() {
    let (world, _) = forged_by_hand();
    let proxy = FaultProxy::start(&world.github.host());
    proxy.add(Rule::when(|_| true).answer(503, &[], "<html>Unicorn</html>"));
    let before = world.project.refs();
    let run = by_hand(&world, proxy.host(), &["rollback", "--yes"]).run().code(8);
    assert!(run.stderr.contains("--to"), "{}", run.stderr);
    assert_eq!(world.project.refs(), before);
}
