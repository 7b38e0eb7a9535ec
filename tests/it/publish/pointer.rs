//! What is written, what is not written twice, and what is never overwritten.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tidegate::adapters::store::Expect;
use tidegate::apply::data::{PublishError, move_pointer, replace_version, upload_version};
use tidegate::exit::{Exit, Failure};
use tidegate::observe::data::{served, version};

use super::shelf::{FILE, Shelf, on_every_store};
use crate::harness::stores::run;

on_every_store! {
    a_publication_leaves_all_its_parts
    nothing_is_done_twice
    a_newer_release_stays
    what_cannot_be_read_is_never_overwritten
    a_version_that_is_not_there_is_never_named
    two_publications_at_once_leave_one_of_them_whole
    the_way_back_remakes_the_copy
}

fn a_publication_leaves_all_its_parts(shelf: &Shelf) {
    let first = shelf.publish(b"one", "2026-02-07T19:53:58Z", None);
    shelf.assert_whole(&first);
    assert_eq!(
        shelf.paths(),
        [
            FILE.to_owned(),
            "backups/analytics_20260207_195358.duckdb".to_owned(),
            "copy.json".to_owned(),
            "latest.json".to_owned(),
            first.path.clone(),
            first.description(),
        ]
    );
    assert_eq!(shelf.bytes("backups/analytics_20260207_195358.duckdb").unwrap(), b"one");
    let described = run(async { version(&shelf.container_here(), &first.version).await.unwrap() });
    assert_eq!(described, Some(first.clone()));
    let second = shelf.publish(b"the second", "2026-02-08T19:53:58Z", None);
    shelf.assert_whole(&second);
    assert_eq!(shelf.bytes(&first.path).unwrap(), b"one");
}

fn nothing_is_done_twice(shelf: &Shelf) {
    let (file, own) = shelf.version(b"content", "2026-02-07T19:53:58Z");
    let sent = AtomicU64::new(0);
    let count = |bytes: u64| {
        sent.fetch_add(bytes, Ordering::SeqCst);
    };
    let time = own.created;
    run(async {
        let container = shelf.container_here();
        assert!(upload_version(&container, &file, &own, &count).await.unwrap());
        assert!(!upload_version(&container, &file, &own, &count).await.unwrap());
        let first = move_pointer(&container, FILE, &own, Some(3), Some(time), time).await.unwrap();
        let etag = container.head(FILE).await.unwrap().unwrap().etag;
        let again = move_pointer(&container, FILE, &own, Some(3), Some(time), time).await.unwrap();
        assert_eq!((first, again), (true, false));
        // Readers that go by the copy's version fetch nothing again.
        assert_eq!(container.head(FILE).await.unwrap().unwrap().etag, etag);
        // The copy was lost, or is that of a run that was killed.
        container.write(FILE, Bytes::from_static(b"half"), Expect::Anything).await.unwrap();
        assert!(move_pointer(&container, FILE, &own, Some(3), None, time).await.unwrap());
    });
    // The backup and the copy were made by the server.
    assert_eq!(sent.load(Ordering::SeqCst), own.size);
    shelf.assert_whole(&own);
    // What is damaged in the store can be sent again.
    run(async {
        let container = shelf.container_here();
        container.write(&own.path, Bytes::from_static(b"damaged"), Expect::Anything).await.unwrap();
        replace_version(&container, &file, &own, &count).await.unwrap();
    });
    shelf.assert_whole(&own);
}

fn a_newer_release_stays(shelf: &Shelf) {
    let newer = shelf.publish(b"newer", "2026-02-08T10:00:00Z", Some(8));
    let older = shelf.publish(b"older", "2026-02-07T10:00:00Z", Some(7));
    shelf.assert_whole(&newer);
    assert_eq!(shelf.served().unwrap().release, Some(8));
    // What has no release does not push a release aside.
    let error = run(async {
        let container = shelf.container_here();
        move_pointer(&container, FILE, &older, None, None, older.created).await.unwrap_err()
    });
    assert!(matches!(error.downcast_ref(), Some(PublishError::Released { release: 8, .. })));
    assert_eq!(Failure::of(&error).exit, Exit::Refused);
    // A release of the same data takes the pointer over, and makes no backup of what has one.
    let before = shelf.paths();
    run(async {
        let container = shelf.container_here();
        let now = newer.created;
        assert!(move_pointer(&container, FILE, &newer, Some(9), Some(now), now).await.unwrap());
    });
    assert_eq!(shelf.served().unwrap().release, Some(9));
    assert_eq!(shelf.paths(), before);
}

