//! What a gate decides by, from the files and results that a run leaves: the real binary, the real
//! registry and git.

use serde_json::{Value, json};

use super::release_world::{REPOSITORY, World};
use crate::harness::oci_registry::Pushed;

const METRIC: &str = "metrics:\n  - { name: f1, file: out/metrics.json, pointer: /f1, higher_is: better, min: 0.5, max_drop: 0.02 }\n";

fn metrics(f1: f64) -> String {
    json!({ "f1": f1 }).to_string()
}

#[test]
fn a_candidate_without_its_metric_is_held_and_one_below_the_bound_is_rolled_back() {
    let world = World::with(&[REPOSITORY], METRIC);
    let (first, image) = world.candidate("Add the model", "print(1)\n");
    let before = world.fingerprint();
    world.gate(&first).passed(&image).run().code(4).says("out/metrics.json");
    world.gate(&first).passed(&image).file("out/metrics.json", "{").run().code(4);
    assert_eq!(world.fingerprint(), before);
    world.gate(&first).passed(&image).file("out/metrics.json", &metrics(0.80)).run().code(0);
    assert_eq!(world.bare().newest_record()["metrics"]["f1"], 0.80);

    let (second, image) = world.candidate("Train it longer", "print(2)\n");
    let gate = world.gate(&second).passed(&image).file("out/metrics.json", &metrics(0.77));
    gate.run().code(3).says("f1");
    let bare = world.bare();
    assert_eq!(bare.newest_number(), 1);
    assert_eq!(bare.show("refs/heads/main", "app.py"), "print(1)");
}

#[test]
fn a_drop_within_the_bound_is_promoted_and_becomes_the_baseline() {
    let world = World::with(&[REPOSITORY], METRIC);
    for (content, f1) in [("print(1)\n", 0.80), ("print(2)\n", 0.79), ("print(3)\n", 0.78)] {
        let (commit, image) = world.candidate("Train", content);
        world.gate(&commit).passed(&image).file("out/metrics.json", &metrics(f1)).run().code(0);
        assert_eq!(world.bare().newest_record()["metrics"]["f1"], f1);
    }
}

#[test]
fn many_small_drops_do_not_pass_one_by_one() {
    let configuration = METRIC.replace("max_drop: 0.02", "max_drop: 0.02, noise: 0.015");
    let world = World::with(&[REPOSITORY], &configuration);
    let mut value = 0.900;
    for release in 0..5 {
        let (commit, image) = world.candidate("Train", &format!("print({release})\n"));
        world.gate(&commit).passed(&image).file("out/metrics.json", &metrics(value)).run().code(0);
        value -= 0.002;
    }
    // The median is 0.896: 0.882 is within `max_drop` of 0.892, and beyond the noise.
    let (commit, image) = world.candidate("Train", "print('worse')\n");
    let gate = world.gate(&commit).passed(&image).file("out/metrics.json", &metrics(0.880));
    gate.run().code(3).says("f1");
    assert_eq!(world.bare().newest_number(), 5);
}

const REPORTS: &str = "require: { jobs: [tests], reports: [\"reports/*.xml\"] }\n";

/// A world whose configuration asks for reports.
fn with_reports() -> World {
    World::with_require(REPORTS)
}

const GREEN: &str = r#"<testsuite tests="2" failures="0"><testcase classname="a" name="one"/><testcase classname="a" name="two"/></testsuite>"#;
const RED: &str = r#"<testsuite tests="2" failures="1"><testcase classname="a" name="one"/><testcase classname="a" name="two"><failure message="no"/></testcase></testsuite>"#;

#[test]
fn a_failed_test_in_a_report_rolls_back_although_the_job_was_green() {
    let world = with_reports();
    let (first, image) = world.candidate("Add the page", "print(1)\n");
    world.gate(&first).passed(&image).run().code(4).says("reports/*.xml");
    assert_eq!(world.bare().newest_number(), 0);
    world.gate(&first).passed(&image).file("reports/a.xml", GREEN).run().code(0);
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let gate = world.gate(&second).passed(&image).file("reports/a.xml", GREEN);
    gate.file("reports/b.xml", RED).run().code(3).says("two");
    assert_eq!(world.bare().show("refs/heads/main", "app.py"), "print(1)");
}

#[test]
fn reports_that_cannot_be_read_to_their_end_or_hold_no_test_are_held() {
    let world = with_reports();
    let (first, image) = world.candidate("Add the page", "print(1)\n");
    let before = world.fingerprint();
    let empty = r#"<testsuite tests="0"></testsuite>"#;
    for report in [&GREEN[..60], "", empty, "<html>oops</html>", "\0\0"] {
        world.gate(&first).passed(&image).file("reports/a.xml", report).run().code(4);
        assert_eq!(world.fingerprint(), before, "{report:?}");
    }
}

fn needs(results: &[(&str, &str)], image: &Pushed) -> Value {
    let mut needs = json!({
        "build": {"result": "success", "outputs": {"digest": image.digest}},
    });
    for (job, result) in results {
        needs[*job] = json!({"result": result, "outputs": {}});
    }
    needs
}

#[test]
fn advisory_jobs_decide_nothing_and_required_ones_have_to_succeed() {
    let world = World::new();
    let (first, image) = world.candidate("Add the page", "print(1)\n");
    let before = world.fingerprint();
    for result in ["skipped", "cancelled"] {
        world.gate(&first).needs(&needs(&[("tests", result)], &image)).run().code(4).says("tests");
    }
    world.gate(&first).needs(&needs(&[("lint", "success")], &image)).run().code(4).says("tests");
    assert_eq!(world.fingerprint(), before);
    let advisory = [("tests", "success"), ("lint", "failure"), ("docs", "cancelled")];
    world.gate(&first).needs(&needs(&advisory, &image)).run().code(0);
    world.assert_live(1, &first, &image);
}

