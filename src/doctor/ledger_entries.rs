//! The ledger can be read, and somebody says which commit was good.

use super::{Answer, Checkup, Finding, LedgerSeen, Seen, Severity};
use crate::ledger::Ledger;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let path = checkup.config.ledger.path.as_str();
    match &checkup.ledger {
        LedgerSeen::Unknown(why) => answer.cannot("the ledger", why),
        LedgerSeen::Missing => {
            answer.find(Finding::new(
                Severity::Note,
                "ledger-missing",
                format!("there is no {path} on {}", checkup.config.ledger_branch()),
                "nothing: the first promotion begins it; until then a failure has nothing to go back to, and holds",
                "let the first green run promote, or enter what is released: tidegate ledger append",
            ));
        }
        LedgerSeen::Unreadable(why) => {
            let finding = Finding::new(
                Severity::Error,
                "ledger-unreadable",
                format!("the ledger cannot be read: {why}"),
                "no entry counts, and none can be added after a promotion",
                "mend the line that the message names, and commit it",
            );
            answer.find(finding.at(path, line_in(why)));
        }
        LedgerSeen::Read { ledger, last_good } => {
            entries(path, ledger, answer);
            match last_good {
                Seen::Unknown(why) => answer.cannot("which commit is the last good one", why),
                Seen::Known(Some(_)) => {}
                Seen::Known(None) => answer.find(Finding::new(
                    Severity::Warning,
                    "no-good-commit",
                    format!("no commit of {} counts as good", checkup.config.branch),
                    "a failure has nothing to go back to: the gate holds, and main stays broken",
                    "see why none counts: tidegate last-good --explain",
                )),
            }
        }
    }
}

/// What looks like an entry and is none.
fn entries(path: &str, ledger: &Ledger, answer: &mut Answer) {
    for warning in &ledger.warnings {
        let text = warning.to_string();
        let finding = Finding::new(
            Severity::Warning,
            "ledger-entry-skipped",
            format!("an entry does not count: {text}"),
            "its commit is not gone back to, though somebody wrote that it passed",
            "complete the entry (a full commit id, one status), or take it out",
        );
        answer.find(finding.at(path, line_in(&text)));
    }
}

/// Finds the line that a message of the ledger names.
fn line_in(text: &str) -> Option<usize> {
    let rest = text.split("line ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
