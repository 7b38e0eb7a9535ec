//! Full disks, large files, and headers as people write them.

use std::fmt::Write as _;

use serde_json::json;

use super::{GOOD, SALES, desks, sales};
use crate::harness::duckdb;
use crate::harness::small_disk::on_a_small_disk;
use crate::harness::tidegate::Tidegate;

#[test]
fn a_full_disk_leaves_no_half_database() {
    for desk in desks() {
        let mut text = SALES.to_owned();
        for user in 0..60_000 {
            writeln!(text, "2026-02-01,{user},Tea {user},2,2.50,5.00,north {user}").unwrap();
        }
        desk.write("sales.csv", &text);
        let folder = desk.path("small");
        std::fs::create_dir(&folder).unwrap();
        let import = || {
            Tidegate::new()
                .args(["data", "import", "sales", "sales.csv", "--database"])
                .args([format!("small/{}", desk.database)])
                .env("PATH", duckdb::path())
                .current_dir(desk.folder.path())
                .run()
        };
        let (run, left) = on_a_small_disk(&folder, 600, || {
            let run = import();
            let left: Vec<_> =
                std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
            (run, left)
        });
        assert!(run.status != Some(0), "{run:?}");
        let said = run.stderr.to_lowercase();
        assert!(said.contains("full") || said.contains("space"), "{said}");
        assert_eq!(left, [""; 0].map(std::path::PathBuf::from), "{}", desk.database);
        // With room, the same import is whole.
        import().success();
        let rows = super::rows(&folder.join(desk.database), "SELECT count(*) FROM sales");
        assert_eq!(rows, ["60000"]);
    }
}

#[test]
fn a_large_file_with_line_breaks_in_its_cells_comes_whole() {
    let rows = 120_000;
    for desk in desks() {
        let mut text = SALES.to_owned();
        let filler = "x".repeat(60);
        for user in 0..rows {
            let name = match user % 3 {
                0 => format!("\"Tea {user}\n2026-02-01,7,\"\"Cup\"\",1,1,1,{filler}\""),
                1 => format!("\"Tea\r\n{user} {filler}\""),
                _ => format!("Tea {user} {filler}"),
            };
            writeln!(text, "2026-02-01,{user},{name},2,2.50,5.00,north").unwrap();
        }
        assert!(text.len() > 10_000_000);
        desk.write("sales.csv", &text);
        let done = desk.json(&["sales", "sales.csv"], 0);
        assert_eq!(
            (&done["inserted"], &done["bad"]),
            (&json!(rows), &json!(0)),
            "{}",
            desk.database
        );
        let sums = desk.sql(
            "SELECT count(*), count(DISTINCT user_id), min(user_id), max(user_id), \
             sum(CASE WHEN product_name LIKE 'Tea%' AND region = 'north' THEN 1 ELSE 0 END) FROM sales",
        );
        assert_eq!(sums, [format!("{rows}|{rows}|0|{}|{rows}", rows - 1)]);
        let cells =
            desk.sql("SELECT product_name FROM sales WHERE user_id IN (0, 1) ORDER BY user_id");
        let first = format!("Tea 0\n2026-02-01,7,\"Cup\",1,1,1,{filler}");
        assert_eq!(cells, [first, format!("Tea\r\n1 {filler}")]);
        let again = desk.json(&["sales", "sales.csv"], 0);
        assert_eq!((&again["inserted"], &again["unchanged"]), (&json!(0), &json!(rows)));
    }
}

#[test]
fn a_rejected_row_that_is_a_cell_short_does_not_pass_before_it_is_mended() {
    for desk in desks() {
        // Without its first cell it has the others in the wrong places; the reason would fill it up.
        desk.write("sales.csv", &sales(&[GOOD[0], "2026-02-03,3,Kettle,3,20,60"]));
        desk.json(&["sales", "sales.csv", "--accept-good-rows"], 0);
        let rejects = desk.read("sales.csv.rejects.csv");
        assert!(rejects.contains("expected 7 cells, found 6"), "{rejects}");
        let mut name = "sales.csv.rejects.csv".to_owned();
        for _ in 0..3 {
            let again = desk.json(&["sales", &name, "--accept-good-rows"], 0);
            assert_eq!((&again["inserted"], &again["bad"]), (&json!(0), &json!(1)), "{name}");
            name = again["rejects"].as_str().unwrap().to_owned();
        }
        // A spreadsheet fills rows up, so that all have as many cells as the header.
        let width = rejects.lines().next().unwrap().split(',').count();
        let mut filled = csv::Writer::from_writer(Vec::new());
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(rejects.as_bytes());
        for record in reader.records() {
            let record = record.unwrap();
            let cells = record.iter().chain(std::iter::repeat("")).take(width.max(record.len()));
            filled.write_record(cells.collect::<Vec<_>>()).unwrap();
        }
        desk.write("filled.csv", &String::from_utf8(filled.into_inner().unwrap()).unwrap());
        let again = desk.json(&["sales", "filled.csv"], 14);
        assert_eq!(again["bad"], json!(1), "{}", desk.read("filled.csv"));
        desk.write("mended.csv", &rejects.replace("3,20,60,", "3,20,60,west,"));
        assert_eq!(desk.json(&["sales", "mended.csv"], 0)["inserted"], json!(1));
    }
}

#[test]
fn columns_without_a_name_or_with_the_same_are_left_out_where_nobody_asks_for_them() {
    for desk in desks() {
        desk.write(
            "sales.csv",
            ",note,date,user_id,product_name,,quantity,unit_price,total_amount,region,note,\n\
             1,a,2026-02-01,1,Tea,,2,2.50,5.00,north,b,\n",
        );
        let done = desk.json(&["sales", "sales.csv"], 0);
        assert_eq!(done["inserted"], json!(1));
        let warned = done["warnings"].to_string();
        assert!(warned.contains("note"), "{warned}");
        desk.write("twice.csv", &sales(&GOOD).replacen("region", "region,Region", 1));
        let run = desk.import(&["sales", "twice.csv"]).code(10);
        assert!(run.stderr.contains("the column region stands there twice"), "{}", run.stderr);
        // Bad rows of such a file come back with its header.
        desk.write(
            "bad.csv",
            ",note,date,user_id,product_name,,quantity,unit_price,total_amount,region,note,\n\
             1,a,2026-02-30,1,Tea,,2,2.50,5.00,north,b,\n",
        );
        desk.json(&["sales", "bad.csv", "--accept-good-rows"], 0);
        let mended = desk.read("bad.csv.rejects.csv").replace("2026-02-30", "2026-02-28");
        desk.write("mended.csv", &mended);
        assert_eq!(desk.json(&["sales", "mended.csv"], 0)["inserted"], json!(1), "{mended}");
    }
}
