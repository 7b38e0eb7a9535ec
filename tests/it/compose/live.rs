//! `before_promote` with `live`: once more, against what users have.

use super::*;
use crate::harness::project::{CONFIG, Project};
use crate::harness::tidegate::Tidegate;

const PAGE: &str =
    "mkdir -p /tmp/www; echo ok >/tmp/www/index.html; exec httpd -f -p 8000 -h /tmp/www";

struct Site {
    project: Project,
    registry: OciRegistry,
    engine: TestEngine,
    built: Built,
}

impl Site {
    /// A project whose migration is `run`.
    fn new(command: &str) -> Self {
        Self::probed(command, "{ kind: http, port: 8000 }")
    }

    fn probed(command: &str, probe: &str) -> Self {
        let (project, registry) = (Project::on_disk(), OciRegistry::start());
        let config = format!(
            "version: 1
images: [{}]
smoke: [{probe}]
before_promote:
  - run: {command}
    live: {{ env: {{ PLACE: production }}, secrets: [ KEY=LIVE_KEY ] }}
",
            registry.image("acme/app")
        );
        project.push("Migrate", &[(CONFIG, &config)]);
        let built = Image::script(PAGE).push(&registry, "acme/app");
        Self { project, registry, engine: TestEngine::start(), built }
    }

    fn command(&self, args: &[&str]) -> Tidegate {
        Tidegate::new()
            .args(args)
            .current_dir(self.project.dev.path())
            .env("DOCKER_HOST", self.engine.host())
            .env("LIVE_KEY", "hunter2-hunter2")
    }

    fn needs(&self) -> String {
        serde_json::json!({
            "tests": {"result": "success", "outputs": {}},
            "build": {"result": "success", "outputs": {"digest": self.built.digest.to_string()}},
        })
        .to_string()
    }

    fn gate(&self) -> Tidegate {
        self.command(&["gate", "--needs", &self.needs()])
    }

    fn is_stable(&self) -> bool {
        self.registry.read("acme/app", "stable").is_some()
    }

    fn nothing_left(&self) {
        run(self.engine.assert_nothing_left());
    }
}

/// Fails where it is not given what the configuration says: nothing in the rehearsal, the secret in
/// the live run.
const RIGHT: &str = "'test -z \"$PLACE\" || test \"$PLACE ${#KEY}\" = \"production 15\"'";

#[test]
fn the_command_runs_again_with_what_users_have_before_the_record() {
    let site = Site::new(RIGHT);
    let plan = site.project.dev.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    let planned = site.command(&["plan", "--out", plan, "--needs", &site.needs()]).run().success();
    let lines: Vec<&str> = planned.stdout.lines().collect();
    let step = lines.iter().position(|line| line.contains("before_promote:")).expect("the step");
    assert!(lines[step].ends_with(", live"), "{}", lines[step]);
    assert!(lines[step + 1].contains("(the commit point)"), "{}", planned.stdout);
    let text = std::fs::read_to_string(plan).unwrap();
    assert!(
        text.contains("\"step\": \"run_live\"") || text.contains("\"step\":\"run_live\""),
        "{text}"
    );
    assert!(!text.contains("hunter2"));

    // A plan with another command in it is none of this configuration's.
    let other = text.replace("test -z", "true -z");
    assert_ne!(other, text);
    std::fs::write(plan, other).unwrap();
    let refused = site.command(&["apply", plan]).run();
    assert_ne!(refused.status, Some(0));
    assert!(
        refused.stderr.contains("its commands are not those of `before_promote`"),
        "{}",
        refused.stderr
    );
    assert!(!site.is_stable());

    std::fs::write(plan, text).unwrap();
    site.command(&["apply", plan]).run().code(0);
    assert!(site.is_stable());
    site.nothing_left();
}

#[test]
fn a_live_command_that_fails_promotes_nothing_and_says_that_it_ran() {
    let site = Site::new("'test -z \"$PLACE\" || { echo \"in $PLACE with $KEY\"; exit 3; }'");
    let run = site.gate().run().code(13);
    for words in [
        "ended with exit code 3 (in production with ***)",
        "nothing was promoted",
        "the command ran",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!site.is_stable());
    assert!(!run.stderr.contains("hunter2") && !run.stdout.contains("hunter2"));
    site.nothing_left();
}

#[test]
fn a_live_command_without_its_secret_does_not_run() {
    let site = Site::new(RIGHT);
    let run = site.gate().env("LIVE_KEY", "").run().code(8);
    for words in ["has no LIVE_KEY", "nothing was promoted, and the command did not run"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!site.is_stable());
    site.nothing_left();
}

#[test]
fn what_users_have_is_not_touched_once_a_person_has_stopped_promotions() {
    // The hold comes while the probes run; the live run would fail.
    let hold = format!("{} hold wait", env!("CARGO_BIN_EXE_tidegate"));
    let probe = format!("{{ kind: command, on: runner, port: 8000, run: \"{hold}\" }}");
    let site = Site::probed("'test -z \"$PLACE\"'", &probe);
    let run = site.gate().run().code(4);
    assert!(run.stdout.contains("on hold"), "{}{}", run.stdout, run.stderr);
    assert!(!site.is_stable());
    site.nothing_left();
}
