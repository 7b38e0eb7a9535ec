//! Digest for digest: what was tested is what becomes stable.

use tidegate::adapters::registry::{Reference, RegistryError};
use tidegate::model::Digest;

use super::{by_tag, client, options, run, tag};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::oci_registry::{Kind, OciRegistry};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn promise_1_an_index_is_promoted_byte_for_byte() {
    let registry = OciRegistry::start();
    for (kind, repository) in [(Kind::Oci, "acme/oci"), (Kind::Docker, "acme/docker")] {
        let pushed = registry.push_as(kind, repository, &["candidate"], Some(COMMIT));
        let image = registry.image(repository);
        let client = client(options());
        let found = run(async {
            let manifest = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
            client.put_tag(&image, &tag("stable"), &manifest).await?;
            Ok::<_, RegistryError>(manifest)
        })
        .unwrap();
        assert_eq!(found.digest, pushed.digest);
        assert!(found.is_index());
        let stable = registry.read(repository, "stable").expect("the tag stable");
        assert_eq!(stable, (pushed.media_type, pushed.bytes), "{repository}");
    }
}

#[test]
fn moving_a_tag_transfers_no_layer_and_takes_few_requests() {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let image = super::image(proxy.host(), "acme/app");
    let client = client(options());
    run(async {
        let manifest = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
        assert_eq!(client.requests(), 1, "resolving");
        client.put_tag(&image, &tag("stable"), &manifest).await?;
        client.put_tag(&image, &tag("latest"), &manifest).await?;
        assert_eq!(client.requests(), 5, "two for each tag");
        client.inspect(&image, &manifest).await?;
        assert_eq!(client.requests(), 9, "two for each child manifest");
        Ok::<_, RegistryError>(())
    })
    .unwrap();
    assert_eq!(client.authentication_requests(), 0);
    assert_eq!(proxy.connections(), 1, "the connection is kept alive");
    let blobs: Vec<String> =
        proxy.lines().into_iter().filter(|line| line.contains("/blobs/")).collect();
    let configs: Vec<String> =
        pushed.configs.iter().map(|digest| format!("GET /v2/acme/app/blobs/{digest}")).collect();
    assert_eq!(blobs, configs, "image configurations are the only blobs that are read");
}

#[test]
fn what_is_not_there_is_none_and_not_an_error() {
    let registry = OciRegistry::start();
    registry.push("acme/app", &["candidate"], COMMIT);
    let client = client(options());
    let absent = Reference::Digest(Digest::of(b"absent"));
    for (repository, reference) in
        [("acme/app", by_tag("stable")), ("acme/none", by_tag("stable")), ("acme/app", absent)]
    {
        let image = registry.image(repository);
        assert_eq!(run(client.manifest(&image, &reference)), Ok(None), "{repository} {reference}");
        assert_eq!(run(client.digest(&image, &reference)), Ok(None), "{repository} {reference}");
    }
}

#[test]
fn digests_are_resolved_by_tag_and_by_digest() {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let image = registry.image("acme/app");
    let client = client(options());
    let by_digest = Reference::Digest(pushed.digest.clone());
    assert_eq!(run(client.digest(&image, &by_tag("candidate"))), Ok(Some(pushed.digest.clone())));
    assert_eq!(run(client.digest(&image, &by_digest)), Ok(Some(pushed.digest.clone())));
    let waited = run(client.wait_for(&image, &pushed.digest)).unwrap();
    assert_eq!((waited.bytes, waited.media_type), (pushed.bytes, pushed.media_type));
}

