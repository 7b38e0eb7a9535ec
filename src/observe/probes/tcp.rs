//! `tcp`: somebody accepts a connection.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use url::Url;

use crate::http::host_of;
use crate::probe::{Attempt, ProbeFailure};

/// How long a connection to a container has to last: the engine's own proxy accepts it first, and
/// ends it where nobody listens in the container.
const LASTS: Duration = Duration::from_millis(100);

/// Makes one attempt at a port of a container.
pub(super) async fn container(address: SocketAddr, timeout: Duration) -> Attempt {
    let begun = Instant::now();
    let mut stream = match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return not_ready(&format!("no connection ({error})")),
        Err(_) => return not_ready(&format!("no connection within {timeout:?}")),
    };
    let took = begun.elapsed();
    let mut first = [0; 1];
    match tokio::time::timeout(LASTS, stream.read(&mut first)).await {
        Ok(Ok(0)) => not_ready("nobody listens: the connection was closed at once"),
        Ok(Err(error)) => not_ready(&format!("nobody listens: the connection broke ({error})")),
        Ok(Ok(_)) | Err(_) => connected(took),
    }
}

/// Makes one attempt at a URL.
pub(super) async fn url(url: &Url, timeout: Duration) -> Attempt {
    let host = host_of(url);
    let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Attempt::Impossible { why: format!("{host} names no port") };
    };
    // Brackets are the URL's way to write an IPv6 address.
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let begun = Instant::now();
    let connecting = TcpStream::connect((name, port));
    match tokio::time::timeout(timeout, connecting).await {
        Ok(Ok(_)) => connected(begun.elapsed()),
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            not_ready(&format!("{host} refused the connection"))
        }
        // Whatever it is, nobody has answered: the name, the network, a firewall.
        Ok(Err(error)) => {
            Attempt::Impossible { why: format!("{host} cannot be reached ({error})") }
        }
        Err(_) => Attempt::Impossible {
            why: format!("{host} cannot be reached (no connection within {timeout:?})"),
        },
    }
}

fn connected(took: Duration) -> Attempt {
    Attempt::Passed { seen: format!("connected in {} ms", took.as_millis()) }
}

fn not_ready(what: &str) -> Attempt {
    Attempt::NotReady(ProbeFailure::new(what))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_secs(20);

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_server_that_speaks_or_waits_passes() {
        for greets in [true, false] {
            let (listener, address) = listener().await;
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                if greets {
                    stream.write_all(b"220 hello\r\n").await.unwrap();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                attempt = container(address, SHORT) => {
                    assert!(matches!(attempt, Attempt::Passed { .. }), "{attempt:?}");
                }
                () = server => {}
            }
        }
    }

    #[tokio::test]
    async fn a_proxy_with_nobody_behind_it_is_not_ready() {
        let (listener, address) = listener().await;
        let server = async {
            drop(listener.accept().await.unwrap());
            std::future::pending::<()>().await;
        };
        tokio::select! {
            attempt = container(address, SHORT) => {
                assert!(matches!(attempt, Attempt::NotReady(_)), "{attempt:?}");
            }
            () = server => {}
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_not_ready_and_an_unknown_name_is_no_answer() {
        // Bound, so that nobody else takes the port, and not listening.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        assert!(matches!(container(address, SHORT).await, Attempt::NotReady(_)));
        let refused = url(&format!("tcp://{address}").parse().unwrap(), SHORT).await;
        assert!(matches!(refused, Attempt::NotReady(_)), "{refused:?}");
        let unknown = url(&"tcp://no-such-host.invalid:80".parse().unwrap(), SHORT).await;
        assert!(matches!(unknown, Attempt::Impossible { .. }), "{unknown:?}");
    }

    #[tokio::test]
    async fn an_ipv6_address_is_read_without_its_brackets() {
        let listener = TcpListener::bind("[::1]:0").await.unwrap();
        let at = format!("tcp://{}", listener.local_addr().unwrap());
        assert!(matches!(url(&at.parse().unwrap(), SHORT).await, Attempt::Passed { .. }));
    }
}
