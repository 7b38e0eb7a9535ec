//! Faults around the data: the workflow's job, the store, files that no commit should have, and the
//! signed URL.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{CONFIG, CONFIG_TEXT, GATE, doctor, finding, ids, right, unchecked};
use crate::harness::azurite::{self, Azurite};
use crate::harness::oci_registry::free_port;
use crate::harness::project::{Project, actions};
use crate::harness::s3_server::S3Server;
use crate::harness::tidegate::{Run, Tidegate};

/// The workflow with the job that makes the data.
const GATE_TEXT: &str = include_str!("../../../docs/examples/release-gate-data.yml");

const PASSED: &str = r#"{"tests":{"result":"success","outputs":{}},"code-quality":{"result":"success","outputs":{}}}"#;

/// A configuration with a database in this store, and more lines below `data`.
fn configuration(store: &str, more: &str) -> String {
    format!(
        "{CONFIG_TEXT}data:\n  store: {store}\n  layers: {{ analytics: {{ file: data/analytics.db, signed_url: {{}} }} }}\n{more}"
    )
}

const IGNORED: &str = "data/\nazure_analytics_url.*\n";

/// A right repository with data, and a folder as its store.
fn with_data() -> (Project, TempDir) {
    let (project, store) = (right(), TempDir::new().unwrap());
    fs::create_dir(store.path().join("analytics")).unwrap();
    project.dev.write(CONFIG, configuration(&url(store.path()), "  job: data\n"));
    project.dev.write(GATE, GATE_TEXT);
    project.dev.write(".gitignore", IGNORED);
    (project, store)
}

fn url(folder: &Path) -> String {
    format!("file://{}", folder.canonicalize().unwrap().display())
}

fn without(text: &str, part: &str) -> String {
    assert!(text.contains(part), "{part}");
    text.replace(part, "")
}

#[track_caller]
fn well(run: &Run) -> Vec<Value> {
    run.json()["well"].as_array().expect("what is well").clone()
}

#[test]
fn a_right_repository_with_data_has_no_finding() {
    let (project, _store) = with_data();
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    for name in ["job of the data", "store", "files of the data"] {
        assert!(well(&run).contains(&name.into()), "{name}: {}", run.stdout);
    }
    // Without data nothing is said of it.
    let plain = right();
    let run = doctor(&plain).run().code(0);
    assert!(!well(&run).contains(&"store".into()), "{}", run.stdout);
}

#[test]
fn a_gate_that_never_hears_of_the_data_is_an_error() {
    let (project, store) = with_data();
    let unasked =
        GATE_TEXT.replace("code-quality, build-docker, data]", "code-quality, build-docker]");
    assert_ne!(unasked, GATE_TEXT);
    project.dev.write(GATE, &unasked);
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["data-job-not-needed"], "{}", run.stdout);
    let found = finding(&run, "data-job-not-needed");
    let line = found["place"]["line"].as_u64().unwrap();
    let line = unasked.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
    assert_eq!(line.trim(), "needs: [tests, code-quality, build-docker]");

    let output = "      data-version: ${{ steps.data.outputs.data-version }}\n";
    project
        .dev
        .write(GATE, GATE_TEXT.replace(output, "      other: ${{ steps.data.outputs.x }}\n"));
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["data-version-missing"], "{}", run.stdout);

    // Who publishes data by itself needs no such job.
    project.dev.write(GATE, &unasked);
    let place = url(store.path());
    project.dev.write(CONFIG, configuration(&place, "  job: data\n  publish: separately\n"));
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
}

