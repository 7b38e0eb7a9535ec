//! The registry part of a promotion beside a bare loop of the same requests; `benches/run` starts
//! it and holds both against the access log of the registry.
//!
//! Two images of one repository become `stable` and `latest` in turn. In each round
//! 1. tidegate's client, made afresh, does what the gate does, in the same order;
//! 2. the bare loop sends the same requests over one new connection, and does nothing with the
//!    answers but to put the bytes back.
//!
//! Prints the microseconds of both, one round a line, and the number of tidegate's requests.

#![allow(missing_docs, reason = "a program of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use tidegate::adapters::registry::{Manifest, Options, Reference, Registries};
use tidegate::model::{Digest, ImageRef, Tag};

/// An image to promote.
struct Release {
    digest: Digest,
    /// The tag that keeps it reachable.
    keep: Tag,
    /// Its child manifests, each with its configuration.
    children: Vec<(Digest, Digest)>,
}

/// `registry_part <host> <repository> <rounds>`, then for each of the two images
/// `<digest> <keep tag> <child>,<configuration> <child>,<configuration>`.
fn main() {
    // `cargo bench` and `cargo test --benches` hand over options of their own, or nothing.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [host, repository, rounds, images @ ..] = arguments.as_slice() else { return };
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let releases: Vec<Release> = images.chunks(4).map(Release::parse).collect();
    let image: ImageRef = format!("{host}/{repository}").parse().expect("an image");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut out = std::io::stdout().lock();
    let (mut former, mut new) = (&releases[0], &releases[1]);
    for round in 0..=rounds {
        let began = Instant::now();
        let requests = runtime.block_on(promote(&image, new, former));
        let ours = began.elapsed();
        (former, new) = (new, former);

        let began = Instant::now();
        replay(host, repository, new, former);
        let bare = began.elapsed();
        (former, new) = (new, former);
        // The first round fills caches on both sides.
        if round > 0 {
            writeln!(out, "{} {} {requests}", ours.as_micros(), bare.as_micros()).expect("stdout");
        }
    }
}

impl Release {
    fn parse(words: &[String]) -> Self {
        let children = words[2..].iter().map(|pair| {
            let (child, config) = pair.split_once(',').expect("a pair of digests");
            (child.parse().expect("a digest"), config.parse().expect("a digest"))
        });
        Self {
            digest: words[0].parse().expect("a digest"),
            keep: words[1].parse().expect("a tag"),
            children: children.collect(),
        }
    }
}

/// What `observe/release.rs` and `apply/` ask of the registry for one image, in their order.
async fn promote(image: &ImageRef, new: &Release, former: &Release) -> u64 {
    let client = Registries::new(Options::default()).expect("a client");
    let stable: Tag = "stable".parse().expect("a tag");
    let manifest = client.wait_for(image, &new.digest).await.expect("the candidate");
    let inspection = client.inspect(image, &manifest).await.expect("its children");
    assert_eq!((inspection.missing.len(), inspection.children.len()), (0, new.children.len()));
    let current = client.digest(image, &Reference::Tag(stable.clone())).await.expect("stable");
    assert_eq!(current.as_ref(), Some(&former.digest));
    let kept = client.digest(image, &Reference::Tag(former.keep.clone())).await.expect("a tag");
    assert_eq!(kept.as_ref(), Some(&former.digest));
    let latest: Tag = "latest".parse().expect("a tag");
    for tag in [&new.keep, &stable, &latest] {
        put(&client, image, tag, &manifest).await;
    }
    client.requests()
}

async fn put(client: &Registries, image: &ImageRef, tag: &Tag, manifest: &Manifest) {
    client.put_tag(image, tag, manifest).await.expect("the tag is put and read back");
}

/// The same requests, without a client.
fn replay(host: &str, repository: &str, new: &Release, former: &Release) {
    let mut connection = Connection::open(host, repository);
    let (media_type, index) = connection.send("GET", "manifests", new.digest.as_str(), None);
    for (child, config) in new.children.iter().rev() {
        connection.send("GET", "manifests", child.as_str(), None);
        connection.send("GET", "blobs", config.as_str(), None);
    }
    connection.send("HEAD", "manifests", "stable", None);
    connection.send("HEAD", "manifests", former.keep.as_str(), None);
    for tag in [new.keep.as_str(), "stable", "latest"] {
        connection.send("PUT", "manifests", tag, Some((&media_type, &index)));
        connection.send("HEAD", "manifests", tag, None);
    }
}

/// One connection, kept open.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    repository: String,
}

impl Connection {
    fn open(host: &str, repository: &str) -> Self {
        let stream = TcpStream::connect(host).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let stream = BufReader::new(stream);
        Self { stream, host: host.to_owned(), repository: repository.to_owned() }
    }

    /// Sends a request and returns the media type and the body of the answer.
    fn send(
        &mut self,
        method: &str,
        kind: &str,
        reference: &str,
        body: Option<(&str, &[u8])>,
    ) -> (String, Vec<u8>) {
        let mut request = format!(
            "{method} /v2/{}/{kind}/{reference} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bare-loop\r\n",
            self.repository, self.host
        );
        if kind == "manifests" {
            request.push_str(
                "Accept: application/vnd.oci.image.index.v1+json, \
                 application/vnd.docker.distribution.manifest.list.v2+json, \
                 application/vnd.oci.image.manifest.v1+json, \
                 application/vnd.docker.distribution.manifest.v2+json\r\n",
            );
        }
        let mut request = request.into_bytes();
        if let Some((media_type, bytes)) = body {
            let length = bytes.len();
            write!(request, "Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n")
                .expect("memory");
            request.extend_from_slice(bytes);
        } else {
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("the request is sent");
        self.answer(method)
    }

    fn answer(&mut self, method: &str) -> (String, Vec<u8>) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a status line");
        assert!(
            line.split(' ').nth(1).is_some_and(|code| code.starts_with('2')),
            "{method}: {line}"
        );
        let (mut length, mut media_type) = (0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().expect("a length"),
                "content-type" => value.clone_into(&mut media_type),
                _ => {}
            }
        }
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.stream.read_exact(&mut body).expect("the body");
        (media_type, body)
    }
}
