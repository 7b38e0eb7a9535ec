//! Imports that are stopped on their way leave nothing that stays.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Desk, SALES, desks};
use crate::harness::duckdb;
use crate::harness::tidegate::Tidegate;

/// What is in a folder under a name that begins so.
fn named(folder: &std::path::Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(start);
    entries.map(|entry| entry.path()).filter(is_named).collect()
}

/// An import that runs, until it has made something that is waited for.
fn started(
    desk: &Desk,
    args: &[&str],
    is_there: impl Fn() -> bool,
) -> (std::process::Child, tempfile::TempDir) {
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    let (mut child, home) = Tidegate::new()
        .args(["data", "import"])
        .args(args)
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.path("tmp"))
        .env("PATH", duckdb::path())
        .current_dir(desk.folder.path())
        .start();
    let until = Instant::now() + Duration::from_mins(2);
    while !is_there() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was stopped");
        assert!(Instant::now() < until, "it did not come so far");
        std::thread::sleep(Duration::from_millis(1));
    }
    (child, home)
}

/// Users without passwords, which take their time to be hashed.
fn users(count: u32) -> String {
    let mut text = "username,email,role,initial_password\n".to_owned();
    for user in 0..count {
        writeln!(text, "u{user},u{user}@acme.example,viewer,").unwrap();
    }
    text
}

fn many_sales() -> String {
    let mut text = SALES.to_owned();
    for user in 0..100_000 {
        writeln!(text, "2026-02-01,{user},Tea,2,2.50,5.00,north").unwrap();
    }
    text
}

