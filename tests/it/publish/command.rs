//! `sync` of the database, and `data`, run as a person runs them.

use std::path::PathBuf;

use serde_json::Value;

use super::shelf::{FILE, FILE_OF_SQLITE, Kind, LAYER, Shelf};
use crate::harness::duckdb;
use crate::harness::tidegate::{Run, Tidegate};

/// What a database is made and read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    DuckDb,
}

/// Every kind of store, and the other engine.
const EVERY: [(Kind, Engine); 4] = [
    (Kind::Folder, Engine::Sqlite),
    (Kind::Azure, Engine::Sqlite),
    (Kind::S3, Engine::Sqlite),
    (Kind::Folder, Engine::DuckDb),
];

/// A folder with a database, and a store.
pub struct Team {
    engine: Engine,
    pub shelf: Shelf,
    pub root: PathBuf,
}

impl Team {
    pub fn on(kind: Kind) -> Self {
        Self::with(kind, Engine::Sqlite)
    }

    pub fn with(kind: Kind, engine: Engine) -> Self {
        let shelf = Shelf::start(kind);
        let root = shelf.folder.path().join("team");
        std::fs::create_dir_all(root.join("data")).unwrap();
        let team = Self { engine, shelf, root };
        team.configure("");
        team.fill(3);
        team
    }

    /// Writes the configuration, with more lines for the layer.
    pub fn configure(&self, more: &str) {
        let config = format!(
            "version: 1\nimages: []\ndata:\n  store: {}\n  layers:\n    {LAYER}:\n      \
             file: data/{}\n      backups: {{ keep_days: 0, keep_last: 1 }}\n{more}  \
             checks:\n    - {{ name: rows, sql: select count(*) from days, min: 3 }}\n",
            self.shelf.url(),
            self.file()
        );
        std::fs::create_dir_all(self.root.join(".github")).unwrap();
        std::fs::write(self.root.join(".github/tidegate.yml"), config).unwrap();
    }

    fn file(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => FILE_OF_SQLITE,
            Engine::DuckDb => FILE,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("data").join(self.file())
    }

    /// Gives the table so many rows.
    pub fn fill(&self, rows: u32) {
        let sql = format!(
            "create table if not exists days(day int); delete from days;
             with recursive r(day) as (select 0 union all select day + 1 from r where day < {rows})
             insert into days select day from r where day < {rows};"
        );
        match self.engine {
            Engine::Sqlite => {
                rusqlite::Connection::open(self.database()).unwrap().execute_batch(&sql).unwrap();
            }
            Engine::DuckDb => _ = duckdb::run("1.5.6", &self.database(), &sql),
        }
    }

    /// Lets two days go by for what a folder holds.
    pub fn age(&self) {
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
        let container = self.shelf.folder.path().join("lake").join(LAYER);
        for path in self.shelf.paths() {
            let file = std::fs::File::options().write(true).open(container.join(path)).unwrap();
            file.set_modified(then).unwrap();
        }
    }

