//! A server of files over HTTP as object stores are: `ETags`, conditions, ranges. It counts, and can
//! stop in the middle of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Without the query.
    pub path: String,
    /// The query, without `?`.
    pub query: String,
    /// The value of `Range`.
    pub range: Option<String>,
    pub status: u16,
    /// How much of the body was to be sent.
    pub length: usize,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    seen: Vec<Seen>,
    /// After so many bytes of a body it waits until it is let go on.
    hold_after: Option<usize>,
    held: bool,
    without_ranges: bool,
    stopped: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The server; it stops when it is dropped.
pub struct FileServer {
    host: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Starts with no files.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if own.state.lock().unwrap().stopped {
                    return;
                }
                let shared = Arc::clone(&own);
                std::thread::spawn(move || {
                    // Clients that are killed are what the tests are about.
                    let _ = serve(&shared, &stream);
                });
            }
        });
        Self { host, shared, acceptor: Some(acceptor) }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The URL of a container, with a signature that nobody looks at.
    pub fn url(&self, container: &str) -> String {
        format!(
            "http://{}/{container}?sv=2024-11-04&sr=c&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D",
            self.host
        )
    }

    /// Puts a file at a path that begins with `/`.
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.shared.state.lock().unwrap().files.insert(path.to_owned(), bytes.into());
    }

    pub fn remove(&self, path: &str) {
        self.shared.state.lock().unwrap().files.remove(path);
    }

    /// Answers every question for a range with the whole.
    pub fn without_ranges(&self) {
        self.shared.state.lock().unwrap().without_ranges = true;
    }

    /// Stops in the middle of each body that is longer, until it is let go on.
    pub fn hold_after(&self, bytes: usize) {
        self.shared.state.lock().unwrap().hold_after = Some(bytes);
    }

    /// Waits until a body is being held.
    #[track_caller]
    pub fn wait_until_held(&self) {
        let state = self.shared.state.lock().unwrap();
        let waited =
            self.shared.changed.wait_timeout_while(state, Duration::from_mins(1), |s| !s.held);
        assert!(!waited.unwrap().1.timed_out(), "nobody fetches the file");
    }

    /// Lets all go on, and holds nothing any more.
    pub fn go_on(&self) {
        let mut state = self.shared.state.lock().unwrap();
        (state.hold_after, state.held) = (None, false);
        self.shared.changed.notify_all();
    }

    /// The requests since the last call, with the part of a path in them.
    pub fn seen(&self, part: &str) -> Vec<Seen> {
        let state = self.shared.state.lock().unwrap();
        state.seen.iter().filter(|seen| seen.path.contains(part)).cloned().collect()
    }

    pub fn forget(&self) {
        self.shared.state.lock().unwrap().seen.clear();
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state.lock().unwrap();
            (state.stopped, state.hold_after) = (true, None);
            self.shared.changed.notify_all();
        }
        // Wakes the acceptor.
        let _ = TcpStream::connect(&self.host);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn serve(shared: &Shared, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut start = String::new();
        if reader.read_line(&mut start)? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let target = start.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let state = shared.state.lock().unwrap();
        let file = state.files.get(path).cloned();
        let header = |name: &str| headers.get(name).cloned();
        let range = header("range").filter(|_| !state.without_ranges);
        drop(state);
        let (status, extra, body) = answer(file.as_deref(), range.as_deref(), &header);
        let seen = Seen {
            path: path.to_owned(),
            query: query.to_owned(),
            range: header("range"),
            status,
            length: body.len(),
        };
        shared.state.lock().unwrap().seen.push(seen);
        let mut head = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\n", body.len());
        let _ = write!(head, "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n{extra}\r\n");
        writer.write_all(head.as_bytes())?;
        let hold = shared.state.lock().unwrap().hold_after.filter(|after| *after < body.len());
        let first = hold.unwrap_or(body.len());
        writer.write_all(&body[..first])?;
        if hold.is_some() {
            let mut state = shared.state.lock().unwrap();
            state.held = true;
            shared.changed.notify_all();
            drop(shared.changed.wait_while(state, |state| state.hold_after.is_some()).unwrap());
            writer.write_all(&body[first..])?;
        }
    }
}

fn answer(
    file: Option<&[u8]>,
    range: Option<&str>,
    header: &dyn Fn(&str) -> Option<String>,
) -> (u16, String, Vec<u8>) {
    let Some(file) = file else { return (404, String::new(), Vec::new()) };
    let etag = format!("\"{:.16}\"", format!("{:x}", Sha256::digest(file)));
    let tag = format!("ETag: {etag}\r\n");
    if header("if-none-match").is_some_and(|known| known == etag) {
        return (304, tag, Vec::new());
    }
    if header("if-match").is_some_and(|known| known != etag) {
        return (412, tag, Vec::new());
    }
    let Some((begin, end)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return (200, tag, file.to_vec());
    };
    let begin: usize = begin.parse().expect("a range");
    let end = end.parse().map_or(file.len(), |end: usize| end + 1).min(file.len());
    if begin >= file.len() {
        return (416, tag, Vec::new());
    }
    let range = format!("{tag}Content-Range: bytes {begin}-{}/{}\r\n", end - 1, file.len());
    (206, range, file[begin..end].to_vec())
}
