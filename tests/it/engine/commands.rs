//! `exec` and `once`.

use std::time::Duration;

use tidegate::adapters::engine::Finished;
use tidegate::secret::Secret;
use tidegate::stack::{Mount, MountSource, Value};

use super::{LONG, World, run, started};
use crate::harness::engine::Image;

#[test]
fn commands_in_a_container_show_code_and_output() {
    let world = World::start();
    run(async {
        let (run, mut service, id) = world.begin(&Image::script("sleep 1000")).await;
        let secret = Value::Secret(Secret::new("hunter2hunter2"));
        service.env.insert("PASSWORD".to_owned(), secret);
        let container = started(&run, &service, &id).await;
        let script = "echo out; echo err >&2; echo \"$PASSWORD\"; exit 7";
        let finished = run.exec(&container, &["sh", "-c", script], LONG).await.unwrap();
        assert_eq!((finished.exit_code, finished.oom_killed), (Some(7), false));
        // The two streams may come in any order.
        let mut lines: Vec<&str> = finished.output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["***", "err", "out"]);

        // As engines say it: 126 or 127.
        let finished = run.exec(&container, &["no-such-program"], LONG).await.unwrap();
        assert!(matches!(finished.exit_code, Some(126 | 127)), "{finished:?}");
        assert!(finished.output.contains("no-such-program"), "{finished:?}");

        // More than is kept, and nothing that moves a cursor.
        let flood = "yes 'a line of noise' | head -n 200000; printf '\\033[2Jend'";
        let finished = run.exec(&container, &["sh", "-c", flood], LONG).await.unwrap();
        assert_eq!(finished.exit_code, Some(0));
        assert!(finished.output.len() <= tidegate::probe::MAX_DETAIL, "{}", finished.output.len());
        assert!(finished.output.ends_with("noise\nend"), "{}", finished.output);
        world.end(run).await;
    });
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_its_children() {
    let world = World::start();
    run(async {
        let (run, service, id) = world.begin(&Image::script("sleep 1000")).await;
        let container = started(&run, &service, &id).await;
        let script = "echo begun; sleep 4321 & sleep 4322";
        let limit = Duration::from_secs(1);
        let finished = run.exec(&container, &["sh", "-c", script], limit).await.unwrap();
        let expected = Finished { exit_code: None, oom_killed: false, output: "begun".to_owned() };
        assert_eq!(finished, expected);
        let listed = run.exec(&container, &["ps"], LONG).await.unwrap();
        assert!(!listed.output.contains("sleep 43"), "{}", listed.output);
        assert!(listed.output.contains("sleep 1000"), "{}", listed.output);
        world.end(run).await;
    });
}

#[test]
fn a_command_of_its_own_gets_environment_and_volumes_and_leaves_nothing() {
    let world = World::start();
    run(async {
        // An entry point that would do anything but run a command.
        let image = Image::busybox().entrypoint(&["sleep", "1000"]).healthcheck("false", 100, 1);
        let (run, mut service, id) = world.begin(&image).await;
        service.env.insert("GREETING".to_owned(), Value::Plain("hello".to_owned()));
        let at = |at: &str, source| Mount { at: at.to_owned(), source, read_only: false };
        service.mounts.push(at("/shared", MountSource::Volume("db data".to_owned())));
        service.mounts.push(at("/own", MountSource::Anonymous));
        service.mounts.push(at("/memory", MountSource::Tmpfs));
        let write = "echo $GREETING > /shared/x && touch /own/x /memory/x && grep -c '/memory tmpfs' /proc/mounts";
        let finished = run.once(&service, &id, write, LONG).await.unwrap();
        assert_eq!(finished.exit_code, Some(0), "{finished:?}");
        assert_eq!(finished.output, "1");

        service.mounts[0].read_only = true;
        let read = "cat /shared/x; test -e /own/x || echo empty; touch /shared/y";
        let finished = run.once(&service, &id, read, LONG).await.unwrap();
        assert_eq!(finished.exit_code, Some(1));
        // The two streams arrive in any order.
        assert!(finished.output.contains("hello\n"), "{finished:?}");
        assert!(finished.output.contains("empty"), "{finished:?}");
        assert!(finished.output.contains("Read-only file system"), "{finished:?}");

        let finished = run
            .once(&service, &id, "echo begun; sleep 1000", Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!((finished.exit_code, finished.output.as_str()), (None, "begun"));

        // Only the named volume and the network are still there.
        let left = world.engine.left().await;
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.iter().any(|what| what.ends_with("db_data")), "{left:?}");
        world.end(run).await;
    });
}
