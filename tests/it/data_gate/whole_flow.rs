//! The whole flow of data with the parts that a team uses: files of an older tool in the store, dbt and
//! DuckDB as steps, the gate, the app in another folder, and the way back. In a folder and on Azure.
//!
//! 1. The collector's manifest is taken over; only new files are sent.
//! 2. A release makes the database from those files, checks it and publishes it with code and image.
//! 3. A nightly `sync` releases data alone; the app pulls it by the URL that `sync` has written.
//! 4. Bad data is held back, and released by the same job once it is mended.
//! 5. A bad release goes back with its data, and the app has the old rows again.
//! 6. Whatever is referred to outlives `data prune`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::store::Expect;

use super::together::BACK;
use crate::harness::oci_registry::Pushed;
use crate::harness::tidegate::{Run, Tidegate};
use crate::harness::{duckdb, stores};
use crate::promises::release_world::{Finished, Gate, REPOSITORY, World};
use crate::publish::shelf::{FILE, Kind, LAYER, Shelf};

/// What is beside the store in the section `data`.
const DATA: &str = "  layers:
    bronze: { path: data/bronze }
    analytics:
      file: data/analytics.duckdb
      backups: { keep_days: 0, keep_last: 1 }
      signed_url: { write_to: azure_analytics_url.txt }
  before:
    - run: dbt --no-use-colors build
      dir: transform
      env: { DBT_PROFILES_DIR: ., DBT_SEND_ANONYMOUS_USAGE_STATS: \"false\" }
  aggregates:
    - name: totals
      sql: |
        create table if not exists kpi_summary(name varchar primary key, value double);
        delete from kpi_summary;
        insert into kpi_summary select 'prices', count(*) from stg_prices;
  checks:
    - { name: lowest price, sql: select min(price) from stg_prices, min: 0.01 }
    - { name: prices, kind: rows, table: stg_prices, max_drop: 20% }
    - { name: totals are of today, sql: select value = (select count(*) from stg_prices) from kpi_summary }
";

/// The first model: every file of the lake.
const STAGE: &str = "select shop, cast(day as date) as day, article, price
from read_parquet('../data/bronze/*/*/*.parquet', hive_partitioning = true)";

const SHOPS: [&str; 2] = ["a", "b c"];

/// How many prices a day's file has.
const ARTICLES: usize = 5;

#[test]
fn in_a_folder() {
    whole_flow(Kind::Folder);
}

#[test]
fn on_azure() {
    whole_flow(Kind::Azure);
}

fn whole_flow(kind: Kind) {
    let team = Team::on(kind);
    team.takes_the_older_tools_manifest_over();
    let first = team.releases_code_image_and_data();
    let app = App::of(&team);
    let nightly = team.releases_data_alone(&first, &app);
    let good = team.holds_bad_data_back_until_it_is_mended(&nightly, &app);
    team.goes_back_from_a_bad_release(&good, &app);
    team.prunes_what_nobody_refers_to(&app);
}

/// What is live: its commit, image, data version, and how many prices readers find.
struct Live {
    code: (String, Pushed),
    version: String,
    prices: usize,
}

/// A repository with a dbt project, a store, and the machine that collects the files.
struct Team {
    kind: Kind,
    world: World,
    shelf: Shelf,
    collector: TempDir,
}

impl Team {
    fn on(kind: Kind) -> Self {
        let shelf = Shelf::start(kind);
        let config = format!("data:\n  store: {}\n{DATA}", shelf.url());
        let world = World::with(&[REPOSITORY], &config);
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/database/dbt_project");
        let read = |name: &str| std::fs::read_to_string(project.join(name)).unwrap();
        world.commit(
            "Add the dbt project",
            &[
                (".gitignore", "data/\ntarget/\nlogs/\n.user.yml\nazure_analytics_url.*\n"),
                ("transform/dbt_project.yml", &read("dbt_project.yml")),
                ("transform/profiles.yml", &read("profiles.yml")),
                ("transform/models/stg_prices.sql", STAGE),
                ("transform/models/fct_prices.sql", &read("models/fct_prices.sql")),
                ("transform/models/schema.yml", &read("models/schema.yml")),
            ],
        );
        let collector = TempDir::new().unwrap();
        std::fs::create_dir(collector.path().join(".github")).unwrap();
        let config = ".github/tidegate.yml";
        std::fs::copy(world.dev.path().join(config), collector.path().join(config)).unwrap();
        Self { kind, world, shelf, collector }
    }

    fn lake(&self) -> PathBuf {
        self.collector.path().join("data/bronze")
    }

    /// Collects the prices of a day, each of them so high.
    fn collect(&self, day: usize, price: f64, articles: usize) {
        for shop in SHOPS {
            let folder = self.lake().join(format!("shop={shop}/day=2026-03-{day:02}"));
            std::fs::create_dir_all(&folder).unwrap();
            let file = folder.join("prices.parquet");
            let sql = format!(
                "copy (select 'article ' || i as article, {price} + i as price from range({articles}) r(i)) to '{}' (format parquet)",
                file.display()
            );
            duckdb::run("1.5.6", &self.collector.path().join("scratch.duckdb"), &sql);
        }
    }

    /// The files of the lake, by their paths below it.
    fn collected(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.lake()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.lake()).unwrap().to_str().unwrap();
                    found.insert(below.to_owned(), std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    /// Runs the program in a folder that is no repository.
    fn run_in(&self, folder: &Path, args: &[&str]) -> Run {
        let tidegate = Tidegate::new().args(args).current_dir(folder);
        tidegate.envs(self.shelf.environment()).run()
    }

    /// Sends the lake; returns how many files were sent and skipped.
    #[track_caller]
    fn sync_lake(&self) -> (u64, u64) {
        let args = ["sync", "--layer", "bronze", "--json"];
        let said = self.run_in(self.collector.path(), &args).success().json();
        (said["uploaded"].as_u64().unwrap(), said["skipped"].as_u64().unwrap())
    }

    /// A job that has the commands, and the store's credentials.
    fn job<'a>(&'a self, mut job: Gate<'a>) -> Gate<'a> {
        for (name, value) in self.shelf.environment() {
            job = job.env(&name, &value);
        }
        let path = std::env::join_paths([duckdb::folder("1.5.6"), duckdb::dbt_folder()]).unwrap();
        let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        job.env("PATH", &path)
    }

    /// The same; an earlier step of it has pulled the lake into the work tree.
    fn job_with_lake<'a>(&'a self, job: Gate<'a>) -> Gate<'a> {
        self.job(job).prepared(|clone| {
            let pulled = self.run_in(clone, &["pull", "--layer", "bronze", "--json"]);
            let files = self.collected().len();
            assert_eq!(pulled.success().json()["downloaded"], files, "every file of the lake");
        })
    }

    fn gate(&self, code: &(String, Pushed), attempt: u32) -> Gate<'_> {
        self.job_with_lake(self.world.gate(&code.0).passed(&code.1).attempt(attempt))
    }

    /// A person's command in a clone of main.
    fn by_hand(&self, args: &[&str]) -> Finished {
        self.job(self.world.by_hand(args)).run()
    }

    /// What is in the container of the database.
    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        let paths = self.shelf.paths().into_iter();
        paths.map(|path| (path.clone(), self.shelf.bytes(&path).unwrap())).collect()
    }

    #[track_caller]
    fn assert_live(&self, release: u64, live: &Live) {
        self.world.assert_live(release, &live.code.0, &live.code.1);
        let served = self.shelf.served().expect("a pointer");
        assert_eq!(served.version.version.as_str(), live.version);
        assert_eq!(served.release, Some(release));
        assert_eq!(self.world.bare().newest_record()["data"]["version"], live.version.as_str());
        let copy = self.shelf.bytes(FILE).expect("the copy");
        assert_eq!(Some(copy), self.shelf.bytes(&served.version.path), "the copy");
    }

    fn served(&self) -> String {
        self.shelf.served().expect("a pointer").version.version.to_string()
    }

    /// The older tool has sent two days, and a third is new.
    fn takes_the_older_tools_manifest_over(&self) {
        self.collect(1, 1.0, ARTICLES);
        self.collect(2, 1.0, ARTICLES);
        let container = stores::made(&self.shelf.store(), "bronze");
        let mut entries = serde_json::Map::new();
        for (path, content) in self.collected() {
            let (key, size) = (format!("data/bronze/{path}"), content.len());
            let entry =
                json!({"blob_path": path, "size": size, "synced_at": "2026-03-02T19:53:58"});
            entries.insert(key, entry);
            stores::run(container.write(&path, content.into(), Expect::Anything)).unwrap();
        }
        let manifest = json!({"synced_files": entries, "last_sync": "2026-03-02T19:54:00"});
        let folder = self.collector.path().join("data/metadata");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sync_manifest.json"), manifest.to_string()).unwrap();
        assert_eq!(self.sync_lake(), (0, 4), "what the older tool has sent is not sent again");
        self.collect(3, 1.0, ARTICLES);
        assert_eq!(self.sync_lake(), (2, 4));
    }

    fn releases_code_image_and_data(&self) -> Live {
        let code = self.world.candidate("first", "print(1)\n");
        let said = self.gate(&code, 1).run().code(0);
        for part in ["dbt", "lowest price", "totals are of today"] {
            assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
        }
        let live = Live { code, version: self.served(), prices: 3 * 2 * ARTICLES };
        self.assert_live(1, &live);
        let record = self.world.bare().newest_record();
        assert_eq!(record["data"]["figures"]["prices"], 30.0, "{record}");
        live
    }

    fn releases_data_alone(&self, first: &Live, app: &App<'_>) -> Live {
        self.collect(4, 1.0, ARTICLES);
        assert_eq!(self.sync_lake(), (2, 6), "the new day alone");
        let nightly = self.world.by_hand(&["sync", "--layer", LAYER]);
        let said = self.job_with_lake(nightly).run().code(0).says("release 2");
        app.paste(&said.clone);
        let live = Live { code: first.code.clone(), version: self.served(), prices: 40 };
        self.assert_live(2, &live);
        assert_ne!(live.version, first.version);
        assert_eq!(app.pull(), "replaced");
        assert_eq!(app.prices(), live.prices);
        assert_eq!(app.pull(), "unchanged");
        live
    }

    fn holds_bad_data_back_until_it_is_mended(&self, live: &Live, app: &App<'_>) -> Live {
        // The feed lost articles, and the rest costs nothing.
        for day in 1..=4 {
            self.collect(day, 0.0, 2);
        }
        assert_eq!(self.sync_lake(), (8, 0));
        let code = self.world.candidate("second", "print(2)\n");
        let (users, store) = (self.world.seen_by_users(), self.published());
        let main = self.world.bare().branch("main");
        self.gate(&code, 1).run().code(4).says("below 0.01").says("16, after 40");
        assert_eq!(self.world.seen_by_users(), users);
        assert_eq!(self.published(), store);
        assert_eq!(self.world.bare().branch("main"), main, "nothing is reverted");
        self.assert_live(2, live);
        assert_eq!((app.pull(), app.prices()), ("unchanged".to_owned(), live.prices));

        // The feed is mended, and somebody starts the failed job again.
        for day in 1..=5 {
            self.collect(day, 1.0, ARTICLES);
        }
        assert_eq!(self.sync_lake(), (10, 0));
        self.gate(&code, 2).run().code(0);
        let good = Live { code, version: self.served(), prices: 50 };
        self.assert_live(3, &good);
        assert_eq!((app.pull(), app.prices()), ("replaced".to_owned(), good.prices));
        good
    }

    fn goes_back_from_a_bad_release(&self, good: &Live, app: &App<'_>) {
        self.collect(6, 9.0, ARTICLES);
        assert_eq!(self.sync_lake(), (2, 10));
        let code = self.world.candidate("third", "print(3)\n");
        self.gate(&code, 1).run().code(0);
        let bad = Live { code, version: self.served(), prices: 60 };
        self.assert_live(4, &bad);
        assert_eq!((app.pull(), app.prices()), ("replaced".to_owned(), bad.prices));

        self.by_hand(&BACK).code(0);
        self.assert_live(5, good);
        let status = self.by_hand(&["status", "--json"]).code(0);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(status["agreement"], "yes", "{status}");
        assert_eq!((app.pull(), app.prices()), ("replaced".to_owned(), good.prices));
        // The data that went out stays out.
        let path = format!("quarantine/{}.json", bad.code.0);
        let quarantine = self.world.bare().show("refs/heads/tidegate", &path);
        assert!(quarantine.contains(&bad.version), "{quarantine}");
    }

    fn prunes_what_nobody_refers_to(&self, app: &App<'_>) {
        // A version that was uploaded and never released, older than another such.
        let candidate = |name: &str| {
            let args = ["sync", "--layer", LAYER, "--candidate", "--skip-steps", "--json"];
            let job = self.job(self.world.by_hand(&args)).prepared(|clone| {
                let file = clone.join("data/analytics.duckdb");
                std::fs::create_dir(clone.join("data")).unwrap();
                std::fs::copy(app.file(), &file).unwrap();
                duckdb::run("1.5.6", &file, &format!("create table {name} as select 1 as one"));
            });
            let said: Value = serde_json::from_str(&job.run().code(0).stdout).unwrap();
            said["database"]["version"].as_str().unwrap().to_owned()
        };
        let (left, newest) = (candidate("draft"), candidate("later_draft"));
        let served = self.served();
        if self.kind == Kind::Folder {
            self.age();
        }
        let prune = |how: &str| -> Value {
            let said = self.by_hand(&["data", "prune", how, "--json"]).code(0);
            serde_json::from_str(&said.stdout).unwrap()
        };
        let plan = prune("--plan");
        assert_eq!(plan["removed"], 0);
        let why = |version: &str| {
            let kept = plan["keep"].as_array().unwrap().iter();
            let hex = version.strip_prefix("sha256:").unwrap();
            let mut of = kept.filter(|kept| kept["path"].as_str().unwrap().contains(hex));
            of.next().map(|kept| kept["because"].as_str().unwrap().to_owned())
        };
        assert_eq!(why(&served).as_deref(), Some("served"), "{plan}");
        assert_eq!(why(&newest).as_deref(), Some("newest"), "{plan}");
        // The clock of a server cannot be set: there, nothing is older than a day.
        let kept_there = (self.kind != Kind::Folder).then_some("fresh");
        assert_eq!(why(&left).as_deref(), kept_there, "{plan}");
        let released: Vec<String> = (1..=5)
            .map(|number| {
                let path = format!("records/{number:06}.json");
                let text = self.world.bare().show("refs/heads/tidegate", &path);
                let record: Value = serde_json::from_str(&text).unwrap();
                record["data"]["version"].as_str().unwrap().to_owned()
            })
            .collect();
        for version in released.iter().filter(|version| **version != served) {
            assert_eq!(why(version).as_deref(), Some("releases"), "{plan}");
        }

        prune("--yes");
        let paths = self.shelf.paths();
        let there = |version: &str| {
            let hex = version.strip_prefix("sha256:").unwrap();
            paths.iter().filter(|path| path.contains(hex)).count() == 2
        };
        assert!(released.iter().all(|version| there(version)), "{paths:?}");
        assert_eq!((there(&newest), there(&left)), (true, self.kind != Kind::Folder), "{paths:?}");
        // A new machine gets the data of stable, and a person every released version.
        std::fs::remove_dir_all(app.folder.path().join("data")).unwrap();
        assert_eq!((app.pull(), app.prices()), ("replaced".to_owned(), 50));
        self.by_hand(&["data", "restore", "--to", &released[0], "--yes"]).code(0);
        assert_eq!((app.pull(), app.prices()), ("replaced".to_owned(), 30));
    }

    /// Lets two days go by for what a folder holds.
    fn age(&self) {
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
        let container = self.shelf.folder.path().join("lake").join(LAYER);
        for path in self.shelf.paths() {
            let file = std::fs::File::options().write(true).open(container.join(path)).unwrap();
            file.set_modified(then).unwrap();
        }
    }
}

