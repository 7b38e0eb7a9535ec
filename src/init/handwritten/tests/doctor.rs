//! What the tool's own `doctor` says about a rewritten workflow.

use super::PATH;
use crate::config::Config;
use crate::doctor::workflow::Workflow;
use crate::doctor::{
    Checkup, ConfigurationFile, Finding, ImagesSeen, LedgerSeen, ProjectionsSeen, RefsSeen,
    RemoteSeen, Seen, Severity, WorkflowSeen, examine,
};
use crate::evidence::markers::MarkerEvidence;
use crate::state::State;

/// Everything else is well.
fn checkup(text: &str) -> Checkup {
    let workflow = Workflow::parse(PATH, text.as_bytes());
    let config = Config { images: Some(Vec::new()), ..Config::default() };
    let path = ".github/tidegate.yml".to_owned();
    let unknown = || "not looked at".to_owned();
    Checkup {
        now: jiff::Timestamp::UNIX_EPOCH,
        in_actions: false,
        config,
        file: ConfigurationFile { path, exists: true, problem: None },
        workflows: vec![WorkflowSeen { path: PATH.to_owned(), workflow }],
        remote: RemoteSeen {
            exists: true,
            asked: false,
            shallow: false,
            refs: Seen::Known(RefsSeen {
                branch: true,
                ledger_branch: true,
                ..RefsSeen::default()
            }),
            push: Seen::Unknown(unknown()),
        },
        markers: Seen::Known(MarkerEvidence::default()),
        commits: Seen::Unknown(unknown()),
        ledger: LedgerSeen::Unknown(unknown()),
        state: Ok(State::default()),
        projections: ProjectionsSeen::default(),
        images: ImagesSeen { known: true, ..ImagesSeen::default() },
        github: Seen::Unknown(unknown()),
    }
}

#[track_caller]
pub(super) fn finds_no_error(text: &str) {
    let diagnosis = examine(&checkup(text));
    let errors: Vec<&Finding> =
        diagnosis.findings.iter().filter(|own| own.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    for part in ["gate job", "checkout and inputs", "triggers", "concurrency", "permissions"] {
        assert!(diagnosis.well.contains(&part), "{part}: {:#?}\n{text}", diagnosis.findings);
    }
}
