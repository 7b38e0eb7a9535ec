//! What only Azure has.

use tidegate::exit::{Exit, Failure};

use tidegate::adapters::store::Scope;

use super::operations::fetched;
use super::*;
use crate::harness::azurite::{ACCOUNT, KEY};
use crate::harness::fault_proxy::{FaultProxy, Rule};

fn with(server: &Azurite, variables: &[(&str, &str)]) -> Container {
    let mut environment = vec![("AZURE_STORAGE_ENDPOINT".to_owned(), server.endpoint())];
    environment.extend(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    container(&server.store_url(), environment, "bronze")
}

#[test]
fn a_signature_for_a_container_reads_every_object_and_no_more() {
    let server = Azurite::start();
    let container = server.container("analytics");
    write(&container, "latest.json", "pointer", Expect::Missing);
    let year = Duration::from_hours(8760);
    let signed = run(container.sign(&Scope::Container, year)).unwrap();
    assert_eq!(signed.shortened, None);
    let (url, query) = signed.url.expose().split_once('?').unwrap();
    // Written after the URL was signed.
    write(&container, "versions/a b.duckdb", "version", Expect::Missing);
    assert_eq!(fetched(&format!("{url}/latest.json?{query}")), (200, b"pointer".to_vec()));
    assert_eq!(fetched(&format!("{url}/versions/a%20b.duckdb?{query}")).0, 200);
    let other = server.container("bronze");
    write(&other, "x", "secret", Expect::Missing);
    let elsewhere = url.replace("/analytics", "/bronze");
    assert_eq!(fetched(&format!("{elsewhere}/x?{query}")).0, 403);
    // It does not list, and a changed expiry is refused.
    assert_eq!(fetched(&format!("{url}?restype=container&comp=list&{query}")).0, 403);
    let longer = query.replace("se=20", "se=21");
    assert_eq!(fetched(&format!("{url}/latest.json?{longer}")).0, 403);
}

#[test]
fn a_wrong_key_is_told_in_words_and_never_shown() {
    let server = Azurite::start();
    server.container("bronze");
    let wrong = "d3Jvbmcga2V5IG9mIGFuIGFjY291bnQ=";
    let container = with(&server, &[("AZURE_ACCOUNT_KEY", wrong)]);
    let error = run(container.write("x", Bytes::new(), Expect::Anything)).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("the key or the signature is wrong"), "{said}");
    assert!(said.starts_with(&format!("azure://{ACCOUNT}/bronze/x: ")), "{said}");
    assert!(!said.contains(wrong) && !said.contains("http"), "{said}");
    assert_eq!(Failure::of(&anyhow::Error::new(error)).exit, Exit::Denied);
}

#[test]
fn a_connection_string_and_a_shared_access_signature_log_in() {
    let server = Azurite::start();
    let direct = server.container("bronze");
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={};",
        server.endpoint()
    );
    let by_connection = container(
        &server.store_url(),
        vec![("AZURE_STORAGE_CONNECTION_STRING".to_owned(), connection)],
        "bronze",
    );
    write(&by_connection, "x y", "1", Expect::Missing);

    let signed = run(direct.sign(&Scope::Container, Duration::from_hours(1))).unwrap();
    let (_, query) = signed.url.expose().split_once('?').unwrap();
    for query in [query.to_owned(), format!("?{query}")] {
        let reader = with(&server, &[("AZURE_STORAGE_SAS_TOKEN", &query)]);
        assert_eq!(read(&reader, "x y").unwrap(), b"1");
        let error = run(reader.write("y", Bytes::new(), Expect::Anything)).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, StoreError::Denied { .. }) && !said.contains("sig="), "{said}");
        let error = run(reader.sign(&Scope::Container, Duration::from_mins(1))).unwrap_err();
        assert!(matches!(error, StoreError::Unsupported { .. }), "{error}");
        // It may not make a container, and there is one.
        let error = run(reader.create_if_missing()).unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    }
}

