//! Pulling: by digest, for the right platform, with the right credentials.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use tidegate::adapters::engine::{Engine, EngineError, Options};
use tidegate::adapters::registry::Login;
use tidegate::model::Digest;
use tidegate::secret::Secret;
use tidegate::stack::ServiceImage;

use super::run;
use crate::harness::engine::{Built, Image, TestEngine};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER, basic};

fn login(password: &str) -> Login {
    Login::Password {
        user: USER.to_owned(),
        password: Secret::new(password),
        source: "a test".to_owned(),
    }
}

#[test]
fn an_image_is_pulled_by_its_digest_and_by_no_other() {
    let engine = TestEngine::start();
    let registry = OciRegistry::start();
    let built = Image::script("true").push(&registry, "acme/app");
    run(async {
        let client = engine.connect().await;
        let id = client.pull(&built.candidate(), None, None).await.unwrap();
        // The second time it is there; the registry is not needed any more.
        drop(registry);
        assert_eq!(client.pull(&built.candidate(), None, None).await.unwrap(), id);

        let absent = ServiceImage::Candidate { image: built.image, digest: Digest::of(b"other") };
        let error = client.pull(&absent, None, None).await.unwrap_err();
        assert!(!error.is_conclusive(), "{error:?}");
        assert!(error.to_string().contains(Digest::of(b"other").as_str()), "{error}");
    });
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let engine = TestEngine::start();
    let registry = OciRegistry::start();
    let built = Image::scratch().push(&registry, "acme/app");
    run(async {
        let client = engine.connect().await;
        for image in [
            ServiceImage::Candidate { image: built.image, digest: Digest::of(b"other") },
            ServiceImage::Given(format!("{}/acme/nothing:1", registry.host())),
        ] {
            let error = client.pull(&image, None, None).await.unwrap_err();
            assert!(matches!(error, EngineError::NoImage { .. }), "{error:?}");
            assert!(error.to_string().contains("is not in its registry"), "{error}");
        }
        let layout = ServiceImage::Candidate {
            image: "oci:./layout".parse().unwrap(),
            digest: Digest::of(b""),
        };
        let error = client.pull(&layout, None, None).await.unwrap_err();
        assert!(matches!(error, EngineError::Layout { .. }), "{error:?}");
    });
}

#[test]
fn credentials_reach_the_registry_and_nobody_else() {
    let engine = TestEngine::start();
    for auth in [Auth::Basic, Auth::Token] {
        let registry = OciRegistry::start_with(auth);
        let built = Image::script("true").push(&registry, "acme/app");
        run(async {
            let client = engine.connect().await;
            for wrong in [None, Some(login("wrong-password"))] {
                let error =
                    client.pull(&built.candidate(), None, wrong.as_ref()).await.unwrap_err();
                assert!(matches!(error, EngineError::Denied { .. }), "{auth:?}: {error:?}");
                let text = format!("{error} {error:?}");
                assert!(!text.contains("wrong-password"), "{text}");
            }
            client.pull(&built.candidate(), None, Some(&login(PASSWORD))).await.unwrap();
        });
    }
}

/// The header to the engine is base64 for URLs; this password has characters for which that differs
/// from standard base64, wherever it stands.
#[test]
fn every_password_reaches_the_registry_as_it_is() {
    let password = "?~>?~>a?~>?~>ab?~>?~>";
    let engine = TestEngine::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let (heads, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            heads.send(refuse(stream.unwrap())).ok();
        }
    });
    run(async {
        let client = engine.connect().await;
        let name = ServiceImage::Given(format!("{host}/acme/app:1"));
        client.pull(&name, None, Some(&login(password))).await.unwrap_err();
    });
    let sent: Vec<String> = received.try_iter().collect();
    let expected = format!("authorization: {}", basic(USER, password)).to_lowercase();
    assert!(sent.iter().any(|head| head.to_lowercase().contains(&expected)), "{sent:?}");
}

/// A registry that lets nobody in; TLS is closed at once. Returns the head of the request.
fn refuse(mut stream: TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.starts_with(&[0x16]) {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            break;
        }
        head.push(byte[0]);
    }
    let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                  Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    let _ = stream.write_all(answer.as_bytes());
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn an_image_for_other_machines_is_refused_by_name() {
    let engine = TestEngine::start();
    let registry = OciRegistry::start();
    let built = Image::scratch().architecture("s390x").push(&registry, "acme/app");
    run(async {
        let client = engine.connect().await;
        let error = client.pull(&built.candidate(), None, None).await.unwrap_err();
        assert!(matches!(error, EngineError::OtherPlatform { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("linux/s390x") && text.contains(&client.platform()), "{text}");
        assert!(!error.is_conclusive());

        // An index without the platform.
        let index = registry.push("acme/index", &[], "x");
        let image = registry.image("acme/index");
        let candidate = ServiceImage::Candidate { image, digest: index.digest };
        let error = client.pull(&candidate, Some("linux/s390x"), None).await.unwrap_err();
        assert!(matches!(error, EngineError::OtherPlatform { .. }), "{error:?}");

        // Where the configuration asks for it, it is pulled: the engine may emulate it.
        client.pull(&built.candidate(), Some("linux/s390x"), None).await.unwrap();
    });
}

#[test]
fn given_images_are_pulled_where_they_are_missing_or_move() {
    let engine = TestEngine::start();
    let registry = OciRegistry::start();
    let first = Image::script("true").push(&registry, "acme/db");
    let moving = ServiceImage::Given(first.image.to_string());
    tag_latest(&registry, &first);
    run(async {
        let client = engine.connect().await;
        let fixed = client.pull(&first.given(), None, None).await.unwrap();
        assert_eq!(client.pull(&moving, None, None).await.unwrap(), fixed);
        let second = Image::script("false").push(&registry, "acme/db");
        tag_latest(&registry, &second);
        // `1` moved in the registry, but a fixed tag that is there is not asked for again.
        assert_eq!(client.pull(&first.given(), None, None).await.unwrap(), fixed);
        let moved = client.pull(&moving, None, None).await.unwrap();
        assert_ne!(moved, fixed);
        drop(registry);
        assert_eq!(client.pull(&moving, None, None).await.unwrap(), moved);
    });
}

fn tag_latest(registry: &OciRegistry, built: &Built) {
    let (kind, bytes) = registry.read("acme/db", built.digest.as_str()).unwrap();
    registry.push_manifest("acme/db", "latest", &kind, &bytes);
}

#[test]
fn an_engine_that_is_not_there_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let at = |address: String| Options { configured: Some(address), ..Options::default() };
    let address = format!("unix://{}", socket.display());
    run(async {
        let error = Engine::connect(&at(address.clone())).await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
        assert!(error.to_string().contains("start the engine"), "{error}");

        // A file that nobody listens at.
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let error = Engine::connect(&at(address.clone())).await.unwrap_err();
        assert!(error.to_string().contains("Connection refused"), "{error}");

        for remote in ["ssh://me@host", "tcp://192.0.2.1:2376"] {
            let error = Engine::connect(&at(remote.to_owned())).await.unwrap_err();
            assert!(matches!(error, EngineError::Address { .. }), "{error:?}");
        }

        // Somebody else's server.
        let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", server.server_addr());
        let thread = std::thread::spawn(move || {
            let request = server.recv().unwrap();
            request.respond(tiny_http::Response::from_string("<html>hello</html>")).unwrap();
        });
        let error = Engine::connect(&at(address)).await.unwrap_err();
        thread.join().unwrap();
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
    });
}
