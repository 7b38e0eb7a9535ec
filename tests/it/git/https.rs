//! The certificates that a server is judged by.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::environment::{isolated_command, require_program};
use crate::harness::project::{Project, RED};
use crate::harness::tidegate::Run;

/// A TLS server with a certificate that it signed itself; it speaks http, but not git.
struct TlsServer {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl TlsServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = isolated_command(require_program("openssl"), folder.path())
            .args("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem".split(' '))
            .args("-days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1".split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        // Another process may take the port between finding and using it: then try another.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = isolated_command(require_program("openssl"), folder.path())
                .args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")])
                .args(["-cert", "cert.pem", "-key", "key.pem"])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let limit = Instant::now() + Duration::from_secs(20);
            while child.try_wait().unwrap().is_none() && Instant::now() < limit {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { folder, child, port };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("openssl s_server does not start");
    }

    /// Runs a gate against it.
    fn gate(&self, project: &Project, variables: &[(&str, &str)]) -> Run {
        let url = format!("https://127.0.0.1:{}/app.git", self.port);
        project.dev.git(&["remote", "set-url", "origin", &url]);
        project.gate(RED).envs(variables.iter().copied()).run()
    }

    fn certificate(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let (server, project) = (TlsServer::start(), Project::on_disk());
    let before = project.refs();
    let run = server.gate(&project, &[]);
    assert!(run.stderr.contains("certificate"), "{run:?}");
    assert_eq!(project.refs(), before);
}

#[test]
fn a_server_that_the_given_certificates_vouch_for_is_asked() {
    let (server, project) = (TlsServer::start(), Project::on_disk());
    let run = server.gate(&project, &[("SSL_CERT_FILE", &server.certificate())]);
    // It is trusted, and then found not to speak git.
    assert!(!run.stderr.contains("certificate"), "{run:?}");
    assert!(run.stderr.contains("listing the refs of"), "{run:?}");
}
