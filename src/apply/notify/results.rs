//! What notices say of each other, and how it went.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Claim;
use crate::adapters::notify::{Around, Sent};
use crate::state::{Channel, Delivery, Notice, NoticeEvent, NoticeIssue, State};

/// Returns what a notice needs to know of others: the issue of rollbacks of the same branch.
pub(super) fn around<'a>(state: &'a State, notice: &Notice) -> Around<'a> {
    let mut rollbacks: Vec<&Notice> = state
        .notices
        .values()
        .filter(|own| own.event.is_rollback() && own.branch == notice.branch)
        .filter(|own| own.id != notice.id && own.created <= notice.created)
        .collect();
    rollbacks.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
    let is_open = |own: &&&Notice| own.issue.as_ref().is_some_and(|issue| issue.open);
    // Its own outranks all: it was told before.
    let own = notice.issue.clone().filter(|issue| issue.open);
    let open_issue = own.or_else(|| rollbacks.iter().find(is_open)?.issue.clone());
    let earlier = rollbacks.iter().filter(is_open).copied().collect();
    Around { open_issue, earlier }
}

/// Tells whether a promotion came after a rollback and has closed what it found: an issue that is
/// opened afterwards would stay open.
pub(super) fn superseded(state: &State, notice: &Notice) -> bool {
    let key = Channel::GithubIssue.to_string();
    let closes = |promotion: &Notice| {
        promotion.event == NoticeEvent::Promotion
            && promotion.branch == notice.branch
            && promotion.release > notice.release
            && promotion.deliveries.get(&key).is_some_and(|delivery| !delivery.is_settled())
    };
    notice.event.is_rollback()
        && state
            .index
            .iter()
            .any(|entry| entry.kind.is_promotion() && entry.number > notice.release)
        && !state.notices.values().any(closes)
}

/// Puts the results into the notices as they are now; of claims that are not ours any more,
/// nothing is said.
pub(super) fn with_results(state: &State, results: &[(Claim, Sent)], nonce: &str) -> Vec<Notice> {
    let at = Timestamp::now();
    let mut changed: BTreeMap<String, Notice> = BTreeMap::new();
    for (claim, sent) in results {
        let known = changed.get(&claim.id).or_else(|| state.notices.get(&claim.id));
        let Some(mut notice) = known.cloned() else { continue };
        let Some(delivery) = notice.deliveries.get_mut(&claim.channel.to_string()) else {
            continue;
        };
        if !matches!(delivery, Delivery::Claimed { nonce: own, .. } if own == nonce) {
            continue;
        }
        *delivery = match sent {
            Sent::Done { .. } => Delivery::Delivered { at },
            Sent::Failed(problem) => {
                let problem = Some(shortened(problem));
                Delivery::Pending { tries: claim.tries.saturating_add(1), problem }
            }
            Sent::Unknown(problem) => Delivery::Unknown { at, problem: shortened(problem) },
        };
        if let Sent::Done { issue } = sent {
            if notice.event == NoticeEvent::Promotion {
                closed(state, &notice, &mut changed);
            }
            notice.issue = issue.clone().or(notice.issue);
        }
        changed.insert(notice.id.clone(), notice);
    }
    changed.into_values().collect()
}

/// Notes that the issues of earlier rollbacks are closed.
fn closed(state: &State, promotion: &Notice, changed: &mut BTreeMap<String, Notice>) {
    for earlier in state.notices.values() {
        let known = changed.get(&earlier.id).unwrap_or(earlier);
        let open = known.issue.as_ref().filter(|issue| issue.open);
        if let Some(issue) = open
            && earlier.branch == promotion.branch
            && earlier.created <= promotion.created
        {
            let issue = Some(NoticeIssue { open: false, ..issue.clone() });
            changed.insert(earlier.id.clone(), Notice { issue, ..known.clone() });
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}
