//! What every store does alike.

use tidegate::adapters::store::{Scope, StoreError, Written};
use tidegate::model::Digest;

use super::*;

/// What file systems and humans put into names; é is one character here and two there.
const ODD_NAMES: [&str; 11] = [
    "plain.parquet",
    "a=1/b=2/x.parquet",
    "with space/and more.txt",
    "percent%20not a space/100%.txt",
    "hash#mark/a#b.txt",
    "plus+sign/a+b.txt",
    "caf\u{e9}/nfc-\u{e9}.txt",
    "cafe\u{301}/nfd-e\u{301}.txt",
    "question?mark/a?b&c=d.txt",
    "quote'\"<>&;,!$()[]{}~@^`|.txt",
    "日本語/Ünïcödé-🦀.txt",
];

#[test]
fn objects_are_written_read_listed_copied_and_deleted() {
    on_each(|kept, container| {
        let name = kept.name();
        assert_eq!(read(container, "none"), None, "{name}");
        assert_eq!(run(container.head("none")).unwrap(), None, "{name}");
        run(container.delete("none")).unwrap();
        assert!(paths(container, "").is_empty(), "{name}");

        for odd in ODD_NAMES {
            let text = format!("text of {odd}");
            let Written::Done(etag) = write(container, odd, &text, Expect::Anything) else {
                panic!("{name}: {odd} was not written");
            };
            assert_eq!(read(container, odd).unwrap(), text.as_bytes(), "{name}: {odd}");
            let head = run(container.head(odd)).unwrap().unwrap();
            assert_eq!((head.path.as_str(), head.size), (odd, text.len() as u64), "{name}");
            assert_eq!(head.etag, etag, "{name}: {odd}");
        }
        let mut expected = ODD_NAMES.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(paths(container, ""), expected, "{name}");
        assert_eq!(paths(container, "a=1/"), ["a=1/b=2/x.parquet"], "{name}");
        for object in listed(container, "") {
            let head = run(container.head(&object.path)).unwrap().unwrap();
            assert_eq!(object.etag, head.etag, "{name}: one spelling of {}", object.path);
            assert_eq!((object.size, object.modified), (head.size, head.modified), "{name}");
        }

        for odd in ODD_NAMES {
            let copy = format!("copies/{odd}");
            run(container.copy(odd, &copy)).unwrap();
            assert_eq!(read(container, &copy), read(container, odd), "{name}: {copy}");
            run(container.delete(odd)).unwrap();
            assert_eq!(read(container, odd), None, "{name}: {odd}");
        }
        assert_eq!(paths(container, "").len(), ODD_NAMES.len(), "{name}");
        let missing = run(container.copy("none", "other")).unwrap_err();
        assert!(matches!(missing, StoreError::Missing { .. }), "{name}: {missing}");
    });
}

#[test]
fn paths_that_leave_the_container_or_are_none_are_refused() {
    on_each(|kept, container| {
        for path in ["../x", "a/../../x", "/x", "a//b", ".", "a/", "a\u{0}b", ""] {
            let result = run(container.write(path, Bytes::new(), Expect::Anything));
            let refused = matches!(result, Err(StoreError::Path { .. }));
            assert!(refused, "{}: {path:?}: {result:?}", kept.name());
        }
        assert!(paths(container, "").is_empty(), "{}", kept.name());
        for name in ["", "..", "a/b", "a b"] {
            assert!(kept.store().container(name).is_err(), "{}: {name:?}", kept.name());
        }
    });
}

#[test]
fn a_conditional_write_replaces_only_what_was_read() {
    on_each(|kept, container| {
        let name = kept.name();
        let Written::Done(first) = write(container, "latest.json", "1", Expect::Missing) else {
            panic!("{name}: the first write");
        };
        assert_eq!(write(container, "latest.json", "2", Expect::Missing), Written::Moved, "{name}");
        let (_, object) = run(container.read("latest.json", 9)).unwrap().unwrap();
        assert_eq!(object.etag, first, "{name}");
        let listed = listed(container, "").remove(0);
        let Written::Done(second) =
            write(container, "latest.json", "3", Expect::Version(listed.etag))
        else {
            panic!("{name}: the version that the listing told");
        };
        assert_ne!(first, second, "{name}");
        let late = write(container, "latest.json", "4", Expect::Version(first));
        assert_eq!(late, Written::Moved, "{name}");
        assert_eq!(read(container, "latest.json").unwrap(), b"3", "{name}");
        run(container.delete("latest.json")).unwrap();
        let gone = write(container, "latest.json", "5", Expect::Version(second));
        assert_eq!(gone, Written::Moved, "{name}");
        assert_eq!(read(container, "latest.json"), None, "{name}");
    });
}

