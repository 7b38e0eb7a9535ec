//! Users whose cells stand in another order than the header says: no password is shown.

use super::desks;

const HEADER: &str = "username,email,role,initial_password\n";

#[test]
fn a_password_in_the_place_of_another_cell_is_not_shown() {
    for desk in desks() {
        let rows = [
            "zoe,zoe@acme.example,TOPSECRET8,viewer",
            "TOPSECRET1,amy,amy@acme.example,viewer",
            "bo,TOPSECRET2,viewer,bo@acme.example",
            "TOPSECRET3,viewer,cy@acme.example,cy",
            "dee,zoe@acme.example,viewer,",
            "eve,zoe@acme.example,viewer,",
        ];
        desk.write("users.csv", &(HEADER.to_owned() + &rows.join("\n") + "\n"));
        let stopped = desk.json(&["users", "users.csv"], 14);
        let human = desk.import(&["users", "users.csv"]).code(14);
        let run = desk.import(&["users", "users.csv", "--accept-good-rows"]).success();
        let rejects = desk.read("users.csv.rejects.csv");
        for text in [&stopped.to_string(), &human.stdout, &run.stdout, &run.stderr, &rejects] {
            assert!(!text.contains("TOPSECRET"), "{text}");
        }
        let lines: Vec<&str> = rejects.lines().collect();
        assert_eq!(
            lines[1],
            ",zoe@acme.example,,,\"line 2: role: expected one of admin, manager, analyst, viewer, user; \
             what may be a password is left out\""
        );
        // Where each cell is what it should be, and the table or another row has it, they stay.
        assert_eq!(
            lines[5],
            "eve,zoe@acme.example,viewer,,line 7: email: expected a value that no other row has: \
             see line 6; the password is left out"
        );
        assert_eq!(lines.len(), 6, "{rejects}");
    }
}

#[test]
fn cells_of_other_columns_than_those_of_users_are_left_out() {
    let [desk, _] = desks();
    desk.write(
        "users.csv",
        "old_password,username,email,role,initial_password\nTOPSECRET4,bo,bo@acme,viewer,x\n\
         TOPSECRET5,ana,ana@acme.example,admin,y\n",
    );
    desk.import(&["users", "users.csv", "--accept-good-rows"]).success();
    let rejects = desk.read("users.csv.rejects.csv");
    let said = "username,email,role,initial_password,tidegate_reason\n,,viewer,,line 2: email: ";
    assert!(rejects.starts_with(said), "{rejects}");
    assert!(!rejects.contains("TOPSECRET"), "{rejects}");
    // It can be filled in and imported.
    desk.write(
        "users.csv.rejects.csv",
        &rejects.replace("\n,,viewer,,", "\nbo,bo@acme.example,viewer,z,"),
    );
    let mended = desk.json(&["users", "users.csv.rejects.csv"], 0);
    assert_eq!(mended["inserted"], 1);
}

#[test]
fn a_header_that_may_be_a_row_is_not_shown() {
    let [desk, _] = desks();
    desk.write("users.csv", "username,email,role,TOPSECRET9\nana,ana@acme.example,admin,x\n");
    let run = desk.import(&["users", "users.csv"]).code(10);
    assert!(!run.stderr.contains("TOPSECRET9"), "{}", run.stderr);
    let said = "the column initial_password is missing; there are username, email, role, and another in place 4";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}
