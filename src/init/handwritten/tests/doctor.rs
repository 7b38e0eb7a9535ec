//! What the tool's own `doctor` says about a rewritten workflow.

use super::PATH;
use crate::doctor::alone::checkup;
use crate::doctor::workflow::Workflow;
use crate::doctor::{Finding, Severity, examine};

#[track_caller]
pub(super) fn finds_no_error(text: &str) {
    let diagnosis = examine(&checkup(PATH, Workflow::parse(PATH, text.as_bytes())));
    let errors: Vec<&Finding> =
        diagnosis.findings.iter().filter(|own| own.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    for part in ["gate job", "checkout and inputs", "triggers", "concurrency", "permissions"] {
        assert!(diagnosis.well.contains(&part), "{part}: {:#?}\n{text}", diagnosis.findings);
    }
}
