//! `depends_on`: what is waited for, and whose fault it is where it does not come.

use super::*;

/// Busybox under the name of a candidate and of another image.
fn world() -> World {
    let mut world = World::start();
    world.candidate("app", &Image::script("exec sleep 1000"));
    Image::script("exec sleep 1000").push(&world.registry, "acme/tool");
    world
}

/// Starts a stack that does not come up.
fn fails(world: &World, text: &str) -> (bool, String, String) {
    let (stack, _) = world.read(text).unwrap();
    match run(world.up(&stack, async |_, _| ())).unwrap_err() {
        NotStarted::Failed { service, failure } => (true, service, failure.what),
        NotStarted::Unknown { service, failure } => (false, service, failure.what),
    }
}

fn blame(conclusive: bool, service: &str, what: &str) -> (bool, String, String) {
    (conclusive, service.to_owned(), what.to_owned())
}

#[test]
fn services_start_when_what_they_depend_on_has_reached_its_condition() {
    let world = world();
    let text = "
services:
  first:
    image: HOST/acme/tool:1
    command: sh -c 'sleep 0.3; echo one >/shared/log'
    volumes: [ 'shared:/shared' ]
  healthy:
    image: HOST/acme/tool:1
    command: sh -c 'sleep 0.3; echo two >>/shared/log; touch /tmp/ok; exec sleep 1000'
    volumes: [ 'shared:/shared' ]
    depends_on: { first: { condition: service_completed_successfully } }
    healthcheck: { test: 'test -e /tmp/ok', interval: 100ms, retries: 100 }
  app:
    image: HOST/acme/app
    command: sh -c 'cat /shared/log; exec sleep 1000'
    volumes: [ 'shared:/shared:ro' ]
    depends_on: { healthy: { condition: service_healthy } }
volumes: { shared: }
";
    let (stack, _) = world.read(text).unwrap();
    run(world.up(&stack, async |run, started| {
        let app = &started.services["app"].container;
        let deadline = tokio::time::Instant::now() + LONG;
        while run.logs(app).await.unwrap() != "one\ntwo" {
            assert!(tokio::time::Instant::now() < deadline, "{}", run.logs(app).await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // A service that has ended well is none that came down.
        assert_eq!(started.fallen(&stack, run).await, None);
    }))
    .unwrap();
}

#[test]
fn a_dependency_that_fails_is_blamed_where_it_is_a_candidate() {
    let world = world();
    let with = |image: &str, rest: &str, condition: &str| {
        format!(
            "
services:
  on: {{ image: HOST/acme/{image}, {rest} }}
  app:
    image: HOST/acme/app
    depends_on: {{ on: {{ condition: {condition} }} }}
"
        )
    };
    let crash = "command: sh -c 'exit 3'";
    // With a check: on a busy machine it is still seen running, and has to be waited for.
    let checked = "command: sh -c 'exit 3', healthcheck: { test: 'exit 1', interval: 1h }";
    let sick = "healthcheck: { test: 'echo no disk; exit 1', interval: 50ms, retries: 2 }";
    for (rest, condition, what) in [
        (crash, "service_completed_successfully", "`on` ended with exit code 3"),
        (checked, "service_healthy", "`on` ended with exit code 3"),
        (sick, "service_healthy", "`on` is unhealthy: no disk"),
        (
            "user: root",
            "service_healthy",
            "`on` has no health check, and `condition: service_healthy` waits for one",
        ),
    ] {
        assert_eq!(fails(&world, &with("app", rest, condition)), blame(true, "on", what), "{rest}");
        let given = with("tool:1", rest, condition);
        assert_eq!(fails(&world, &given), blame(false, "on", what), "{rest}");
    }
    let (conclusive, service, what) =
        fails(&world, &with("app", "command: /no/such/program", "service_started"));
    assert!(conclusive && service == "on" && what.contains("/no/such/program"), "{what}");
}

#[test]
fn a_candidate_is_not_blamed_for_a_database_that_came_down() {
    let world = world();
    let text = "
services:
  db: { image: 'HOST/acme/tool:1', command: sh -c 'echo no disk; exit 9' }
  first:
    image: HOST/acme/app
    command: sh -c 'sleep 2; echo no database; exit 1'
    depends_on: [ db ]
  app:
    image: HOST/acme/app
    depends_on: { first: { condition: service_completed_successfully } }
";
    assert_eq!(fails(&world, text), blame(false, "db", "`db` ended with exit code 9"));
}

#[test]
fn what_is_not_required_only_warns() {
    let world = world();
    let text = "
services:
  cache: { image: 'HOST/acme/tool:1', command: sh -c 'exit 4', healthcheck: { test: 'true' } }
  gone: { image: 'HOST/acme/tool:1', entrypoint: /no/such/program }
  app:
    image: HOST/acme/app
    depends_on:
      cache: { condition: service_healthy, required: false }
      gone: { condition: service_started, required: false }
";
    let (stack, _) = world.read(text).unwrap();
    let (warnings, names, fallen) = run(world.up(&stack, async |run, started| {
        let names: Vec<String> = started.services.keys().cloned().collect();
        (started.warnings.clone(), names, started.fallen(&stack, run).await)
    }))
    .unwrap();
    assert_eq!(names, ["app", "cache"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let without = "service `app` was started without `cache`: `cache` ended with exit code 4";
    assert!(warnings.iter().any(|warning| warning == without), "{warnings:?}");
    let not =
        |warning: &String| warning.starts_with("service `gone` was not started: gone cannot be");
    assert!(warnings.iter().any(not), "{warnings:?}");
    assert_eq!(fallen.unwrap().what, "`cache` ended with exit code 4");
}

#[test]
fn commands_before_the_candidates_wait_for_the_others_and_are_bounded() {
    let world = world();
    let text = "
services:
  db:
    image: HOST/acme/tool:1
    command: sh -c 'sleep 0.3; echo ready >/shared/db; exec sleep 1000'
    volumes: [ 'shared:/shared' ]
    healthcheck: { test: 'test -e /shared/db', interval: 100ms, retries: 100 }
  app:
    image: HOST/acme/app
    command: sh -c 'cat /shared/*; exec sleep 1000'
    environment: { NAME: tide }
    volumes: [ 'shared:/shared' ]
volumes: { shared: }
";
    let (mut stack, _) = world.read(text).unwrap();
    stack.before.push(before("app", "cat /shared/db && echo $NAME >/shared/first"));
    stack.before.push(before("app", "cat /shared/first && echo second >/shared/second"));
    run(world.up(&stack, async |run, started| {
        let app = &started.services["app"].container;
        let deadline = tokio::time::Instant::now() + LONG;
        while run.logs(app).await.unwrap() != "ready\ntide\nsecond" {
            assert!(tokio::time::Instant::now() < deadline, "{}", run.logs(app).await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The commands' own containers are gone.
        assert_eq!(world.containers().await, 2);
    }))
    .unwrap();

    stack.before = vec![before("app", "echo begun; sleep 1000")];
    stack.before[0].timeout = Duration::from_secs(2);
    let why = run(world.up(&stack, async |_, _| ())).unwrap_err();
    let NotStarted::Failed { failure, .. } = why else { panic!("{why:?}") };
    assert_eq!(failure.what, "before_promote: `echo begun; sleep 1000` took longer than 2 s");
    assert_eq!(failure.detail.as_deref(), Some("begun"));
}

#[test]
fn a_database_without_a_health_check_is_given_time() {
    let world = world();
    let text = "
services:
  db:
    image: HOST/acme/tool:1
    command: sh -c 'sleep 1.5; echo ready >/shared/db; exec sleep 1000'
    volumes: [ 'shared:/shared' ]
  app: { image: HOST/acme/app, volumes: [ 'shared:/shared' ] }
volumes: { shared: }
";
    let (mut stack, _) = world.read(text).unwrap();
    stack.before.push(before("app", "cat /shared/db"));
    run(world.up(&stack, async |_, _| ())).unwrap();
}
