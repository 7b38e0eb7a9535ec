//! Rows near the largest size, and rows that cannot be read back.

use serde_json::json;
use tidegate::data::import::LoadMode;

use super::{Engine, Team, counts, import, row};

#[tokio::test]
async fn a_row_of_a_mebibyte_of_quotes_is_taken() {
    let notes = import(
        "notes",
        json!({ "key": ["id"], "columns": [
            { "name": "id", "type": "integer" }, { "name": "text", "type": "text", "max_length": 2_000_000 }
        ] }),
    );
    let quotes = format!("x{}", "\"".repeat(1_048_560));
    let lines = format!("x{}", "\"\n".repeat(524_280));
    let long = "y".repeat(1_048_560);
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let rows = [row(2, ["1", &quotes]), row(3, ["2", "short"]), row(4, ["3", &long])];
        for expected in [[3, 0, 0, 0], [0, 0, 3, 0]] {
            assert_eq!(counts(&team.load(&notes, &rows).await), expected, "{engine:?}");
        }
        let rows = [row(2, ["4", &lines]), row(3, ["5", "two\nlines"])];
        for expected in [[2, 0, 0, 0], [0, 0, 2, 0]] {
            assert_eq!(counts(&team.load(&notes, &rows).await), expected, "{engine:?}");
        }
        let lengths = team.texts("select length(text) from notes order by id").await;
        assert_eq!(lengths, ["1048561", "5", "1048560", "1048561", "9"], "{engine:?}");
    }
}

/// A spool has hashes of passwords.
#[tokio::test]
async fn what_cannot_be_read_back_is_not_shown() {
    let users = super::preset("users");
    for engine in Engine::all() {
        for table in [
            "",
            "create table users (username varchar, email varchar, role varchar, password_hash varchar)",
        ] {
            let team = Team::new(engine, table);
            let spool = team.spool(&users, &[]);
            let header = std::fs::read_to_string(&spool).unwrap();
            std::fs::write(&spool, format!("{header}2,ana,hash-of-ana\n")).unwrap();
            let load = tidegate::data::import::Load {
                mode: LoadMode::All,
                rows: 1,
                ..team.of(&users, &spool)
            };
            let error = team.open().await.load(&load).await.unwrap_err().to_string();
            assert!(
                !error.contains("ana") && !error.contains("Original Line"),
                "{engine:?}: {error}"
            );
            assert!(error.contains("cannot be read back"), "{engine:?}: {error}");
        }
    }
}
