#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;

use super::*;

fn written(manifest: &Manifest) -> String {
    let mut bytes = Vec::new();
    manifest.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn read(text: &str) -> Manifest {
    Manifest::read(text.as_bytes()).unwrap()
}

const FIELD: &str = r#"{
  "synced_files": {
    "data/silver/b.parquet": {"blob_path": "b.parquet", "size": 7, "synced_at": "2026-02-07T19:53:58.123456"},
    "data/bronze/day=1/ä b.parquet": {
      "blob_path": "day=1/ä b.parquet", "size": 10, "synced_at": "2026-02-07T19:53:58",
      "uploader": {"name": "x", "tags": ["}", "\""]}
    }
  },
  "last_sync": "2026-02-07T20:00:00",
  "version": 3
}"#;

#[test]
fn a_manifest_of_the_field_is_read_and_its_unknown_fields_are_kept() {
    let manifest = read(FIELD);
    let entry = manifest.get("data/bronze/day=1/ä b.parquet").unwrap();
    assert_eq!((entry.blob_path.as_str(), entry.size), ("day=1/ä b.parquet", 10));
    assert_eq!(time_shown(entry.synced_at), "2026-02-07T19:53:58");
    assert_eq!((entry.sha256, entry.mtime), (None, None));
    let again = written(&manifest);
    let value: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(value["version"], 3);
    assert_eq!(value["last_sync"], "2026-02-07T20:00:00");
    let bronze = &value["synced_files"]["data/bronze/day=1/ä b.parquet"];
    assert_eq!(bronze["uploader"]["tags"][1], "\"");
    assert_eq!(value["synced_files"]["data/silver/b.parquet"]["synced_at"], "2026-02-07T19:53:58");
    assert_eq!(written(&read(&again)), again);
}

#[test]
fn added_fields_are_read_back_exactly() {
    let mut manifest = Manifest::default();
    let entry = Entry {
        blob_path: "elsewhere/a".to_owned(),
        size: u64::MAX,
        synced_at: 1_770_494_038,
        sha256: Some([0xab; 32]),
        etag: Some("0x8D\"".to_owned()),
        mtime: Some(1_770_494_038_999_999),
        other: None,
    };
    manifest.set("data/a", entry.clone());
    manifest.last_sync = Some(1);
    manifest.copies.insert("bronze".to_owned(), "7".to_owned());
    let again = read(&written(&manifest));
    assert_eq!(again.get("data/a"), Some(entry));
    assert_eq!(again.copies, manifest.copies);
}

