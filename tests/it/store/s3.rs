//! What only S3 has.

use tidegate::adapters::store::{Copies, Scope};
use tidegate::exit::{Exit, Failure};

use super::*;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};

#[test]
fn a_url_is_signed_for_one_object_and_a_week() {
    let server = S3Server::start();
    let container = server.container("analytics");
    let error = run(container.sign(&Scope::Container, Duration::from_mins(1))).unwrap_err();
    assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
    let object = Scope::Object("latest.json".to_owned());
    let signed = run(container.sign(&object, Duration::from_hours(720))).unwrap();
    assert!(signed.shortened.as_deref().is_some_and(|why| why.contains("at most 7 days")));
}

#[test]
fn a_bucket_holds_containers_as_folders_below_its_prefix() {
    let server = S3Server::start();
    let store = stores::open("s3://lakehouse/team/a/", server.environment());
    let container = store.container("bronze").unwrap();
    assert!(run(container.create_if_missing()).unwrap(), "the bucket is made");
    write(&container, "x/y", "1", Expect::Missing);
    assert_eq!(paths(&container, ""), ["x/y"]);
    let whole = stores::open("s3://lakehouse/", server.environment()).container("team").unwrap();
    assert_eq!(paths(&whole, ""), ["a/bronze/x/y"]);
    let url = container.url("x/y").unwrap();
    assert!(url.path().ends_with("/lakehouse/team/a/bronze/x/y"), "{url}");
}

#[test]
fn a_bucket_that_is_missing_is_named() {
    let server = S3Server::start();
    let container = server.store().container("bronze").unwrap();
    let error = run(container.write("x", Bytes::new(), Expect::Anything)).unwrap_err();
    assert_eq!(error.to_string(), "s3://lakehouse/bronze is not there");
}

