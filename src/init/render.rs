//! The files, as text.

mod configuration;
mod gate;
mod steps;
mod weekly;

use super::design::Design;
use crate::config::CONFIG_PATH;

/// Where the gate's workflow is written.
pub const GATE_WORKFLOW: &str = ".github/workflows/release-gate.yml";

/// Where the retry workflow is written.
pub const RETRY_WORKFLOW: &str = ".github/workflows/tidegate-retry.yml";

/// Where the weekly examination is written.
pub const DOCTOR_WORKFLOW: &str = ".github/workflows/tidegate-doctor.yml";

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Writes all files. Where a workflow releases already there is no other one: what was written by
/// hand is rewritten, where it can be.
pub fn render(design: &Design) -> Vec<File> {
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    let mut files = vec![file(CONFIG_PATH, configuration::render(design))];
    match &design.existing {
        None => files.push(file(GATE_WORKFLOW, gate::render(design))),
        Some(own) => {
            files.extend(own.rewritten().map(|text| file(own.path(), text.to_owned())));
        }
    }
    files.push(file(RETRY_WORKFLOW, weekly::retry(design)));
    files.push(file(DOCTOR_WORKFLOW, weekly::doctor(design)));
    files
}

/// A registry that a person has to give a login for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginNeeded {
    /// The registry.
    pub host: String,
    /// The variable of the repository that has the user's name.
    pub user: String,
    /// The secret that has the password.
    pub password: String,
}

/// Lists the registries whose logins the workflow takes from a variable and a secret.
pub fn logins(design: &Design) -> Vec<LoginNeeded> {
    gate::logins(design)
}