    pub fn tidegate(&self, args: &[&str]) -> Tidegate {
        let tidegate = Tidegate::new().args(args).current_dir(&self.root);
        tidegate.env("PATH", duckdb::path()).envs(self.shelf.environment())
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Run {
        self.tidegate(args).run()
    }

    /// Syncs the database, and returns the key `database` of the answer.
    #[track_caller]
    pub fn sync(&self, more: &[&str], code: i32) -> Value {
        let args = [&["sync", "--layer", LAYER, "--json"], more].concat();
        self.run(&args).code(code).json()["database"].clone()
    }

    #[track_caller]
    pub fn data(&self, args: &[&str]) -> Value {
        self.run(&[&["data"], args, &["--json"]].concat()).success().json()
    }

    /// The rows that a reader of the copy finds.
    pub fn rows_served(&self) -> u32 {
        let bytes = self.shelf.bytes(self.file()).expect("the copy");
        let file = self.root.join("reader.db");
        std::fs::write(&file, bytes).unwrap();
        match self.engine {
            Engine::Sqlite => {
                let database = rusqlite::Connection::open(&file).unwrap();
                database.query_row("select count(*) from days", [], |row| row.get(0)).unwrap()
            }
            // As an app reads it: by the Python package, of another version.
            Engine::DuckDb => {
                let said = duckdb::read("2.0.0", &file, "select count(*)::int from days").unwrap();
                said.trim_matches(['[', ']', '(', ')', ',']).parse().unwrap()
            }
        }
    }
}

#[test]
fn a_database_is_published_once_and_again_when_it_changes() {
    for (kind, engine) in EVERY {
        let team = Team::with(kind, engine);
        let first = team.sync(&[], 0);
        assert_eq!(first["outcome"], "published", "{first}");
        assert_eq!(first["uploaded"], true);
        assert_eq!(first["proof"]["tables"], 1, "{first}");
        assert_eq!(team.rows_served(), 3);
        let again = team.sync(&[], 0);
        assert_eq!((&again["outcome"], &again["uploaded"]), (&"unchanged".into(), &false.into()));
        team.fill(5);
        let second = team.sync(&[], 0);
        assert_eq!(second["served_before"], first["version"]);
        assert_eq!(team.rows_served(), 5);
        let words = team.run(&["sync", "--layer", LAYER]).success().stdout;
        assert!(words.contains("analytics is unchanged"), "{words}");
    }
}

#[test]
fn bad_data_is_not_published() {
    let team = Team::on(Kind::Folder);
    team.sync(&[], 0);
    let before = team.shelf.paths();
    team.fill(2);
    let held = team.sync(&[], 14);
    assert_eq!(
        (&held["outcome"], &held["checks"][0]["outcome"]),
        (&"failed".into(), &"failed".into())
    );
    assert_eq!((team.shelf.paths(), team.rows_served()), (before, 3));
    let words = team.run(&["sync", "--layer", LAYER]).code(14).stdout;
    assert!(words.contains("nothing was published") && words.contains("rows"), "{words}");
}

#[test]
fn a_plan_and_a_candidate_show_nothing_to_readers() {
    let team = Team::on(Kind::Folder);
    let planned = team.sync(&["--plan"], 0);
    assert_eq!(planned["outcome"], "planned", "{planned}");
    assert_eq!(team.shelf.paths(), Vec::<String>::new());
    let candidate = team.sync(&["--candidate"], 0);
    assert_eq!(candidate["outcome"], "candidate", "{candidate}");
    assert!(team.shelf.served().is_none());
    let published = team.sync(&[], 0);
    assert_eq!(
        (&published["uploaded"], &published["version"]),
        (&false.into(), &candidate["version"])
    );
}

#[test]
fn what_is_damaged_in_the_store_fails_the_proof_and_is_mended() {
    let team = Team::on(Kind::Folder);
    let published = team.sync(&[], 0);
    let served = team.shelf.served().unwrap().version;
    let path = team.shelf.folder.path().join("lake").join(LAYER).join(&served.path);
    let garbage = vec![7_u8; usize::try_from(served.size).unwrap()];
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, garbage).unwrap();
    let refused = team.run(&["sync", "--layer", LAYER]).code(13);
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
    assert!(refused.stderr.contains("sync --force"), "{}", refused.stderr);
    let mended = team.sync(&["--force"], 0);
    assert_eq!((&mended["version"], &mended["uploaded"]), (&published["version"], &true.into()));
}

#[test]
fn a_container_that_was_deleted_is_made_again() {
    for kind in [Kind::Folder, Kind::Azure] {
        let team = Team::on(kind);
        team.sync(&[], 0);
        let container = team.shelf.container();
        for path in team.shelf.paths() {
            crate::harness::stores::run(container.delete(&path)).unwrap();
        }
        let again = team.sync(&[], 0);
        assert_eq!(again["outcome"], "published", "{again}");
        assert_eq!(team.rows_served(), 3);
    }
}

#[test]
fn versions_are_listed_restored_and_pruned() {
    for (kind, engine) in EVERY {
        let team = Team::with(kind, engine);
        let mut made = Vec::new();
        for rows in [3, 4, 5] {
            team.fill(rows);
            made.push(team.sync(&[], 0)["version"].as_str().unwrap().to_owned());
        }
        let listed = team.data(&["versions"]);
        let found: Vec<&str> = listed["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["version"].as_str().unwrap())
            .collect();
        assert_eq!(found, [&made[2], &made[1], &made[0]]);
        assert_eq!(listed["versions"][0]["served"], true);

        let refused = team.run(&["data", "restore", "--to", "previous"]).code(2);
        assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
        let back = team.data(&["restore", "--to", "previous", "--yes"]);
        assert_eq!((&back["version"], &back["changed"]), (&made[1].as_str().into(), &true.into()));
        assert_eq!(team.rows_served(), 4);
        let digits = &made[0][7..17];
        team.data(&["restore", "--to", digits, "--yes"]);
        assert_eq!(team.rows_served(), 3);
        team.run(&["data", "restore", "--to", "fffffff", "--yes"]).code(2);

        // The first is served, the third is the newest; the second goes, but not on its first day.
        let because = |plan: &Value| -> Vec<String> {
            let kept = plan["keep"].as_array().unwrap().iter();
            kept.map(|k| k["because"].as_str().unwrap().to_owned()).collect()
        };
        let early = team.data(&["prune", "--yes"]);
        assert_eq!(because(&early)[..3], ["newest", "fresh", "served"], "{early}");
        assert_eq!(early["removed"], 0);
        if kind != Kind::Folder {
            // The clock of a server cannot be set.
            continue;
        }
        team.age();
        let planned = team.data(&["prune", "--plan"]);
        assert_eq!(planned["removed"], 0);
        let pruned = team.data(&["prune", "--yes"]);
        assert_eq!(because(&pruned)[..2], ["newest", "served"], "{pruned}");
        let paths = team.shelf.paths();
        let there = |version: &str| paths.iter().any(|path| path.contains(&version[7..]));
        assert_eq!([there(&made[0]), there(&made[1]), there(&made[2])], [true, false, true]);
        assert_eq!(team.rows_served(), 3);
    }
}