#[test]
fn the_next_import_removes_what_a_killed_one_has_left_and_spares_a_living_one() {
    for desk in desks() {
        desk.write("users.csv", &users(5000));
        desk.write("sales.csv", &super::sales(&super::GOOD));
        let tmp = desk.path("tmp");
        let is_there = || !named(&tmp, "tidegate-import-").is_empty();
        let (mut child, _home) = started(&desk, &["users", "users.csv"], is_there);
        let other = Tidegate::new()
            .args(["data", "import", "sales", "sales.csv", "--database", "other.db"])
            .env("TMPDIR", desk.path("tmp"))
            .current_dir(desk.folder.path())
            .run();
        other.success();
        assert_eq!(child.try_wait().unwrap(), None, "it should still run");
        assert_eq!(named(&desk.path("tmp"), "tidegate-import-").len(), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(named(&desk.path("tmp"), "tidegate-import-").len(), 1);
        // Looks itself that nothing is left there.
        desk.import(&["sales", "sales.csv"]).success();
    }
}

#[test]
fn signals_remove_the_copies_before_they_end_an_import() {
    let [desk, _] = desks();
    desk.write("users.csv", &users(5000));
    for (signal, code) in [
        (rustix::process::Signal::TERM, 143),
        (rustix::process::Signal::HUP, 129),
        (rustix::process::Signal::INT, 130),
    ] {
        let tmp = desk.path("tmp");
        let is_there = || {
            let folders = named(&tmp, "tidegate-import-");
            let is_hashing =
                folders.first().is_some_and(|folder| folder.join("hashed.csv").exists());
            is_hashing && unfinished(&desk).is_some()
        };
        let (mut child, _home) = started(&desk, &["users", "users.csv"], is_there);
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(named(&desk.path("tmp"), ""), Vec::<PathBuf>::new());
        assert_eq!(desk.names(), ["users.csv"], "passwords of nobody");
        assert!(!desk.path(desk.database).exists());
    }
}

#[test]
fn copies_beside_the_database_are_removed_too() {
    for desk in desks() {
        desk.write("many.csv", &many_sales());
        desk.write("sales.csv", &super::sales(&super::GOOD));
        let here = desk.folder.path().to_owned();
        let is_there = || !named(&here, ".tidegate-new-").is_empty();
        let (mut child, _home) = started(&desk, &["sales", "many.csv"], is_there);
        child.kill().unwrap();
        child.wait().unwrap();
        desk.import(&["sales", "sales.csv"]).success();
        assert_eq!(named(&here, ".tidegate-"), Vec::<PathBuf>::new());
    }
    let [_, desk] = desks();
    desk.write("many.csv", &many_sales());
    desk.write("sales.csv", &super::sales(&super::GOOD));
    desk.import(&["sales", "sales.csv"]).success();
    let here = desk.folder.path().to_owned();
    let is_there = || !named(&here, ".tidegate-swap-").is_empty();
    let (mut child, _home) = started(&desk, &["sales", "many.csv", "--swap"], is_there);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(named(&here, ".tidegate-").len(), 1);
    desk.import(&["sales", "sales.csv"]).success();
    assert_eq!(named(&here, ".tidegate-"), Vec::<PathBuf>::new());
}

/// The file of passwords of an import that has not ended well.
fn unfinished(desk: &Desk) -> Option<String> {
    desk.names().into_iter().find(|name| name.ends_with(".unfinished"))
}

/// Kills an import while it makes passwords up; returns the file that it leaves.
fn killed(desk: &Desk) -> String {
    desk.write("users.csv", &users(300));
    let (mut child, _home) = started(desk, &["users", "users.csv"], || unfinished(desk).is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    unfinished(desk).unwrap()
}

#[test]
fn passwords_of_nobody_do_not_look_like_those_of_users() {
    for desk in desks() {
        let unfinished = killed(&desk);
        assert!(unfinished.starts_with("users.csv.passwords.csv."), "{unfinished}");
        assert_eq!(desk.names(), ["users.csv", &unfinished]);
        desk.write("users.csv", &users(1));
        desk.import(&["users", "users.csv"]).success();
        assert_eq!(desk.names(), ["users.csv", "users.csv.passwords.csv"]);
        assert_eq!(desk.read("users.csv.passwords.csv").lines().count(), 2);
    }
}

#[test]
fn passwords_that_were_written_are_kept_where_only_their_file_was_not_finished() {
    for desk in desks() {
        let (last, before) = ("users.csv.passwords.csv", killed(&desk));
        desk.write("users.csv", &users(1));
        desk.import(&["users", "users.csv"]).success();
        std::fs::rename(desk.path(last), desk.path(&before)).unwrap();
        let text = desk.read(&before);
        desk.write("users.csv", &users(2));
        let run = desk.import(&["users", "users.csv"]).success();
        let said = "passwords of an import that was killed after it had written its users: users.csv.passwords.csv";
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert_eq!(desk.read(last), text);
        assert_eq!(desk.names(), ["users.csv", "users.csv.passwords-2.csv", last]);
    }
}

#[test]
fn passwords_of_one_database_are_not_those_of_nobody_in_another() {
    for desk in desks() {
        let (last, before) = ("users.csv.passwords.csv", killed(&desk));
        desk.write("users.csv", &users(1));
        desk.import(&["users", "users.csv"]).success();
        std::fs::rename(desk.path(last), desk.path(&before)).unwrap();
        let text = desk.read(&before);
        // Neither into a database that is not there, nor into one that has other users.
        let other = format!("app.other.{}", desk.database.rsplit('.').next().unwrap());
        for args in [&["users", "users.csv"][..], &["users", "users.csv", "--plan"]] {
            desk.import(&[args, &["--database", &other]].concat()).success();
            assert_eq!(desk.read(&before), text);
        }
        assert_eq!(desk.names(), ["users.csv", last, &before]);
        let run = desk.import(&["users", "users.csv"]).success();
        let kept = "users.csv.passwords-2.csv";
        assert!(run.stderr.contains(&format!("had written its users: {kept}")), "{}", run.stderr);
        assert_eq!(desk.read(kept), text);
    }
}

#[test]
fn a_signal_that_is_to_be_ignored_does_not_end_an_import() {
    let [desk, _] = desks();
    desk.write("users.csv", &users(200));
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    let mut child = std::process::Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" data import users users.csv"])
        .arg(env!("CARGO_BIN_EXE_tidegate"))
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.path("tmp"))
        .current_dir(desk.folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_mins(2);
    while named(&desk.path("tmp"), "tidegate-import-").is_empty() {
        assert!(Instant::now() < until, "it did not come so far");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(desk.sql("SELECT count(*) FROM users"), ["200"]);
}
