//! The reusable workflow, called by the lines of its how-to, run for real by act.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_yaml::Value;
use tempfile::TempDir;

use crate::harness::act::{Act, ActRun};
use crate::harness::git_server::GitServer;
use crate::harness::github::{self, GitHub};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER};
use crate::harness::receiver::{Received, Receiver};
use crate::harness::repo::Repo;
use crate::harness::team::tidegate;
use crate::harness::tidegate::Tidegate;

const GATE: &str = include_str!("../../../.github/workflows/gate.yml");
const ACTION: &str = include_str!("../../../action.yml");
const HOW_TO: &str = include_str!("../../../docs/how-to/reusable-workflow.md");
const REPOSITORY: &str = "acme/app";
/// Behind the `@` of a caller: another commit than the one that the workflow pins the action by.
const CALLED: &str = "4dc5b01d92ef7a1b8a7d1ac3f2a8d0e9f7a6c5b3";
/// What the how-to says in words: no images.
const CONFIGURATION: &str = "version: 1\nimages: []\n";

/// A repository whose workflow calls ours, with a git server behind it.
struct Caller {
    repo: Repo,
    server: GitServer,
    github: GitHub,
    folder: TempDir,
    workflow: PathBuf,
}

impl Caller {
    fn new(workflow: &str, configuration: &str) -> Self {
        let server = GitServer::start_with_basic_auth("x-access-token", github::TOKEN);
        server.create(REPOSITORY);
        let repo = Repo::init();
        // act reads the repository's name from a remote; it never contacts it.
        repo.add_remote("github", &format!("https://github.com/{REPOSITORY}.git"));
        repo.write(".github/workflows/release.yml", workflow.replace("<commit>", CALLED));
        repo.write(".github/tidegate.yml", configuration);
        repo.write("Makefile", "test:\n\tgrep -qx works app\n");
        let github = GitHub::start();
        github.knows(&server.path(REPOSITORY));
        let folder = TempDir::new().expect("a temporary folder");
        let ours = folder.path().join("tidegate");
        fs::create_dir_all(ours.join(".github/workflows")).expect("make a folder");
        // act 0.2.89 does not know `queue`.
        let known: Vec<&str> = GATE.lines().filter(|line| line.trim() != "queue: max").collect();
        assert_eq!(known.len() + 1, GATE.lines().count(), "one line is removed");
        fs::write(ours.join(".github/workflows/gate.yml"), known.join("\n")).expect("write it");
        fs::write(ours.join("action.yml"), ACTION).expect("write the action");
        Self { repo, server, github, folder, workflow: ours }
    }

    fn git(&self, args: &[&str]) -> String {
        let bare = self.server.path(REPOSITORY);
        let mut all = vec!["--git-dir", bare.to_str().expect("a path in UTF-8")];
        all.extend(args);
        self.repo.git(&all)
    }

    /// Pushes an app on top of what main shows, and runs the workflow on it.
    fn push(
        &self,
        run: u64,
        app: &str,
        gate: &Path,
        with: impl Fn(Act) -> Act,
    ) -> (String, ActRun) {
        let bare = self.server.path(REPOSITORY).to_string_lossy().into_owned();
        if run > 1 {
            self.repo.git(&["pull", "-q", "--ff-only", &bare, "main"]);
        }
        let commit = self.repo.commit(&format!("App {run}"), &[("app", app)]);
        self.repo.git(&["push", "-q", &bare, "main"]);

        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/actions");
        let mut act = Act::push(self.repo.path(), REPOSITORY)
            .action(&format!("tidegate/tidegate@{CALLED}"), &self.workflow);
        let uses = |text: &str| -> Vec<String> {
            let after = text.lines().filter_map(|line| line.split_once("uses: "));
            after.filter_map(|(_, uses)| uses.split(' ').next().map(str::to_owned)).collect()
        };
        for name in [GATE, HOW_TO, ACTION].into_iter().flat_map(uses).collect::<BTreeSet<_>>() {
            match name.split_once('@').map_or("", |(name, _)| name) {
                "actions/checkout" => act = act.action(&name, &fixtures.join("checkout")),
                "actions/download-artifact" => act = act.action(&name, &fixtures.join("download")),
                "aws-actions/configure-aws-credentials" => {
                    act = act.action(&name, &fixtures.join("aws-credentials"));
                }
                "actions/cache" => act = act.action(&name, &fixtures.join("not-run")),
                "tidegate/tidegate" => act = act.action(&name, &self.workflow),
                _ => assert!(name.ends_with("gate.yml@<commit>"), "no stand-in for {name}"),
            }
        }
        let act = act
            .token(github::TOKEN)
            .env("TEST_ARTIFACTS", &self.folder.path().display().to_string())
            .env("TEST_REMOTE", &self.server.url(REPOSITORY))
            .env("TIDEGATE_GITHUB_API_URL", &self.github.url())
            .env("TIDEGATE_BIN", &gate.display().to_string())
            .env("GITHUB_RUN_ID", &run.to_string());
        (commit, with(act).run())
    }
}

