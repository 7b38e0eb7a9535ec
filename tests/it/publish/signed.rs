//! The signed URL that is handed out.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::command::Team;
use super::shelf::{Kind, LAYER};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
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
    let words = team.run(&["sync", "--layer", LAYER]).success().stdout;
    assert!(words.contains("new: for an app that has none yet"), "{words}");
    std::fs::remove_file(team.root.join("url.txt")).unwrap();
    // A fresh runner does not know what was handed out before, and apps keep that.
    let first = team.sync(&["--force"], 0);
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
fn a_folder_has_none_and_steps_never_see_one() {
    let team = Team::on(Kind::Folder);
    team.configure(&format!("{SIGNED}  before:\n    - {{ run: env > seen.txt }}\n"));
    let run = team
        .tidegate(&["sync", "--layer", LAYER, "--json"])
        .env("DATA_URL", "https://a.example/c/analytics.db?sr=c&sig=c2VjcmV0LXNpZ25hdHVyZQ")
        .env("AZURE_STORAGE_TOKEN", "a-token-of-the-store")
        .env("PLAIN", "is-seen")
        .run();
    let shown = run.code(0).json()["database"].clone();
    assert!(shown["warnings"].to_string().contains("a folder is read by its path"), "{shown}");
    assert_eq!((&shown["signed_url"], &shown["proof"]["through"]), (&Value::Null, &"store".into()));
    assert!(!team.root.join("url.txt").exists());
    let seen = std::fs::read_to_string(team.root.join("seen.txt")).unwrap();
    assert!(seen.contains("PLAIN=is-seen"), "{seen}");
    for secret in ["DATA_URL", "c2VjcmV0", "a-token"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[test]
fn what_a_step_says_of_the_url_is_hidden() {
    let team = Team::on(Kind::Folder);
    team.configure(&format!("{SIGNED}  before:\n    - {{ run: cat said.txt && false }}\n"));
    std::fs::write(team.root.join("said.txt"), "it was c2VjcmV0LXNpZ25hdHVyZQ, here\n").unwrap();
    let run = team
        .tidegate(&["sync", "--layer", LAYER])
        .env("DATA_URL", "https://a.example/c/analytics.db?sr=c&sig=c2VjcmV0LXNpZ25hdHVyZQ")
        .run();
    let run = run.code(14);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("it was ***, here") && !said.contains("c2VjcmV0"), "{said}");
}

#[test]
fn the_url_of_one_object_is_proven_too() {
    let team = Team::on(Kind::S3);
    team.configure(SIGNED);
    let endpoint = team.shelf.environment();
    let (name, endpoint) =
        endpoint.into_iter().find(|(name, _)| name.starts_with("AWS_ENDPOINT")).unwrap();
    let proxy = FaultProxy::start(endpoint.trim_start_matches("http://"));
    let sync = || {
        let args = ["sync", "--layer", LAYER, "--json"];
        team.tidegate(&args).env(&name, format!("http://{}", proxy.host())).run()
    };
    // The copy alone is read by the signature, and a cut is not the end.
    proxy.add(Rule::on("GET", "X-Amz-Signature").times(1).fault(Fault::CutBody(100)));
    let proven = sync().code(0).json()["database"].clone();
    assert_eq!(proven["signed_url"]["covers"], "file", "{proven}");
    assert_eq!(
        (&proven["proof"]["through"], &proven["proof"]["is_served"]),
        (&"signed_url".into(), &true.into())
    );
    assert!(proxy.count("GET", "X-Amz-Signature") >= 2, "{:?}", proxy.lines().len());
    proxy.forget();
    proxy.add(Rule::on("GET", "X-Amz-Signature").edit(|answer| answer.body[200] ^= 1));
    let refused = sync().code(13);
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("X-Amz"), "{}", refused.stderr);
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
    // The answer in JSON stays one: the masks go beside it.
    let json = team.tidegate(&["sync", "--layer", LAYER, "--json"]).envs(variables).run().success();
    assert_eq!(json.json()["schema"], "tidegate/sync/1");
    let mask = format!("::add-mask::{}", signature.replace('%', "%25"));
    assert!(json.stderr.lines().any(|line| line == mask), "{}", json.stderr.len());
    let candidate = team
        .tidegate(&["sync", "--layer", LAYER, "--candidate"])
        .envs(variables)
        .env("GITHUB_OUTPUT", &output)
        .run();
    candidate.success();
    let outputs = std::fs::read_to_string(&output).unwrap();
    assert!(outputs.contains("data-version") && outputs.contains("sha256:"), "{outputs}");
}
