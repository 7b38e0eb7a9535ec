//! The pages about published data: DuckDB, Azurite for the page that begins without a repository with
//! releases, and a folder as store for the one that has them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{Stage, blocks, is, to_run, types};
use crate::documentation::shell::Shell;
use crate::harness::azurite::Azurite;
use crate::harness::duckdb;
use crate::harness::repo::Repo;
use crate::promises::release_world::{REPOSITORY, World};

/// The configuration that a page tells people to write, for another store.
fn configuration(document: &str, store: &str) -> String {
    let mut blocks = blocks::of(document).into_iter();
    let block = blocks.find(|block| block.language == "yaml").expect("a configuration");
    let named = "store: azure://acmedata/";
    assert!(block.text.contains(named), "{}", block.text);
    block.text.replace(named, &format!("store: {store}"))
}

fn newest_duckdb() -> &'static str {
    duckdb::COMMANDS[duckdb::COMMANDS.len() - 1]
}

/// The rows of `fct_prices` that a reader of a file finds.
fn rows(file: &Path) -> u64 {
    let answer = duckdb::run(newest_duckdb(), file, "select count(*) as n from fct_prices");
    serde_json::from_str::<Value>(&answer).unwrap()[0]["n"].as_u64().unwrap()
}

/// A team without releases, whose store is an account of Azure.
struct Publisher {
    repo: Repo,
    shell: Shell,
    azurite: Azurite,
}

const PUBLISH: &str = "docs/how-to/publish-data.md";

impl Publisher {
    fn new() -> Self {
        let azurite = Azurite::start();
        let shell = azurite
            .environment()
            .iter()
            .fold(Shell::new().says_yes().with_duckdb(), |shell, (name, value)| {
                shell.env(name, value)
            });
        let repo = Repo::init();
        let ignored = blocks::of(PUBLISH).into_iter().find(|block| block.language == "text");
        let team = Self { repo, shell, azurite };
        let config = configuration(PUBLISH, &team.azurite.store_url());
        team.repo.commit(
            "Publish the data",
            &[(".github/tidegate.yml", &config), (".gitignore", &ignored.unwrap().text)],
        );
        team
    }

    /// Gives the database so many rows, in a commit of its own.
    fn fill(&self, rows: u32) {
        self.repo.commit("Change the feed", &[("feed.txt", &format!("{rows} prices\n"))]);
        let database = self.repo.path().join("data/analytics.duckdb");
        fs::create_dir_all(database.parent().unwrap()).unwrap();
        duckdb::run(
            newest_duckdb(),
            &database,
            &format!(
                "create or replace table fct_prices as select i as price from range({rows}) t(i); select 1"
            ),
        );
    }

    #[track_caller]
    fn types(&self, line: &str) -> String {
        self.shell.types(self.repo.path(), line)
    }

    /// The versions that the store has, newest first.
    fn versions(&self) -> Vec<Value> {
        let answer: Value =
            serde_json::from_str(&self.types("tidegate data versions --json")).unwrap();
        answer["versions"].as_array().expect("versions").clone()
    }

    fn url(&self) -> String {
        fs::read_to_string(self.repo.path().join("azure_analytics_url.txt")).unwrap()
    }

    /// The rows that an app gets which has the URL and nothing else.
    #[track_caller]
    fn rows_for_the_app(&self) -> u64 {
        let (folder, app) = (TempDir::new().unwrap(), Shell::new());
        let app = app.env("AZURE_ANALYTICS_URL", self.url().trim());
        app.types(folder.path(), "tidegate pull --to analytics.duckdb");
        rows(&folder.path().join("analytics.duckdb"))
    }
}

