//! Killed, twice at once, beside readers and writers, on a full disk: nothing is lost, and the next run
//! leaves nothing behind.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tidegate::adapters::database::holder;

use super::{Kind, Place, names, newest};
use crate::harness::duckdb;
use crate::harness::environment::isolated_command;
use crate::harness::small_disk::{on_a_small_disk, read_only};
use crate::harness::tidegate::Tidegate;

#[test]
fn a_backup_that_was_killed_is_never_counted_and_the_next_removes_it() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    place.back_up();
    let owner = fs::read_to_string(place.folder.path().join(".tidegate-sales.db.backup-lock"));
    let owner = owner.unwrap();
    // What stays where a run ends after its note, in its upload, before its description, after it.
    for (stamp, files) in
        [("20260101_000000", &[".unfinished"][..]), ("20260102_000000", &[".unfinished", ""][..])]
    {
        for end in files {
            let file = place.backups().join(format!("sales_{stamp}.db{end}"));
            fs::write(file, if end.is_empty() { "half" } else { &owner }).unwrap();
        }
    }
    let scratch = place.folder.path().join(".tidegate-sales.db.backup-scratch-x");
    fs::create_dir(&scratch).unwrap();
    fs::write(scratch.join("sales.db"), "half").unwrap();
    let list = place.list();
    let whole = list.iter().filter(|backup| backup["verified"] == true).count();
    assert_eq!((list.len(), whole), (2, 1), "{list:?}");
    // Another machine's may be under way.
    fs::write(place.backups().join("sales_20260103_000000.db.unfinished"), "another").unwrap();
    let run = place.run(&["backup"]).success();
    assert!(run.stderr.contains("removed sales_20260102_000000.db"), "{}", run.stderr);
    let kept = place.kept();
    assert!(!kept.iter().any(|name| name.contains("20260101") || name.contains("20260102")));
    assert!(kept.contains(&"sales_20260103_000000.db.unfinished".to_owned()), "{kept:?}");
    assert!(!scratch.exists(), "scratch folders of ended runs go");
    place.run(&["backup", "--verify-all"]).success();
}

/// Waits for what comes soon, in no time that matters.
fn wait(done: impl Fn() -> bool, what: &str) {
    let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !done() {
        assert!(std::time::Instant::now() < until, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn killed_at_any_moment_the_next_backup_is_whole() {
    let place = Place::new(Kind::DuckDb);
    place.fill(50);
    for pause in [2, 40, 80, 120, 160, 200, 260, 320, 400] {
        let (mut child, _home) = place.tidegate(&["backup"]).start();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        let _ = child.kill();
        child.wait().unwrap();
        // Its engine ends with it, an instant later.
        wait(|| holder(&place.path()).is_none(), "the engine holds the database");
        assert_eq!(place.rows(), 50);
    }
    place.back_up();
    place.run(&["backup", "--verify-all"]).success();
    let list = place.list();
    assert!(list.iter().all(|backup| backup["verified"] == true), "{list:?}");
    let left = names(place.folder.path(), |name| name.contains("scratch"));
    assert_eq!(left, [""; 0]);
    let left = place.kept().into_iter().filter(|name| name.ends_with(".unfinished"));
    assert_eq!(left.collect::<Vec<String>>(), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_engine_ends_with_the_run_that_was_killed() {
    let place = Place::new(Kind::DuckDb);
    place.fill(3);
    // An engine that is in the middle of a long statement: it does not look at what it is sent.
    let bin = place.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--version*) exec {} --version;; esac\n\
         echo $$ > pid.new && mv pid.new pid\nsleep 600\n",
        duckdb::command(newest()).display()
    );
    fs::write(bin.join("duckdb"), script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bin.join("duckdb"), executable).unwrap();
    let path = std::env::join_paths([bin.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
    let (mut child, _home) = place.tidegate(&["backup"]).env("PATH", path).start();
    let pid = place.folder.path().join("pid");
    wait(|| pid.exists(), "the engine was not started");
    let pid: u32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Where nobody waits for ended processes, a zombie is left.
        stat.contains("(duckdb)") && !stat.contains(") Z ")
    };
    assert!(runs());
    child.kill().unwrap();
    child.wait().unwrap();
    wait(|| !runs(), "the engine goes on after the run that started it");
}

#[test]
fn several_at_once_make_a_backup_each() {
    for kind in Kind::EACH {
        let place = Place::new(kind);
        place.fill(20);
        let runs: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| place.run(&["backup"]))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for run in runs {
            run.success();
        }
        let list = place.list();
        assert_eq!(list.len(), 4, "{list:?}");
        assert!(list.iter().all(|backup| backup["verified"] == true), "{list:?}");
        place.run(&["backup", "--verify-all"]).success();
    }
}

#[test]
fn a_backup_beside_a_writer_is_one_state() {
    let place = Place::new(Kind::Sqlite);
    place.sql("pragma journal_mode = wal; create table sales (id integer); create table other (id integer)");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = Connection::open(place.path()).unwrap();
            writer.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
            while !done.load(Ordering::Relaxed) {
                // Both tables get a row, or none.
                writer.execute_batch("begin immediate; insert into sales values (1); insert into other values (1); commit").unwrap();
            }
        });
        for _ in 0..3 {
            place.back_up();
        }
        done.store(true, Ordering::Relaxed);
    });
    for backup in place.list() {
        let file = place.backups().join(backup["name"].as_str().unwrap());
        let count = |table: &str| -> i64 {
            let sql = format!("select count(*) from {table}");
            Connection::open(&file).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count("sales"), count("other"));
    }
}

