//! A Docker engine of its own for a test, and images to run in it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::engine::{Engine, Options};
use tidegate::adapters::registry::{OCI_CONFIG, OCI_MANIFEST};
use tidegate::model::{Digest, ImageRef};
use tidegate::stack::ServiceImage;

use super::debian_image::{Layer, POSTGRES};
use super::oci_registry::OciRegistry;

/// The label that everything carries which a run makes.
pub const LABEL: &str = "dev.tidegate.run";

/// Process 1 of a PID and mount namespace of its own: when it ends, for whatever reason, the kernel
/// ends everything in there, and the mounts are gone. It ends when its standard input does, so that a
/// test that is killed leaves nothing behind either.
const SERVE: &str = r#"
D=$1 POOL=$2 CGROUP=$3
umask 000
containerd --config "$D/containerd.toml" --root "$D/containerd" --state "$D/containerd-state" \
    --address "$D/containerd.sock" >"$D/containerd.log" 2>&1 </dev/null &
dockerd --containerd "$D/containerd.sock" --iptables=false --ip6tables=false --ip-forward=false \
    --bridge=none --storage-driver=overlay2 --exec-opt native.cgroupdriver=cgroupfs \
    --cgroup-parent="/$CGROUP" --default-address-pool "base=10.$POOL.0.0/16,size=24" \
    --data-root "$D/data" --exec-root "$D/exec" -p "$D/pid" -H "unix://$D/docker.sock" \
    --shutdown-timeout 1 >"$D/log" 2>&1 </dev/null &
read -r _
kill -9 -1
PATH=$PATH:/sbin:/usr/sbin
ip -o -4 addr show | while read -r _ name _ address _; do
    case $address in 10.$POOL.*) ip link delete "$name" ;; esac
