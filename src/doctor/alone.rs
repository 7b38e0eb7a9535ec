//! A workflow looked at alone, for tests: everything else is well.

use super::workflow::{Unreadable, Workflow};
use super::{
    Checkup, ConfigurationFile, ImagesSeen, LedgerSeen, ProjectionsSeen, RefsSeen, RemoteSeen,
    Seen, WorkflowSeen,
};
use crate::config::Config;
use crate::evidence::markers::MarkerEvidence;
use crate::evidence::rollback_limit::DeclaredLimit;
use crate::state::State;

/// What is observed where `workflow` is all that could be wrong.
pub(crate) fn checkup(path: &str, workflow: Result<Workflow, Unreadable>) -> Checkup {
    let unknown = || "not looked at".to_owned();
    let refs = RefsSeen { branch: true, ledger_branch: true, ..RefsSeen::default() };
    Checkup {
        now: jiff::Timestamp::UNIX_EPOCH,
        in_actions: false,
        config: Config { images: Some(Vec::new()), ..Config::default() },
        file: ConfigurationFile {
            path: ".github/tidegate.yml".to_owned(),
            exists: true,
            problem: None,
        },
        workflows: vec![WorkflowSeen { path: path.to_owned(), workflow }],
        remote: RemoteSeen {
            exists: true,
            asked: false,
            shallow: false,
            refs: Seen::Known(refs),
            push: Seen::Unknown(unknown()),
        },
        markers: Seen::Known(MarkerEvidence::default()),
        commits: Seen::Unknown(unknown()),
        ledger: LedgerSeen::Unknown(unknown()),
        state: Ok(State::default()),
        projections: ProjectionsSeen::default(),
        images: ImagesSeen { known: true, ..ImagesSeen::default() },
        github: Seen::Unknown(unknown()),
        limit: Seen::Known(DeclaredLimit::No),
        served: None,
        data: None,
    }
}
