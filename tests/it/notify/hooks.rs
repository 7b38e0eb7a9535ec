//! `after_promote` and `after_rollback`.

use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::{broken, rollback, state, world};
use crate::harness::receiver::Receiver;

#[test]
fn a_webhook_is_signed_and_says_what_is_live() {
    let receiver = Receiver::start();
    let world = world("after_promote: [{ webhook_env: DEPLOY_URL, secret_env: DEPLOY_SECRET }]\n");
    let (commit, image) = world.candidate("Good", "print(1)\n");
    let url = format!("http://{}/deploy", receiver.host());
    let gate = world.gate(&commit).passed(&image);
    gate.env("DEPLOY_URL", &url).env("DEPLOY_SECRET", "key-of-ours").run().code(0);
    let came = receiver.received();
    assert_eq!(came.len(), 1);
    let hook = &came[0];
    assert_eq!(hook.header("tidegate-event"), Some("promotion"));
    assert_eq!(hook.header("tidegate-delivery"), Some("release-1"));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"key-of-ours").unwrap();
    mac.update(&hook.body);
    let expected = mac.finalize().into_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    assert_eq!(hook.header("tidegate-signature-256"), Some(format!("sha256={expected}").as_str()));
    let json = hook.json();
    assert_eq!(json["schema"], "tidegate/notice/1");
    assert_eq!(json["commit"], commit.as_str());
    assert_eq!(json["release"], 1);
    let digests = json["digests"].as_object().unwrap();
    assert_eq!(digests.values().next().unwrap(), image.digest.as_str());
}

#[test]
fn a_command_gets_the_facts_and_none_of_our_secrets() {
    let world = world("after_rollback: [{ run: 'env > \"$OUT\"; pwd >> \"$OUT\"' }]\n");
    let (good, _) = world.released("Good", "print('good')\n");
    let bad = world.commit("Bad", &[("app.py", "print('bad')\n")]);
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    rollback(&world, &bad)
        .env("OUT", &out.to_string_lossy())
        .env("TIDEGATE_REGISTRY_PASSWORD", "password-of-the-registry")
        .run()
        .code(3);
    let text = std::fs::read_to_string(&out).unwrap();
    for line in [
        "TIDEGATE_EVENT=rollback_of_main".to_owned(),
        format!("TIDEGATE_COMMIT={bad}"),
        format!("TIDEGATE_RESTORED={good}"),
        "TIDEGATE_RELEASE=1".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
    assert!(text.contains("TIDEGATE_DIGESTS={\""), "{text}");
    assert!(!text.contains("password-of-the-registry"), "{text}");
}

#[test]
fn a_command_that_fails_is_a_warning_and_is_run_again() {
    let (world, _, bad) =
        broken("after_rollback: [{ run: 'echo broken pipe in town >&2; test -e \"$OUT\"' }]\n");
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out").to_string_lossy().into_owned();
    rollback(&world, &bad).env("OUT", &out).run().code(3).says("broken pipe in town");
    assert_eq!(state(&world.bare(), "rollback-", "after_rollback/0"), "pending");
    std::fs::write(&out, "").unwrap();
    world.by_hand(&["repair"]).env("OUT", &out).run().code(0).says("told");
    assert_eq!(state(&world.bare(), "rollback-", "after_rollback/0"), "delivered");
}

#[test]
fn a_command_that_hangs_is_stopped_with_its_children() {
    let (world, _, bad) =
        broken("after_rollback: [{ run: 'sleep 600 & echo $! > \"$OUT\"; wait', timeout: 1s }]\n");
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    let gate = rollback(&world, &bad).env("OUT", &out.to_string_lossy());
    gate.run().code(3).says("stopped after 1 s");
    assert_eq!(state(&world.bare(), "rollback-", "after_rollback/0"), "unknown");
    let child = std::fs::read_to_string(&out).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    // Gone, or a zombie that nobody has collected yet.
    assert!(status.as_ref().map_or(true, |stat| stat.contains(") Z ")), "{status:?}");
}

#[test]
fn a_hook_of_another_folder_is_refused() {
    let world = world("");
    let (commit, image) = world.candidate("Good", "print(1)\n");
    for (key, named) in [
        ("after_promote: [{ run: x, dir: ../.. }]", "after_promote[0].dir"),
        ("after_promote: [{ run: x, webhook_env: Y }]", "after_promote[0].run"),
        ("after_promote: [{ webhook_env: GITHUB_TOKEN }]", "after_promote[0].webhook_env"),
        ("notify: { slack: { webhook_env: TIDEGATE_TOKEN } }", "notify.slack.webhook_env"),
        ("notify: { email: { to: [], smtp_env: S } }", "notify.email.to"),
        ("notify: { email: { to: [\"a@b\\r\\nBcc: c@d\"], smtp_env: S } }", "notify.email.to"),
        ("after_promote: [{ run: x, timeout: 2h }]", "after_promote[0].timeout"),
    ] {
        let config = format!("version: 1\nimages: []\n{key}\n");
        let gate = world.gate(&commit).passed(&image).file("other.yml", &config);
        gate.arguments(&["--config", "other.yml"]).run().code(2).says(named);
    }
}