#[test]
fn publish_data() {
    let team = Publisher::new();
    team.fill(3);
    let mut printed = String::new();
    for block in to_run(PUBLISH) {
        let mut lines = block.text.clone();
        if is(&lines, "tidegate sync --layer analytics --force   # sends the file again") {
            assert_eq!(team.rows_for_the_app(), 3);
            let folder = team.repo.path();
            for file in ["azure_analytics_url.txt", "azure_analytics_url.toml"] {
                let mode = fs::metadata(folder.join(file)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{file}");
            }
            let secret = fs::read_to_string(folder.join("azure_analytics_url.toml")).unwrap();
            assert_eq!(secret, format!("AZURE_ANALYTICS_URL = {:?}\n", team.url().trim()));
            assert_eq!(team.repo.git(&["status", "--porcelain"]), "", "nothing is left to commit");
            team.fill(4);
            team.types("tidegate sync --layer analytics");
            assert_eq!(team.rows_for_the_app(), 4);
        }
        if is(&lines, "tidegate data versions") {
            assert_eq!(team.rows_for_the_app(), 3, "it went back");
            team.fill(5);
            team.types("tidegate sync --layer analytics");
            let known = team.versions();
            let second = known[1]["created"].as_str().expect("a time").to_owned();
            let head = team.repo.head();
            lines = lines.replace("2026-02-07T19:53Z", &second).replace("611b29b", &head[..7]);
        }
        if lines.contains("tidegate data lifecycle") {
            let config = ".github/tidegate.yml";
            let with_tree = fs::read_to_string(team.repo.path().join(config)).unwrap();
            team.repo.write(
                config,
                with_tree.replace("layers:\n", "layers:\n    bronze: { path: data/bronze }\n"),
            );
        }
        printed += &types(&team.shell, team.repo.path(), &block, &lines, &printed);
    }
    assert_eq!(team.rows_for_the_app(), 5, "the commit's data");
    assert!(!printed.contains("sig="), "{printed}");
    assert!(printed.contains("analytics would be published"), "{printed}");
    // Three versions, with the numbers of nobody's backups: all are younger than a day.
    assert_eq!(team.versions().len(), 3, "prune has kept them");
    assert!(printed.contains("served"), "it says why each stays: {printed}");
    for (file, key, rules) in [("azure.json", "rules", 1), ("s3.json", "Rules", 2)] {
        let policy = fs::read_to_string(team.repo.path().join(file)).unwrap();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(policy[key].as_array().map(Vec::len), Some(rules), "{policy}");
    }
}

/// What `dbt run` of the page does: it makes the table from what the feed holds.
const DBT: &str = "\
#!/bin/sh
set -e
test \"$1\" = run
mkdir -p ../../data
echo \"create or replace table fct_prices as
  select current_date as day, i as price from range($(cat ../../rows.txt)) t(i);\" |
  duckdb ../../data/analytics.duckdb
";

const RELEASE: &str = "docs/how-to/release-data-with-code.md";

/// What `sync --candidate` uploads from this clone; returns the version.
fn uploads(stage: &Stage, rows: u32) -> String {
    stage.comes_home();
    stage.world.dev.write("rows.txt", rows.to_string());
    let printed =
        stage.shell.types(stage.folder(), "tidegate sync --layer analytics --candidate --json");
    let answer: Value = serde_json::from_str(&printed).unwrap();
    answer["database"]["version"].as_str().expect("a version").to_owned()
}

#[test]
fn release_data_with_code() {
    let store = TempDir::new().unwrap();
    let container = store.path().join("analytics");
    let place = format!("file://{}", store.path().canonicalize().unwrap().display());
    let configuration = configuration(RELEASE, &place).replace("version: 1\n", "");
    let world = World::with(&[REPOSITORY], &configuration);
    world.commit(
        "Make the data",
        &[
            (".gitignore", "data/\nrows.txt\nneeds.json\n"),
            ("src/transform/dbt_project.yml", "name: prices\n"),
        ],
    );
    let shell = Shell::new().with_duckdb().with_script("dbt", DBT);
    let mut stage =
        Stage::released(world, shell, |stage, number| Some(uploads(stage, 1000 + 10 * number)));
    let served = |what: &str| {
        let text = fs::read_to_string(container.join("latest.json")).unwrap();
        let pointer: Value = serde_json::from_str(&text).unwrap();
        (pointer["release"].as_u64(), rows(&container.join("analytics.duckdb")), what.to_owned())
    };
    let mut printed = String::new();
    for block in to_run(RELEASE) {
        let (mut lines, last) = (block.text.clone(), stage.world.bare().newest_number());
        if is(&lines, "tidegate sync --layer analytics") {
            assert_eq!(served("").1, 1030);
            stage.world.dev.write("rows.txt", "1040");
        }
        if lines.contains("tidegate promote") || lines.contains("tidegate plan") {
            let image = stage.improves(&format!("Release {}", last + 1));
            let needs = serde_json::json!({
                "tests": {"result": "success", "outputs": {}},
                "build-docker": {"result": "success", "outputs": {"digest": image.digest}},
            });
            stage.world.dev.write("needs.json", needs.to_string());
            let version = uploads(&stage, 1100 + u32::try_from(last).unwrap());
            lines = lines.replace("sha256:...", &version);
        }
        if lines.starts_with("tidegate promote --data-version") {
            stage.types("tidegate resume");
        }
        printed += &types(&stage.shell, stage.folder(), &block, &lines, &printed);
        let record = stage.world.bare().newest_record();
        let expected = match last {
            3 => (4, 1040, "data alone"),
            4 => (5, 1020, "the release before, with its data"),
            5 => (6, 1105, "a version by hand"),
            6 => (7, 1105, "code alone"),
            _ => (8, 1107, "as it was planned"),
        };
        assert_eq!(
            served(expected.2),
            (Some(expected.0), expected.1, expected.2.to_owned()),
            "{printed}"
        );
        assert_eq!(record["number"].as_u64(), Some(last + 1), "{}", expected.2);
        let commit = match last {
            3 => &stage.releases[2],
            4 => &stage.releases[1],
            _ => &stage.newest,
        };
        assert_eq!(record["commit"], commit.as_str(), "{}", expected.2);
    }
    assert_eq!(stage.world.bare().newest_number(), 8, "{printed}");
}
