//! The CNCF registry on a free port, as the example's build job pushes to it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::environment::{isolated_command, require_program};

pub struct Registry {
    child: Child,
    host: String,
    folder: TempDir,
}

impl Registry {
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for _ in 0..10 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
            let host = listener.local_addr().expect("its address").to_string();
            drop(listener);
            let config = folder.path().join("config.yml");
            let text = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
                 http: {{addr: '{host}'}}\n",
                folder.path().join("data").display()
            );
            fs::write(&config, text).expect("write the configuration");
            let mut child = isolated_command(require_program("docker-registry"), folder.path())
                .arg("serve")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("start docker-registry");
            if accepts_connections(&mut child, &host) {
                return Self { child, host, folder };
            }
        }
        panic!("docker-registry did not start");
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// The bytes under a tag, read by a client that is not the one under test.
    pub fn manifest(&self, repository: &str, tag: &str) -> Option<Vec<u8>> {
        let output = isolated_command(require_program("skopeo"), self.folder.path())
            .args(["inspect", "--raw", "--tls-verify=false"])
            .arg(format!("docker://{}/{repository}:{tag}", self.host))
            .output()
            .expect("start skopeo");
        output.status.success().then_some(output.stdout)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn accepts_connections(child: &mut Child, host: &str) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if child.try_wait().expect("ask for docker-registry").is_some() {
            return false;
        }
        if TcpStream::connect(host).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
