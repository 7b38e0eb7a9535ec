//! How a repository is tested: by what somebody says, by its Makefile, or by what its languages
//! are usually tested by.

use super::design::{Job, Report, Setup, Step, Streamlit};
use super::manifest::{has_target, names};
use super::quote::is_plain_path;
use super::survey::{Survey, folder, is_aside, is_requirements};
use super::{node, python};

/// The job.
const TESTS: (&str, &str) = ("tests", "Tests");

/// More projects than this are not tested by themselves.
const MOST: usize = 12;

/// The reports of pytest.
const REPORT: Report = Report { path: "reports/junit*.xml", job: TESTS.0 };

/// Makes the job that tests, where anybody knows how.
pub(super) fn tests(
    survey: &Survey,
    wish: Option<&str>,
    remarks: &mut Vec<String>,
) -> Option<(Job, Option<Report>)> {
    let (setups, steps, reports) = match wish {
        Some(command) => by_command(survey, command, command.contains("pytest"), &[]),
        None => by_targets(survey).or_else(|| by_languages(survey, remarks))?,
    };
    let report = reports.then_some(REPORT);
    Some((Job { id: TESTS.0, name: TESTS.1, setups: unique(setups), steps }, report))
}

type Tested = (Vec<Setup>, Vec<Step>, bool);

/// Keeps the first of each language: a job has one version of it.
pub(super) fn unique(setups: Vec<Setup>) -> Vec<Setup> {
    let mut kept: Vec<Setup> = Vec::new();
    for setup in setups {
        let same = |own: &Setup| std::mem::discriminant(own) == std::mem::discriminant(&setup);
        if !kept.iter().any(same) {
            kept.push(setup);
        }
    }
    kept
}

/// A command in the root, after what the languages there need.
fn by_command(survey: &Survey, command: &str, pytest: bool, tools: &[&str]) -> Tested {
    let (mut setups, mut steps) = (Vec::new(), Vec::new());
    let step = |name: &str, run: Vec<String>| Step {
        name: name.to_owned(),
        folder: String::new(),
        run,
        env: Vec::new(),
    };
    if python::folders(survey).contains(&"") || pytest || !tools.is_empty() {
        let mut wanted = tools.to_vec();
        if pytest {
            wanted.push("pytest");
        }
        let own = python::environment(survey, "", &wanted);
        setups.push(own.setup);
        if !own.install.is_empty() {
            steps.push(step("Install the Python packages", own.install));
        }
    }
    if node::folders(survey).contains(&"") {
        let (setup, install, _) = node::environment(survey, "");
        setups.push(setup);
        steps.push(step("Install the Node packages", install));
    }
    let mut run = step("Run the tests", command.trim().lines().map(str::to_owned).collect());
    if pytest {
        // pytest adds them to its arguments, wherever it is called.
        let value = "--junitxml=${{ github.workspace }}/reports/junit.xml";
        run.env.push(("PYTEST_ADDOPTS".to_owned(), value.to_owned()));
    }
    steps.push(run);
    (setups, steps, pytest)
}

/// `make test`, `just test`.
fn by_targets(survey: &Survey) -> Option<Tested> {
    let makefiles = ["Makefile", "makefile", "GNUmakefile"];
    let has = |file: &&&str| survey.text(file).is_some_and(|text| has_target(text, "test"));
    // tox and nox do not hand the environment on.
    let pytest = |text: &str| names(text, "pytest") && !names(text, "tox") && !names(text, "nox");
    if let Some(file) = makefiles.iter().find(has) {
        let text = survey.text(file).unwrap_or_default();
        return Some(by_command(survey, "make test", pytest(text), &[]));
    }
    let text = survey.text("justfile").filter(|text| has_target(text, "test"))?;
    Some(by_command(survey, "just test", pytest(text), &["rust-just"]))
}

