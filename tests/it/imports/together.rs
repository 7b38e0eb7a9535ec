//! Imports that run at once.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
use tempfile::TempDir;

use super::{Desk, GOOD, SALES, desks, sales};
use crate::harness::duckdb;
use crate::harness::tidegate::Tidegate;

fn start(desk: &Desk, args: &[&str]) -> (Child, TempDir) {
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    Tidegate::new()
        .args(["data", "import"])
        .args(args)
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.path("tmp"))
        .env("PATH", duckdb::path())
        .current_dir(desk.folder.path())
        .start()
}

fn wait_until(child: &mut Child, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended too early");
        assert!(Instant::now() < until, "it did not come so far");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn users(range: std::ops::Range<u32>) -> String {
    range.fold("username,email,role,initial_password\n".to_owned(), |text, user| {
        text + &format!("u{user:03},u{user}@acme.example,viewer,\n")
    })
}

/// The passwords that the files of a folder tell, by user, in the files of these names.
fn told(desk: &Desk, names: &[&str]) -> BTreeMap<String, String> {
    let texts = names.iter().map(|name| desk.read(name)).collect::<Vec<_>>();
    let lines = texts.iter().flat_map(|text| text.lines().skip(1));
    lines.map(|line| line.split_once(',').unwrap()).map(|(u, p)| (u.into(), p.into())).collect()
}

/// While users are hashed, another process writes some of them, or all.
fn meanwhile(desk: &Desk, others: u32) -> (String, Vec<String>) {
    desk.write("first.csv", &users(900..901));
    desk.import(&["users", "first.csv"]).success();
    desk.write("users.csv", &users(0..120));
    let (mut child, _home) = start(desk, &["users", "users.csv", "--wait", "5m"]);
    wait_until(&mut child, || desk.names().iter().any(|name| name.ends_with(".unfinished")));
    let values: Vec<String> = (0..others)
        .map(|user| format!("('u{user:03}', 'u{user}@acme.example', 'viewer', 'theirs')"))
        .collect();
    desk.sql(&format!(
        "insert into users (username, email, role, password_hash) values {}",
        values.join(", ")
    ));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let theirs = desk.sql("select count(*) as n from users where password_hash = 'theirs'");
    (theirs[0].clone(), desk.names())
}

#[test]
fn passwords_of_users_whom_another_import_has_written_are_not_handed_out() {
    for desk in desks() {
        let (theirs, names) = meanwhile(&desk, 120);
        assert_eq!(theirs, "120");
        assert_eq!(names, ["first.csv", "first.csv.passwords.csv", "users.csv"]);
    }
}

#[test]
fn passwords_of_the_users_whom_it_has_written_itself_are() {
    for desk in desks() {
        let (theirs, names) = meanwhile(&desk, 110);
        assert_eq!(theirs, "110");
        let file = "users.csv.passwords.csv";
        assert_eq!(names, ["first.csv", "first.csv.passwords.csv", "users.csv", file]);
        let told = told(&desk, &[file]);
        let known: Vec<&String> = told.keys().collect();
        let expected: Vec<String> = (110..120).map(|user| format!("u{user}")).collect();
        assert_eq!(known, expected.iter().collect::<Vec<_>>());
        let hashes =
            "select username, password_hash from users where username between 'u110' and 'u119'";
        for row in desk.sql(hashes) {
            let (user, hash) = row.split_once('|').unwrap();
            let hash = PasswordHash::new(hash).unwrap();
            argon2::Argon2::default().verify_password(told[user].as_bytes(), &hash).unwrap();
        }
    }
}

#[test]
fn an_import_goes_on_in_a_database_that_was_made_meanwhile() {
    for desk in desks() {
        // Made before, so that it is put there at once.
        let other = format!("app.made.{}", desk.database.rsplit('.').next().unwrap());
        desk.write("sales.csv", &sales(&GOOD));
        desk.import(&["sales", "sales.csv", "--database", &other]).success();
        let mut text = SALES.to_owned() + GOOD[1] + "\n";
        for user in 1000..60_000 {
            text += &format!("2026-02-01,{user},Tea,2,2.50,5.00,north\n");
        }
        desk.write("many.csv", &text);
        let (mut child, _home) = start(&desk, &["sales", "many.csv", "--wait", "5m"]);
        let is_making = || {
            let entries = std::fs::read_dir(desk.folder.path()).unwrap().flatten();
            let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.any(|name| name.starts_with(".tidegate-new-"))
        };
        wait_until(&mut child, is_making);
        std::fs::hard_link(desk.path(&other), desk.path(desk.database)).unwrap();
        std::fs::remove_file(desk.path(&other)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(desk.sql("select count(*) as n from sales"), ["59003"]);
    }
}