#[test]
fn jobs_without_credentials_for_the_store_are_errors() {
    let (project, _store) = with_data();
    project.dev.write(CONFIG, configuration("azure://acmedata/", "  job: data\n"));
    let offline = || doctor(&project).args(["--offline"]).run();
    assert_eq!(ids(&offline()), Vec::<String>::new(), "{}", offline().stdout);

    let key = "          AZURE_ACCOUNT_KEY: ${{ secrets.AZURE_ACCOUNT_KEY }}\n";
    project.dev.write(GATE, without(GATE_TEXT, key));
    let run = offline();
    assert_eq!(ids(&run), ["store-credentials-missing", "store-credentials-missing"]);
    let found = finding(&run, "store-credentials-missing");
    assert_eq!(found["problem"], "job gate gets no credentials for azure://acmedata/");
    assert!(found["mend"].as_str().unwrap().contains("AZURE_STORAGE_SAS_TOKEN"), "{found:#}");
    // For another kind of store, Azure's key is none.
    project.dev.write(GATE, GATE_TEXT);
    project.dev.write(CONFIG, configuration("s3://acme-data/", "  job: data\n"));
    let found = finding(&offline(), "store-credentials-missing");
    assert!(found["mend"].as_str().unwrap().contains("AWS_SECRET_ACCESS_KEY"), "{found:#}");
    let role = "      - uses: aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c\n      - name: Promote";
    let job = GATE_TEXT.replace("      - name: Promote", role);
    project.dev.write(
        GATE,
        job.replace("      - name: Make, check", &role.replace("Promote", "Make, check")),
    );
    assert_eq!(ids(&offline()), Vec::<String>::new(), "{}", offline().stdout);

    // By the identity of the run, which takes a permission.
    project.dev.write(CONFIG, configuration("azure://acmedata/", "  job: data\n"));
    let oidc = "          AZURE_CLIENT_ID: ${{ vars.CLIENT }}\n          AZURE_TENANT_ID: ${{ vars.TENANT }}\n";
    let job = GATE_TEXT.replace(key, oidc);
    project.dev.write(GATE, &job);
    let run = offline();
    assert_eq!(ids(&run), ["permission-missing", "permission-missing"], "{}", run.stdout);
    let found = finding(&run, "permission-missing");
    assert!(found["problem"].as_str().unwrap().ends_with("lacks the permission `id-token: write`"));
    doctor(&project).args(["--offline", "--fix", "--yes"]).run();
    assert_eq!(ids(&offline()), Vec::<String>::new(), "{}", offline().stdout);
    let mended = fs::read_to_string(project.dev.path().join(GATE)).unwrap();
    assert_eq!(mended.matches("id-token: write").count(), 2, "{mended}");
}

#[test]
fn the_reusable_workflow_logs_in_by_a_role_in_aws() {
    let (project, _store) = with_data();
    project.dev.write(CONFIG, configuration("s3://acme-data/", ""));
    let calls = |more: &str| {
        let at = GATE_TEXT.find("\n  gate:").expect("the gate's job");
        let gate = format!(
            "\n  gate:\n    needs: [tests, code-quality, build-docker, data]\n    if: ${{{{ !cancelled() }}}}\n    \
             permissions:\n      contents: write\n      packages: write\n      issues: write\n      \
             pull-requests: write\n      actions: write\n      checks: read\n    \
             uses: tidegate/tidegate/.github/workflows/gate.yml@{}\n    with:\n      \
             needs: ${{{{ toJSON(needs) }}}}\n{more}",
            "4dc5b01d92ef7a1b8a7d1ac3f2a8d0e9f7a6c5b3"
        );
        project.dev.write(GATE, format!("{}{gate}", &GATE_TEXT[..at]));
    };
    let offline = || doctor(&project).args(["--offline"]).run();
    calls("");
    let found = finding(&offline(), "store-credentials-missing");
    assert_eq!(found["problem"], "job gate gets no credentials for s3://acme-data/");

    calls("      aws-role-arn: ${{ vars.AWS_ROLE_ARN }}\n");
    let run = offline();
    assert_eq!(ids(&run), ["permission-missing"], "{}", run.stdout);
    let found = finding(&run, "permission-missing");
    assert!(found["problem"].as_str().unwrap().ends_with("lacks the permission `id-token: write`"));
    doctor(&project).args(["--offline", "--fix", "--yes"]).run();
    assert_eq!(ids(&offline()), Vec::<String>::new(), "{}", offline().stdout);

    // A key outranks the role, and needs no permission.
    calls(
        "      aws-role-arn: ${{ vars.AWS_ROLE_ARN }}\n    secrets:\n      \
         aws-access-key-id: ${{ secrets.ID }}\n      aws-secret-access-key: ${{ secrets.KEY }}\n",
    );
    assert_eq!(ids(&offline()), Vec::<String>::new(), "{}", offline().stdout);
}

