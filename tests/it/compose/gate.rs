//! The gate on a release set of a compose file: it moves as one, or not at all.

use serde_json::json;

use super::shop::{API, COMPOSE, DB, FRONT, MIGRATE};
use super::*;
use crate::harness::project::{CONFIG, Project};
use crate::harness::tidegate::{Run, Tidegate};

/// A project with the shop in it, the registry, and the engine.
struct Shop {
    project: Project,
    registry: OciRegistry,
    engine: TestEngine,
    /// The configuration, and the compose file.
    files: [String; 2],
}

impl Shop {
    fn new() -> Self {
        let registry = OciRegistry::start();
        let [api, front] = ["acme/api", "acme/front"].map(|name| registry.image(name));
        let config = format!(
            "version: 1
images: [{api}, {front}]
compose: {{ file: compose.yml }}
before_promote: [{{ run: python3 /app/migrate.py, service: api }}]
smoke:
  - {{ kind: http, service: front, port: 80, body: 'ahoy .*tide table' }}
  - {{ kind: container_health, service: api }}
"
        );
        let compose = COMPOSE.replace("HOST", registry.host());
        Image::debian().cmd(&["sh", "-c", DB]).push(&registry, "acme/db");
        let (project, engine) = (Project::on_disk(), TestEngine::start());
        Self { project, registry, engine, files: [config, compose] }
    }

    /// Pushes a commit and both images, and lets the gate decide.
    fn gate(&self, message: &str, migrate: &str, front: &str) -> (String, [Built; 2], Run) {
        // All of it each time: a rollback goes back to before there was a shop.
        let [config, compose] = &self.files;
        let files = [
            (CONFIG, config.as_str()),
            ("compose.yml", compose),
            (".env", "DB_USER=keeper\nGREETING=ahoy\n"),
            ("api.env", "GREETING=from the file\n"),
            ("front.py", front),
            ("migrate.py", migrate),
        ];
        let commit = self.project.push(message, &files);
        let api = Image::debian().file("app/api.py", API).file("app/migrate.py", migrate);
        let api = api.cmd(&["python3", "-u", "/app/api.py"]).push(&self.registry, "acme/api");
        let front = Image::debian().file("app/front.py", front);
        let front =
            front.cmd(&["python3", "-u", "/app/front.py"]).push(&self.registry, "acme/front");
        let digests = json!({
            api.image.to_string(): api.digest.to_string(),
            front.image.to_string(): front.digest.to_string(),
        });
        let needs = json!({
            "tests": {"result": "success", "outputs": {}},
            "build": {"result": "success", "outputs": {"digests": digests.to_string()}},
        });
        let run = Tidegate::new()
            .args(["gate", "--json", "--needs", &needs.to_string()])
            .current_dir(self.project.dev.path())
            .env("DOCKER_HOST", self.engine.host())
            .run();
        (commit, [api, front], run)
    }

    /// What users pull of both images.
    fn stable(&self) -> [bool; 2] {
        ["acme/api", "acme/front"].map(|name| self.registry.read(name, "stable").is_some())
    }

    fn nothing_left(&self) {
        run(self.engine.assert_nothing_left());
    }
}

#[test]
fn a_release_set_moves_as_one_or_not_at_all() {
    let shop = Shop::new();

    // One of the services is broken: none is promoted.
    let broken = FRONT.replace("answer.read().decode()", "'nothing to sell'");
    let (_, _, run) = shop.gate("Sell nothing", MIGRATE, &broken);
    let run = run.code(3);
    let probes = run.json()["probes"].clone();
    assert_eq!((&probes[0]["found"], &probes[1]["found"]), (&"failed".into(), &"passed".into()));
    assert_eq!(shop.stable(), [false, false]);
    shop.nothing_left();
    shop.project.pull();

    // Its migration fails: none is promoted.
    let wrong = MIGRATE.replace("insert into product", "insert into no_such_table");
    let (_, _, run) = shop.gate("Fill another table", &wrong, FRONT);
    let run = run.code(3);
    let probes = run.json()["probes"].to_string();
    assert!(probes.contains("before_promote: `python3 /app/migrate.py` ended with exit code 1"));
    assert!(probes.contains("no_such_table"), "{probes}");
    assert_eq!(shop.stable(), [false, false]);
    shop.nothing_left();
    shop.project.pull();

    // All is well: both are.
    let (commit, built, run) = shop.gate("Sell them", MIGRATE, FRONT);
    run.code(0);
    assert_eq!(shop.project.branch("stable"), commit);
    for image in &built {
        let name = image.image.to_string();
        let name = name.split_once('/').expect("a host").1.to_owned();
        let (_, bytes) = shop.registry.read(&name, "stable").expect("it is stable");
        assert_eq!(tidegate::model::Digest::of(&bytes), image.digest);
    }
    shop.nothing_left();
}
