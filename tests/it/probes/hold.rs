//! What says nothing about the candidate.

use super::*;

#[test]
fn without_an_engine_nobody_can_tell() {
    let digest = tidegate::model::Digest::of(b"never pulled");
    let image = ServiceImage::Candidate { image: "127.0.0.1:1/acme/web".parse().unwrap(), digest };
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}/docker.sock", folder.path().display());
    let options = Options { configured: Some(socket.clone()), ..Options::default() };
    let stack = stack([service("web", image)]);
    let result = run(probe_with(&options, &stack, &[probe("web", PATIENT, http())]));
    let why = unknown(&result.probes[0]);
    assert!(why.contains("docker.sock"), "{why}");
    // Also where nothing but the start is tried.
    let result = run(probe_with(&options, &stack, &[]));
    assert_eq!(result.probes.len(), 1);
    unknown(&result.probes[0]);
}

#[test]
fn what_cannot_be_pulled_or_run_here_is_held() {
    let world = World::start();
    let foreign = web("").architecture("s390x");
    let none = web("");
    run(async {
        let foreign = world.one(&foreign, PATIENT, http()).await;
        assert!(unknown(&foreign).contains("linux/s390x"), "{foreign:?}");

        let built = world.push("web", &none);
        let digest = tidegate::model::Digest::of(b"never pushed");
        let image = ServiceImage::Candidate { image: built.image.clone(), digest };
        let missing = stack([service("web", image)]);
        let result = world.probe(&missing, &[probe("web", PATIENT, http())]).await;
        let why = unknown(&result.probes[0]);
        assert!(why.contains("acme/web"), "{why}");

        let health = world.one(&none, PATIENT, Check::ContainerHealth).await;
        assert!(unknown(&health).contains("has no HEALTHCHECK"), "{health:?}");
        world.engine.assert_nothing_left().await;
    });
}