#[test]
fn of_two_writers_at_once_exactly_one_wins() {
    on_each(|kept, container| {
        for round in 0..10 {
            let path = format!("race-{}", round % 2);
            let before = run(container.head(&path)).unwrap();
            let expect = || match &before {
                Some(object) => Expect::Version(object.etag.clone()),
                None => Expect::Missing,
            };
            let barrier = std::sync::Barrier::new(2);
            let won: Vec<bool> = std::thread::scope(|scope| {
                let racers: Vec<_> = ["a", "b"]
                    .iter()
                    .map(|who| {
                        let (expect, path, barrier) = (expect(), path.clone(), &barrier);
                        // A client of its own for each, as two runners have.
                        let container = kept.store().container("bronze").unwrap();
                        scope.spawn(move || {
                            barrier.wait();
                            let text = format!("{who} {round}");
                            matches!(write(&container, &path, &text, expect), Written::Done(_))
                        })
                    })
                    .collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let winners = won.iter().filter(|won| **won).count();
            assert_eq!(winners, 1, "{}: round {round}: {won:?}", kept.name());
            let winner = if won[0] { "a" } else { "b" };
            let there = String::from_utf8(read(container, &path).unwrap()).unwrap();
            assert_eq!(there, format!("{winner} {round}"), "{}", kept.name());
        }
    });
}

#[test]
fn files_of_any_size_are_sent_whole() {
    let folder = TempDir::new().unwrap();
    on_each(|kept, container| {
        // Nothing, one request, exactly one, and parts with a remainder.
        for size in [0, 1, 1000, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 20_000_000] {
            let (file, bytes) = file(&folder, size);
            let path = format!("dir/{size}.bin");
            let object = upload(container, &path, &file).unwrap();
            let name = kept.name();
            assert_eq!(object.sha256, Some(Digest::of(&bytes)), "{name}: {size}");
            assert_eq!((object.path.as_str(), object.size), (path.as_str(), size as u64), "{name}");
            let head = run(container.head(&path)).unwrap().unwrap();
            assert_eq!((head.size, &head.etag), (size as u64, &object.etag), "{name}: {size}");
            assert_eq!(head.modified, object.modified, "{name}: {size}");
            assert!(read(container, &path).unwrap() == bytes, "{name}: {size}");
        }
        // A second upload replaces the first.
        let (file, bytes) = file(&folder, 1000);
        upload(container, "dir/1.bin", &file).unwrap();
        assert!(read(container, "dir/1.bin").unwrap() == bytes, "{}", kept.name());
    });
}

#[test]
fn a_read_goes_on_from_an_offset_of_one_version() {
    let folder = TempDir::new().unwrap();
    on_each(|kept, container| {
        let name = kept.name();
        let (file, bytes) = file(&folder, 1_000_000);
        let object = upload(container, "x", &file).unwrap();
        for offset in [0, 1, 999_999, 1_000_000] {
            let rest = streamed(container, "x", offset as u64, Some(&object.etag)).unwrap();
            assert!(rest == bytes[offset..], "{name}: {offset}");
        }
        write(container, "x", "another", Expect::Anything);
        let moved = streamed(container, "x", 10, Some(&object.etag)).unwrap_err();
        assert!(matches!(moved, StoreError::Moved { .. }), "{name}: {moved}");
        let missing = streamed(container, "y", 0, None).unwrap_err();
        assert!(matches!(missing, StoreError::Missing { .. }), "{name}: {missing}");
        let large = run(container.read("x", 3)).unwrap_err();
        assert!(matches!(large, StoreError::TooLarge { size: 7, limit: 3, .. }), "{name}: {large}");
    });
}

#[test]
fn a_container_is_made_once_and_may_be_missing() {
    on_each(|kept, container| {
        let name = kept.name();
        assert!(!run(container.create_if_missing()).unwrap(), "{name}: it is there already");
        let other = kept.store().container("silver").unwrap();
        assert_eq!(read(&other, "x"), None, "{name}");
        assert_eq!(run(other.head("x")).unwrap(), None, "{name}");
        let made = run(other.create_if_missing()).unwrap();
        assert_eq!(made, !matches!(kept, Kept::S3(_)), "{name}: a bucket is there already");
        write(&other, "x", "1", Expect::Missing);
        assert_eq!(paths(container, ""), Vec::<String>::new(), "{name}: containers are apart");
    });
}

#[test]
fn a_signed_url_reads_and_shows_itself_to_nobody() {
    on_each(|kept, container| {
        write(container, "a b#/c%+é.txt", "signed", Expect::Missing);
        let scope = Scope::Object("a b#/c%+é.txt".to_owned());
        let signed = run(container.sign(&scope, Duration::from_hours(1))).unwrap();
        assert!(!format!("{signed:?}").contains("http"), "{}", kept.name());
        let bytes = match kept {
            Kept::Folder(_) => {
                let url: url::Url = signed.url.expose().parse().unwrap();
                std::fs::read(url.to_file_path().unwrap()).unwrap()
            }
            Kept::Azure(_) | Kept::S3(_) => fetched(signed.url.expose()).1,
        };
        assert_eq!(bytes, b"signed", "{}", kept.name());
    });
}

/// What any HTTP client gets.
pub(super) fn fetched(url: &str) -> (u16, Vec<u8>) {
    let url: url::Url = url.parse().unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    use crate::harness::fault_proxy::{Request, exchange};
    let answer = exchange(&host, &Request::new("GET", &path)).unwrap();
    (answer.status, answer.body)
}