/// A `duckdb` command that has the database open.
fn holds(place: &Place, read_only: bool) -> (Child, ChildStdin) {
    let mut command = isolated_command(duckdb::command(newest()), place.folder.path());
    if read_only {
        command.arg("-readonly");
    }
    let mut child = command
        .args(["-init", "/dev/null", "-batch", "-json"])
        .arg(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "select count(*) from sales;").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("count"), "{line}");
    (child, input)
}

#[test]
fn a_database_that_is_in_use_is_backed_up_beside_readers_and_never_replaced() {
    let place = Place::new(Kind::DuckDb);
    place.fill(7);
    let (mut reader, input) = holds(&place, true);
    place.back_up();
    let run = place.run(&["backup", "--restore", "latest", "-y"]).code(8);
    let holder = format!("process {} (duckdb)", reader.id());
    assert!(run.stderr.contains(&holder), "{}", run.stderr);
    drop(input);
    reader.wait().unwrap();
    place.run(&["backup", "--restore", "latest", "-y"]).success();

    let place = Place::new(Kind::Sqlite);
    place.fill(7);
    place.back_up();
    // A connection that does nothing holds no lock, and would go on with the old file.
    let mut sleeper = isolated_command("sh", place.folder.path())
        .args(["-c", "exec 9<sales.db; echo open; read line"])
        .current_dir(place.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(sleeper.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    let run = place.run(&["backup", "--restore", "latest", "-y"]).code(8);
    assert!(run.stderr.contains(&format!("process {}", sleeper.id())), "{}", run.stderr);
    let before = names(place.folder.path(), |name| name.contains("before_restore"));
    assert_eq!(before, [""; 0], "nothing was changed");
    drop(sleeper.stdin.take());
    sleeper.wait().unwrap();
    place.run(&["backup", "--restore", "latest", "-y"]).success();
}

#[test]
fn a_full_disk_of_backups_loses_nothing() {
    let place = Place::new(Kind::Sqlite);
    place.fill(20_000);
    fs::create_dir(place.backups()).unwrap();
    let (run, left) =
        on_a_small_disk(&place.backups(), 128, || (place.run(&["backup"]), place.kept()));
    let run = run.code(15);
    assert!(run.stderr.contains("space"), "{}", run.stderr);
    assert_eq!(left, [""; 0], "what was begun is removed at once");
    assert_eq!(place.rows(), 20_000);
    place.back_up();
}

#[test]
fn a_full_disk_of_the_database_loses_nothing() {
    let place = Place::new(Kind::Sqlite);
    place.fill(20_000);
    let file = place.path();
    let size = u32::try_from(fs::metadata(&file).unwrap().len() / 1024).unwrap();
    let held = fs::read(&file).unwrap();
    let folder = place.folder.path().join("small");
    fs::create_dir(&folder).unwrap();
    let (run, after, left) = on_a_small_disk(&folder, size + 100, || {
        fs::write(folder.join("sales.db"), &held).unwrap();
        let run = Tidegate::new()
            .args(["data", "backup", "--database", "small/sales.db"])
            .current_dir(place.folder.path())
            .run();
        let left = names(&folder, |name| name.contains("scratch"));
        (run, fs::read(folder.join("sales.db")).unwrap(), left)
    });
    assert_ne!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("full"), "{}", run.stderr);
    assert!(after == held && left.is_empty(), "{left:?}");
}

#[test]
fn a_full_disk_damages_no_backup_and_the_others_are_verified() {
    let outer = tempfile::TempDir::new().unwrap();
    let config = format!("  backup: {{ to: \"file://{}\" }}\n", outer.path().display());
    let place = Place::with(Kind::Sqlite, &config);
    place.fill(3);
    let little = place.back_up();
    place.fill(20_000);
    let large = place.back_up();
    let folder = place.folder.path().join("small");
    fs::create_dir(&folder).unwrap();
    let (verified, restored, left) = on_a_small_disk(&folder, 128, || {
        let run = |arguments: &[&str]| {
            let all = ["data", "backup", "--database", "small/sales.db"].iter().chain(arguments);
            Tidegate::new().args(all).current_dir(place.folder.path()).run()
        };
        let runs = (run(&["--verify-all", "--json"]), run(&["--restore", &large, "-y"]));
        (runs.0, runs.1, fs::read_dir(&folder).unwrap().flatten().map(|e| e.file_name()).collect())
    });
    let verified = verified.code(15).json();
    let of = |name: &str| {
        let lines = verified["backups"].as_array().unwrap();
        lines.iter().find(|line| line["name"] == name).unwrap()
    };
    assert_eq!(
        (&of(&little)["restorable"], &of(&large)["restorable"]),
        (&true.into(), &false.into())
    );
    assert_eq!((&of(&large)["unknown"], &verified["damaged"]), (&true.into(), &0.into()));
    let why = of(&large)["problem"].as_str().unwrap();
    assert!(why.contains("No space left on device"), "{why}");
    let restored = restored.code(15);
    assert!(restored.stderr.contains("No space left on device"), "{}", restored.stderr);
    assert!(restored.stderr.contains("hint: free some space"), "{}", restored.stderr);
    let left: Vec<std::ffi::OsString> = left;
    assert!(!left.iter().any(|name| name == "sales.db"), "{left:?}");
}

#[test]
fn a_file_in_the_place_of_the_folder_of_backups_is_named() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    fs::write(place.backups(), "in the way").unwrap();
    let run = place.run(&["backup"]);
    assert!(run.status != Some(0) && run.stderr.contains("backups"), "{run:?}");
    let left = names(place.folder.path(), |name| name.contains("scratch"));
    assert_eq!(left, [""; 0]);
    fs::remove_file(place.backups()).unwrap();
    place.back_up();
}