#[test]
fn a_database_whose_engine_is_not_here_is_named() {
    let (project, store) = with_data();
    let text = configuration(&url(store.path()), "  job: data\n").replace(".db,", ".duckdb,");
    project.dev.write(CONFIG, format!("{text}  duckdb: {{ command: tools/duckdb }}\n"));
    let run = doctor(&project).run().code(0);
    let found = finding(&run, "duckdb-missing");
    assert_eq!(found["severity"], "warning");
    assert!(found["problem"].as_str().unwrap().contains("tools/duckdb"), "{found:#}");
}

/// `doctor` with the variables of a store.
fn with(project: &Project, variables: Vec<(String, String)>) -> crate::harness::tidegate::Tidegate {
    doctor(project).envs(variables)
}

#[test]
fn stores_that_refuse_or_are_silent_or_empty_are_told_apart() {
    let (project, _store) = with_data();
    let azurite = Azurite::start();
    project.dev.write(CONFIG, configuration(&azurite.store_url(), "  job: data\n"));
    let run = doctor(&project).run().code(0);
    assert!(unchecked(&run).join("\n").contains("no credentials"), "{}", run.stdout);

    let run = with(&project, azurite.environment()).run().code(0);
    let found = finding(&run, "container-missing");
    assert_eq!(found["severity"], "note", "{found:#}");
    azurite.container("analytics");
    let run = with(&project, azurite.environment()).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);

    let wrong = |variables: Vec<(String, String)>| -> Vec<(String, String)> {
        let key = |name: String, value: String| match name.as_str() {
            "AZURE_ACCOUNT_KEY" | "AWS_SECRET_ACCESS_KEY" => (name, "bm90IHRoZSBrZXk=".to_owned()),
            _ => (name, value),
        };
        variables.into_iter().map(|(name, value)| key(name, value)).collect()
    };
    let run = with(&project, wrong(azurite.environment())).run().code(0);
    assert_eq!(finding(&run, "store-denied")["severity"], "warning", "{}", run.stdout);
    assert!(!run.stdout.contains("bm90IHRoZSBrZXk"), "{}", run.stdout);
    let run = with(&project, wrong(azurite.environment()))
        .envs(actions(&project.dev.head()))
        .run()
        .code(10);
    assert_eq!(finding(&run, "store-denied")["severity"], "error");

    let silent = azurite::environment(&format!("127.0.0.1:{}", free_port()));
    let run = with(&project, silent).run().code(0);
    assert_eq!(finding(&run, "store-unreachable")["severity"], "warning", "{}", run.stdout);

    let s3 = S3Server::start();
    project.dev.write(CONFIG, configuration("s3://nobody-made-this/", "  job: data\n"));
    let run = with(&project, s3.environment()).args(["--offline"]).run();
    assert!(unchecked(&run).join("\n").contains("not asked: --offline"), "{}", run.stdout);
    let run = with(&project, s3.environment()).run();
    assert_eq!(finding(&run, "container-missing")["severity"], "note", "{}", run.stdout);
}

#[test]
fn a_pointer_that_cannot_be_read_is_an_error() {
    let (project, store) = with_data();
    fs::write(store.path().join("analytics/latest.json"), "{").unwrap();
    let run = doctor(&project).run().code(10);
    let found = finding(&run, "pointer-unreadable");
    assert!(found["problem"].as_str().unwrap().contains("latest.json"), "{found:#}");
}

