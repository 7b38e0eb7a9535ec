//! What GitHub says about rulesets, protection, settings and tokens.

use serde_json::Value;

use super::{CONFIG, CONFIG_TEXT, GATE, GATE_TEXT, doctor, finding, ids, right, unchecked};
use crate::harness::github::{GitHub, TOKEN};
use crate::harness::project::Project;
use crate::harness::tidegate::{Run, Tidegate};

/// On a laptop, with a token.
fn by_hand(project: &Project, github: &GitHub) -> Tidegate {
    doctor(project)
        .env("TIDEGATE_GITHUB_API_URL", github.url())
        .env("GITHUB_REPOSITORY", "acme/app")
        .env("TIDEGATE_TOKEN", TOKEN)
}

/// In a workflow, with its token.
fn in_actions(project: &Project, github: &GitHub) -> Tidegate {
    doctor(project).envs(github.envs(&project.dev.head()))
}

fn start(project: &Project) -> GitHub {
    let github = GitHub::start();
    github.knows(project.bare());
    github
}

#[track_caller]
fn breaks(run: &Run, id: &str) -> (Value, String) {
    let found = finding(run, id);
    (found["severity"].clone(), found["breaks"].as_str().unwrap().to_owned())
}

#[test]
fn a_ruleset_is_named_with_what_it_breaks_for_each_branch() {
    let project = right();
    let github = start(&project);
    github.ruleset("Reviews", &["main"], &["pull_request", "non_fast_forward"], Some("never"));
    let run = in_actions(&project, &github).run().code(0);
    let (severity, what) = breaks(&run, "main-protected");
    assert_eq!(severity, "warning");
    assert!(what.contains("pull request") && what.contains("entry waits"), "{what}");
    let problem = finding(&run, "main-protected")["problem"].clone();
    assert!(problem.as_str().unwrap().contains("rule pull_request of ruleset \"Reviews\""));
    // A rollback that becomes a pull request is as it was meant, where the ledger is elsewhere.
    project.remote_git(&["branch", "books", "main"]);
    project.dev.write(CONFIG, format!("{CONFIG_TEXT}ledger: {{ branch: books }}\n"));
    let run = in_actions(&project, &github).run().code(0);
    assert_eq!(breaks(&run, "main-protected").0, "note");
    let never = CONFIG_TEXT.replace("retries: 1", "retries: 1, pull_request: never");
    project.dev.write(CONFIG, never);
    let run = in_actions(&project, &github).run().code(10);
    assert!(breaks(&run, "main-protected").1.contains("refused"), "{}", run.stdout);
    project.dev.write(CONFIG, CONFIG_TEXT);

    // Whoever may pass the rules has no trouble with them.
    github.world().settings.rulesets[0].bypass = Some("always".to_owned());
    assert_eq!(ids(&in_actions(&project, &github).run().code(0)), Vec::<String>::new());

    github.world().settings.rulesets.clear();
    github.ruleset("All", &["stable", "tidegate"], &["update"], None);
    let run = in_actions(&project, &github).run().code(10);
    assert_eq!(ids(&run), ["stable-protected", "state-protected"], "{}", run.stdout);
    // On a laptop somebody else asks than the gate.
    let run = by_hand(&project, &github).run().code(0);
    assert_eq!(ids(&run), ["stable-protected", "state-protected"], "{}", run.stdout);

    github.world().settings.rulesets.clear();
    github.ruleset("Books", &["books"], &["required_signatures"], None);
    assert_eq!(ids(&in_actions(&project, &github).run().code(0)), Vec::<String>::new());
    project.dev.write(CONFIG, format!("{CONFIG_TEXT}ledger: {{ branch: books }}\n"));
    let run = in_actions(&project, &github).run().code(0);
    assert!(ids(&run).contains(&"ledger-protected".to_owned()), "{}", run.stdout);
    // That stable cannot be made matters while it is not there.
    project.dev.write(CONFIG, CONFIG_TEXT);
    github.world().settings.rulesets.clear();
    github.ruleset("Names", &["stable"], &["creation", "deletion"], Some("never"));
    assert_eq!(ids(&in_actions(&project, &github).run().code(0)), Vec::<String>::new());
    project.remote_git(&["update-ref", "-d", "refs/heads/stable"]);
    let run = in_actions(&project, &github).run().code(10);
    assert!(ids(&run).contains(&"stable-protected".to_owned()), "{}", run.stdout);
}

