//! `plan` changes nothing, `apply` performs just what was planned, or refuses it.

use serde_json::{Value, json};

use super::release_world::{LEDGER, REPOSITORY, World};
use crate::harness::oci_registry::Pushed;

/// Makes a plan and returns its text.
fn planned(world: &World, commit: &str, image: &Pushed) -> String {
    let before = world.fingerprint();
    let gate = world.gate(commit).command("plan").passed(image).arguments(&["--out", "plan.json"]);
    let finished = gate.env("TIDEGATE_TOKEN", "ghs_plan_secret").run().code(0);
    assert_eq!(world.fingerprint(), before, "a plan changes nothing");
    std::fs::read_to_string(finished.clone.path().join("plan.json")).expect("the plan")
}

fn apply(world: &World, commit: &str, plan: &str) -> super::release_world::Finished {
    world.gate(commit).command("apply").arguments(&["plan.json"]).file("plan.json", plan).run()
}

#[test]
fn a_plan_that_was_written_is_performed_by_apply() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let plan = planned(&world, &second, &image);
    assert!(!plan.contains("ghs_plan_secret"));
    apply(&world, &second, &plan).code(0);
    world.assert_live(2, &second, &image);
    assert!(world.bare().ledger_names(&second));
    let before = world.fingerprint();
    apply(&world, &second, &plan).code(7).says("stale");
    assert_eq!(world.fingerprint(), before, "a plan is performed once");
}

#[test]
fn a_plan_of_a_rollback_is_performed_by_apply() {
    let world = World::new();
    let (good, _) = world.released("Add the page", "print(1)\n");
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    let gate = world.gate(&bad).command("plan").failed().arguments(&["--out", "plan.json"]);
    let finished = gate.run().code(0);
    let plan = std::fs::read_to_string(finished.clone.path().join("plan.json")).unwrap();
    apply(&world, &bad, &plan).code(3);
    let bare = world.bare();
    assert_eq!(bare.git(&["diff", "--name-only", &good, "refs/heads/main"]), LEDGER);
}

#[test]
fn a_plan_is_stale_once_the_head_or_the_state_has_moved() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let plan = planned(&world, &second, &image);
    world.commit("Something else", &[("other.py", "pass\n")]);
    let before = world.fingerprint();
    apply(&world, &second, &plan).code(7).says("branch main");
    assert_eq!(world.fingerprint(), before);

    let (third, image) = world.candidate("Change it again", "print(3)\n");
    let plan = planned(&world, &third, &image);
    // The verdict of an older gate moves the state branch and not main.
    world.gate(&second).failed().run().code(0).says("superseded");
    let bare = world.bare();
    let before = world.fingerprint();
    assert_ne!(bare.branch("tidegate"), Some(basis_state(&plan)));
    apply(&world, &third, &plan).code(7).says("stale");
    assert_eq!(world.fingerprint(), before);
}

fn basis_state(plan: &str) -> String {
    let plan: Value = serde_json::from_str(plan).unwrap();
    plan["basis"]["state"].as_str().expect("a commit").to_owned()
}

#[test]
fn a_plan_that_is_truncated_tampered_with_or_of_another_version_is_bad_input() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let plan = planned(&world, &second, &image);
    let before = world.fingerprint();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&plan).unwrap();
        change(&mut value);
        value.to_string()
    };
    let bad = [
        plan[..plan.len() / 2].to_owned(),
        String::new(),
        "[]".to_owned(),
        "not json at all".to_owned(),
        changed(&|plan| plan["version"] = 99.into()),
        changed(&|plan| plan["commit"] = "main".into()),
        changed(&|plan| plan["steps"][0]["step"] = "delete_everything".into()),
        changed(&|plan| plan["steps"][0]["digest"] = "latest".into()),
        // A record that does not belong to the commit of the plan.
        changed(&|plan| {
            for step in plan["steps"].as_array_mut().unwrap() {
                if step["step"] == "write_state" {
                    step["change"]["record"]["commit"] = "1".repeat(40).into();
                }
            }
        }),
        // A record without the steps that check its images.
        changed(&|plan| {
            plan["steps"].as_array_mut().unwrap().retain(|step| step["step"] != "check_image");
        }),
        // A release set of which a part is left out, or all of it.
        changed(&|plan| {
            let steps = plan["steps"].as_array_mut().unwrap();
            steps.retain(|step| {
                !["check_image", "keep_digest", "move_tag"]
                    .contains(&step["step"].as_str().unwrap())
            });
            for step in steps {
                match step["step"].as_str() {
                    Some("write_state") => step["change"]["record"]["images"] = json!([]),
                    Some("append_ledger") => step["record"]["images"] = json!([]),
                    _ => {}
                }
            }
        }),
        // What only a person may say.
        changed(&|plan| {
            for step in plan["steps"].as_array_mut().unwrap() {
                match step["step"].as_str() {
                    Some("write_state") => {
                        step["change"]["record"]["probes_waived"] = "no time".into();
                    }
                    Some("append_ledger") => step["record"]["probes_waived"] = "no time".into(),
                    _ => {}
                }
            }
        }),
        // Images that nobody checked.
        changed(&|plan| {
            for step in plan["steps"].as_array_mut().unwrap() {
                if step["step"] == "write_state" {
                    let other = format!("sha256:{}", "2".repeat(64));
                    step["change"]["record"]["images"][0]["digest"] = other.into();
                }
            }
        }),
    ];
    for (index, text) in bad.iter().enumerate() {
        let finished = apply(&world, &second, text);
        assert_eq!(
            finished.status,
            Some(10),
            "plan {index}: {}{}",
            finished.stdout,
            finished.stderr
        );
        finished.says("plan.json");
        assert_eq!(world.fingerprint(), before, "plan {index}");
    }
}

#[test]
fn a_drill_prints_a_rollback_and_changes_nothing() {
    let world = World::new();
    let (good, _) = world.released("Add the page", "print(1)\n");
    world.commit("Change the page", &[("app.py", "print(2)\n")]);
    let before = world.fingerprint();
    world.by_hand(&["plan", "--assume", "tests=failure"]).run().code(0).says(&good[..7]);
    let finished = world.by_hand(&["plan", "--assume", "tests=failure", "--json"]).run().code(0);
    let shown: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert!(shown.to_string().contains(r#""verdict":"rollback""#), "{shown}");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_pull_request_is_only_told_what_would_happen() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let own = json!({"pull_request": {"head": {"repo": {"full_name": REPOSITORY}}}}).to_string();
    let before = world.fingerprint();
    for (event, git_ref) in [
        ("pull_request", "refs/pull/1/merge"),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-1"),
    ] {
        for gate in [world.gate(&second).passed(&image), world.gate(&second).failed()] {
            let gate = gate.file("event.json", &own).env("GITHUB_EVENT_PATH", "event.json");
            gate.env("GITHUB_EVENT_NAME", event).env("GITHUB_REF", git_ref).run().code(0);
        }
    }
    let fork = own.replace("acme/app", "stranger/app");
    let gate = world.gate(&second).passed(&image).file("event.json", &fork);
    let gate = gate.env("GITHUB_EVENT_PATH", "event.json").env("GITHUB_REF", "refs/pull/2/merge");
    gate.env("GITHUB_EVENT_NAME", "pull_request").run().code(6).says("fork");
    for event in ["pull_request_target", "workflow_run"] {
        world.gate(&second).passed(&image).env("GITHUB_EVENT_NAME", event).run().code(6);
    }
    let gate = world.gate(&second).passed(&image);
    gate.env("GITHUB_REF", "refs/heads/feature").run().code(6);
    assert_eq!(world.fingerprint(), before);
}
