//! Containers that end, hang, flood and swell.

use tidegate::probe::MAX_DETAIL;
use tidegate::secret::Secret;
use tidegate::stack::{Condition, Dependency, Value};

use super::*;

#[test]
fn a_container_that_ends_has_failed_at_once_with_its_log() {
    let world = World::start();
    let trace = "Traceback (most recent call last):";
    let crash = Image::script(&format!("echo '{trace}' >&2; echo 'KeyError: price' >&2; exit 1"));
    let done = Image::script("echo all done");
    let bomb = Image::script("exec tail /dev/zero");
    let no_command = Image::busybox().entrypoint(&["/no/such/program"]);
    run(async {
        let (crash, done, bomb, no_command) = tokio::join!(
            world.one(&crash, PATIENT, http()),
            world.one(&done, PATIENT, Check::Tcp),
            world.one(&bomb, PATIENT, command("true; sleep 1000")),
            world.one(&no_command, PATIENT, http()),
        );
        assert_eq!(failed(&crash).what, "web ended with 1");
        assert_eq!(failed(&crash).detail.as_deref().unwrap(), format!("{trace}\nKeyError: price"));
        assert_eq!(failed(&done).what, "web ended with 0, though it has to go on");
        assert_eq!(failed(&done).detail.as_deref(), Some("all done"));
        let said = "web ended with 137: it was out of memory (its limit of 64 MiB)";
        assert_eq!(failed(&bomb).what, said);
        assert!(failed(&no_command).what.contains("cannot be started"), "{no_command:?}");
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn hangs_floods_and_silence_are_bounded() {
    let world = World::start();
    // Takes every connection, and says nothing.
    let silent = Image::script("while true; do nc -l -p 8000 -e sleep 1000; done");
    let flood = web("yes 'a line that nobody reads' & ");
    let quick = Timing { timeout: Duration::from_secs(1), retries: 0, ..SOON };
    run(async {
        let (silent, flood) = tokio::join!(
            world.one(&silent, quick, http()),
            world.one(&flood, PATIENT, says("no such text")),
        );
        assert_eq!(failed(&silent).what, "GET /: no complete answer within 1s");
        let detail = failed(&flood).detail.as_deref().unwrap();
        assert!(detail.len() <= MAX_DETAIL && detail.ends_with("a line that nobody reads"));
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn a_container_that_ends_after_its_probe_has_passed_has_failed() {
    let world = World::start();
    let script = "httpd -p 8000 -h /www; until test -e /tmp/asked; do sleep 0.1; done; sleep 2; \
                  echo gone; exit 5";
    let image = Image::script(script).file(
        "www/cgi-bin/ask",
        "#!/bin/sh\ntouch /tmp/asked\nprintf 'Status: 200\\r\\n\\r\\nok'\n",
    );
    let built = world.push("web", &image);
    let stack = stack([service("web", built.candidate())]);
    let ask = HttpCheck { path: Some("/cgi-bin/ask".to_owned()), ..HttpCheck::default() };
    // Goes on until the container is gone: as long as it is there, Docker's proxy takes connections.
    let wait = "until busybox wget -q -O /dev/null $TIDEGATE_URL_8000/ 2>&1 | grep -q refused; do \
                sleep 0.1; done";
    let wanted = [probe("web", PATIENT, Check::Http(ask)), on_runner(wait, PATIENT)];
    let result = run(world.probe(&stack, &wanted));
    let failure = failed(&result.probes[0]);
    assert!(failure.what.starts_with("web ended with 5 after the probe had passed"), "{failure:?}");
    assert_eq!(failure.detail.as_deref(), Some("gone"));
    passed(&result.probes[1]);
}

#[test]
fn a_database_that_comes_down_is_not_blamed_on_the_candidate() {
    let world = World::start();
    let db = world.push("db", &Image::script("echo disk full; exit 3"));
    let app = world.push("web", &web(""));
    let mut web = service("web", app.candidate());
    let on = Dependency { condition: Condition::Started, required: true };
    web.depends_on.insert("db".to_owned(), on);
    let mut db = service("db", db.given());
    db.ports.clear();
    let stack = stack([web, db]);
    run(async {
        let broken = [probe("web", SOON, says("rows")), on_runner("exit 1", SOON)];
        let result = world.probe(&stack, &broken).await;
        assert!(unknown(&result.probes[1]).starts_with("db ended with 3"), "{result:?}");
        let why = unknown(&result.probes[0]);
        assert!(
            why.starts_with("db ended with 3: disk full; so it says nothing about web"),
            "{why}"
        );
        // What works without it works.
        let result = world.probe(&stack, &[probe("web", PATIENT, http())]).await;
        passed(&result.probes[0]);
        assert_eq!(result.warnings, ["db ended with 3: disk full"]);
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn secrets_and_terminal_sequences_of_a_log_are_not_shown() {
    let world = World::start();
    let script = r#"printf '\033[2J\033]0;title\007url postgres://u:%s@db\n' "$KEY"; \
                    printf %s "$KEY" | base64; exit 1"#;
    let built = world.push("web", &Image::script(script));
    let mut web = service("web", built.candidate());
    web.env.insert("KEY".to_owned(), Value::Secret(Secret::new("correct-horse-battery")));
    let result = run(world.probe(&stack([web]), &[probe("web", PATIENT, http())]));
    let detail = failed(&result.probes[0]).detail.as_deref().unwrap();
    assert!(detail.contains("url postgres://u:***@db"), "{detail}");
    for leak in ["correct-horse", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "\x1b", "\x07"] {
        assert!(!detail.contains(leak), "{detail:?}");
    }
}
