#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::json;

use super::*;

#[test]
fn names_stay_names() {
    for (name, sql) in [
        ("sales", r#""sales""#),
        ("marts.sales", r#""marts"."sales""#),
        (r#"marts."Sales 2026""#, r#""marts"."Sales 2026""#),
        (r#""odd.name""#, r#""odd.name""#),
        (r#""a""b""#, r#""a""b""#),
        (r#"t"; drop table t; --"#, r#""t""; drop table t; --""#),
        (r#""t"; drop table t"#, r#""""t""; drop table t""#),
        ("a.b.c.d", r#""a.b.c.d""#),
        (".a", r#"".a""#),
        ("été.größe", r#""été"."größe""#),
    ] {
        assert_eq!(table(name), sql, "{name}");
    }
    assert_eq!(identifier("a.b\0\""), r#""a.b""""#);
}

#[test]
fn values_stay_values() {
    for (value, sql) in [
        (json!(null), "NULL"),
        (json!(true), "TRUE"),
        (json!(-1.5), "-1.5"),
        (json!("it's; --"), "'it''s; --'"),
        (json!("back\\slash\n.shell id"), "'back\\slash\n.shell id'"),
    ] {
        assert_eq!(literal(&value).unwrap(), sql);
    }
    assert_eq!(literal(&json!(["a"])), Err(SqlProblem::Value));
    assert_eq!(literal(&json!("a\0b")), Err(SqlProblem::Value));
}

#[test]
fn one_statement_is_found_without_its_end() {
    for (text, statement) in [
        ("select 1", "select 1"),
        (" select 1 ;\n", "select 1"),
        ("select ';' ; -- done", "select ';'"),
        ("select 1 -- no; more\n;", "select 1"),
        ("select /* ; */ 1 /* end */", "select /* ; */ 1"),
        ("select \"a;b\", 'it''s;', $$;$$, $t$;$t$, e'\\';', $1", ""),
        ("select 'größe;' as größe", ""),
        ("select [1, (2)], {'a': 1}", ""),
        ("select ename'x;'", ""),
        ("with a as (select 1) select * from a;;", "with a as (select 1) select * from a"),
    ] {
        let expected = if statement.is_empty() { text } else { statement };
        assert_eq!(one(text).unwrap().trim(), expected, "{text}");
    }
}

#[test]
fn what_is_not_one_statement_is_refused() {
    for (text, problem) in [
        ("", SqlProblem::Empty),
        ("; -- nothing", SqlProblem::Empty),
        ("select 1; drop table t", SqlProblem::Several),
        (
            "select 1) q; drop table t; select (1",
            SqlProblem::Broken("a bracket closes what was not opened"),
        ),
        ("select (1", SqlProblem::Broken("a bracket is not closed")),
        ("select 'a", SqlProblem::Broken("a text or a name has no end")),
        ("select 1 /* a", SqlProblem::Broken("a comment has no end")),
        ("select $$a", SqlProblem::Broken("a text between dollars has no end")),
    ] {
        assert_eq!(one(text), Err(problem), "{text}");
    }
}

#[test]
fn a_transaction_has_no_other_inside() {
    assert_eq!(transaction("delete from t; insert into t select 1;"), Ok(()));
    assert_eq!(transaction("insert into t values ('commit; x')"), Ok(()));
    for (text, word) in [
        ("delete from t; commit; drop table t", "COMMIT"),
        ("-- first\n/* then */ Begin; select 1", "BEGIN"),
        ("select 1; end", "END"),
    ] {
        assert_eq!(transaction(text), Err(SqlProblem::Transaction(word.to_owned())), "{text}");
    }
    assert_eq!(transaction("select 1;\n.shell id"), Err(SqlProblem::Dot(2)));
    assert_eq!(transaction(" "), Err(SqlProblem::Empty));
}
