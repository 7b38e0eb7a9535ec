//! What goes on beside the probes: their time, and several at once.

use super::*;

#[test]
fn after_the_deadline_nobody_can_tell_and_nothing_is_left() {
    let world = World::start();
    let built = world.push("web", &web("sleep 1000; "));
    let stack = stack([service("web", built.candidate())]);
    let wanted = [probe("web", PATIENT, http())];
    run(async {
        let redactor = Redactor::new();
        let context = Context {
            root: Path::new("/"),
            redactor: &redactor,
            hidden: &[],
            registries: None,
            platform: None,
            deadline: Some(tokio::time::Instant::now() + Duration::from_secs(15)),
            on_step: &|_| {},
        };
        let result = probes::run(&stack, &wanted, &world.engine.options(), &context).await.unwrap();
        let why = unknown(&result.probes[0]);
        assert!(why.contains("in the time that there was"), "{why}");
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn the_first_failure_ends_probes_that_still_wait() {
    let world = World::start();
    let built = world.push("web", &web(""));
    let stack = stack([service("web", built.candidate())]);
    let wanted = [
        probe("web", SOON, says("no such text")),
        on_runner("sleep 1000", Timing { timeout: Duration::from_secs(500), ..PATIENT }),
    ];
    let result = run(world.probe(&stack, &wanted));
    failed(&result.probes[0]);
    assert_eq!(unknown(&result.probes[1]), "not finished when http of web failed");
}
