//! `data health-check`, once and over HTTP, on DuckDB and SQLite.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::backups::{Kind, Place, newest};
use crate::harness::duckdb;
use crate::harness::environment::isolated_command;
use crate::harness::small_disk::{on_a_small_disk, read_only};

mod buckets;

const HEALTH: &str =
    "  health:\n    tables:\n      sales: { min_rows: 2, column: date, max_age: 36h }\n";

fn place(kind: Kind, day: &str) -> Place {
    let place = Place::with(kind, HEALTH);
    let row = format!("({day}, 'x')");
    place.sql(&format!(
        "create table sales (date date, product text); insert into sales values {row}, {row}, {row}"
    ));
    place
}

fn finding(said: &Value, part: &str) -> (String, String) {
    let findings = said["findings"].as_array().expect("findings");
    let one = findings.iter().find(|one| one["part"] == part).unwrap_or_else(|| panic!("{said}"));
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    (text("status"), text("detail"))
}

#[test]
fn a_database_with_fresh_rows_is_healthy_and_one_with_old_rows_is_not() {
    for kind in Kind::EACH {
        let fresh = place(kind, "current_date");
        let said = fresh.run(&["health-check", "--json"]).success().json();
        assert_eq!(said["schema"], "tidegate/health/1");
        assert_eq!(said["status"], "healthy", "{said}");
        assert_eq!(said["tables"][0]["rows"], 3);
        assert!(said["free"].as_u64().unwrap() > 0);
        let shown = fresh.run(&["health-check"]).success();
        assert!(shown.stdout.contains("healthy"), "{}", shown.stdout);

        let old = place(kind, "'2001-02-03'");
        let said = old.run(&["health-check", "--json"]).code(14).json();
        assert_eq!(said["status"], "error");
        let (status, detail) = finding(&said, "freshness");
        assert_eq!(status, "error");
        assert!(detail.contains("at most 36 h"), "{detail}");
    }
}

#[test]
fn missing_and_damaged_databases_and_tables_are_errors() {
    for kind in Kind::EACH {
        let place = place(kind, "current_date");
        place.sql("delete from sales");
        let said = place.run(&["health-check", "--json"]).code(14).json();
        assert!(finding(&said, "table").1.contains("at least 2"), "{said}");
        place.sql("drop table sales");
        let said = place.run(&["health-check", "--json"]).code(14).json();
        assert_eq!(finding(&said, "table").1, "there is no sales");
        fs::write(place.path(), "this is no database at all, and never was one").unwrap();
        let said = place.run(&["health-check", "--json"]).code(14).json();
        assert_eq!(finding(&said, "database").0, "error");
        fs::remove_file(place.path()).unwrap();
        let said = place.run(&["health-check", "--json"]).code(14).json();
        assert!(finding(&said, "database").1.contains("no such file"), "{said}");
    }
}

#[test]
fn the_last_backup_and_what_is_wrong_with_newer_ones_are_told() {
    let config = format!("{HEALTH}  backup: {{ keep_last: 3 }}\n");
    let place = Place::with(Kind::Sqlite, &config);
    place.sql(
        "create table sales (date date); insert into sales values (current_date), (current_date)",
    );
    let said = place.run(&["health-check", "--json"]).success().json();
    assert_eq!(said["status"], "warning", "{said}");
    assert_eq!(finding(&said, "backup").1, "there is none that was verified");
    let name = place.back_up();
    let said = place.run(&["health-check", "--json"]).success().json();
    assert_eq!(
        (&said["status"], &said["last_backup"]["name"]),
        (&"healthy".into(), &name.as_str().into())
    );
    assert_eq!(said["last_backup"]["read"], "whole");
    // Of the same size, and other bytes, which only reading tells: the one before counts.
    let newer = place.back_up();
    let file = place.backups().join(&newer);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let said = place.run(&["health-check", "--json"]).success().json();
    assert_eq!(said["status"], "warning", "{said}");
    let (status, detail) = finding(&said, "backup");
    assert_eq!(status, "warning");
    assert!(detail.contains(&newer) && detail.contains("SHA-256"), "{detail}");
    assert_eq!(said["last_backup"]["name"], name.as_str());
    let file = fs::File::options().write(true).open(place.backups().join(&name)).unwrap();
    file.set_len(10).unwrap();
    let said = place.run(&["health-check", "--json"]).success().json();
    assert_eq!(said["status"], "warning", "{said}");
}

