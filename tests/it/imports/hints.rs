//! What is said beside an error leads to what mends it.

use serde_json::json;

use super::{desks, sales};
use crate::harness::fault_proxy::{FaultProxy, Request, Rule};
use crate::harness::tidegate::Tidegate;

#[test]
fn each_kind_of_unreadable_file_has_a_hint_of_its_own_or_none() {
    let [desk, _] = desks();
    let rows = sales(&super::GOOD);
    let wide: Vec<u8> = rows.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(desk.path("marked.csv"), [&[0xff, 0xfe], wide.as_slice()].concat()).unwrap();
    std::fs::write(desk.path("wide.csv"), &wide).unwrap();
    std::fs::write(
        desk.path("latin.csv"),
        [rows.as_bytes(), b"2026-02-01,1,Caf\xe9,1,1,1,n\n"].concat(),
    )
    .unwrap();
    std::fs::write(desk.path("book.csv"), b"PK\x03\x04\x14\x00abcdefghijklmnop\n").unwrap();
    desk.write("rows.csv", "[{\"date\": \"2026-02-01\"}]\n");
    desk.write("open.csv", &sales(&["2026-02-01,1,\"Tea,1,1,1,north"]));
    desk.write("empty.csv", "");
    desk.write("other.csv", "date,user,product_name,quantity,unit_price,total_amount,region\n");
    let wide = ("it is UTF-16, expected UTF-8", Some("iconv -f UTF-16 -t UTF-8"));
    for (file, (said, hint)) in [
        ("marked.csv", wide),
        ("wide.csv", wide),
        ("latin.csv", ("is no UTF-8", Some("iconv -f WINDOWS-1252 -t UTF-8"))),
        ("book.csv", ("it holds the byte 0", Some("save it as \"CSV UTF-8\""))),
        ("rows.csv", ("it is JSON, expected CSV", Some("imported from an API"))),
        ("open.csv", ("a quote of the row is not closed", Some("the quote is written twice"))),
        (
            "other.csv",
            ("the column user_id is missing", Some("the columns of an import are listed")),
        ),
        ("empty.csv", ("it is empty", None)),
        (".", ("it is a folder", None)),
    ] {
        let run = desk.import(&["sales", file]).code(10);
        assert!(run.stderr.contains(said), "{file}: {}", run.stderr);
        match hint {
            Some(hint) => assert!(run.stderr.contains(hint), "{file}: {}", run.stderr),
            None => assert!(!run.stderr.contains("hint:"), "{file}: {}", run.stderr),
        }
    }
}

#[test]
fn a_number_of_days_that_cannot_be_is_refused_in_one_way() {
    let [desk, _] = desks();
    for days in [
        &["--days=-1"][..],
        &["--days", "-1"],
        &["--days", "0"],
        &["--days", "x"],
        &["--days", "99999"],
    ] {
        let run = desk.import(&[&["sales"], days].concat()).code(2);
        assert!(run.stderr.contains("expected a number of days from 1 to 36525"), "{}", run.stderr);
    }
}

