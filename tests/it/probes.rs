//! Probes of containers in a real Docker engine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tidegate::adapters::engine::Options;
use tidegate::evidence::probes::{ProbeEvidence, ProbeFound};
use tidegate::observe::probes::{self, Context, StackResult};
use tidegate::probe::{Check, HttpCheck, Probe, ProbeFailure, Target, Timing};
use tidegate::secret::Redactor;
use tidegate::stack::{Limits, Service, ServiceImage, Stack};

use crate::harness::engine::{Built, Image, TestEngine};
use crate::harness::oci_registry::OciRegistry;

mod around;
mod by_hand;
mod ends;
mod hold;
mod kinds;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);

/// A probe that has long to wait for a start, and then decides soon.
const PATIENT: Timing = Timing {
    start_period: LONG,
    interval: Duration::from_millis(100),
    timeout: Duration::from_secs(20),
    retries: 1,
};

/// A probe that decides soon.
const SOON: Timing = Timing { start_period: Duration::from_secs(2), ..PATIENT };

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

struct World {
    engine: TestEngine,
    registry: OciRegistry,
}

impl World {
    fn start() -> Self {
        Self { engine: TestEngine::start(), registry: OciRegistry::start() }
    }

    fn push(&self, name: &str, image: &Image) -> Built {
        image.push(&self.registry, &format!("acme/{name}"))
    }

    /// Runs the probes on a stack.
    async fn probe(&self, stack: &Stack, wanted: &[Probe]) -> StackResult {
        probe_with(&self.engine.options(), stack, wanted).await
    }

    /// Runs one probe on one image, in a stack of its own.
    async fn one(&self, image: &Image, timing: Timing, check: Check) -> ProbeEvidence {
        let name = format!("app-{}", image.folder().file_name().unwrap().to_str().unwrap());
        let name = name.to_lowercase().replace('.', "");
        let built = self.push(&name, image);
        let stack = stack([service("web", built.candidate())]);
        let result = self.probe(&stack, &[probe("web", timing, check)]).await;
        result.probes.into_iter().next().expect("one result")
    }
}

async fn probe_with(options: &Options, stack: &Stack, wanted: &[Probe]) -> StackResult {
    let said = RefCell::new(Vec::new());
    let redactor = Redactor::new();
    let context = Context {
        root: Path::new("/"),
        redactor: &redactor,
        hidden: &[],
        registries: None,
        platform: None,
        deadline: None,
        on_step: &|step| said.borrow_mut().push(step.to_owned()),
    };
    probes::run(stack, wanted, options, &context).await.expect("no signal comes")
}

fn stack<const N: usize>(services: [Service; N]) -> Stack {
    let services = services.into_iter().map(|service| (service.name.clone(), service)).collect();
    Stack { services, before: Vec::new() }
}

/// A service whose port 8000 is reached.
fn service(name: &str, image: ServiceImage) -> Service {
    Service {
        name: name.to_owned(),
        image,
        entrypoint: None,
        command: None,
        env: BTreeMap::new(),
        ports: [8000].into(),
        user: None,
        working_dir: None,
        aliases: [].into(),
        mounts: Vec::new(),
        healthcheck: None,
        depends_on: BTreeMap::new(),
        limits: Limits { memory: 64 << 20, ..Limits::default() },
    }
}

fn probe(service: &str, timing: Timing, check: Check) -> Probe {
    let name = format!("{} of {service}", check.kind());
    let target = Target::Service { service: service.to_owned(), port: Some(8000) };
    Probe { name, target, timing, check }
}

fn on_runner(run: &str, timing: Timing) -> Probe {
    let check = Check::Command { run: run.to_owned() };
    Probe { name: "on the runner".to_owned(), target: Target::Runner, timing, check }
}

/// A web server of busybox that does something first.
fn web(first: &str) -> Image {
    Image::script(&format!("{first} exec httpd -f -p 8000 -h /www"))
        .file("www/index.html", "<h1>It works</h1>\n")
}

fn http() -> Check {
    Check::Http(HttpCheck::default())
}

fn says(text: &str) -> Check {
    Check::Http(HttpCheck { body: Some(text.to_owned()), ..HttpCheck::default() })
}

fn command(run: &str) -> Check {
    Check::Command { run: run.to_owned() }
}

fn passed(evidence: &ProbeEvidence) -> &str {
    match &evidence.found {
        ProbeFound::Passed { seen } => seen,
        other => panic!("{}: {other:#?}", evidence.name),
    }
}

fn failed(evidence: &ProbeEvidence) -> &ProbeFailure {
    match &evidence.found {
        ProbeFound::Failed(failure) => failure,
        other => panic!("{}: {other:#?}", evidence.name),
    }
}

fn unknown(evidence: &ProbeEvidence) -> &str {
    match &evidence.found {
        ProbeFound::Unknown { why } => why,
        other => panic!("{}: {other:#?}", evidence.name),
    }
}
