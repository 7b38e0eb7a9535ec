//! Which version is served, as the app itself shows it.

use super::{Scene, bake};
use crate::harness::app_server::AppServer;

fn shown(place: &str) -> impl Fn(&AppServer) -> String {
    move |app| format!("served: {{ {} }}\n", place.replace("APP", &app.url("")))
}

#[test]
fn status_says_which_version_is_served() {
    let places = [
        "url: 'APP/', header: x-commit",
        "url: 'APP/version', json: /build/commit",
        "url: 'APP/page', text: 'Version ([0-9a-f]+) of'",
    ];
    for place in places {
        let scene = Scene::with(shown(place));
        let second = scene.candidate();
        scene.gate(&second).run().code(0);
        let world = &scene.world;
        let served = || {
            let json: serde_json::Value =
                serde_json::from_str(&world.by_hand(&["status", "--json"]).run().code(0).stdout)
                    .expect("JSON");
            json["served"].clone()
        };
        scene.app.serves(&second.0[..12]);
        let seen = served();
        assert_eq!((&seen["served"], &seen["release"]), (&"same".into(), &2.into()), "{place}");
        world.by_hand(&["status"]).run().code(0).says("serves release 2");
        scene.app.serves(&scene.first.0);
        let seen = served();
        assert_eq!((&seen["served"], &seen["release"]), (&"older".into(), &1.into()), "{place}");
        let status = world.by_hand(&["status"]).run().code(0);
        status.says("users are served something else").says("still serves release 1");
        scene.app.serves("0123456789");
        assert_eq!(served()["served"], "unknown", "{place}");
        scene.app.serves("not a commit");
        assert_eq!(served()["served"], "not_shown", "{place}");
    }
}

#[test]
fn status_asks_nobody_offline_and_survives_an_app_that_is_gone() {
    let scene = Scene::with(|_| {
        "served: { url: 'http://app.invalid/?key=s3cret', header: x }\n".to_owned()
    });
    let status = scene.world.by_hand(&["status"]).run().code(0).says("cannot be asked");
    assert!(!format!("{}{}", status.stdout, status.stderr).contains("s3cret"));
    let offline = scene.world.by_hand(&["status", "--offline"]).run().code(0);
    assert!(!offline.stdout.contains("app.invalid"), "{}", offline.stdout);
}

#[test]
fn an_older_version_that_is_still_served_says_nothing_about_the_new_one() {
    let scene = Scene::with(|app| {
        let served = format!("served: {{ url: '{}', json: /build/commit }}\n", app.url("/version"));
        format!("{}{served}", bake(&app.url("/"), "200ms"))
    });
    let second = scene.candidate();
    scene.app.serves(&scene.first.0);
    scene.app.shows(&[500]);
    let finished = scene.gate(&second).run().code(0);
    finished
        .says("still serves release 1")
        .says("not known")
        .says("::warning title=tidegate::release 2 is not served");
    scene.world.assert_live(2, &second.0, &second.1);
    // Once the new one is served, its failures count.
    scene.app.serves(&second.0);
    scene.world.by_hand(&["bake"]).run().code(3);
    scene.world.assert_live(3, &scene.first.0, &scene.first.1);
}

#[test]
fn what_no_release_was_made_from_says_nothing_about_the_release() {
    let scene = Scene::with(|app| {
        let served = format!("served: {{ url: '{}', json: /build/commit }}\n", app.url("/version"));
        format!("{}{served}", bake(&app.url("/"), "200ms"))
    });
    let second = scene.candidate();
    scene.app.shows(&[500]);
    // Somebody has deployed a commit of another branch by hand.
    scene.app.serves("0123456789");
    let finished = scene.gate(&second).run().code(0);
    finished.says("serves 0123456789, which no release was made from").says("not known");
    scene.world.assert_live(2, &second.0, &second.1);
    // Another commit with the tree of the release is the release: a deployment from the branch
    // `stable` shows such a commit after a rollback.
    let merge = scene.world.bare().git(&[
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@acme.example",
        "commit-tree",
        &format!("{}^{{tree}}", second.0),
        "-p",
        &second.0,
        "-m",
        "The same",
    ]);
    scene.world.bare().git(&["update-ref", "refs/heads/stable", &merge]);
    scene.app.serves(&merge);
    scene.world.by_hand(&["bake"]).run().code(3);
}
