//! An HTTP/1.1 proxy that records requests, runs a callback at a chosen moment, answers in the
//! server's place, cuts, hangs, or drops the answer after the server applied the request.
//!
//! Rules are tried in the order in which they were added; the first that matches and is not used
//! up decides. Without one, the request is relayed as it is. Connections to the client are kept
//! alive; the server gets a new one for each request.
//!
//! ```ignore
//! let proxy = FaultProxy::start(registry.host());
//! proxy.add(Rule::on("PUT", "/manifests/").times(1).fault(Fault::DropAnswer));
//! proxy.add(Rule::number(3).before(move |_| server.kill()));
//! ```

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// One request as the proxy saw it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Counted from 1 over all connections.
    pub number: usize,
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            number: 0,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { status, headers, body: body.as_bytes().to_vec() }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

type Matcher = Box<dyn Fn(&Request) -> bool + Send>;
type Callback = Box<dyn FnMut(&Request) + Send>;
type Edit = Box<dyn Fn(&mut Answer) + Send>;

/// What happens to a request.
pub enum Fault {
    /// It is relayed.
    None,
    /// The server never sees it; this is the answer.
    Answer(Answer),
    /// The server never sees it; the connection is closed.
    Close,
    /// The server applies it; the connection is closed without an answer.
    DropAnswer,
    /// The server applies it; the answer's body is cut after so many bytes.
    CutBody(usize),
    /// The server never sees it; no answer comes until the proxy is stopped.
    Hang,
    /// The server's answer is changed.
    Edit(Edit),
}

/// When something happens, and what.
pub struct Rule {
    matches: Matcher,
    skip: usize,
    times: usize,
    before: Option<Callback>,
    after: Option<Callback>,
    fault: Fault,
}

impl Rule {
    /// For requests that `matches` says yes to.
    pub fn when(matches: impl Fn(&Request) -> bool + Send + 'static) -> Self {
        Self {
            matches: Box::new(matches),
            skip: 0,
            times: usize::MAX,
            before: None,
            after: None,
            fault: Fault::None,
        }
    }

    /// For requests with this method whose path contains `part`.
    pub fn on(method: &'static str, part: &'static str) -> Self {
        Self::when(move |request| request.method == method && request.path.contains(part))
    }

    /// For the request with this number, counted from 1.
    pub fn number(number: usize) -> Self {
        Self::when(move |request| request.number == number)
    }

    /// Lets the first `count` matching requests pass.
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Acts at most `count` times.
    pub fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }

    /// Runs before the request is relayed, or answered.
    pub fn before(mut self, callback: impl FnMut(&Request) + Send + 'static) -> Self {
        self.before = Some(Box::new(callback));
        self
    }

    /// Runs after the server answered and before the answer is relayed.
    pub fn after(mut self, callback: impl FnMut(&Request) + Send + 'static) -> Self {
        self.after = Some(Box::new(callback));
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    pub fn answer(self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        self.fault(Fault::Answer(Answer::new(status, headers, body)))
    }

    pub fn edit(self, edit: impl Fn(&mut Answer) + Send + 'static) -> Self {
        self.fault(Fault::Edit(Box::new(edit)))
    }
}

/// A rule in use. What chooses and what acts have locks of their own: a callback that waits for
/// other requests must not keep them from being matched.
struct Slot {
    choice: Mutex<Choice>,
    action: Mutex<Action>,
}

struct Choice {
    matches: Matcher,
    skip: usize,
    times: usize,
}

struct Action {
    before: Option<Callback>,
    after: Option<Callback>,
    fault: Fault,
}

struct Shared {
    upstream: String,
    seen: Mutex<Vec<Request>>,
    rules: Mutex<Vec<Arc<Slot>>>,
    connections: Mutex<Vec<TcpStream>>,
    stopped: Mutex<bool>,
    stopping: Condvar,
}

