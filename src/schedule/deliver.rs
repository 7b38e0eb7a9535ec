//! Alerts on their way. A try is noted before it is made, so that a schedule that is killed while it
//! tells somebody does not tell them twice; only what certainly failed is tried again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::book::Book;

/// After the first failure a try waits so long; each time twice as long.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);

/// What is older is not told any more.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// More than this wait for a channel that does not work: the oldest are dropped.
const MOST: usize = 200;

/// An alert that is not told on every channel yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// What is told.
    pub alert: Alert,
    /// The channels that it is still to be told on.
    pub channels: BTreeMap<String, Delivery>,
}

/// How far the telling on a channel is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Tries that certainly failed.
    pub tries: u32,
    /// When the next one is made; without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether a try was begun.
    #[serde(default)]
    pub trying: bool,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It was told, or nobody knows: it is not tried again.
    Over,
    /// It was certainly not told.
    Failed,
}

impl Outgoing {
    /// An alert for all of `channels`; `None` where there is none.
    pub(super) fn new(alert: Alert, channels: &[String]) -> Option<Self> {
        let channels: BTreeMap<String, Delivery> =
            channels.iter().map(|channel| (channel.clone(), Delivery::default())).collect();
        (!channels.is_empty()).then_some(Self { alert, channels })
    }
}

impl Book {
    /// Gives up the alerts whose try was begun and whose end was not seen, and those that are too old.
    /// Returns them with their channels, to be logged.
    pub fn give_up(&mut self, now: Timestamp) -> Vec<(String, String)> {
        let mut given_up = Vec::new();
        let surplus = self.alerts.len().saturating_sub(MOST);
        for (index, outgoing) in self.alerts.iter_mut().enumerate() {
            let old = now.duration_since(outgoing.alert.created) > LONGEST || index < surplus;
            outgoing.channels.retain(|channel, delivery| {
                let over = delivery.trying || old;
                if over {
                    given_up.push((outgoing.alert.id.clone(), channel.clone()));
                }
                !over
            });
        }
        self.alerts.retain(|outgoing| !outgoing.channels.is_empty());
        given_up
    }

    /// Returns the next alert that can be told now, and on which channel. On one channel, alerts are
    /// told in the order in which they came.
    pub fn to_tell(&self, now: Timestamp) -> Option<(Alert, String)> {
        let mut behind: Vec<&String> = Vec::new();
        for outgoing in &self.alerts {
            for (channel, delivery) in &outgoing.channels {
                if behind.contains(&channel) {
                    continue;
                }
                // A clock that was set back makes nobody wait longer.
                let waits = |time: Timestamp| {
                    let left = time.duration_since(now);
                    left.is_positive() && left <= LONGEST_WAIT
                };
                if !delivery.trying && !delivery.not_before.is_some_and(waits) {
                    return Some((outgoing.alert.clone(), channel.clone()));
                }
                behind.push(channel);
            }
        }
        None
    }

    /// Returns when the next alert that waits can be told.
    pub fn next_tell(&self) -> Option<Timestamp> {
        let waiting = self.alerts.iter().flat_map(|outgoing| outgoing.channels.values());
        waiting.filter_map(|delivery| delivery.not_before).min()
    }

    /// Notes that a try begins.
    pub fn trying(&mut self, id: &str, channel: &str) {
        if let Some(delivery) = self.delivery(id, channel) {
            delivery.trying = true;
        }
    }

    /// Notes how a try ended.
    pub fn tried(&mut self, id: &str, channel: &str, attempt: Attempt, now: Timestamp) {
        match attempt {
            Attempt::Failed => {
                if let Some(delivery) = self.delivery(id, channel) {
                    let wait = FIRST_WAIT.saturating_mul(1 << delivery.tries.min(10));
                    delivery.tries = delivery.tries.saturating_add(1);
                    delivery.trying = false;
                    delivery.not_before = now.checked_add(wait.min(LONGEST_WAIT)).ok();
                }
            }
            Attempt::Over => {
                for outgoing in self.alerts.iter_mut().filter(|outgoing| outgoing.alert.id == id) {
                    outgoing.channels.remove(channel);
                }
                self.alerts.retain(|outgoing| !outgoing.channels.is_empty());
            }
        }
    }

    fn delivery(&mut self, id: &str, channel: &str) -> Option<&mut Delivery> {
        let outgoing = self.alerts.iter_mut().find(|outgoing| outgoing.alert.id == id)?;
        outgoing.channels.get_mut(channel)
    }
}
