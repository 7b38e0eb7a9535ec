//! What the configuration says of the served app and of the way back.

use serde_json::Value;

use crate::harness::app_server::AppServer;
use crate::promises::release_world::{REPOSITORY, World};

/// The findings of `doctor`, by name and severity.
fn findings(world: &World) -> Vec<(String, String)> {
    let run = world.by_hand(&["doctor", "--json"]).run();
    let json: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = json["findings"].as_array().expect("findings");
    list.iter().map(|own| (text(&own["id"]), text(&own["severity"]))).collect()
}

#[test]
fn an_app_that_does_not_show_its_commit_is_a_warning_once_something_is_released() {
    let app = AppServer::start();
    let served = format!("served: {{ url: '{}', header: x-commit }}\n", app.url("/"));
    let world = World::with(&[REPOSITORY], &served);
    let expected = ("served-not-readable".to_owned(), "warning".to_owned());
    assert!(!findings(&world).contains(&expected), "nothing is served yet");
    let (commit, _) = world.released("Add the page", "print(1)\n");
    assert!(findings(&world).contains(&expected));
    app.serves(&commit);
    assert!(!findings(&world).contains(&expected));
}

#[test]
fn a_limit_of_rollbacks_that_no_gate_accepts_is_an_error() {
    let limit = format!("incompatible_with_rollback_before: {}\n", "0123456789".repeat(4));
    let world = World::with(&[REPOSITORY], &limit);
    let expected = ("rollback-limit-unfit".to_owned(), "error".to_owned());
    assert!(findings(&world).contains(&expected));
}