/// The folder of the app: no repository, no configuration, and no credentials but one URL.
struct App<'a> {
    team: &'a Team,
    folder: TempDir,
}

impl<'a> App<'a> {
    fn of(team: &'a Team) -> Self {
        Self { team, folder: TempDir::new().unwrap() }
    }

    /// Gives it the URL that `sync` has written; a folder is read by its path.
    fn paste(&self, work_tree: &crate::harness::repo::Repo) {
        let written = work_tree.path().join("azure_analytics_url.txt");
        let url = match self.team.kind {
            Kind::Folder => format!("{}/{LAYER}", self.team.shelf.url()),
            Kind::Azure | Kind::S3 => std::fs::read_to_string(written).unwrap(),
        };
        std::fs::write(self.folder.path().join("azure_analytics_url.txt"), url).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data/analytics.duckdb")
    }

    /// Pulls, and returns what became of its file.
    #[track_caller]
    fn pull(&self) -> String {
        let args = ["pull", "--to", "data/analytics.duckdb", "--json"];
        let said = Tidegate::new().args(args).current_dir(self.folder.path()).run().success();
        let said = said.json();
        if said["outcome"] == "unchanged" {
            assert_eq!(said["received"], 0, "nothing is fetched: {said}");
        }
        said["outcome"].as_str().unwrap().to_owned()
    }

    /// How many prices it finds, by the Python package of its own, as its aggregate says.
    #[track_caller]
    fn prices(&self) -> usize {
        let sql = "select count(*)::int, (select value::int from kpi_summary) from stg_prices";
        let said = duckdb::read("2.0.0", &self.file(), sql).unwrap();
        let numbers = said.trim_matches(['[', ']', '(', ')']).split_once(", ").unwrap();
        assert_eq!(numbers.0, numbers.1, "the aggregate belongs to the rows");
        numbers.0.parse().unwrap()
    }
}
