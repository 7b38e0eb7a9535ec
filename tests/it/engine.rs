//! Containers against a real Docker engine.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tidegate::adapters::engine::{Container, Engine, Health, ImageId, Run, State};
use tidegate::stack::{Limits, Service, ServiceImage};

use crate::harness::engine::{Built, Image, TestEngine};
use crate::harness::oci_registry::OciRegistry;

mod commands;
mod ends;
mod images;
mod leftovers;
mod limits;
mod logs;
mod network;

/// Longer than anything here takes: a test that waits so long fails.
const LONG: Duration = Duration::from_mins(1);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// An engine, a registry and a client: what most tests need.
struct World {
    engine: TestEngine,
    registry: OciRegistry,
}

impl World {
    fn start() -> Self {
        Self { engine: TestEngine::start(), registry: OciRegistry::start() }
    }

    /// Pushes an image, pulls it by digest, and begins a run.
    async fn begin(&self, image: &Image) -> (Run, Service, ImageId) {
        let engine = self.engine.connect().await;
        let (service, id) = self.pulled(&engine, "app", image).await;
        (engine.begin(LONG).await.unwrap(), service, id)
    }

    async fn pulled(&self, engine: &Engine, name: &str, image: &Image) -> (Service, ImageId) {
        let built = image.push(&self.registry, &format!("acme/{name}"));
        let id = engine.pull(&built.candidate(), None, None).await.unwrap();
        (service(name, &built), id)
    }

    /// Removes the run, and sees that nothing is left.
    async fn end(&self, run: Run) {
        run.remove().await.unwrap();
        self.engine.assert_nothing_left().await;
    }
}

/// A service as the configuration makes it where it says nothing.
fn service(name: &str, built: &Built) -> Service {
    service_of(name, built.candidate())
}

fn service_of(name: &str, image: ServiceImage) -> Service {
    Service {
        name: name.to_owned(),
        image,
        entrypoint: None,
        command: None,
        env: BTreeMap::new(),
        ports: [].into(),
        user: None,
        working_dir: None,
        aliases: [].into(),
        mounts: Vec::new(),
        healthcheck: None,
        depends_on: BTreeMap::new(),
        limits: Limits { memory: 64 << 20, ..Limits::default() },
    }
}

/// Makes and starts a container.
async fn started(run: &Run, service: &Service, image: &ImageId) -> Container {
    let container = run.create(service, image).await.unwrap();
    run.start(&container).await.unwrap();
    container
}

/// Waits for the end of a container.
async fn ended(run: &Run, container: &Container) -> (i64, bool) {
    match run.wait_for_exit(container, LONG).await.unwrap() {
        State::Exited { code, oom_killed, .. } => (code, oom_killed),
        other => panic!("it has not ended: {other:?}; {}", run.logs(container).await.unwrap()),
    }
}

/// Waits until the health check has come to a result.
async fn health(run: &Run, container: &Container) -> Health {
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let state = run.state(container).await.unwrap();
        match state {
            State::Running { health: Health::Starting } => {}
            State::Running { health } => return health,
            other => panic!("it does not run: {other:?}"),
        }
        assert!(tokio::time::Instant::now() < deadline, "the health stays at starting");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
