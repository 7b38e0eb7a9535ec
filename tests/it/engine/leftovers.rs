//! Nothing stays, whatever happens to the process.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use tidegate::adapters::engine::{Engine, ImageId, Options, Run, stop_signal};
use tidegate::stack::{Mount, MountSource, Service, ServiceImage};

use super::{LONG, World, run, service_of, started};
use crate::harness::engine::Image;

const SOCKET: &str = "TIDEGATE_TEST_ENGINE";
const IMAGE: &str = "TIDEGATE_TEST_IMAGE";

/// A service with all kinds of things that can be left behind.
fn rich(image: ServiceImage) -> Service {
    let mut service = service_of("app", image);
    let at = |at: &str, source| Mount { at: at.to_owned(), source, read_only: false };
    service.mounts.push(at("/a", MountSource::Volume("data".to_owned())));
    service.mounts.push(at("/b", MountSource::Anonymous));
    service.ports.insert(8000);
    service
}

/// Not a test: the process that tests start, and end in all ways.
#[test]
#[ignore = "other tests start it"]
fn a_process_with_a_run() {
    let (Ok(socket), Ok(image)) = (std::env::var(SOCKET), std::env::var(IMAGE)) else { return };
    run(async {
        let options = Options { configured: Some(socket), ..Options::default() };
        let engine = Engine::connect(&options).await.unwrap();
        let image = ServiceImage::Given(image);
        let id = engine.pull(&image, None, None).await.unwrap();
        let stopped = stop_signal();
        tokio::pin!(stopped);
        let run = engine.begin(LONG).await.unwrap();
        let work = async {
            started(&run, &rich(image), &id).await;
            say(&format!("running {}", run.id()));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            signal = &mut stopped => say(&format!("stopped by {}", signal.name())),
            () = work => {}
        }
        run.remove().await.unwrap();
    });
}

/// Tells the test that reads the standard error of this process.
fn say(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

/// Starts the process, and waits until its container runs.
#[expect(clippy::zombie_processes, reason = "the caller waits for it")]
fn process(world: &World, image: &str) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["engine::leftovers::a_process_with_a_run", "--exact", "--ignored", "--nocapture"])
        .env(SOCKET, world.engine.host())
        .env(IMAGE, image)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut all = String::new();
    loop {
        let from = all.len();
        assert!(lines.read_line(&mut all).unwrap() > 0, "it ended: {all}");
        if let Some(id) = all[from..].trim_end().strip_prefix("running ") {
            return (child, id.to_owned(), lines);
        }
    }
}

/// An image that the process can name.
fn sleeper(world: &World) -> String {
    let built = Image::script("trap '' TERM; while :; do sleep 1000; done")
        .push(&world.registry, "acme/sleeper");
    format!("{}:1", built.image)
}

async fn begin(world: &World, image: &str) -> (Run, ImageId) {
    let engine = world.engine.connect().await;
    let image = ServiceImage::Given(image.to_owned());
    let id = engine.pull(&image, None, None).await.unwrap();
    (engine.begin(LONG).await.unwrap(), id)
}

#[test]
fn a_killed_run_is_removed_by_the_next_and_a_live_one_is_not() {
    let world = World::start();
    let image = sleeper(&world);
    let (mut live, live_id, _live_lines) = process(&world, &image);
    let (mut killed, killed_id, _lines) = process(&world, &image);
    killed.kill().unwrap();
    killed.wait().unwrap();
    run(async {
        let named = |left: &[String], id: &str| left.iter().filter(|it| it.contains(id)).count();
        let left = world.engine.left().await;
        assert_eq!((named(&left, &killed_id), named(&left, &live_id)), (2, 2), "{left:?}");
        assert_eq!(left.len(), 8, "{left:?}");

        let (run, _) = begin(&world, &image).await;
        run.remove().await.unwrap();
        let left = world.engine.left().await;
        assert_eq!((named(&left, &killed_id), named(&left, &live_id)), (0, 2), "{left:?}");
        assert_eq!(left.len(), 4, "{left:?}");

        live.kill().unwrap();
        live.wait().unwrap();
        let (run, _) = begin(&world, &image).await;
        world.end(run).await;
    });
}

