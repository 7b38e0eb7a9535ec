//! What is read of what containers print.

use tidegate::probe::MAX_DETAIL;
use tidegate::secret::{Redactor, Secret};
use tidegate::stack::Value;

use super::{LONG, World, ended, run, started};
use crate::harness::engine::Image;

#[test]
fn of_a_flood_the_end_is_kept() {
    let world = World::start();
    run(async {
        let flood = "head -c 30000000 /dev/zero | tr '\\0' x; yes line | head -n 500000; \
                     echo 'ValueError: the end'; exit 1";
        let (run, service, id) = world.begin(&Image::script(flood)).await;
        let container = started(&run, &service, &id).await;
        assert_eq!(ended(&run, &container).await.0, 1);
        let log = run.logs(&container).await.unwrap();
        assert!(log.len() <= MAX_DETAIL, "{}", log.len());
        assert!(log.ends_with("line\nValueError: the end"), "{log}");
        world.end(run).await;
    });
}

#[test]
fn the_log_of_a_container_that_never_stops_printing_is_read() {
    let world = World::start();
    run(async {
        let (run, service, id) = world.begin(&Image::script("yes 'all is well'")).await;
        let container = started(&run, &service, &id).await;
        // The log begins to fill some time after the start.
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let log = run.logs(&container).await.unwrap();
            assert!(log.len() <= MAX_DETAIL, "{}", log.len());
            if log.contains("all is well\nall is well") {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{log}");
        }
        world.end(run).await;
    });
}

#[test]
fn promise_10_secrets_are_in_no_log_and_no_error() {
    let world = World::start();
    run(async {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("gate-token-1234"));
        let options = tidegate::adapters::engine::Options { redactor, ..world.engine.options() };
        let engine = tidegate::adapters::engine::Engine::connect(&options).await.unwrap();
        let script = "env; echo gate-token-1234; echo \"$KEY\" | base64; printf '\\033]0;x\\007'";
        let (mut service, id) = world.pulled(&engine, "app", &Image::script(script)).await;
        let secret = "s3cret \"value\" ü/+=";
        service.env.insert("KEY".to_owned(), Value::Secret(Secret::new(secret)));
        service.env.insert("PLAIN".to_owned(), Value::Plain("shown".to_owned()));
        let run = engine.begin(LONG).await.unwrap();
        let container = started(&run, &service, &id).await;
        ended(&run, &container).await;
        let log = run.logs(&container).await.unwrap();
        assert!(log.contains("KEY=***\n") && log.contains("PLAIN=shown"), "{log}");
        assert!(!log.contains("s3cret") && !log.contains("gate-token"), "{log}");
        assert!(!log.contains("czNjcmV0"), "in base64: {log}");
        assert!(!log.contains('\u{1b}'), "{log:?}");

        // Engines quote what they do not like.
        service.env.clear();
        service.env.insert(String::new(), Value::Secret(Secret::new(secret)));
        let error = run.create(&service, &id).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        world.end(run).await;
    });
}
