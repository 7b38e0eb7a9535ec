//! Every kind, passing and failing.

use super::*;

#[test]
fn every_kind_passes_on_a_container_that_works() {
    let world = World::start();
    let app = world.push("web", &web("").healthcheck("wget -q -O - http://127.0.0.1:8000", 200, 3));
    let stack = stack([service("web", app.candidate())]);
    let reach = r#"busybox wget -q -O - "$TIDEGATE_URL_8000" | grep -q works \
        && test "$TIDEGATE_URL_WEB_8000" = "http://127.0.0.1:$TIDEGATE_PORT_8000""#;
    let wanted = [
        probe("web", PATIENT, says("<h1>It works")),
        probe("web", PATIENT, Check::Tcp),
        probe("web", PATIENT, command("wget -q -O - http://127.0.0.1:8000 | grep works")),
        probe("web", PATIENT, Check::ContainerHealth),
        on_runner(reach, PATIENT),
    ];
    let result = run(world.probe(&stack, &wanted));
    let seen: Vec<&str> = result.probes.iter().map(passed).collect();
    assert!(seen[0].starts_with("200 in "), "{seen:?}");
    assert_eq!(seen[2..], ["ended with 0", "healthy", "ended with 0"]);
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    run(world.engine.assert_nothing_left());
}

#[test]
fn every_kind_fails_on_what_is_wrong() {
    let world = World::start();
    let app = world.push("web", &web("echo begun; ").healthcheck("echo down; exit 1", 100, 1));
    let mut quiet = service("web", app.candidate());
    quiet.ports.insert(9000);
    let stack = stack([quiet]);
    let mut nobody = probe("web", SOON, Check::Tcp);
    nobody.target = Target::Service { service: "web".to_owned(), port: Some(9000) };
    let wanted = [
        probe("web", SOON, says("It does not work")),
        nobody,
        probe("web", SOON, command("echo no table; exit 3")),
        probe("web", SOON, Check::ContainerHealth),
        on_runner("echo no answer; exit 4", SOON),
    ];
    let result = run(world.probe(&stack, &wanted));
    let failures: Vec<&ProbeFailure> = result.probes.iter().map(failed).collect();
    for (failure, (what, detail)) in failures.iter().zip([
        ("GET /: the body does not match", "<h1>It works</h1>"),
        ("nobody listens", "the end of the log of web:\nbegun"),
        ("ended with 3", "no table"),
        ("the HEALTHCHECK fails", "down"),
        ("ended with 4", "no answer"),
    ]) {
        assert!(failure.what.contains(what), "{failure:?}");
        assert!(failure.detail.as_deref().unwrap_or_default().contains(detail), "{failure:?}");
    }
    run(world.engine.assert_nothing_left());
}

#[test]
fn a_slow_start_is_waited_for_as_long_as_its_period() {
    let world = World::start();
    run(async {
        let slow = web("sleep 3; ");
        let never = web("sleep 1000; ");
        let (slow, never) =
            tokio::join!(world.one(&slow, PATIENT, http()), world.one(&never, SOON, http()));
        assert!(passed(&slow).starts_with("200"));
        assert!(slow.attempts > 2 && slow.took_ms >= 3000, "{slow:?}");
        assert!(failed(&never).what.starts_with("GET /: "), "{never:?}");
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn a_port_that_is_used_on_this_machine_is_no_obstacle() {
    let world = World::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let image = Image::script(&format!("exec httpd -f -p {port} -h /www"))
        .file("www/index.html", "inside\n");
    let built = world.push("web", &image);
    let mut web = service("web", built.candidate());
    web.ports = [port].into();
    let mut asked = probe("web", PATIENT, says("inside"));
    asked.target = Target::Service { service: "web".to_owned(), port: Some(port) };
    let stack = stack([web]);
    run(async {
        let twice = tokio::join!(
            world.probe(&stack, std::slice::from_ref(&asked)),
            world.probe(&stack, std::slice::from_ref(&asked))
        );
        for result in [twice.0, twice.1] {
            assert!(passed(&result.probes[0]).starts_with("200"));
        }
        world.engine.assert_nothing_left().await;
    });
}
