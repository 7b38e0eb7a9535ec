//! What the servers of the stores have in common.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tidegate::adapters::store::{Container, Options, Store};

/// Runs a future as the binary does.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Opens a store with these variables and no others.
pub fn open(url: &str, environment: Vec<(String, String)>) -> Store {
    let url = url.parse().expect("the address of a store");
    Store::open(&url, options(environment)).expect("a store")
}

/// Options that see these variables and no others.
pub fn options(environment: Vec<(String, String)>) -> Options {
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    Options::new(Arc::new(move |name: &str| environment.get(name).cloned()))
}

/// A container, made where it is missing.
pub fn made(store: &Store, name: &str) -> Container {
    let container = store.container(name).expect("a container");
    run(container.create_if_missing()).expect("a made container");
    container
}

/// The host and port after some words of a server's log, once its line is complete.
pub(super) fn listens(log: &str, words: &str) -> Option<String> {
    let (_, rest) = log.split_once(words)?;
    let (host, _) = rest.split_once('\n')?;
    Some(host.trim().trim_end_matches('/').to_owned())
}
