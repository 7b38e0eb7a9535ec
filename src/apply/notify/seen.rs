//! What is to be done about one delivery that is not settled.

use jiff::{SignedDuration, Timestamp};

use super::Teller;
use crate::adapters::notify::{Channels, Ready};
use crate::state::{Channel, Delivery, Notice};

/// So often a channel is tried before it is given up.
const MOST_TRIES: u32 = 10;

/// So long a notice is news.
const NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be done about one delivery.
pub(super) enum Next {
    Leave,
    Set(Delivery),
    Claim { tries: u32 },
}

/// What is known of one open delivery.
pub(super) struct Seen<'a> {
    pub(super) now: Timestamp,
    pub(super) notice: &'a Notice,
    pub(super) channel: Channel,
    pub(super) has_happened: bool,
    pub(super) superseded: bool,
    pub(super) teller: &'a Teller,
    pub(super) channels: &'a Channels<'a>,
}

impl Seen<'_> {
    /// Decides.
    pub(super) fn decide(&self, delivery: &Delivery) -> (Next, Option<String>) {
        match delivery {
            Delivery::Pending { tries, problem } => self.pending(*tries, problem.as_deref()),
            Delivery::Claimed { run, until, tries, .. } => {
                // GitHub starts another attempt only when the one before has ended.
                let ended = self.teller.run.id == run.id
                    && run.id != 0
                    && self.teller.run.attempt > run.attempt;
                if *until > self.now && !ended {
                    (Next::Leave, None)
                } else if self.channel == Channel::GithubIssue {
                    self.pending(*tries, None)
                } else {
                    let problem = "the run that told it ended before it could note so".to_owned();
                    let warning =
                        format!("maybe told, and not tried again: {}: {problem}", self.what());
                    (Next::Set(Delivery::Unknown { at: self.now, problem }), Some(warning))
                }
            }
            Delivery::Delivered { .. } | Delivery::Unknown { .. } | Delivery::Dropped { .. } => {
                (Next::Leave, None)
            }
        }
    }

    fn pending(&self, tries: u32, last: Option<&str>) -> (Next, Option<String>) {
        let ready = self.channels.ready(self.channel);
        if ready == Ready::NotConfigured {
            return self.dropped("the configuration has no such channel any more");
        }
        if self.superseded && self.channel == Channel::GithubIssue {
            return self
                .dropped("a promotion has superseded it, and nothing would close the issue");
        }
        let last = last.map_or_else(String::new, |last| format!(", the last time: {last}"));
        if tries >= MOST_TRIES {
            return self.dropped(&format!("it was tried {tries} times{last}"));
        }
        if self.now.duration_since(self.notice.created) > NEWS {
            let why = if self.has_happened { "it is old news" } else { "it never came about" };
            return self.dropped(&format!("{why}{last}"));
        }
        match ready {
            // Told by whoever completes it.
            _ if !self.has_happened => (Next::Leave, None),
            Ready::Yes => (Next::Claim { tries }, None),
            // By hand that is no surprise: the next run in Actions tells.
            Ready::NotHere(_) if !self.teller.in_actions => (Next::Leave, None),
            Ready::NotHere(why) => (Next::Leave, Some(format!("not told: {}: {why}", self.what()))),
            Ready::NotConfigured => (Next::Leave, None),
        }
    }

    fn dropped(&self, why: &str) -> (Next, Option<String>) {
        let problem = why.to_owned();
        let warning = format!("given up: {}: {why}", self.what());
        (Next::Set(Delivery::Dropped { at: self.now, problem }), Some(warning))
    }

    fn what(&self) -> String {
        format!("{} ({})", self.channel.words(), self.notice.id)
    }
}