#[test]
fn missing_credentials_are_named() {
    let url = "s3://lakehouse/".parse().unwrap();
    let opened = Store::open(&url, stores::options(Vec::new()));
    let error = opened.err().unwrap();
    assert!(error.to_string().contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    assert_eq!(Failure::of(&anyhow::Error::new(error)).exit, Exit::Denied);
    let half = vec![("AWS_ACCESS_KEY_ID".to_owned(), "x".to_owned())];
    let error = Store::open(&url, stores::options(half)).err().unwrap();
    assert!(error.to_string().contains("without AWS_SECRET_ACCESS_KEY"), "{error}");
    let url = "gs://lakehouse/".parse().unwrap();
    let error = Store::open(&url, stores::options(Vec::new())).err().unwrap();
    assert!(error.to_string().contains("set GOOGLE_APPLICATION_CREDENTIALS"), "{error}");
}

/// A container that copies what is larger than 6 MiB in parts of 5, the least that S3 takes.
fn in_parts(host: &str) -> Container {
    let copies = Copies { whole: 6 << 20, part: 5 << 20 };
    let options = stores::options(s3_server::environment(host));
    let options = Options { retry: QUICK, copies, ..options };
    let store = Store::open(&s3_server::store_url().parse().unwrap(), options).unwrap();
    store.container("analytics").unwrap()
}

/// A server with an object of 17 MB, a proxy in front of it, and the container through the proxy.
fn with_a_large_object(name: &str) -> (S3Server, FaultProxy, Container, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let server = S3Server::start();
    let (file, bytes) = file(&folder, 17_000_000);
    upload(&server.container("analytics"), name, &file).unwrap();
    let proxy = FaultProxy::start(server.host());
    let container = in_parts(proxy.host());
    (server, proxy, container, bytes)
}

#[test]
fn an_object_that_one_request_cannot_copy_is_copied_in_parts() {
    let name = "versions/a b+(é)'~.parquet";
    let (server, proxy, container, bytes) = with_a_large_object(name);
    let etag = run(container.head(name)).unwrap().unwrap().etag;
    for (from, to) in [(name, "backups/x!*.parquet"), ("backups/x!*.parquet", name)] {
        proxy.forget();
        run(container.copy(from, to)).unwrap();
        assert!(read(&container, to).unwrap() == bytes, "{to}");
        let seen = proxy.seen();
        let parts: Vec<_> =
            seen.iter().filter(|request| request.path.contains("partNumber=")).collect();
        let mut ranges: Vec<_> =
            parts.iter().filter_map(|part| part.get("x-amz-copy-source-range")).collect();
        ranges.sort_by_key(|range| {
            let first = range.trim_start_matches("bytes=").split('-').next().unwrap();
            first.parse::<u64>().unwrap()
        });
        assert_eq!(
            ranges,
            [
                "bytes=0-5242879",
                "bytes=5242880-10485759",
                "bytes=10485760-15728639",
                "bytes=15728640-16999999",
            ]
        );
        if from == name {
            let expected = format!("\"{etag}\"");
            for part in parts {
                assert_eq!(part.get("x-amz-copy-source-if-match"), Some(expected.as_str()));
            }
        }
    }
    let head = exchanged(&server, "HEAD", "/lakehouse/analytics/backups/x!*.parquet");
    assert_eq!(head.get("content-type"), Some("application/vnd.apache.parquet"));

    // What one request can copy is copied by one.
    proxy.forget();
    write(&container, "small", "1", Expect::Missing);
    run(container.copy("small", "copy of small")).unwrap();
    assert_eq!((proxy.count("POST", "uploads"), proxy.count("PUT", "copy")), (0, 1));
    let missing = run(container.copy("none", "other")).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
}

#[test]
fn a_copy_in_parts_that_cannot_go_on_leaves_nothing_behind() {
    let (server, proxy, container, bytes) = with_a_large_object("from");
    let moved = "<Error><Code>PreconditionFailed</Code><Message>moved</Message></Error>";
    proxy.add(Rule::on("PUT", "partNumber=3").times(1).answer(412, &[], moved));
    let error = run(container.copy("from", "to")).unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    assert_eq!(run(container.head("to")).unwrap(), None);
    assert_eq!(proxy.count("DELETE", "uploadId="), 1, "{:?}", proxy.lines());
    let uploads = exchanged(&server, "GET", "/lakehouse?uploads").body;
    let uploads = String::from_utf8(uploads).unwrap();
    assert!(!uploads.contains("<Upload>"), "{uploads}");

    // What may pass is tried again, and a lost answer is followed by looking.
    proxy.add(Rule::on("PUT", "partNumber=2").times(1).fault(Fault::DropAnswer));
    proxy.add(Rule::on("PUT", "partNumber=4").times(1).answer(503, &[], ""));
    proxy.add(Rule::on("POST", "uploadId=").times(1).fault(Fault::DropAnswer));
    run(container.copy("from", "to")).unwrap();
    assert!(read(&container, "to").unwrap() == bytes);
}

#[test]
fn a_lost_answer_to_a_copy_over_the_same_bytes_is_no_error() {
    let (server, proxy, container, bytes) = with_a_large_object("from");
    run(container.copy("from", "to")).unwrap();
    // The time of an object has seconds: the next copy has to come in a later one.
    let target = "/lakehouse/analytics/to";
    let time =
        |name: &str| exchanged(&server, "HEAD", target).get(name).expect("a time").to_owned();
    let written = time("last-modified");
    while time("date") == written {
        std::thread::sleep(Duration::from_millis(100));
    }
    proxy.forget();
    proxy.add(Rule::on("POST", "uploadId=").times(1).fault(Fault::DropAnswer));
    run(container.copy("from", "to")).unwrap();
    assert_eq!(proxy.count("POST", "uploadId="), 2, "{:?}", proxy.lines());
    assert!(read(&container, "to").unwrap() == bytes);
}

/// What the server says to a client without credentials.
fn exchanged(server: &S3Server, method: &str, path: &str) -> crate::harness::fault_proxy::Answer {
    use crate::harness::fault_proxy::{Request, exchange};
    exchange(server.host(), &Request::new(method, path)).unwrap()
}
