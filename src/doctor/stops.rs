//! What stops promotions, and what will soon stop no more.

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Checkup, Finding, Severity};
use crate::state::State;

/// What ends within this time is pointed out.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let Ok(state) = &checkup.state else { return answer.not_needed() };
    holds(state, checkup.now, answer);
    quarantines(state, checkup.now, answer);
    let depth = checkup.config.rollback.max_depth as usize;
    let rollbacks = state.rollbacks_since_promotion().count();
    if rollbacks >= depth {
        answer.find(Finding::new(
            Severity::Warning,
            "rollbacks-used-up",
            format!(
                "{rollbacks} rollbacks since the last promotion; `rollback.max_depth` is {depth}"
            ),
            "the next failure is not rolled back: the gate holds and calls a person",
            "promote what is good",
        ));
    }
}

fn holds(state: &State, now: Timestamp, answer: &mut Answer) {
    for hold in state.holds_at(now) {
        if let Some(end) = hold.expires.filter(|end| end.duration_since(now) <= SOON) {
            answer.find(Finding::new(
                Severity::Warning,
                "hold-ends",
                format!("promotions are on hold until {end}: {}", hold.reason),
                "after that they go on by themselves, whether or not the reason is gone",
                "if they must wait longer: tidegate hold \"<why>\" --for <time>",
            ));
            continue;
        }
        let until = match hold.expires {
            Some(end) => format!("until {end}"),
            None => "until somebody ends it".to_owned(),
        };
        answer.find(Finding::new(
            Severity::Note,
            "hold-in-force",
            format!("promotions are on hold {until}: {}", hold.reason),
            "nothing new gets to users; rollbacks go on",
            format!("tidegate resume {}, once the reason is gone", hold.id),
        ));
    }
}

fn quarantines(state: &State, now: Timestamp, answer: &mut Answer) {
    let soon = |end: &Timestamp| end.duration_since(now) <= SOON;
    let commits = state.quarantines.values().filter(|own| own.is_in_force(now)).filter_map(|own| {
        Some((own.commit.short().to_owned(), own.expires.filter(soon)?, own.reason.as_str()))
    });
    let digests =
        state.quarantined_digests.values().filter(|own| own.is_in_force(now)).filter_map(|own| {
            Some((own.digest.short().to_owned(), own.expires.filter(soon)?, own.reason.as_str()))
        });
    for (what, end, reason) in commits.chain(digests) {
        answer.find(Finding::new(
            Severity::Warning,
            "quarantine-ends",
            format!("the quarantine of {what} ends at {end}: {reason}"),
            "what was forbidden can be promoted again after that",
            format!("if it must stay out: tidegate quarantine {what} \"<why>\""),
        ));
    }
}
