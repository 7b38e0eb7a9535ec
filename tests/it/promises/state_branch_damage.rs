//! A state branch that was edited by hand: nothing is guessed, and nothing changes.

use std::fs;

use super::release_world::World;

/// What becomes of a file; `None`: it goes.
type Change = Box<dyn Fn(&str) -> Option<String>>;

/// Commits a change of the state branch, as a person would.
fn damage(world: &World, path: &str, change: impl Fn(&str) -> Option<String>) {
    let dev = &world.dev;
    dev.git(&["fetch", "-q", "origin"]);
    dev.git(&["checkout", "-q", "-B", "tidegate", "origin/tidegate"]);
    let text = fs::read_to_string(dev.path().join(path)).expect(path);
    match change(&text) {
        Some(text) => dev.write(path, text),
        None => dev.remove(path),
    }
    dev.commit("Edit by hand", &[]);
    dev.push("tidegate");
    dev.git(&["checkout", "-q", "main"]);
}

#[test]
fn a_state_branch_that_cannot_be_understood_stops_every_gate() {
    const INDEX: &str = "index.json";
    const RECORD: &str = "records/000001.json";
    let world = World::new();
    let (first, live) = world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    let saved = world.save();
    let cases: [(&str, Change); 6] = [
        (INDEX, Box::new(|text| Some(text[..text.len() / 2].to_owned()))),
        (INDEX, Box::new(|text| Some(text.replace("\"version\": 1", "\"version\": 99")))),
        (INDEX, Box::new(|text| Some(text.replace("\"newest\": 1", "\"newest\": 7")))),
        (RECORD, Box::new(|_| None)),
        (RECORD, Box::new(|_| Some("{}".to_owned()))),
        (RECORD, Box::new(|text| Some(text.replace("\"number\": 1", "\"number\": 2")))),
    ];
    for (path, change) in cases {
        world.restore(&saved);
        damage(&world, path, change);
        let before = world.fingerprint();
        world.gate(&second).passed(&image).run().code(10).says(path);
        world.gate(&second).failed().run().code(10).says(path);
        world.by_hand(&["repair"]).run().code(10).says(path);
        assert_eq!(world.fingerprint(), before);
    }
    world.restore(&saved);
    world.assert_live(1, &first, &live);
    world.gate(&second).passed(&image).run().code(0);
    world.assert_live(2, &second, &image);
}

#[test]
fn a_state_branch_that_is_gone_is_begun_again_and_the_ledger_still_counts() {
    let world = World::new();
    let (first, _) = world.released("Add the page", "print(1)\n");
    let bare = world.bare();
    bare.git(&["update-ref", "-d", "refs/heads/tidegate"]);
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    world.gate(&bad).failed().run().code(3).says(&first[..7]);
    assert_eq!(bare.show("refs/heads/main", "app.py"), "print(1)");
    let (third, image) = world.candidate("Mend the page", "print(3)\n");
    world.gate(&third).passed(&image).run().code(0);
    world.assert_live(1, &third, &image);
    let ledger = bare.ledger();
    assert!(ledger.contains(&first) && ledger.contains(&third), "{ledger}");
}

#[test]
fn what_decides_nothing_stops_nothing_when_it_is_broken() {
    let world = World::new();
    let (good, _) = world.released("Add the page", "print(1)\n");
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    let dev = &world.dev;
    dev.git(&["fetch", "-q", "origin"]);
    dev.git(&["checkout", "-q", "-B", "tidegate", "origin/tidegate"]);
    let newer = "{\"version\": 99}";
    let broken = [
        (format!("retries/{bad}.json"), "{\"version\": 1, \"commit\""),
        (format!("retries/{good}.json"), newer),
        ("notices/release-9.json".to_owned(), "["),
        ("notices/release-8.json".to_owned(), newer),
    ];
    let files: Vec<(&str, &str)> =
        broken.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    dev.commit("Edit by hand", &files);
    dev.push("tidegate");
    dev.git(&["checkout", "-q", "main"]);
    let mut run = world.gate(&bad).failed().run().code(3);
    for (path, _) in &broken {
        run = run.says(path);
    }
    assert_eq!(world.bare().show("refs/heads/main", "app.py"), "print(1)");
}
