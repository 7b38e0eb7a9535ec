//! Credentials go where they belong, and nowhere else.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use tidegate::adapters::registry::{Credentials, Options, RegistryError};
use tidegate::secret::Secret;

use super::{by_tag, client, hosts, image, login, options, run, tag};
use crate::harness::fault_proxy::{FaultProxy, Request, Rule, exchange};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER, basic};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn with_login(user: &str, password: &str) -> Options {
    Options { env_credentials: login(user, password), ..options() }
}

/// No form of the password may stand in a text that is shown.
fn assert_no_secret(text: &str, password: &str) {
    for form in [password.to_owned(), basic(USER, password).replace("Basic ", "")] {
        assert!(!text.contains(&form), "a secret in: {text}");
    }
}

#[test]
fn a_registry_with_basic_authentication() {
    let registry = OciRegistry::start_with(Auth::Basic);
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let image = registry.image("acme/app");
    let right = client(with_login(USER, PASSWORD));
    run(async {
        let manifest = right.manifest(&image, &by_tag("candidate")).await?.unwrap();
        right.put_tag(&image, &tag("stable"), &manifest).await
    })
    .unwrap();
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, pushed.bytes);
    assert_eq!((right.requests(), right.authentication_requests()), (4, 1));

    let wrong = client(with_login(USER, "wrong password"));
    let error = run(wrong.manifest(&image, &by_tag("stable"))).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    let text = error.to_string();
    for part in ["acme/app:stable", registry.host(), "\"robot\"", "TIDEGATE_REGISTRY_USER"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_no_secret(&text, "wrong password");
    assert_eq!(wrong.requests(), 2, "wrong credentials are not sent twice");

    let nobody = client(options());
    let text = run(nobody.manifest(&image, &by_tag("stable"))).unwrap_err().to_string();
    assert!(text.contains("no credentials") && text.contains("docker login"), "{text}");
    assert!(text.contains("TIDEGATE_REGISTRY_PASSWORD"), "{text}");
}

#[test]
fn the_docker_configuration_and_its_helpers_are_used() {
    let registry = OciRegistry::start_with(Auth::Basic);
    registry.push("acme/app", &["candidate"], COMMIT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let auth = basic(USER, PASSWORD).replace("Basic ", "");
    let host = registry.host();
    std::fs::write(&path, format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)).unwrap();
    let client = client(Options { docker_config: Some(path), ..options() });
    let image = registry.image("acme/app");
    assert!(run(client.manifest(&image, &by_tag("candidate"))).unwrap().is_some());
}

#[test]
fn a_registry_with_tokens() {
    let registry = OciRegistry::start_with(Auth::Token);
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let image = registry.image("acme/app");
    let hosts = hosts(registry.host(), registry.token_host());
    let right = client(Options { hosts: hosts.clone(), ..with_login(USER, PASSWORD) });
    run(async {
        let manifest = right.manifest(&image, &by_tag("candidate")).await?.unwrap();
        right.put_tag(&image, &tag("stable"), &manifest).await?;
        right.put_tag(&image, &tag("latest"), &manifest).await
    })
    .unwrap();
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, pushed.bytes);
    let scopes: Vec<String> = registry
        .token_requests()
        .iter()
        .map(|request| request.path.split("scope=").nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        scopes,
        ["repository%3Aacme%2Fapp%3Apull", "repository%3Aacme%2Fapp%3Apull%2Cpush"],
        "one exchange for each scope"
    );
    // Beyond the challenge and two exchanges: one to resolve, two for each tag.
    assert_eq!(right.requests() - right.authentication_requests(), 5);

    let wrong = client(Options { hosts: hosts.clone(), ..with_login(USER, "wrong password") });
    let text = run(wrong.manifest(&image, &by_tag("stable"))).unwrap_err().to_string();
    for part in ["401", "token", registry.token_host(), "\"robot\"", "wrong password"] {
        // The server's own text quotes no secret; ours is masked.
        assert_eq!(text.contains(part), part != "wrong password", "{part}: {text}");
    }

    let nobody = client(Options { hosts, ..options() });
    let error = run(nobody.manifest(&image, &by_tag("stable"))).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
}

#[test]
fn a_token_that_is_refused_later_is_renewed_once() {
    let registry = OciRegistry::start_with(Auth::Token);
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let image = image(proxy.host(), "acme/app");
    let hosts = hosts(proxy.host(), registry.token_host());
    let client = client(Options { hosts, ..with_login(USER, PASSWORD) });
    assert!(run(client.manifest(&image, &by_tag("candidate"))).unwrap().is_some());
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"test-registry\",error=\"invalid_token\"",
        registry.token_host()
    );
    let headers = [("Www-Authenticate", challenge.as_str())];
    proxy.add(Rule::on("HEAD", "/manifests/").times(1).answer(401, &headers, ""));
    let before = registry.token_requests().len();
    assert_eq!(run(client.digest(&image, &by_tag("candidate"))), Ok(Some(pushed.digest)));
    assert_eq!(registry.token_requests().len(), before + 1);
}

