//! Any file of random rows: a slow and simple model says which are good, and the import agrees.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::desks;

/// A cell, and whether it is a good one of its column.
type Cell = (&'static str, bool);

fn cell(cells: &'static [Cell]) -> impl Strategy<Value = Cell> {
    proptest::sample::select(cells)
}

const SKUS: &[Cell] = &[
    ("A1", true),
    ("B2", true),
    ("é \"x\"", true),
    ("a,b", true),
    ("c\nd", true),
    ("e\r\nf", true),
    (" ", false),
    ("", false),
    ("very long", false),
];
const COUNTS: &[Cell] =
    &[("1", true), ("7.0", true), (" 3 ", true), ("0", false), ("x", false), ("1.5", false)];
const DAYS: &[Cell] =
    &[("2026-01-31", true), ("", true), ("2026-02-30", false), ("31.01.2026", false)];

#[test]
fn exactly_the_good_rows_are_imported_and_each_bad_one_is_named() {
    let rows = proptest::collection::vec(
        (cell(SKUS), cell(COUNTS), cell(DAYS), 0..8_u8, any::<bool>()),
        1..12,
    );
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let play = |rows: Vec<(Cell, Cell, Cell, u8, bool)>| {
        let (mut text, mut line) = ("sku,n,day\n".to_owned(), 2_u64);
        let (mut good, mut bad, mut seen) = (BTreeSet::new(), Vec::new(), HashSet::new());
        for (sku, count, day, shape, always) in rows {
            let quoted = |cell: &str| {
                if always || cell.contains(['"', ',', '\n']) {
                    format!("\"{}\"", cell.replace('"', "\"\""))
                } else {
                    cell.to_owned()
                }
            };
            let ragged = shape == 0;
            let cells = [sku, count, day].map(|cell| quoted(cell.0));
            let taken = if ragged { &cells[..2] } else { &cells[..] };
            let _ = writeln!(text, "{}", taken.join(","));
            let number: f64 = count.0.trim().parse().unwrap_or_default();
            let row =
                format!("{}|{number}|{}", sku.0, if day.0.is_empty() { "null" } else { day.0 });
            let fits = !ragged && [sku, count, day].iter().all(|cell| cell.1);
            if fits && seen.insert(row.clone()) {
                good.insert(row);
            } else {
                bad.push(line);
            }
            line += 1 + taken.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
        }
        for desk in desks() {
            std::fs::create_dir_all(desk.path(".github")).unwrap();
            desk.write(
                ".github/tidegate.yml",
                "data:\n  imports:\n    stock:\n      columns:\n        \
                 - { name: sku, type: text, max_length: 8 }\n        \
                 - { name: n, type: integer, above: 0 }\n        \
                 - { name: day, type: date, nullable: true }\n",
            );
            desk.write("stock.csv", &text);
            let stopped = if bad.is_empty() { 0 } else { 14 };
            let shown = desk.json(&["stock", "stock.csv", "--plan"], stopped);
            let named = shown["bad_rows"].as_array().unwrap().iter();
            let named: Vec<u64> = named.map(|row| row["place"]["line"].as_u64().unwrap()).collect();
            prop_assert_eq!(&named, &bad, "{}", text);
            if good.is_empty() {
                continue;
            }
            desk.json(&["stock", "stock.csv", "--accept-good-rows"], 0);
            let there = desk.sql("SELECT sku, n, CAST(day AS VARCHAR) AS day FROM stock");
            let there: BTreeSet<String> = there.into_iter().collect();
            prop_assert_eq!(&there, &good, "{}", text);
        }
        Ok(())
    };
    runner.run(&rows, play).unwrap();
}