#[test]
fn classic_protection_is_read_as_far_as_anybody_may() {
    let project = right();
    let github = start(&project);
    let set_checks = |checks: &[&str]| {
        let checks = checks.iter().map(|name| (*name).to_owned()).collect();
        github.world().settings.classic.insert("main".to_owned(), checks)
    };
    set_checks(&["build"]);
    let run = in_actions(&project, &github).run().code(0);
    assert!(finding(&run, "main-protected")["problem"].as_str().unwrap().contains("build"));
    set_checks(&[]);
    let run = in_actions(&project, &github).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    let unchecked = unchecked(&run).join("\n");
    assert!(unchecked.contains("classic protection of branch main"), "{unchecked}");
}

#[test]
fn what_only_administrators_may_read_is_judged_where_it_is_shown() {
    let project = right();
    let github = start(&project);
    let run = by_hand(&project, &github).run().code(0);
    assert_eq!(unchecked(&run).len(), 1, "{:?}", unchecked(&run));

    github.permit("administration", "read");
    let run = by_hand(&project, &github).run().code(0);
    assert_eq!((ids(&run), unchecked(&run)), (Vec::new(), Vec::new()), "{}", run.stdout);

    github.world().settings.squash_message = Some("COMMIT_MESSAGES".to_owned());
    github.world().settings.writes_by_default = true;
    let run = by_hand(&project, &github).run().code(0);
    assert_eq!(ids(&run), ["squash-template", "token-writes-by-default"], "{}", run.stdout);
    github.world().settings.squash_message = Some("PR_BODY".to_owned());
    github.world().settings.writes_by_default = false;

    // Whether Actions may open pull requests matters where a rollback has to become one.
    github.world().actions_may_open_pulls = false;
    assert_eq!(ids(&by_hand(&project, &github).run().code(0)), Vec::<String>::new());
    github.ruleset("Reviews", &["main"], &["pull_request"], Some("never"));
    let run = by_hand(&project, &github).run().code(0);
    assert_eq!(ids(&run), ["main-protected", "actions-open-no-pulls"], "{}", run.stdout);
    github.world().settings.rulesets.clear();

    let bare = GATE_TEXT.replace("\npermissions: {}\n", "\n");
    let at = bare.rfind("    permissions:\n").unwrap();
    let end = at + bare[at..].find("    steps:").unwrap();
    project.dev.write(GATE, format!("{}{}", &bare[..at], &bare[end..]));
    let run = by_hand(&project, &github).run().code(10);
    assert_eq!(finding(&run, "token-reads-by-default")["severity"], "error");
}

#[test]
fn a_token_that_may_not_change_workflows_is_named_where_rollbacks_shall() {
    let project = right();
    let github = start(&project);
    assert_eq!(ids(&in_actions(&project, &github).run().code(0)), Vec::<String>::new());
    let restore = CONFIG_TEXT.replace("retries: 1", "retries: 1, workflows: restore");
    project.dev.write(CONFIG, restore);
    let run = in_actions(&project, &github).run().code(10);
    assert_eq!(ids(&run), ["workflow-files"], "{}", run.stdout);
    // What another token may, it does not say; a classic one tells its scopes.
    assert_eq!(ids(&by_hand(&project, &github).run().code(0)), Vec::<String>::new());
    github.world().settings.scopes = Some("repo, read:org".to_owned());
    let run = by_hand(&project, &github).run().code(0);
    assert!(finding(&run, "workflow-files")["problem"].as_str().unwrap().contains("scope"));
    github.world().settings.scopes = Some("repo, workflow".to_owned());
    assert_eq!(ids(&by_hand(&project, &github).run().code(0)), Vec::<String>::new());
}

#[test]
fn an_archived_repository_is_an_error() {
    let project = right();
    let github = start(&project);
    github.world().settings.archived = true;
    let run = by_hand(&project, &github).run().code(10);
    assert_eq!(finding(&run, "repository-archived")["severity"], "error");
}
