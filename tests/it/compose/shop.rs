//! A shop of three services: `PostgreSQL`, an API in Python that reads it, and a front that asks the
//! API by its name.

use super::*;

/// `PostgreSQL`, as a compose file names it.
pub(super) const DB: &str = r#"
set -e
initdb -D /tmp/data -U "$POSTGRES_USER" --auth=trust --no-sync -E UTF8 >/dev/null
echo 'host all all all trust' >>/tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off
"#;

pub(super) const MIGRATE: &str = r#"
import os, psycopg2
with psycopg2.connect(os.environ["DATABASE_URL"]) as connection:
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists product (name text primary key, price int)")
        cursor.execute("insert into product values ('tide table', 42) on conflict do nothing")
print("migrated")
"#;

pub(super) const API: &str = r#"
import http.server, os, psycopg2
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with psycopg2.connect(os.environ["DATABASE_URL"]) as connection:
                with connection.cursor() as cursor:
                    cursor.execute("select name, price from product")
                    rows = cursor.fetchall()
            status, body = 200, f"{os.environ['GREETING']} {rows}"
        except Exception as error:
            status, body = 500, f"{type(error).__name__}"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"#;

pub(super) const FRONT: &str = r#"
import http.server, urllib.request, urllib.error
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with urllib.request.urlopen("http://backend:8000/") as answer:
                status, body = 200, "front: " + answer.read().decode()
        except urllib.error.HTTPError as error:
            status, body = 502, "the API answers " + str(error.code)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())
http.server.HTTPServer(("", 80), Handler).serve_forever()
"#;

pub(super) const COMPOSE: &str = r#"
x-database: &database
  DATABASE_URL: postgresql://${DB_USER:-shop}@db/postgres
services:
  db:
    image: HOST/acme/db:1
    user: postgres
    environment: { POSTGRES_USER: "${DB_USER:-shop}" }
    healthcheck: { test: "pg_isready -h 127.0.0.1 -U $$POSTGRES_USER", interval: 300ms, retries: 60 }
  api:
    build: ./api
    image: HOST/acme/api
    env_file: api.env
    environment: { <<: *database, GREETING: "${GREETING:-hello}" }
    networks: { default: { aliases: [ backend ] } }
    depends_on: { db: { condition: service_healthy } }
    healthcheck:
      test: [ CMD, python3, -c, "import socket; socket.create_connection(('127.0.0.1', 8000), 5)" ]
      interval: 300ms
      retries: 60
  front:
    image: HOST/acme/front:latest
    ports: [ "80:80" ]
    depends_on: { api: { condition: service_healthy } }
  debug:
    image: HOST/acme/nobody:1
    profiles: [ debug ]
"#;

impl World {
    /// With all images of the shop.
    fn shop() -> Self {
        let mut world = Self::start();
        Image::debian().cmd(&["sh", "-c", DB]).push(&world.registry, "acme/db");
        let api = Image::debian().file("app/api.py", API).file("app/migrate.py", MIGRATE);
        world.candidate("api", &api.cmd(&["python3", "-u", "/app/api.py"]));
        let front = Image::debian().file("app/front.py", FRONT);
        world.candidate("front", &front.cmd(&["python3", "-u", "/app/front.py"]));
        world.write("api.env", "GREETING=from the file\nPYTHONUNBUFFERED=1\n");
        world.write(".env", "export DB_USER=\"keeper\" # of the shop\nGREETING=ahoy\n");
        world
    }
}

#[test]
fn a_stack_of_three_services_works_together_after_its_migration() {
    let world = World::shop();
    let (mut stack, warnings) = world.read(COMPOSE).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(stack.services.keys().collect::<Vec<_>>(), ["api", "db", "front"]);
    stack.before.push(before("api", "python3 /app/migrate.py"));
    let answer = run(world.up(&stack, async |_, started| {
        assert_eq!(started.warnings, Vec::<String>::new());
        get(started.services["front"].container.address(80).unwrap()).await
    }));
    assert_eq!(answer, Ok("200 front: ahoy [('tide table', 42)]".to_owned()));
}

#[test]
fn without_its_migration_the_stack_starts_and_does_not_work() {
    let world = World::shop();
    let (stack, _) = world.read(COMPOSE).unwrap();
    let answer = run(world.up(&stack, async |_, started| {
        get(started.services["front"].container.address(80).unwrap()).await
    }));
    assert_eq!(answer, Ok("502 the API answers 500".to_owned()));
}

#[test]
fn a_migration_that_fails_is_the_candidates_failure_and_no_candidate_starts() {
    let world = World::shop();
    let (mut stack, _) = world.read(COMPOSE).unwrap();
    stack.before.push(before(
        "api",
        "echo first; python3 -c 'import os, psycopg2; \
         psycopg2.connect(os.environ[\"DATABASE_URL\"]).cursor().execute(\"drop table nothing\")'",
    ));
    run(async {
        let engine = world.engine.connect().await;
        let images = world.pulled(&engine, &stack).await;
        let run = engine.begin(LONG).await.unwrap();
        let why = starting::start(&stack, &run, &images, LONG, &|_| ()).await.unwrap_err();
        let NotStarted::Failed { service, failure } = why else { panic!("{why:?}") };
        assert_eq!(service, "api");
        assert!(failure.what.ends_with("ended with exit code 1"), "{}", failure.what);
        let detail = failure.detail.unwrap();
        assert!(detail.starts_with("first\n"), "{detail}");
        assert!(detail.contains("table \"nothing\" does not exist"), "{detail}");
        // Of the candidates there are containers, and none was ever started.
        let options =
            bollard::query_parameters::ListContainersOptionsBuilder::new().all(true).build();
        let all = world.engine.client().list_containers(Some(options)).await.unwrap();
        let states: Vec<String> =
            all.into_iter().map(|one| format!("{:?}", one.state.unwrap())).collect();
        assert_eq!(states.iter().filter(|state| *state == "CREATED").count(), 2, "{states:?}");
        assert_eq!(states.len(), 3, "{states:?}");
        run.remove().await.unwrap();
        world.engine.assert_nothing_left().await;
    });
}

#[test]
fn a_candidate_that_the_others_wait_for_fails_with_its_log() {
    let mut world = World::shop();
    let broken = Image::debian().file("app/api.py", "import no_such_module\n");
    world.candidate("api", &broken.cmd(&["python3", "/app/api.py"]));
    let (stack, _) = world.read(COMPOSE).unwrap();
    let why = run(world.up(&stack, async |_, _| ())).unwrap_err();
    let NotStarted::Failed { service, failure } = why else { panic!("{why:?}") };
    assert_eq!(service, "api");
    assert_eq!(failure.what, "`api` ended with exit code 1");
    assert!(
        failure.detail.unwrap().contains("ModuleNotFoundError: No module named 'no_such_module'")
    );
}

#[test]
fn a_database_that_does_not_come_up_says_nothing_about_the_candidate() {
    let world = World::shop();
    Image::debian()
        .cmd(&["sh", "-c", "echo 'FATAL: no space left on device'; exit 3"])
        .push(&world.registry, "acme/db");
    let (stack, _) = world.read(COMPOSE).unwrap();
    let why = run(world.up(&stack, async |_, _| ())).unwrap_err();
    let NotStarted::Unknown { service, failure } = why else { panic!("{why:?}") };
    assert_eq!(service, "db");
    assert_eq!(failure.what, "`db` ended with exit code 3");
    assert_eq!(failure.detail.as_deref(), Some("FATAL: no space left on device"));
}
