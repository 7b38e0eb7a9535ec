//! Azurite, and a signature that covers the container.

use std::time::Duration;

use bytes::Bytes;
use tidegate::adapters::store::{Expect, Scope};

use crate::harness::azurite::Azurite;
use crate::harness::stores::run;
use crate::publish::command::Team;
use crate::publish::shelf::{FILE_OF_SQLITE, Kind};

use super::{App, CONTAINER, database, loader, pointer};

#[test]
fn the_url_that_sync_writes_is_read_by_the_pointer() {
    let team = Team::on(Kind::Azure);
    team.configure(
        "      signed_url: { valid_days: 365, write_to: url.txt, secret: AZURE_ANALYTICS_URL }\n",
    );
    let first = team.sync(&[], 0);
    let url = std::fs::read_to_string(team.root.join("url.txt")).unwrap();
    assert!(url.contains(&format!("/{FILE_OF_SQLITE}?")), "it names the copy");

    let app = App::new();
    let pulled = app.pull(&url).args(["--json"]).run().success().json();
    assert_eq!(pulled["version"], first["version"], "{pulled}");
    let python = App::new();
    loader::emit(python.folder.path());
    let loaded = || loader::loaded(&python, &loader::load(&python, &url)).0;
    assert_eq!(loaded(), app.bytes());

    team.fill(4);
    let second = team.sync(&[], 0);
    // The copy can be replaced at any moment; a version cannot.
    let copy = run(team.shelf.container().write(
        FILE_OF_SQLITE,
        Bytes::from_static(b"SQLite format 3\0 of somebody else"),
        Expect::Anything,
    ));
    copy.unwrap();
    let pulled = app.pull(&url).args(["--json"]).run().success().json();
    assert_eq!(pulled["version"], second["version"], "{pulled}");
    assert_eq!(loaded(), app.bytes());
}

#[test]
fn one_signature_reads_the_pointer_and_every_version() {
    let azurite = Azurite::start();
    let container = azurite.container(CONTAINER);
    let publish = |bytes: &[u8]| {
        let pointer = pointer(bytes);
        let put = |path: &str, bytes: Vec<u8>| {
            run(container.write(path, Bytes::from(bytes), Expect::Anything)).unwrap();
        };
        put(pointer["path"].as_str().unwrap(), bytes.to_vec());
        put("latest.json", pointer.to_string().into());
    };
    let first = database(1, 3_000_000);
    publish(&first);
    let signed = run(container.sign(&Scope::Container, Duration::from_hours(24))).unwrap();
    let url = signed.url.expose();

    let app = App::new();
    app.pull(url).run().success();
    assert_eq!(app.bytes(), first);
    let again = app.pull(url).args(["--json"]).run().success().json();
    assert_eq!(again["outcome"], "unchanged");
    let second = database(2, 2_000_000);
    publish(&second);
    app.pull(url).run().success();
    assert_eq!(app.bytes(), second, "the same URL");
    let python = App::new();
    loader::emit(python.folder.path());
    assert_eq!(loader::loaded(&python, &loader::load(&python, url)).0, second);

    // The signature is refused where a part of it is another one.
    let at = url.find("sig=").unwrap() + 8;
    let forged =
        format!("{}{}{}", &url[..at], if &url[at..=at] == "A" { "B" } else { "A" }, &url[at + 1..]);
    let refused = app.pull(&forged).run().code(9);
    assert!(refused.stderr.contains("tidegate sync"), "{}", refused.stderr);
    assert_eq!(app.bytes(), second);
    // One file by itself.
    let path = pointer(&first)["path"].as_str().unwrap().to_owned();
    let one = run(container.sign(&Scope::Object(path), Duration::from_hours(24))).unwrap();
    let app = App::new();
    app.pull(one.url.expose()).run().success();
    assert_eq!(app.bytes(), first);
}
