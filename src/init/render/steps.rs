//! Jobs and steps as YAML.

use std::fmt::Write as _;

use crate::init::design::{Job, Setup, Step, Version};
use crate::init::quote::scalar;
use crate::pin;

/// The checkout of a job that only reads.
pub(super) fn checkout() -> String {
    format!(
        "      - uses: {}\n        with:\n          persist-credentials: false\n",
        pin::CHECKOUT
    )
}

/// A job that runs something; `report` is what it leaves for the gate.
pub(super) fn job(job: &Job, report: bool) -> String {
    let mut text = format!(
        "\n  {}:\n    name: {}\n    runs-on: ubuntu-latest\n    timeout-minutes: 30\n    \
         permissions:\n      contents: read\n    steps:\n{}",
        job.id,
        job.name,
        checkout()
    );
    for own in &job.setups {
        text.push_str(&setup(own));
    }
    for own in &job.steps {
        text.push_str(&step(own));
    }
    if report {
        let _ = write!(
            text,
            "      - name: Keep the test reports\n        \
             if: ${{{{ !cancelled() }}}}\n        \
             uses: {}\n        \
             with:\n          name: test-reports\n          path: reports/\n          \
             if-no-files-found: ignore\n          \
             overwrite: true # a second try replaces the reports of the first\n",
            pin::UPLOAD_ARTIFACT
        );
    }
    text
}

fn setup(setup: &Setup) -> String {
    let (uses, language, version) = match setup {
        Setup::Python(version) => (pin::SETUP_PYTHON, "python", version),
        Setup::Node(version) => (pin::SETUP_NODE, "node", version),
    };
    let mut text = format!("      - uses: {uses}\n        with:\n");
    let _ = match version {
        Version::Fixed(version) => writeln!(text, "          {language}-version: \"{version}\""),
        Version::Of(path) => writeln!(text, "          {language}-version-file: {}", scalar(path)),
    };
    text
}

fn step(step: &Step) -> String {
    let mut text = format!("      - name: {}\n", scalar_of_words(&step.name));
    if !step.folder.is_empty() {
        let _ = writeln!(text, "        working-directory: {}", scalar(&step.folder));
    }
    if !step.env.is_empty() {
        text.push_str("        env:\n");
    }
    for (name, value) in &step.env {
        let _ = writeln!(text, "          {name}: {value}");
    }
    text.push_str(&run(&step.run));
    text
}

/// A script: on one line where it is one and needs no quotes.
fn run(lines: &[String]) -> String {
    if let [line] = lines
        && is_plain_line(line)
    {
        return format!("        run: {line}\n");
    }
    let mut text = "        run: |\n".to_owned();
    for line in lines {
        let line = line.trim_end();
        let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "          {line}") };
    }
    text
}

/// Tells whether a text is a plain scalar for every reader ("YAML 1.2.2", chapter 7.3.3).
fn is_plain_line(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '/')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && text.chars().all(|c| (' '..='~').contains(&c))
}

/// A name of several words.
pub(super) fn scalar_of_words(text: &str) -> String {
    if is_plain_line(text) { text.to_owned() } else { scalar(text) }
}