/// Each language in the root, or in each of its projects below.
fn by_languages(survey: &Survey, remarks: &mut Vec<String>) -> Option<Tested> {
    let (mut setups, mut steps, mut reports) = (Vec::new(), Vec::new(), false);
    let mut add = |tested: Option<(Vec<Setup>, Vec<Step>)>| {
        let Some((own, mut run)) = tested else { return false };
        setups.extend(own);
        steps.append(&mut run);
        true
    };
    for at in
        projects(python::folders(survey), remarks, |at| python::tests(survey, at, "x").is_some())
    {
        let slug = at.replace('/', "-");
        let report = match at {
            "" => "reports/junit.xml".to_owned(),
            _ => format!("\"$GITHUB_WORKSPACE/reports/junit-{slug}.xml\""),
        };
        if let Some((setup, run, junit)) = python::tests(survey, at, &report) {
            reports |= junit;
            add(Some((vec![setup], run)));
        }
    }
    let has_script = |at: &str| node::tests(survey, at).is_some();
    for at in projects(node::folders(survey), remarks, has_script) {
        add(node::tests(survey, at).map(|(setup, run)| (vec![setup], run)));
    }
    for (file, lock, locked, command) in [
        ("Cargo.toml", "Cargo.lock", "cargo test --locked", "cargo test"),
        ("go.mod", "", "", "go test ./..."),
    ] {
        let folders = survey.named(|own| own == file).into_iter().map(folder).collect();
        for at in projects(folders, remarks, |_| true) {
            let command = if survey.has(at, lock) && !lock.is_empty() { locked } else { command };
            let name = match at {
                "" => "Run the tests".to_owned(),
                at => format!("Run the tests of {at}"),
            };
            let run = vec![command.to_owned()];
            let step = Step { name, folder: at.to_owned(), run, env: Vec::new() };
            add(Some((Vec::new(), vec![step])));
        }
    }
    (!steps.is_empty()).then_some((setups, steps, reports))
}

/// The root where it is tested, else the tested folders below it.
pub(super) fn projects<'a>(
    folders: Vec<&'a str>,
    remarks: &mut Vec<String>,
    is_tested: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let tested: Vec<&str> = folders.into_iter().filter(|at| is_tested(at)).collect();
    if tested.contains(&"") {
        return vec![""];
    }
    let (plain, odd): (Vec<&str>, Vec<&str>) = tested.into_iter().partition(|at| is_plain_path(at));
    for at in odd {
        let shown = super::quote::comment(at);
        remarks.push(format!("tests in {shown}: left out, its path has unusual characters"));
    }
    for at in plain.iter().skip(MOST) {
        remarks.push(format!("tests in {at}: left out, {MOST} projects are enough"));
    }
    plain.into_iter().take(MOST).collect()
}

/// Finds a Streamlit app: a script that imports it, at a usual place first.
pub(super) fn streamlit(survey: &Survey) -> Option<Streamlit> {
    const USUAL: [&str; 7] = [
        "streamlit_app.py",
        "app.py",
        "Home.py",
        "main.py",
        "dashboard.py",
        "src/app.py",
        "app/main.py",
    ];
    let imports = |path: &str| {
        survey.text(path).is_some_and(|text| {
            text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("import streamlit") || line.starts_with("from streamlit")
            })
        })
    };
    let any = || {
        let scripts = survey.texts.keys().map(String::as_str);
        let is_script = |path: &str| {
            std::path::Path::new(path).extension().is_some_and(|own| own == "py")
                && !is_aside(path)
                && is_plain_path(path)
                // A page is not the app.
                && super::survey::name(folder(path)) != "pages"
        };
        scripts.into_iter().filter(|path| is_script(path)).find(|path| imports(path))
    };
    if let Some(file) = USUAL.into_iter().find(|path| imports(path)).or_else(any) {
        return Some(Streamlit { file: Some(file.to_owned()) });
    }
    let listed = survey
        .texts
        .iter()
        .any(|(path, text)| is_requirements(path) && !is_aside(path) && names(text, "streamlit"));
    listed.then_some(Streamlit { file: None })
}
