//! Three services: `api` waits for `db`, and `cache` waits for nobody. `benches/run` starts it, and
//! compares the start of all three with that of the slowest chain (`db`, then `api`) and with that of
//! one after the other.
//!
//! `stack_part <address of the engine> <image>`; prints the seconds as JSON.

#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tidegate::adapters::engine::{Engine, Health, ImageId, Options, State};
use tidegate::observe::stack;
use tidegate::stack::{Condition, Dependency, Healthcheck, Limits, Service, ServiceImage, Stack};

const LONG: Duration = Duration::from_mins(2);

fn main() {
    // `cargo bench` and `cargo test --benches` hand over options of their own, or nothing.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [address, image] = arguments.as_slice() else { return };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(address, image));
}

async fn measure(address: &str, image: &str) {
    let options = Options { configured: Some(address.to_owned()), ..Options::default() };
    let engine = Engine::connect(&options).await.expect("an engine");
    let given = ServiceImage::Given(image.to_owned());
    let id = engine.pull(&given, None, None).await.expect("the image");
    let db = service("db", &given, 2, &[]);
    let api = service("api", &given, 2, &["db"]);
    let cache = service("cache", &given, 3, &[]);
    let alone = Service { depends_on: BTreeMap::new(), ..api.clone() };
    let together = healthy(&engine, &id, &[&db, &api, &cache]).await;
    let chain = healthy(&engine, &id, &[&db, &api]).await;
    let mut apart = Duration::ZERO;
    for one in [&db, &alone, &cache] {
        apart += healthy(&engine, &id, &[one]).await;
    }
    println!(
        "{{\"together\": {:.3}, \"chain\": {:.3}, \"apart\": {:.3}}}",
        together.as_secs_f64(),
        chain.as_secs_f64(),
        apart.as_secs_f64()
    );
}

/// A service that is healthy so many seconds after its start.
fn service(name: &str, image: &ServiceImage, seconds: u32, on: &[&str]) -> Service {
    let script = format!(
        "/bin/busybox sleep {seconds}; /bin/busybox touch /ok; exec /bin/busybox sleep 600"
    );
    let shell = |script: &str| ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let dependency = Dependency { condition: Condition::Healthy, required: true };
    let test = [vec!["CMD".to_owned()], shell("/bin/busybox test -e /ok")].concat();
    Service {
        name: name.to_owned(),
        image: image.clone(),
        entrypoint: None,
        command: Some(shell(&script)),
        env: BTreeMap::new(),
        ports: BTreeSet::new(),
        user: None,
        working_dir: None,
        aliases: BTreeSet::new(),
        mounts: Vec::new(),
        healthcheck: Some(Healthcheck {
            test: Some(test),
            interval: Some(Duration::from_millis(200)),
            timeout: Some(Duration::from_secs(5)),
            start_period: None,
            retries: Some(100),
        }),
        depends_on: on.iter().map(|on| ((*on).to_owned(), dependency)).collect(),
        limits: Limits::default(),
    }
}

/// Returns how long it takes from the order to start until all services are healthy.
async fn healthy(engine: &Engine, id: &ImageId, services: &[&Service]) -> Duration {
    let services: BTreeMap<String, Service> =
        services.iter().map(|one| (one.name.clone(), (*one).clone())).collect();
    let images = services.keys().map(|name| (name.clone(), id.clone())).collect();
    let stack = Stack { services, before: Vec::new() };
    let run = engine.begin(LONG).await.expect("a network");
    let begun = Instant::now();
    let started = stack::start(&stack, &run, &images, LONG, &|_| ()).await.expect("a start");
    for up in started.services.values() {
        while run.state(&up.container).await.expect("a state")
            != (State::Running { health: Health::Healthy })
        {
            assert!(begun.elapsed() < LONG, "a service is not healthy");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let took = begun.elapsed();
    run.remove().await.expect("a removal");
    took
}