/// The first workflow of the how-to.
fn ten_lines() -> String {
    let block = HOW_TO.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("a block of YAML").to_owned()
}

/// The same with more lines at its end, which are below the gate's job.
fn with_more(lines: &str) -> String {
    ten_lines() + lines
}

#[test]
fn the_lines_of_the_how_to_promote_and_roll_back_and_tell_slack() {
    let slack = Receiver::start();
    let workflow = with_more("    secrets:\n      slack-webhook: ${{ secrets.TEAM_CHANNEL }}\n");
    let notify = "notify: { slack: { webhook_env: SLACK_WEBHOOK } }\n";
    let caller = Caller::new(&workflow, &format!("{CONFIGURATION}{notify}"));
    let address = format!("http://{}/services/T1/B2/q9", slack.host());
    let secret = |act: Act| act.secret("TEAM_CHANNEL", &address);

    let (good, run) = caller.push(1, "works\n", tidegate(), secret);
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    assert_eq!(caller.git(&["rev-parse", "refs/heads/stable"]), good);

    let (bad, run) = caller.push(2, "is broken\n", tidegate(), secret);
    run.expect_jobs(&[("tests", false), ("Gate/Gate", false)]);
    assert_eq!(caller.git(&["show", "refs/heads/main:app"]), "works");
    let message = caller.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert_eq!(caller.git(&["rev-parse", "refs/heads/stable"]), good);
    let told: Vec<String> = slack.received().iter().map(Received::text).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&bad[..7]), "{told:?}");
    assert!(!run.log.contains(&address), "the address of the channel is in the log");
}

