//! Servers that are no Streamlit, or mean harm: never a pass, never without end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use prost::encoding::{bytes, int32, string, uint32};
use tidegate::probe::{Attempt, StreamlitCheck};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::Url;

use super::{attempt, failed};

/// What every case may take; those that hang take all of it.
const SHORT: Duration = Duration::from_secs(2);
/// For those that send much.
const LONG: Duration = Duration::from_mins(1);

/// A server for any number of connections, each of which is given to `serve`.
fn server(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    url
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0_u8]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server that takes the WebSocket (RFC 6455, section 4.2.2) and then does what it likes.
fn websocket(serve: impl Fn(&mut TcpStream) + Send + Sync + Clone + 'static) -> Url {
    server(move |mut stream| {
        let request = head(&mut stream);
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        });
        let Some(key) = key else { return };
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: streamlit\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        let _ = stream.write_all(answer.as_bytes());
        serve(&mut stream);
    })
}

/// A frame with a payload of any length (RFC 6455, section 5.2).
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    frame.push(127);
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend(payload);
    frame
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(2, payload)
}

/// `ForwardMsg.new_session`, empty.
fn new_session() -> Vec<u8> {
    let mut message = Vec::new();
    bytes::encode(4, &Vec::<u8>::new(), &mut message);
    message
}

/// `ForwardMsg.delta` with a text at a place.
fn text(place: u32, text: &str) -> Vec<u8> {
    let (mut inner, mut element, mut delta) = (Vec::new(), Vec::new(), Vec::new());
    string::encode(1, &text.to_owned(), &mut inner);
    bytes::encode(1, &inner, &mut element);
    bytes::encode(3, &element, &mut delta);
    let (mut metadata, mut message) = (Vec::new(), Vec::new());
    uint32::encode_packed(2, &[0, place], &mut metadata);
    bytes::encode(2, &metadata, &mut message);
    bytes::encode(5, &delta, &mut message);
    message
}

fn finished(status: i32) -> Vec<u8> {
    let mut message = Vec::new();
    int32::encode(6, &status, &mut message);
    message
}

fn found(url: &Url, timeout: Duration) -> Attempt {
    attempt(url, &StreamlitCheck::default(), timeout)
}

fn failure(url: &Url, timeout: Duration) -> String {
    failed(found(url, timeout)).what
}

#[test]
fn the_server_of_these_tests_can_be_passed() {
    let url = websocket(|stream| {
        for message in [new_session(), text(0, "hello"), finished(0)] {
            let _ = stream.write_all(&binary(&message));
        }
        let _ = stream.read(&mut [0_u8; 64]);
    });
    let found = found(&url, LONG);
    assert!(
        matches!(&found, Attempt::Passed { seen } if seen.starts_with("1 page, 1 element")),
        "{found:?}"
    );
}

#[test]
fn who_hangs_or_ends_the_session_has_failed() {
    let hangs = websocket(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(failure(&hangs, SHORT), "a session was accepted, and nothing came for 2s");
    let closes = websocket(|stream| {
        let _ = stream.write_all(&frame(8, b"\x03\xf0go \x1b[2Jaway"));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let what = failure(&closes, LONG);
    assert!(what.contains("the server ended the session: 1008 go"), "{what}");
    assert!(!what.contains('\u{1b}'), "{what:?}");
    let drops = websocket(|stream| {
        let _ = stream.write_all(&binary(&new_session()));
    });
    let what = failure(&drops, LONG);
    assert!(what.contains("the server ended the session"), "{what}");
}

#[test]
fn who_sends_too_much_has_failed() {
    let places = websocket(|stream| {
        let _ = stream.write_all(&binary(&new_session()));
        let mut place = 0;
        while stream.write_all(&binary(&text(place, "x"))).is_ok() {
            place += 1;
        }
    });
    assert!(failure(&places, LONG).contains("more elements or text than a browser shows"));
    let messages = websocket(|stream| {
        let _ = stream.write_all(&binary(&new_session()));
        while stream.write_all(&binary(&text(0, "x"))).is_ok() {}
    });
    assert!(failure(&messages, LONG).contains("the app sent more than 200000 messages"));
    let large = websocket(|stream| {
        let mut head = vec![0x82, 127];
        head.extend((1_u64 << 40).to_be_bytes());
        let _ = stream.write_all(&head);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(failure(&large, LONG).contains("a message of more than 64 MiB"));
    // Two bytes on the wire for each page, many more in memory.
    let pages = websocket(|stream| {
        let pages = [0x42, 0x00].repeat(1024 * 1024);
        let mut message = Vec::new();
        bytes::encode(4, &pages, &mut message);
        let _ = stream.write_all(&binary(&message));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(failure(&pages, LONG).contains("bytes beside the page's own"));
}

#[test]
fn who_does_not_speak_the_protocol_proves_nothing() {
    let impossible = |url: &Url, timeout| match found(url, timeout) {
        Attempt::Impossible { why } => why,
        other => panic!("expected nothing to be known, found {other:?}"),
    };
    let garbage = websocket(|stream| {
        let _ = stream.write_all(&binary(&[0xff; 64]));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(impossible(&garbage, LONG).contains("does not speak Streamlit's protocol"));
    let talk = websocket(|stream| {
        let _ = stream.write_all(&frame(1, b"hello"));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(impossible(&talk, LONG).ends_with("text: hello"));
    let broken = websocket(|stream| {
        let _ = stream.write_all(&[0xff; 64]);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(impossible(&broken, LONG).contains("does not speak Streamlit's protocol"));
    let newer = websocket(|stream| {
        let mut message = Vec::new();
        bytes::encode(900, &b"a kind that nobody knows".to_vec(), &mut message);
        let _ = stream.write_all(&binary(&message));
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert!(impossible(&newer, SHORT).contains("1 messages came, and none of them is known"));
    let nowhere: Url = "http://no-such-host.invalid/".parse().unwrap();
    assert!(impossible(&nowhere, LONG).starts_with("cannot resolve no-such-host.invalid"));
}

#[test]
fn who_is_not_there_yet_is_not_ready() {
    let answers = |status: &'static str| {
        server(move |mut stream| {
            head(&mut stream);
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
        })
    };
    for status in ["200 OK", "404 Not Found", "502 Bad Gateway", "503 Service Unavailable"] {
        let found = found(&answers(status), LONG);
        let Attempt::NotReady(failure) = found else { panic!("{status}: {found:?}") };
        let code = &status[..3];
        assert!(
            failure.what.contains(&format!("answers {code}, not with a session")),
            "{failure:?}"
        );
    }
    for (status, said) in
        [("302 Found", "redirect (302)"), ("401 Unauthorized", "wants a login (401)")]
    {
        assert!(failure(&answers(status), LONG).contains(said), "{status}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let refuses: Url = format!("http://{}/", gone.local_addr().unwrap()).parse().unwrap();
    drop(gone);
    let silent = server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let closes = server(drop);
    for (url, timeout) in [(refuses, LONG), (silent, SHORT), (closes, LONG)] {
        let found = found(&url, timeout);
        assert!(matches!(found, Attempt::NotReady(_)), "{found:?}");
    }
}