#[test]
fn promise_10_a_realm_on_another_host_gets_no_credentials() {
    let registry = OciRegistry::start_with(Auth::Token);
    registry.push("acme/app", &["candidate"], COMMIT);
    let image = registry.image("acme/app");
    let before = registry.token_requests().len();
    for token_host in [None, Some("auth.example"), Some("127.0.0.1")] {
        let hosts = token_host.map(|name| hosts(registry.host(), name)).unwrap_or_default();
        let client = client(Options { hosts, ..with_login(USER, PASSWORD) });
        let error = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err();
        assert!(matches!(error, RegistryError::ForeignRealm { .. }), "{error}");
        let text = error.to_string();
        for part in [registry.token_host(), registry.host(), "token_host", "acme/app"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        assert_no_secret(&text, PASSWORD);
    }
    assert_eq!(registry.token_requests().len(), before, "nothing was sent to the other host");
}

#[test]
fn promise_10_a_location_on_another_host_gets_no_credentials() {
    let registry = OciRegistry::start_with(Auth::Basic);
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let open = OciRegistry::start();
    assert_eq!(open.push("acme/app", &["candidate"], COMMIT).digest, pushed.digest);
    let store = FaultProxy::start(open.host());
    let proxy = FaultProxy::start(registry.host());
    let elsewhere = format!("http://{}/v2/acme/app/blobs/{}", store.host(), pushed.configs[0]);
    proxy.add(
        Rule::when(|request| {
            request.path.contains("/blobs/") && request.get("authorization").is_some()
        })
        .times(1)
        .answer(307, &[("Location", &elsewhere)], ""),
    );
    let image = image(proxy.host(), "acme/app");
    let client = client(with_login(USER, PASSWORD));
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let inspection = run(client.inspect(&image, &manifest)).unwrap();
    assert_eq!(inspection.missing, []);
    let asked = store.seen();
    assert_eq!(asked.len(), 1, "the redirect was followed");
    assert_eq!(asked[0].get("authorization"), None);

    // A write is not sent elsewhere at all.
    store.forget();
    let target = format!("http://{}/v2/acme/app/manifests/stable", store.host());
    proxy.add(Rule::on("PUT", "/manifests/").answer(307, &[("Location", &target)], ""));
    let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err().to_string();
    assert!(error.contains("307") && error.contains("redirect"), "{error}");
    assert_eq!(store.lines(), Vec::<String>::new());
    assert_eq!(registry.read("acme/app", "stable"), None);
}

#[test]
fn promise_10_server_text_that_quotes_a_secret_is_masked() {
    let registry = OciRegistry::start_with(Auth::Basic);
    registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let echo = format!("who is {} alias {PASSWORD}?", basic(USER, PASSWORD));
    proxy.add(Rule::when(|request| request.get("authorization").is_some()).answer(403, &[], &echo));
    let client = client(with_login(USER, PASSWORD));
    let error = run(client.manifest(&image(proxy.host(), "acme/app"), &by_tag("candidate")));
    let error = error.unwrap_err();
    assert!(matches!(error, RegistryError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("who is Basic *** alias ***?"), "{error}");
    for shown in [error.to_string(), format!("{error:?}"), format!("{client:?}")] {
        assert_no_secret(&shown, PASSWORD);
    }
}

#[test]
fn a_hanging_token_server_ends_in_an_error() {
    let registry = OciRegistry::start_with(Auth::Token);
    let proxy = FaultProxy::start(registry.token_host());
    proxy.add(Rule::on("GET", "/token").fault(crate::harness::fault_proxy::Fault::Hang));
    let front = FaultProxy::start(registry.host());
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"x\"", proxy.host());
    front.add(Rule::on("GET", "/v2/").answer(401, &[("Www-Authenticate", &realm)], ""));
    let mut options =
        Options { hosts: hosts(front.host(), proxy.host()), ..with_login(USER, PASSWORD) };
    options.http.attempt_timeout = Duration::from_millis(50);
    options.http.retry.attempts = 2;
    let error =
        run(client(options).manifest(&image(front.host(), "acme/app"), &by_tag("candidate")));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("in time") && text.contains(proxy.host()), "{text}");
    assert_eq!(proxy.count("GET", "/token"), 2);
}

