//! OpenSSH's server on a free port, with keys of its own, for git over ssh.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::environment::{cache_folder, isolated_command, require_program};

/// How long the server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(20);

/// An ssh server on 127.0.0.1 that lets the current user in with one throw-away key.
///
/// It stops, and its keys go, on drop.
pub struct SshServer {
    folder: TempDir,
    child: Child,
    port: u16,
    user: String,
}

impl SshServer {
    /// Starts the server.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for key in ["host_key", "user_key"] {
            let status = isolated_command(require_program("ssh-keygen"), folder.path())
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "throw-away", "-f"])
                .arg(folder.path().join(key))
                .stdin(Stdio::null())
                .status()
                .expect("start ssh-keygen");
            assert!(status.success(), "ssh-keygen failed");
        }
        fs::copy(folder.path().join("user_key.pub"), folder.path().join("authorized_keys"))
            .expect("allow the key");
        let user = current_user();
        if user == "root" {
            // Started by root, sshd locks its unprivileged half into this empty folder.
            fs::create_dir_all("/run/sshd").expect("make /run/sshd");
        }
        // Another process may take the port between finding and using it: then try another.
        for _ in 0..10 {
            let port = free_port();
            let mut child = server_command(folder.path(), port).spawn().expect("start sshd");
            if accepts_connections(&mut child, port) {
                let server = Self { folder, child, port, user };
                server.write_known_hosts();
                return server;
            }
        }
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("sshd did not start:\n{log}");
    }

    /// The URL of a repository at an absolute path of this machine.
    pub fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repository.display())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key that is let in (OpenSSH format, no passphrase).
    pub fn private_key(&self) -> PathBuf {
        self.folder.path().join("user_key")
    }

    /// A `known_hosts` file that names this server's key.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// The value of `GIT_SSH_COMMAND` with which the real git gets in.
    pub fn git_ssh_command(&self) -> String {
        format!(
            "ssh -F /dev/null -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={}",
            self.private_key().display(),
            self.known_hosts().display()
        )
    }

    fn write_known_hosts(&self) {
        let key =
            fs::read_to_string(self.folder.path().join("host_key.pub")).expect("read the key");
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        fs::write(self.known_hosts(), line).expect("write known_hosts");
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server_command(folder: &Path, port: u16) -> Command {
    let program = sshd_program();
    let mut command = isolated_command(&program, folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let mut options = vec![
        format!("ListenAddress=127.0.0.1:{port}"),
        format!("HostKey={}", file("host_key")),
        format!("AuthorizedKeysFile={}", file("authorized_keys")),
        "PidFile=none".to_owned(),
        // The temporary folder's owner and mode are no concern of these tests.
        "StrictModes=no".to_owned(),
        "UsePAM=no".to_owned(),
        "PasswordAuthentication=no".to_owned(),
        "KbdInteractiveAuthentication=no".to_owned(),
        "PermitRootLogin=prohibit-password".to_owned(),
        "SetEnv=GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null".to_owned(),
    ];
    let root = cache_folder().join("sshd");
    if program.starts_with(&root) {
        command.env("LD_LIBRARY_PATH", library_folders(&root));
        // Since OpenSSH 9.8 the server consists of several programs, looked for in /usr/lib.
        for (option, name) in [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")] {
            let helper = root.join("usr/lib/openssh").join(name);
            if helper.exists() {
                options.push(format!("{option}={}", helper.display()));
            }
        }
    }
    command.args(["-D", "-f", "/dev/null", "-E"]).arg(folder.join("log"));
    for option in options {
        command.arg("-o").arg(option);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The installed server, or the one that `./dev` unpacked. sshd demands an absolute path.
fn sshd_program() -> PathBuf {
    let unpacked = cache_folder().join("sshd/usr/sbin/sshd");
    if unpacked.is_file() { unpacked } else { require_program("sshd") }
}

/// The folders of unpacked shared libraries, as `LD_LIBRARY_PATH` wants them.
fn library_folders(root: &Path) -> String {
    let mut folders = Vec::new();
    for base in ["lib", "usr/lib"] {
        let Ok(entries) = fs::read_dir(root.join(base)) else { continue };
        let found = entries.filter_map(Result::ok).map(|entry| entry.path());
        folders.extend(found.filter(|path| path.is_dir()).map(|path| path.display().to_string()));
    }
    folders.join(":")
}

fn accepts_connections(child: &mut Child, port: u16) -> bool {
    let start = Instant::now();
    while start.elapsed() < START_LIMIT {
        if child.try_wait().expect("ask for sshd").is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
    listener.local_addr().expect("its address").port()
}

fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().expect("start id");
    String::from_utf8(output.stdout).expect("a user name").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::SshServer;
    use crate::harness::repo::Repo;

    #[test]
    fn git_pushes_over_ssh() {
        let server = SshServer::start();
        let bare = Repo::init_bare();
        let repo = Repo::init();
        let commit = repo.commit("First", &[("a", "1")]);
        let output = repo
            .command(&["push", "-q", &server.url(bare.path()), "main"])
            .env("GIT_SSH_COMMAND", server.git_ssh_command())
            .output()
            .expect("start git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(bare.rev_parse("refs/heads/main"), commit);
    }
}
