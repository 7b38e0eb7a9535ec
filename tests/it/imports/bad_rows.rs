//! Batches with bad rows: nothing is written, or the good rows are and the others can be mended.

use serde_json::json;

use super::{Desk, GOOD, desks, sales};

/// A file with a bad row of each kind; its good rows are those of lines 2, 3 and 9.
fn mixed() -> String {
    sales(&[
        GOOD[0],
        "2026-02-02,2,\"Cups,\nblue\",1,9.90,9.90,south",
        "2026-02-30,3,Kettle,3,20,60,west",
        "2026-02-03,3,Kettle,0,20,0,west",
        "2026-02-03,3,Kettle,3,20,61,west",
        "2026-02-03,3,Kettle,3,20",
        GOOD[2],
        GOOD[0],
    ])
}

const LINES: [u64; 5] = [5, 6, 7, 8, 10];

fn lines(shown: &serde_json::Value) -> Vec<u64> {
    let rows = shown["bad_rows"].as_array().unwrap();
    rows.iter().map(|row| row["place"]["line"].as_u64().unwrap()).collect()
}

#[test]
fn a_batch_with_bad_rows_writes_nothing_and_names_each() {
    for desk in desks() {
        desk.write("sales.csv", &mixed());
        for args in [&["sales", "sales.csv"][..], &["sales", "sales.csv", "--plan"]] {
            let shown = desk.json(args, 14);
            assert_eq!(lines(&shown), LINES);
            assert_eq!((&shown["bad"], &shown["rows"]), (&5.into(), &8.into()));
            assert_eq!((&shown["written"], &shown["stopped"]), (&false.into(), &true.into()));
            assert_eq!(
                shown["bad_rows"][0],
                json!({"place": {"line": 5}, "faults": [{
                    "column": "date", "value": "2026-02-30", "rule": "expected a day such as 2026-02-07",
                }]})
            );
            let same = shown["bad_rows"][4]["faults"][0]["rule"].as_str().unwrap();
            assert!(same.ends_with("see line 2"), "{same}");
        }
        let said = desk.import(&["sales", "sales.csv"]).code(14);
        assert!(said.stdout.contains("6     quantity"), "{}", said.stdout);
        assert!(
            said.stdout.contains("5 bad rows of 8 rows: nothing was written"),
            "{}",
            said.stdout
        );
        assert_eq!(desk.names(), ["sales.csv"]);
        assert!(!desk.path(desk.database).exists());
    }
}

#[test]
fn good_rows_are_written_and_the_others_mended_and_imported() {
    for desk in desks() {
        desk.write("sales.csv", &mixed());
        let shown = desk.json(&["sales", "sales.csv", "--accept-good-rows"], 0);
        assert_eq!((&shown["inserted"], &shown["bad"]), (&3.into(), &5.into()));
        assert_eq!(shown["rejects"], "sales.csv.rejects.csv");
        let rejects = desk.read("sales.csv.rejects.csv");
        let first: Vec<&str> = rejects.lines().take(2).collect();
        assert_eq!(
            first,
            [
                "date,user_id,product_name,quantity,unit_price,total_amount,region,tidegate_reason",
                "2026-02-30,3,Kettle,3,20,60,west,line 5: date 2026-02-30: expected a day such as 2026-02-07"
            ]
        );
        // Before it is mended, every row of it is bad again, or there already.
        let unmended = desk.json(&["sales", "sales.csv.rejects.csv", "--plan"], 14);
        assert_eq!((&unmended["bad"], &unmended["inserted"]), (&4.into(), &0.into()));

        let mended = rejects
            .replace("2026-02-30", "2026-02-28")
            .replace("Kettle,0,20,0,", "Kettle,1,20,20,")
            .replace("3,20,61,", "5,20,100,")
            .replace("Kettle,3,20,\"line", "Kettle,4,20,80,west,\"line");
        desk.write("mended.csv", &mended);
        let shown = desk.json(&["sales", "mended.csv"], 0);
        assert_eq!((&shown["inserted"], &shown["unchanged"]), (&4.into(), &1.into()));
        assert_eq!(shown["warnings"], json!([]));

        // The same import again finds the same rejects, and a file that somebody changed stays.
        let again = desk.json(&["sales", "sales.csv", "--accept-good-rows"], 0);
        assert_eq!(again["rejects"], "sales.csv.rejects.csv");
        desk.write("sales.csv.rejects.csv", "being mended");
        let again = desk.json(&["sales", "sales.csv", "--accept-good-rows"], 0);
        assert_eq!(again["rejects"], "sales.csv.rejects-2.csv");
        assert_eq!(desk.read("sales.csv.rejects.csv"), "being mended");
        assert_eq!(desk.read("sales.csv.rejects-2.csv"), rejects);
    }
}

