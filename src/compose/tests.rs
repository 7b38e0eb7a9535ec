#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::Digest;
use crate::secret::Secret;
use crate::stack::{Condition, Dependency, MountSource};

mod hostile;
mod refused;
mod variables;

/// The files of a repository.
#[derive(Default)]
struct Tree(BTreeMap<&'static str, &'static str>);

impl Files for Tree {
    fn text(&self, path: &str) -> Result<Option<String>, String> {
        Ok(self.0.get(path).map(|text| (*text).to_owned()))
    }

    fn place(&self, path: &str) -> Result<Option<PathBuf>, String> {
        let inside = |file: &&str| *file == path || file.starts_with(&format!("{path}/"));
        let found = self.0.keys().copied().find(|file| inside(file));
        Ok(found.map(|_| PathBuf::from("/repository").join(path)))
    }
}

/// What a compose file is read with.
struct Case {
    config: ComposeConfig,
    candidates: BTreeMap<ImageRef, Service>,
    variables: Variables,
    files: Tree,
    limits: Limits,
}

impl Case {
    /// A release set of these images.
    fn new(images: &[&str]) -> Self {
        Self {
            config: ComposeConfig {
                file: "deploy/compose.yml".to_owned(),
                profiles: Vec::new(),
                env_file: None,
                services: BTreeMap::new(),
            },
            candidates: images.iter().map(|image| (image.parse().unwrap(), plain(image))).collect(),
            variables: Variables::new(),
            files: Tree::default(),
            limits: Limits::default(),
        }
    }

    fn app() -> Self {
        Self::new(&["ghcr.io/acme/app"])
    }

    fn file(mut self, path: &'static str, text: &'static str) -> Self {
        self.files.0.insert(path, text);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), Value::Plain(value.to_owned()));
        self
    }

    fn secret(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), Value::Secret(Secret::new(value)));
        self
    }

    fn try_read(&self, text: &str) -> Result<(Stack, Vec<Warning>), ComposeError> {
        let Self { config, candidates, variables, files, limits } = self;
        read(text, variables, &ComposeQuery { config, candidates, limits, files })
    }

    /// Reads a file that nothing is to be said about.
    fn read(&self, text: &str) -> Stack {
        let (stack, warnings) = self.try_read(text).unwrap();
        assert_eq!(warnings, [], "{text}");
        stack
    }

    fn error(&self, text: &str) -> String {
        self.try_read(text).unwrap_err().to_string()
    }
}

