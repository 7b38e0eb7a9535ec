//! The digest of a content: what counts in it, and what does not.

use super::*;

/// Rows whose strings DuckDB compresses by a random sample of them.
const COMPRESSED: &str = "create table t as select range as id, 'customer number ' || (range * 7919 % 1000003) || ' of town ' || (range % 977) as name from range(50000)";

/// One of everything that may change.
const DUCKDB: &str = "
    create schema marts;
    create type mood as enum ('good', 'bad');
    create type pair as struct(a integer, b double);
    create sequence ids start 5;
    create table t(id integer, name varchar, price double, pause interval, tags varchar[], p pair, m map(varchar, integer), u union(n integer, b bigint), code varchar, total hugeint, amount decimal(38,2), key uuid);
    insert into t values
        (1, 'a', 0.0, interval '30 days', [], {'a': 1, 'b': 2.5}, map {'x': 1}, union_value(n := 5), 'SHOP0012ITEM0012', 0, 0, '00000000-0000-0000-0000-000000000000'),
        (2, 'b', 'nan', null, null, null, null, null, null, null, null, null),
        (3, null, 1.5, null, ['a, b'], {'a': null, 'b': 0.0}, null, null, null, null, null, null);
    create table marts.empty(a integer);
    create table computed(a integer, b integer generated always as (a + 1));
    insert into computed values (3);
    create view marts.v as select id from t;
    create macro plus(x, y := 1) as x + y;
    create macro rows_of(x) as table select x as y;
";

/// What makes another content of it. DuckDB does not write a value that is equal to the one that is
/// there, such as `-0.0` over `0.0`: some changes go by another value.
// `hash` takes each of the first four for what was there.
const OTHER_IN_DUCKDB: [&str; 34] = [
    "update t set total = -1 where id = 1",
    "update t set amount = -0.01 where id = 1",
    "update t set code = 'SHOP0015ITEM0015' where id = 1",
    "update t set key = 'ffffffff-ffff-ffff-ffff-ffffffffffff' where id = 1",
    "update t set name = 'A' where id = 1",
    "update t set name = '' where id = 3",
    "update t set name = 'NULL' where id = 3",
    "update t set price = 7 where id = 1; update t set price = '-0.0'::double where id = 1",
    "update t set price = null where id = 2",
    "update t set price = 1.5000000000000002 where id = 3",
    "update t set pause = interval '5 days' where id = 1; update t set pause = interval '1 month' where id = 1",
    "update t set tags = null where id = 1",
    "update t set tags = [] where id = 2",
    "update t set tags = [null] where id = 1",
    "update t set tags = ['a', 'b'] where id = 3",
    "update t set p = {'a': null, 'b': null} where id = 2",
    "update t set p = {'a': 5, 'b': 5.0} where id = 3; update t set p = {'a': null, 'b': '-0.0'::double} where id = 3",
    "update t set m = map {'x': 2} where id = 1",
    "update t set u = union_value(b := 5::bigint) where id = 1",
    "update t set name = case id when 1 then 'b' when 2 then 'a' else name end",
    "insert into t select * from t where id = 1",
    "delete from t where id = 2",
    "alter table t add column more integer",
    "alter table t rename column name to label",
    "alter table t alter column id type bigint",
    "insert into marts.empty values (0)",
    "create table more(a integer)",
    "create or replace view marts.v as select id, name from t",
    "create index by_id on t(id)",
    "select nextval('ids')",
    "create or replace macro plus(x, y := 2) as x + y",
    "create or replace macro rows_of(x) as table select x + 1 as y",
    "comment on column t.name is 'what people call it'",
    "drop type mood; create type mood as enum ('good', 'bad', 'worse')",
];

/// What leaves its content as it is.
const SAME_IN_DUCKDB: [&str; 5] = [
    "create table tidegate_imports(name varchar primary key, rows bigint); insert into tidegate_imports values ('sales', 1); comment on table tidegate_imports is 'own'",
    "create table other as select * from t order by id desc; delete from t; insert into t select * from other; drop table other",
    "update t set name = 'x' where id = 1; update t set name = 'a' where id = 1",
    "create table more(a integer); drop table more; vacuum",
    "drop view marts.v; create view marts.v as select id from t",
];

const SQLITE: &str = "
    create table t(id integer primary key autoincrement, name text, price real, bytes blob);
    insert into t values (1, 'a', 0.0, x'00'), (2, 'b', null, null), (3, null, 1.5, x'');
    create table plain(a, b);
    insert into plain values (1, 2), (3, 4), ('ab', 'c');
    create view v as select id from t;
";

