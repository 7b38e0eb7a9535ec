//! `plan`, `apply` and `promote` with probes.

use super::*;

const PROBE: &str = "smoke: [{ kind: tcp, port: 8000, start_period: 2s, retries: 0 }]\n";

fn nobody_listens() -> Image {
    Image::script("exec sleep 1000")
}

fn somebody_listens() -> Image {
    Image::script("exec httpd -f -p 8000")
}

#[test]
fn a_plan_whose_probes_passed_is_applied_without_probing_again() {
    let world = World::new(PROBE);
    let (commit, built) = world.candidate("Works", &somebody_listens());
    let plan = world.files.path().join("plan.json");
    let out = plan.display().to_string();
    world.command(&["plan", "--needs", &World::needs(&built), "--out", &out]).run().code(0);
    assert!(world.stable().is_none(), "a plan changes nothing");
    let nowhere = format!("unix://{}", world.files.path().join("no.sock").display());
    world.command(&["apply", &out]).env("DOCKER_HOST", nowhere).run().code(0);
    assert_eq!(world.project.branch("stable"), commit);
    assert!(world.record(1)["checks"].to_string().contains("1 probe"));
}

#[test]
fn a_promotion_by_hand_is_probed_unless_a_person_says_why_not() {
    let world = World::new(PROBE);
    let (commit, built) = world.candidate("Hangs", &nobody_listens());
    let digest = built.digest.to_string();
    let promote = ["promote", "--yes", "--digest", digest.as_str()];
    let run = world.command(&promote).run().code(4);
    assert!(
        run.stderr.contains("not promoted: probe \"tcp of app:8000\" failed"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--without-probes"), "{}", run.stderr);
    assert!(world.stable().is_none());
    world.nothing_left();

    // An empty variable of a script is no reason.
    world.command(&[&promote[..], &["--without-probes", " "]].concat()).run().code(2);
    assert!(world.stable().is_none());

    let reason = "the port is closed in this network";
    let waived = [&promote[..], &["--without-probes", reason]].concat();
    world.command(&waived).run().code(0);
    let record = world.record(1);
    assert_eq!(record["commit"], commit.as_str());
    assert_eq!(record["probes_waived"], reason);
    let ledger = world.project.show("refs/heads/main", crate::harness::project::LEDGER);
    assert!(ledger.contains(&format!("promoted by hand, without probes: {reason}")), "{ledger}");
}