done
find /sys/fs/cgroup/"$CGROUP" /sys/fs/cgroup/*/"$CGROUP" -depth -type d -exec rmdir {} \; 2>/dev/null
awk -v d="$D/" 'index($2, d) == 1 { print $2 }' /proc/self/mounts | sort -r |
    while read -r mount; do umount -l "$mount"; done
rm -rf "$D/data" "$D/exec" "$D/containerd" "$D/containerd-state" "$D/pid"
"#;

/// Names the socket of an engine that runs already, such as Podman's, instead of one for each test;
/// then one test at a time (`-j1`).
const OTHER: &str = "TIDEGATE_TEST_ENGINE_SOCKET";

/// An engine on a socket of its own; it ends, with all that runs in it, when it is dropped.
pub struct TestEngine {
    socket: PathBuf,
    own: Option<Own>,
}

/// An engine that this test started.
struct Own {
    child: Child,
    _folder: TempDir,
    /// The part of the private networks that is nobody else's at this time.
    _pool: File,
}

impl TestEngine {
    pub fn start() -> Self {
        if let Some(socket) = std::env::var_os(OTHER) {
            return Self { socket: socket.into(), own: None };
        }
        for program in ["dockerd", "containerd", "runc", "unshare", "ip"] {
            let found = on_path(program);
            assert!(found.is_some(), "{program} is missing: run ./dev setup");
        }
        let folder = tempfile::Builder::new().prefix("engine-").tempdir().expect("a folder");
        let path = folder.path();
        std::fs::write(
            path.join("containerd.toml"),
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
        )
        .expect("the configuration of containerd");
        let (number, pool) = pool();
        let cgroup = path.file_name().unwrap().to_str().unwrap().replace('.', "");
        let mut command = as_root("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", SERVE, "sh"]).arg(path).arg(number.to_string()).arg(&cgroup);
        let mut child = command
            .env("DOCKER_RAMDISK", "")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare starts");
        let deadline = Instant::now() + Duration::from_mins(1);
        while !answers(&path.join("docker.sock")) {
            let ended = child.try_wait().expect("the state of the engine").is_some();
            if ended || Instant::now() > deadline {
                let log = |name| std::fs::read_to_string(path.join(name)).unwrap_or_default();
                panic!(
                    "the Docker engine does not start (it needs root, or sudo without a password):\
                     \n{}\n{}",
                    log("log"),
                    log("containerd.log")
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let socket = path.join("docker.sock");
        Self { socket, own: Some(Own { child, _folder: folder, _pool: pool }) }
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// What `DOCKER_HOST` is for it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn options(&self) -> Options {
        Options { configured: Some(self.host()), ..Options::default() }
    }

    pub async fn connect(&self) -> Engine {
        Engine::connect(&self.options()).await.expect("the engine answers")
    }

    /// A client past the code under test.
    pub fn client(&self) -> bollard::Docker {
        let path = self.socket();
        bollard::Docker::connect_with_unix(
            path.to_str().unwrap(),
            60,
            &bollard::ClientVersion { major_version: 1, minor_version: 41 },
        )
        .expect("a client of the engine")
    }

    /// All containers, volumes and networks that carry the label of a run.
    pub async fn left(&self) -> Vec<String> {
        use bollard::query_parameters::{
            ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptions,
        };
        let client = self.client();
        let filters = HashMap::from([("label", vec![LABEL])]);
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let containers = client.list_containers(Some(options)).await.expect("the containers");
        // All volumes, also those without a name and a label: tests make none themselves.
        let volumes = client.list_volumes(None::<ListVolumesOptions>).await.expect("the volumes");
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = client.list_networks(Some(options)).await.expect("the networks");
        let containers = containers.into_iter().map(|it| format!("container {:?}", it.names));
        let volumes = volumes.volumes.into_iter().flatten().map(|it| format!("volume {}", it.name));
        let networks = networks.into_iter().map(|it| format!("network {:?}", it.name));
        containers.chain(volumes).chain(networks).collect()
    }

    /// Fails where something is left.
    pub async fn assert_nothing_left(&self) {
        let left = self.left().await;
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Claims a part of the private network 10/8 that no other test engine uses.
fn pool() -> (u8, File) {
    let start = u8::try_from(std::process::id() % 40).unwrap();
    for n in 0..40 {
        let number = 200 + (start + n) % 40;
        let path = std::env::temp_dir().join(format!("tidegate-engine-network-{number}"));
        let Ok(file) = File::options().create(true).append(true).open(path) else { continue };
        if file.try_lock().is_ok() {
            return (number, file);
        }
    }
    panic!("no network is free for an engine");
}

/// A command as root.
fn as_root(program: &str) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if root {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    let path = std::env::var("PATH").unwrap_or_default();
    command.args(["-n", "env", &format!("PATH={path}:/usr/sbin:/sbin"), program]);
    command
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut answer = [0; 12];
    stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer.ends_with(b"200")
}

/// An image to be made: a folder, and how it is run.
pub struct Image {
    folder: TempDir,
    config: Value,
    architecture: &'static str,
    base: Option<Layer>,
}

impl Image {
    /// Nothing in it.
    pub fn scratch() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            config: json!({"Env": ["PATH=/bin"]}),
            architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            base: None,
        }
    }

    /// A small Debian with Python and `PostgreSQL`, which is pulled in seconds.
    pub fn debian() -> Self {
        let path =
            format!("PATH={POSTGRES}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let image = Self { base: Some(Layer::debian()), ..Self::scratch() };
        image.with("Env", json!([path, "LANG=C.UTF-8"]))
    }

    /// A static busybox with all its programs in `/bin`, and users `root` and `app` (1000).
    pub fn busybox() -> Self {
        let image = Self::scratch();
        let busybox = on_path("busybox").expect("busybox is missing: run ./dev setup");
        let list = Command::new(&busybox).arg("--list").output().expect("busybox runs");
        let bin = image.folder.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::fs::copy(&busybox, bin.join("busybox")).expect("a copy of busybox");
        for name in String::from_utf8_lossy(&list.stdout).lines().filter(|name| *name != "busybox")
        {
            symlink("busybox", bin.join(name)).expect("a link");
        }
        for folder in ["tmp", "etc", "data"] {
            std::fs::create_dir(image.folder.path().join(folder)).expect("a folder");
        }
        image
            .file("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
            .file("etc/group", "root:x:0:\napp:x:1000:\n")
    }

    /// Busybox that runs a shell script.
    pub fn script(script: &str) -> Self {
        Self::busybox().cmd(&["sh", "-c", script])
    }

    /// The folder that becomes the file system.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a file that everybody may run.
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
        self
    }

    pub fn cmd(self, cmd: &[&str]) -> Self {
        self.with("Cmd", json!(cmd))
    }

    pub fn entrypoint(self, entrypoint: &[&str]) -> Self {
        self.with("Entrypoint", json!(entrypoint))
    }

    pub fn user(self, user: &str) -> Self {
        self.with("User", json!(user))
    }

    /// `HEALTHCHECK CMD-SHELL`, with times in milliseconds.
    pub fn healthcheck(self, shell: &str, interval: u64, retries: u32) -> Self {
        let nanoseconds = interval * 1_000_000;
        let check = json!({
            "Test": ["CMD-SHELL", shell], "Interval": nanoseconds, "Timeout": 5_000_000_000_u64,
            "Retries": retries,
        });
        self.with("Healthcheck", check)
    }

    /// A field of the image's `config`.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self
    }

    /// Pretends to be for another processor.
    pub fn architecture(mut self, architecture: &'static str) -> Self {
        self.architecture = architecture;
        self
    }

    /// Pushes it, and returns it as a candidate; the tag `1` stands for it, too.
    pub fn push(&self, registry: &OciRegistry, repository: &str) -> Built {
        let tar = Command::new("tar")
            .args(["--numeric-owner", "--owner=0", "--group=0", "-C"])
            .arg(self.folder.path())
            .args(["-cf", "-", "."])
            .output()
            .expect("tar runs");
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        let layer =
            registry.push_blob(repository, "application/vnd.oci.image.layer.v1.tar", &tar.stdout);
        let mut layers = vec![layer];
        layers.splice(0..0, self.base.iter().map(|base| base.put(registry, repository)));
        // The layers are not compressed: their digests are those of their contents.
        let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({
            "created": "2026-11-01T12:00:00Z", "architecture": self.architecture, "os": "linux",
            "config": self.config, "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = registry.push_blob(repository, OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
        });
        let bytes = manifest.to_string().into_bytes();
        registry.push_manifest(repository, "1", OCI_MANIFEST, &bytes);
        Built { image: registry.image(repository), digest: Digest::of(&bytes) }
    }
}

/// An image that was pushed.
#[derive(Debug, Clone)]
pub struct Built {
    pub image: ImageRef,
    pub digest: Digest,
}

impl Built {
    pub fn candidate(&self) -> ServiceImage {
        ServiceImage::Candidate { image: self.image.clone(), digest: self.digest.clone() }
    }

    /// As a compose file names it.
    pub fn given(&self) -> ServiceImage {
        ServiceImage::Given(format!("{}:1", self.image))
    }
}
