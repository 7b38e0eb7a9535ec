//! HTTP: the workers, what they note, conditional requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use serde_json::Value;
use tidegate::model::Digest;
use tiny_http::{Header, Request, Response, Server};

use super::call::{Call, Reply, Who};
use super::routes;
use super::world::World;

/// How many requests are served at the same time.
const WORKERS: usize = 4;

/// The hour's requests of a `GITHUB_TOKEN`.
const HOURLY: u64 = 1000;

/// One request as the fake got it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Below the base and without its query.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// What was answered.
    pub status: u16,
}

impl Seen {
    /// The body as JSON; `null` where there is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the workers share.
pub struct Shared {
    base: String,
    world: Mutex<World>,
    seen: Mutex<Vec<Seen>>,
}

impl Shared {
    pub fn new(base: &str, world: World) -> Self {
        Self { base: base.to_owned(), world: Mutex::new(world), seen: Mutex::default() }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the workers; they end when the server is unblocked.
pub fn start(server: &Arc<Server>, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let worker = |_| {
        let (server, shared) = (Arc::clone(server), Arc::clone(shared));
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                serve(&shared, request);
            }
        })
    };
    (0..WORKERS).map(worker).collect()
}

fn serve(shared: &Shared, mut request: Request) {
    let mut body = Vec::new();
    // A body that breaks off is a client's fault injection; what came of it is not acted on.
    let whole = request.as_reader().read_to_end(&mut body).is_ok();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in request.headers() {
        let name = header.field.as_str().as_str().to_ascii_lowercase();
        let value = header.value.as_str();
        // Two of one name are one with both values (RFC 9110 section 5.3).
        let known = headers.entry(name);
        known.and_modify(|known| *known = format!("{known}, {value}")).or_insert(value.to_owned());
    }
    let method = request.method().as_str().to_owned();
    let host = headers.get("host").cloned().unwrap_or_default();
    let address: Option<url::Url> = format!("http://{host}{}", request.url()).parse().ok();
    let (Some(address), true) = (address, whole) else {
        let _ = request.respond(Response::empty(400));
        return;
    };
    let query: Vec<(String, String)> = address
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let path = address.path().strip_prefix(&shared.base);
    let path = path.filter(|path| path.starts_with('/')).map(str::to_owned);
    let api = format!("http://{host}{}", shared.base);
    let reply = {
        let mut world = shared.world();
        let reply = path.as_ref().map_or_else(
            || {
                let text = format!("{} is not below {}", address.path(), shared.base);
                Reply::not_found().defect(text)
            },
            |path| {
                let call = Call {
                    method: method.clone(),
                    parts: parts(path),
                    query: query.clone(),
                    body: body.clone(),
                    who: Who::Nobody,
                    api,
                    path: path.clone(),
                };
                respond(&mut world, call, &headers)
            },
        );
        world.defects.extend(reply.defect.clone());
        // Noted before the answer goes out: who has the answer finds the note.
        shared.seen().push(Seen {
            method,
            path: path.unwrap_or_else(|| address.path().to_owned()),
            query,
            headers,
            body,
            status: reply.status,
        });
        reply
    };
    let text = reply.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = Response::from_string(text).with_status_code(reply.status);
    response.add_header(header("Content-Type", "application/json; charset=utf-8"));
    for (name, value) in &reply.headers {
        response.add_header(header(name, value));
    }
    // The client may be gone.
    let _ = request.respond(response);
}

/// The parts of a path, decoded.
fn parts(path: &str) -> Vec<String> {
    let decode = |part: &str| {
        let pair = format!("x={}", part.replace('+', "%2B"));
        let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
        decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    path.split('/').skip(1).filter(|part| !part.is_empty()).map(decode).collect()
}

fn respond(world: &mut World, mut call: Call, headers: &BTreeMap<String, String>) -> Reply {
    if let Some(reply) = routes::limited(world) {
        return reply;
    }
    let find = |name: &str| headers.get(name).cloned();
    let who = routes::who(world, headers.get("authorization").map(String::as_str));
    let reply = routes::check_headers(find).and(who).and_then(|who| {
        call.who = who;
        routes::answer(world, &call)
    });
    let mut reply = reply.unwrap_or_else(|reply| reply);
    if call.method == "GET" && reply.status == 200 {
        let bytes = reply.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let tag = format!("W/\"{}\"", &Digest::of(bytes.as_bytes()).as_str()[7..39]);
        let known = headers.get("if-none-match").is_some_and(|all| {
            all.split(',').any(|one| one.trim() == tag || one.trim() == &tag[2..])
        });
        if known {
            let of_token = |(name, _): &(String, String)| name == "X-OAuth-Scopes";
            let headers = reply.headers.into_iter().filter(of_token).collect();
            reply = Reply { status: 304, headers, body: None, defect: None };
            world.not_modified += 1;
        }
        reply = reply.header("ETag", &tag);
    }
    // Conditional requests that find nothing new are free.
    if reply.status != 304 {
        world.used += 1;
    }
    let left = HOURLY.saturating_sub(world.used);
    reply
        .header("x-ratelimit-limit", &HOURLY.to_string())
        .header("x-ratelimit-remaining", &left.to_string())
        .header("x-ratelimit-used", &world.used.to_string())
        .header("x-ratelimit-reset", &(Timestamp::now().as_second() + 1800).to_string())
        .header("x-ratelimit-resource", "core")
        .header("x-github-request-id", "0407:1A2B3C:4D5E6F")
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name.as_bytes(), value.as_bytes()).expect("a header")
}
