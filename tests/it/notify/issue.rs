//! The issue on GitHub.

use super::{notices, world};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::github::{GitHub, TOKEN};
use crate::promises::release_world::{Gate, World};

/// A gate in Actions with a token.
fn with_token<'a>(gate: Gate<'a>, api: &str) -> Gate<'a> {
    gate.env("GITHUB_TOKEN", TOKEN)
        .env("GITHUB_API_URL", api)
        .env("GITHUB_SERVER_URL", "https://github.com")
}

/// A world on GitHub with a release and a commit above it that fails.
fn broken(configuration: &str, subject: &str) -> (World, GitHub, String) {
    let world = world(configuration);
    let github = GitHub::start();
    github.knows(&world.git.path("app"));
    world.released("Good", "print('good')\n");
    let bad = world.commit(subject, &[("app.py", "print('bad')\n")]);
    (world, github, bad)
}

#[test]
fn a_rollback_opens_one_issue_and_the_promotion_closes_it() {
    let (world, github, bad) = broken("", "Bad");
    let url = github.url();
    with_token(world.gate(&bad).failed(), &url).run().code(3).says("told GitHub issue");
    let issues = github.issues();
    assert_eq!(issues.len(), 1, "{issues:?}");
    let body = issues[0].body.clone().unwrap();
    assert_eq!(issues[0].labels, ["tidegate"]);
    assert!(issues[0].title.starts_with("Rolled back main"), "{}", issues[0].title);
    assert!(body.starts_with("<!-- tidegate:rollback:main -->\n"), "{body}");
    for part in [
        &bad[..7],
        "tidegate rollback --undo",
        "[tests](https://github.com/acme/app/actions/runs/",
        "### Affected commits",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains(", @"), "{body}");
    // A second rollback is told in the same issue.
    let again = world.commit("Bad again", &[("app.py", "print('worse')\n")]);
    with_token(world.gate(&again).failed(), &url).run().code(3);
    let issues = github.issues();
    assert_eq!(issues.len(), 1);
    let body = issues[0].body.clone().unwrap();
    assert!(body.contains(&again[..7]) && body.contains("### Before that"), "{body}");
    // What supersedes it closes it.
    let (mended, image) = world.candidate("Mended", "print('mended')\n");
    with_token(world.gate(&mended).passed(&image), &url).run().code(0);
    let issues = github.issues();
    assert_eq!((issues.len(), issues[0].state.as_str()), (1, "closed"));
    assert!(issues[0].body.as_ref().unwrap().contains("Closed by tidegate"));
    assert!(notices(&world.bare()).iter().all(|notice| notice["issue"]["open"] != true));
    // And the next promotion has nothing to close.
    let before = github.seen().len();
    let (next, image) = world.candidate("Next", "print('next')\n");
    with_token(world.gate(&next).passed(&image), &url).run().code(0);
    let asked: Vec<String> =
        github.seen()[before..].iter().map(|seen| format!("{seen:?}")).collect();
    assert!(!asked.iter().any(|seen| seen.contains("issues")), "{asked:?}");
}

#[test]
fn a_lost_answer_opens_no_second_issue() {
    for fault in [Fault::DropAnswer, Fault::CutBody(10)] {
        let (world, github, bad) = broken("", "Bad");
        let proxy = FaultProxy::start(&github.host());
        proxy.add(Rule::on("POST", "/issues").times(1).fault(fault));
        let url = github.url_through(proxy.host());
        with_token(world.gate(&bad).failed(), &url).run().code(3);
        assert_eq!(github.issues().len(), 1);
        world
            .by_hand(&["repair"])
            .env("TIDEGATE_GITHUB_API_URL", &url)
            .env("TIDEGATE_TOKEN", TOKEN)
            .env("GITHUB_REPOSITORY", "acme/app")
            .run()
            .code(0);
        assert_eq!(github.issues().len(), 1);
    }
}

#[test]
fn an_issue_of_a_stranger_is_not_used() {
    let (world, github, bad) = broken("", "Bad");
    let marker = "<!-- tidegate:rollback:main -->\n";
    github.issue("mallory", "Mine", marker, &[]);
    // With the label, but quoting the marker somewhere.
    github.issue("octocat", "Other", &format!("see {marker}"), &["tidegate"]);
    with_token(world.gate(&bad).failed(), &github.url()).run().code(3);
    let issues = github.issues();
    assert_eq!(issues.len(), 3);
    assert_eq!(issues[0].title, "Mine");
    assert_eq!(issues[1].title, "Other");
}

#[test]
fn a_token_that_may_not_open_issues_is_a_warning() {
    let (world, github, bad) = broken("", "Bad");
    github.permit("issues", "none");
    let url = github.url();
    with_token(world.gate(&bad).failed(), &url).run().code(3).says("issues: write");
    github.permit("issues", "write");
    let (mended, image) = world.candidate("Mended", "print('mended')\n");
    with_token(world.gate(&mended).passed(&image), &url).run().code(0);
    // Told late, and closed at once.
    let issues = github.issues();
    assert_eq!(issues.len(), 1);
}

#[test]
fn a_rollback_that_a_promotion_has_superseded_opens_no_issue_any_more() {
    let (world, github, bad) = broken("", "Bad");
    github.permit("issues", "read");
    let url = github.url();
    with_token(world.gate(&bad).failed(), &url).run().code(3).says("issues: write");
    let (mended, image) = world.candidate("Mended", "print('mended')\n");
    with_token(world.gate(&mended).passed(&image), &url).run().code(0);
    github.permit("issues", "write");
    // Another run of the same commit: no promotion would close what it opens.
    with_token(world.gate(&mended).passed(&image).run_id(17, 2), &url).run().code(0);
    assert_eq!(github.issues().len(), 0, "{:?}", github.issues());
}

#[test]
fn nobody_is_asked_where_issues_are_not_wanted() {
    let (world, github, bad) = broken("notify: { github_issue: false }\n", "Bad");
    with_token(world.gate(&bad).failed(), &github.url()).run().code(3);
    assert_eq!(github.issues().len(), 0);
    assert_eq!(notices(&world.bare()).len(), 0);
}

#[test]
fn authors_are_mentioned_only_where_that_is_wanted() {
    for (wanted, expected) in [("true", true), ("false", false)] {
        let (world, github, bad) = broken(&format!("notify: {{ mention: {wanted} }}\n"), "Bad");
        let email = world.dev.git(&["log", "-1", "--format=%ae", &bad]);
        github.account(email.trim(), "octocat");
        with_token(world.gate(&bad).failed(), &github.url()).run().code(3);
        let body = github.issues()[0].body.clone().unwrap();
        assert_eq!(body.contains("@octocat"), expected, "{body}");
    }
}

#[test]
fn hostile_texts_reach_the_issue_as_text() {
    let subject = "@everyone fixes #1 [skip ci] <img src=x> `--> <!-- tidegate:rollback:evil -->\n";
    let (world, github, bad) = broken("", subject);
    let _ = (&world, &github, &bad);
    with_token(world.gate(&bad).failed(), &github.url()).run();
    let body = github.issues()[0].body.clone().unwrap();
    for part in ["@everyone", "#1 ", "[skip ci]", "<img", "<!-- tidegate:rollback:evil"] {
        assert!(!body.contains(part), "{part} in {body}");
    }
}
