//! Working as a GitHub App.

use crate::harness::git_server::GitServer;
use crate::harness::github::{APP_ID, GitHub, INSTALLATION, Key};
use crate::harness::project::{Project, RED, gate_in};
use crate::harness::tidegate::{Run, Tidegate};

/// The first token that the fake's App gives out.
const TOKEN: &str = "ghs_ofTheApp000000000000000000000001";

/// A git server that takes nothing but the App's token.
struct World {
    project: Project,
    github: GitHub,
    bad: String,
}

impl World {
    fn new() -> Self {
        let server = GitServer::start_with_basic_auth("x-access-token", TOKEN);
        let project = Project::on_server(server);
        let github = GitHub::start();
        github.knows(project.bare());
        github.install_app(&Key::shared().public);
        let bad = project.push_bad();
        Self { project, github, bad }
    }

    /// A gate with a token that nobody takes, besides the App.
    fn gate(&self, key: &str) -> Tidegate {
        gate_in(self.project.dev.path(), RED)
            .envs(self.github.envs(&self.bad))
            .env("GITHUB_SERVER_URL", self.project.url().trim_end_matches("/app.git"))
            .env("TIDEGATE_TOKEN", "ghs_notGoodEnough0000000000000")
            .env("TIDEGATE_APP_ID", APP_ID.to_string())
            .env("TIDEGATE_APP_PRIVATE_KEY", key)
    }
}

/// Nothing of the key, and no token, is in what was printed, but in commands that hide it.
#[track_caller]
fn hides(run: &Run) {
    let lines = run.stdout.lines().chain(run.stderr.lines());
    let shown: Vec<&str> = lines.filter(|line| !line.starts_with("::add-mask::")).collect();
    let text = shown.join("\n");
    assert!(!text.contains(TOKEN), "{text}");
    for line in Key::shared().private.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!text.contains(line), "{text}");
    }
}

#[test]
fn the_installation_token_is_used_for_git_and_for_the_api() {
    let world = World::new();
    super::protect(&world.project);
    let run = world.gate(&Key::shared().private).run().code(3);
    hides(&run);
    let seen = world.github.seen();
    let asked = |path: &str| seen.iter().filter(|seen| seen.path.ends_with(path)).count();
    assert_eq!((asked("/installation"), asked("/access_tokens")), (1, 1));
    let pushes = world.project.server().requests();
    assert!(pushes.iter().any(|request| request.is_push() && request.authorized));
    let branch = format!("refs/heads/tidegate-rollback-{}", &world.bad[..12]);
    assert_eq!(world.project.listing(&branch), world.project.listing(&world.project.good));
    for request in &seen {
        let authorization = &request.headers["authorization"];
        let by_the_app = request.path.contains("installation");
        assert_eq!(authorization.contains(TOKEN), !by_the_app, "{}", request.path);
    }
    let pull = &world.github.pulls()[0];
    assert_eq!(pull.creator, "acme-tidegate[bot]");
    assert!(!run.stdout.contains("starts no checks"), "{}", run.stdout);
}

#[test]
fn an_app_that_may_push_restores_main() {
    let world = World::new();
    hides(&world.gate(&Key::shared().private).run().code(3));
    world.project.assert_rolled_back_to(&world.project.good);
}

#[test]
fn a_key_in_one_line_and_a_known_installation_will_do() {
    let world = World::new();
    let key = Key::shared().private.replace('\n', "\\n");
    let gate = world.gate(&key).env("TIDEGATE_APP_INSTALLATION_ID", INSTALLATION.to_string());
    hides(&gate.run().code(3));
    assert_eq!(world.github.count("GET", "/installation"), 0);
}

#[test]
fn key_and_token_are_masked_line_by_line_before_anything_is_printed() {
    let world = World::new();
    let gate = Tidegate::new()
        .args(["gate", "-v", "--needs", RED])
        .envs(world.github.envs(&world.bad))
        .env("GITHUB_SERVER_URL", world.project.url().trim_end_matches("/app.git"))
        .env("TIDEGATE_APP_ID", APP_ID.to_string())
        .env("TIDEGATE_APP_PRIVATE_KEY", Key::shared().private.replace('\n', "\\n"))
        .current_dir(world.project.dev.path());
    let run = gate.run().code(3);
    hides(&run);
    let masks: Vec<&str> =
        run.stdout.lines().map_while(|line| line.strip_prefix("::add-mask::")).collect();
    assert!(masks.contains(&TOKEN), "{masks:?}");
    for line in Key::shared().private.lines() {
        assert!(masks.contains(&line), "no mask for {line}");
    }
}

#[test]
fn what_is_wrong_with_an_app_is_said_with_what_to_do() {
    let world = World::new();
    let refs = world.project.refs();
    let says = |gate: Tidegate, code: i32, parts: &[&str]| {
        let run = gate.run().code(code);
        for part in parts {
            assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
        }
        hides(&run);
    };
    says(world.gate("no key at all"), 9, &["no RSA key in PEM", "-----BEGIN"]);
    let key = &Key::shared().private;
    says(world.gate(key).env("TIDEGATE_APP_ID", ""), 2, &["TIDEGATE_APP_ID"]);
    says(world.gate(key).env("TIDEGATE_APP_ID", "Iv23x"), 2, &["not a number"]);
    says(world.gate(""), 2, &["TIDEGATE_APP_PRIVATE_KEY"]);
    let other = Key::generate();
    says(world.gate(&other.private), 9, &["clock", "TIDEGATE_APP_ID"]);
    let wrong = world.gate(key).env("TIDEGATE_APP_INSTALLATION_ID", "1");
    says(wrong, 9, &["not installed in acme/app", "Install App"]);
    assert_eq!(world.project.refs(), refs);
}
