//! Compose stacks against a real Docker engine.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tidegate::adapters::engine::{Engine, ImageId, Run};
use tidegate::compose::{ComposeError, Variables, Warning};
use tidegate::config::ComposeConfig;
use tidegate::model::ImageRef;
use tidegate::observe::stack::{self as starting, NotStarted, Started};
use tidegate::stack::{Before, Limits, Service, Stack};

use crate::harness::engine::{Built, Image, TestEngine};
use crate::harness::oci_registry::OciRegistry;

mod conditions;
mod files;
mod gate;
mod live;
mod shop;

/// Longer than anything here takes: a test that waits so long fails.
const LONG: Duration = Duration::from_mins(2);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// An engine, a registry with images, and a repository.
struct World {
    engine: TestEngine,
    registry: OciRegistry,
    repository: tempfile::TempDir,
    /// The release set.
    candidates: BTreeMap<ImageRef, Service>,
}

impl World {
    fn start() -> Self {
        Self {
            engine: TestEngine::start(),
            registry: OciRegistry::start(),
            repository: tempfile::tempdir().expect("a folder"),
            candidates: BTreeMap::new(),
        }
    }

    /// Pushes an image of the release set.
    fn candidate(&mut self, name: &str, image: &Image) -> Built {
        let built = image.push(&self.registry, &format!("acme/{name}"));
        let service = Service {
            name: name.to_owned(),
            image: built.candidate(),
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
            limits: Limits::default(),
        };
        self.candidates.insert(built.image.clone(), service);
        built
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repository.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Reads `compose.yml`; `HOST` in it stands for the registry.
    fn read(&self, text: &str) -> Result<(Stack, Vec<Warning>), ComposeError> {
        self.write("compose.yml", &text.replace("HOST", self.registry.host()));
        read(self.repository.path(), &self.candidates, &[])
    }

    async fn pulled(&self, engine: &Engine, stack: &Stack) -> BTreeMap<String, ImageId> {
        let mut images = BTreeMap::new();
        for (name, service) in &stack.services {
            let id = engine.pull(&service.image, None, None).await.expect("the image is there");
            images.insert(name.clone(), id);
        }
        images
    }

    /// Starts a stack, looks at it, and removes it.
    async fn up<T>(
        &self,
        stack: &Stack,
        look: impl AsyncFnOnce(&Run, &Started) -> T,
    ) -> Result<T, NotStarted> {
        let engine = self.engine.connect().await;
        let images = self.pulled(&engine, stack).await;
        let run = engine.begin(LONG).await.expect("a run begins");
        let looked = match starting::start(stack, &run, &images, LONG, &|_| ()).await {
            Ok(started) => Ok(look(&run, &started).await),
            Err(why) => Err(why),
        };
        run.remove().await.expect("the run is removed");
        self.engine.assert_nothing_left().await;
        looked
    }

    /// The images of the engine's containers, running or not, of all runs.
    async fn containers(&self) -> usize {
        use bollard::query_parameters::ListContainersOptionsBuilder;
        let options = ListContainersOptionsBuilder::new().all(true).build();
        self.engine.client().list_containers(Some(options)).await.expect("containers").len()
    }
}

fn read(
    root: &Path,
    candidates: &BTreeMap<ImageRef, Service>,
    profiles: &[&str],
) -> Result<(Stack, Vec<Warning>), ComposeError> {
    let config = ComposeConfig {
        file: "compose.yml".to_owned(),
        profiles: profiles.iter().map(|profile| (*profile).to_owned()).collect(),
        env_file: None,
        services: BTreeMap::new(),
    };
    let none = Variables::new();
    tidegate::observe::compose::read(root, &config, &none, candidates, &Limits::default())
}

fn before(service: &str, run: &str) -> Before {
    Before { run: run.to_owned(), service: service.to_owned(), timeout: LONG }
}

/// Asks a web server, again and again until it answers.
async fn get(address: SocketAddr) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        if let Ok(answer) = ask()
            && let Some((head, body)) = answer.split_once("\r\n\r\n")
        {
            return format!("{} {body}", head.split(' ').nth(1).unwrap_or_default());
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody answers at {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
