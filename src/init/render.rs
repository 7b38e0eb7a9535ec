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

/// All that is written.
pub const WRITTEN: [&str; 4] = [CONFIG_PATH, GATE_WORKFLOW, RETRY_WORKFLOW, DOCTOR_WORKFLOW];

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// Writes all files.
pub fn render(design: &Design) -> Vec<File> {
    let gate = File { path: GATE_WORKFLOW, text: gate::render(design) };
    let mut files = render_without_gate(design);
    files.insert(1, gate);
    files
}

/// Writes the files beside the gate's workflow, for a repository that has one already.
pub fn render_without_gate(design: &Design) -> Vec<File> {
    vec![
        File { path: CONFIG_PATH, text: configuration::render(design) },
        File { path: RETRY_WORKFLOW, text: weekly::retry(design) },
        File { path: DOCTOR_WORKFLOW, text: weekly::doctor(design) },
    ]
}
