//! `Host` and `Origin`: apps that look at them, under other names and behind a proxy with a path.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use tidegate::probe::{Attempt, StreamlitCheck};
use url::Url;

use super::{TIMEOUT, attempt, failed};
use crate::harness::streamlit::Streamlit;

/// A proxy that takes a prefix off the path of the first request of a connection, and puts a host
/// in; the rest goes through as it is. It ends with the test's process.
fn proxy(prefix: &'static str, to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || relay(client, prefix, to));
        }
    });
    port
}

fn relay(mut client: TcpStream, prefix: &str, to: u16) {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some(rest) = head.strip_prefix(&format!("GET {prefix}/")) else {
        let _ = client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)) else { return };
    let _ = server.write_all(format!("GET /{rest}").as_bytes());
    let (mut from, mut back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = up.join();
}

#[test]
fn an_app_behind_a_proxy_with_a_path_is_found_below_it() {
    let strict = ["--server.enableCORS=true", "--server.enableXsrfProtection=true"];
    for version in ["1.16.0", "1.67.0"] {
        let server = Streamlit::start(version, "good", &strict);
        let port = proxy("/team/dash", server.port());
        let at = |path: &str| Url::parse(&format!("http://127.0.0.1:{port}{path}")).unwrap();
        let found = attempt(&at("/team/dash/"), &StreamlitCheck::default(), TIMEOUT);
        assert!(matches!(found, Attempt::Passed { .. }), "{version}: {found:?}");
        let found = attempt(&at("/team"), &StreamlitCheck::default(), TIMEOUT);
        let Attempt::NotReady(failure) = found else { panic!("{version}: {found:?}") };
        assert!(
            failure.what.ends_with("/team answers 404, not with a session of Streamlit"),
            "{failure:?}"
        );
    }
}

#[test]
fn an_app_that_answers_one_name_only_is_asked_for_it() {
    let only = ["--server.allowedHosts=dash.acme.example"];
    let server = Streamlit::start("1.67.0", "good", &only);
    let refused = failed(attempt(&server.url(), &StreamlitCheck::default(), TIMEOUT));
    assert!(refused.what.contains("(403): name the host"), "{refused:?}");
    let host = Some("dash.acme.example".to_owned());
    let check = StreamlitCheck { host, ..StreamlitCheck::default() };
    let found = attempt(&server.url(), &check, TIMEOUT);
    assert!(matches!(found, Attempt::Passed { .. }), "{found:?}\n{}", server.log());
}
