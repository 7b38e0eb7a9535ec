//! `data import` of the built program, into real databases: `SQLite`, and DuckDB by its command.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::duckdb;
use crate::harness::tidegate::{Run, Tidegate};

mod api;
mod bad_rows;
mod changing;
mod endings;
mod hints;
mod known;
mod leftovers;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
mod mode;
mod model;
mod order;
mod rejects;
mod said;
mod together;
mod users;
mod watermark;
mod whole;

/// A folder of a person who imports, and a database in it.
struct Desk {
    folder: TempDir,
    database: &'static str,
}

/// One with each engine.
fn desks() -> [Desk; 2] {
    ["app.db", "app.duckdb"].map(|database| Desk { folder: TempDir::new().unwrap(), database })
}

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with("app.") && name != "tmp");
        names.sort();
        names
    }

    /// Runs `tidegate data import`; its temporary files have a folder of their own.
    fn import(&self, args: &[&str]) -> Run {
        std::fs::create_dir_all(self.path("tmp")).unwrap();
        let run = Tidegate::new()
            .args(["data", "import"])
            .args(args)
            .env("DATABASE_PATH", self.database)
            .env("TMPDIR", self.path("tmp"))
            .env("PATH", duckdb::path())
            .current_dir(self.folder.path())
            .run();
        let left: Vec<_> = std::fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        run
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        let run = self.import(&[args, &["--json"]].concat()).code(code);
        let json = run.json();
        assert_eq!(json["schema"], "tidegate/data-import/1");
        json
    }

    /// Runs statements on the database; returns the rows of the last one, values joined by `|`.
    fn sql(&self, sql: &str) -> Vec<String> {
        rows(&self.path(self.database), sql)
    }
}

fn rows(file: &Path, sql: &str) -> Vec<String> {
    if file.extension().is_some_and(|end| end == "duckdb") {
        let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
        let said = duckdb::run(newest, file, sql);
        let rows: Vec<serde_json::Map<String, Value>> =
            serde_json::from_str(&said).unwrap_or_default();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return rows
            .iter()
            .map(|row| row.values().map(text).collect::<Vec<_>>().join("|"))
            .collect();
    }
    let connection = rusqlite::Connection::open(file).unwrap();
    let Ok(mut statement) = connection.prepare(sql) else {
        connection.execute_batch(sql).unwrap();
        return Vec::new();
    };
    let columns = statement.column_count();
    if columns == 0 {
        drop(statement);
        connection.execute_batch(sql).unwrap();
        return Vec::new();
    }
    let text = |row: &rusqlite::Row<'_>| {
        let cell = |place| match row.get::<_, rusqlite::types::Value>(place).unwrap() {
            rusqlite::types::Value::Null => "null".to_owned(),
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Real(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Blob(_) => "blob".to_owned(),
        };
        Ok((0..columns).map(cell).collect::<Vec<_>>().join("|"))
    };
    statement.query_map([], text).unwrap().map(Result::unwrap).collect()
}

const SALES: &str = "date,user_id,product_name,quantity,unit_price,total_amount,region\n";

/// A file of sales with these rows.
fn sales(rows: &[&str]) -> String {
    rows.iter().fold(SALES.to_owned(), |text, row| text + row + "\n")
}

const GOOD: [&str; 3] = [
    "2026-02-01,1,Tea,2,2.50,5.00,north",
    "2026-02-02,2,\"Cups, \"\"blue\"\"\",1,9.90,9.90,south",
    "2026-02-03,3,Kettle,3,20,60,west",
];

#[test]
fn importing_twice_changes_nothing() {
    for desk in desks() {
        desk.write("sales.csv", &sales(&GOOD));
        let planned = desk.json(&["sales", "sales.csv", "--plan"], 0);
        assert_eq!((&planned["inserted"], &planned["written"]), (&3.into(), &false.into()));
        assert!(!desk.path(desk.database).exists(), "a plan writes nothing");

        let first = desk.import(&["sales", "sales.csv"]).success();
        let expected = format!(
            "✓ sales.csv -> sales in {}: 3 new, 0 changed, 0 there already\n",
            desk.database
        );
        assert_eq!((first.stdout, first.stderr), (expected, String::new()));
        let again = desk.json(&["sales", "--csv", "sales.csv"], 0);
        assert_eq!((&again["inserted"], &again["unchanged"]), (&0.into(), &3.into()));
        let names = desk.sql("SELECT user_id, product_name, quantity FROM sales ORDER BY user_id");
        assert_eq!(names, ["1|Tea|2", "2|Cups, \"blue\"|1", "3|Kettle|3"]);
        assert_eq!(desk.names(), ["sales.csv"]);
    }
}

