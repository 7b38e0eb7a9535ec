//! The state branch can be read.

use super::{Answer, Checkup, Finding, Severity, StateProblem};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let branch = &checkup.config.state_branch;
    match &checkup.state {
        Err(StateProblem::NotHere(why)) => answer.cannot("the state branch", why),
        Err(StateProblem::Damaged(why)) => answer.find(Finding::new(
            Severity::Error,
            "state-unreadable",
            format!("the state branch {branch} cannot be read: {why}"),
            "no command knows what is released; promotions and rollbacks of stable end with an error",
            format!("see who changed it, and revert that commit there: git log -p refs/tidegate/{branch}"),
        )),
        Ok(state) => {
            for path in &state.unreadable {
                answer.find(Finding::new(
                    Severity::Warning,
                    "state-file-unreadable",
                    format!("{path} on {branch} cannot be read"),
                    "what it notes is not told, or not tried again; nothing is decided by it",
                    format!("see who changed it: git log -p refs/tidegate/{branch} -- {path}"),
                ));
            }
        }
    }
}
