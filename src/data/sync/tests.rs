#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use crate::data::Change;

fn place() -> LayerPlace {
    LayerPlace::new("bronze", "./data//bronze/")
}

fn file(path: &str, size: u64, mtime: i64) -> LocalFile {
    LocalFile { path: format!("data/bronze/{path}"), size, mtime }
}

fn manifest(entries: &[(&str, Entry)]) -> Manifest {
    let mut manifest = Manifest::default();
    for (path, entry) in entries {
        manifest.set(&format!("data/bronze/{path}"), entry.clone());
    }
    manifest.set("data/bronze-old/x", Entry::default());
    manifest
}

fn known(size: u64, mtime: Option<i64>, sha256: Option<[u8; 32]>) -> Entry {
    Entry { size, sha256, mtime, ..Entry::default() }
}

fn compare(manifest: &Manifest, files: &[LocalFile], how: How) -> Compared {
    let place = place();
    let mut comparing = Comparing::new(&place, manifest, how);
    files.iter().cloned().for_each(|file| comparing.file(file));
    comparing.finish()
}

fn sent(plan: &SyncPlan) -> Vec<(&str, Reason)> {
    plan.upload.iter().map(|upload| (upload.blob_path.as_str(), upload.reason)).collect()
}

#[test]
fn what_differs_is_sent_and_what_may_differ_is_read() {
    let sha = Some([1; 32]);
    let manifest = manifest(&[
        ("gone", known(1, Some(5), sha)),
        ("grown", known(1, Some(5), sha)),
        ("old", known(2, None, None)),
        ("same", known(2, Some(5), sha)),
        ("time", known(2, Some(5), None)),
        ("touched", known(2, Some(5), sha)),
    ]);
    let files = ["grown", "new", "old", "same", "time", "touched"]
        .map(|name| file(name, 2, if name == "same" { 5 } else { 6 }));
    let mut compared = compare(&manifest, &files, How::default());
    let unsure: Vec<Unsure> = std::mem::take(&mut compared.unsure);
    let names: Vec<&str> = unsure.iter().map(|unsure| unsure.file.path.as_str()).collect();
    assert_eq!(names, ["data/bronze/old", "data/bronze/touched"]);
    for unsure in unsure {
        compared.settle(unsure, [1; 32], Some(6));
    }
    let (plan, noted) = compared.plan(None).unwrap();
    assert_eq!(
        sent(&plan),
        [("grown", Reason::Size), ("new", Reason::New), ("time", Reason::Time)]
    );
    assert_eq!((plan.skipped, plan.noted, plan.kept, plan.upload_bytes), (3, 2, 1, 6));
    let old = &noted["data/bronze/old"];
    assert_eq!((old.sha256, old.mtime, plan.taken_over), (None, Some(6), 1));
    assert_eq!(noted["data/bronze/touched"].mtime, Some(6));
}

#[test]
fn another_content_is_sent_and_a_checksum_reads_everything() {
    let manifest = manifest(&[("a", known(2, Some(5), Some([1; 32])))]);
    let how = How { checksum: true, force: false };
    let mut compared = compare(&manifest, &[file("a", 2, 5)], how);
    let unsure = compared.unsure.pop().unwrap();
    compared.settle(unsure, [2; 32], Some(5));
    assert_eq!(sent(&compared.plan(None).unwrap().0), [("a", Reason::Content)]);
    let how = How { checksum: false, force: true };
    let compared = compare(&manifest, &[file("a", 2, 5)], how);
    assert_eq!(sent(&compared.plan(None).unwrap().0), [("a", Reason::Forced)]);
}

