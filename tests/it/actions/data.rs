//! The example workflow with data: a job makes, checks and uploads it, and the gate releases it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::act::ActRun;
use crate::harness::team::{REPOSITORY, Team, tidegate};

const EXAMPLE: &str = include_str!("../../../docs/examples/release-gate-data.yml");

/// Stands for dbt: makes the database from the feed.
const MAKE: &str = "\
import csv, os, sqlite3
os.makedirs('data', exist_ok=True)
base = sqlite3.connect('data/analytics.db')
base.execute('create table prices (day text, price real)')
with open('feed.csv') as feed:
    base.executemany('insert into prices values (?, ?)', csv.reader(feed))
base.commit()
base.close()
";

struct Lakehouse {
    team: Team,
    store: TempDir,
    runs: u64,
}

impl Lakehouse {
    fn new() -> Self {
        let (team, store) = (Team::new(), TempDir::new().unwrap());
        team.repo.write(".github/workflows/release-gate.yml", EXAMPLE);
        let folder = store.path().canonicalize().unwrap();
        let configuration = format!(
            "version: 1\nimages:\n  - {}/{REPOSITORY}\n\
             data:\n  store: file://{}\n  job: data\n\
             \x20 layers: {{ analytics: {{ file: data/analytics.db }} }}\n\
             \x20 before: [ {{ run: python3 make_data.py }} ]\n\
             \x20 checks: [ {{ name: rows, sql: select count(*) from prices, min: 2 }} ]\n",
            team.registry().host(),
            folder.display()
        );
        team.repo.write(".github/tidegate.yml", configuration);
        team.repo.write(".gitignore", "data/\n");
        team.repo.write("make_data.py", MAKE);
        team.repo.write(
            "Dockerfile",
            "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY app /\n",
        );
        team.repo.write(
            "Makefile",
            "test:\n\tgrep -q works app\nlint:\n\ttest -s app\ndata-tools:\n\tpython3 --version\n",
        );
        Self { team, store, runs: 0 }
    }

    /// Pushes an app with a feed of so many days, and runs the workflow.
    fn push(&mut self, app: &str, days: usize) -> (String, ActRun) {
        if self.runs > 0 {
            self.team.pull();
        }
        let feed: String = (1..=days).map(|day| format!("2026-03-{day:02},{day}.5\n")).collect();
        let commit = self.team.commit(app.trim(), &[("app", app), ("feed.csv", &feed)]);
        self.runs += 1;
        (commit, self.team.attempt(2000 + self.runs, 1, tidegate()))
    }

    fn container(&self) -> PathBuf {
        self.store.path().join("analytics")
    }

    /// The version and the release that readers are served.
    fn served(&self) -> (String, u64) {
        let text = fs::read(self.container().join("latest.json")).expect("a pointer");
        let pointer: Value = serde_json::from_slice(&text).unwrap();
        (pointer["version"].as_str().unwrap().to_owned(), pointer["release"].as_u64().unwrap())
    }

    fn stable(&self) -> String {
        self.team.git(&["rev-parse", "refs/heads/stable"])
    }
}

fn gate(run: &ActRun) -> bool {
    *run.jobs.get("Gate").unwrap_or_else(|| panic!("no gate: {}", run.log))
}

#[test]
fn code_image_and_data_go_live_are_held_and_go_back_together() {
    let mut house = Lakehouse::new();
    let (first, run) = house.push("works 1\n", 3);
    assert!(gate(&run), "{}", run.log);
    let (v1, release) = house.served();
    assert_eq!((house.stable(), release), (first.clone(), 1));
    let image = house.team.manifest(REPOSITORY, "stable").unwrap();

    // Bad data: its job fails, the gate holds, nothing is reverted, readers keep what they have.
    let (bad, run) = house.push("works 2\n", 1);
    assert!(!run.jobs["Data"] && !gate(&run), "{}", run.log);
    assert!(run.log.contains("job data ended with failure"), "{}", run.log);
    assert_eq!((house.stable(), house.served()), (first.clone(), (v1.clone(), 1)));
    assert_eq!(house.team.git(&["rev-parse", "refs/heads/main"]), bad);

    // Good again.
    let (second, run) = house.push("works 3\n", 5);
    assert!(gate(&run), "{}", run.log);
    let (v2, release) = house.served();
    assert_eq!((house.stable(), release), (second, 2));
    assert_ne!(v1, v2);

    // Red: main goes back, users keep code and data.
    let (_, run) = house.push("broken\n", 6);
    assert!(!gate(&run), "{}", run.log);
    assert_eq!(house.served(), (v2.clone(), 2));

    // A person takes stable back: the three go together.
    house.team.pull();
    let back = ["rollback", "--stable-only", "--yes", "--reason", "sums are wrong"];
    rollback(&house, &back);
    assert_eq!(house.served(), (v1, 3));
    assert_eq!(house.team.manifest(REPOSITORY, "stable").unwrap(), image);
    let tree = |revision: &str| house.team.git(&["rev-parse", &format!("{revision}^{{tree}}")]);
    assert_eq!(tree("refs/heads/stable"), tree(&first));
}

/// Runs tidegate in a clone, as a person does.
fn rollback(house: &Lakehouse, args: &[&str]) {
    use crate::harness::oci_registry::{PASSWORD, USER};
    use crate::harness::tidegate::Tidegate;

    let clone = TempDir::new().unwrap();
    let path: &Path = clone.path();
    house.team.repo.git(&[
        "clone",
        "-q",
        &house.team.bare().to_string_lossy(),
        &path.to_string_lossy(),
    ]);
    Tidegate::new()
        .args(args)
        .current_dir(path)
        .env("TIDEGATE_REGISTRY_USER", USER)
        .env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
        .run()
        .code(0);
}
