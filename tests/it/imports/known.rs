//! Which users the table has already: nobody of them gets another password.

use serde_json::json;

use super::{Desk, desks};
use crate::harness::duckdb;

fn declare(desk: &Desk, import: &str) {
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(".github/tidegate.yml", &format!("data:\n  imports:\n{import}"));
}

/// Imports users without passwords, all of whom the table has: no password is made up.
fn knows_all(desk: &Desk, rows: u64) {
    let done = desk.json(&["users", "users.csv"], 0);
    assert_eq!((&done["unchanged"], &done["inserted"]), (&rows.into(), &0.into()));
    assert_eq!(
        (&done["random_passwords"], &done["password_file"]),
        (&0.into(), &json!(null)),
        "{}",
        desk.database
    );
    let files = desk.names();
    assert!(!files.iter().any(|name| name.contains("passwords")), "{files:?}");
}

#[test]
fn users_are_known_by_their_e_mail_in_any_case() {
    for desk in desks() {
        declare(&desk, "    users: { preset: users, key: [email] }\n");
        desk.sql(
            "CREATE TABLE users (username VARCHAR, email VARCHAR, role VARCHAR, password_hash VARCHAR); \
             INSERT INTO users VALUES ('ana', 'Ana@Acme.example', 'admin', 'old')",
        );
        desk.write(
            "users.csv",
            "username,email,role,initial_password\nana,ANA@acme.example,admin,\n",
        );
        knows_all(&desk, 1);
    }
}

#[test]
fn users_of_a_large_team_are_known_by_all_columns_of_their_key() {
    for desk in desks() {
        declare(
            &desk,
            "    users:\n      table: members\n      key: [team, name]\n      columns:\n        \
             - { name: team, type: text }\n        - { name: name, type: text }\n      \
             password: { column: initial_password }\n",
        );
        desk.sql("CREATE TABLE members (team VARCHAR, name VARCHAR, password_hash VARCHAR)");
        desk.sql(
            "INSERT INTO members WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
             WHERE i < 12000) SELECT 'tide', 'u' || i, 'old' FROM n",
        );
        let mut users = "team,name,initial_password\n".to_owned();
        for number in [1, 5000, 10_500, 11_999, 12_000] {
            users += &format!("tide,u{number},\n");
        }
        desk.write("users.csv", &users);
        knows_all(&desk, 5);
    }
}

#[test]
fn users_are_known_beside_a_swap() {
    for desk in desks() {
        desk.sql("CREATE TABLE notes (n INTEGER)");
        desk.write(
            "users.csv",
            "username,email,role,initial_password\nana,ana@acme.example,admin,\n",
        );
        for made in [1, 0] {
            let done = desk.json(&["users", "users.csv", "--swap"], 0);
            assert_eq!(
                (&done["inserted"], &done["random_passwords"]),
                (&made.into(), &made.into())
            );
        }
    }
}

#[test]
fn a_table_of_the_same_name_in_another_schema_is_another() {
    let [_, desk] = desks();
    desk.sql("CREATE SCHEMA old; CREATE TABLE old.users (id INTEGER)");
    desk.write("users.csv", "username,email,role,initial_password\nana,ana@acme.example,admin,\n");
    let done = desk.json(&["users", "users.csv"], 0);
    assert_eq!((&done["inserted"], &done["random_passwords"]), (&1.into(), &1.into()));
}

#[test]
fn passwords_that_were_made_up_go_with_an_import_that_did_not_happen() {
    let [desk, _] = desks();
    desk.write("users.csv", "username,email,role,initial_password\nana,ana@acme.example,admin,\n");
    desk.sql("PRAGMA journal_mode = WAL; CREATE TABLE notes (n INTEGER)");
    // Readers go on, and so does the look at the table; the import itself has to wait.
    let writer = rusqlite::Connection::open(desk.path(desk.database)).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = desk.import(&["users", "users.csv", "--wait", "100ms"]).code(8);
    assert!(run.stderr.contains("in use"), "{}", run.stderr);
    assert_eq!(desk.names(), ["users.csv"]);
    drop(writer);
    desk.import(&["users", "users.csv"]).success();
    assert_eq!(desk.names(), ["users.csv", "users.csv.passwords.csv"]);
}

/// Puts a command in the place of `duckdb`, which does with the script that loads rows what `change` of
/// sed(1) makes of it, and ends by a signal where it is `killed`.
fn changed_command(desk: &Desk, change: &str, killed: bool) {
    let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
    let end = if killed { "kill -9 $$" } else { "" };
    let code = format!(
        "#!/bin/sh\ncase \"$*\" in *--version*|*-readonly*) exec {0} \"$@\";; esac\n\
         sed '{change}' | {0} \"$@\"\n{end}\n",
        duckdb::command(newest).display()
    );
    desk.write("changed.sh", &code);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(desk.path("changed.sh"), executable).unwrap();
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(".github/tidegate.yml", "data:\n  duckdb: { command: ./changed.sh }\n");
}

#[test]
fn passwords_stay_only_where_nobody_knows_whether_their_users_are_there() {
    let [_, desk] = desks();
    desk.sql("CREATE TABLE notes (n INTEGER)");
    desk.write("users.csv", "username,email,role,initial_password\nana,ana@acme.example,admin,\n");
    // The engine refuses at the end, and takes all back.
    changed_command(&desk, "s/^COMMIT;$/SELECT error($$no$$);/", false);
    let run = desk.import(&["users", "users.csv"]).code(10);
    assert!(!run.stderr.contains("passwords.csv"), "{}", run.stderr);
    assert_eq!(desk.names(), [".github", "changed.sh", "users.csv"]);
    // It is killed after the rows are written, before anybody hears of it.
    changed_command(&desk, "s/^COMMIT;$/COMMIT;\\n.shell kill -9 $PPID/", true);
    let run = desk.import(&["users", "users.csv"]).code(15);
    assert!(run.stderr.contains("it is not known whether the rows were written"), "{}", run.stderr);
    assert!(run.stderr.contains("the new passwords stay in"), "{}", run.stderr);
    assert_eq!(desk.names(), [".github", "changed.sh", "users.csv", "users.csv.passwords.csv"]);
    assert_eq!(desk.sql("SELECT username FROM users"), ["ana"]);
    // Once more finds the user, and makes up nothing.
    desk.write(".github/tidegate.yml", "data: {}\n");
    let again = desk.json(&["users", "users.csv"], 0);
    assert_eq!((&again["unchanged"], &again["random_passwords"]), (&1.into(), &0.into()));
}
