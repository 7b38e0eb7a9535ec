use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::json;

use super::*;
use crate::secret::Secret;

const LONG: Duration = Duration::from_mins(1);

/// A server of one answer for each connection, as raw bytes or by a function that writes on.
fn server(answer: impl Fn(&mut TcpStream, &str) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => asked.extend_from_slice(&piece[..count]),
                }
            }
            answer(&mut stream, &String::from_utf8_lossy(&asked));
        }
    });
    address
}

fn says(status: &'static str, headers: &'static str, body: &'static str) -> SocketAddr {
    server(move |stream, _| {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(text.as_bytes()).unwrap();
    })
}

async fn attempt(at: SocketAddr, container: bool, check: &HttpCheck, timeout: Duration) -> Attempt {
    let mut redactor = Redactor::new();
    redactor.add(&Secret::new("s3cret-value"));
    let base = format!("http://{at}").parse().unwrap();
    HttpProbe::new(&base, container, check, &redactor).unwrap().attempt(timeout).await
}

async fn asked(at: SocketAddr, check: &HttpCheck) -> Attempt {
    attempt(at, true, check, LONG).await
}

fn failure(attempt: Attempt) -> ProbeFailure {
    match attempt {
        Attempt::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn body(text: &str) -> HttpCheck {
    HttpCheck { body: Some(text.to_owned()), ..HttpCheck::default() }
}

#[tokio::test]
async fn statuses_that_pass_and_statuses_that_do_not() {
    let any = HttpCheck::default();
    let only = HttpCheck { status: vec![401, 404], ..HttpCheck::default() };
    for (status, check, passes) in [
        ("200 OK", &any, true),
        ("299 X", &any, true),
        ("404 Not Found", &any, false),
        ("500 Internal Server Error", &any, false),
        ("404 Not Found", &only, true),
        ("200 OK", &only, false),
    ] {
        let seen = asked(says(status, "", "text"), check).await;
        match seen {
            Attempt::Passed { seen } => {
                assert!(passes && seen.starts_with(&status[..3]), "{status}: {seen}");
            }
            Attempt::Failed(failure) => {
                assert!(!passes, "{status}");
                assert_eq!(failure.detail.as_deref(), Some("text"));
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    let said = failure(asked(says("200 OK", "", ""), &only).await);
    assert_eq!(said, ProbeFailure::new("GET /: status 200, expected 401 or 404"));
}

#[tokio::test]
async fn answers_of_a_start_are_not_ready_unless_they_are_asked_for() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let seen = asked(says(status, "", ""), &HttpCheck::default()).await;
        assert!(matches!(seen, Attempt::NotReady(_)), "{status}: {seen:?}");
    }
    let wanted = HttpCheck { status: vec![503], ..HttpCheck::default() };
    let seen = asked(says("503 Service Unavailable", "", ""), &wanted).await;
    assert!(matches!(seen, Attempt::Passed { .. }), "{seen:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let to = "Location: http://elsewhere.invalid/login\x1b[2J?token=s3cret-value\r\n";
    let plain = "Location: /login\r\n";
    let said = failure(asked(says("302 Found", plain, ""), &HttpCheck::default()).await);
    assert_eq!(said.what, "GET /: status 302 to /login, expected 200 to 299");
    let wanted = HttpCheck { status: vec![302], ..HttpCheck::default() };
    assert!(matches!(asked(says("302 Found", plain, ""), &wanted).await, Attempt::Passed { .. }));
    let hostile = asked(says("302 Found", to, ""), &HttpCheck::default()).await;
    let text = format!("{hostile:?}");
    assert!(!text.contains('\x1b') && !text.contains("s3cret-value"), "{text}");
}

#[tokio::test]
async fn bodies_are_held_against_a_regex() {
    let at = says("200 OK", "", "{\"status\": \"ready\", \"key\": \"s3cret-value\"}\n\x1b[31m");
    assert!(matches!(asked(at, &body("\"ready\"")).await, Attempt::Passed { .. }));
    let said = failure(asked(at, &body("^healthy$")).await);
    assert_eq!(said.what, "GET /: the body does not match \"^healthy$\"");
    let detail = said.detail.unwrap();
    assert!(!detail.contains("s3cret-value") && !detail.contains('\x1b'), "{detail}");
    let redactor = Redactor::new();
    let base: Url = "http://127.0.0.1:1/".parse().unwrap();
    let huge = body("(((a{1000}){1000}){1000})");
    let refused = HttpProbe::new(&base, true, &huge, &redactor).err().unwrap();
    assert!(refused.contains("size limit"), "{refused}");
}

#[tokio::test]
async fn json_values_are_held_against_pointers() {
    let at = says("200 OK", "", r#"{"db": {"up": true, "lag": 1.0}, "v": ["a", null]}"#);
    let check = |pairs: &[(&str, Value)]| HttpCheck {
        json: pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        ..HttpCheck::default()
    };
    let right =
        check(&[("/db/up", json!(true)), ("/db/lag", json!(1)), ("/v", json!(["a", null]))]);
    assert!(matches!(asked(at, &right).await, Attempt::Passed { .. }));
    for (pointer, expected, said) in [
        ("/db/up", json!(false), "/db/up is true, expected false"),
        ("/db/down", json!(null), "/db/down is missing, expected null"),
        ("/v/0", json!("b"), "/v/0 is \"a\", expected \"b\""),
    ] {
        let failure = failure(asked(at, &check(&[(pointer, expected)])).await);
        assert_eq!(failure.what, format!("GET /: {said}"));
    }
    let page = says("200 OK", "", "<html>");
    let said = failure(asked(page, &check(&[("/a", json!(1))])).await);
    assert!(said.what.starts_with("GET /: the body is no JSON ("), "{}", said.what);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_fails() {
    let at = server(|stream, _| {
        std::thread::sleep(Duration::from_millis(30));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let quick = HttpCheck { max_latency: Some(Duration::from_millis(5)), ..HttpCheck::default() };
    let said = failure(asked(at, &quick).await);
    assert!(said.what.contains("at most 5 ms are allowed"), "{}", said.what);
    let patient = HttpCheck { max_latency: Some(LONG), ..HttpCheck::default() };
    assert!(matches!(asked(at, &patient).await, Attempt::Passed { .. }));
}

#[tokio::test]
async fn headers_are_sent_and_paths_joined_below_the_base() {
    let at = server(|stream, asked| {
        let right = asked.starts_with("GET /base/health?deep=1 HTTP/1.1\r\n")
            && asked.to_ascii_lowercase().contains("\r\nhost: app.example\r\n");
        let status = if right { "200 OK" } else { "400 Bad Request" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let check = HttpCheck {
        path: Some("/health?deep=1".to_owned()),
        headers: BTreeMap::from([("Host".to_owned(), "app.example".to_owned())]),
        ..HttpCheck::default()
    };
    let redactor = Redactor::new();
    let base = format!("http://{at}/base/").parse().unwrap();
    let probe = HttpProbe::new(&base, false, &check, &redactor).unwrap();
    assert!(matches!(probe.attempt(LONG).await, Attempt::Passed { .. }));
}

#[tokio::test]
async fn endless_and_slow_bodies_are_ended() {
    let endless = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert!(matches!(asked(endless, &HttpCheck::default()).await, Attempt::Passed { .. }));
    let said = failure(asked(endless, &body("y")).await);
    assert!(said.what.ends_with("does not match \"y\" in its first 1 MiB"), "{}", said.what);
    assert!(said.detail.unwrap().len() < 3000);

    let slow = server(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let seen = attempt(slow, true, &HttpCheck::default(), Duration::from_millis(300)).await;
    assert_eq!(failure(seen).what, "GET /: no complete answer within 300ms");
}

#[tokio::test]
async fn who_is_to_blame_where_nobody_answers() {
    let none = HttpCheck::default();
    // Bound, so that nobody else takes the port, and not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = socket.local_addr().unwrap();
    for container in [true, false] {
        let seen = attempt(nobody, container, &none, LONG).await;
        assert!(matches!(seen, Attempt::NotReady(_)), "{seen:?}");
    }
    // The engine's proxy, with nobody behind it; at a URL somebody took the connection.
    let hung_up = server(|_, _| {});
    assert!(matches!(asked(hung_up, &none).await, Attempt::NotReady(_)));
    assert!(matches!(attempt(hung_up, false, &none, LONG).await, Attempt::Failed(_)));

    let redactor = Redactor::new();
    // Speaks no TLS, and says so before it is asked.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for url in ["http://no-such-host.invalid/".to_owned(), format!("https://{plain}/")] {
        let probe = HttpProbe::new(&url.parse().unwrap(), false, &none, &redactor).unwrap();
        let seen = probe.attempt(LONG).await;
        assert!(matches!(seen, Attempt::Impossible { .. }), "{url}: {seen:?}");
    }
}
