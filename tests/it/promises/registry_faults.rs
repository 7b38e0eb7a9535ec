//! A registry that refuses, limits, fails, hangs, lies or cuts the connection: before the commit
//! point nothing that users see has changed, after it the release stands and says what is pending.

use super::release_world::{Finished, REPOSITORY, World};
use crate::harness::fault_proxy::{Answer, Fault, Rule};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, Pushed, USER};

/// A release and a candidate above it.
struct Scene {
    world: World,
    first: (String, Pushed),
    second: (String, Pushed),
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let first = world.released("Add the page", "print(1)\n");
        let second = world.candidate("Change the page", "print(2)\n");
        Self { world, first, second }
    }

    fn gate(&self) -> Finished {
        self.world.gate(&self.second.0).passed(&self.second.1).run()
    }

    /// The gate ends with this code, names image and endpoint, and users see nothing new.
    #[track_caller]
    fn fails_before_the_record(&self, code: i32) -> Finished {
        let before = self.world.seen_by_users();
        let finished = self.gate().code(code);
        assert_eq!(self.world.seen_by_users(), before);
        assert_eq!(self.world.bare().newest_number(), 1);
        self.world.assert_live(1, &self.first.0, &self.first.1);
        finished.says(&self.world.image(REPOSITORY))
    }

    /// The gate records the release, names what is pending, and the next run completes it.
    #[track_caller]
    fn is_pending_then_completed(&self, code: i32) {
        let finished = self.gate().code(code).says("pending").says("The release stands");
        finished.says(&self.world.image(REPOSITORY));
        assert_eq!(self.world.bare().newest_number(), 2);
        self.world.registry_proxy.forget();
        self.next_run_is_done();
    }

    #[track_caller]
    fn next_run_is_done(&self) {
        self.world.gate(&self.second.0).attempt(2).passed(&self.second.1).run().code(0);
        self.world.assert_live(2, &self.second.0, &self.second.1);
        assert!(self.world.bare().ledger_names(&self.second.0));
    }

    fn rule(&self, rule: Rule) {
        self.world.registry_proxy.add(rule);
    }
}

/// What a registry answers that wants to know who is there.
const BASIC: [(&str, &str); 1] = [("WWW-Authenticate", "Basic realm=\"registry\"")];

const HTML: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