#[test]
fn a_copy_is_swapped_in_beside_a_reader() {
    for desk in desks() {
        desk.write("sales.csv", &sales(&GOOD[..1]));
        desk.import(&["sales", "sales.csv", "--swap"]).success();
        let reader = Reader::open(&desk);
        desk.write("sales.csv", &sales(&GOOD));
        if desk.database == "app.duckdb" {
            let held = desk.import(&["sales", "sales.csv", "--wait", "1s"]).code(8);
            assert!(held.stderr.contains("app.duckdb is in use by"), "{}", held.stderr);
        }
        let done = desk.json(&["sales", "sales.csv", "--swap"], 0);
        assert_eq!((&done["inserted"], &done["unchanged"]), (&2.into(), &1.into()));
        drop(reader);
        assert_eq!(desk.sql("SELECT count(*) FROM sales"), ["3"]);
        assert_eq!(desk.names(), ["sales.csv"]);
    }
}

/// A process that keeps the database open for reading, until it is dropped.
struct Reader(std::process::Child);

impl Reader {
    fn open(desk: &Desk) -> Self {
        use std::io::{BufRead as _, BufReader};

        let code = if desk.database == "app.duckdb" {
            "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True)"
        } else {
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1])"
        };
        let rest = "; c.execute('SELECT count(*) FROM sales').fetchall(); print('open', flush=True); sys.stdin.read()";
        let newest = duckdb::READERS[duckdb::READERS.len() - 1];
        let mut child = std::process::Command::new(duckdb::python(newest))
            .args(["-c", &format!("{code}{rest}")])
            .arg(desk.path(desk.database))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "open\n");
        Self(child)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_table_of_the_field_without_ids_of_its_own_is_filled() {
    for desk in desks() {
        desk.sql(
            "CREATE TABLE sales (id INTEGER PRIMARY KEY, date DATE NOT NULL, user_id INTEGER, \
             product_name VARCHAR, quantity INTEGER, unit_price DECIMAL(10,2), \
             total_amount DECIMAL(10,2), region VARCHAR); \
             INSERT INTO sales VALUES (7, '2026-02-01', 1, 'Tea', 2, 2.50, 5.00, 'north')",
        );
        desk.write("sales.csv", &sales(&GOOD));
        let done = desk.json(&["sales", "sales.csv"], 0);
        assert_eq!((&done["inserted"], &done["unchanged"]), (&2.into(), &1.into()));
        assert_eq!(desk.sql("SELECT id, user_id FROM sales ORDER BY id"), ["7|1", "8|2", "9|3"]);
    }
}

#[test]
fn declared_imports_need_no_code() {
    for desk in desks() {
        std::fs::create_dir_all(desk.path(".github")).unwrap();
        desk.write(
            ".github/tidegate.yml",
            "data:\n  imports:\n    stock:\n      csv: stock.csv\n      table: shelf\n      key: [sku]\n      columns:\n        \
             - { name: sku, type: text, pattern: \"[A-Z]{2}-[0-9]+\" }\n        \
             - { name: left_over, from: left, type: integer, min: 0 }\n        \
             - { name: counted, type: timestamp, nullable: true }\n",
        );
        desk.write(
            "stock.csv",
            "left;sku;note;counted\n3;AB-1;x;2026-02-07T21:00:00+02:00\n0;AB-2;;\n",
        );
        let done = desk.import(&["stock"]).success();
        assert!(
            done.stderr.contains("columns that the import does not have: note"),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains("separated by `;`"), "{}", done.stderr);
        desk.write(
            "stock.csv",
            "left;sku;note;counted\n5;AB-1;x;2026-02-07T21:00:00+02:00\n0;AB-2;;\n",
        );
        let done = desk.json(&["stock"], 0);
        assert_eq!((&done["updated"], &done["unchanged"]), (&1.into(), &1.into()));
        let shelf =
            desk.sql("SELECT sku, left_over, CAST(counted AS VARCHAR) FROM shelf ORDER BY sku");
        assert_eq!(shelf, ["AB-1|5|2026-02-07 19:00:00", "AB-2|0|null"]);
    }
}