fn what_cannot_be_read_is_never_overwritten(shelf: &Shelf) {
    let (file, own) = shelf.version(b"content", "2026-02-07T19:53:58Z");
    let texts: [(&[u8], &str); 3] = [
        (b"{\"format\": 2, \"by\": \"a newer one\"}", "format 2"),
        (b"not json at all", "not what tidegate writes"),
        (b"", "not what tidegate writes"),
    ];
    for (text, said) in texts {
        let error = run(async {
            let container = shelf.container();
            let bytes = Bytes::copy_from_slice(text);
            container.write("latest.json", bytes, Expect::Anything).await.unwrap();
            upload_version(&container, &file, &own, &|_| {}).await.unwrap();
            move_pointer(&container, FILE, &own, None, None, own.created).await.unwrap_err()
        });
        let failure = Failure::of(&error);
        assert_eq!(failure.exit, Exit::BadInput);
        assert!(format!("{error:#}").contains(said), "{error:#}");
        assert_eq!(failure.hints.len(), 1, "{failure:?}");
        assert_eq!(shelf.bytes("latest.json").unwrap(), text);
        assert_eq!(shelf.bytes(FILE), None);
    }
}

fn a_version_that_is_not_there_is_never_named(shelf: &Shelf) {
    let first = shelf.publish(b"one", "2026-02-07T19:53:58Z", None);
    let (_, missing) = shelf.version(b"never uploaded", "2026-02-08T19:53:58Z");
    let (_, cut) = shelf.version(b"only half of it", "2026-02-08T19:53:58Z");
    run(async {
        let container = shelf.container_here();
        container.write(&cut.path, Bytes::from_static(b"only"), Expect::Anything).await.unwrap();
        for version in [&missing, &cut] {
            let error = move_pointer(&container, FILE, version, None, None, version.created).await;
            let error = error.unwrap_err();
            assert!(matches!(error.downcast_ref(), Some(PublishError::NoVersion { .. })));
            assert_eq!(Failure::of(&error).exit, Exit::BadInput);
        }
    });
    shelf.assert_whole(&first);
}

fn two_publications_at_once_leave_one_of_them_whole(shelf: &Shelf) {
    shelf.publish(b"zero", "2026-02-06T00:00:00Z", None);
    let contents: [&[u8]; 2] = [b"the one", b"the other one"];
    for round in 0..5_u32 {
        std::thread::scope(|scope| {
            for (content, hour) in contents.iter().zip(["01", "02"]) {
                let own = [*content, format!("{round}").as_bytes()].concat();
                let created = format!("2026-02-0{}T{hour}:00:00Z", round + 1);
                scope.spawn(move || shelf.publish(&own, &created, None));
            }
        });
        let pointer = run(async { served(&shelf.container_here()).await.unwrap().unwrap().0 });
        shelf.assert_whole(&pointer.version);
    }
}

fn the_way_back_remakes_the_copy(shelf: &Shelf) {
    let first = shelf.publish(b"one", "2026-02-07T19:53:58Z", Some(1));
    shelf.publish(b"second", "2026-02-08T19:53:58Z", Some(2));
    run(async {
        let container = shelf.container_here();
        let now = "2026-02-09T00:00:00Z".parse().unwrap();
        assert!(move_pointer(&container, FILE, &first, Some(3), None, now).await.unwrap());
    });
    shelf.assert_whole(&first);
    assert_eq!(shelf.served().unwrap().release, Some(3));
}