#[test]
fn github_credentials_are_not_offered_to_other_hosts() {
    let registry = OciRegistry::start_with(Auth::Basic);
    let proxy = FaultProxy::start(registry.host());
    let env_credentials = Credentials {
        github: Some((USER.to_owned(), Secret::new(PASSWORD))),
        ..Credentials::default()
    };
    let client = client(Options { env_credentials, ..options() });
    let error = run(client.manifest(&image(proxy.host(), "acme/app"), &by_tag("candidate")));
    assert!(error.unwrap_err().to_string().contains("no credentials"));
    assert!(proxy.seen().iter().all(|request| request.get("authorization").is_none()));
}

#[test]
fn the_test_registry_itself_refuses_strangers() {
    for auth in [Auth::Basic, Auth::Token] {
        let registry = OciRegistry::start_with(auth);
        let answer = exchange(registry.host(), &Request::new("GET", "/v2/")).unwrap();
        assert_eq!(answer.status, 401, "{auth:?}");
    }
}

#[test]
fn an_identity_token_is_exchanged_by_post() {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let host = proxy.host().to_owned();
    let challenge = format!("Bearer realm=\"http://{host}/oauth2/token\",service=\"s\"");
    proxy.add(
        Rule::when(|request| {
            request.path.starts_with("/v2/") && request.get("authorization").is_none()
        })
        .answer(401, &[("Www-Authenticate", &challenge)], ""),
    );
    let answer = r#"{"access_token":"an-access-token"}"#;
    proxy.add(Rule::on("POST", "/oauth2/token").answer(200, &[], answer));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let config = format!(r#"{{"auths":{{"{host}":{{"identitytoken":"refresh/me"}}}}}}"#);
    std::fs::write(&path, config).unwrap();
    let client = client(Options { docker_config: Some(path), ..options() });
    let found = run(client.digest(&image(&host, "acme/app"), &by_tag("candidate")));
    assert_eq!(found, Ok(Some(pushed.digest)));
    let seen = proxy.seen();
    let post = seen.iter().find(|request| request.method == "POST").expect("an exchange");
    assert_eq!(
        String::from_utf8_lossy(&post.body),
        "grant_type=refresh_token&service=s&client_id=tidegate\
         &scope=repository%3Aacme%2Fapp%3Apull&refresh_token=refresh%2Fme"
    );
    assert_eq!(post.get("authorization"), None);
    assert_eq!(seen.last().unwrap().get("authorization"), Some("Bearer an-access-token"));
}

/// The helper has to be on `PATH`, which belongs to the whole process: the test starts itself
/// again with another one.
#[test]
fn a_credential_helper_is_asked() {
    const HOST: &str = "TIDEGATE_TEST_HOST";
    const FOLDER: &str = "TIDEGATE_TEST_FOLDER";
    if let (Ok(host), Ok(folder)) = (std::env::var(HOST), std::env::var(FOLDER)) {
        let path = std::path::Path::new(&folder).join("config.json");
        let client = client(Options { docker_config: Some(path), ..options() });
        assert!(
            run(client.digest(&image(&host, "acme/app"), &by_tag("candidate"))).unwrap().is_some()
        );
        return;
    }
    let registry = OciRegistry::start_with(Auth::Basic);
    registry.push("acme/app", &["candidate"], COMMIT);
    let folder = tempfile::tempdir().unwrap();
    let (host, path) = (registry.host(), folder.path());
    let config = format!(r#"{{"credHelpers":{{"{host}":"tidegate-test"}}}}"#);
    std::fs::write(path.join("config.json"), config).unwrap();
    let script = path.join("docker-credential-tidegate-test");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\nread host || test -n \"$host\"\ntest \"$1 $host\" = 'get {host}' || exit 1\n\
             echo '{{\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n"
        ),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "registry::auth::a_credential_helper_is_asked"])
        .env(HOST, host)
        .env(FOLDER, path)
        .env("PATH", format!("{}:/usr/bin:/bin", path.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_challenge_of_a_redirect_target_is_not_answered() {
    let registry = OciRegistry::start_with(Auth::Basic);
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let store = FaultProxy::start(registry.host());
    let elsewhere = format!("http://{}/v2/acme/app/blobs/{}", store.host(), pushed.configs[0]);
    proxy.add(
        Rule::when(|request| {
            request.path.contains("/blobs/") && request.get("authorization").is_some()
        })
        .answer(307, &[("Location", &elsewhere)], ""),
    );
    let image = image(proxy.host(), "acme/app");
    let client = client(with_login(USER, PASSWORD));
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let error = run(client.inspect(&image, &manifest)).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert_eq!(store.seen().len(), 1);
    assert_eq!(store.seen()[0].get("authorization"), None);
}