#[test]
fn a_bucket_that_is_none_is_said_with_what_was_found() {
    let mut place = Place::new(Kind::Sqlite);
    place.fill(1);
    place.environment = vec![("AWS_S3_BACKUP_BUCKET".to_owned(), "Not A Bucket".to_owned())];
    let run = place.run(&["backup"]).code(2);
    assert!(run.stderr.contains("acme-backups, found \"Not A Bucket\""), "{}", run.stderr);
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_keeps_its_database() {
    let outer = tempfile::TempDir::new().unwrap();
    let folder = outer.path().join("served");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(outer.path().join(".github")).unwrap();
    let config = format!(
        "version: 1\ndata:\n  backup: {{ to: \"file://{}\" }}\n",
        outer.path().join("kept").display()
    );
    fs::write(outer.path().join(".github/tidegate.yml"), config).unwrap();
    on_a_small_disk(&folder, 8192, || {
        let run = |arguments: &[&str], database: &str| {
            Tidegate::new()
                .args(["data", "backup", "--database", database])
                .args(arguments)
                .current_dir(outer.path())
                .run()
        };
        let file = folder.join("sales.db");
        super::run(Kind::Sqlite, &file, "create table sales (id integer)");
        run(&[], "served/sales.db").success();
        let held = fs::read(&file).unwrap();
        read_only(&folder);
        for database in ["served/sales.db", "served/new/sales.db"] {
            let restored = run(&["--restore", "latest", "-y"], database).code(10);
            assert!(restored.stderr.contains("Read-only file system"), "{}", restored.stderr);
            assert!(restored.stderr.contains("served"), "{}", restored.stderr);
            assert!(restored.stderr.contains("may this user write there"), "{}", restored.stderr);
        }
        assert_eq!(fs::read(&file).unwrap(), held);
    });
}
