//! Files, arguments and configurations that cannot be used.

use super::{SALES, desks, sales};

#[test]
fn a_file_that_cannot_be_imported_is_named_with_what_to_do() {
    let [desk, _] = desks();
    let latin = [sales(&[]).as_bytes(), b"2026-02-01,1,Caf\xe9,1,1,1,north\n"].concat();
    std::fs::write(desk.path("latin.csv"), latin).unwrap();
    desk.write("empty.csv", "");
    desk.write("header.csv", SALES);
    desk.write("open.csv", &sales(&["2026-02-01,1,\"Tea,1,1,1,north"]));
    desk.write("other.csv", "date,user,product_name,quantity,unit_price,total_amount,region\n");
    for (file, said) in [
        ("latin.csv", "latin.csv: line 2: byte 17 is no UTF-8"),
        ("empty.csv", "empty.csv: it is empty: there is not even a header"),
        ("header.csv", "header.csv: it has a header and no rows"),
        ("open.csv", "open.csv: line 2: a quote of the row is not closed"),
        ("other.csv", "other.csv: the column user_id is missing; there are date, user, "),
        ("missing.csv", "cannot read missing.csv: "),
        (".", ".: it is a folder, not a CSV file"),
    ] {
        let run = desk.import(&["sales", file]).code(10);
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        assert!(!desk.path(desk.database).exists());
    }
}

#[test]
fn wrong_arguments_and_declarations_are_refused() {
    let [desk, _] = desks();
    let unknown = desk.import(&["orders", "x.csv"]).code(2);
    let said = "there is no import \"orders\"; the imports are sales, users";
    assert!(unknown.stderr.contains(said), "{}", unknown.stderr);
    let fileless = desk.import(&["sales"]).code(2);
    assert!(fileless.stderr.contains("nobody says which file"), "{}", fileless.stderr);
    desk.import(&["sales", "x.csv", "--max-bad", "1%"]).code(2);
    desk.import(&["sales", "x.csv", "--accept-good-rows", "--max-bad", "some"]).code(2);

    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(
        ".github/tidegate.yml",
        "version: 1\ndata:\n  imports:\n    sales:\n      key: [day]\n",
    );
    let wrong = desk.import(&["sales", "x.csv"]).code(2);
    assert!(wrong.stderr.contains("tidegate.yml:5:"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("there is no column \"day\""), "{}", wrong.stderr);
}

#[test]
fn the_names_of_the_field_come_from_a_file_of_variables() {
    for desk in desks() {
        desk.write("sales.csv", &sales(&super::GOOD));
        desk.write(".env.production", &format!("DATABASE_PATH=other/{}\n", desk.database));
        std::fs::create_dir_all(desk.path("other")).unwrap();
        crate::harness::tidegate::Tidegate::new()
            .args(["data", "import", "sales", "sales.csv", "--env-file", ".env.production"])
            .env("PATH", crate::harness::duckdb::path())
            .current_dir(desk.folder.path())
            .run()
            .success();
        let file = desk.path("other").join(desk.database);
        assert_eq!(super::rows(&file, "SELECT count(*) FROM sales"), ["3"]);
    }
}
