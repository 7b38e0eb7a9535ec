//! `git http-backend` behind a small HTTP server, with the answers of a protected branch.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tempfile::TempDir;
use tiny_http::{Header, Request, Response, Server, StatusCode};

use super::environment::isolated_command;
use super::oci_registry::basic;

/// How many requests are served at the same time.
const WORKERS: usize = 4;

/// What a request was, as far as tests ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Whether an `Authorization` header came with it.
    pub authorized: bool,
}

impl LoggedRequest {
    /// Whether this is the request that asks for refs before a push.
    pub fn is_push_advertisement(&self) -> bool {
        self.method == "GET" && self.path.ends_with("/info/refs?service=git-receive-pack")
    }

    /// Whether this is the request that carries a push.
    pub fn is_push(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/git-receive-pack")
    }
}

type Matches = Box<dyn Fn(&LoggedRequest) -> bool + Send>;
type Action = Box<dyn FnOnce() + Send>;

/// What the workers share.
struct Shared {
    root: PathBuf,
    home: PathBuf,
    /// The whole value that an `Authorization` header must have.
    authorization: Option<String>,
    requests: Mutex<Vec<LoggedRequest>>,
    interceptors: Mutex<Vec<(Matches, Action)>>,
}

/// A git server on a free port of 127.0.0.1; it stops, and its repositories go, on drop.
pub struct GitServer {
    shared: Arc<Shared>,
    server: Arc<Server>,
    workers: Vec<JoinHandle<()>>,
    port: u16,
    _folder: TempDir,
}

impl GitServer {
    /// Starts a server that everybody may read from and push to.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a server that answers 401 to every request without this user and password.
    pub fn start_with_basic_auth(user: &str, password: &str) -> Self {
        Self::start_with(Some(basic(user, password)))
    }

    fn start_with(authorization: Option<String>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = folder.path().join("repositories");
        let home = folder.path().join("home");
        fs::create_dir(&root).expect("make the folder of the repositories");
        fs::create_dir(&home).expect("make the home folder");
        let server = Arc::new(Server::http("127.0.0.1:0").expect("listen on a free port"));
        let port = server.server_addr().to_ip().expect("an IP address").port();
        let shared = Arc::new(Shared {
            root,
            home,
            authorization,
            requests: Mutex::default(),
            interceptors: Mutex::default(),
        });
        let workers = (0..WORKERS)
            .map(|_| {
                let (server, shared) = (Arc::clone(&server), Arc::clone(&shared));
                std::thread::spawn(move || {
                    while let Ok(request) = server.recv() {
                        shared.serve(request);
                    }
                })
            })
            .collect();
        Self { shared, server, workers, port, _folder: folder }
    }

    /// Makes an empty bare repository `name.git` that can be pushed to.
    pub fn create(&self, name: &str) {
        let path = self.path(name);
        let git = |args: &[&str]| {
            let status = isolated_command("git", &self.shared.home)
                .args(args)
                .arg(&path)
                .stdin(Stdio::null())
                .status()
                .expect("start git");
            assert!(status.success(), "git {args:?} failed");
        };
        git(&["init", "-q", "--bare", "-b", "main"]);
        let config = path.join("config");
        let text = fs::read_to_string(&config).expect("read the configuration");
        // Partial clones and fetches by id, as GitHub allows them.
        let served = "[http]\n\treceivepack = true\n[uploadpack]\n\tallowFilter = true\n\
                      \tallowAnySHA1InWant = true\n";
        fs::write(&config, text + served).expect("write the configuration");
    }

