//! Files that `--rejects` may name, and may not.

use super::{Desk, GOOD, desks, sales};

/// A good row and a bad one.
fn two() -> String {
    sales(&[GOOD[0], "2026-02-03,3,Kettle,0,20,0,west"])
}

/// Imports with this file of rejects, which has to be refused before anything is written.
fn refused(desk: &Desk, args: &[&str], rejects: &str, said: &str) {
    let args = [args, &["--accept-good-rows", "--rejects", rejects]].concat();
    for more in [&[][..], &["--plan"]] {
        let run = desk.import(&[&args, more].concat()).code(2);
        let said = format!("cannot write the bad rows to {rejects}: {said}");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        assert!(run.stderr.contains("name another file with --rejects"), "{}", run.stderr);
    }
}

#[test]
fn a_file_that_the_import_needs_is_never_replaced() {
    for desk in desks() {
        desk.write("sales.csv", &two());
        let import = ["sales", "sales.csv"];
        // Neither where it is not there yet.
        refused(&desk, &import, desk.database, "it is the database");
        assert!(!desk.path(desk.database).exists());
        desk.import(&["sales", "sales.csv", "--accept-good-rows"]).success();
        let before = desk.sql("select * from sales");
        refused(&desk, &import, &format!("./{}", desk.database), "it is the database");
        std::fs::hard_link(desk.path(desk.database), desk.path("app.link")).unwrap();
        refused(&desk, &import, "app.link", "it is the database");
        let log = if desk.database == "app.db" { "app.db-wal" } else { "app.duckdb.wal" };
        refused(&desk, &import, log, "it is a log of the database");
        refused(&desk, &import, "sales.csv", "it is the file that is imported");
        // Also where that is a file of rejects itself.
        let again = "sales.csv.rejects.csv";
        refused(&desk, &["sales", again], again, "it is the file that is imported");
        assert_eq!(desk.sql("select * from sales"), before);
        assert_eq!(desk.read("sales.csv"), two());

        desk.write(
            "users.csv",
            "username,email,role,initial_password\nbo,bo@acme.example,viewer,\n,,,\n",
        );
        for name in ["users.csv.passwords.csv", "users.csv.passwords-2.csv"] {
            refused(
                &desk,
                &["users", "users.csv"],
                name,
                "passwords of new users may get this name",
            );
        }
        assert!(!desk.names().iter().any(|name| name.contains("passwords")));
    }
}

#[test]
fn only_a_file_of_rejects_is_replaced() {
    for desk in desks() {
        desk.write("sales.csv", &two());
        desk.write("notes.txt", "mine\n");
        let import = ["sales", "sales.csv"];
        refused(&desk, &import, "notes.txt", "it is there already, and no file of rejects");
        assert_eq!(desk.read("notes.txt"), "mine\n");
        std::fs::create_dir(desk.path("folder")).unwrap();
        refused(&desk, &import, "folder", "it is a folder");
        std::os::unix::fs::symlink("elsewhere", desk.path("link")).unwrap();
        refused(&desk, &import, "link", "it is a link");
        let fifo = std::process::Command::new("mkfifo").arg(desk.path("fifo")).status().unwrap();
        assert!(fifo.success());
        refused(&desk, &import, "fifo", "it is no regular file");
        refused(&desk, &import, "/dev/null", "it is no regular file");
        assert!(!desk.path(desk.database).exists());

        desk.write("empty.csv", "");
        for name in ["empty.csv", "r.csv"] {
            let named = ["--accept-good-rows", "--rejects", name];
            let first = desk.json(&[&import[..], &named].concat(), 0);
            assert_eq!(first["rejects"], name);
            // That of the last run is replaced.
            desk.write("sales.csv", &two().replace("Kettle", "Pot"));
            desk.import(&[&import[..], &named].concat()).success();
            assert!(desk.read(name).contains(",Pot,"), "{}", desk.read(name));
            desk.write("sales.csv", &two());
        }
    }
}
