//! moto, a server that speaks S3's protocol, from the packages that `./dev` installs.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::adapters::store::{Container, Store};

use super::environment::{cache_folder, isolated_command};
use super::stores;

/// Longer than it takes to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(2);

/// The bucket of the tests. It is not there before a container of it is made.
pub const BUCKET: &str = "lakehouse";

/// A server of its own on a free port; it ends when it is dropped.
pub struct S3Server {
    child: Child,
    host: String,
    folder: TempDir,
}

impl S3Server {
    /// Starts it, empty.
    pub fn start() -> Self {
        let program = installed();
        let folder = TempDir::new().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let child = isolated_command(program, folder.path())
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("moto could not be started ({error}): run `./dev setup`")
            });
        let mut server = Self { child, host: String::new(), folder };
        let begun = Instant::now();
        loop {
            if let Some(host) = stores::listens(&server.log(), "Running on http://") {
                server.host = host;
                return server;
            }
            let ended = server.child.try_wait().expect("the state of moto").is_some();
            assert!(
                !ended && begun.elapsed() < STARTS_WITHIN,
                "moto does not start:\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The value of `data.store`.
    pub fn store_url(&self) -> String {
        store_url()
    }

    /// The variables that make `tidegate` and this process's own client reach it.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.host)
    }

    /// A client to look inside.
    pub fn store(&self) -> Store {
        stores::open(&store_url(), self.environment())
    }

    /// A container, made where it is missing.
    pub fn container(&self, name: &str) -> Container {
        stores::made(&self.store(), name)
    }

    /// What it has said, with a line for each request.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of `data.store`.
pub fn store_url() -> String {
    format!("s3://{BUCKET}/")
}

/// The variables that reach it through `host`, such as a proxy's.
pub fn environment(host: &str) -> Vec<(String, String)> {
    [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{host}")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// moto's program; without it the test fails.
fn installed() -> PathBuf {
    let file = cache_folder().join("moto/bin/moto_server");
    assert!(file.exists(), "{} is missing: run `./dev setup`", file.display());
    file
}
