//! Variables: the forms of interpolation, and files with variables.

use super::*;

/// Returns what a text becomes in an environment.
fn filled(case: &Case, text: &str) -> Result<Value, String> {
    let quoted = text.replace('\'', "''");
    let file = format!("services:\n  a:\n    image: a\n    environment:\n      X: '{quoted}'\n");
    match case.try_read(&file) {
        Ok((stack, _)) => Ok(stack.services["a"].env["X"].clone()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn every_form_of_a_variable_is_put_in() {
    let case =
        Case::new(&[]).variable("SET", "v").variable("EMPTY", "").variable("T", "$SET${SET}");
    for (text, expected) in [
        ("$SET-${SET}", "v-v"),
        ("$$SET $${SET} 5$$", "$SET ${SET} 5$"),
        ("${SET:-d} ${EMPTY:-d} ${NONE:-d}", "v d d"),
        ("${SET-d} ${EMPTY-d} ${NONE-d}", "v  d"),
        ("${SET:+x} ${EMPTY:+x} ${NONE:+x}", "x  "),
        ("${SET+x} ${EMPTY+x} ${NONE+x}", "x x "),
        ("${SET:?e} ${SET?e} ${EMPTY?e}", "v v "),
        ("${NONE:-${EMPTY:-${SET}}}", "v"),
        ("${NONE:-a b$$c:-}", "a b$c:-"),
        ("${NONE:-}", ""),
        // A value holds no variables.
        ("$T", "$SET${SET}"),
        ("[$NONE]", "[]"),
        ("é$SET}é", "év}é"),
    ] {
        assert_eq!(filled(&case, text), Ok(Value::Plain(expected.to_owned())), "{text}");
    }
    for (text, problem) in [
        ("${NONE:?set it}", "the variable NONE has no value: set it"),
        ("${EMPTY:?}", "the variable EMPTY has no value"),
        ("${NONE?$SET}", "the variable NONE has no value: v"),
        ("$", "\"$\" is no variable, expected $NAME, ${NAME} or $$ for a dollar sign"),
        ("a $1", "\"$1\" is no variable, expected $NAME, ${NAME} or $$ for a dollar sign"),
        ("${}", "\"${}\" is no variable, expected $NAME, ${NAME} or $$ for a dollar sign"),
        ("${A/b}", "\"${A/b}\" is no variable, expected $NAME, ${NAME} or $$ for a dollar sign"),
        ("${A", "\"${A\" is no variable, expected $NAME, ${NAME} or $$ for a dollar sign"),
        ("${A:-b", "the closing brace of \"${A:-b\" is missing"),
    ] {
        let expected = format!("deploy/compose.yml:5: services.a.environment.X: {problem}");
        assert_eq!(filled(&case, text), Err(expected), "{text}");
    }
}

#[test]
fn a_secret_stays_a_secret_and_goes_into_environments_only() {
    let case = Case::new(&[]).secret("KEY", "hunter2");
    let expected = Value::Secret(Secret::new("pg://u:hunter2@db"));
    assert_eq!(filled(&case, "pg://u:${KEY}@db"), Ok(expected));
    let list = "services: { a: { image: a, environment: [ 'X=1$KEY', KEY ] } }";
    let env = &case.read(list).services["a"].env;
    assert_eq!(env["X"], Value::Secret(Secret::new("1hunter2")));
    assert_eq!(env["KEY"], Value::Secret(Secret::new("hunter2")));
    for text in [
        "services:\n  a:\n    image: a\n    command: run --key $KEY\n",
        "services:\n  a:\n    image: a\n    healthcheck: { test: 'redis-cli -a $KEY' }\n",
        "services:\n  a:\n    build: a\n    image: 'a:$KEY'\n",
        "services:\n  a:\n    image: a\n    environment: [ 'A$KEY' ]\n",
        "services:\n  a:\n    image: a\n    user: '${NONE:?no $KEY}'\n",
    ] {
        let error = case.try_read(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(error.line >= Some(4), "{error}");
    }
}

#[test]
fn files_with_variables_are_read_as_compose_reads_them() {
    let text = "\u{feff}# a comment
A=1
export B = two words # and a comment
C='$A literal # no comment'
D=\"$A\\tand ${MISSING:-d}\\n\\$A\" # comment
E=
F: colon
G=a#b
MULTI=\"one
two\"
S='it\\'s'
H=$B/$GATE
GATE
UNKNOWN
I=x\r
";
    let before = Case::new(&[]).variable("GATE", "g").variables;
    let values = read_variables(text, ".env", &before).unwrap();
    let shown: Vec<String> = values
        .iter()
        .map(|(name, value)| match value {
            Value::Plain(text) => format!("{name}={text}"),
            Value::Secret(_) => format!("{name} is a secret"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "A=1",
            "B=two words",
            "C=$A literal # no comment",
            "D=1\tand d\n$A",
            "E=",
            "F=colon",
            "G=a#b",
            "GATE=g",
            "H=two words/g",
            "I=x",
            "MULTI=one\ntwo",
            "S=it's",
        ]
    );
    for (text, expected) in [
        ("A=1\n\nB='x\n", ".env:3: the closing ' is missing"),
        ("A=\"x\" y\n", ".env:1: there is text after the closing quote"),
        (
            "A=1\nnot a name=1\n",
            ".env:2: \"not a name\" is no name of a variable, expected NAME=value",
        ),
        ("A=${B:?must be set}\n", ".env:1: the variable B has no value: must be set"),
    ] {
        assert_eq!(read_variables(text, ".env", &before).unwrap_err().to_string(), expected);
    }
}

#[test]
fn env_files_are_read_in_their_order_and_environment_counts_over_them() {
    let case = Case::new(&[])
        .file("deploy/one.env", "A=1\nB=1\nC=1\nRAW=$A\n")
        .file("deploy/two.env", "B=2\nC=2\nRAW='$A'\n");
    let text = "
services:
  a:
    image: a
    env_file: [ one.env, { path: ./two.env, format: raw }, { path: no.env, required: false } ]
    environment: { C: 3 }
";
    let env = &case.read(text).services["a"].env;
    let shown: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let expected = ["A=Plain(\"1\")", "B=Plain(\"2\")", "C=Plain(\"3\")", "RAW=Plain(\"'$A'\")"];
    assert_eq!(shown, expected);

    let bad = case.file("deploy/bad.env", "A=1\n=2\n");
    let error = bad.error("services: { a: { image: a, env_file: bad.env } }");
    assert_eq!(error, "deploy/bad.env:2: \"\" is no name of a variable, expected NAME=value");
}
