//! What only S3 has.

use tidegate::adapters::store::Scope;
use tidegate::exit::{Exit, Failure};

use super::*;

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
