//! OCI image layouts: read and written like any other tool's.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::registry::layout::Builder;
use tidegate::adapters::registry::{Manifest, OCI_INDEX, Options, Registries, RegistryError};
use tidegate::model::{Digest, ImageRef};

use super::{by_tag, client, options, run, tag};
use crate::harness::oci_registry::OciRegistry;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn world() -> (TempDir, Registries, ImageRef) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let client = client(Options { root: folder.path().to_owned(), ..options() });
    (folder, client, "oci:image".parse().expect("an image"))
}

fn build(folder: &Path, revision: &str, tags: &[&str]) -> Manifest {
    let tags: Vec<_> = tags.iter().map(|text| tag(text)).collect();
    let created = "2026-11-01T12:00:00Z".parse().unwrap();
    let image = Builder::new(revision.parse().unwrap(), created)
        .two_platforms(&[b"layer one".to_vec(), revision.as_bytes().to_vec()]);
    run(image.write(&folder.join("image"), &tags)).expect("an image")
}

fn index(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("image/index.json")).unwrap()).unwrap()
}

fn write_index(folder: &Path, index: &Value) {
    std::fs::write(folder.join("image/index.json"), index.to_string()).unwrap();
}

#[test]
fn promise_1_a_layout_is_promoted_byte_for_byte() {
    let (folder, client, image) = world();
    let old = build(folder.path(), OTHER, &["candidate", "stable"]);
    let new = build(folder.path(), COMMIT, &["candidate"]);
    run(async {
        let candidate = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
        assert_eq!(candidate, new);
        client.put_tag(&image, &tag("good-fedcba9"), &old).await?;
        client.put_tag(&image, &tag("stable"), &candidate).await?;
        assert_eq!(client.manifest(&image, &by_tag("stable")).await?, Some(new.clone()));
        assert_eq!(client.digest(&image, &by_tag("good-fedcba9")).await?, Some(old.digest));
        assert_eq!(client.digest(&image, &by_tag("latest")).await?, None);
        assert_eq!(client.wait_for(&image, &new.digest).await?, new);
        let inspection = client.inspect(&image, &new).await?;
        assert_eq!(inspection.revisions.iter().collect::<Vec<_>>(), [COMMIT]);
        let platforms: Vec<String> = inspection.platforms().map(ToString::to_string).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
        Ok::<_, RegistryError>(())
    })
    .unwrap();
    assert_eq!(client.requests(), 0);
}

#[test]
fn the_builder_is_deterministic() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = build(one.path(), COMMIT, &["candidate"]);
    assert_eq!(first, build(two.path(), COMMIT, &["candidate"]));
    assert_eq!(first, build(one.path(), COMMIT, &["candidate"]));
    assert_eq!(index(one.path()), index(two.path()));
}

#[test]
fn skopeo_reads_what_is_written_and_the_registry_takes_it_unchanged() {
    let (folder, client, image) = world();
    let built = build(folder.path(), COMMIT, &["candidate"]);
    run(client.put_tag(&image, &tag("stable"), &built)).unwrap();
    let registry = OciRegistry::start();
    let output = Command::new("skopeo")
        .args([
            "copy",
            "--all",
            "--quiet",
            "--preserve-digests",
            "--insecure-policy",
            "--dest-tls-verify=false",
        ])
        .arg(format!("oci:{}/image:stable", folder.path().display()))
        .arg(format!("docker://{}/acme/app:stable", registry.host()))
        .env("HOME", folder.path())
        .output()
        .unwrap_or_else(|error| {
            panic!("skopeo could not be started ({error}): apt-get install skopeo")
        });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(registry.read("acme/app", "stable"), Some((OCI_INDEX.to_owned(), built.bytes)));
}

#[test]
fn what_skopeo_writes_is_read_and_what_is_not_known_is_kept() {
    let (folder, client, image) = world();
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let output = Command::new("skopeo")
        .args([
            "copy",
            "--all",
            "--quiet",
            "--preserve-digests",
            "--insecure-policy",
            "--src-tls-verify=false",
        ])
        .arg(format!("docker://{}/acme/app:candidate", registry.host()))
        .arg(format!("oci:{}/image:candidate", folder.path().display()))
        .env("HOME", folder.path())
        .output()
        .unwrap_or_else(|error| {
            panic!("skopeo could not be started ({error}): apt-get install skopeo")
        });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut document = index(folder.path());
    document["x-top"] = json!({"kept": [1, 2.5, null]});
    document["annotations"] = json!({"com.example.top": "kept"});
    document["manifests"][0]["x-entry"] = json!("kept");
    document["manifests"][0]["annotations"]["com.example.entry"] = json!("kept");
    write_index(folder.path(), &document);
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    assert_eq!(manifest.bytes, pushed.bytes);
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    let mut expected = document.clone();
    let mut entry = document["manifests"][0].clone();
    entry["annotations"]["org.opencontainers.image.ref.name"] = json!("stable");
    expected["manifests"].as_array_mut().unwrap().push(entry);
    assert_eq!(index(folder.path()), expected);
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    assert_eq!(index(folder.path()), expected, "putting it again changes nothing");
}