#[test]
fn a_failure_before_any_good_commit_is_held() {
    let world = World::new();
    let (first, image) = world.candidate("Add the page", "print(1)\n");
    let main = world.bare().branch("main");
    world.gate(&first).failed().run().code(4);
    assert_eq!(world.bare().branch("main"), main);
    assert_eq!(world.tag(REPOSITORY, "stable"), None);
    // The failure is stored; what passes on its rerun is released all the same.
    world.gate(&first).attempt(2).passed(&image).run().code(0);
    world.assert_live(1, &first, &image);
}

#[test]
fn needs_that_are_no_json_are_bad_input() {
    let world = World::new();
    let (first, _) = world.candidate("Add the page", "print(1)\n");
    let before = world.fingerprint();
    for text in [
        "{",
        "[]",
        r#"{"tests": 1}"#,
        r#"{"tests": {"result": "success"}, "tests": {"result": "failure"}}"#,
    ] {
        world.gate(&first).arguments(&["--needs", text]).run().code(10);
    }
    world.gate(&first).arguments(&["--needs", "@absent.json"]).run().code(10).says("absent.json");
    assert_eq!(world.fingerprint(), before);
}

const CONFLICT: &str = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> topic\n";

#[test]
fn new_conflict_markers_hold_old_ones_warn_and_headings_are_none() {
    let world = World::new();
    let heading = "Title\n=======\n\n    <<<<<<< quoted\n";
    let first = world.commit("Write", &[("README.md", heading), ("app.py", "print(1)\n")]);
    let image = world.build(&first);
    world.gate(&first).passed(&image).run().code(0);

    let second = world.commit("Merge badly", &[("notes.md", CONFLICT)]);
    let image = world.build(&second);
    let before = world.seen_by_users();
    world.gate(&second).passed(&image).run().code(4).says("notes.md:2");
    assert_eq!(world.seen_by_users(), before);
    assert!(world.bare().state_folder("verdicts").is_empty(), "it did not pass");

    // Switched off for once, it is released; from then on it is old and warns.
    let config = world.bare().show("refs/heads/main", ".github/tidegate.yml");
    let off = format!("{config}\npreflight: {{ conflict_markers: off }}\n");
    let third = world.commit("Accept it", &[(".github/tidegate.yml", &off)]);
    let image = world.build(&third);
    world.gate(&third).passed(&image).run().code(0);
    let fourth = world.commit("Ask again", &[(".github/tidegate.yml", &format!("{config}\n"))]);
    let image = world.build(&fourth);
    world.gate(&fourth).passed(&image).run().code(0).says("notes.md:2");
    world.assert_live(3, &fourth, &image);
}

#[test]
fn a_freeze_stops_a_promotion_and_stores_that_it_passed_but_never_a_rollback() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let config = world.bare().show("refs/heads/main", ".github/tidegate.yml");
    let frozen = format!(
        "{config}\nfreeze: [ {{ cron: \"0 0 * * *\", duration: 24h, reason: stock taking }} ]\n"
    );
    let second = world.commit("Freeze", &[(".github/tidegate.yml", &frozen)]);
    let image = world.build(&second);
    world.gate(&second).passed(&image).run().code(4).says("stock taking");
    world.assert_live(1, &first, &old);
    assert_eq!(world.bare().state_folder("verdicts"), [format!("{second}.json")]);

    // Projections are completed during a freeze too.
    world.registry.push_manifest(REPOSITORY, "stable", &image.media_type, &image.bytes);
    world.gate(&second).attempt(2).passed(&image).run().code(4);
    world.assert_live(1, &first, &old);

    // What passed and was held is the good commit of the next failure, though it was not released.
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    world.gate(&bad).failed().run().code(3).says(&second[..7]);
    assert_eq!(world.bare().show("refs/heads/main", "app.py"), "print(1)");
    assert!(world.bare().show("refs/heads/main", ".github/tidegate.yml").contains("stock taking"));
}

#[test]
fn a_schedule_promotes_the_effective_head_and_rolls_nothing_back() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let scheduled =
        |gate: super::release_world::Gate<'_>| gate.env("GITHUB_EVENT_NAME", "schedule").run();
    let main = world.bare().branch("main");
    scheduled(world.gate(&second).failed()).code(4);
    assert_eq!(world.bare().branch("main"), main);
    scheduled(world.gate(&second).passed(&image)).code(0);
    world.assert_live(2, &second, &image);
}

#[test]
fn outputs_and_summary_tell_what_was_promoted() {
    let world = World::new();
    let (first, image) = world.candidate("Add the page", "print(1)\n");
    let gate = world.gate(&first).passed(&image).file("outputs", "").file("summary", "");
    let finished = gate.env("GITHUB_OUTPUT", "outputs").env("GITHUB_STEP_SUMMARY", "summary").run();
    let finished = finished.code(0);
    let read = |name: &str| std::fs::read_to_string(finished.clone.path().join(name)).unwrap();
    let outputs = read("outputs");
    for value in ["promote", first.as_str(), image.digest.as_str()] {
        assert!(outputs.contains(value), "{outputs}");
    }
    assert!(read("summary").contains(&first[..7]), "{}", read("summary"));
}