const OTHER_IN_SQLITE: [&str; 15] = [
    "update t set name = 'A' where id = 1",
    "update t set name = '' where id = 3",
    "update t set price = 1 where id = 1",
    "update t set price = 1.5000000000000002 where id = 3",
    "update t set bytes = null where id = 3",
    "update plain set a = '1' where a = 1",
    "update plain set a = 'a', b = 'bc' where a = 'ab'",
    "update plain set b = 6 - b where typeof(b) = 'integer'",
    "insert into plain values (1, 2)",
    "delete from plain where a = 3",
    "alter table plain add column c",
    "create view w as select 1",
    "create index by_name on t(name)",
    "insert into t(name) values ('x'); delete from t where name = 'x'",
    "pragma user_version = 3",
];

const SAME_IN_SQLITE: [&str; 4] = [
    "create table tidegate_imports(name text primary key, rows integer); insert into tidegate_imports values ('sales', 1)",
    "create temp table other as select * from plain; delete from plain; insert into plain select * from other order by a desc, b desc",
    "create table more(a); insert into more values (zeroblob(100000)); drop table more",
    "pragma page_size = 8192; vacuum",
];

#[tokio::test]
async fn copies_with_other_bytes_have_one_content() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), COMPRESSED);
        let mut copies = Vec::new();
        for number in 0..2 {
            let target = team.scratch.path().join(format!("{number}.duckdb"));
            team.open().await.snapshot(&target, Some("v1.2.0")).await.unwrap();
            let content = content_of(&team, target.to_str().unwrap()).await;
            copies.push((std::fs::read(&target).unwrap(), content));
        }
        let [(one, of_one), (two, of_two)] = copies.try_into().unwrap();
        assert!(one != two, "{version}: the copies have the same bytes, which shows nothing");
        assert_eq!(of_one, of_two, "{version}");
        let begin = format!("v1/duckdb-{version}/");
        let hex = of_one.strip_prefix(&begin).unwrap_or_else(|| panic!("{version}: {of_one}"));
        assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{of_one}");
        team.write("update t set name = name || '.' where id = 40000");
        assert_ne!(content_of(&team, team.engine.file()).await, of_one, "{version}");
    }
}

#[tokio::test]
async fn whatever_a_query_can_see_counts_and_nothing_else() {
    let mut engines = vec![(Engine::Sqlite, SQLITE, &OTHER_IN_SQLITE[..], &SAME_IN_SQLITE[..])];
    for version in duckdb::COMMANDS {
        engines.push((Engine::DuckDb(version), DUCKDB, &OTHER_IN_DUCKDB[..], &SAME_IN_DUCKDB[..]));
    }
    for (engine, sql, other, same) in engines {
        let team = Team::new(engine, sql);
        let begun = std::fs::read(team.file()).unwrap();
        let content = content_of(&team, engine.file()).await;
        let mut seen = std::collections::BTreeMap::from([(content.clone(), "nothing")]);
        for change in other {
            team.write(change);
            let changed = content_of(&team, engine.file()).await;
            if let Some(earlier) = seen.insert(changed, change) {
                panic!("{engine:?}: {change}: the same content as after {earlier}");
            }
            std::fs::write(team.file(), &begun).unwrap();
        }
        for change in same {
            team.write(change);
            assert!(std::fs::read(team.file()).unwrap() != begun, "{change}: nothing was written");
            let changed = content_of(&team, engine.file()).await;
            assert_eq!(changed, content, "{engine:?}: {change}");
            std::fs::write(team.file(), &begun).unwrap();
        }
    }
}

#[tokio::test]
async fn odd_names_and_many_tables_are_summed_up() {
    // The name of the database, of a schema and of a table are one.
    let mut sql = "create schema analytics.analytics; create schema analytics.\"a \"\"b\"\" c\"; \
                   create table analytics.analytics.analytics(\"select\" integer, \"x\ny\" integer); \
                   create table analytics.\"a \"\"b\"\" c\".\"d.e;\"(\"f'\" integer);"
        .to_owned();
    for number in 0..120 {
        sql.push_str(&format!("create table analytics.main.t{number} as select {number} as a;"));
    }
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), &sql);
        let before = content_of(&team, team.engine.file()).await;
        for change in [
            "insert into analytics.analytics.analytics values (1, 2)",
            "insert into analytics.\"a \"\"b\"\" c\".\"d.e;\" values (1)",
            "update analytics.main.t119 set a = 0",
        ] {
            team.write(change);
            let after = content_of(&team, team.engine.file()).await;
            assert_ne!(after, before, "{version}: {change}");
        }
    }
}

async fn content_of(team: &Team, file: &str) -> String {
    team.try_open(file).await.unwrap().content().await.unwrap()
}
