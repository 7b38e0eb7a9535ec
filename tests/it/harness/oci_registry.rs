//! The CNCF registry, and images to put into it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::registry::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST,
};
use tidegate::model::{Digest, ImageRef};

use super::fault_proxy::{Answer, Request, exchange};

/// The user that registries with authentication know.
pub const USER: &str = "robot";
/// Her password: with characters that have to be encoded in URLs.
pub const PASSWORD: &str = "correct horse/+%";
/// `htpasswd -nbB robot "correct horse/+%"`.
const HTPASSWD: &str = "robot:$2y$05$abcdefghijklmnopqrstuu03m9pMRUlk9Dey2BKiJxYnuQT0q7YPK\n";

/// How a registry asks who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Open,
    Basic,
    Token,
}

/// Whether an image is made of OCI or of Docker manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Oci,
    Docker,
}

/// A two-platform image as it was pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    pub digest: Digest,
    pub media_type: String,
    /// The index.
    pub bytes: Vec<u8>,
    /// The manifests of linux/amd64 and linux/arm64.
    pub children: Vec<Digest>,
    /// Their configurations.
    pub configs: Vec<Digest>,
}

/// A registry of its own on a free port; it stops when it is dropped.
pub struct OciRegistry {
    child: Child,
    host: String,
    folder: TempDir,
    auth: Auth,
    tokens: Option<TokenServer>,
}

impl OciRegistry {
    pub fn start() -> Self {
        Self::start_with(Auth::Open)
    }

