use super::*;

const PATH: &str = ".github/workflows/ci-cd.yml";
const TEXT: &str =
    include_str!("../../../tests/fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");

#[track_caller]
fn found(text: &str) -> HandWritten {
    let workflow = Workflow::parse(PATH, text.as_bytes()).expect("a workflow");
    find(&workflow, text, &Config::default()).expect("a hand-written pipeline")
}

#[test]
fn show() {
    let found = found(TEXT);
    for r in &found.replacements {
        println!("{:?} {:?}\n{}\n  does {}\n", r.job, r.lines, r.text, r.does);
    }
    println!("{:#?} {:?} {:?}", found.left, found.removed, found.images);
    println!("{}", found.rewritten.unwrap());
}
