//! A proxy in front of a store's server that is as bad as a network can be: it delays each request,
//! is slow, cuts connections after some bytes, and answers for a busy server.
//!
//! It passes bytes on as they come and holds no body, so that large files can go through it. What is
//! to be done to one chosen request is the business of [`super::fault_proxy`].

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The latency behind the field's 3.7 files a second.
pub const FIELD_LATENCY: Duration = Duration::from_millis(268);

#[derive(Default)]
struct Faults {
    delay_ms: AtomicU64,
    /// 0: as fast as it goes.
    bytes_per_second: AtomicU64,
    refusals: AtomicUsize,
    refusal: Mutex<String>,
    cut_upload_after: AtomicU64,
    upload_cuts: AtomicUsize,
    cut_download_after: AtomicU64,
    download_cuts: AtomicUsize,
    requests: AtomicUsize,
    stopped: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

/// The proxy; it stops when it is dropped.
pub struct StoreProxy {
    host: String,
    faults: Arc<Faults>,
    acceptor: Option<JoinHandle<()>>,
}

impl StoreProxy {
    /// Starts in front of `upstream` (`host:port`), without any fault.
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let faults = Arc::new(Faults::default());
        let (shared, upstream) = (Arc::clone(&faults), upstream.to_owned());
        let acceptor = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(&upstream) else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let mut kept = shared.connections.lock().unwrap();
                kept.push(client.try_clone().expect("a second handle"));
                kept.push(server.try_clone().expect("a second handle"));
                drop(kept);
                relay(&shared, client, server);
            }
        });
        Self { host, faults, acceptor: Some(acceptor) }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Holds each request back for this long.
    pub fn delay(self, delay: Duration) -> Self {
        let millis = u64::try_from(delay.as_millis()).expect("a short delay");
        self.faults.delay_ms.store(millis, Ordering::SeqCst);
        self
    }

    /// Passes at most so many bytes a second on, on each connection and in each direction.
    pub fn throttle(self, bytes_per_second: u64) -> Self {
        self.faults.bytes_per_second.store(bytes_per_second, Ordering::SeqCst);
        self
    }

    /// Answers the next `times` requests itself, with a status such as 503.
    pub fn refuse(&self, times: usize, status: u16, headers: &str) {
        *self.faults.refusal.lock().unwrap() = format!(
            "HTTP/1.1 {status} Busy\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        self.faults.refusals.store(times, Ordering::SeqCst);
    }

    /// Cuts the next `times` connections that have sent more than `bytes` bytes, at that byte.
    pub fn cut_uploads(&self, bytes: u64, times: usize) {
        self.faults.cut_upload_after.store(bytes, Ordering::SeqCst);
        self.faults.upload_cuts.store(times, Ordering::SeqCst);
    }

    /// Cuts the next `times` connections that have received more than `bytes` bytes, at that byte.
    pub fn cut_downloads(&self, bytes: u64, times: usize) {
        self.faults.cut_download_after.store(bytes, Ordering::SeqCst);
        self.faults.download_cuts.store(times, Ordering::SeqCst);
    }

    /// How many refusals and cuts have not happened yet.
    pub fn faults_left(&self) -> usize {
        [&self.faults.refusals, &self.faults.upload_cuts, &self.faults.download_cuts]
            .map(|left| left.load(Ordering::SeqCst))
            .iter()
            .sum()
    }

    /// How many requests came, about: each time that a client speaks after a server.
    pub fn requests(&self) -> usize {
        self.faults.requests.load(Ordering::SeqCst)
    }
}

impl Drop for StoreProxy {
    fn drop(&mut self) {
        self.faults.stopped.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(&self.host);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for connection in self.faults.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// One less of what is left, if any is.
fn takes_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn relay(faults: &Arc<Faults>, client: TcpStream, server: TcpStream) {
    // Whether the server spoke last: then the client's next bytes begin a request.
    let answered = Arc::new(AtomicBool::new(true));
    let (up, down) = (Arc::clone(faults), Arc::clone(faults));
    let (client_2, server_2) = (client.try_clone(), server.try_clone());
    let (client_2, server_2) = (client_2.expect("a handle"), server_2.expect("a handle"));
    let answered_2 = Arc::clone(&answered);
    std::thread::spawn(move || upload(&up, client, server, &answered));
    std::thread::spawn(move || download(&down, server_2, client_2, &answered_2));
}

fn upload(faults: &Faults, mut client: TcpStream, mut server: TcpStream, answered: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0;
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        if answered.swap(false, Ordering::SeqCst) {
            faults.requests.fetch_add(1, Ordering::SeqCst);
            if takes_one(&faults.refusals) {
                let refusal = faults.refusal.lock().unwrap().clone();
                let _ = client.write_all(refusal.as_bytes());
                let _ = client.shutdown(Shutdown::Write);
                // What the client still sends is read: a reset would take the answer from it.
                while matches!(client.read(&mut buffer), Ok(1..)) {}
                break;
            }
            std::thread::sleep(Duration::from_millis(faults.delay_ms.load(Ordering::SeqCst)));
        }
        let allowed = allowed(&faults.cut_upload_after, &faults.upload_cuts, passed, length);
        if !pass(faults, &buffer[..allowed], &mut server) || allowed < length {
            break;
        }
        passed += length as u64;
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

fn download(faults: &Faults, mut server: TcpStream, mut client: TcpStream, answered: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0;
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        answered.store(true, Ordering::SeqCst);
        let allowed = allowed(&faults.cut_download_after, &faults.download_cuts, passed, length);
        if !pass(faults, &buffer[..allowed], &mut client) || allowed < length {
            break;
        }
        passed += length as u64;
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

/// How many of `length` further bytes go through before a cut.
fn allowed(after: &AtomicU64, cuts: &AtomicUsize, passed: u64, length: usize) -> usize {
    let after = after.load(Ordering::SeqCst);
    if passed + length as u64 > after && after >= passed && takes_one(cuts) {
        usize::try_from(after - passed).expect("a small number")
    } else {
        length
    }
}

fn pass(faults: &Faults, bytes: &[u8], to: &mut TcpStream) -> bool {
    let speed = faults.bytes_per_second.load(Ordering::SeqCst);
    if speed > 0 {
        std::thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / speed as f64));
    }
    to.write_all(bytes).is_ok()
}