/// The proxy; it stops when it is dropped.
pub struct FaultProxy {
    host: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts in front of `upstream` (`host:port`).
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            seen: Mutex::default(),
            rules: Mutex::default(),
            connections: Mutex::default(),
            stopped: Mutex::new(false),
            stopping: Condvar::new(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if *for_acceptor.stopped.lock().unwrap() {
                    return;
                }
                let handle = stream.try_clone().expect("a second handle");
                for_acceptor.connections.lock().unwrap().push(handle);
                let shared = Arc::clone(&for_acceptor);
                std::thread::spawn(move || {
                    // A broken connection is what this proxy is for.
                    let _ = serve(&shared, &stream);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { host, shared, acceptor: Some(acceptor) }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn add(&self, rule: Rule) {
        let Rule { matches, skip, times, before, after, fault } = rule;
        let slot = Slot {
            choice: Mutex::new(Choice { matches, skip, times }),
            action: Mutex::new(Action { before, after, fault }),
        };
        self.shared.rules.lock().unwrap().push(Arc::new(slot));
    }

    /// All requests since the start or the last [`FaultProxy::forget`].
    pub fn seen(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// `METHOD path` of all requests.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// How many requests have this method and a path that contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// Forgets the requests and the rules.
    pub fn forget(&self) {
        self.shared.seen.lock().unwrap().clear();
        self.shared.rules.lock().unwrap().clear();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap() = true;
        self.shared.stopping.notify_all();
        // Wakes the acceptor.
        let _ = TcpStream::connect(&self.host);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn serve(shared: &Shared, stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream.try_clone()?;
    while let Some(mut request) = read_request(&mut reader, &mut writer)? {
        let keep_alive = keeps_alive(&request);
        {
            let mut seen = shared.seen.lock().unwrap();
            request.number = seen.len() + 1;
            seen.push(request.clone());
        }
        let Some(rule) = choose(shared, &request) else {
            let answer = exchange(&shared.upstream, &request)?;
            write_answer(&mut writer, &request, &answer, None)?;
            if keep_alive {
                continue;
            }
            return Ok(());
        };
        let mut rule = rule.action.lock().unwrap();
        if let Some(before) = &mut rule.before {
            before(&request);
        }
        match &rule.fault {
            Fault::Answer(answer) => {
                write_answer(&mut writer, &request, answer, None)?;
                if keep_alive {
                    continue;
                }
                return Ok(());
            }
            Fault::Close => return Ok(()),
            Fault::Hang => {
                drop(rule);
                let stopped = shared.stopped.lock().unwrap();
                let _unused = shared.stopping.wait_while(stopped, |stopped| !*stopped).unwrap();
                return Ok(());
            }
            Fault::None | Fault::DropAnswer | Fault::CutBody(_) | Fault::Edit(_) => {}
        }
        let mut answer = exchange(&shared.upstream, &request)?;
        if let Some(after) = &mut rule.after {
            after(&request);
        }
        let mut cut = None;
        match &rule.fault {
            Fault::DropAnswer => return Ok(()),
            Fault::CutBody(length) => cut = Some(*length),
            Fault::Edit(edit) => edit(&mut answer),
            Fault::None | Fault::Answer(_) | Fault::Close | Fault::Hang => {}
        }
        write_answer(&mut writer, &request, &answer, cut)?;
        if cut.is_some() || !keep_alive {
            return Ok(());
        }
    }
    Ok(())
}

fn keeps_alive(request: &Request) -> bool {
    !request.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

fn choose(shared: &Shared, request: &Request) -> Option<Arc<Slot>> {
    let rules = shared.rules.lock().unwrap();
    for rule in rules.iter() {
        let mut inner = rule.choice.lock().unwrap();
        if inner.times == 0 || !(inner.matches)(request) {
            continue;
        }
        if inner.skip > 0 {
            inner.skip -= 1;
            continue;
        }
        inner.times -= 1;
        drop(inner);
        return Some(Arc::clone(rule));
    }
    None
}

/// Sends one request over a connection of its own and reads the answer.
pub fn exchange(host: &str, request: &Request) -> io::Result<Answer> {
    let stream = TcpStream::connect(host)?;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    if request.get("host").is_none() {
        let _ = write!(head, "Host: {host}\r\n");
    }
    for (name, value) in &request.headers {
        let own = ["connection", "transfer-encoding", "content-length", "expect", "keep-alive"];
        if !own.contains(&name.to_ascii_lowercase().as_str()) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    if !request.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&request.method.as_str()) {
        let _ = write!(head, "Content-Length: {}\r\n", request.body.len());
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut writer = stream.try_clone()?;
    // A server may answer before it has read the whole body.
    let _ = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&request.body));
    let mut reader = BufReader::new(stream);
    loop {
        let (start, headers) = read_head(&mut reader)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"))?;
        let status = start.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {start}")))?;
        if (100..200).contains(&status) {
            continue;
        }
        let without_body = request.method == "HEAD" || status == 204 || status == 304;
        let body = if without_body { Vec::new() } else { read_body(&mut reader, &headers, true)? };
        return Ok(Answer { status, headers, body });
    }
}

fn read_request(
    reader: &mut BufReader<TcpStream>,
    writer: &mut TcpStream,
) -> io::Result<Option<Request>> {
    let Some((start, headers)) = read_head(reader)? else { return Ok(None) };
    let mut words = start.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if find(&headers, "expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = read_body(reader, &headers, false)?;
    Ok(Some(Request { number: 0, method: method.into(), path: path.into(), headers, body }))
}

type Head = (String, Vec<(String, String)>);

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut start = String::new();
    if reader.read_line(&mut start)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some((start.trim_end().to_owned(), headers)));
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_body(
    reader: &mut impl BufRead,
    headers: &[(String, String)],
    until_end: bool,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if find(headers, "transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            reader.read_exact(&mut body[start..])?;
            let mut end = String::new();
            reader.read_line(&mut end)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = find(headers, "content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        reader.read_exact(&mut body)?;
    } else if until_end {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn write_answer(
    writer: &mut TcpStream,
    request: &Request,
    answer: &Answer,
    cut: Option<usize>,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Proxied\r\n", answer.status);
    if !keeps_alive(request) {
        // Else the client may send its next request into the connection that is being closed.
        head.push_str("Connection: close\r\n");
    }
    let head_only = request.method == "HEAD" || answer.status == 204 || answer.status == 304;
    for (name, value) in &answer.headers {
        let framing = ["connection", "transfer-encoding", "keep-alive"];
        let name_lower = name.to_ascii_lowercase();
        let own_length = name_lower == "content-length" && !head_only;
        if !framing.contains(&name_lower.as_str()) && !own_length {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    if !head_only {
        let _ = write!(head, "Content-Length: {}\r\n", answer.body.len());
    }
    head.push_str("\r\n");
    writer.write_all(head.as_bytes())?;
    if !head_only {
        let length = cut.unwrap_or(answer.body.len()).min(answer.body.len());
        writer.write_all(&answer.body[..length])?;
    }
    writer.flush()
}
