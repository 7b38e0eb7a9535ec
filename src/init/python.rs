//! Python: which version, what is installed, how it is tested.

use super::design::{Setup, Step, Version};
use super::manifest::{has_key, has_section, names, section};
use super::survey::{Survey, folder, is_aside, is_requirements, is_test, join, name};

/// The version where nobody names one.
const VERSION: &str = "3.12";

/// Extras and groups by which projects name what their tests need.
const FOR_TESTS: [&str; 4] = ["dev", "test", "tests", "testing"];

/// What puts a folder's packages in place, and what stands before each of its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) setup: Setup,
    pub(super) install: Vec<String>,
    pub(super) prefix: &'static str,
}

/// Lists the folders of Python projects, the root (empty) first.
pub(super) fn folders(survey: &Survey) -> Vec<&str> {
    let marks = |own: &str| {
        matches!(
            own,
            "pyproject.toml" | "setup.py" | "setup.cfg" | "requirements.txt" | "pytest.ini"
        )
    };
    let mut found: Vec<&str> = survey.named(marks).into_iter().map(folder).collect();
    found.dedup();
    if !found.contains(&"") && !lists(survey, "").is_empty() {
        found.insert(0, "");
    }
    let loose = |path: &&String| is_test(path) && matches!(folder(path), "" | "tests" | "test");
    if !found.contains(&"") && survey.paths.iter().any(|path| loose(&path)) {
        found.insert(0, "");
    }
    found
}

/// Lists the package lists that a folder's tests need.
fn lists<'a>(survey: &'a Survey, at: &str) -> Vec<&'a str> {
    let wanted = |path: &str| {
        let inside = folder(path) == at || folder(path) == join(at, "requirements");
        // `requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`, `requirements/test.txt`.
        let kind = name(path).trim_end_matches(".txt").replace("requirements", "");
        let kind = kind.trim_matches(['-', '_', '.']);
        let known = ["", "base", "ci", "main", "prod"].contains(&kind) || FOR_TESTS.contains(&kind);
        inside && known && is_requirements(path) && super::quote::is_plain_path(path)
    };
    let mut found: Vec<&str> =
        survey.texts.keys().map(String::as_str).filter(|path| wanted(path)).collect();
    found.sort_by_key(|path| (path.len(), *path));
    found
}

/// All that a folder says about packages, as one text.
pub(super) fn speaks_of(survey: &Survey, at: &str, package: &str) -> bool {
    let files = ["pyproject.toml", "setup.cfg", "setup.py"];
    let manifests = files.into_iter().filter_map(|file| survey.text_in(at, file));
    let lists = lists(survey, at).into_iter().filter_map(|path| survey.text(path));
    manifests.chain(lists).any(|text| names(text, package))
}

/// Says how a folder's packages are put in place, with these tools besides.
pub(super) fn environment(survey: &Survey, at: &str, tools: &[&str]) -> Environment {
    let setup = Setup::Python(version(survey, at));
    let missing: Vec<&str> =
        tools.iter().copied().filter(|tool| !speaks_of(survey, at, tool)).collect();
    if survey.has(at, "uv.lock") {
        let mut install = vec!["python -m pip install uv".to_owned()];
        install.push("uv sync --locked --all-extras --all-groups".to_owned());
        if !missing.is_empty() {
            install.push(format!("uv pip install {}", missing.join(" ")));
        }
        return Environment { setup, install, prefix: "uv run --no-sync " };
    }
    if survey.has(at, "poetry.lock") {
        let mut install = vec!["python -m pip install poetry".to_owned()];
        install.push("poetry install --all-extras --all-groups".to_owned());
        if !missing.is_empty() {
            install.push(format!("poetry run python -m pip install {}", missing.join(" ")));
        }
        return Environment { setup, install, prefix: "poetry run " };
    }
    let mut what: Vec<String> = Vec::new();
    for list in lists(survey, at) {
        let inside = if at.is_empty() { list } else { &list[at.len() + 1..] };
        what.push(format!("-r {inside}"));
    }
    what.extend(package(survey, at));
    what.extend(missing.iter().map(|tool| (*tool).to_owned()));
    let install = if what.is_empty() {
        Vec::new()
    } else {
        let mut lines = vec![format!("python -m pip install {}", what.join(" "))];
        if what.iter().any(|own| own.starts_with("--group")) {
            // pip knows groups since 25.1; the one that comes with a Python may be older.
            lines.insert(0, "python -m pip install --upgrade pip".to_owned());
        }
        lines
    };
    Environment { setup, install, prefix: "" }
}

/// The project itself, with the extras and groups that its tests need.
fn package(survey: &Survey, at: &str) -> Vec<String> {
    let toml = survey.text_in(at, "pyproject.toml").unwrap_or_default();
    let mut what = Vec::new();
    if has_section(toml, "project")
        || has_section(toml, "build-system")
        || survey.has(at, "setup.py")
    {
        let extras: Vec<&str> = FOR_TESTS
            .into_iter()
            .filter(|extra| has_key(toml, "project.optional-dependencies", extra))
            .collect();
        what.push(if extras.is_empty() {
            "-e .".to_owned()
        } else {
            format!("-e \".[{}]\"", extras.join(","))
        });
    }
    let groups = FOR_TESTS.into_iter().filter(|own| has_key(toml, "dependency-groups", own));
    what.extend(groups.map(|group| format!("--group {group}")));
    what
}

