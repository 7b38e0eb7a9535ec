//! Two release sets in one repository, set up as the how-to says: what one does is nothing to the
//! other.

use std::collections::BTreeMap;

use crate::harness::github::GitHub;
use crate::harness::github::world::Run;
use crate::harness::project::{LEDGER, Project};
use crate::harness::tidegate::{Run as Ended, Tidegate};

const HOW_TO: &str = include_str!("../../docs/how-to/monorepo.md");
const GREEN: &str = r#"{"tests": {"result": "success", "outputs": {}}}"#;
const RED: &str = r#"{"tests": {"result": "failure", "outputs": {}}}"#;

/// The blocks of YAML of the how-to.
fn blocks() -> Vec<&'static str> {
    HOW_TO.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// One of the two sets.
#[derive(Clone, Copy)]
struct Set {
    folder: &'static str,
}

const DASHBOARD: Set = Set { folder: "dashboard" };
const MODEL: Set = Set { folder: "model" };

impl Set {
    fn config(self) -> String {
        format!(".github/tidegate-{}.yml", self.folder)
    }

    fn ledger(self) -> String {
        format!("docs/releases-{}.md", self.folder)
    }

    fn stable(self) -> String {
        format!("stable-{}", self.folder)
    }

    fn state(self) -> String {
        format!("tidegate-{}", self.folder)
    }

    fn app(self) -> String {
        format!("{}/app.py", self.folder)
    }

    fn workflow(self) -> String {
        format!("release-{}.yml", self.folder)
    }
}

struct World {
    project: Project,
    /// The first release of both.
    first: String,
    github: GitHub,
}

impl World {
    /// A repository with the two configurations of the how-to, without their images.
    fn new() -> Self {
        let found = blocks();
        let of = |set: Set| {
            let own = format!("path: {}", set.ledger());
            let found = found.iter().find(|block| block.contains(&own)).expect("a configuration");
            let (before, rest) = found.split_once("images:").expect("images");
            let after = rest.split_once("ghcr.io/acme/").expect("an image").1;
            format!("{before}images: []\n{}", after.split_once('\n').expect("a line").1)
        };
        let (dashboard, model) = (of(DASHBOARD), of(MODEL));
        let files: Vec<(String, String)> = vec![
            (DASHBOARD.config(), dashboard),
            (MODEL.config(), model),
            (DASHBOARD.app(), "1\n".to_owned()),
            (MODEL.app(), "1\n".to_owned()),
        ];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let project = Project::on_disk_with(&files);
        let github = GitHub::start();
        github.knows(project.bare());
        // Nobody's file, so any rollback would take it back; it is only of other tests.
        project.dev.git(&["rm", "-q", LEDGER]);
        let first = project.push("Begin", &[("README.md", "Two apps\n")]);
        let world = Self { project, first: first.clone(), github };
        for (id, set) in [(1, DASHBOARD), (2, MODEL)] {
            world.starts(id, set, &first);
            world.gate(id, set, GREEN).success();
        }
        world
    }

    /// GitHub has a run of the set's workflow for the commit.
    fn starts(&self, id: u64, set: Set, commit: &str) {
        let run = Run::push(commit).id(id).workflow(&set.workflow());
        self.github.add(run.job("tests", "in_progress").job("gate", "in_progress"));
    }

    /// Changes one set's app on main; only its own workflow runs, for GitHub looks at `paths`.
    fn push(&self, id: u64, set: Set, text: &str) -> String {
        self.project.pull();
        let message = format!("{} {text}", set.folder);
        let commit = self.project.push(&message, &[(&set.app(), text)]);
        self.starts(id, set, &commit);
        commit
    }

    /// The gate of a run, in a checkout of its commit.
    fn gate(&self, id: u64, set: Set, needs: &str) -> Ended {
        let result = if needs == GREEN { "success" } else { "failure" };
        let commit = self.github.run(id).head_sha;
        self.project.dev.git(&["fetch", "-q", "origin"]);
        self.project.dev.git(&["checkout", "-q", "--detach", &commit]);
        self.github.edit(id, |run| {
            for job in run.jobs.iter_mut().filter(|job| job.name == "tests") {
                job.set(result, jiff::Timestamp::now());
            }
        });
        let ended = self
            .tidegate(set, &["gate", "--json", "--needs", needs])
            .envs(self.github.envs_of(id))
            .run();
        let conclusion = if ended.status == Some(0) { "success" } else { "failure" };
        self.github.finish(id, &[("tests", result), ("gate", conclusion)], conclusion);
        self.project.dev.git(&["checkout", "-q", "main"]);
        ended
    }

