//! Users and their passwords, which stand nowhere but as hashes.

use std::os::unix::fs::PermissionsExt as _;

use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
use serde_json::json;

use super::{Desk, desks};
use crate::harness::fault_proxy::{Fault, FaultProxy, Request, Rule};
use crate::harness::tidegate::Tidegate;

const USERS: &str = "username,email,role,initial_password\n\
    ana,Ana@acme.example,admin,Hunter2-secret\n\
    bo,bo@acme.example,viewer,\n";

fn verify(hash: &str, password: &str) {
    let hash = PasswordHash::new(hash).unwrap();
    argon2::Argon2::default().verify_password(password.as_bytes(), &hash).unwrap();
}

fn hashes(desk: &Desk) -> Vec<String> {
    desk.sql("SELECT password_hash FROM users ORDER BY username")
}

#[test]
fn passwords_are_hashed_and_missing_ones_are_made_up() {
    for desk in desks() {
        desk.write("users.csv", USERS);
        let run = desk.import(&["users", "users.csv"]).success();
        assert!(
            run.stdout.contains("1 password was made up: users.csv.passwords.csv"),
            "{}",
            run.stdout
        );
        assert!(!(run.stdout + &run.stderr).contains("Hunter2"));
        let file = desk.path("users.csv.passwords.csv");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = desk.read("users.csv.passwords.csv");
        let made = text.strip_prefix("username,initial_password\nbo,").unwrap().trim();
        assert!(made.len() >= 16, "{made}");
        let first = hashes(&desk);
        verify(&first[0], "Hunter2-secret");
        verify(&first[1], made);
        assert_eq!(desk.sql("SELECT email FROM users ORDER BY username")[0], "ana@acme.example");

        // A second import hashes nobody again, also with another password in the file.
        desk.write("users.csv", &USERS.replace("Hunter2-secret", "Other-secret"));
        let again = desk.json(&["users", "users.csv"], 0);
        assert_eq!((&again["unchanged"], &again["random_passwords"]), (&2.into(), &0.into()));
        assert_eq!(again["password_file"], json!(null));
        assert_eq!(hashes(&desk), first);

        // A new role is a change, and leaves the password alone.
        desk.write("users.csv", &USERS.replace("viewer", "analyst"));
        let changed = desk.json(&["users", "users.csv"], 0);
        assert_eq!((&changed["updated"], &changed["unchanged"]), (&1.into(), &1.into()));
        assert_eq!(hashes(&desk), first);
        assert_eq!(desk.names(), ["users.csv", "users.csv.passwords.csv"]);
    }
}

#[test]
fn bad_users_leave_no_passwords_behind() {
    for desk in desks() {
        let bad = "username,email,role,initial_password\n\
            ana,ana@acme.example,admin,Hunter2-secret\n\
            bo,bo@acme,root,Swordfish-secret\n\
            cy,ANA@acme.example,viewer,\n\
            dee,dee@acme.example,viewer,Tr,istan-secret\n\
            eve,eve@acme.example,viewer,\n";
        desk.write("users.csv", bad);
        let stopped = desk.json(&["users", "users.csv"], 14);
        assert_eq!((&stopped["bad"], &stopped["rows"]), (&3.into(), &5.into()));
        assert_eq!(desk.names(), ["users.csv"]);

        let run = desk.import(&["users", "users.csv", "--accept-good-rows"]).success();
        let rejects = desk.read("users.csv.rejects.csv");
        for text in [&run.stdout, &run.stderr, &rejects, &stopped.to_string()] {
            assert!(!text.contains("secret"), "{text}");
        }
        assert_eq!(
            rejects.lines().nth(1).unwrap(),
            ",,,,\"line 3: email: expected an e-mail address such as ana@acme.example; \
             role: expected one of admin, manager, analyst, viewer, user; what may be a password is left out\""
        );
        let made = desk.read("users.csv.passwords.csv");
        assert_eq!(made.lines().count(), 2, "{made}");
        assert!(made.lines().nth(1).unwrap().starts_with("eve,"), "{made}");
        assert_eq!(desk.sql("SELECT username FROM users ORDER BY username"), ["ana", "eve"]);
    }
}

#[test]
fn apps_that_compare_sha256_get_it_with_a_warning() {
    let [desk, _] = desks();
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(
        ".github/tidegate.yml",
        "data:\n  imports:\n    users:\n      password: { column: initial_password, scheme: sha256 }\n",
    );
    desk.write("users.csv", &USERS.replace("Hunter2-secret", "abc"));
    let run = desk.import(&["users", "users.csv"]).success();
    assert!(run.stderr.contains("SHA-256 without salt"), "{}", run.stderr);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hashes(&desk)[0], abc);
}

#[test]
fn a_file_without_a_header_shows_no_password() {
    let [desk, _] = desks();
    desk.write("users.csv", "ana,ana@acme.example,admin,Hunter2-secret\n");
    let run = desk.import(&["users", "users.csv"]).code(10);
    assert!(run.stderr.contains("expected a header in line 1"), "{}", run.stderr);
    assert!(!run.stderr.contains("Hunter2"), "{}", run.stderr);
}

/// The files of a folder, and of those in it, that hold a text.
fn holding(folder: &std::path::Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn passwords_of_an_api_wait_in_no_file_that_a_kill_would_leave() {
    let [desk, _] = desks();
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(
        ".github/tidegate.yml",
        "data:\n  imports:\n    users: { preset: users, api: { pages: { by: page } } }\n",
    );
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    let server = FaultProxy::start("127.0.0.1:1");
    let user = |number: u32| {
        json!({
            "username": format!("u{number}"), "email": format!("u{number}@acme.example"),
            "role": "viewer", "initial_password": format!("Hunter2-secret-{number}")
        })
    };
    let page: Vec<_> = (0..2000).map(user).collect();
    let on = |part: &'static str| Rule::when(move |request: &Request| request.path.contains(part));
    server.add(on("page=1").answer(200, &[], &json!(page).to_string()));
    server.add(on("page=2").fault(Fault::Hang));
    let (mut child, _home) = Tidegate::new()
        .args(["data", "import", "users"])
        .env("USERS_API_URL", format!("http://{}/users", server.host()))
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.path("tmp"))
        .current_dir(desk.folder.path())
        .start();
    let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while server.seen().len() < 2 {
        assert!(std::time::Instant::now() < until, "the second page was not asked for");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let waiting = holding(desk.folder.path(), "Hunter2");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((waiting, holding(desk.folder.path(), "Hunter2")), (vec![], vec![]));
}
