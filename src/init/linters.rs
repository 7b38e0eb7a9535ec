//! The linters that a repository has settings for. One that nobody has set up is not run: a first
//! failure would stop releases.

use super::design::{Job, Setup, Step};
use super::manifest::{has_section, has_target};
use super::node;
use super::python::{self, is_configured};
use super::survey::Survey;

/// Linters of Python: name, files of settings, command, whether it reads the imported packages.
const PYTHON: [(&str, &[&str], &str, bool); 4] = [
    ("ruff", &["ruff.toml", ".ruff.toml"], "ruff check .", false),
    ("flake8", &[".flake8"], "flake8 .", false),
    ("black", &[], "black --check .", false),
    ("mypy", &["mypy.ini", ".mypy.ini"], "mypy .", true),
];

/// Files of settings of eslint.
const ESLINT: [&str; 10] = [
    ".eslintrc",
    ".eslintrc.cjs",
    ".eslintrc.js",
    ".eslintrc.json",
    ".eslintrc.yaml",
    ".eslintrc.yml",
    "eslint.config.cjs",
    "eslint.config.js",
    "eslint.config.mjs",
    "eslint.config.ts",
];

/// Makes the job, where there is anything to run.
pub(super) fn job(survey: &Survey, remarks: &mut Vec<String>) -> Option<Job> {
    let (mut setups, mut steps) = (Vec::new(), Vec::new());
    let by_make = ["Makefile", "makefile", "GNUmakefile"]
        .iter()
        .any(|file| survey.text(file).is_some_and(|text| has_target(text, "lint")));
    if by_make {
        of_make(survey, &mut setups, &mut steps);
    } else {
        of_python(survey, &mut setups, &mut steps);
        of_node(survey, remarks, &mut setups, &mut steps);
        let clippy = survey.has("", "clippy.toml")
            || survey.text("Cargo.toml").is_some_and(|text| {
                has_section(text, "lints.clippy") || has_section(text, "workspace.lints.clippy")
            });
        if clippy && survey.has("", "Cargo.toml") {
            steps.push(step("Run clippy", "", vec!["cargo clippy --all-targets".to_owned()]));
        }
    }
    let setups = super::languages::unique(setups);
    (!steps.is_empty()).then_some(Job { id: "code-quality", name: "Code quality", setups, steps })
}

fn step(name: impl Into<String>, folder: &str, run: Vec<String>) -> Step {
    Step { name: name.into(), folder: folder.to_owned(), run, env: Vec::new() }
}

fn of_make(survey: &Survey, setups: &mut Vec<Setup>, steps: &mut Vec<Step>) {
    if python::folders(survey).contains(&"") {
        let own = python::environment(survey, "", &[]);
        setups.push(own.setup);
        if !own.install.is_empty() {
            steps.push(step("Install the Python packages", "", own.install));
        }
    }
    if node::folders(survey).contains(&"") {
        let (setup, install, _) = node::environment(survey, "");
        setups.push(setup);
        steps.push(step("Install the Node packages", "", install));
    }
    steps.push(step("Run the linters", "", vec!["make lint".to_owned()]));
}

fn of_python(survey: &Survey, setups: &mut Vec<Setup>, steps: &mut Vec<Step>) {
    if !python::folders(survey).contains(&"") {
        return;
    }
    let found: Vec<_> = PYTHON
        .into_iter()
        .filter(|(tool, files, _, _)| is_configured(survey, "", tool, files))
        .collect();
    if found.is_empty() {
        return;
    }
    let tools: Vec<&str> = found.iter().map(|(tool, ..)| *tool).collect();
    let own = python::environment(survey, "", &tools);
    let with_packages = found.iter().any(|(.., imports)| *imports)
        || !own.prefix.is_empty()
        || tools.iter().any(|tool| python::speaks_of(survey, "", tool));
    let install = if with_packages {
        own.install
    } else {
        vec![format!("python -m pip install {}", tools.join(" "))]
    };
    let prefix = if with_packages { own.prefix } else { "" };
    setups.push(own.setup);
    steps.push(step("Install the linters", "", install));
    for (tool, _, command, _) in found {
        steps.push(step(format!("Run {tool}"), "", vec![format!("{prefix}{command}")]));
    }
}

fn of_node(
    survey: &Survey,
    remarks: &mut Vec<String>,
    setups: &mut Vec<Setup>,
    steps: &mut Vec<Step>,
) {
    let has = |at: &str| {
        node::has_script(survey, at, "lint")
            || (node::depends_on(survey, at, "eslint")
                && ESLINT.iter().any(|file| survey.has(at, file)))
    };
    for at in super::languages::projects(node::folders(survey), remarks, has) {
        let (setup, install, run) = node::environment(survey, at);
        let of =
            |what: &str| if at.is_empty() { what.to_owned() } else { format!("{what} of {at}") };
        let command = if node::has_script(survey, at, "lint") {
            format!("{run} lint")
        } else {
            "npx eslint .".to_owned()
        };
        setups.push(setup);
        steps.push(step(of("Install the packages"), at, install));
        steps.push(step(of("Run the linters"), at, vec![command]));
    }
}
