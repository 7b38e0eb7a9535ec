//! How containers start, live and end.

use tidegate::adapters::engine::{EngineError, Health, State};

use super::{World, ended, health, run, started};
use crate::harness::engine::Image;

#[test]
fn a_crash_at_the_start_shows_code_and_log() {
    let world = World::start();
    run(async {
        let image = Image::script("echo starting; echo 'KeyError: price' >&2; exit 3");
        let (run, service, id) = world.begin(&image).await;
        let container = started(&run, &service, &id).await;
        assert_eq!(ended(&run, &container).await, (3, false));
        let log = run.logs(&container).await.unwrap();
        // The engine reads the two streams side by side, and promises no order between them.
        let mut lines: Vec<&str> = log.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["KeyError: price", "starting"]);
        world.end(run).await;
    });
}

#[test]
fn an_exit_with_0_is_seen_as_an_end() {
    let world = World::start();
    run(async {
        let (run, service, id) = world.begin(&Image::script("true")).await;
        let container = run.create(&service, &id).await.unwrap();
        assert_eq!(run.state(&container).await.unwrap(), State::Created);
        run.start(&container).await.unwrap();
        assert_eq!(ended(&run, &container).await, (0, false));
        world.end(run).await;
    });
}

#[test]
fn a_command_that_is_not_there_is_the_images_fault() {
    let world = World::start();
    run(async {
        let images = [
            ("no command", Image::scratch()),
            ("no such program", Image::busybox().cmd(&["streamlitt", "run"])),
            ("not executable", Image::busybox().cmd(&["/etc"])),
            ("no such user", Image::script("true").user("nobody-here")),
        ];
        let engine = world.engine.connect().await;
        let run = engine.begin(super::LONG).await.unwrap();
        for (what, image) in images {
            let (service, id) = world.pulled(&engine, "app", &image).await;
            let error = match run.create(&service, &id).await {
                Ok(container) => run.start(&container).await.unwrap_err(),
                Err(error) => error,
            };
            assert!(matches!(error, EngineError::CannotStart { .. }), "{what}: {error:?}");
            assert!(error.is_conclusive() && error.to_string().starts_with("app "), "{error}");
        }
        world.end(run).await;
    });
}

#[test]
fn a_mount_that_does_not_fit_is_not_the_images_fault() {
    let world = World::start();
    run(async {
        let (run, mut service, id) = world.begin(&Image::script("sleep 1000")).await;
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        service.mounts.push(tidegate::stack::Mount {
            at: "/data".to_owned(),
            source: tidegate::stack::MountSource::Repository(missing.clone()),
            read_only: true,
        });
        let error = match run.create(&service, &id).await {
            Ok(container) => run.start(&container).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, EngineError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
        world.end(run).await;
    });
}

#[test]
fn a_container_that_hangs_is_removed_all_the_same() {
    let world = World::start();
    run(async {
        // Deaf to every signal that can be ignored, and so are its children.
        let image = Image::script("trap '' TERM INT HUP; while :; do sleep 1000; done");
        let (run, service, id) = world.begin(&image).await;
        let container = started(&run, &service, &id).await;
        let state = run.wait_for_exit(&container, std::time::Duration::ZERO).await.unwrap();
        assert_eq!(state, State::Running { health: Health::None });
        world.end(run).await;
    });
}

#[test]
fn health_checks_of_the_image_pass_and_fail() {
    let world = World::start();
    run(async {
        let engine = world.engine.connect().await;
        let run = engine.begin(super::LONG).await.unwrap();
        let good =
            Image::script("touch /tmp/ok; sleep 1000").healthcheck("test -f /tmp/ok", 100, 50);
        let (service, id) = world.pulled(&engine, "good", &good).await;
        let container = started(&run, &service, &id).await;
        assert_eq!(health(&run, &container).await, Health::Healthy);

        let bad = Image::script("sleep 1000").healthcheck(
            "printf '\\033[31mno database'; exit 1",
            100,
            1,
        );
        let (mut service, id) = world.pulled(&engine, "bad", &bad).await;
        let container = started(&run, &service, &id).await;
        let unhealthy = Health::Unhealthy { output: "no database".to_owned() };
        assert_eq!(health(&run, &container).await, unhealthy);

        // The stack may replace it, or take it away.
        service.healthcheck = Some(tidegate::stack::Healthcheck {
            test: Some(vec!["CMD".to_owned(), "true".to_owned()]),
            interval: Some(std::time::Duration::from_millis(100)),
            timeout: None,
            start_period: None,
            retries: Some(3),
        });
        let container = started(&run, &service, &id).await;
        assert_eq!(health(&run, &container).await, Health::Healthy);
        service.healthcheck.as_mut().unwrap().test = Some(vec!["NONE".to_owned()]);
        let container = started(&run, &service, &id).await;
        assert_eq!(health(&run, &container).await, Health::None);
        world.end(run).await;
    });
}