#[test]
fn sigterm_and_sigint_remove_everything_before_the_end() {
    let world = World::start();
    let image = sleeper(&world);
    for signal in ["TERM", "INT"] {
        let (mut child, _, mut lines) = process(&world, &image);
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, format!("stopped by SIG{signal}\n"));
        assert!(child.wait().unwrap().success());
        run(world.engine.assert_nothing_left());
    }
}

#[test]
fn a_panic_removes_everything() {
    let world = World::start();
    let image = sleeper(&world);
    let result = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                run(async {
                    let (run, id) = begin(&world, &image).await;
                    started(&run, &rich(ServiceImage::Given(image.clone())), &id).await;
                    assert_eq!(world.engine.left().await.len(), 4);
                    panic!("on purpose");
                });
            })
            .join()
    });
    let panic: Box<dyn std::any::Any + Send> = match result {
        Err(panic) => panic,
        Ok(()) => panic!("it did not panic"),
    };
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    run(world.engine.assert_nothing_left());
}

#[test]
fn work_that_is_cut_off_leaves_nothing() {
    let world = World::start();
    let image = sleeper(&world);
    run(async {
        let (run, id) = begin(&world, &image).await;
        let service = rich(ServiceImage::Given(image.clone()));
        // Calls that were sent and whose answers nobody waits for.
        for _ in 0..5 {
            let work = started(&run, &service, &id);
            let soon = std::time::Duration::from_millis(40);
            drop(tokio::time::timeout(soon, work).await);
        }
        world.end(run).await;
    });
}

#[test]
fn removing_twice_and_after_others_is_no_error() {
    let world = World::start();
    let image = sleeper(&world);
    run(async {
        let (run, id) = begin(&world, &image).await;
        let container = started(&run, &rich(ServiceImage::Given(image.clone())), &id).await;
        // A person was faster.
        let force = bollard::query_parameters::RemoveContainerOptionsBuilder::new().force(true);
        let client = world.engine.client();
        client.remove_container(container.id(), Some(force.build())).await.unwrap();
        assert!(run.state(&container).await.is_err());
        run.remove().await.unwrap();
        world.end(run).await;
    });
}

#[test]
fn what_stays_is_named_and_does_not_stop_the_next_run() {
    let world = World::start();
    let image = sleeper(&world);
    run(async {
        let (run, _) = begin(&world, &image).await;
        // A container of somebody else in this run's network keeps the network.
        let client = world.engine.client();
        let body = bollard::models::ContainerCreateBody {
            image: Some(image.clone()),
            host_config: Some(bollard::models::HostConfig {
                network_mode: Some(format!("tidegate-{}", run.id())),
                ..Default::default()
            }),
            ..Default::default()
        };
        let options = None::<bollard::query_parameters::CreateContainerOptions>;
        let foreign = client.create_container(options, body).await.unwrap().id;
        let options = None::<bollard::query_parameters::StartContainerOptions>;
        client.start_container(&foreign, options).await.unwrap();
        let error = run.remove().await.unwrap_err().to_string();
        assert!(error.contains(&format!("network tidegate-{}", run.id())), "{error}");
        drop(run);

        // The labels of a run whose time is over.
        let labels = HashMap::from([
            ("dev.tidegate.run".to_owned(), "0123456789abcdef".to_owned()),
            ("dev.tidegate.owner".to_owned(), "another-machine:1:1".to_owned()),
            ("dev.tidegate.until".to_owned(), "1700000000".to_owned()),
        ]);
        let mut later = labels.clone();
        later.insert("dev.tidegate.run".to_owned(), "later".to_owned());
        later.insert("dev.tidegate.until".to_owned(), "99999999999".to_owned());
        for (name, labels) in [("old", &labels), ("later", &later)] {
            let volume = VolumeCreateRequest {
                name: Some(name.to_owned()),
                labels: Some(labels.clone()),
                ..Default::default()
            };
            client.create_volume(volume).await.unwrap();
            let network = NetworkCreateRequest {
                name: name.to_owned(),
                labels: Some(labels.clone()),
                ..Default::default()
            };
            client.create_network(network).await.unwrap();
        }
        let (run, _) = begin(&world, &image).await;
        run.remove().await.unwrap();
        let left = world.engine.left().await;
        assert!(left.iter().all(|it| !it.contains("old")), "{left:?}");
        assert_eq!(left.iter().filter(|it| it.contains("later")).count(), 2, "{left:?}");
    });
}