    pub fn start_with(auth: Auth) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tokens = (auth == Auth::Token).then(|| TokenServer::start(folder.path()));
        // Between finding a port free and binding it somebody else may take it.
        for _ in 0..5 {
            let port = free_port();
            let host = format!("127.0.0.1:{port}");
            let config = configuration(folder.path(), &host, auth, tokens.as_ref());
            let path = folder.path().join("config.yml");
            std::fs::write(&path, config).expect("the registry's configuration");
            std::fs::write(folder.path().join("htpasswd"), HTPASSWD).expect("the password file");
            let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
            let mut child = Command::new("docker-registry")
                .args(["serve".as_ref(), path.as_os_str()])
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a second handle"))
                .stderr(log)
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("docker-registry could not be started ({error}): apt-get install docker-registry")
                });
            if answers(&mut child, &host) {
                return Self { child, host, folder, auth, tokens };
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("docker-registry does not answer; its log:\n{log}");
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host of the token server.
    pub fn token_host(&self) -> &str {
        &self.tokens.as_ref().expect("a registry with tokens").host
    }

    /// The requests that the token server got.
    pub fn token_requests(&self) -> Vec<Request> {
        self.tokens.as_ref().expect("a registry with tokens").seen.lock().unwrap().clone()
    }

    /// Where the registry keeps one repository on disk, so that a test can put it back later.
    pub fn repository_folder(&self, repository: &str) -> std::path::PathBuf {
        self.folder.path().join("data/docker/registry/v2/repositories").join(repository)
    }

    pub fn image(&self, repository: &str) -> ImageRef {
        format!("{}/{repository}", self.host).parse().expect("an image")
    }

    /// Pushes a small image for linux/amd64 and linux/arm64 with the label
    /// `org.opencontainers.image.revision`, by plain HTTP and without the code under test.
    pub fn push(&self, repository: &str, tags: &[&str], revision: &str) -> Pushed {
        self.push_as(Kind::Oci, repository, tags, Some(revision))
    }

    pub fn push_as(
        &self,
        kind: Kind,
        repository: &str,
        tags: &[&str],
        revision: Option<&str>,
    ) -> Pushed {
        let (index_type, manifest_type, config_type, layer_type) = match kind {
            Kind::Oci => {
                (OCI_INDEX, OCI_MANIFEST, OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar")
            }
            Kind::Docker => (
                DOCKER_LIST,
                DOCKER_MANIFEST,
                DOCKER_CONFIG,
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
        };
        let (mut children, mut configs, mut descriptors) = (Vec::new(), Vec::new(), Vec::new());
        for architecture in ["amd64", "arm64"] {
            let layer = format!("layer {architecture} {revision:?}");
            let layer = self.push_blob(repository, layer_type, layer.as_bytes());
            let mut labels = BTreeMap::new();
            if let Some(revision) = revision {
                labels.insert("org.opencontainers.image.revision", revision);
            }
            let config = json!({
                "created": "2026-11-01T12:00:00Z", "architecture": architecture, "os": "linux",
                "config": {"Labels": labels},
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            });
            let config = self.push_blob(repository, config_type, config.to_string().as_bytes());
            configs.push(config["digest"].as_str().unwrap().parse().unwrap());
            let manifest = json!({
                "schemaVersion": 2, "mediaType": manifest_type, "config": config,
                "layers": [layer],
            });
            // Spaces that no serialiser would write again.
            let bytes = format!("{manifest:#}\n \n").into_bytes();
            let digest = Digest::of(&bytes);
            self.push_manifest(repository, digest.as_str(), manifest_type, &bytes);
            descriptors.push(json!({
                "mediaType": manifest_type, "digest": digest, "size": bytes.len(),
                "platform": {"architecture": architecture, "os": "linux"},
            }));
            children.push(digest);
        }
        let index = json!({
            "manifests": descriptors, "mediaType": index_type, "schemaVersion": 2,
        });
        let bytes = format!("{index:#}\n").into_bytes();
        let digest = Digest::of(&bytes);
        self.push_manifest(repository, digest.as_str(), index_type, &bytes);
        for tag in tags {
            self.push_manifest(repository, tag, index_type, &bytes);
        }
        Pushed { digest, media_type: index_type.to_owned(), bytes, children, configs }
    }

    /// Puts a manifest under a tag or its digest.
    pub fn push_manifest(&self, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) {
        let request = Request::new("PUT", &format!("/v2/{repository}/manifests/{reference}"))
            .header("Content-Type", media_type)
            .body(bytes);
        self.expect(request, 201, repository);
    }

    /// Pushes a blob and returns its descriptor.
    pub fn push_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        let start = Request::new("POST", &format!("/v2/{repository}/blobs/uploads/"));
        let answer = self.expect(start, 202, repository);
        let location = answer.get("location").expect("the place of the upload").to_owned();
        let path = location.split_once("//").map_or(location.as_str(), |(_, rest)| {
            &rest[rest.find('/').expect("a path in the place of the upload")..]
        });
        let separator = if path.contains('?') { '&' } else { '?' };
        let put = Request::new("PUT", &format!("{path}{separator}digest={digest}"))
            .header("Content-Type", "application/octet-stream")
            .body(bytes);
        self.expect(put, 201, repository);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// The media type and the bytes behind a tag or digest, past the code under test.
    pub fn read(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let accept = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
        let request = Request::new("GET", &format!("/v2/{repository}/manifests/{reference}"))
            .header("Accept", &accept);
        let answer = self.call(request, repository);
        match answer.status {
            200 => Some((answer.get("content-type").unwrap().to_owned(), answer.body)),
            404 => None,
            status => panic!("{status}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }

    /// Deletes a manifest, as a clean-up of untagged versions does.
    pub fn delete_manifest(&self, repository: &str, digest: &Digest) {
        let path = format!("/v2/{repository}/manifests/{digest}");
        self.expect(Request::new("DELETE", &path), 202, repository);
    }

    /// Deletes a blob.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) {
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.expect(Request::new("DELETE", &path), 202, repository);
    }

    fn expect(&self, request: Request, status: u16, repository: &str) -> Answer {
        let line = format!("{} {}", request.method, request.path);
        let answer = self.call(request, repository);
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{line}: {body}");
        answer
    }

    fn call(&self, request: Request, repository: &str) -> Answer {
        let request = match self.auth {
            Auth::Open => request,
            Auth::Basic => request.header("Authorization", &basic(USER, PASSWORD)),
            Auth::Token => {
                let token = token(self.folder.path(), repository, &["pull", "push", "delete"]);
                request.header("Authorization", &format!("Bearer {token}"))
            }
        };
        exchange(&self.host, &request).expect("an answer of the registry")
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of a Basic `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A port that is free at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn answers(child: &mut Child, host: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().expect("the state of the registry").is_some() {
            return false;
        }
        if exchange(host, &Request::new("GET", "/v2/")).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn configuration(folder: &Path, host: &str, auth: Auth, tokens: Option<&TokenServer>) -> String {
    let folder = folder.display();
    let auth = match (auth, tokens) {
        (Auth::Open, _) | (Auth::Token, None) => String::new(),
        (Auth::Basic, _) => {
            format!("auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n")
        }
        (Auth::Token, Some(tokens)) => format!(
            "auth: {{token: {{realm: \"http://{}/token\", service: test-registry, \
             issuer: test-issuer, rootcertbundle: {folder}/cert.pem}}}}\n",
            tokens.host
        ),
    };
    format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/data}}\n  \
         delete: {{enabled: true}}\nhttp: {{addr: \"{host}\"}}\n{auth}"
    )
}

/// A token server that signs ES256, as the registry's documentation describes it.
struct TokenServer {
    host: String,
    seen: Arc<Mutex<Vec<Request>>>,
    server: Arc<tiny_http::Server>,
}

impl TokenServer {
    fn start(folder: &Path) -> Self {
        openssl(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem \
             -out cert.pem -days 2 -subj /CN=test-issuer",
            b"",
        );
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a token server"));
        let host = server.server_addr().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (folder, record, listener) =
            (folder.to_owned(), Arc::clone(&seen), Arc::clone(&server));
        std::thread::spawn(move || {
            for request in listener.incoming_requests() {
                let mut note = Request::new(request.method().as_str(), request.url());
                for header in request.headers() {
                    note = note.header(header.field.as_str().as_str(), header.value.as_str());
                }
                record.lock().unwrap().push(note.clone());
                let known = note.get("authorization").map(|value| value == basic(USER, PASSWORD));
                let answer = if known == Some(false) {
                    let text = r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#;
                    tiny_http::Response::from_string(text).with_status_code(401)
                } else {
                    let (repository, asked) = scope(&note.path);
                    let asked: Vec<&str> = asked.split(',').collect();
                    let granted = if known.is_some() { asked.as_slice() } else { &[] };
                    let token = token(&folder, &repository, granted);
                    tiny_http::Response::from_string(
                        json!({"token": token, "expires_in": 300}).to_string(),
                    )
                };
                let _ = request.respond(answer);
            }
        });
        Self { host, seen, server }
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// The repository and the actions of the query's `scope`.
fn scope(path: &str) -> (String, String) {
    let url: url::Url = format!("http://x{path}").parse().expect("a request path");
    let scope = url.query_pairs().find(|(name, _)| name == "scope").map(|(_, value)| value);
    let scope = scope.unwrap_or_default().into_owned();
    let mut parts = scope.splitn(3, ':').skip(1).map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// A JSON Web Token (RFC 7519) for one repository.
fn token(folder: &Path, repository: &str, actions: &[&str]) -> String {
    let pem = std::fs::read_to_string(folder.join("cert.pem")).expect("the certificate");
    let certificate: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let now = jiff::Timestamp::now().as_second();
    let access = if actions.is_empty() {
        json!([])
    } else {
        json!([{"type": "repository", "name": repository, "actions": actions}])
    };
    let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [certificate]});
    let claims = json!({
        "iss": "test-issuer", "sub": USER, "aud": "test-registry", "jti": "1",
        "iat": now - 30, "nbf": now - 30, "exp": now + 300, "access": access,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let der = openssl(folder, "dgst -sha256 -sign key.pem", signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(raw_signature(&der)))
}

/// Turns `SEQUENCE { INTEGER r, INTEGER s }` into the two 32-byte numbers of RFC 7518, section 3.4.
fn raw_signature(der: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut rest = &der[2..];
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.len().saturating_sub(32)..];
        raw.extend(std::iter::repeat_n(0, 32 - number.len()));
        raw.extend_from_slice(number);
        rest = &rest[2 + length..];
    }
    raw
}

fn openssl(folder: &Path, arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("openssl could not be started ({error})"));
    child.stdin.take().expect("its input").write_all(input).expect("the input of openssl");
    let output = child.wait_with_output().expect("the output of openssl");
    assert!(output.status.success(), "openssl {arguments} failed");
    output.stdout
}
