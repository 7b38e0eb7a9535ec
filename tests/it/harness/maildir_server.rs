//! aiosmtpd, a mail server of the Python world, on a free loopback port. What it takes lies in a
//! Maildir.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::environment::{isolated_command, require_program};

/// How long the server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The server; it stops, and its mails go, on drop.
pub struct MaildirServer {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl MaildirServer {
    /// Starts the server.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        // Another process may take the port between finding and using it: then try another.
        for _ in 0..10 {
            let port = free_port();
            let mut child = isolated_command(require_program("aiosmtpd"), folder.path())
                .args(["--nosetuid", "--listen", &format!("127.0.0.1:{port}")])
                .args(["--class", "aiosmtpd.handlers.Mailbox"])
                .arg(folder.path().join("mails"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("start aiosmtpd");
            if accepts_connections(&mut child, port) {
                return Self { folder, child, port };
            }
        }
        panic!("aiosmtpd did not start");
    }

    /// The address, as `SMTP_URL` has it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The mails that it has taken, as they came.
    pub fn mails(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder.path().join("mails/new")).expect("a Maildir");
        folder
            .map(|entry| fs::read_to_string(entry.expect("a mail").path()).expect("text"))
            .collect()
    }
}

impl Drop for MaildirServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Waits until the server answers; `false` where it ended instead.
fn accepts_connections(child: &mut Child, port: u16) -> bool {
    let started = Instant::now();
    while started.elapsed() < START_LIMIT {
        if child.try_wait().expect("ask for the server").is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
