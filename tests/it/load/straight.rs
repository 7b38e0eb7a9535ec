//! Rows of which nothing is left to find out, into tables without rows.

use super::*;

/// Loads rows that are known to be distinct.
async fn load(team: &Team, import: &Import, rows: &[Row<'_>], mode: LoadMode) -> Loaded {
    let spool = team.spool(import, rows);
    let load = Load { mode, rows: rows.len() as u64, is_distinct: true, ..team.of(import, &spool) };
    team.open().await.load(&load).await.unwrap()
}

const QUERY: &str = "select cast(date as varchar), user_id, product_name, quantity, unit_price, region \
                     from sales order by user_id, date";

#[tokio::test]
async fn they_are_the_same_rows_as_with_a_stage() {
    let table = "create table sales (region varchar, date date, user_id bigint, product_name varchar, \
                 quantity bigint, unit_price decimal(18,2), total_amount decimal(18,2), note text)";
    let import = preset("sales");
    for engine in Engine::all() {
        for sql in ["", table] {
            let (team, staged) = (Team::new(engine, sql), Team::new(engine, sql));
            let planned = load(&team, &import, &sales(), LoadMode::Plan).await;
            assert_eq!((planned.written, counts(&planned)), (false, [3, 0, 0, 0]), "{engine:?}");
            assert_eq!(team.file().exists(), !sql.is_empty(), "{engine:?}");

            let loaded = load(&team, &import, &sales(), LoadMode::All).await;
            assert_eq!((loaded.written, counts(&loaded)), (true, [3, 0, 0, 0]), "{engine:?}");
            staged.load(&import, &sales()).await;
            assert_eq!(team.texts(QUERY).await, staged.texts(QUERY).await, "{engine:?}");
            let columns = "select sql from sqlite_master where name = 'sales'";
            assert_eq!(team.texts(columns).await, staged.texts(columns).await, "{engine:?}");
            let [state] = <[_; 1]>::try_from(team.open().await.imports().await.unwrap()).unwrap();
            assert_eq!((state.name.as_str(), state.rows), ("sales", 3), "{engine:?}");

            let mut more = sales().to_vec();
            more.push(row(5, ["2026-02-03", "9", "Tea", "1", "3.50", "3.50", "east"]));
            let again = load(&team, &import, &more, LoadMode::All).await;
            assert_eq!((again.written, counts(&again)), (true, [1, 0, 3, 0]), "{engine:?}");
        }
    }
}

#[tokio::test]
async fn rows_without_a_number_get_one_in_their_order() {
    let table = "create table sales (id integer primary key, date date, user_id integer, \
                 product_name varchar, quantity integer, unit_price decimal(18,2), \
                 total_amount decimal(18,2), region varchar)";
    for engine in Engine::all() {
        // The second table takes every value as it is, the first has other types.
        for table in [table.to_owned(), table.replace(" integer,", " bigint,")] {
            let team = Team::new(engine, &table);
            let loaded = load(&team, &preset("sales"), &sales(), LoadMode::All).await;
            assert_eq!(counts(&loaded), [3, 0, 0, 0], "{engine:?}");
            let ids = team.texts("select id, user_id, region from sales order by id").await;
            assert_eq!(ids, ["1|7|north", "2|8|south", "3|7|west"], "{engine:?}");
        }
    }
}

#[tokio::test]
async fn what_a_row_shows_only_in_the_table_is_found_all_the_same() {
    let rules = import(
        "prices",
        json!({ "key": ["sku"], "columns": [
            { "name": "sku", "type": "text" }, { "name": "price", "type": "amount", "nullable": true },
        ], "rules": [{ "name": "dear", "sql": "price < 10" }] }),
    );
    let asked = import(
        "prices",
        json!({ "key": ["sku"], "columns": [
            { "name": "sku", "type": "text" }, { "name": "price", "type": "amount", "nullable": true },
        ] }),
    );
    let unique = import(
        "prices",
        json!({ "key": ["sku"], "columns": [
            { "name": "sku", "type": "text" }, { "name": "price", "type": "amount", "unique": true },
        ] }),
    );
    let table = "create table prices (sku varchar, price decimal(18,2) not null)";
    for engine in Engine::all() {
        for (import, table, rows, fault) in [
            (&rules, "", ["2", "12"], "3: dear: -: expected price < 10"),
            (
                &asked,
                table,
                ["2", "NULL"],
                "3: price: -: expected a value, which the table asks for",
            ),
            (&unique, table, ["2", "2"], "3: price: 2"),
        ] {
            let team = Team::new(engine, table);
            let rows = [row(2, ["a", rows[0]]), row(3, ["b", rows[1]])];
            let loaded = load(&team, import, &rows, LoadMode::All).await;
            assert_eq!((loaded.written, counts(&loaded)), (false, [1, 0, 0, 1]), "{engine:?}");
            assert!(faults(&loaded)[0].starts_with(fault), "{engine:?}: {:?}", faults(&loaded));
        }
    }
}

#[tokio::test]
async fn rows_that_come_meanwhile_are_compared() {
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create table sales (date date, user_id bigint, product_name varchar, quantity bigint, \
             unit_price decimal(18,2), total_amount decimal(18,2), region varchar)",
        );
        // Somebody else writes a row just before the command does.
        let command = duckdb::command(version);
        let script = team.folder.path().join("late");
        let code = format!(
            "#!/bin/sh\ncase \"$*\" in *--version*|*-readonly*) exec {0} \"$@\";; esac\n\
             [ -e {1} ] || {0} {2} \"insert into sales values ('2026-02-01', 7, 'Tea, \"\"green\"\"', 2, 3.50, 7, 'north')\" \
             >{1} 2>&1\nexec {0} \"$@\"\n",
            command.display(),
            team.folder.path().join("once").display(),
            team.file().display(),
        )
        .replace("\"\"", "\\\"");
        std::fs::write(&script, code).unwrap();
        let mut permissions = script.metadata().unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(&script, permissions).unwrap();
        let mut config = DataConfig::default();
        config.duckdb.command = Some(script.display().to_string());
        let file = team.engine.file();
        let database = open(&config, team.folder.path(), file, &|_| None).await.unwrap();
        let import = preset("sales");
        let spool = team.spool(&import, &sales());
        let load = Load { rows: 3, is_distinct: true, ..team.of(&import, &spool) };
        let loaded = database.load(&load).await.unwrap();
        assert_eq!((loaded.written, counts(&loaded)), (true, [2, 0, 1, 0]), "{version}");
        assert_eq!(team.text("select count(*) from sales").await, "3", "{version}");
    }
}
