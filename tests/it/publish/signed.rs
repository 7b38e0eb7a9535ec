//! The signed URL that is handed out.

use std::os::unix::fs::PermissionsExt as _;

use super::command::Team;
use super::shelf::{Kind, LAYER};
use crate::harness::repo::Repo;

const SIGNED: &str = "      signed_url: { valid_days: 365, write_to: url.txt, secret: DATA_URL }\n";

fn team() -> Team {
    let team = Team::on(Kind::Azure);
    team.configure(SIGNED);
    team
}

#[test]
fn one_url_is_handed_out_and_stays() {
    let team = team();
    let first = team.sync(&[], 0);
    assert_eq!(first["signed_url"]["covers"], "container", "{first}");
    assert_eq!(first["proof"]["through"], "signed_url");
    let file = team.root.join("url.txt");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let url = std::fs::read_to_string(&file).unwrap();
    let line = std::fs::read_to_string(team.root.join("url.toml")).unwrap();
    assert_eq!(line, format!("DATA_URL = \"{}\"\n", url.trim()));
    let signature = url.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(!first.to_string().contains(&signature));

    team.fill(4);
    let second = team.sync(&[], 0);
    assert_eq!(
        (&second["outcome"], &second["signed_url"]["renewed"]),
        (&"published".into(), &false.into())
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), url);

    // The key was changed, or the policy withdrawn: the store refuses what was handed out.
    std::fs::write(
        &file,
        url.replace(&signature, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"),
    )
    .unwrap();
    let renewed = team.sync(&[], 0);
    assert_eq!(renewed["signed_url"]["renewed"], true, "{renewed}");
    assert!(renewed["warnings"].to_string().contains("paste it"), "{renewed}");
    let status = team.run(&["sync", "--layer", "status"]).success().stdout;
    assert!(status.contains("the signed URL is valid until"), "{status}");
}

#[test]
fn git_never_gets_the_url() {
    let team = team();
    let repo = Repo::init();
    let into = |name: &str| repo.path().join(name);
    std::fs::create_dir_all(into(".github")).unwrap();
    std::fs::create_dir_all(into("data")).unwrap();
    std::fs::copy(team.root.join(".github/tidegate.yml"), into(".github/tidegate.yml")).unwrap();
    std::fs::copy(team.database(), into("data/analytics.db")).unwrap();
    let sync = |code: i32| {
        let run =
            team.tidegate(&["sync", "--layer", LAYER, "--json"]).current_dir(repo.path()).run();
        run.code(code)
    };
    let shown = sync(0).json();
    let notes = shown["database"]["signed_url"]["notes"].to_string();
    assert!(notes.contains("url.txt is not in .gitignore"), "{notes}");
    assert!(into("url.txt").exists() && !into("url.toml").exists());
    repo.commit("Keep secrets out", &[(".gitignore", "url.*\n")]);
    sync(0);
    assert!(into("url.toml").exists());
    repo.commit("Take it in by force", &[(".gitignore", ""), ("url.txt", "x")]);
    let refused = sync(6);
    assert!(refused.stderr.contains("git rm --cached"), "{}", refused.stderr);
}

#[test]
fn the_runner_hides_it_before_anything_is_shown() {
    let team = team();
    let output = team.root.join("outputs");
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
        ("GITHUB_REF", "refs/heads/main"),
    ];
    let run = team.tidegate(&["sync", "--layer", LAYER]).envs(variables).run().success();
    let url = std::fs::read_to_string(team.root.join("url.txt")).unwrap();
    let url = url.trim();
    let signature = url.split("sig=").nth(1).unwrap().split('&').next().unwrap();
    let masks: Vec<&str> =
        run.stdout.lines().filter(|line| line.starts_with("::add-mask::")).collect();
    let masked =
        |text: &str| masks.contains(&format!("::add-mask::{}", text.replace('%', "%25")).as_str());
    assert!(masked(url) && masked(signature), "the URL or its signature is not masked");
    for line in run.stdout.lines().chain(run.stderr.lines()) {
        assert!(
            line.starts_with("::add-mask::") || !line.contains(signature),
            "a signature is shown"
        );
    }
    let candidate = team
        .tidegate(&["sync", "--layer", LAYER, "--candidate"])
        .envs(variables)
        .env("GITHUB_OUTPUT", &output)
        .run();
    candidate.success();
    let outputs = std::fs::read_to_string(&output).unwrap();
    assert!(outputs.contains("data-version") && outputs.contains("sha256:"), "{outputs}");
}