#[test]
fn an_inspection_names_platforms_revision_and_time() {
    let registry = OciRegistry::start();
    let client = client(options());
    for (kind, repository) in [(Kind::Oci, "acme/oci"), (Kind::Docker, "acme/docker")] {
        let pushed = registry.push_as(kind, repository, &["candidate"], Some(COMMIT));
        let image = registry.image(repository);
        let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
        let inspection = run(client.inspect(&image, &manifest)).unwrap();
        let platforms: Vec<String> = inspection.platforms().map(ToString::to_string).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
        assert_eq!(inspection.revisions.iter().collect::<Vec<_>>(), [COMMIT]);
        assert_eq!(inspection.created, Some("2026-11-01T12:00:00Z".parse().unwrap()));
        assert_eq!(inspection.missing, []);
        let children: Vec<Digest> =
            inspection.children.iter().map(|child| child.digest.clone()).collect();
        assert_eq!(children, pushed.children);

        let child = Reference::Digest(pushed.children[1].clone());
        let one = run(client.manifest(&image, &child)).unwrap().unwrap();
        let alone = run(client.inspect(&image, &one)).unwrap();
        assert_eq!(alone.platforms().map(ToString::to_string).collect::<Vec<_>>(), ["linux/arm64"]);
        assert_eq!(alone.revisions.iter().collect::<Vec<_>>(), [COMMIT]);
    }
    registry.push_as(Kind::Oci, "acme/bare", &["candidate"], None);
    let image = registry.image("acme/bare");
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    assert!(run(client.inspect(&image, &manifest)).unwrap().revisions.is_empty());
}

#[test]
fn promise_8_a_missing_child_or_configuration_is_found() {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let image = registry.image("acme/app");
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    registry.delete_blob("acme/app", &pushed.configs[0]);
    let inspection = run(client.inspect(&image, &manifest)).unwrap();
    assert_eq!(inspection.missing, [pushed.configs[0].clone()]);
    registry.delete_manifest("acme/app", &pushed.children[1]);
    let inspection = run(client.inspect(&image, &manifest)).unwrap();
    assert_eq!(inspection.missing, [pushed.configs[0].clone(), pushed.children[1].clone()]);
}

#[test]
fn attestations_only_have_to_exist() {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &[], COMMIT);
    let mut index: serde_json::Value = serde_json::from_slice(&pushed.bytes).unwrap();
    let note = registry.push_blob("acme/app", "application/vnd.in-toto+json", b"{}");
    let config =
        registry.push_blob("acme/app", tidegate::adapters::registry::OCI_CONFIG, b"no config");
    let attestation = serde_json::json!({
        "schemaVersion": 2, "mediaType": tidegate::adapters::registry::OCI_MANIFEST,
        "config": config, "layers": [note],
    })
    .to_string();
    let digest = Digest::of(attestation.as_bytes());
    let oci = tidegate::adapters::registry::OCI_MANIFEST;
    registry.push_manifest("acme/app", digest.as_str(), oci, attestation.as_bytes());
    index["manifests"].as_array_mut().unwrap().push(serde_json::json!({
        "mediaType": oci, "digest": digest, "size": attestation.len(),
        "platform": {"architecture": "unknown", "os": "unknown"},
    }));
    registry.push_manifest(
        "acme/app",
        "candidate",
        &pushed.media_type,
        index.to_string().as_bytes(),
    );
    let image = registry.image("acme/app");
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let inspection = run(client.inspect(&image, &manifest)).unwrap();
    assert_eq!(inspection.children.len(), 3);
    assert_eq!(inspection.platforms().count(), 2);
    registry.delete_manifest("acme/app", &digest);
    let inspection = run(client.inspect(&image, &manifest)).unwrap();
    assert_eq!(inspection.missing, [digest]);
}

#[test]
fn promise_11_a_put_whose_children_are_gone_is_refused_and_changes_nothing() {
    let registry = OciRegistry::start();
    let old = registry.push("acme/app", &["stable"], COMMIT);
    let new = registry.push("acme/app", &["candidate"], &COMMIT.replace('0', "f"));
    let image = registry.image("acme/app");
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    registry.delete_manifest("acme/app", &new.children[0]);
    let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err().to_string();
    for part in ["acme/app:stable", registry.host(), "MANIFEST_BLOB_UNKNOWN", "child manifests"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, old.bytes);
}
