//! What tidegate does with a container that floods its log: starts it, looks at its state and reads
//! the end of its log until it has ended. `benches/run` starts it and takes its peak memory.
//!
//! `engine_part <address of the engine> <image>`; prints the number of looks and the last line.

#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::adapters::engine::{Engine, Options, State};
use tidegate::stack::{Limits, Service, ServiceImage};

fn main() {
    // `cargo bench` and `cargo test --benches` hand over options of their own, or nothing.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [address, image] = arguments.as_slice() else { return };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (looks, log) = runtime.block_on(watch(address, image));
    println!("{looks} looks; {}", log.lines().last().unwrap_or_default());
}

/// Returns how often it looked, and the end of the log.
async fn watch(address: &str, image: &str) -> (u32, String) {
    let options = Options { configured: Some(address.to_owned()), ..Options::default() };
    let engine = Engine::connect(&options).await.expect("an engine");
    let image = ServiceImage::Given(image.to_owned());
    let id = engine.pull(&image, None, None).await.expect("the image");
    let service = Service {
        name: "flood".to_owned(),
        image,
        entrypoint: None,
        command: None,
        env: BTreeMap::new(),
        ports: BTreeSet::new(),
        user: None,
        working_dir: None,
        aliases: BTreeSet::new(),
        mounts: Vec::new(),
        healthcheck: None,
        depends_on: BTreeMap::new(),
        limits: Limits::default(),
    };
    let run = engine.begin(Duration::from_mins(30)).await.expect("a network");
    let container = run.create(&service, &id).await.expect("a container");
    run.start(&container).await.expect("a start");
    let mut looks = 0;
    let log = loop {
        let state = run.wait_for_exit(&container, Duration::from_secs(1)).await.expect("a state");
        let log = run.logs(&container).await.expect("a log");
        looks += 1;
        if matches!(state, State::Exited { .. }) {
            break log;
        }
    };
    run.remove().await.expect("a removal");
    (looks, log)
}