#[test]
fn a_body_is_sent_with_its_checksum_and_a_damaged_one_is_sent_again() {
    let server = Azurite::start();
    let direct = server.container("bronze");
    let proxy = FaultProxy::start(server.host());
    let container = container(&server.store_url(), azurite::environment(proxy.host()), "bronze");
    let folder = TempDir::new().unwrap();
    let (path, bytes) = file(&folder, 9_000_000);
    let wrong = |answer: &mut crate::harness::fault_proxy::Answer| {
        answer.set("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    };
    proxy.add(Rule::on("PUT", "small").times(1).edit(wrong));
    write(&container, "small", "text", Expect::Anything);
    assert_eq!(proxy.count("PUT", "small"), 2);
    upload(&container, "large", &path).unwrap();
    let bodies = proxy.seen();
    let puts: Vec<_> = bodies.iter().filter(|seen| seen.method == "PUT").collect();
    assert!(puts.len() >= 4 && puts.iter().all(|put| put.get("content-md5").is_some()));
    assert!(read(&direct, "large").unwrap() == bytes);
}

#[test]
fn a_container_that_is_being_deleted_is_waited_for() {
    let server = Azurite::start();
    let proxy = FaultProxy::start(server.host());
    let container = container(&server.store_url(), azurite::environment(proxy.host()), "bronze");
    let being_deleted = "<Error><Code>ContainerBeingDeleted</Code></Error>";
    proxy.add(Rule::on("PUT", "restype=container").times(2).answer(409, &[], being_deleted));
    assert!(run(container.create_if_missing()).unwrap());
    assert_eq!(proxy.count("PUT", "restype=container"), 3);
}

#[test]
fn a_container_that_is_gone_is_named() {
    let server = Azurite::start();
    let container = with(&server, &[("AZURE_ACCOUNT_KEY", KEY)]);
    let error = run(container.write("x", Bytes::new(), Expect::Anything)).unwrap_err();
    assert_eq!(error.to_string(), format!("azure://{ACCOUNT}/bronze is not there"));
    let folder = TempDir::new().unwrap();
    let (path, _) = file(&folder, 9_000_000);
    let error = upload(&container, "x", &path).unwrap_err();
    assert_eq!(error.to_string(), format!("azure://{ACCOUNT}/bronze is not there"));
}

#[test]
fn a_copy_that_is_pending_is_waited_for() {
    let server = Azurite::start();
    server.container("bronze");
    let proxy = FaultProxy::start(server.host());
    let container = container(&server.store_url(), azurite::environment(proxy.host()), "bronze");
    write(&container, "from", "1", Expect::Missing);
    let pending = |answer: &mut crate::harness::fault_proxy::Answer| {
        answer.set("x-ms-copy-status", "pending");
    };
    proxy.add(Rule::on("PUT", "/to").times(1).edit(pending));
    proxy.add(Rule::on("HEAD", "/to").times(2).edit(pending));
    run(container.copy("from", "to")).unwrap();
    assert_eq!(proxy.count("HEAD", "/to"), 3);
    let failed = |answer: &mut crate::harness::fault_proxy::Answer| {
        answer.set("x-ms-copy-status", "failed");
    };
    proxy.add(Rule::on("PUT", "/to").times(1).edit(failed));
    let error = run(container.copy("from", "to")).unwrap_err();
    assert!(error.to_string().contains("ended as failed"), "{error}");
}

#[test]
fn a_job_without_keys_logs_in_by_its_identity() {
    let server = Azurite::start();
    server.container("bronze");
    // The two services that give tokens, and a store that shows what it is asked with.
    let tokens = FaultProxy::start("127.0.0.1:9");
    tokens.add(Rule::on("GET", "/actions").times(9).answer(
        200,
        &[],
        r#"{"value":"actions-token"}"#,
    ));
    tokens.add(Rule::on("POST", "/tenant-1/oauth2/v2.0/token").times(9).answer(
        200,
        &[],
        r#"{"access_token":"entra-token","expires_in":3600}"#,
    ));
    let proxy = FaultProxy::start(server.host());
    proxy.add(Rule::on("PUT", "x").times(9).answer(201, &[("ETag", "\"0x1\"")], ""));
    let key = "<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>2026-01-01T00:00:00Z</SignedStart><SignedExpiry>2026-01-02T00:00:00Z</SignedExpiry><SignedService>b</SignedService><SignedVersion>2022-11-02</SignedVersion><Value>a2V5</Value></UserDelegationKey>";
    proxy.add(Rule::on("POST", "userdelegationkey").times(9).answer(200, &[], key));
    let variables = [
        ("AZURE_STORAGE_ENDPOINT", azurite::endpoint(proxy.host())),
        ("AZURE_CLIENT_ID", "client-1".to_owned()),
        ("AZURE_TENANT_ID", "tenant-1".to_owned()),
        ("AZURE_AUTHORITY_HOST", format!("http://{}", tokens.host())),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://{}/actions?v=1", tokens.host())),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let container = container(&server.store_url(), variables, "bronze");
    write(&container, "x", "1", Expect::Anything);
    write(&container, "x", "2", Expect::Anything);
    let asked = tokens.lines();
    assert_eq!(
        asked,
        [
            "GET /actions?v=1&audience=api%3A%2F%2FAzureADTokenExchange",
            "POST /tenant-1/oauth2/v2.0/token"
        ],
        "one token for both requests"
    );
    assert_eq!(tokens.seen()[0].get("authorization"), Some("Bearer request-token"));
    let form = String::from_utf8(tokens.seen()[1].body.clone()).unwrap();
    assert!(form.contains("client_assertion=actions-token"), "{form}");
    assert!(form.contains("scope=https%3A%2F%2Fstorage.azure.com%2F.default"), "{form}");
    assert_eq!(proxy.seen()[0].get("authorization"), Some("Bearer entra-token"));

    // What it signs is valid for a week at most, and says so.
    let year = Duration::from_hours(8760);
    let signed = run(container.sign(&Scope::Container, year)).unwrap();
    assert!(signed.shortened.as_deref().is_some_and(|why| why.contains("at most 7 days")));
    assert!(signed.expires < jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24));
    assert!(signed.url.expose().contains("skoid=oid&sktid=tid&skt=2026-01-01T00%3A00%3A00Z"));

    tokens.forget();
    let said = r#"{"error":"invalid_client","error_description":"AADSTS700213: no match"}"#;
    tokens.add(Rule::on("GET", "/actions").times(1).answer(403, &[], said));
    let again = container_again(&server, &proxy, &tokens);
    let error = run(again.write("x", Bytes::new(), Expect::Anything)).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("GitHub Actions gives no token"), "{shown}");
    assert_eq!(Failure::of(&anyhow::Error::new(error)).exit, Exit::Denied);
}

fn container_again(server: &Azurite, proxy: &FaultProxy, tokens: &FaultProxy) -> Container {
    let variables = [
        ("AZURE_STORAGE_ENDPOINT", azurite::endpoint(proxy.host())),
        ("AZURE_CLIENT_ID", "client-1".to_owned()),
        ("AZURE_TENANT_ID", "tenant-1".to_owned()),
        ("AZURE_AUTHORITY_HOST", format!("http://{}", tokens.host())),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://{}/actions?v=1", tokens.host())),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    container(&server.store_url(), variables, "bronze")
}