#[test]
fn a_database_that_a_process_holds_is_a_warning_that_names_it() {
    let place = place(Kind::DuckDb, "current_date");
    let mut holder = isolated_command(duckdb::command(newest()), place.folder.path())
        .args(["-init", "/dev/null", "-batch", "-json"])
        .arg(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(holder.stdin.as_mut().unwrap(), "select 1 as one;").unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said = place.run(&["health-check", "--json"]).success().json();
    let (status, detail) = finding(&said, "database");
    assert_eq!(status, "warning");
    assert!(detail.contains(&format!("process {}", holder.id())), "{detail}");
    let run = place.run(&["backup", "--wait", "1s"]).code(8);
    assert!(run.stderr.contains(&format!("process {}", holder.id())), "{}", run.stderr);
    assert!(run.stderr.contains("--wait 10m"), "{}", run.stderr);
    drop(holder.stdin.take());
    holder.wait().unwrap();
}

#[test]
fn a_signed_url_that_ran_out_is_an_error_and_is_never_shown() {
    let layer = "  store: azure://acmedata/\n  layers:\n    analytics: { file: data/x.db, signed_url: { secret: ANALYTICS_URL } }\n";
    let mut place = Place::with(Kind::Sqlite, layer);
    place.sql("create table sales (id integer)");
    let url =
        |end: &str| format!("https://a.example/analytics/x.db?se={end}&sr=c&sig=SECRETSIGNATURE");
    for (end, code) in [("2001-01-01", 14), ("2099-01-01", 0)] {
        place.environment = vec![("ANALYTICS_URL".to_owned(), url(end))];
        let run = place.run(&["health-check", "--json"]).code(code);
        assert!(!run.stdout.contains("SECRETSIGNATURE") && !run.stderr.contains("SECRETSIGNATURE"));
        assert!(finding(&run.json(), "signed_url").1.contains("ANALYTICS_URL"));
    }
}

#[test]
fn a_signed_url_that_cannot_be_judged_is_a_warning_that_says_why() {
    let layer = "  store: azure://acmedata/\n  layers:\n    analytics: { file: data/x.db, signed_url: { secret: ANALYTICS_URL, write_to: url.txt } }\n";
    let mut place = Place::with(Kind::Sqlite, layer);
    place.sql("create table sales (id integer)");
    let warned = |place: &Place| {
        let said = place.run(&["health-check", "--json"]).success();
        assert!(!said.stdout.contains("SECRETSIGNATURE"), "{}", said.stdout);
        let (status, detail) = finding(&said.json(), "signed_url");
        assert_eq!(status, "warning", "{detail}");
        detail
    };
    let file = place.folder.path().join("url.txt");
    let detail = warned(&place);
    assert!(detail.starts_with("url.txt: there is no such file"), "{detail}");
    fs::write(&file, "").unwrap();
    let detail = warned(&place);
    assert!(detail.starts_with("url.txt: it holds no URL"), "{detail}");
    fs::write(&file, "no URL SECRETSIGNATURE").unwrap();
    let detail = warned(&place);
    assert!(detail.starts_with("url.txt: it holds no URL"), "{detail}");
    fs::write(&file, "https://a.example/analytics/x.db?se=2099-01-01&sr=c&sig=SECRETSIGNATURE")
        .unwrap();
    let git = |arguments: &[&str]| {
        let mut git = isolated_command("git", place.folder.path());
        let done = git.args(arguments).current_dir(place.folder.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    let said = place.run(&["health-check", "--json"]).success().json();
    assert_eq!(finding(&said, "signed_url").0, "healthy", "{said}");
    git(&["add", "url.txt"]);
    let detail = warned(&place);
    assert!(detail.contains("git tracks url.txt"), "{detail}");
    git(&["rm", "-q", "--cached", "url.txt"]);
    fs::remove_file(&file).unwrap();
    place.environment = vec![("ANALYTICS_URL".to_owned(), "no URL SECRETSIGNATURE".to_owned())];
    let detail = warned(&place);
    assert!(detail.starts_with("ANALYTICS_URL: it holds no URL"), "{detail}");
}

/// A server, which ends when it is dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start(place: &Place, more: &[&str]) -> Self {
        let mut command: Command =
            isolated_command(env!("CARGO_BIN_EXE_tidegate"), place.folder.path());
        let mut child = command
            .args(["data", "health-check", "--serve", "localhost:0", "--database"])
            .arg(place.kind.file())
            .args(more)
            .env("PATH", duckdb::path())
            .current_dir(place.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        let address = address.strip_suffix("/health").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Sends bytes, and returns the answer: its status line and its body.
    fn says(&self, request: &[u8]) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // It may refuse before it has read everything.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.get_as(path, &self.address.to_string())
    }

    fn get_as(&self, path: &str, host: &str) -> (String, String) {
        self.says(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn monitors_get_200_and_503() {
    for (day, status, code) in [
        ("current_date", "healthy", "200 OK"),
        ("'2001-02-03'", "error", "503 Service Unavailable"),
    ] {
        let place = place(Kind::Sqlite, day);
        let serving = Serving::start(&place, &[]);
        let (line, body) = serving.get("/health");
        assert_eq!(line, format!("HTTP/1.1 {code}"));
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&said["schema"], &said["status"]),
            (&"tidegate/health/1".into(), &status.into())
        );
        // Many at once cost one check.
        let answers: Vec<Value> = std::thread::scope(|scope| {
            let ask = || serde_json::from_str::<Value>(&serving.get("/health").1).unwrap();
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| answer["status"] == status));
    }
}

#[test]
fn other_requests_and_garbage_are_refused_and_it_goes_on() {
    let place = place(Kind::Sqlite, "current_date");
    let serving = Serving::start(&place, &[]);
    assert_eq!(serving.get("/").0, "HTTP/1.1 404 Not Found");
    assert_eq!(serving.get("/health/../etc/passwd").0, "HTTP/1.1 404 Not Found");
    let post = b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(serving.says(post).0, "HTTP/1.1 405 Method Not Allowed");
    assert!(serving.says(b"\x00\xff\x16\x03\x01 garbage\r\n\r\n").0.starts_with("HTTP/1.1 400"));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    assert!(!serving.says(long.as_bytes()).0.contains("200"));
    // Some who say nothing do not keep others out.
    let _silent: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(serving.address).unwrap()).collect();
    assert_eq!(serving.get("/health").0, "HTTP/1.1 200 OK");
}

#[test]
fn a_page_of_another_site_reads_nothing_by_a_name_that_leads_here() {
    let place = place(Kind::Sqlite, "current_date");
    let serving = Serving::start(&place, &[]);
    let port = serving.address.port();
    for host in ["localhost", "127.0.0.1", "[::1]:8080", "LocalHost", "127.1.2.3"] {
        let (line, body) = serving.get_as("/health", host);
        assert_eq!(line, "HTTP/1.1 200 OK", "{host}: {body}");
    }
    let rebound = format!("evil.example:{port}");
    for host in [
        rebound.as_str(),
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "192.0.2.7",
        "::1",
    ] {
        let (line, body) = serving.get_as("/health", host);
        assert_eq!(line, "HTTP/1.1 421 Misdirected Request", "{host}: {body}");
        assert!(body.contains("localhost") && !body.contains("sales"), "{body}");
    }
    // RFC 9112, section 3.2.2: an absolute target counts, and not the header.
    let absolute = "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(serving.says(absolute.as_bytes()).0, "HTTP/1.1 421 Misdirected Request");
    let without = serving.says(b"GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(without.0, "HTTP/1.0 200 OK", "no browser leaves it out");
    let open = Serving::start(&place, &["--allow-remote"]);
    assert_eq!(open.get_as("/health", "db.acme.example").0, "HTTP/1.1 200 OK");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_server() {
    let place = place(Kind::Sqlite, "current_date");
    let mut serving = Serving::start(&place, &[]);
    let id = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}

#[test]
fn addresses_that_others_reach_are_refused() {
    let place = place(Kind::Sqlite, "current_date");
    let run = place.run(&["health-check", "--serve", "0.0.0.0:0"]).code(2);
    assert!(run.stderr.contains("--allow-remote"), "{}", run.stderr);
    let run = place.run(&["health-check", "--serve", "localhost"]).code(2);
    assert!(run.stderr.contains("such as 127.0.0.1:8090"), "{}", run.stderr);
}

#[test]
fn expectations_that_make_no_sense_are_refused() {
    for (data, key) in [
        ("health: { max_import_age: soon }", "max_import_age"),
        ("health: { max_backup_age: 0h }", "max_backup_age"),
        ("health: { min_free: much }", "min_free"),
        ("health: { tables: { sales: { max_age: 36h } } }", "column"),
        ("health: { tables: { sales: { column: date, max_age: 1 month } } }", "max_age"),
        ("backup: { keep_last: 0 }", "keep_last"),
        ("backup: { endpoint: \"http://user:secret@acme.example\" }", "endpoint"),
    ] {
        let place = Place::with(Kind::Sqlite, &format!("  {data}\n"));
        let run = place.run(&["health-check"]).code(2);
        assert!(run.stderr.contains(key), "{data}: {}", run.stderr);
    }
}

#[test]
fn a_database_in_wal_mode_is_read_and_backed_up_where_its_folder_cannot_be_written() {
    let outer = tempfile::TempDir::new().unwrap();
    let folder = outer.path().join("served");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(outer.path().join(".github")).unwrap();
    let config = format!(
        "version: 1\ndata:\n  backup: {{ to: \"file://{}\" }}\n",
        outer.path().join("kept").display()
    );
    fs::write(outer.path().join(".github/tidegate.yml"), config).unwrap();
    on_a_small_disk(&folder, 8192, || {
        let open = rusqlite::Connection::open(folder.join("sales.db")).unwrap();
        open.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
        open.execute_batch("create table sales (id integer); insert into sales values (1)")
            .unwrap();
        open.close().unwrap();
        read_only(&folder);
        let run = |command: &[&str]| {
            let all = command.iter().chain(&["--database", "served/sales.db", "--json"]);
            crate::harness::tidegate::Tidegate::new()
                .args(["data"])
                .args(all)
                .current_dir(outer.path())
                .run()
        };
        let said = run(&["health-check"]).success().json();
        assert_eq!(finding(&said, "database").0, "healthy", "{said}");
        assert_eq!(said["tables"][0]["rows"], 1);
        let made = run(&["backup"]).success().json();
        assert_eq!(made["backup"]["description"]["tables"]["sales"], 1, "{made}");
    });
}