/// The version: what is pinned, what the image ships, what the project asks for.
fn version(survey: &Survey, at: &str) -> Version {
    let is_version = |text: &str| {
        let parts: Vec<&str> = text.trim().split('.').collect();
        (2..=3).contains(&parts.len())
            && parts.iter().all(|part| (1..=3).contains(&part.len()))
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for own in [at, ""] {
        if survey.text_in(own, ".python-version").is_some_and(is_version) {
            return Version::Of(join(own, ".python-version"));
        }
    }
    for own in [at, ""] {
        let from = survey.text_in(own, "Dockerfile").into_iter().flat_map(str::lines);
        let shipped =
            from.filter_map(|line| line.trim().strip_prefix("FROM python:")).find_map(|tag| {
                let number = tag.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
                is_version(number).then(|| number.to_owned())
            });
        if let Some(version) = shipped {
            return Version::Fixed(version);
        }
    }
    for own in [at, ""] {
        let toml = survey.text_in(own, "pyproject.toml").unwrap_or_default();
        if has_key(toml, "project", "requires-python") {
            return Version::Of(join(own, "pyproject.toml"));
        }
    }
    Version::Fixed(VERSION.to_owned())
}

/// Says how a folder is tested, where it has tests; the report goes to this path.
pub(super) fn tests(survey: &Survey, at: &str, report: &str) -> Option<(Setup, Vec<Step>, bool)> {
    let of = |what: &str| if at.is_empty() { what.to_owned() } else { format!("{what} of {at}") };
    let step =
        |name: String, run: Vec<String>| Step { name, folder: at.to_owned(), run, env: Vec::new() };
    // These make environments of their own.
    for (file, tool) in [("noxfile.py", "nox"), ("tox.ini", "tox")] {
        let own = survey.has(at, file) && (tool == "nox" || has_tox(survey, at));
        if own {
            let setup = Setup::Python(version(survey, at));
            let install =
                step(of(&format!("Install {tool}")), vec![format!("python -m pip install {tool}")]);
            return Some((
                setup,
                vec![install, step(of("Run the tests"), vec![tool.to_owned()])],
                false,
            ));
        }
    }
    // Django's own runner, unless the project has settled on pytest.
    if survey.has(at, "manage.py")
        && speaks_of(survey, at, "django")
        && !speaks_of(survey, at, "pytest")
        && !speaks_of(survey, at, "pytest-django")
    {
        let environment = environment(survey, at, &[]);
        let run = format!("{}python manage.py test", environment.prefix);
        let mut steps = Vec::new();
        if !environment.install.is_empty() {
            steps.push(step(of("Install the Python packages"), environment.install));
        }
        steps.push(step(of("Run the tests"), vec![run]));
        return Some((environment.setup, steps, false));
    }
    if !has_pytest(survey, at) {
        return None;
    }
    let environment = environment(survey, at, &["pytest"]);
    let run = format!("{}python -m pytest --junitxml={report}", environment.prefix);
    let mut steps = Vec::new();
    if !environment.install.is_empty() {
        steps.push(step(of("Install the Python packages"), environment.install));
    }
    steps.push(step(of("Run the tests"), vec![run]));
    Some((environment.setup, steps, true))
}

fn has_tox(survey: &Survey, at: &str) -> bool {
    // The file also keeps the settings of flake8 and pytest.
    survey.text_in(at, "tox.ini").is_some_and(|text| has_section(text, "tox"))
}

fn has_pytest(survey: &Survey, at: &str) -> bool {
    let configured =
        [("pyproject.toml", "tool.pytest"), ("setup.cfg", "tool:pytest"), ("tox.ini", "pytest")];
    let tests = survey.below(at).any(|path| {
        let inside = if at.is_empty() { path } else { &path[at.len() + 1..] };
        // Not the tests of another project below.
        let own = matches!(folder(inside).split('/').next(), Some("" | "test" | "tests" | "src"))
            || (at.is_empty() && !is_aside(path) && !has_project_above(survey, path));
        is_test(path) && own
    });
    tests
        || survey.has(at, "pytest.ini")
        || survey.has(at, "conftest.py")
        || configured.iter().any(|(file, name)| {
            survey.text_in(at, file).is_some_and(|text| has_section(text, name))
        })
}

/// Tells whether a file belongs to a project below the root.
fn has_project_above(survey: &Survey, path: &str) -> bool {
    let marks = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "pytest.ini"];
    let mut at = folder(path);
    while !at.is_empty() {
        if marks.iter().any(|mark| survey.has(at, mark)) {
            return true;
        }
        at = folder(at);
    }
    false
}

/// Lists the settings of a tool: its sections in the files that it reads.
pub(super) fn is_configured(survey: &Survey, at: &str, tool: &str, files: &[&str]) -> bool {
    let own_file = files.iter().any(|file| survey.has(at, file));
    let project = survey.text_in(at, "pyproject.toml").unwrap_or_default();
    let ini = ["setup.cfg", "tox.ini"].into_iter().filter_map(|file| survey.text_in(at, file));
    own_file
        || has_section(project, &format!("tool.{tool}"))
        || ini.into_iter().any(|text| section(text, tool).next().is_some())
        || speaks_of(survey, at, tool)
}
