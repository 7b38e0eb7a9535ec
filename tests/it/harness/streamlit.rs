//! A real Streamlit of a chosen version with one of the apps of `tests/fixtures/streamlit`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;

use super::environment::{cache_folder, isolated_command};

/// Longer than any of them takes to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(2);

/// The versions that `./dev` installs, oldest first.
pub const VERSIONS: [&str; 3] = ["1.16.0", "1.40.2", "1.67.0"];

/// A server of its own on a free port; it ends when it is dropped.
pub struct Streamlit {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Streamlit {
    /// Starts the app and waits until the server is healthy, which says nothing about the app.
    pub fn start(version: &str, app: &str, options: &[&str]) -> Self {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/streamlit").join(app);
        Self::start_in(version, &folder, options)
    }

    /// Starts the app of any folder.
    pub fn start_in(version: &str, app: &Path, options: &[&str]) -> Self {
        // Another program may take the port before Streamlit does: then it says so and ends.
        for _ in 0..5 {
            if let Some(started) = Self::try_start(version, app, options) {
                return started;
            }
        }
        panic!("Streamlit {version} found no free port in five tries");
    }

    fn try_start(version: &str, app: &Path, options: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = isolated_command(python(version), folder.path())
            .current_dir(app)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-m", "streamlit", "run", "app.py", "--server.headless=true"])
            .args(["--server.address=127.0.0.1", "--server.fileWatcherType=none"])
            .arg(format!("--server.port={port}"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut started = Self { child, port, folder };
        let begun = Instant::now();
        while !started.is_healthy() {
            if started.child.try_wait().unwrap().is_some() {
                let log = started.log();
                assert!(log.contains("already in use"), "Streamlit {version} ended: {log}");
                return None;
            }
            let log = || started.log();
            assert!(
                begun.elapsed() < STARTS_WITHIN,
                "Streamlit {version} did not start: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    /// Where people would open it.
    pub fn url(&self) -> Url {
        format!("http://127.0.0.1:{}/", self.port).parse().unwrap()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Whether it answers at all; an app with a base path has its health URL elsewhere.
    fn is_healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let head = "GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
        let mut answer = [0_u8; 5];
        stream.write_all(head.as_bytes()).is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"HTTP/"
    }
}

impl Drop for Streamlit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python(version: &str) -> PathBuf {
    let python = cache_folder().join("streamlit").join(version).join("bin/python");
    assert!(
        python.is_file(),
        "the tests need Streamlit {version}, which is not installed: run `./dev setup`"
    );
    python
}
