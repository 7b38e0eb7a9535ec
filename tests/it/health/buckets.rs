//! The last backup of a bucket is read, and one that is unchanged is read once.

use bytes::Bytes;
use tidegate::adapters::store::{Container, Expect};

use super::{Value, finding, fs};
use crate::backups::{Kind, Place, Server, names};
use crate::harness::store_proxy::StoreProxy;
use crate::harness::stores::run;
use crate::harness::{azurite, s3_server};

impl Server {
    fn container(&self) -> Container {
        match self {
            Self::Azure(server) => server.container("backups"),
            Self::S3(server) => server.container("backups"),
        }
    }

    /// A place whose requests go through a proxy that counts them.
    fn behind(&self, kind: Kind) -> (Place, StoreProxy) {
        let mut place = self.place(kind);
        let (proxy, environment) = match self {
            Self::Azure(server) => {
                let proxy = StoreProxy::start(server.host());
                let environment = azurite::environment(proxy.host());
                (proxy, environment)
            }
            Self::S3(server) => {
                let proxy = StoreProxy::start(server.host());
                let environment = s3_server::environment(proxy.host());
                (proxy, environment)
            }
        };
        place.environment.extend(environment);
        (place, proxy)
    }
}

fn check(place: &Place) -> Value {
    place.run(&["health-check", "--json"]).success().json()
}

/// Changes a byte of an object.
fn damage(container: &Container, name: &str) {
    let (bytes, _) = run(container.read(name, 10_000_000)).unwrap().unwrap();
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    run(container.write(name, Bytes::from(bytes), Expect::Anything)).unwrap();
}

#[test]
fn the_newest_backup_of_a_bucket_is_read_once_and_again_when_it_was_changed() {
    for server in Server::each() {
        let (place, proxy) = server.behind(Kind::Sqlite);
        let check = |place: &Place| {
            let before = proxy.requests();
            (check(place), proxy.requests() - before)
        };
        place.fill(6);
        let older = place.back_up();
        place.fill(2);
        let newer = place.back_up();

        let (first, all) = check(&place);
        assert_eq!(finding(&first, "backup").0, "healthy", "{first}");
        assert!(finding(&first, "backup").1.contains("read now: unchanged"), "{first}");
        assert_eq!(first["last_backup"]["read"], "whole");
        assert_eq!(first["last_backup"]["read_at"], first["checked"]);
        let (second, fewer) = check(&place);
        assert!(fewer < all, "it was read again: {fewer} and {all} requests");
        assert_eq!(second["last_backup"]["read_at"], first["last_backup"]["read_at"]);
        assert!(finding(&second, "backup").1.contains("read 0 min ago: unchanged"), "{second}");

        // Without what the checks remember, it is read again.
        let remembered = names(place.folder.path(), |name| name.ends_with(".backup-readings"));
        assert_eq!(remembered, [format!(".tidegate-{}.backup-readings", place.kind.file())]);
        fs::write(place.folder.path().join(&remembered[0]), "{\"format\": 1").unwrap();
        let (third, again) = check(&place);
        assert_eq!(third["last_backup"]["read_at"], third["checked"]);
        assert_eq!(again, all, "it was not read");

        // Of the same size, and other bytes: the one before counts, and both are known then.
        damage(&server.container(), &newer);
        for _ in 0..2 {
            let (said, _) = check(&place);
            assert_eq!(said["status"], "warning", "{said}");
            let (status, detail) = finding(&said, "backup");
            assert_eq!(status, "warning");
            assert!(detail.contains(&newer) && detail.contains("SHA-256"), "{detail}");
            assert_eq!(said["last_backup"]["name"], older.as_str());
        }
        damage(&server.container(), &older);
        let (said, _) = check(&place);
        assert_eq!(said["last_backup"], Value::Null, "{said}");
        assert_eq!(said["status"], "warning");
    }
}

#[test]
fn a_bucket_that_cannot_be_reached_is_told_and_proves_nothing() {
    let server = Server::each();
    let place = server[1].place(Kind::Sqlite);
    place.fill(1);
    place.back_up();
    check(&place);
    drop(server);
    let said = check(&place);
    let (status, detail) = finding(&said, "backup");
    assert_eq!(status, "warning", "{said}");
    assert!(detail.contains("cannot be read"), "{detail}");
    assert_eq!(said["last_backup"], Value::Null);
}

#[test]
fn a_bucket_that_says_nothing_keeps_the_check_of_the_database_short() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    // It takes every connection, and answers none.
    std::thread::spawn(move || {
        let taken: Vec<_> = silent.incoming().collect();
        drop(taken);
    });
    let mut place = Place::new(Kind::Sqlite);
    place.environment = s3_server::environment(&host);
    place.environment.push(("AWS_S3_BACKUP_BUCKET".to_owned(), s3_server::BUCKET.to_owned()));
    place.fill(1);
    let said = check(&place);
    assert_eq!(finding(&said, "database").0, "healthy", "{said}");
    let (status, detail) = finding(&said, "backup");
    assert_eq!(status, "warning", "{said}");
    assert_eq!(
        detail,
        "the backups cannot be read now: the store did not list them within 10 seconds"
    );
}