/// What the configuration alone makes of an image.
fn plain(image: &str) -> Service {
    Service {
        name: image.to_owned(),
        image: ServiceImage::Candidate { image: image.parse().unwrap(), digest: Digest::of(b"x") },
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
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what a service may lack")]
fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

const THREE: &str = r#"
name: shop
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_DB: shop
      POSTGRES_PASSWORD: ${DB_PASSWORD:-postgres}
    volumes: [ "data:/var/lib/postgresql/data", "./sql:/docker-entrypoint-initdb.d:ro" ]
    healthcheck:
      test: pg_isready -U postgres
      interval: 2s
      timeout: 1m30s
      start_period: 500ms
      retries: 5
  api:
    build: ../api
    env_file: api.env
    environment:
      - DATABASE_URL=postgres://db/shop
    command: uvicorn 'my app:app' --port 8000
    depends_on:
      db: { condition: service_healthy }
      cache: { condition: service_started, required: false }
    expose: [ 8000 ]
  web:
    image: ghcr.io/acme/web:latest
    depends_on: [ api ]
    ports: [ "8080:80", "127.0.0.1:9000-9001:9000-9001/tcp" ]
    hostname: front
    networks: { default: { aliases: [ www ] } }
  cache:
    image: redis:7
    tmpfs: /data
    user: "999:999"
    mem_limit: 64m
    entrypoint: [ "redis-server" ]
volumes: { data: {} }
"#;

#[test]
fn a_stack_of_services_is_read() {
    let mut case = Case::new(&["ghcr.io/acme/api", "ghcr.io/acme/web"])
        .file("deploy/api.env", "LOG_LEVEL=debug\n")
        .file("deploy/sql/1.sql", "");
    let api: ImageRef = "ghcr.io/acme/api".parse().unwrap();
    let settings = case.candidates.get_mut(&api).unwrap();
    settings.env.insert("DATABASE_URL".to_owned(), Value::Plain("postgres://db/other".to_owned()));
    settings.limits.memory = 2 << 30;
    let stack = case.read(THREE);

    let db = &stack.services["db"];
    assert_eq!(db.image, ServiceImage::Given("postgres:16".to_owned()));
    assert_eq!(db.env["POSTGRES_PASSWORD"], Value::Plain("postgres".to_owned()));
    let data = Mount {
        at: "/var/lib/postgresql/data".to_owned(),
        source: MountSource::Volume("data".to_owned()),
        read_only: false,
    };
    let sql = Mount {
        at: "/docker-entrypoint-initdb.d".to_owned(),
        source: MountSource::Repository("/repository/deploy/sql".into()),
        read_only: true,
    };
    assert_eq!(db.mounts, [sql, data]);
    let check = db.healthcheck.as_ref().unwrap();
    assert_eq!(check.test, words(&["CMD-SHELL", "pg_isready -U postgres"]));
    assert_eq!(check.interval, Some(Duration::from_secs(2)));
    assert_eq!(check.timeout, Some(Duration::from_secs(90)));
    assert_eq!(check.start_period, Some(Duration::from_millis(500)));
    assert_eq!(check.retries, Some(5));

    let service = &stack.services["api"];
    assert_eq!(service.image, plain("ghcr.io/acme/api").image);
    assert_eq!(service.env["LOG_LEVEL"], Value::Plain("debug".to_owned()));
    assert_eq!(service.env["DATABASE_URL"], Value::Plain("postgres://db/other".to_owned()));
    assert_eq!(service.limits.memory, 2 << 30);
    assert_eq!(service.command, words(&["uvicorn", "my app:app", "--port", "8000"]));
    assert_eq!(service.ports, BTreeSet::new(), "nobody outside asks for what is only exposed");
    let healthy = Dependency { condition: Condition::Healthy, required: true };
    let started = Dependency { condition: Condition::Started, required: false };
    let expected = [("cache".to_owned(), started), ("db".to_owned(), healthy)];
    assert_eq!(service.depends_on, BTreeMap::from(expected));

    let web = &stack.services["web"];
    assert_eq!(web.image, plain("ghcr.io/acme/web").image);
    assert_eq!(web.ports, BTreeSet::from([80, 9000, 9001]));
    assert_eq!(web.aliases, BTreeSet::from(["front".to_owned(), "www".to_owned()]));

    let cache = &stack.services["cache"];
    assert_eq!((cache.user.as_deref(), cache.limits.memory), (Some("999:999"), 64 << 20));
    assert_eq!(cache.entrypoint, words(&["redis-server"]));
    let memory = Mount { at: "/data".to_owned(), source: MountSource::Tmpfs, read_only: false };
    assert_eq!(cache.mounts, [memory]);
}

#[test]
fn anchors_and_merge_keys_are_honoured() {
    let text = "
x-common: &common
  image: busybox
  environment: &env { A: 1, B: 2 }
services:
  one:
    <<: *common
    environment: { <<: *env, B: 3 }
  two:
    <<: [ { user: '7' }, *common ]
    user: '8'
";
    let stack = Case::new(&[]).read(text);
    let plain = |text: &str| Value::Plain(text.to_owned());
    let one = &stack.services["one"].env;
    assert_eq!((&one["A"], &one["B"]), (&plain("1"), &plain("3")));
    assert_eq!(stack.services["two"].user.as_deref(), Some("8"));
    assert_eq!(stack.services["two"].env["B"], plain("2"));
}

#[test]
fn profiles_choose_services_and_what_they_depend_on() {
    let text = "
services:
  app: { image: a, depends_on: { tracing: { condition: service_started, required: false } } }
  worker: { image: b, profiles: [ jobs ], depends_on: [ queue ] }
  queue: { image: c, profiles: [ backends ] }
  tracing: { image: d, profiles: [ debug ] }
";
    let names = |stack: &Stack| stack.services.keys().cloned().collect::<Vec<_>>().join(" ");
    let mut case = Case::new(&[]);
    let (stack, warnings) = case.try_read(text).unwrap();
    assert_eq!(names(&stack), "app");
    assert!(stack.services["app"].depends_on.is_empty());
    let left_out = "service `app`: `depends_on` on `tracing` is left out: no profile starts it";
    assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [left_out]);

    case.config.profiles = vec!["jobs".to_owned()];
    assert_eq!(names(&case.try_read(text).unwrap().0), "app queue worker");
    case.config.profiles = vec!["*".to_owned()];
    assert_eq!(names(&case.read(text)), "app queue tracing worker");
    case.config.profiles = vec!["job".to_owned()];
    let expected = "deploy/compose.yml: no service has the profile `job`";
    assert_eq!(case.error(text), expected);
}

#[test]
fn services_that_are_built_are_matched_to_the_release_set() {
    let candidate = |stack: &Stack, service: &str| match &stack.services[service].image {
        ServiceImage::Candidate { image, .. } => image.to_string(),
        ServiceImage::Given(name) => format!("given {name}"),
    };
    let text =
        "services: { api: { build: . }, web: { build: ./web, image: 'ghcr.io/acme/web:1' } }";
    let mut case = Case::new(&["ghcr.io/acme/api", "ghcr.io/acme/web"]);
    let stack = case.read(text);
    assert_eq!(candidate(&stack, "api"), "ghcr.io/acme/api");
    assert_eq!(candidate(&stack, "web"), "ghcr.io/acme/web");

    case.config.services = BTreeMap::from([
        ("api".to_owned(), "ghcr.io/acme/web".parse().unwrap()),
        ("web".to_owned(), "ghcr.io/acme/api".parse().unwrap()),
    ]);
    assert_eq!(candidate(&case.read(text), "api"), "ghcr.io/acme/web");

    case.config.services = BTreeMap::new();
    let unclear = "services:\n  api: { build: . }\n  web:\n    build: ./web\n";
    let error = case.try_read(unclear).unwrap_err();
    assert_eq!(
        error.to_string(),
        "deploy/compose.yml:2: service `api` is built, and it is not clear which image of the \
         release set it runs"
    );
    let hint = "write `compose: { services: { api: ghcr.io/acme/api } }` in the configuration";
    assert_eq!(error.hint.as_deref(), Some(hint));

    // One image may run as several services, and what is not started is named.
    let two = "services:
  web: { image: 'ghcr.io/acme/web' }
  worker: { image: 'ghcr.io/acme/web:main', command: work }
";
    let (stack, warnings) = case.try_read(two).unwrap();
    assert_eq!(candidate(&stack, "worker"), candidate(&stack, "web"));
    assert_eq!(
        warnings[0].to_string(),
        "`services` starts no service of ghcr.io/acme/api: that image is promoted without a probe"
    );
}

#[test]
fn configured_services_have_to_be_there() {
    let mut case = Case::app();
    let app: ImageRef = "ghcr.io/acme/app".parse().unwrap();
    case.config.services = BTreeMap::from([("ap".to_owned(), app)]);
    let text = "services: { app: { build: . } }";
    let expected = "deploy/compose.yml: `compose.services` names `ap`, which is not started";
    assert_eq!(case.error(text), expected);
    let other: ImageRef = "ghcr.io/acme/other".parse().unwrap();
    case.config.services = BTreeMap::from([("app".to_owned(), other)]);
    let expected = "deploy/compose.yml: `compose.services` names ghcr.io/acme/other, which is not \
                    in the release set";
    assert_eq!(case.error(text), expected);
}

#[test]
fn what_changes_nothing_or_means_less_is_said() {
    let text = "
services:
  app:
    build: .
    restart: unless-stopped
    logging: { driver: json-file }
    labels: [ a=b ]
    shm_size: 1g
    platform: linux/arm64
    deploy: { replicas: 3, resources: { limits: { memory: 256m, cpus: '0.5' } } }
    volumes: [ './conf/app.toml:/etc/app.toml' ]
    environment: { HOME_PAGE: , EMPTY: $NOT_THERE }
    networks: [ front, back ]
networks: { front: , back: }
";
    let case = Case::app().file("deploy/conf/app.toml", "");
    let (stack, warnings) = case.try_read(text).unwrap();
    let limits = &stack.services["app"].limits;
    assert_eq!((limits.memory, limits.nano_cpus), (256 << 20, 500_000_000));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "`${NOT_THERE}` has no value: it is empty, as with `docker compose`",
            "`networks` are one: all services of a run share one network",
            "service `app`: `deploy.replicas` is ignored: each service is started once",
            "service `app`: `environment` has no value for `HOME_PAGE`: it is not set",
            "service `app`: `platform` is ignored: `containers.platform` says what is run",
            "service `app`: `restart` is ignored: a container that ends has failed",
            "service `app`: `shm_size` is ignored: only memory, CPUs and processes are limited",
            "service `app`: `volumes` mounts \"deploy/conf/app.toml\" so that the container can only \
             read it",
            "service `app`: `volumes` puts \"deploy/conf/app.toml\" of the checkout over the image \
             at /etc/app.toml",
        ]
    );
}

