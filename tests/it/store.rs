//! Object stores: one suite on Azurite, on a server that speaks S3's protocol, and in a folder.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::TempDir;
use tidegate::adapters::store::{
    Container, Expect, Object, Options, Retry, Store, StoreError, Written,
};

use crate::harness::azurite::{self, Azurite};
use crate::harness::s3_server::{self, S3Server};
use crate::harness::stores::{self, run};

mod azure;
mod faults;
mod folder;
mod operations;
mod s3;

/// A store of each kind, with what keeps it there.
enum Kept {
    Azure(Azurite),
    S3(S3Server),
    Folder(TempDir),
}

impl Kept {
    fn store(&self) -> Store {
        match self {
            Self::Azure(server) => server.store(),
            Self::S3(server) => server.store(),
            Self::Folder(folder) => {
                stores::open(&format!("file://{}", folder.path().display()), Vec::new())
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Azure(_) => "Azure",
            Self::S3(_) => "S3",
            Self::Folder(_) => "folder",
        }
    }
}

/// Runs a test on a store of each kind, with a container that was made.
fn on_each(test: impl Fn(&Kept, &Container)) {
    for kept in [
        Kept::Azure(Azurite::start()),
        Kept::S3(S3Server::start()),
        Kept::Folder(TempDir::new().unwrap()),
    ] {
        let container = stores::made(&kept.store(), "bronze");
        test(&kept, &container);
    }
}

/// Short waits and short patience.
const QUICK: Retry = Retry {
    first_wait: Duration::from_millis(5),
    longest_wait: Duration::from_millis(50),
    patience: Duration::from_secs(20),
    silence: Duration::from_secs(10),
};

/// A container that is reached by some variables, with short waits.
fn container(url: &str, environment: Vec<(String, String)>, name: &str) -> Container {
    let options = Options { retry: QUICK, ..stores::options(environment) };
    Store::open(&url.parse().unwrap(), options).unwrap().container(name).unwrap()
}

/// The same store, behind another address.
fn behind(kept: &Kept, host: &str) -> Container {
    match kept {
        Kept::Azure(_) => container(&azurite::store_url(), azurite::environment(host), "bronze"),
        Kept::S3(_) => container(&s3_server::store_url(), s3_server::environment(host), "bronze"),
        Kept::Folder(_) => panic!("a folder has no address"),
    }
}

/// The host of a server.
fn host(kept: &Kept) -> &str {
    match kept {
        Kept::Azure(server) => server.host(),
        Kept::S3(server) => server.host(),
        Kept::Folder(_) => panic!("a folder has no address"),
    }
}

fn write(container: &Container, path: &str, text: &str, expect: Expect) -> Written {
    run(container.write(path, Bytes::from(text.to_owned()), expect)).unwrap()
}

fn read(container: &Container, path: &str) -> Option<Vec<u8>> {
    run(container.read(path, 64 * 1024 * 1024)).unwrap().map(|(bytes, _)| bytes.to_vec())
}

fn streamed(
    container: &Container,
    path: &str,
    offset: u64,
    etag: Option<&str>,
) -> Result<Vec<u8>, StoreError> {
    run(async {
        let mut bytes = container.stream(path, offset, etag).await?;
        let mut whole = Vec::new();
        while let Some(piece) = bytes.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    })
}

fn listed(container: &Container, folder: &str) -> Vec<Object> {
    run(async {
        let mut found: Vec<Object> =
            container.list(folder).map(|object| object.unwrap()).collect().await;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    })
}

fn paths(container: &Container, folder: &str) -> Vec<String> {
    listed(container, folder).into_iter().map(|object| object.path).collect()
}

/// A file of so many bytes that do not repeat in any way that a part could hide.
fn file(folder: &TempDir, size: usize) -> (std::path::PathBuf, Vec<u8>) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(size)
    .collect();
    let path = folder.path().join(format!("file-{size}"));
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn upload(container: &Container, path: &str, file: &std::path::Path) -> Result<Object, StoreError> {
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let result = run(container.upload(path, file, &move |bytes| {
        counter.fetch_add(bytes, std::sync::atomic::Ordering::SeqCst);
    }));
    if let Ok(object) = &result {
        assert_eq!(sent.load(std::sync::atomic::Ordering::SeqCst), object.size, "{path}");
    }
    result
}
