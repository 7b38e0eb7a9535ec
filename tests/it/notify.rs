//! Who is told of what: the real program against real servers, and against their faults.

mod email;
mod hooks;
mod issue;
mod outbox;
mod secrets;
mod slack;

use serde_json::Value;

use crate::promises::release_world::{Bare, Gate, World};

/// The variable with Slack's address.
const SLACK: &str = "SLACK_WEBHOOK";

/// The path is the secret of an incoming webhook.
const SLACK_PATH: &str = "/services/T0000/B0000/a1b2c3d4-known-to-nobody";

/// Tells Slack of everything.
const SLACK_ALL: &str =
    "notify: { slack: { webhook_env: SLACK_WEBHOOK, on: [rollback, hold, promotion, data] } }\n";

fn world(configuration: &str) -> World {
    World::with(&[crate::promises::release_world::REPOSITORY], configuration)
}

/// A world with a release and a commit above it that fails.
fn broken(configuration: &str) -> (World, String, String) {
    let world = world(configuration);
    let (good, _) = world.released("Good", "print('good')\n");
    let bad = world.commit("Bad", &[("app.py", "print('bad')\n")]);
    (world, good, bad)
}

fn slack_url(host: &str) -> String {
    format!("http://{host}{SLACK_PATH}")
}

/// All notices of the state branch.
fn notices(bare: &Bare) -> Vec<Value> {
    let files = bare.state_folder("notices");
    let read = |name: &String| {
        let text = bare.show("refs/heads/tidegate", &format!("notices/{name}"));
        serde_json::from_str(&text).expect("JSON")
    };
    files.iter().map(read).collect()
}

/// The state of one channel of the only notice whose id begins so.
#[track_caller]
fn state(bare: &Bare, id: &str, channel: &str) -> String {
    let all = notices(bare);
    let found: Vec<&Value> =
        all.iter().filter(|notice| notice["id"].as_str().unwrap().starts_with(id)).collect();
    assert_eq!(found.len(), 1, "{id}: {all:#?}");
    found[0]["deliveries"][channel]["state"].as_str().unwrap_or("none").to_owned()
}

/// A rollback's gate in Actions.
fn rollback<'a>(world: &'a World, bad: &str) -> Gate<'a> {
    world.gate(bad).failed()
}