#[test]
fn what_is_said_to_mend_a_pointer_mends_it() {
    let (project, store) = with_data();
    let config = without(&configuration(&url(store.path()), "  job: data\n"), ", signed_url: {}");
    project.dev.write(CONFIG, config);
    fs::create_dir_all(project.dev.path().join("data")).unwrap();
    let database =
        rusqlite::Connection::open(project.dev.path().join("data/analytics.db")).unwrap();
    database.execute_batch("create table days (day); insert into days values (1)").unwrap();
    drop(database);
    let sync = |more: &[&str]| {
        let all = [&["sync", "--layer", "analytics"][..], more].concat();
        Tidegate::new().args(all).current_dir(project.dev.path()).run()
    };
    sync(&[]).success();
    let pointer = store.path().join("analytics/latest.json");
    for text in ["{".to_owned(), "{\"format\": 1}".to_owned(), "x".repeat(20_000_000)] {
        fs::write(&pointer, &text).unwrap();
        let run = doctor(&project).run().code(10);
        let found = finding(&run, "pointer-unreadable");
        let mend = found["mend"].as_str().unwrap();
        assert!(mend.contains("delete it, and publish again with `tidegate sync`"), "{mend}");
        let kept = sync(&["--force"]);
        assert!(kept.status != Some(0) && fs::read(&pointer).unwrap() == text.as_bytes());
        fs::remove_file(&pointer).unwrap();
        sync(&[]).success();
        doctor(&project).run().code(0);
    }
}

#[test]
fn a_store_that_is_not_the_one_of_the_newest_release_is_named() {
    let (project, store) = with_data();
    project.dev.write(CONFIG, configuration(&url(store.path()), ""));
    project.dev.write("make.sql", "create table days(day); insert into days values (1)");
    project.push(
        "With data",
        &[
            (CONFIG, &configuration(&url(store.path()), "  before: [ { run: mkdir -p data && python3 -c 'import sqlite3; c = sqlite3.connect(\"data/analytics.db\"); c.execute(\"create table if not exists days(day)\"); c.commit()' } ]\n")),
            (".gitignore", IGNORED),
            (GATE, GATE_TEXT),
        ],
    );
    project.gate(PASSED).run().code(0);
    project.pull();
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);

    let moved = TempDir::new().unwrap();
    fs::create_dir(moved.path().join("analytics")).unwrap();
    project.dev.write(CONFIG, configuration(&url(moved.path()), ""));
    let run = doctor(&project).run().code(0);
    let found = finding(&run, "store-differs");
    assert_eq!(found["severity"], "warning", "{found:#}");
    let problem = found["problem"].as_str().unwrap();
    assert!(problem.contains(&url(store.path())) && problem.contains(&url(moved.path())));
    assert_eq!(found["place"]["file"], CONFIG);

    // What the newest release serves has gone.
    project.dev.write(CONFIG, configuration(&url(store.path()), ""));
    fs::rename(store.path().join("analytics"), store.path().join("away")).unwrap();
    let run = doctor(&project).run().code(10);
    assert_eq!(finding(&run, "container-missing")["severity"], "error");
}