#[test]
fn rejects_that_cannot_be_written_are_said_without_a_temporary_name() {
    let [desk, _] = desks();
    desk.write("sales.csv", &sales(&super::GOOD));
    let run = desk
        .import(&["sales", "sales.csv", "--accept-good-rows", "--rejects", "no/such/r.csv"])
        .code(15);
    assert!(
        run.stderr.contains("cannot write the bad rows to no/such/r.csv: No such file"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains(".tmp"), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_named_without_a_temporary_name() {
    for desk in desks() {
        desk.write("sales.csv", &sales(&super::GOOD));
        // Nobody may make a file there, root neither.
        let file = format!("/sys/{}", desk.database);
        let run = desk.import(&["sales", "sales.csv", "--database", &file]).code(10);
        let said = format!("cannot open {file}: its folder /sys cannot be written (");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        assert!(run.stderr.contains("or choose another with --database"), "{}", run.stderr);
        assert!(!run.stderr.contains(".tidegate-new"), "{}", run.stderr);
    }
}

#[test]
fn an_import_that_too_many_bad_rows_stop_is_not_told_to_accept_them() {
    let [desk, _] = desks();
    let bad = "2026-02-01,1,Tea,0,2.50,0,north";
    desk.write("sales.csv", &sales(&[super::GOOD[0], bad, "2026-02-01,1,Tea,0,2.50,0,south"]));
    let accept = ["sales", "sales.csv", "--accept-good-rows"];
    let none = desk.import(&accept[..2]).code(14);
    assert!(
        none.stderr.contains("or write the good ones with --accept-good-rows"),
        "{}",
        none.stderr
    );
    let few = desk.import(&[&accept[..], &["--max-bad", "34%"]].concat()).code(14);
    let said = "mend them in the file, or raise --max-bad: 34% of 3 rows lets 1 row be bad";
    assert!(few.stderr.contains(said), "{}", few.stderr);
    assert!(!few.stderr.contains("--accept-good-rows"), "{}", few.stderr);
    let few = desk.import(&[&accept[..], &["--max-bad", "0"]].concat()).code(14);
    assert!(few.stderr.contains("or raise --max-bad: it lets 0 rows be bad"), "{}", few.stderr);
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(
        ".github/tidegate.yml",
        "version: 1\ndata:\n  imports:\n    sales: { preset: sales, max_bad: \"1\" }\n",
    );
    let few = desk.import(&accept).code(14);
    let said = "or raise `max_bad` of the import: it lets 1 row be bad";
    assert!(few.stderr.contains(said), "{}", few.stderr);
}

#[test]
fn control_characters_of_a_cell_are_not_in_the_reason() {
    let [desk, _] = desks();
    desk.write("sales.csv", &sales(&["2026-02-01,\u{1b}[31m1,Tea,2,2.50,5.00,north"]));
    desk.import(&["sales", "sales.csv", "--accept-good-rows"]).success();
    let rejects = desk.read("sales.csv.rejects.csv");
    let (cells, reason) = rejects.lines().nth(1).unwrap().split_once("line 2").unwrap();
    assert!(cells.contains("\u{1b}[31m1"), "as it was in the file: {rejects:?}");
    assert!(!reason.contains('\u{1b}'), "{rejects:?}");
}

/// Imports what a server answers; returns what was said, and how often it was asked.
fn asked(status: u16, headers: &[(&str, &str)], body: &str, code: i32) -> (String, usize) {
    let [desk, _] = desks();
    let server = FaultProxy::start("127.0.0.1:1");
    let rule = Rule::when(|request: &Request| request.path.starts_with("/sales"));
    server.add(rule.answer(status, headers, body));
    let run = Tidegate::new()
        .args(["data", "import", "sales", "--api", &format!("http://{}/sales", server.host())])
        .env("DATABASE_PATH", desk.database)
        .current_dir(desk.folder.path())
        .run()
        .code(code);
    (run.stdout + &run.stderr, server.seen().len())
}

#[test]
fn bad_rows_of_an_api_are_not_mended_in_a_file() {
    let row = json!([{
        "date": "2026-02-01", "user_id": 1, "product_name": "Tea", "quantity": 0,
        "unit_price": 2.5, "total_amount": "5.00", "region": "north"
    }]);
    let (said, _) = asked(200, &[], &row.to_string(), 14);
    assert!(said.contains("mend them where the API has them, or write the good ones"), "{said}");
}

#[test]
fn a_key_that_stands_there_twice_makes_a_row_bad() {
    let row = "[{\"date\": \"2026-02-01\", \"user_id\": 1, \"product_name\": \"Tea\", \"quantity\": 2, \
        \"unit_price\": 2.5, \"total_amount\": 5, \"region\": \"north\", \"user_id\": 2}]";
    let (said, _) = asked(200, &[], row, 14);
    assert!(said.contains("expected the key once"), "{said}");
}

#[test]
fn an_api_that_asks_for_an_hour_is_left_alone_and_the_time_is_said() {
    for (status, headers) in [(429, [("Retry-After", "3600")]), (503, [("Retry-After", "3600")])] {
        let (said, times) = asked(status, &headers, "{}", 8);
        assert_eq!(times, 1);
        assert!(said.contains("it asks to be left alone until 20"), "{said}");
    }
}