    /// The URL of repository `name`, without credentials.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}.git", self.port)
    }

    /// The port, for a proxy in front of it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The bare repository `name.git` on disk, to look at what really arrived.
    pub fn path(&self, name: &str) -> PathBuf {
        self.shared.root.join(format!("{name}.git"))
    }

    /// Refuses every push to these full ref names as GitHub's branch protection does (GH006).
    ///
    /// An empty list lifts the protection.
    pub fn protect(&self, name: &str, refs: &[&str]) {
        fs::write(self.path(name).join("protected-refs"), refs.join("\n") + "\n")
            .expect("write the list of refs");
        self.install_hook(name, "pre-receive", PROTECTED_BRANCH_HOOK);
    }

    /// Refuses every push that changes a file under `.github/workflows/`, as GitHub does for a
    /// token without the `workflows` permission.
    pub fn refuse_workflow_changes(&self, name: &str) {
        self.install_hook(name, "update", WORKFLOW_HOOK);
    }

    /// Installs a hook script into repository `name`.
    pub fn install_hook(&self, name: &str, hook: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.path(name).join("hooks");
        fs::create_dir_all(&folder).expect("make the folder of hooks");
        // Written beside and renamed: a running push never executes half a script.
        let fresh = folder.join(format!("{hook}.new"));
        fs::write(&fresh, script).expect("write the hook");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("make it executable");
        fs::rename(&fresh, folder.join(hook)).expect("install the hook");
    }

    /// Runs `action` once, in front of the first request that `matches`, before git sees it.
    ///
    /// This is how a test moves a branch between two requests of the client under test.
    pub fn before(
        &self,
        matches: impl Fn(&LoggedRequest) -> bool + Send + 'static,
        action: impl FnOnce() + Send + 'static,
    ) {
        lock(&self.shared.interceptors).push((Box::new(matches), Box::new(action)));
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers.drain(..) {
            // A worker that panicked has printed why, and its request failed the test.
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn serve(&self, mut request: Request) {
        let header = |name: &'static str| {
            let found = request.headers().iter().find(|header| header.field.equiv(name));
            found.map(|header| header.value.as_str().to_owned())
        };
        let authorization = header("Authorization");
        let logged = LoggedRequest {
            method: request.method().to_string(),
            path: request.url().to_owned(),
            authorized: authorization.is_some(),
        };
        lock(&self.requests).push(logged.clone());
        if self.authorization.is_some() && authorization != self.authorization {
            let challenge = "Basic realm=\"git\"";
            let header = Header::from_bytes("WWW-Authenticate", challenge).expect("a header");
            let refusal = Response::from_string("authentication required\n");
            // A client that went away is no failure of the server.
            let _ = request.respond(refusal.with_status_code(401).with_header(header));
            return;
        }
        self.intercept(&logged);
        let variables = [
            ("CONTENT_TYPE", header("Content-Type")),
            ("HTTP_CONTENT_ENCODING", header("Content-Encoding")),
            ("GIT_PROTOCOL", header("Git-Protocol")),
            // http-backend allows pushes of a known user, and `http.receivepack` everybody's.
            ("REMOTE_USER", authorization.map(|_| "git".to_owned())),
        ];
        let mut body = Vec::new();
        if request.as_reader().read_to_end(&mut body).is_err() {
            // The connection was cut inside the body: git must not see half a push.
            return;
        }
        let (status, headers, content) = self.run_backend(&logged, &variables, body);
        let mut response = Response::from_data(content).with_status_code(StatusCode(status));
        for (name, value) in headers {
            response = response.with_header(
                Header::from_bytes(name.as_bytes(), value.as_bytes()).expect("a header"),
            );
        }
        let _ = request.respond(response);
    }

    fn intercept(&self, request: &LoggedRequest) {
        let found = {
            let mut interceptors = lock(&self.interceptors);
            let position = interceptors.iter().position(|(matches, _)| matches(request));
            position.map(|index| interceptors.remove(index).1)
        };
        if let Some(action) = found {
            action();
        }
    }

    /// Runs `git http-backend` as CGI (RFC 3875) and returns status, headers and body.
    fn run_backend(
        &self,
        request: &LoggedRequest,
        variables: &[(&str, Option<String>)],
        body: Vec<u8>,
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut command = isolated_command("git", &self.home);
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("REMOTE_ADDR", "127.0.0.1")
            .env("SERVER_PROTOCOL", "HTTP/1.1");
        for (name, value) in variables {
            command.envs(value.as_ref().map(|value| (name, value)));
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start git http-backend");
        let mut stdin = child.stdin.take().expect("its standard input");
        // Written by a thread of its own: git may answer before it has read everything.
        let writer = std::thread::spawn(move || {
            // git closes its input early when it refuses a request; its answer says why.
            let _ = stdin.write_all(&body);
        });
        let mut output = Vec::new();
        let mut stdout = child.stdout.take().expect("its standard output");
        stdout.read_to_end(&mut output).expect("read the answer");
        writer.join().expect("write the request");
        child.wait().expect("wait for git http-backend");
        parse_cgi(&output)
    }
}

/// Splits a CGI answer into status (200 where it names none), headers and body.
fn parse_cgi(output: &[u8]) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("git http-backend ends its headers");
    let head = String::from_utf8_lossy(&output[..end]);
    let mut status = 200;
    let mut headers = Vec::new();
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(": ").expect("a header line");
        if name.eq_ignore_ascii_case("Status") {
            let code = value.split(' ').next().expect("a status");
            status = code.parse().expect("a status code");
        } else {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    (status, headers, output[end + 4..].to_vec())
}

/// Locks; a test that failed while it held the lock has already said so.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers with the text that GitHub sends for a protected branch.
const PROTECTED_BRANCH_HOOK: &str = r#"#!/bin/sh
refused=0
while read -r old new reference; do
    if grep -qxF -e "$reference" protected-refs; then
        echo "error: GH006: Protected branch update failed for $reference." >&2
        echo "error: Changes must be made through a pull request." >&2
        refused=1
    fi
done
exit "$refused"
"#;

/// Answers with the text that GitHub sends for a token without the `workflows` permission.
const WORKFLOW_HOOK: &str = r#"#!/bin/sh
reference=$1 old=$2 new=$3
case $old in *[!0]*) ;; *) old=$(git hash-object -t tree /dev/null) ;; esac
case $new in *[!0]*) ;; *) exit 0 ;; esac
changed=$(git diff --name-only "$old" "$new" -- .github/workflows | head -n 1)
[ -n "$changed" ] || exit 0
echo "refusing to allow a GitHub App to create or update workflow \`$changed\` without \`workflows\` permission" >&2
exit 1
"#;