#[test]
fn commands_and_health_checks_are_read_in_all_their_forms() {
    let text = r#"
services:
  a: { image: a, command: "sh -c \"echo 'a b' $$HOME\"", entrypoint: "" , healthcheck: { disable: true } }
  b: { image: b, command: [ "sh", "-c", "echo a b" ], healthcheck: { test: [ CMD, ok, "a b" ], retries: "${R:-4}" } }
  c: { image: c, healthcheck: { interval: 1h }, scale: 1, read_only: "true", pids_limit: 9 }
"#;
    let stack = Case::new(&[]).read(text);
    let [a, b, c] = ["a", "b", "c"].map(|name| &stack.services[name]);
    assert_eq!(a.command, words(&["sh", "-c", "echo 'a b' $HOME"]));
    assert_eq!(a.entrypoint, Some(Vec::new()));
    assert_eq!(a.healthcheck.as_ref().unwrap().test, words(&["NONE"]));
    assert_eq!(b.command, words(&["sh", "-c", "echo a b"]));
    assert_eq!(b.healthcheck.as_ref().unwrap().test, words(&["CMD", "ok", "a b"]));
    assert_eq!(b.healthcheck.as_ref().unwrap().retries, Some(4));
    assert_eq!(c.healthcheck.as_ref().unwrap().test, None);
    assert!(c.limits.read_only && c.limits.pids == 9);
}

#[test]
fn secrets_and_configs_are_files_of_the_repository() {
    let text = "
services:
  app:
    image: a
    secrets: [ token, { source: token, target: other } ]
    configs: [ { source: conf, target: /etc/app.conf } ]
secrets: { token: { file: ./token.txt } }
configs: { conf: { file: ../app.conf } }
";
    let case = Case::new(&[]).file("deploy/token.txt", "x").file("app.conf", "y");
    let stack = case.read(text);
    let mounts: Vec<(&str, bool)> =
        stack.services["app"].mounts.iter().map(|m| (m.at.as_str(), m.read_only)).collect();
    let expected =
        [("/etc/app.conf", true), ("/run/secrets/other", true), ("/run/secrets/token", true)];
    assert_eq!(mounts, expected);
}
