//! A bad commit has broken the configuration: that is when these commands are needed.

use super::{by_hand, record, released, says};
use crate::harness::project::{CONFIG, NO_IMAGES, Project};
use crate::harness::tidegate::Run;

/// Two releases, with places of their own, and a head whose configuration cannot be read.
fn broken() -> (Project, String, String) {
    broken_in(Project::on_disk())
}

fn broken_in(project: Project) -> (Project, String, String) {
    let config = format!("{NO_IMAGES}state_branch: gate\nledger: {{ path: LEDGER.md }}\n");
    project.push("Configure", &[(CONFIG, &config)]);
    let first = released(&project, "1");
    let second = released(&project, "2");
    project.push("Break it", &[(CONFIG, "version: [\n"), ("app.py", "bad")]);
    project.dev.git(&["fetch", "-q", "origin"]);
    (project, first, second)
}

#[track_caller]
fn done(project: &Project, args: &[&str]) -> Run {
    let run = by_hand(project, args).run().code(0);
    says(&run, CONFIG);
    run
}

#[test]
fn what_is_good_is_still_known() {
    let (project, _, second) = broken();
    assert_eq!(done(&project, &["last-good"]).line(), second);
    let shown = done(&project, &["ledger", "show"]);
    assert!(shown.stdout.contains(&second[..7]), "{}", shown.stdout);
}

#[test]
fn repair_and_resume_work() {
    let (project, ..) = broken();
    let before = project.refs();
    assert!(done(&project, &["repair"]).stdout.contains("release 2"));
    assert!(done(&project, &["resume"]).stdout.contains("nothing is on hold"));
    assert_eq!(project.refs(), before);
}

#[test]
fn a_rollback_goes_to_the_last_good_commit() {
    let (project, _, second) = broken();
    done(&project, &["rollback", "--yes"]);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
    assert_eq!(project.show("refs/heads/main", CONFIG), project.show(&second, CONFIG));
}

#[test]
fn a_rollback_goes_to_a_release_with_what_users_see() {
    let (project, first, _) = broken();
    done(&project, &["rollback", "--to", "1", "--yes"]);
    assert_eq!(project.show("refs/heads/main", "app.py"), "1");
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
}

#[test]
fn users_alone_go_back_and_resume_frees_promotions() {
    let (project, first, _) = broken();
    done(&project, &["rollback", "--stable-only", "--yes"]);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
    assert!(done(&project, &["resume"]).stdout.contains("ended"));
}

#[test]
fn a_plan_of_a_rollback_is_performed() {
    let (project, ..) = broken();
    let plan = ["plan", "--assume", "tests=failure", "--out", "plan.json"];
    by_hand(&project, &plan).run().code(0);
    let run = by_hand(&project, &["apply", "plan.json"]).run().code(3);
    says(&run, CONFIG);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
}

#[test]
fn a_shallow_clone_finds_the_places_too() {
    let (project, ..) = broken_in(Project::on_http());
    let shallow = crate::harness::repo::Repo::clone_with(project.url(), &["--depth=1"]);
    let rollback = crate::harness::tidegate::Tidegate::new().args(["rollback", "--yes"]);
    let run = rollback.current_dir(shallow.path()).run().code(0);
    says(&run, CONFIG);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
}

#[test]
fn a_configuration_that_a_person_names_has_to_be_readable() {
    let (project, ..) = broken();
    let before = project.refs();
    let run = by_hand(&project, &["--config", CONFIG, "rollback", "--yes"]).run().code(2);
    says(&run, CONFIG);
    assert_eq!(project.refs(), before);
}

#[test]
fn a_good_configuration_is_not_warned_about() {
    let project = Project::on_disk();
    released(&project, "1");
    let run = by_hand(&project, &["last-good"]).run().code(0);
    assert_eq!(run.stderr, "");
    assert_eq!(record(&project, 1)["number"], 1);
}