#[test]
fn a_candidate_that_may_not_be_read_holds() {
    for (status, says) in [(401, "401 unauthorized"), (403, "403 forbidden")] {
        let scene = Scene::new();
        let path = format!("/manifests/{}", scene.second.1.digest);
        let rule = Rule::when(move |request| request.path.ends_with(&path));
        scene.rule(rule.answer(status, &BASIC, r#"{"errors":[{"code":"DENIED"}]}"#));
        scene.fails_before_the_record(4).says(says);
        scene.world.registry_proxy.forget();
        scene.next_run_is_done();
    }
}

#[test]
fn a_registry_that_cannot_be_written_to_stops_before_the_record() {
    for (status, code, says) in [
        (401, 9, "401 unauthorized"),
        (403, 9, "403 forbidden"),
        (404, 9, "404 not found"),
        (405, 9, "405"),
    ] {
        let scene = Scene::new();
        scene.rule(Rule::on("PUT", "/manifests/").answer(status, &BASIC, "{}"));
        let finished = scene.gate();
        assert_eq!(scene.world.bare().newest_number(), 1, "{status}");
        scene.world.assert_live(1, &scene.first.0, &scene.first.1);
        finished.code(code).says(says).says(&scene.world.image(REPOSITORY));
    }
}

#[test]
fn a_limited_registry_is_asked_again_and_its_odd_retry_after_is_not_taken_literally() {
    for (name, value) in [
        ("Retry-After", "0.3"),
        ("Retry-After", "-5"),
        ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("X-Other", "nothing said"),
    ] {
        let scene = Scene::new();
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 41.5ms"}]}"#;
        scene.rule(Rule::on("PUT", "/manifests/stable").times(1).answer(
            429,
            &[(name, value)],
            body,
        ));
        scene.gate().code(0);
        scene.world.assert_live(2, &scene.second.0, &scene.second.1);
    }
}

#[test]
fn a_registry_that_stays_limited_leaves_the_tag_pending() {
    let scene = Scene::new();
    let headers = [("Retry-After", "99999999999999999999")];
    scene.rule(Rule::on("PUT", "/manifests/latest").answer(429, &headers, "{}"));
    scene.is_pending_then_completed(8);
}

#[test]
fn a_page_of_a_failing_proxy_is_no_answer_of_a_registry() {
    let scene = Scene::new();
    let html = [("Content-Type", "text/html")];
    let path = format!("/manifests/{}", scene.second.1.digest);
    scene.rule(Rule::when(move |r| r.path.ends_with(&path)).answer(502, &html, HTML));
    let finished = scene.fails_before_the_record(4).says("502");
    assert!(!finished.stderr.contains("<html>") && !finished.stdout.contains("<html>"));
}

#[test]
fn a_failing_registry_after_the_record_is_pending() {
    let scene = Scene::new();
    scene.rule(Rule::on("PUT", "/manifests/stable").answer(500, &[], HTML));
    scene.is_pending_then_completed(8);
}

/// The registry has taken the first tag, then git is gone: nobody can say whether this release is
/// still the newest, so nothing more is moved, and the release stands.
#[test]
fn a_remote_that_is_gone_after_the_record_leaves_the_rest_pending() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let scene = Scene::new();
    let gone = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&gone);
    let after = move |_: &_| tell.store(true, Ordering::SeqCst);
    scene.rule(Rule::on("PUT", "/manifests/stable").times(1).after(after));
    let ask = Arc::clone(&gone);
    let rule = Rule::when(move |_| ask.load(Ordering::SeqCst)).fault(Fault::Close);
    scene.world.git_proxy.add(rule);
    scene.gate().code(8).says("pending").says("The release stands");
    assert_eq!(scene.world.bare().newest_number(), 2);
    scene.world.git_proxy.forget();
    scene.next_run_is_done();
}

#[test]
fn a_put_that_was_cut_before_it_was_applied_is_sent_again() {
    let scene = Scene::new();
    scene.rule(Rule::on("PUT", "/manifests/stable").times(1).fault(Fault::Close));
    scene.gate().code(0);
    scene.world.assert_live(2, &scene.second.0, &scene.second.1);
}

#[test]
fn a_put_whose_answer_was_lost_is_read_back_and_not_sent_again() {
    let scene = Scene::new();
    scene.rule(Rule::on("PUT", "/manifests/stable").times(1).fault(Fault::DropAnswer));
    let before = scene.world.registry_proxy.count("PUT", "/manifests/stable");
    scene.gate().code(0);
    let after = scene.world.registry_proxy.count("PUT", "/manifests/stable");
    assert_eq!(after - before, 1);
    scene.world.assert_live(2, &scene.second.0, &scene.second.1);
}

#[test]
fn a_registry_that_hangs_is_given_up() {
    let scene = Scene::new();
    scene.rule(Rule::on("PUT", "/manifests/latest").fault(Fault::Hang));
    let finished = scene.gate().code(8).says("pending").says("in time");
    drop(finished);
    scene.world.registry_proxy.forget();
    scene.next_run_is_done();

    let scene = Scene::new();
    let path = format!("/manifests/{}", scene.second.1.digest);
    scene.rule(Rule::when(move |request| request.path.ends_with(&path)).fault(Fault::Hang));
    scene.fails_before_the_record(4).says("in time");
}

#[test]
fn a_registry_that_is_gone_changes_nothing() {
    let scene = Scene::new();
    scene.rule(Rule::when(|_| true).fault(Fault::Close));
    scene.fails_before_the_record(4);
}