#[test]
fn an_image_that_loses_its_last_tag_stays_in_the_index() {
    let (folder, client, image) = world();
    let old = build(folder.path(), OTHER, &["stable"]);
    let new = build(folder.path(), COMMIT, &["candidate"]);
    run(client.put_tag(&image, &tag("stable"), &new)).unwrap();
    let document = index(folder.path());
    let named: Vec<&str> = document["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap())
        .collect();
    assert!(named.contains(&old.digest.as_str()), "{named:?}");
    assert_eq!(run(client.wait_for(&image, &old.digest)).unwrap(), old);
    run(client.put_tag(&image, &tag("stable"), &old)).unwrap();
    let stable = run(client.digest(&image, &by_tag("stable"))).unwrap();
    assert_eq!(stable, Some(old.digest));
}

#[test]
fn concurrent_writers_lose_no_tag() {
    let (folder, _, _) = world();
    let built = build(folder.path(), COMMIT, &["candidate"]);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (root, built) = (folder.path().to_owned(), &built);
            scope.spawn(move || {
                let client = client(Options {
                    root,
                    patience: tidegate::adapters::registry::LONGEST_PATIENCE,
                    ..options()
                });
                let image: ImageRef = "oci:image".parse().unwrap();
                for number in 0..5 {
                    let tag = tag(&format!("t-{writer}-{number}"));
                    run(client.put_tag(&image, &tag, built)).unwrap();
                }
            });
        }
    });
    assert_eq!(index(folder.path())["manifests"].as_array().unwrap().len(), 21);
}

#[test]
fn promise_11_a_held_lock_is_an_error_after_the_patience() {
    let (folder, _, image) = world();
    let built = build(folder.path(), COMMIT, &["candidate"]);
    let lock = std::fs::File::create(folder.path().join("image/.tidegate.lock")).unwrap();
    lock.lock().unwrap();
    let client = client(Options {
        root: folder.path().to_owned(),
        patience: std::time::Duration::from_millis(30),
        ..options()
    });
    let before = index(folder.path());
    let text = run(client.put_tag(&image, &tag("stable"), &built)).unwrap_err().to_string();
    assert!(text.contains("lock"), "{text}");
    assert_eq!(index(folder.path()), before);
}

#[test]
fn promise_11_hostile_layouts_are_refused_and_not_changed() {
    let evil = |digest: &str| {
        json!({"schemaVersion": 2, "manifests": [{
            "mediaType": OCI_INDEX, "size": 2, "digest": digest,
            "annotations": {"org.opencontainers.image.ref.name": "candidate"},
        }]})
        .to_string()
    };
    let absent = Digest::of(b"absent").to_string();
    let twice = json!({"manifests": [
        {"digest": Digest::of(b"a"), "annotations": {"org.opencontainers.image.ref.name": "candidate"}},
        {"digest": Digest::of(b"b"), "annotations": {"org.opencontainers.image.ref.name": "candidate"}},
    ]})
    .to_string();
    for (text, words) in [
        (evil("sha256:../../../../etc/passwd"), "digest"),
        (evil("../../etc/passwd"), "digest"),
        (evil(""), "digest"),
        ("{}".to_owned(), "manifests"),
        ("[]".to_owned(), "JSON object"),
        ("<<<<<<< ours".to_owned(), "JSON object"),
        (twice, "two manifests"),
        (" ".repeat(17 * 1024 * 1024), "larger than"),
    ] {
        let (folder, client, image) = world();
        build(folder.path(), COMMIT, &["candidate"]);
        let path = folder.path().join("image/index.json");
        std::fs::write(&path, &text).unwrap();
        let error = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("index.json"), "{words}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), text.into_bytes());
    }
    let (folder, client, image) = world();
    build(folder.path(), COMMIT, &["candidate"]);
    std::fs::write(folder.path().join("image/index.json"), evil(&absent)).unwrap();
    assert_eq!(run(client.manifest(&image, &by_tag("candidate"))), Ok(None));
}

#[test]
fn promise_1_a_blob_that_was_changed_on_disk_is_refused() {
    let (folder, client, image) = world();
    let built = build(folder.path(), COMMIT, &["candidate"]);
    let path = folder.path().join("image/blobs/sha256").join(built.digest.hex());
    std::fs::write(&path, b"{\"manifests\":[]}").unwrap();
    let error = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err().to_string();
    assert!(error.contains(built.digest.hex()), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn a_missing_child_is_found_in_a_layout() {
    let (folder, client, image) = world();
    let built = build(folder.path(), COMMIT, &["candidate"]);
    let document: Value = serde_json::from_slice(&built.bytes).unwrap();
    let child: Digest = document["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    std::fs::remove_file(folder.path().join("image/blobs/sha256").join(child.hex())).unwrap();
    assert_eq!(run(client.inspect(&image, &built)).unwrap().missing, [child]);
}

#[test]
fn a_folder_that_is_no_layout_says_what_to_do() {
    let (folder, client, image) = world();
    let built = build(&folder.path().join("elsewhere"), COMMIT, &[]);
    for error in [
        run(client.manifest(&image, &by_tag("candidate"))).unwrap_err(),
        run(client.put_tag(&image, &tag("stable"), &built)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("no OCI image layout here"), "{error}");
    }
    assert!(!folder.path().join("image").exists(), "nothing was made");
}