#[test]
fn too_many_bad_rows_stop_the_good_ones_too() {
    for desk in desks() {
        desk.write("sales.csv", &mixed());
        let accept =
            ["sales", "sales.csv", "--accept-good-rows", "--rejects", "r.csv", "--max-bad"];
        for most in ["4", "62%"] {
            let shown = desk.json(&[&accept[..], &[most]].concat(), 14);
            assert_eq!((&shown["written"], &shown["rejects"]), (&false.into(), &json!(null)));
        }
        assert_eq!(desk.names(), ["sales.csv"]);
        let shown = desk.json(&[&accept[..], &["5"]].concat(), 0);
        assert_eq!((&shown["written"], &shown["rejects"]), (&true.into(), &json!("r.csv")));
    }
}

#[test]
fn as_many_bad_rows_as_a_share_allows_are_allowed() {
    let [desk, _] = desks();
    let good = (0..71).map(|user| format!("2026-02-01,{user},Tea,2,2.50,5.00,north"));
    let bad = (0..29).map(|user| format!("2026-02-01,{user},Tea,0,2.50,0,north"));
    let rows: Vec<String> = good.chain(bad).collect();
    desk.write("sales.csv", &sales(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
    let accept = ["sales", "sales.csv", "--accept-good-rows", "--max-bad"];
    desk.json(&[&accept[..], &["28.9%"]].concat(), 14);
    desk.json(&[&accept[..], &["29%"]].concat(), 0);
}

#[test]
fn rejects_that_cannot_be_written_stop_the_import() {
    let [desk, _]: [Desk; 2] = desks();
    desk.write("sales.csv", &mixed());
    let run = desk
        .import(&["sales", "sales.csv", "--accept-good-rows", "--rejects", "no/such/r.csv"])
        .code(15);
    assert!(run.stderr.contains("cannot write the bad rows to no/such/r.csv"), "{}", run.stderr);
    assert!(!desk.path(desk.database).exists());
}

#[test]
fn a_row_with_a_wrong_quote_stands_in_the_rejects_as_it_was() {
    for desk in desks() {
        let wrong = "2026-02-01,1,\"a\"b,2,2.50,5.00,\"no, \"\"r\"\"th\"";
        let broken = "2026-02-01,1,\"a\nb\" ,2,2.50,5.00,south";
        desk.write("sales.csv", &sales(&[GOOD[0], wrong, broken, "2026-02-01,1,c,0,2.50,0,west"]));
        desk.import(&["sales", "sales.csv", "--accept-good-rows"]).success();
        let rejects = desk.read("sales.csv.rejects.csv");
        let reason = "(row): expected the end of the cell after its closing quote\n";
        assert!(rejects.contains(&format!("\n{wrong},line 3: {reason}")), "{rejects}");
        assert!(rejects.contains(&format!("\n{broken},line 4: {reason}")), "{rejects}");
        // Bad again, with one reason.
        let again = ["sales", "sales.csv.rejects.csv", "--accept-good-rows"];
        let shown = desk.json(&again, 0);
        assert_eq!((&shown["inserted"], &shown["bad"]), (&0.into(), &3.into()));
        let again = desk.read("sales.csv.rejects.csv.rejects.csv");
        assert!(again.contains(&format!("\n{wrong},line 2: {reason}")), "{again}");
        let mended = rejects.replace("\"a\"b", "\"ab\"").replace("b\" ,", "b\",");
        desk.write("mended.csv", &mended.replace("c,0,2.50,0,", "c,1,2.50,2.50,"));
        assert_eq!(desk.json(&["sales", "mended.csv"], 0)["inserted"], 3);
    }
}
