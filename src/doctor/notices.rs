//! Those who are to be told of rollbacks and holds were told.

use std::collections::BTreeSet;

use super::{Answer, Checkup, Finding, Severity};
use crate::state::Delivery;

/// So many are named: the newest tell what is wrong now.
const NAMED: usize = 5;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let Ok(state) = &checkup.state else { return answer.not_needed() };
    let mut notices: Vec<_> = state.notices.values().collect();
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.created));
    // What a channel missed once is over when it has worked since.
    let mut works = BTreeSet::new();
    let mut undelivered = Vec::new();
    for notice in notices {
        for (channel, delivery) in &notice.deliveries {
            let (how, why) = match delivery {
                Delivery::Delivered { .. } => {
                    works.insert(channel);
                    continue;
                }
                Delivery::Pending { tries: 0, .. } | Delivery::Claimed { .. } => continue,
                Delivery::Pending { problem, .. } => {
                    ("was not delivered yet", problem.as_deref().unwrap_or("no reason is noted"))
                }
                Delivery::Unknown { .. } | Delivery::Dropped { .. } if works.contains(channel) => {
                    continue;
                }
                Delivery::Unknown { problem, .. } => {
                    ("may not have been delivered", problem.as_str())
                }
                Delivery::Dropped { problem, .. } => ("was given up", problem.as_str()),
            };
            undelivered.push((notice, channel, how, why));
        }
    }
    for (notice, channel, how, why) in undelivered.into_iter().take(NAMED) {
        let what = notice.event.word().replace('_', " ");
        answer.find(Finding::new(
            Severity::Warning,
            "notice-undelivered",
            format!(
                "the notice of the {what} of {} {how} by {channel}: {why}",
                notice.commit.short()
            ),
            "the next rollback may be told to nobody either",
            "see https://github.com/tidegate/tidegate/blob/main/docs/reference/notifications.md for what this channel needs",
        ));
    }
}
