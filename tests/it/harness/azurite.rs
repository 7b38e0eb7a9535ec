//! Azurite, Microsoft's own emulator of Azure Blob Storage, from the packages that `./dev` installs.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::adapters::store::{Container, Store};

use super::environment::{cache_folder, isolated_command};
use super::stores;

/// Longer than it takes to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(2);

/// The account that Azurite knows.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which Azurite's documentation publishes.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A server of its own on a free port; it ends when it is dropped.
pub struct Azurite {
    child: Child,
    host: String,
    folder: TempDir,
}

impl Azurite {
    /// Starts it, empty.
    pub fn start() -> Self {
        let program = installed();
        let folder = TempDir::new().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let child = isolated_command("node", folder.path())
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--location"])
            .arg(folder.path().join("data"))
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("node could not be started ({error}): run `./dev setup`")
            });
        let mut azurite = Self { child, host: String::new(), folder };
        let begun = Instant::now();
        loop {
            if let Some(host) = stores::listens(&azurite.log(), "successfully listens on http://") {
                azurite.host = host;
                return azurite;
            }
            let ended = azurite.child.try_wait().expect("the state of Azurite").is_some();
            assert!(
                !ended && begun.elapsed() < STARTS_WITHIN,
                "Azurite does not start:\n{}",
                azurite.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address of the account, without `/` at its end.
    pub fn endpoint(&self) -> String {
        endpoint(&self.host)
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

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of the account behind a host, such as a proxy's.
pub fn endpoint(host: &str) -> String {
    format!("http://{host}/{ACCOUNT}")
}

/// The value of `data.store`.
pub fn store_url() -> String {
    format!("azure://{ACCOUNT}/")
}

/// The variables that reach it through `host`, such as a proxy's.
pub fn environment(host: &str) -> Vec<(String, String)> {
    [
        ("AZURE_ACCOUNT_NAME", ACCOUNT.to_owned()),
        ("AZURE_ACCOUNT_KEY", KEY.to_owned()),
        ("AZURE_STORAGE_ENDPOINT", endpoint(host)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Azurite's program; without it the test fails.
fn installed() -> PathBuf {
    let file = cache_folder().join("azurite/node_modules/.bin/azurite-blob");
    assert!(file.exists(), "{} is missing: run `./dev setup`", file.display());
    file
}
