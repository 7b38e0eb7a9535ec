//! What the `duckdb` command gets of the environment.

use crate::backups::{Kind, Place, newest};
use crate::harness::duckdb;

use super::limits::executable;

#[test]
fn the_engine_gets_no_variable_that_it_does_not_need() {
    let place = Place::with(Kind::DuckDb, "  duckdb: { command: ./spy }\n");
    place.fill(1);
    let (spy, seen) = (place.folder.path().join("spy"), place.folder.path().join("seen"));
    let script = format!(
        "#!/bin/sh\nenv >> {}\nexec {} \"$@\"\n",
        seen.display(),
        duckdb::command(newest()).display()
    );
    std::fs::write(&spy, script).unwrap();
    executable(&spy);
    let secrets = [
        ("SALES_API_KEY", "key-of-the-api"),
        ("SLACK_WEBHOOK", "https://hooks.example/of-nobody"),
        ("SMTP_URL", "smtps://user:password-of-mail@mail.example:465"),
        ("AWS_SECRET_ACCESS_KEY", "key-of-the-bucket"),
        ("OF_THE_TEAM", "anything-else"),
    ];
    let run = place.tidegate(&["health-check", "--json"]).envs(secrets).run().success().json();
    assert_eq!(run["tables"][0]["rows"], 1, "{run}");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PATH=") && seen.contains("TZ=UTC"), "{seen}");
    for (name, value) in secrets {
        assert!(!seen.contains(name) && !seen.contains(value), "{name}: {seen}");
    }
}
