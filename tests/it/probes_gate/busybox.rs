//! Small candidates: what each end of a probe leads to.

use super::*;
use crate::harness::project::GREEN;

/// A page on port 8000.
const PAGE: &str = "mkdir -p /tmp/www && echo '{\"status\":\"ok\"}' >/tmp/www/health \
                    && exec httpd -f -p 8000 -h /tmp/www";

/// An app that ends while it starts, as one does whose settings are missing.
const CRASH: &str = "echo 'Traceback (most recent call last):'; \
                     echo 'RuntimeError: DATABASE_URL is missing'; exit 3";

const PROBE: &str = "smoke: [{ kind: http, port: 8000, path: /health, json: { /status: ok } }]\n";

fn app() -> Image {
    Image::script(PAGE)
}

#[test]
fn a_candidate_that_works_is_promoted_and_its_record_counts_the_probes() {
    let world = World::new(PROBE);
    let (commit, built) = world.candidate("Works", &app());
    let run = world.gate(&built).run().code(0);
    let probe = first_probe(&run);
    assert_eq!(probe["found"], "passed", "{probe}");
    assert_eq!((&probe["name"], &probe["kind"]), (&"http of app:8000".into(), &"http".into()));
    assert_eq!(world.project.branch("stable"), commit);
    assert!(world.stable().is_some());
    let checks = world.record(1)["checks"].clone();
    assert_eq!(checks, serde_json::json!(["build", "tests", "1 probe"]));
    world.nothing_left();
}

#[test]
fn a_container_that_crashes_takes_main_back_to_the_last_good_commit() {
    let world = World::new(PROBE);
    let (commit, built) = world.candidate("Crash", &Image::script(CRASH));
    let run = world.step(&commit, &built).run().code(3);
    assert!(
        run.stdout.contains("::error title=Probe failed::http of app%3A8000")
            || run.stdout.contains("::error title=Probe failed::http of app:8000"),
        "{}",
        run.stdout
    );
    world.project.assert_rolled_back_to(&world.project.good);
    let message = world.project.message("refs/heads/main");
    assert!(message.contains("Probe \"http of app:8000\" failed: app ended with 3"), "{message}");
    let summary = world.summary();
    assert!(summary.contains("| ❌ | http of app:8000 |"), "{summary}");
    assert!(summary.contains("RuntimeError: DATABASE_URL is missing"), "{summary}");
    assert!(world.stable().is_none(), "nothing was promoted");
    world.nothing_left();
}

#[test]
fn without_an_engine_nothing_is_promoted_and_nothing_reverted() {
    let world = World::new(PROBE);
    let (_, built) = world.candidate("Works", &app());
    let nowhere = format!("unix://{}", world.files.path().join("no.sock").display());
    let gate = world.gate(&built).env("DOCKER_HOST", nowhere);
    let run = world.project.holds(gate, "probe_unknown");
    assert_eq!(first_probe(&run)["found"], "unknown");
    assert!(world.stable().is_none());
    // The next run decides afresh, and finds the engine.
    world.gate(&built).run().code(0);
}

#[test]
fn an_image_for_another_processor_holds() {
    let world = World::new(PROBE);
    let other = if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" };
    let (_, built) = world.candidate("Other", &app().architecture(other));
    let run = world.project.holds(world.gate(&built), "probe_unknown");
    let why = first_probe(&run)["why"].as_str().unwrap().to_owned();
    assert!(why.contains(other), "{why}");
    world.nothing_left();
}

#[test]
fn a_secret_of_the_candidate_is_shown_nowhere() {
    let secret = "hush-5f1c-and-more";
    let probes = format!("{PROBE}containers: {{ default: {{ secrets: [API_KEY] }} }}\n");
    let world = World::new(&probes);
    let (commit, built) = world.candidate("Leak", &Image::script("echo \"key $API_KEY\"; exit 1"));
    // A name that is missing is nobody's failure.
    let run = world.project.holds(world.gate(&built), "probe_unknown");
    let why = first_probe(&run)["why"].as_str().unwrap().to_owned();
    assert!(why.contains("API_KEY") && why.contains("secrets"), "{why}");
    let run = world.step(&commit, &built).env("API_KEY", secret).run().code(3);
    let masked = run.stdout.lines().position(|line| line == format!("::add-mask::{secret}"));
    assert_eq!(masked, Some(0), "{}", run.stdout);
    let shown = run.stdout.replacen(secret, "", 1) + &run.stderr + &world.summary();
    assert!(shown.contains("key ***") && !shown.contains(secret), "{shown}");
    let refs = world.project.refs();
    for reference in refs.keys() {
        assert!(!world.project.message(reference).contains(secret));
    }
}

#[test]
fn a_pull_request_runs_no_probes_and_says_so() {
    let world = World::new(PROBE);
    let (_, built) = world.candidate("Works", &app());
    let needs = World::needs(&built);
    let run = world
        .command(&["gate", "--json", "--needs", &needs, "--event", "pull_request"])
        .run()
        .code(0);
    assert_eq!(run.json()["binding"], false);
    assert_eq!(run.json()["probes"], Value::Null);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("the probes are run for the protected branch only"), "{warnings}");
}

#[test]
fn red_tests_are_not_probed() {
    let world = World::new(PROBE);
    let (_, _) = world.candidate("Red", &app());
    let red = GREEN.replace("success", "failure");
    let run = world.command(&["gate", "--json", "--needs", &red]).run().code(3);
    assert_eq!(run.json()["probes"], Value::Null);
    assert_eq!(reasons(&run), ["job_failed"]);
}