#[test]
fn doctor_knows_the_callers_of_the_how_to() {
    let configuration = format!("{CONFIGURATION}rollback: {{ retries: 1 }}\n");
    let caller = Caller::new(&ten_lines(), &configuration);
    let blocks = HOW_TO.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let retry = blocks.last().expect("the retry workflow").replace("<commit>", CALLED);
    caller.repo.write(".github/workflows/tidegate-retry.yml", &retry);
    let findings = || {
        let doctor = Tidegate::new().args(["doctor", "--offline", "--json"]);
        let answer = doctor.current_dir(caller.repo.path()).run().json();
        let findings = answer["findings"].as_array().expect("findings").clone();
        let of_files = findings.into_iter().filter(|finding| finding["place"].is_object());
        of_files.map(|finding| finding["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(findings(), [""; 0]);
    let without = ten_lines().replace("<commit>", CALLED).replace("toJSON(needs)", "github.sha");
    caller.repo.write(".github/workflows/release.yml", without);
    assert_eq!(findings(), ["needs-input"]);
    caller.repo.write(".github/workflows/tidegate-retry.yml", retry.replace("command: retry", ""));
    assert!(findings().contains(&"retry-workflow-unfit".into()), "{:?}", findings());
}

#[test]
fn images_of_a_private_registry_are_promoted_with_its_login() {
    let registry = OciRegistry::start_with(Auth::Basic);
    let workflow = with_more(&format!(
        "      digest: ${{{{ vars.DIGEST }}}}\n      registry-host: {}\n      \
         registry-user: ${{{{ vars.REGISTRY_USER }}}}\n    secrets:\n      \
         registry-password: ${{{{ secrets.REGISTRY_PASSWORD }}}}\n",
        registry.host()
    ));
    let images = format!("version: 1\nimages: [\"{}/team/app\"]\n", registry.host());
    let caller = Caller::new(&workflow, &images);
    let (good, run) = caller.push(1, "works\n", tidegate(), |act| {
        let image = registry.push("team/app", &[&caller.repo.head()], &caller.repo.head());
        act.variable("DIGEST", image.digest.as_str())
            .variable("REGISTRY_USER", USER)
            .secret("REGISTRY_PASSWORD", PASSWORD)
    });
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let candidate = registry.read("team/app", &good).expect("the candidate");
    for tag in ["stable", "latest"] {
        assert_eq!(registry.read("team/app", tag), Some(candidate.clone()), "{tag}");
    }
}

/// A program in place of tidegate that writes down its environment; returns both paths.
fn witness(folder: &Path) -> (PathBuf, PathBuf) {
    let (program, seen) = (folder.join("witness"), folder.join("seen"));
    let script = format!(
        "#!/bin/sh\nenv -0 > {}\ncat reports/junit.xml > {}.reports\n\
         echo verdict=promote >> \"$GITHUB_OUTPUT\"\n",
        seen.display(),
        seen.display()
    );
    fs::write(&program, script).expect("write the script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it executable");
    (program, seen)
}

fn environment(seen: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(seen).expect("what the gate saw");
    let entries = text.split('\0').filter_map(|entry| entry.split_once('='));
    entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What is not an input of the workflow: the token of the run, secrets, and the place of a checkout
/// that the workflow makes itself.
const NOT_INPUTS: [&str; 4] =
    ["token", "app-private-key", "registry-password", "working-directory"];

/// The name of a secret of the repository.
fn shouted(name: &str) -> String {
    format!("S_{}", name.to_uppercase().replace('-', "_"))
}

fn keys(value: &Value) -> BTreeSet<String> {
    let keys = value.as_mapping().expect("a map").keys();
    keys.map(|key| key.as_str().expect("text").to_owned()).collect()
}

#[test]
fn every_input_and_secret_of_the_workflow_reaches_tidegate() {
    let folder = TempDir::new().expect("a temporary folder");
    let (program, seen) = witness(folder.path());
    let action: Value = serde_yaml::from_str(ACTION).expect("YAML");
    let mut more = String::new();
    let mut expected = BTreeMap::new();
    let own = keys(&action["inputs"]);
    for name in own.iter().filter(|name| !NOT_INPUTS.contains(&name.as_str())) {
        let value = match name.as_str() {
            "needs" => continue,
            "command" => "gate".to_owned(),
            "open-issue" | "no-bake" => "true".to_owned(),
            other => format!("the {other}"),
        };
        let _ = writeln!(more, "      {name}: {value}");
        expected.insert(format!("TIDEGATE_{}", name.to_uppercase().replace('-', "_")), value);
    }
    for (name, variable) in [
        ("azure-client-id", "AZURE_CLIENT_ID"),
        ("azure-tenant-id", "AZURE_TENANT_ID"),
        ("aws-region", "AWS_REGION"),
    ] {
        let _ = writeln!(more, "      {name}: the {name}");
        expected.insert(variable.to_owned(), format!("the {name}"));
    }
    more += "    secrets:\n";
    for (secret, variable) in [
        ("registry-password", "TIDEGATE_REGISTRY_PASSWORD"),
        ("app-private-key", "TIDEGATE_APP_PRIVATE_KEY"),
        ("azure-account-name", "AZURE_ACCOUNT_NAME"),
        ("azure-account-key", "AZURE_ACCOUNT_KEY"),
        ("azure-storage-connection-string", "AZURE_STORAGE_CONNECTION_STRING"),
        ("azure-storage-sas-token", "AZURE_STORAGE_SAS_TOKEN"),
        ("aws-access-key-id", "AWS_ACCESS_KEY_ID"),
        ("aws-secret-access-key", "AWS_SECRET_ACCESS_KEY"),
        ("aws-session-token", "AWS_SESSION_TOKEN"),
        ("google-service-account-key", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ("slack-webhook", "SLACK_WEBHOOK"),
        ("smtp-url", "SMTP_URL"),
        ("deploy-hook-url", "DEPLOY_HOOK_URL"),
        ("deploy-hook-secret", "DEPLOY_HOOK_SECRET"),
    ] {
        let _ = writeln!(more, "      {secret}: ${{{{ secrets.{} }}}}", shouted(secret));
        expected.insert(variable.to_owned(), format!("the secret {secret}"));
    }
    // A later job reads the verdict.
    more += "  after:\n    needs: gate\n    runs-on: ubuntu-latest\n    steps:\n      \
             - run: test \"$VERDICT\" = promote\n        env:\n          \
             VERDICT: ${{ needs.gate.outputs.verdict }}\n";
    let caller = Caller::new(&with_more(&more), CONFIGURATION);
    let reports = caller.folder.path().join("1/test-reports");
    fs::create_dir_all(&reports).expect("make a folder");
    fs::write(reports.join("junit.xml"), "<testsuite/>").expect("write a report");

    let (commit, run) = caller.push(1, "works\n", &program, |mut act| {
        for (_, value) in expected.iter().filter(|(_, value)| value.starts_with("the secret ")) {
            act = act.secret(&shouted(value.trim_start_matches("the secret ")), value);
        }
        act
    });

    run.expect_jobs(&[("tests", true), ("Gate/Gate", true), ("after", true)]);
    let saw = environment(&seen);
    for (name, value) in &expected {
        assert_eq!(saw.get(name), Some(value), "{name}");
    }
    assert_eq!(saw["GITHUB_SHA"], commit);
    assert_eq!(saw["TIDEGATE_TOKEN"], github::TOKEN);
    let needs: Value = serde_yaml::from_str(&saw["TIDEGATE_NEEDS"]).expect("JSON");
    assert_eq!(needs["tests"]["result"], "success");
    let reports = fs::read_to_string(format!("{}.reports", seen.display())).expect("reports");
    assert_eq!(reports, "<testsuite/>");
}

#[test]
fn the_role_in_aws_reaches_tidegate_and_a_key_outranks_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let (program, seen) = witness(folder.path());
    let role = "      aws-role-arn: acme-data\n";
    let caller = Caller::new(&with_more(role), CONFIGURATION);
    let (_, run) = caller.push(1, "works\n", &program, |act| act);
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let saw = environment(&seen);
    assert_eq!(saw["AWS_ACCESS_KEY_ID"], "id of acme-data");
    assert_eq!(saw["AWS_SECRET_ACCESS_KEY"], "key of acme-data");
    assert_eq!(saw["AWS_SESSION_TOKEN"], "token of acme-data");
    assert_eq!(saw["AWS_REGION"], "us-east-1");

    let key = "    secrets:\n      aws-access-key-id: ${{ secrets.KEY_ID }}\n      \
               aws-secret-access-key: ${{ secrets.KEY }}\n";
    let caller = Caller::new(&with_more(&format!("{role}{key}")), CONFIGURATION);
    let (_, run) = caller.push(1, "works\n", &program, |act| {
        act.secret("KEY_ID", "the id").secret("KEY", "the key")
    });
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let saw = environment(&seen);
    assert_eq!(saw["AWS_ACCESS_KEY_ID"], "the id");
    assert_eq!(saw["AWS_SECRET_ACCESS_KEY"], "the key");
    assert_eq!(saw.get("AWS_SESSION_TOKEN").map_or("", String::as_str), "", "of the role");
}

#[test]
fn what_the_runner_has_of_its_own_is_kept_where_the_caller_gives_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let (program, seen) = witness(folder.path());
    let own = ["AZURE_CLIENT_ID", "AZURE_STORAGE_SAS_TOKEN", "AWS_REGION", "AWS_SESSION_TOKEN"];
    let more = "    secrets:\n      google-service-account-key: ${{ secrets.KEY }}\n      \
                azure-account-key: ${{ secrets.GONE }}\n";
    let caller = Caller::new(&with_more(more), CONFIGURATION);
    let key = "{\n  \"a\": \"$(b) `c` ' %d\"\n}\nEOF\nAZURE_CLIENT_ID=of the key";
    let (_, run) = caller.push(1, "works\n", &program, |act| {
        let act = act.secret("KEY", key).env("AZURE_ACCOUNT_KEY", "the runner's");
        own.iter().fold(act, |act, name| act.env(name, "the runner's"))
    });
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let saw = environment(&seen);
    for name in own.into_iter().chain(["AZURE_ACCOUNT_KEY"]) {
        assert_eq!(saw[name], "the runner's", "{name}");
    }
    assert_eq!(saw["GOOGLE_SERVICE_ACCOUNT_KEY"], key, "whatever it holds");
    assert_eq!(saw.get("AZURE_TENANT_ID"), None);
}

#[test]
fn without_a_password_the_runs_token_goes_to_githubs_registry_only() {
    let folder = TempDir::new().expect("a temporary folder");
    let (program, seen) = witness(folder.path());
    let caller = Caller::new(&ten_lines(), CONFIGURATION);
    let (_, run) = caller.push(1, "works\n", &program, |act| act.actor("ada"));
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let saw = environment(&seen);
    assert_eq!(saw["TIDEGATE_REGISTRY_HOST"], "ghcr.io");
    assert_eq!(saw["TIDEGATE_REGISTRY_USER"], "ada");
    assert_eq!(saw["TIDEGATE_REGISTRY_PASSWORD"], github::TOKEN);
    for unset in [
        "SLACK_WEBHOOK",
        "SMTP_URL",
        "TIDEGATE_APP_ID",
        "TIDEGATE_CONFIG",
        "AZURE_ACCOUNT_KEY",
        "AZURE_CLIENT_ID",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
    ] {
        assert_eq!(saw.get(unset).map_or("", String::as_str), "", "{unset}");
    }
}

#[test]
fn an_empty_password_sends_the_runs_token_to_no_other_registry() {
    let folder = TempDir::new().expect("a temporary folder");
    let (program, seen) = witness(folder.path());
    // The secret was never set, or was deleted: then it is empty.
    let more = "      registry-host: registry.acme.example\n    secrets:\n      \
                registry-password: ${{ secrets.GONE }}\n";
    let caller = Caller::new(&with_more(more), CONFIGURATION);
    let (_, run) = caller.push(1, "works\n", &program, |act| act.actor("ada"));
    run.expect_jobs(&[("tests", true), ("Gate/Gate", true)]);
    let saw = environment(&seen);
    assert_eq!(saw["TIDEGATE_REGISTRY_PASSWORD"], github::TOKEN);
    assert_eq!(saw["TIDEGATE_REGISTRY_HOST"], "ghcr.io");
}

#[test]
fn the_workflow_has_the_inputs_and_outputs_of_the_action() {
    let action: Value = serde_yaml::from_str(ACTION).expect("YAML");
    let gate: Value = serde_yaml::from_str(GATE).expect("YAML");
    let call = &gate["on"]["workflow_call"];
    let mut inputs = keys(&action["inputs"]);
    for name in NOT_INPUTS {
        assert!(inputs.remove(name), "the action has no input {name} any more");
    }
    let logins = ["azure-client-id", "azure-tenant-id", "aws-role-arn", "aws-region"];
    inputs.extend(["reports", "reports-path", "runs-on"].map(str::to_owned));
    inputs.extend(logins.map(str::to_owned));
    assert_eq!(keys(&call["inputs"]), inputs, ".github/workflows/gate.yml, action.yml");
    let outputs = keys(&action["outputs"]);
    assert_eq!(keys(&call["outputs"]), outputs);
    let job = &gate["jobs"]["gate"];
    for name in &outputs {
        assert_eq!(job["outputs"][name.as_str()], format!("${{{{ steps.gate.outputs.{name} }}}}"));
        let value = &call["outputs"][name.as_str()]["value"];
        assert_eq!(value, &Value::from(format!("${{{{ jobs.gate.outputs.{name} }}}}")));
    }
    let step = job["steps"].as_sequence().expect("steps").last().expect("a step");
    let mut given = keys(&action["inputs"]);
    given.remove("working-directory");
    assert_eq!(keys(&step["with"]), given, "what the workflow gives the action");
    // The action is the one that everything else pins.
    let uses = step["uses"].as_str().expect("an action");
    let name = uses.split('@').next().expect("a name");
    assert_eq!((name, uses), (tidegate::pin::ACTION, pinned().as_str()));
    // Whatever the caller grants: a permission named here would refuse callers that grant less.
    assert!(gate.get("permissions").is_none() && job.get("permissions").is_none());
    assert_eq!(job["concurrency"]["queue"], "max");
    assert_eq!(job["concurrency"]["cancel-in-progress"], false);
    // The page names what is the workflow's own.
    for name in logins {
        assert!(HOW_TO.contains(&format!("`{name}`")), "the how-to does not name {name}");
    }
    for name in ["reports", "reports-path", "runs-on"]
        .into_iter()
        .map(str::to_owned)
        .chain(keys(&call["secrets"]))
    {
        assert!(HOW_TO.contains(&format!("| `{name}` |")), "the how-to does not name {name}");
    }
}

/// The action as the example workflow pins it.
fn pinned() -> String {
    let example = include_str!("../../../docs/examples/release-gate.yml");
    let uses = example.lines().find_map(|line| line.trim().strip_prefix("uses: tidegate/"));
    let uses = uses.and_then(|uses| uses.split(' ').next()).expect("the example uses the action");
    format!("tidegate/{uses}")
}
