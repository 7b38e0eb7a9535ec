//! Several at once on one machine.

use std::time::Duration;

use super::{App, CONTAINER, served};

#[test]
fn of_eight_at_once_one_fetches_and_the_others_find_it_done() {
    let (server, bytes) = served(2_000_000);
    server.hold_after(1_000_000);
    let app = App::new();
    let outcomes: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                let run = app.pull(&server.url(CONTAINER)).args(["--json"]);
                scope.spawn(move || {
                    run.run().success().json()["outcome"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        server.wait_until_held();
        // All have asked which version there is; whoever asks again has waited.
        let begun = std::time::Instant::now();
        while server.seen("latest.json").len() < 8 {
            assert!(begun.elapsed() < Duration::from_mins(2), "not all of them ask");
            std::thread::sleep(Duration::from_millis(5));
        }
        server.go_on();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "replaced").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "unchanged").count(), 7);
    assert_eq!(server.seen("versions").len(), 1, "one download");
    assert_eq!((app.bytes(), app.left()), (bytes, Vec::new()));
}

#[test]
fn who_waits_gives_up_at_its_deadline_and_says_why() {
    let (server, bytes) = served(2_000_000);
    server.hold_after(1_000_000);
    let app = App::new();
    std::thread::scope(|scope| {
        let first = app.pull(&server.url(CONTAINER));
        let first = scope.spawn(move || first.run().success());
        server.wait_until_held();
        let run = app.pull(&server.url(CONTAINER)).args(["--timeout", "1s"]).run().code(8);
        assert!(run.stderr.contains("another process has held"), "{}", run.stderr);
        server.go_on();
        first.join().unwrap();
    });
    assert_eq!(app.bytes(), bytes);
}
