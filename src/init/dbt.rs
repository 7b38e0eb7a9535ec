//! dbt projects: built where their profile is in the project, parsed where it needs secrets.

use std::collections::BTreeSet;

use super::design::{Job, Setup, Step};
use super::python;
use super::quote::{comment, is_plain_path};
use super::survey::{Survey, folder};

/// The adapters that are installed by their name.
const ADAPTERS: [&str; 9] = [
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "duckdb",
    "postgres",
    "redshift",
    "snowflake",
    "sqlite",
];

/// Makes the job, where there is a project.
pub(super) fn job(survey: &Survey, remarks: &mut Vec<String>) -> Option<Job> {
    let mut setups: Vec<Setup> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for path in survey.named(|own| own == "dbt_project.yml") {
        let at = folder(path);
        // Installed packages have project files of their own.
        if path.split('/').any(|part| part == "dbt_packages" || part == "dbt_modules") {
            continue;
        }
        if !at.is_empty() && !is_plain_path(at) {
            let shown = comment(at);
            remarks.push(format!("dbt project {shown}: left out, its path has unusual characters"));
            continue;
        }
        let shown = if at.is_empty() { "in the root" } else { at };
        let Some(profile) = survey.text_in(at, "profiles.yml") else {
            remarks.push(format!(
                "dbt project {shown}: left out, there is no profiles.yml beside its dbt_project.yml"
            ));
            continue;
        };
        let first = setups.is_empty();
        let (setup, mut own) = project(survey, at, profile, first);
        setups.extend(setup.into_iter().filter(|_| first));
        steps.append(&mut own);
    }
    (!steps.is_empty()).then_some(Job { id: "dbt", name: "dbt", setups, steps })
}

fn project(survey: &Survey, at: &str, profile: &str, first: bool) -> (Option<Setup>, Vec<Step>) {
    let of = |what: &str| if at.is_empty() { what.to_owned() } else { format!("{what} of {at}") };
    let step =
        |name: String, run: Vec<String>| Step { name, folder: at.to_owned(), run, env: Vec::new() };
    let adapters = adapters(profile);
    let mut packages: Vec<String> = vec!["dbt-core".to_owned()];
    packages.extend(adapters.iter().map(|own| format!("dbt-{own}")));
    // The versions that the project pins, where it does.
    let pinned = |own: &str| packages.iter().any(|name| python::speaks_of(survey, own, name));
    let base = [at, ""].into_iter().find(|own| pinned(own));
    let (setup, install, prefix) = if let Some(base) = base {
        let own = python::environment(survey, base, &[]);
        // The lists are named as seen from the folder that has them.
        let step = Step { folder: (*base).to_owned(), ..step(String::new(), own.install) };
        (own.setup, step, own.prefix)
    } else {
        let setup = python::environment(survey, at, &[]).setup;
        let line = format!("python -m pip install {}", packages.join(" "));
        (setup, step(String::new(), vec![line]), "")
    };
    let mut steps = vec![Step { name: of("Install dbt"), ..install }];
    if ["packages.yml", "dependencies.yml"].iter().any(|file| survey.has(at, file)) {
        steps.push(step(of("Install the dbt packages"), vec![format!("{prefix}dbt deps")]));
    }
    // A database of its own needs no secret, so that the models and their tests can run.
    let local =
        adapters.iter().all(|own| own == "duckdb" || own == "sqlite") && !adapters.is_empty();
    let (name, line) = if local {
        (of("Build and test the models"), format!("{prefix}dbt build"))
    } else {
        (of("Parse the models"), format!("{prefix}dbt parse"))
    };
    steps.push(step(name, vec![line]));
    for own in steps.iter_mut().skip(1) {
        own.env.push(("DBT_PROFILES_DIR".to_owned(), ".".to_owned()));
        for name in variables(profile) {
            let value = format!("${{{{ secrets.{name} }}}}");
            own.env.push((name, value));
        }
    }
    (first.then_some(setup), steps)
}

/// The types of the profile's outputs that are known.
fn adapters(profile: &str) -> BTreeSet<String> {
    let types = profile.split("type:").skip(1).map(str::trim_start);
    let named = types.filter_map(|text| {
        text.trim_start_matches(['"', '\'']).split(|c: char| !c.is_ascii_lowercase()).next()
    });
    named.filter(|own| ADAPTERS.contains(own)).map(str::to_owned).collect()
}

/// The variables that the profile cannot do without: `env_var('NAME')`, without a default.
fn variables(profile: &str) -> BTreeSet<String> {
    let calls = profile.split("env_var(").skip(1).filter_map(|rest| rest.split(')').next());
    let required = calls.filter(|call| !call.contains(','));
    required
        .map(|call| call.trim().trim_matches(['"', '\'']))
        .filter(|name| {
            name.len() <= 100
                && name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
                && !name.starts_with("GITHUB_")
        })
        .map(str::to_owned)
        .collect()
}