    fn tidegate(&self, set: Set, args: &[&str]) -> Tidegate {
        let config = set.config();
        Tidegate::new().args(args).args(["--config", &config]).current_dir(self.project.dev.path())
    }

    /// What belongs to one set: its branches, its files on main, and its ledger.
    fn seen(&self, set: Set) -> BTreeMap<String, String> {
        let mut seen = self.project.refs();
        seen.retain(|name, _| name.ends_with(&set.stable()) || name.ends_with(&set.state()));
        assert_eq!(seen.len(), 2, "{seen:?}");
        seen.insert("app".to_owned(), self.project.show("main", &set.app()));
        seen.insert("ledger".to_owned(), self.project.show("main", &set.ledger()));
        seen
    }
}

#[test]
fn each_set_has_its_own_releases() {
    let world = World::new();
    let (dashboard, model) = (world.seen(DASHBOARD), world.seen(MODEL));
    assert_eq!(world.project.branch("stable-dashboard"), world.first);
    assert!(dashboard["ledger"].contains(&world.first));

    let second = world.push(3, MODEL, "2\n");
    world.gate(3, MODEL, GREEN).success();
    assert_eq!(world.project.branch("stable-model"), second);
    assert_eq!(world.seen(DASHBOARD), dashboard, "a release of the model changed the dashboard");
    assert_ne!(world.seen(MODEL), model);
    let status = world.tidegate(DASHBOARD, &["status", "--json"]).run().success().json();
    assert_eq!(status["live"]["release"], 1, "{status}");
    let status = world.tidegate(MODEL, &["status", "--json"]).run().success().json();
    assert_eq!(status["live"]["release"], 2, "{status}");
}

#[test]
fn a_failure_takes_back_its_own_part_only() {
    let world = World::new();
    // The dashboard fails; before its gate comes, the model gets newer work, which is released.
    let bad = world.push(3, DASHBOARD, "bad\n");
    let newer = world.push(4, MODEL, "newer\n");
    world.gate(4, MODEL, GREEN).success();
    let model = world.seen(MODEL);

    world.gate(3, DASHBOARD, RED).code(3);

    assert_eq!(world.seen(MODEL), model, "the rollback of the dashboard changed the model");
    assert_eq!(world.project.branch("stable-model"), newer);
    let dashboard = world.seen(DASHBOARD);
    assert_eq!(dashboard["app"], "1");
    assert_eq!(world.project.branch("stable-dashboard"), world.first);
    let message = world.project.message("main");
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert!(message.contains("Tidegate-Kept: ") && message.contains("model/app.py"), "{message}");

    let open = || -> Vec<String> {
        let issues = world.github.issues().into_iter().filter(|issue| issue.state == "open");
        issues.filter_map(|issue| issue.body?.lines().next().map(str::to_owned)).collect()
    };
    assert_eq!(open(), ["<!-- tidegate:rollback:main:tidegate-dashboard -->"]);

    // The model goes on, and fails, and goes back to its own last good commit.
    let next = world.push(5, MODEL, "next\n");
    world.gate(5, MODEL, GREEN).success();
    assert_eq!(world.project.branch("stable-model"), next);
    world.push(6, MODEL, "bad\n");
    world.gate(6, MODEL, RED).code(3);
    assert_eq!(world.project.show("main", "model/app.py"), "next");
    assert_eq!(world.project.show("main", "dashboard/app.py"), "1");
    assert_eq!(open().len(), 2, "each set has an issue: {:?}", open());
    // And the dashboard is mended.
    let mended = world.push(7, DASHBOARD, "mended\n");
    world.gate(7, DASHBOARD, GREEN).success();
    assert_eq!(world.project.branch("stable-dashboard"), mended);
    assert_eq!(world.project.show("main", "model/app.py"), "next");
    assert_eq!(open(), ["<!-- tidegate:rollback:main:tidegate-model -->"]);
}