#[test]
fn secrets_and_data_in_commits_are_named() {
    let (project, _store) = with_data();
    project.dev.write(".gitignore", "");
    let run = doctor(&project).run().code(0);
    assert_eq!(
        ids(&run),
        ["secret-not-ignored", "secret-not-ignored", "data-not-ignored"],
        "{}",
        run.stdout
    );
    assert_eq!(finding(&run, "data-not-ignored")["severity"], "note");
    assert_eq!(finding(&run, "secret-not-ignored")["severity"], "warning");
    project.dev.write(".gitignore", IGNORED);

    let url = "https://acme.blob.core.windows.net/analytics/analytics.db?sr=c&sig=s3cret";
    project.dev.write("data/analytics.db", "rows");
    project.dev.write("azure_analytics_url.txt", url);
    project.dev.write(".streamlit/secrets.toml", format!("URL = \"{url}\"\n"));
    project.dev.git(&["add", "--force", "--all"]);
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["secret-tracked", "secret-tracked", "data-tracked"], "{}", run.stdout);
    assert!(!run.stdout.contains("s3cret"), "{}", run.stdout);
    let found = finding(&run, "secret-tracked");
    assert_eq!(found["place"]["file"], "azure_analytics_url.txt");
    assert_eq!(finding(&run, "data-tracked")["place"]["file"], "data/analytics.db");
    // What doctor says is what mends it.
    project.dev.git(&[
        "rm",
        "-q",
        "--cached",
        "azure_analytics_url.txt",
        ".streamlit/secrets.toml",
    ]);
    project.dev.git(&["rm", "-q", "-r", "--cached", "data/analytics.db"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
}

#[test]
fn tracked_files_that_are_neither_data_nor_secrets_are_left_alone() {
    let (project, store) = with_data();
    let trees =
        "layers: { bronze: { path: data/bronze }, raw: { path: data/raw, pattern: '*.csv' }, ";
    let text = configuration(&url(store.path()), "  job: data\n").replace("layers: { ", trees);
    for name in ["bronze", "raw"] {
        fs::create_dir(store.path().join(name)).unwrap();
    }
    project.dev.write(CONFIG, text);
    for path in ["data/bronze/.gitkeep", "data/bronze/README.md", "data/raw/a/b.csv"] {
        project.dev.write(path, "");
    }
    project.dev.write("data/bronze/day=1/notes.txt", "");
    project.dev.git(&["add", "--force", "data"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    project.dev.write("data/bronze/day=1/part.parquet", "");
    project.dev.write("data/raw/b.csv", "");
    project.dev.git(&["add", "--force", "data"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["data-tracked", "data-tracked"], "{}", run.stdout);
    let found = finding(&run, "data-tracked");
    assert_eq!(found["place"]["file"], "data/bronze/day=1/part.parquet");
    project.dev.git(&["rm", "-q", "-r", "--cached", "data"]);

    // Settings of other programs, and a template.
    project.dev.write(".env", "PORT=8501\nexport AZURE_ACCOUNT_KEY=\n# AWS_SECRET_ACCESS_KEY=x\n");
    project.dev.git(&["add", "--force", ".env"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["secret-tracked"], "{}", run.stdout);
    let found = finding(&run, "secret-tracked");
    assert_eq!(found["severity"], "warning", "{found:#}");
    assert_eq!(found["problem"], "git tracks .env, which may hold a secret");
    for line in ["export AZURE_ACCOUNT_KEY='s3cret'", "AZURE_ANALYTICS_URL = \"s3cret\""] {
        project.dev.write(".env", format!("PORT=8501\n{line}\n"));
        project.dev.git(&["add", "--force", ".env"]);
        // What git has counts, and not what lies here.
        project.dev.write(".env", "");
        let run = doctor(&project).run().code(10);
        let found = finding(&run, "secret-tracked");
        assert_eq!(found["severity"], "error", "{found:#}");
        let name = line.trim_start_matches("export ").split(['=', ' ']).next().unwrap();
        let problem = found["problem"].as_str().unwrap();
        assert!(problem.contains(name), "{problem}");
        assert!(!run.stdout.contains("s3cret"), "{}", run.stdout);
    }
}

#[test]
fn a_signed_url_that_runs_out_is_named_before_and_after() {
    let (project, _store) = with_data();
    let url = |days: i64| {
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        format!(
            "https://a.blob.core.windows.net/analytics/analytics.db?se={end:.0}&sr=c&sig=s3cret"
        )
    };
    let write = |days| project.dev.write("azure_analytics_url.txt", url(days));
    write(31);
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
    write(29);
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "signed-url-ends")["severity"], "warning");
    write(-1);
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "signed-url-expired")["severity"], "warning");
    assert!(!run.stdout.contains("s3cret"), "{}", run.stdout);
    // A workflow has no such file, and may have the app's secret.
    fs::remove_file(project.dev.path().join("azure_analytics_url.txt")).unwrap();
    let run = doctor(&project)
        .envs(actions(&project.dev.head()))
        .env("AZURE_ANALYTICS_URL", url(-1))
        .run()
        .code(10);
    assert_eq!(finding(&run, "signed-url-expired")["severity"], "error", "{}", run.stdout);
    assert!(!run.stdout.contains("s3cret"), "{}", run.stdout);
}