#[test]
fn what_is_no_manifest_is_told() {
    let cut = &FIELD[..FIELD.len() - 30];
    for text in [
        "",
        "[]",
        "{",
        cut,
        "{} {}",
        "{\"synced_files\": []}",
        "{\"synced_files\": {\"a\": 1}}",
        "{\"synced_files\": {\"a\": {\"blob_path\": \"a\"}}}",
        "\u{0}\u{0}\u{0}",
        "{\"synced_files\": {\"a\": {\"size\": -1}}}",
        "{\"a\": \"\\",
    ] {
        assert!(Manifest::read(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(read("{}").size_hint(), 0);
    assert_eq!(read("{\"synced_files\": {}, \"last_sync\": null}").last_sync, None);
}

#[test]
fn of_an_entry_that_stands_twice_the_last_counts() {
    let text = r#"{"synced_files": {"b": {"size": 1}, "a": {"size": 2}, "b": {"size": 3}}}"#;
    let manifest = read(text);
    assert_eq!(manifest.get("b").unwrap().size, 3);
    assert_eq!(manifest.below("").count(), 2);
}

#[test]
fn a_journal_counts_up_to_the_line_that_is_not_whole() {
    let entry = Entry { size: 4, ..Entry::default() };
    let journal = [
        journal_line("a", Some(&entry)).unwrap(),
        journal_line("gone", None).unwrap(),
        journal_line("b", Some(&entry)).unwrap().trim_end().to_owned(),
    ];
    let mut manifest = Manifest::default();
    manifest.set("gone", entry.clone());
    assert_eq!(manifest.replay(journal.concat().as_bytes()).unwrap(), 2);
    assert_eq!(manifest.get("a"), Some(entry));
    assert_eq!((manifest.get("b"), manifest.get("gone")), (None, None));
}

#[test]
fn of_two_manifests_the_newer_entry_counts() {
    let at = |time, size| Some(Entry { synced_at: time, size, ..Entry::default() });
    let (mut own, mut other) = (Manifest::default(), Manifest::default());
    for (key, own_entry, other_entry) in [
        ("l/a", at(1, 1), at(2, 2)),
        ("l/b", at(2, 1), at(2, 2)),
        ("l/c", None, at(1, 2)),
        ("m/d", None, at(1, 2)),
    ] {
        own_entry.into_iter().for_each(|entry| own.set(key, entry));
        other_entry.into_iter().for_each(|entry| other.set(key, entry));
    }
    assert!(own.merge(&other, "l/", None));
    let sizes: Vec<_> = own.below("").map(|entry| (entry.key.to_owned(), entry.size)).collect();
    assert_eq!(sizes, [("l/a".to_owned(), 2), ("l/b".to_owned(), 1), ("l/c".to_owned(), 2)]);
    assert!(!own.merge(&other, "l/", None));
    own.set("l/d", at(3, 1).unwrap_or_default());
    own.set("l/e", at(9, 1).unwrap_or_default());
    assert!(own.merge(&other, "l/", Some(5)));
    assert_eq!((own.get("l/d"), own.get("l/e")), (None, at(9, 1)));
}

#[test]
fn times_are_read_however_tools_write_them() {
    for text in [
        "2026-02-07T19:53:58",
        "2026-02-07 19:53:58",
        "2026-02-07T19:53:58.999999",
        "2026-02-07T19:53:58Z",
        "2026-02-07T20:53:58+01:00",
    ] {
        assert_eq!(stamp(text).map(time_shown).as_deref(), Some("2026-02-07T19:53:58"), "{text}");
    }
    assert_eq!(stamp("yesterday"), None);
}

use super::time_stamp as stamp;

proptest! {
    /// A reader that gives a byte at a time, and changes over what was read, give what a map gives.
    #[test]
    fn a_manifest_is_a_sorted_map(
        first in proptest::collection::vec(("[a-c/\"ü\\\\]{0,6}", 0_u64..9), 0..40),
        then in proptest::collection::vec(("[a-c/\"ü\\\\]{0,6}", proptest::option::of(0_u64..9)), 0..40),
        folder in "[a-c/]{0,2}",
    ) {
        let mut model = BTreeMap::new();
        let mut manifest = Manifest::default();
        for (key, size) in first {
            manifest.set(&key, Entry { size, blob_path: key.chars().skip(1).collect(), ..Entry::default() });
            model.insert(key, size);
        }
        let text = written(&manifest);
        let mut manifest = Manifest::read(Slow(text.as_bytes())).unwrap();
        for (key, size) in then {
            match size {
                Some(size) => {
                    manifest.set(&key, Entry { size, ..Entry::default() });
                    model.insert(key, size);
                }
                None => {
                    manifest.remove(&key);
                    model.remove(&key);
                }
            }
        }
        let found: Vec<(String, u64)> =
            manifest.below(&folder).map(|entry| (entry.key.to_owned(), entry.size)).collect();
        let expected: Vec<(String, u64)> =
            model.into_iter().filter(|(key, _)| key.starts_with(&folder)).collect();
        prop_assert_eq!(found, expected);
    }
}

struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let (Some((byte, rest)), Some(first)) = (self.0.split_first(), into.first_mut()) else {
            return Ok(0);
        };
        *first = *byte;
        self.0 = rest;
        Ok(1)
    }
}