#[cfg(test)]
mod tests {
    use super::GitServer;
    use crate::harness::repo::Repo;

    #[test]
    fn a_push_arrives_and_can_be_cloned() {
        let server = GitServer::start();
        server.create("app");
        let repo = Repo::init();
        repo.add_remote("origin", &server.url("app"));
        // Over a megabyte that does not compress: git sends it in chunks.
        let noise: Vec<String> = (0u64..60_000)
            .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)))
            .collect();
        let noise = noise.concat();
        let commit = repo.commit("Add a large file", &[("large", &noise)]);
        repo.push("main");
        let clone = Repo::clone_of(&server.url("app"));
        assert_eq!(clone.head(), commit);
        assert_eq!(clone.show_text("HEAD", "large"), noise);
        assert!(server.requests().iter().any(super::LoggedRequest::is_push));
    }

    #[test]
    fn a_server_with_a_password_refuses_others() {
        let server = GitServer::start_with_basic_auth("x-access-token", "secret");
        server.create("app");
        let repo = Repo::init();
        let refused = repo.try_git(&["ls-remote", &server.url("app")]);
        assert!(!refused.status.success());
        let url = server.url("app").replace("http://", "http://x-access-token:secret@");
        assert!(repo.ls_remote(&url).is_empty());
        let authorized: Vec<bool> = server.requests().iter().map(|r| r.authorized).collect();
        assert_eq!(authorized.first(), Some(&false));
        assert_eq!(authorized.last(), Some(&true));
    }

    #[test]
    fn a_protected_branch_answers_like_github() {
        let server = GitServer::start();
        server.create("app");
        let repo = Repo::init();
        repo.add_remote("origin", &server.url("app"));
        let first = repo.commit("First", &[("a", "1")]);
        repo.push("main");
        server.protect("app", &["refs/heads/main"]);
        repo.commit("Second", &[("a", "2")]);
        let refused = repo.try_git(&["push", "origin", "main"]);
        assert!(!refused.status.success());
        let message = String::from_utf8_lossy(&refused.stderr);
        assert!(message.contains("GH006: Protected branch update failed"), "{message}");
        assert_eq!(repo.ls_remote("origin")["refs/heads/main"], first);
        repo.push("main:refs/heads/other");
        server.protect("app", &[]);
        repo.push("main");
    }

    #[test]
    fn a_workflow_change_is_refused() {
        let server = GitServer::start();
        server.create("app");
        server.refuse_workflow_changes("app");
        let repo = Repo::init();
        repo.add_remote("origin", &server.url("app"));
        repo.commit("First", &[("a", "1")]);
        repo.push("main");
        repo.commit("Workflow", &[(".github/workflows/ci.yml", "on: push\n")]);
        let refused = repo.try_git(&["push", "origin", "main"]);
        let message = String::from_utf8_lossy(&refused.stderr);
        assert!(message.contains("without `workflows` permission"), "{message}");
    }

    #[test]
    fn a_branch_can_be_moved_between_advertisement_and_push() {
        let server = GitServer::start();
        server.create("app");
        let ours = Repo::init();
        ours.add_remote("origin", &server.url("app"));
        ours.commit("First", &[("a", "1")]);
        ours.push("main");
        let theirs = Repo::clone_of(&server.url("app"));
        let raced = theirs.commit("Theirs", &[("b", "1")]);
        let bare = server.path("app");
        let mut push = theirs.command(&["push", "-q", &bare.to_string_lossy(), "main"]);
        server.before(super::LoggedRequest::is_push, move || {
            assert!(push.status().expect("start git").success());
        });
        ours.commit("Ours", &[("c", "1")]);
        assert!(!ours.try_git(&["push", "origin", "main"]).status.success());
        assert_eq!(ours.ls_remote("origin")["refs/heads/main"], raced);
    }
}
