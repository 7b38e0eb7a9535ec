//! Rows that other tables refer to, and columns that indexes have.

use super::*;

const SCHEMA: &str = "
    create table users (id integer primary key, username varchar not null unique, email varchar unique, \
        role varchar, password_hash varchar, name varchar);
    create index by_name on users (username, name);
    create table orders (id integer primary key, user_id integer references users (id));
    insert into users (id, username, email, role, password_hash) values \
        (1, 'ana', 'ana@acme.example', 'admin', 'old'), (2, 'ben', 'ben@acme.example', 'user', 'old'), \
        (3, 'cy', 'cy@acme.example', 'user', 'old');
    insert into orders values (1, 1)";

#[tokio::test]
async fn a_row_that_a_foreign_key_refers_to_is_changed() {
    for engine in Engine::all() {
        let team = Team::new(engine, SCHEMA);
        let rows = [
            user(2, "ana", "ana@acme.example", "manager"),
            // Nobody refers to these: an e-mail, and both.
            user(3, "ben", "ben@new.example", "user"),
            user(4, "cy", "cy@new.example", "manager"),
            user(5, "dee", "dee@acme.example", "user"),
        ];
        let expected = [
            "1|ana|ana@acme.example|manager|old",
            "2|ben|ben@new.example|user|old",
            "3|cy|cy@new.example|manager|old",
            "4|dee|dee@acme.example|user|hash",
        ];
        for counted in [[1, 3, 0, 0], [0, 0, 4, 0]] {
            let loaded = team.load(&preset("users"), &rows).await;
            assert_eq!((loaded.written, counts(&loaded)), (true, counted), "{engine:?}");
            let users = "select id, username, email, role, password_hash from users order by id";
            assert_eq!(team.texts(users).await, expected, "{engine:?}");
        }
        assert_eq!(team.text("select user_id from orders").await, "1", "{engine:?}");
    }
}

#[tokio::test]
async fn an_indexed_column_of_such_a_row_is_changed_or_the_reason_is_said() {
    for engine in Engine::all() {
        let team = Team::new(engine, SCHEMA);
        let rows = [
            user(2, "ana", "ana@new.example", "admin"),
            user(3, "ben", "ben@acme.example", "manager"),
        ];
        let loaded = team.try_load(&preset("users"), &rows, LoadMode::All).await;
        let users = "select email, role from users where id < 3 order by id";
        if engine == Engine::Sqlite {
            assert_eq!(counts(&loaded.unwrap()), [0, 2, 0, 0]);
            assert_eq!(
                team.texts(users).await,
                ["ana@new.example|admin", "ben@acme.example|manager"]
            );
            continue;
        }
        let said = loaded.unwrap_err().to_string();
        for part in ["foreign key", "email", "drop the foreign key", "nothing was written"] {
            assert!(said.contains(part), "{engine:?}: {part}: {said}");
        }
        assert_eq!(team.texts(users).await, ["ana@acme.example|admin", "ben@acme.example|user"]);
    }
}

#[tokio::test]
async fn indexed_columns_are_changed_again_and_again() {
    let stock = import(
        "stock",
        json!({ "key": ["sku"], "columns": [
            { "name": "sku", "type": "text" }, { "name": "code", "type": "text", "unique": true },
            { "name": "shelf", "type": "integer" }, { "name": "left", "type": "integer" }
        ] }),
    );
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table stock (sku varchar primary key, code varchar unique, shelf integer, \"left\" integer);
             create index by_shelf on stock (shelf)",
        );
        for (round, (code, shelf, left)) in
            [("a", "1", "1"), ("b", "1", "2"), ("b", "2", "2"), ("a", "3", "3"), ("a", "3", "4")]
                .into_iter()
                .enumerate()
        {
            let rows = [
                row(2, ["X", code, shelf, left]),
                row(3, ["Y", "y", shelf, "1"]),
                row(4, ["Z", "z", "9", left]),
            ];
            let loaded = team.load(&stock, &rows).await;
            assert!(loaded.written, "{engine:?}: {round}");
            let all = "select code, shelf, \"left\" from stock order by sku";
            let expected =
                [format!("{code}|{shelf}|{left}"), format!("y|{shelf}|1"), format!("z|9|{left}")];
            assert_eq!(team.texts(all).await, expected, "{engine:?}: {round}");
        }
    }
}