#[test]
fn the_configuration_of_the_last_good_commit_decides_about_a_rollback() {
    let world = World::new();
    world.project.pull();
    let text = std::fs::read_to_string(world.project.dev.path().join(DASHBOARD.config()));
    let text =
        text.expect("the configuration").replace("rollback:\n", "rollback:\n  enabled: false\n");
    let files = [(DASHBOARD.config(), text), (DASHBOARD.app(), "bad\n".to_owned())];
    let files = files.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    let bad = world.project.push("Switch rollbacks off, and break the app", &files);
    world.starts(3, DASHBOARD, &bad);
    world.gate(3, DASHBOARD, RED).code(3);
    assert_eq!(world.project.show("main", "dashboard/app.py"), "1");
}

#[test]
fn a_hold_and_a_rollback_by_hand_are_of_one_set() {
    let world = World::new();
    let second = world.push(3, MODEL, "2\n");
    world.gate(3, MODEL, GREEN).success();
    let dashboard = world.seen(DASHBOARD);
    world
        .tidegate(MODEL, &["rollback", "--stable-only", "--reason", "wrong", "--yes"])
        .run()
        .success();
    assert_eq!(world.seen(DASHBOARD), dashboard);
    assert_ne!(world.project.branch("stable-model"), second);
    // Promotions of the model are on hold; those of the dashboard go on.
    let other = world.push(4, DASHBOARD, "2\n");
    world.gate(4, DASHBOARD, GREEN).success();
    assert_eq!(world.project.branch("stable-dashboard"), other);
    world.push(5, MODEL, "3\n");
    world.gate(5, MODEL, GREEN).code(4);
}

/// Pushes a commit that changes both apps, which starts both workflows: runs 3 and 4.
fn of_both(world: &World) -> String {
    world.project.pull();
    let apps = [DASHBOARD, MODEL].map(Set::app);
    let files = apps.each_ref().map(|path| (path.as_str(), "both\n"));
    let commit = world.project.push("Change both", &files);
    world.starts(3, DASHBOARD, &commit);
    world.starts(4, MODEL, &commit);
    commit
}

#[test]
fn a_commit_of_both_can_pass_in_one_and_fail_in_the_other() {
    let world = World::new();
    let commit = of_both(&world);
    world.gate(4, MODEL, GREEN).success();
    world.gate(3, DASHBOARD, RED).code(3);
    assert_eq!(world.project.branch("stable-model"), commit);
    assert_eq!(world.project.branch("stable-dashboard"), world.first);
    assert_eq!(world.project.show("main", "model/app.py"), "both");
    assert_eq!(world.project.show("main", "dashboard/app.py"), "1");
}

#[test]
fn a_commit_of_both_can_fail_in_both() {
    let world = World::new();
    of_both(&world);
    world.gate(4, MODEL, RED).code(3);
    world.gate(3, DASHBOARD, RED).code(3);
    for set in [DASHBOARD, MODEL] {
        assert_eq!(world.project.show("main", &set.app()), "1");
        assert_eq!(world.project.branch(&set.stable()), world.first);
    }
}

#[test]
fn the_lines_of_the_how_to_work_and_doctor_finds_nothing_wrong_with_its_workflows() {
    let world = World::new();
    world.project.pull();
    world.push(3, MODEL, "2\n");
    world.gate(3, MODEL, GREEN).success();
    world.project.pull();
    let workflow = blocks().into_iter().find(|block| block.starts_with("name: Release the dash"));
    let workflow = workflow.expect("a workflow").replace("<commit>", &"0".repeat(40));
    for (set, other) in [(DASHBOARD, "dashboard"), (MODEL, "model")] {
        let path = format!(".github/workflows/{}", set.workflow());
        world.project.dev.write(&path, workflow.replace("dashboard", other));
    }
    for set in [DASHBOARD, MODEL] {
        let doctor = world.tidegate(set, &["doctor", "--offline", "--json"]).run().success().json();
        let findings = doctor["findings"].as_array().expect("findings");
        let wrong = findings.iter().filter(|finding| finding["severity"] != "note");
        assert_eq!(wrong.count(), 0, "{findings:?}");
    }
    let lines = HOW_TO.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    for line in lines.expect("lines").lines() {
        let words = line.replace("wrong forecasts", "wrong-forecasts").replace('"', "");
        let words: Vec<&str> = words.split(' ').skip(1).collect();
        Tidegate::new().args(words).current_dir(world.project.dev.path()).run().success();
    }
}
