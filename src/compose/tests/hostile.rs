//! Files that were made to do harm: they are refused, quickly.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

#[test]
fn files_that_grow_are_refused() {
    let mut bomb = "a0: &a0 [ x, x, x, x, x, x, x, x, x ]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [ {aliases} ]").unwrap();
    }
    assert!(Case::new(&[]).error(&bomb).contains("more than 20000 values"));

    let brackets = format!("services: {}", "[".repeat(1 << 19));
    assert!(Case::new(&[]).error(&brackets).contains("more than 4000 opening brackets"));

    let deep = "- ".repeat(1 << 19);
    assert!(Case::new(&[]).error(&deep).contains("recursion limit"));

    let large = "#".repeat((1 << 20) + 1);
    assert!(Case::new(&[]).error(&large).contains("larger than"));

    let texts =
        format!("x-a: &a {}\nx-b: [ {} ]\n", "y".repeat(500_000), vec!["*a"; 1_000].join(","));
    assert!(Case::new(&[]).error(&texts).contains("more than 8388608 bytes"));

    let mut many = "services:\n".to_owned();
    for n in 0..60 {
        writeln!(many, "  s{n}: {{ image: a }}").unwrap();
    }
    assert!(Case::new(&[]).error(&many).contains("more than 50 services"));
}

#[test]
fn variables_do_not_multiply() {
    let case = Case::new(&[]).variable("A", &"x".repeat(1 << 19));
    let text = format!("services: {{ a: {{ image: '{}' }} }}", "$A".repeat(1_000));
    assert!(case.error(&text).contains("after variables were put in"));

    let nested = format!("{}x{}", "${N:-".repeat(5_000), "}".repeat(5_000));
    let text = format!("services:\n  a:\n    image: |\n      {nested}\n");
    let error = Case::new(&[]).error(&text);
    assert!(error.contains("brackets") || error.contains("defaults in defaults"), "{error}");

    let wide = "${N:-x}$M".repeat(60_000);
    let file: &'static str = Box::leak(format!("A=\"{wide}\"\n").into_boxed_str());
    let case = Case::new(&[]).file("deploy/e.env", file);
    let (stack, _) = case.try_read("services: { a: { image: a, env_file: e.env } }").unwrap();
    assert_eq!(stack.services["a"].env["A"], Value::Plain("x".repeat(60_000)));
}

#[test]
fn terminal_escapes_of_names_are_not_passed_on() {
    let text = "services:\n  \"a\\e[31m\": { image: x }\n";
    let error = Case::new(&[]).error(text);
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

fn piece() -> impl Strategy<Value = String> {
    let words = [
        "services",
        "app",
        "image",
        "build",
        "volumes",
        "depends_on",
        "environment",
        "<<",
        "*a",
        "&a",
        "healthcheck",
        "ports",
        "env_file",
        "x-a",
        "profiles",
        "deploy",
        "networks",
        "null",
        "true",
        "1.5e3",
        "0x10",
        "~",
        "!!str",
        "\"80:80\"",
        "'./a:/b'",
        "${A:-b}",
        "$",
        "$$",
        "${",
        "..",
        "/",
    ];
    let marks =
        ["\n", "\n  ", "\n    ", ": ", "- ", "{", "}", "[", "]", ", ", "|\n", "#", "\t", " "];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        4 => prop::sample::select(marks.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        let case = Case::app().variable("A", "x");
        if let Err(error) = case.try_read(&text) {
            prop_assert!(!error.problem.is_empty());
        }
        let whole = format!("services:\n  app:\n    image: a\n    {text}\n");
        if let Err(error) = case.try_read(&whole) {
            prop_assert!(!error.problem.is_empty());
        }
    }

    #[test]
    fn no_file_with_variables_makes_the_reader_fail(text in "([A-Z=:'\"$\\\\{}# \n\r\t-]|\\PC){0,80}") {
        let values = read_variables(&text, ".env", &Variables::new());
        if let Ok(values) = values {
            prop_assert!(values.keys().all(|name| !name.is_empty() && !name.contains('=')));
        }
    }

    #[test]
    fn a_text_without_a_dollar_sign_stays_as_it_is(text in "[^$\\p{Cc}]{0,40}") {
        let none = Variables::new();
        let filled = super::Interpolation::new(&none).text(&text, &|_| None).unwrap();
        prop_assert_eq!(filled.text, text);
    }

    #[test]
    fn a_path_never_leads_outside(folder in "[a-c/]{0,6}", path in "[a-c./~]{0,12}") {
        if let Some(joined) = super::super::values::join(&folder, &path) {
            prop_assert!(!joined.starts_with('/') && joined.split('/').all(|part| part != ".."));
        }
    }
}