#[test]
fn bytes_that_are_not_what_their_digest_says_are_not_promoted() {
    let scene = Scene::new();
    let path = format!("/manifests/{}", scene.second.1.digest);
    let forged = |answer: &mut Answer| answer.body.extend_from_slice(b" ");
    scene.rule(Rule::when(move |r| r.method == "GET" && r.path.ends_with(&path)).edit(forged));
    let digest = scene.second.1.digest.to_string();
    scene.fails_before_the_record(4).says(&digest).says("but the content is");
}

#[test]
fn an_answer_that_is_cut_in_the_middle_is_not_promoted() {
    let scene = Scene::new();
    let path = format!("/manifests/{}", scene.second.1.digest);
    let rule = Rule::when(move |r| r.method == "GET" && r.path.ends_with(&path));
    scene.rule(rule.fault(Fault::CutBody(40)));
    scene.fails_before_the_record(4);
}

/// The put is answered, but the tag goes on naming something else: a broken cache, or a race.
#[test]
fn a_tag_that_reads_otherwise_after_its_put_is_pending() {
    let scene = Scene::new();
    scene.rule(Rule::on("PUT", "/manifests/latest").answer(201, &[], ""));
    scene.gate().code(12).says("pending").says("it reads");
    scene.world.registry_proxy.forget();
    scene.next_run_is_done();
}

fn with_login(world: &World, commit: &str, image: &Pushed) -> Finished {
    world
        .gate(commit)
        .passed(image)
        .env("TIDEGATE_REGISTRY_USER", USER)
        .env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
        .run()
}

#[test]
fn credentials_of_the_environment_reach_the_registry_and_no_output() {
    let world = World::around(OciRegistry::start_with(Auth::Basic), &[REPOSITORY], "");
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    world
        .gate(&commit)
        .passed(&image)
        .run()
        .code(4)
        .says("401 unauthorized")
        .says("no credentials");
    let finished = with_login(&world, &commit, &image).code(0);
    // Telling the runner what to mask is the one place where it has to stand.
    let shown = finished.stdout.lines().chain(finished.stderr.lines());
    let told: Vec<&str> = shown.filter(|line| line.contains(PASSWORD)).collect();
    assert!(told.iter().all(|line| line.starts_with("::add-mask::")), "{told:?}");
    world.assert_live(1, &commit, &image);
    assert!(!world.view().contains(PASSWORD));
}

#[test]
fn a_realm_on_another_host_gets_no_credentials() {
    let world = World::around(OciRegistry::start_with(Auth::Basic), &[REPOSITORY], "");
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let stranger = crate::harness::fault_proxy::FaultProxy::start(world.registry.host());
    let challenge = format!(r#"Bearer realm="http://{}/token",service="x""#, stranger.host());
    let edit = move |answer: &mut Answer| {
        if answer.status == 401 {
            answer.set("WWW-Authenticate", &challenge);
        }
    };
    world.registry_proxy.add(Rule::when(|_| true).edit(edit));
    let before = world.fingerprint();
    with_login(&world, &commit, &image).code(4).says("token_host");
    assert!(stranger.seen().is_empty(), "{:?}", stranger.lines());
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_location_on_another_host_gets_no_credentials() {
    let world = World::around(OciRegistry::start_with(Auth::Basic), &[REPOSITORY], "");
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let stranger = crate::harness::fault_proxy::FaultProxy::start(world.registry.host());
    let place = format!("http://{}/elsewhere", stranger.host());
    let rule =
        Rule::when(|r| r.path.contains("/manifests/sha256:") && r.get("authorization").is_some());
    world.registry_proxy.add(rule.answer(307, &[("Location", &place)], ""));
    let before = world.fingerprint();
    with_login(&world, &commit, &image).code(4);
    assert!(stranger.seen().iter().all(|request| request.get("authorization").is_none()));
    assert_eq!(world.fingerprint(), before);
}
