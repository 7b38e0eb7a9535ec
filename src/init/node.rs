//! Node.js: which version, what is installed, how it is tested.

use serde_json::Value;

use super::design::{Setup, Step, Version};
use super::survey::{Survey, folder, join};

/// The version where nobody names one.
const VERSION: &str = "22";

/// What `npm init` writes for nothing.
const NO_TEST: &str = "no test specified";

/// Lists the folders with a `package.json`, the root (empty) first.
pub(super) fn folders(survey: &Survey) -> Vec<&str> {
    survey.named(|own| own == "package.json").into_iter().map(folder).collect()
}

fn package(survey: &Survey, at: &str) -> Option<Value> {
    serde_json::from_str(survey.text_in(at, "package.json")?).ok()
}

/// Tells whether a folder's `package.json` has this script.
pub(super) fn has_script(survey: &Survey, at: &str, name: &str) -> bool {
    let package = package(survey, at).unwrap_or_default();
    let script = package.get("scripts").and_then(|all| all.get(name)).and_then(Value::as_str);
    script.is_some_and(|text| !text.contains(NO_TEST))
}

/// Tells whether a folder depends on a package.
pub(super) fn depends_on(survey: &Survey, at: &str, name: &str) -> bool {
    let package = package(survey, at).unwrap_or_default();
    ["dependencies", "devDependencies"]
        .iter()
        .any(|kind| package.get(kind).is_some_and(|all| all.get(name).is_some()))
}

/// Says what puts a folder's packages in place, and the command that runs a script.
pub(super) fn environment(survey: &Survey, at: &str) -> (Setup, Vec<String>, &'static str) {
    let setup = Setup::Node(version(survey, at));
    let enabled = |line: &str| vec!["corepack enable".to_owned(), line.to_owned()];
    if survey.has(at, "pnpm-lock.yaml") {
        return (setup, enabled("pnpm install --frozen-lockfile"), "pnpm run");
    }
    if survey.has(at, "yarn.lock") {
        return (setup, enabled("yarn install"), "yarn run");
    }
    let install = if survey.has(at, "package-lock.json") { "npm ci" } else { "npm install" };
    (setup, vec![install.to_owned()], "npm run")
}

fn version(survey: &Survey, at: &str) -> Version {
    for own in [at, ""] {
        for file in [".nvmrc", ".node-version"] {
            if survey.text_in(own, file).is_some() {
                return Version::Of(join(own, file));
            }
        }
    }
    let engines = package(survey, at).and_then(|all| all.get("engines")?.get("node").cloned());
    match engines {
        Some(_) => Version::Of(join(at, "package.json")),
        None => Version::Fixed(VERSION.to_owned()),
    }
}

/// Says how a folder is tested, where its `package.json` does.
pub(super) fn tests(survey: &Survey, at: &str) -> Option<(Setup, Vec<Step>)> {
    if !has_script(survey, at, "test") {
        return None;
    }
    let (setup, install, run) = environment(survey, at);
    let of = |what: &str| if at.is_empty() { what.to_owned() } else { format!("{what} of {at}") };
    let step = |name, run| Step { name, folder: at.to_owned(), run, env: Vec::new() };
    let install = step(of("Install the packages"), install);
    Some((setup, vec![install, step(of("Run the tests"), vec![format!("{run} test")])]))
}