#[test]
fn deletions_have_a_limit() {
    let entries: Vec<(String, Entry)> =
        (0..20).map(|n| (format!("{n:02}"), known(1, Some(1), Some([1; 32])))).collect();
    let entries: Vec<(&str, Entry)> =
        entries.iter().map(|(k, e)| (k.as_str(), e.clone())).collect();
    let manifest = manifest(&entries);
    let limit =
        |text: &str| DeleteLimit { most: text.parse::<Change>().unwrap(), text: text.to_owned() };
    let left = |from: usize| (from..20).map(|n| file(&format!("{n:02}"), 1, 1)).collect::<Vec<_>>();
    let two = compare(&manifest, &left(2), How::default()).plan(Some(limit("10%"))).unwrap();
    assert_eq!(two.0.delete.len(), 2);
    let error = compare(&manifest, &left(3), How::default()).plan(Some(limit("10%"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--delete would delete 3 files of the 20 that layer bronze has in the store, and at most 10% may go at once; nothing was changed"
    );
    assert!(compare(&manifest, &left(3), How::default()).plan(Some(limit("3"))).is_ok());
    let mut unseen = compare(&manifest, &left(1), How::default());
    unseen.problem(Problem { path: "data/bronze/x".to_owned(), error: "denied".to_owned() });
    assert!(matches!(unseen.plan(Some(limit("10%"))), Err(TooManyDeletions::Unseen { .. })));
}

#[test]
fn what_was_never_sent_is_not_deleted() {
    let etag = Some("1".to_owned());
    let at = |path: &str| Entry { blob_path: path.to_owned(), ..known(1, Some(1), Some([1; 32])) };
    let manifest = manifest(&[
        ("foreign", Entry { etag: etag.clone(), ..known(1, None, None) }),
        ("of-an-older-tool", known(1, None, None)),
        ("sent", Entry { etag, ..known(1, Some(1), Some([1; 32])) }),
        ("hostile", at("metadata/manifests/bronze.json")),
        ("outside", at("../x")),
        ("replaced", at("here")),
    ]);
    let most = "100%".parse::<Change>().unwrap();
    let limit = DeleteLimit { most, text: "100%".to_owned() };
    let compared = compare(&manifest, &[file("here", 1, 1)], How::default());
    let (plan, _) = compared.plan(Some(limit)).unwrap();
    let deleted: Vec<&str> = plan.delete.iter().map(|gone| gone.blob_path.as_str()).collect();
    assert_eq!(deleted, ["of-an-older-tool", "sent"]);
    assert_eq!(plan.kept, 3);
}

#[test]
fn hostile_paths_go_nowhere() {
    for bad in [
        "../x",
        "a/../x",
        "/etc/passwd",
        "a//b",
        "a/.",
        "",
        "a\nb",
        "a\\b",
        "metadata/manifests/x",
        "\u{7f}",
    ] {
        assert!(place().file(bad).is_err(), "{bad:?}");
    }
    for good in ["a b/ä/%20#?&+.parquet", "..a", "metadata/x", "day=1/e\u{301}"] {
        assert_eq!(place().file(good).unwrap(), format!("data/bronze/{good}"));
    }
    let hostile = Entry { blob_path: "../other/x".to_owned(), ..Entry::default() };
    let compared = compare(&manifest(&[("a", hostile)]), &[file("a", 2, 5)], How::default());
    let (plan, _) = compared.plan(None).unwrap();
    assert_eq!((plan.upload.len(), plan.problems.len()), (0, 1));
}

#[test]
fn an_older_place_in_the_store_is_kept() {
    let entry = Entry { blob_path: "bronze/a".to_owned(), ..known(1, None, None) };
    let (plan, _) =
        compare(&manifest(&[("a", entry)]), &[file("a", 2, 5)], How::default()).plan(None).unwrap();
    assert_eq!(sent(&plan), [("bronze/a", Reason::Size)]);
}

fn listed(path: &str, size: u64, etag: &str) -> Listed {
    Listed { path: path.to_owned(), size, etag: etag.to_owned(), modified: 7 }
}

#[test]
fn drift_names_what_differs() {
    let entry = |etag: &str| Entry { etag: Some(etag.to_owned()), ..known(1, None, None) };
    let manifest = manifest(&[("a=1/x", entry("1")), ("a=1/y", entry("1")), ("b=1/z", entry("1"))]);
    let listing = vec![
        listed("a=1/x", 1, "1"),
        listed("a=1/y", 1, "2"),
        listed("c", 1, ""),
        listed("metadata/manifests/bronze.json", 9, ""),
    ];
    let drift = Drift::of(&place(), &manifest, listing);
    assert_eq!((drift.objects, drift.missing, drift.changed, drift.unknown), (3, 1, 1, 1));
    assert_eq!(
        (&*drift.missing_paths, &*drift.changed_paths, &*drift.unknown_paths),
        (&["b=1/z".to_owned()][..], &["a=1/y".to_owned()][..], &["c".to_owned()][..])
    );
    let partitions: Vec<(&str, u64)> =
        drift.partitions.iter().map(|(k, n)| (k.as_str(), *n)).collect();
    assert_eq!(partitions, [(".", 1), ("a=1", 1), ("b=1", 1)]);
    assert_eq!(partition("a=1/b=2/run_3/x.parquet"), "a=1/b=2");
    assert_eq!(partition("a/b/x"), "a/b");
}

#[test]
fn a_listing_makes_the_entries_anew() {
    let full = Entry { etag: Some("1".to_owned()), ..known(1, Some(3), Some([1; 32])) };
    let mut manifest = manifest(&[("kept", full.clone()), ("lost", full.clone()), ("other", full)]);
    let listing = vec![
        listed("kept", 1, "1"),
        listed("other", 1, "2"),
        listed("../x", 1, ""),
        listed("not-here", 4, "5"),
        listed("new", 4, "5"),
    ];
    manifest.rebuild(&place(), listing, |path| path != "data/bronze/not-here");
    let found: Vec<(String, bool)> = manifest
        .below("data/bronze/")
        .map(|entry| (entry.key.to_owned(), entry.sha256.is_some()))
        .collect();
    // `other` was replaced by somebody: it is sent again.
    let expected = [("kept", true), ("new", false)];
    assert_eq!(found, expected.map(|(name, known)| (format!("data/bronze/{name}"), known)));
    assert!(manifest.get("data/bronze-old/x").is_some());
}

#[test]
fn sizes_are_shown_for_people() {
    let shown: Vec<String> = [0, 999, 1000, 1_449_000, 708_000_000, u64::MAX].map(bytes).into();
    assert_eq!(shown, ["0 bytes", "999 bytes", "1.0 kB", "1.4 MB", "708.0 MB", "18446744.1 TB"]);
}
