//! Registries and networks that fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::adapters::registry::RegistryError;
use tidegate::http::HttpError;
use tidegate::model::Digest;

use super::{by_tag, client, image, options, run, tag};
use crate::harness::fault_proxy::{Answer, Fault, FaultProxy, Request, Rule};
use crate::harness::oci_registry::{OciRegistry, Pushed, free_port};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A registry with a candidate, behind a proxy.
fn world() -> (OciRegistry, FaultProxy, Pushed) {
    let registry = OciRegistry::start();
    let pushed = registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    (registry, proxy, pushed)
}

#[test]
fn a_429_with_any_retry_after_is_waited_for_within_the_cap() {
    let (_registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    for odd in [
        "0",
        "1",
        "-5",
        "0.001",
        "3ms",
        "471.29µs",
        "soon",
        "",
        "18446744073709551616",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        proxy.forget();
        let headers = [("Retry-After", odd)];
        proxy.add(Rule::on("GET", "/manifests/").times(2).answer(429, &headers, "slow down"));
        let found = run(client(options()).manifest(&image, &by_tag("candidate"))).unwrap();
        assert_eq!(found.unwrap().digest, pushed.digest, "{odd}");
        assert_eq!(proxy.count("GET", "/manifests/"), 3, "{odd}");
    }
}

#[test]
fn a_429_that_does_not_end_is_an_error_after_a_bounded_number_of_requests() {
    let (registry, proxy, _) = world();
    let image = image(proxy.host(), "acme/app");
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let headers = [("Retry-After", "86400")];
    proxy.add(Rule::on("PUT", "/manifests/").answer(429, &headers, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 471.29ms, allowed: 44000/minute"}]}"#));
    let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err();
    assert!(error.is_transient());
    let text = error.to_string();
    for part in ["429", "TOOMANYREQUESTS", "attempts: 4", "run again later", "acme/app:stable"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(proxy.count("PUT", "/manifests/"), 4);
    assert_eq!(registry.read("acme/app", "stable"), None);
}

#[test]
fn a_5xx_page_is_summarised() {
    let (_registry, proxy, _) = world();
    let page = "<!DOCTYPE html><html><head><title>Unicorn! &middot; 502</title></head><body>\x1b[31m</body></html>";
    let headers = [("Content-Type", "text/html")];
    proxy.add(Rule::on("GET", "/manifests/").answer(502, &headers, page));
    let image = image(proxy.host(), "acme/app");
    let text =
        run(client(options()).manifest(&image, &by_tag("candidate"))).unwrap_err().to_string();
    assert!(text.contains("502") && text.contains("Unicorn!"), "{text}");
    assert!(!text.contains('<') && !text.contains('\x1b'), "{text}");
    assert_eq!(proxy.count("GET", "/manifests/"), 4);
}

#[test]
fn a_5xx_that_ends_is_only_a_delay() {
    let (registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    for status in [500, 502, 503, 504] {
        proxy.forget();
        let stable = format!("stable-{status}");
        for method in ["GET", "HEAD", "PUT"] {
            proxy.add(Rule::on(method, "/manifests/").times(1).answer(status, &[], "<html>oops"));
        }
        let client = client(options());
        run(async {
            let manifest = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
            client.put_tag(&image, &tag(&stable), &manifest).await
        })
        .unwrap();
        assert_eq!(registry.read("acme/app", &stable).unwrap().1, pushed.bytes, "{status}");
    }
}

#[test]
fn forbidden_and_not_found_are_final_and_say_what_to_do() {
    let (registry, proxy, _) = world();
    let image = image(proxy.host(), "acme/app");
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    for (status, body, words) in [
        (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, "write access"),
        (404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no"}]}"#, "created first"),
        (405, "", "does not allow"),
        (409, "", "immutable"),
        (400, r#"{"errors":[{"code":"MANIFEST_INVALID"}]}"#, "child manifests"),
    ] {
        proxy.forget();
        proxy.add(Rule::on("PUT", "/manifests/").answer(status, &[], body));
        let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err();
        assert!(!error.is_transient());
        let text = error.to_string();
        for part in [&status.to_string(), words, "acme/app:stable", proxy.host()] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        assert_eq!(proxy.count("PUT", "/manifests/"), 1, "{status}");
    }
    proxy.forget();
    let limit = "You have exceeded a secondary rate limit.";
    proxy.add(Rule::on("PUT", "/manifests/").times(1).answer(403, &[], limit));
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    assert!(registry.read("acme/app", "stable").is_some());
}

#[test]
fn a_404_that_is_not_a_registrys_is_not_an_absent_image() {
    let (_registry, proxy, _) = world();
    let headers = [("Content-Type", "text/html; charset=utf-8")];
    proxy.add(Rule::on("GET", "/v2/").answer(404, &headers, "<title>Not here</title>"));
    proxy.add(Rule::on("HEAD", "/v2/").answer(404, &headers, ""));
    let image = image(proxy.host(), "acme/app");
    let client = client(options());
    for error in [
        run(client.manifest(&image, &by_tag("candidate"))).unwrap_err(),
        run(client.digest(&image, &by_tag("candidate"))).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("Not here") && text.contains("/v2/"), "{text}");
    }
}

#[test]
fn a_connection_that_is_closed_before_the_request_is_applied() {
    let (registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    for method in ["GET", "PUT", "HEAD"] {
        proxy.add(Rule::on(method, "/manifests/").times(1).fault(Fault::Close));
    }
    let client = client(options());
    run(async {
        let manifest = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
        client.put_tag(&image, &tag("stable"), &manifest).await
    })
    .unwrap();
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, pushed.bytes);
    assert_eq!(proxy.count("PUT", "/manifests/"), 2);
}

#[test]
fn an_answer_that_is_lost_after_the_put_is_settled_by_reading() {
    let (registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    proxy.add(Rule::on("PUT", "/manifests/").fault(Fault::DropAnswer));
    let client = client(options());
    run(async {
        let manifest = client.manifest(&image, &by_tag("candidate")).await?.unwrap();
        client.put_tag(&image, &tag("stable"), &manifest).await
    })
    .unwrap();
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, pushed.bytes);
    assert_eq!(proxy.count("PUT", "/manifests/"), 1, "applied, so not put again");
}

#[test]
fn a_put_that_never_gets_through_is_an_error_and_changes_nothing() {
    let (registry, proxy, _) = world();
    let image = image(proxy.host(), "acme/app");
    proxy.add(Rule::on("PUT", "/manifests/").fault(Fault::Close));
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Transport { source: HttpError::Cut { .. }, .. }),
        "{error}"
    );
    assert!(error.is_transient());
    assert_eq!(proxy.count("PUT", "/manifests/"), 4);
    assert_eq!(registry.read("acme/app", "stable"), None);
}

#[test]
fn a_body_that_is_cut_is_read_again_and_never_taken_for_a_manifest() {
    let (_registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    proxy.add(Rule::on("GET", "/manifests/").times(2).fault(Fault::CutBody(40)));
    let found = run(client(options()).manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    assert_eq!(found.digest, pushed.digest);
    proxy.forget();
    proxy.add(Rule::on("GET", "/manifests/").fault(Fault::CutBody(40)));
    let error = run(client(options()).manifest(&image, &by_tag("candidate"))).unwrap_err();
    assert!(matches!(error, RegistryError::Transport { .. }), "{error}");
}

#[test]
fn promise_1_content_that_is_not_what_its_digest_says_is_refused() {
    let (registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    let lie = Digest::of(b"something else").to_string();
    let claimed = lie.clone();
    proxy.add(
        Rule::on("GET", "/manifests/candidate")
            .edit(move |answer| answer.set("Docker-Content-Digest", &claimed)),
    );
    proxy.add(Rule::on("GET", "/manifests/sha256:").edit(|answer| answer.body.push(b' ')));
    proxy.add(Rule::on("GET", "/blobs/sha256:").edit(|answer| answer.body.push(b' ')));
    let client = client(options());
    let error = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    assert!(
        error.to_string().contains(&lie) && error.to_string().contains("Docker-Content-Digest")
    );
    let error = run(client.manifest(&image, &pushed.digest.clone().into())).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let error = run(client.wait_for(&image, &pushed.digest)).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    drop(registry);
}

#[test]
fn promise_1_a_tag_that_reads_back_differently_is_an_error() {
    let (_registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    let mut options = options();
    options.patience = Duration::from_millis(60);
    let client = client(options);
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    let other = Digest::of(b"somebody else's");
    let header = other.to_string();
    proxy.add(
        Rule::on("HEAD", "/manifests/stable")
            .edit(move |answer| answer.set("Docker-Content-Digest", &header)),
    );
    let error = run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap_err();
    let RegistryError::ReadBack { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((expected, found.as_ref()), (&pushed.digest, Some(&other)));
    assert!(proxy.count("HEAD", "/manifests/stable") > 1, "the registry was given time");
}

#[test]
fn a_registry_that_shows_late_what_it_accepted_is_given_time() {
    let (_registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let late = || Fault::Answer(Answer::new(404, &[("Content-Type", "application/json")], unknown));
    proxy.add(Rule::on("HEAD", "/manifests/stable").times(3).fault(late()));
    proxy.add(Rule::on("GET", "/manifests/sha256:").times(3).fault(late()));
    let client = client(options());
    let manifest = run(client.wait_for(&image, &pushed.digest)).unwrap();
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    assert_eq!(proxy.count("PUT", "/manifests/"), 1);
    assert_eq!(proxy.count("HEAD", "/manifests/stable"), 4);
}

#[test]
fn a_registry_without_digest_headers_is_read_by_content() {
    let (_registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    proxy.add(Rule::when(|_| true).edit(|answer| {
        answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("docker-content-digest"));
    }));
    let client = client(options());
    assert_eq!(run(client.digest(&image, &by_tag("candidate"))), Ok(Some(pushed.digest)));
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
}

#[test]
fn a_registry_that_hangs_or_is_gone_ends_in_an_error() {
    let (_registry, proxy, _) = world();
    proxy.add(Rule::when(|_| true).fault(Fault::Hang));
    let mut options = options();
    options.http.attempt_timeout = Duration::from_millis(50);
    options.http.retry.attempts = 2;
    let hanging = image(proxy.host(), "acme/app");
    let error = run(client(options.clone()).manifest(&hanging, &by_tag("candidate"))).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Transport { source: HttpError::TimedOut { .. }, .. }),
        "{error}"
    );
    assert_eq!(proxy.count("GET", "/manifests/"), 2);

    let host = format!("127.0.0.1:{}", free_port());
    let error = run(client(options).manifest(&image(&host, "acme/app"), &by_tag("candidate")));
    let error = error.unwrap_err();
    assert!(
        matches!(&error, RegistryError::Transport { source: HttpError::Connect { .. }, .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&host), "{error}");
}

#[test]
fn answers_that_are_too_large_or_no_manifest_are_refused() {
    let (_registry, proxy, _) = world();
    let image = image(proxy.host(), "acme/app");
    let client = client(options());
    let huge = format!("{{\"manifests\":[]{}}}", " ".repeat(4 * 1024 * 1024));
    let oci = [("Content-Type", tidegate::adapters::registry::OCI_INDEX)];
    for (headers, body, words) in [
        (&oci, huge.as_str(), "larger than"),
        (&oci, "{\"manifests\":", "not valid JSON"),
        (&[("Content-Type", "text/html")], "<html>Please log in</html>", "text/html"),
    ] {
        proxy.forget();
        proxy.add(Rule::on("GET", "/manifests/").answer(200, headers, body));
        let text = run(client.manifest(&image, &by_tag("candidate"))).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("acme/app:candidate"), "{text}");
    }
}

#[test]
fn the_second_of_two_tags_can_be_refused_while_the_first_stands() {
    let (registry, proxy, pushed) = world();
    let image = image(proxy.host(), "acme/app");
    proxy.add(Rule::on("PUT", "/manifests/latest").answer(403, &[], "denied"));
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    let error = run(client.put_tag(&image, &tag("latest"), &manifest)).unwrap_err();
    assert!(error.to_string().contains("acme/app:latest"), "{error}");
    assert_eq!(registry.read("acme/app", "stable").unwrap().1, pushed.bytes);
    assert_eq!(registry.read("acme/app", "latest"), None);
}

#[test]
fn the_proxy_acts_at_the_chosen_moment() {
    let registry = Arc::new(OciRegistry::start());
    registry.push("acme/app", &["candidate"], COMMIT);
    let proxy = FaultProxy::start(registry.host());
    let image = image(proxy.host(), "acme/app");
    let moments = Arc::new(Mutex::new(Vec::new()));
    let note = |moment: &'static str| {
        let (registry, moments) = (Arc::clone(&registry), Arc::clone(&moments));
        move |request: &Request| {
            let there = registry.read("acme/app", "stable").is_some();
            moments.lock().unwrap().push((request.number, moment, there));
        }
    };
    // The first request reads the candidate.
    proxy.add(Rule::number(2).before(note("before")).after(note("after")));
    proxy.add(Rule::on("HEAD", "/manifests/").skip(1).before(note("second reading")));
    let client = client(options());
    let manifest = run(client.manifest(&image, &by_tag("candidate"))).unwrap().unwrap();
    run(client.put_tag(&image, &tag("stable"), &manifest)).unwrap();
    run(client.put_tag(&image, &tag("latest"), &manifest)).unwrap();
    let expected = [(2, "before", false), (2, "after", true), (5, "second reading", true)];
    assert_eq!(*moments.lock().unwrap(), expected);
}
