//! Notices: what people and programs are told of, and who was told already.
//!
//! A notice lands on the state branch in the same commit as what it tells of, so that a run that
//! is killed right after is still announced by the next one. It names channels by their keys
//! only: who may be told what, where, and by which command, is for the configuration and the
//! environment of the run that delivers, never for whoever can write the state branch.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{BranchName, CommitSha, Digest, RunIdentity};

/// How many settled notices are kept.
pub const KEPT: usize = 30;

/// What a notice tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeEvent {
    /// The protected branch got the tree of an earlier commit back.
    RollbackOfMain,
    /// Stable went back to an earlier release.
    RollbackOfStable,
    /// Nothing was promoted, nothing was reverted.
    Hold,
    /// A candidate became stable.
    Promotion,
    /// Other data became live, with the same code.
    Data,
    /// What a later version tells of. Nobody is told of it by this one.
    #[serde(other)]
    Unknown,
}

impl NoticeEvent {
    /// Returns the word of the state branch, of payloads and of `TIDEGATE_EVENT`.
    pub fn word(self) -> &'static str {
        match self {
            Self::RollbackOfMain => "rollback_of_main",
            Self::RollbackOfStable => "rollback_of_stable",
            Self::Hold => "hold",
            Self::Promotion => "promotion",
            Self::Data => "data",
            Self::Unknown => "unknown",
        }
    }

    /// Tells whether something went back.
    pub fn is_rollback(self) -> bool {
        match self {
            Self::RollbackOfMain | Self::RollbackOfStable => true,
            Self::Hold | Self::Promotion | Self::Data | Self::Unknown => false,
        }
    }
}

/// A way to tell somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Entry of `after_promote`, from 0.
    AfterPromote(usize),
    /// Entry of `after_rollback`, from 0.
    AfterRollback(usize),
    /// `notify.email`.
    Email,
    /// `notify.github_issue`.
    GithubIssue,
    /// `notify.slack`.
    Slack,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterPromote(index) => write!(f, "after_promote/{index}"),
            Self::AfterRollback(index) => write!(f, "after_rollback/{index}"),
            Self::Email => f.write_str("email"),
            Self::GithubIssue => f.write_str("github_issue"),
            Self::Slack => f.write_str("slack"),
        }
    }
}

impl Channel {
    /// Returns what people read: `e-mail`, `after_promote[0]`. Entries are numbered as in the
    /// errors of the configuration.
    pub fn words(self) -> String {
        match self {
            Self::AfterPromote(index) => format!("after_promote[{index}]"),
            Self::AfterRollback(index) => format!("after_rollback[{index}]"),
            Self::Email => "e-mail".to_owned(),
            Self::GithubIssue => "GitHub issue".to_owned(),
            Self::Slack => "Slack".to_owned(),
        }
    }

    /// Returns the words for a key. A key that is unknown stays as it is.
    pub fn words_of(key: &str) -> String {
        key.parse().map_or_else(|_| key.to_owned(), Self::words)
    }
}

/// A key that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel")]
pub struct UnknownChannel;

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(key: &str) -> Result<Self, UnknownChannel> {
        let entry = |text: &str| text.parse().map_err(|_| UnknownChannel);
        match key.split_once('/') {
            Some(("after_promote", index)) => entry(index).map(Self::AfterPromote),
            Some(("after_rollback", index)) => entry(index).map(Self::AfterRollback),
            Some(_) => Err(UnknownChannel),
            None => match key {
                "email" => Ok(Self::Email),
                "github_issue" => Ok(Self::GithubIssue),
                "slack" => Ok(Self::Slack),
                _ => Err(UnknownChannel),
            },
        }
    }
}

/// How far one channel of a notice is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// Nobody was told yet.
    Pending {
        /// How often it failed.
        #[serde(default)]
        tries: u32,
        /// How the last try failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// A run is telling right now, or was killed while it did.
    Claimed {
        /// Which run.
        run: RunIdentity,
        /// Tells two programs of one run apart.
        nonce: String,
        /// When it has given up at the latest.
        until: Timestamp,
        /// How often it failed before.
        #[serde(default)]
        tries: u32,
    },
    /// It was told.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It may have been told; it is never told again.
    Unknown {
        /// Since when.
        at: Timestamp,
        /// What happened.
        problem: String,
    },
    /// It is not going to be told.
    Dropped {
        /// Since when.
        at: Timestamp,
        /// Why.
        problem: String,
    },
}

impl Delivery {
    /// Returns a delivery that nobody has tried.
    pub fn new() -> Self {
        Self::Pending { tries: 0, problem: None }
    }

    /// Tells whether nothing is to be done about it any more.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Pending { .. } | Self::Claimed { .. } => false,
            Self::Delivered { .. } | Self::Unknown { .. } | Self::Dropped { .. } => true,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self::new()
    }
}

/// A job that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedJob {
    /// Its name.
    pub name: String,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A commit that a rollback took out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedCommit {
    /// The commit.
    pub commit: CommitSha,
    /// The first line of its message.
    pub subject: String,
    /// The name of its author, as git has it.
    pub author: String,
}

/// The issue on GitHub that tells of a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeIssue {
    /// Its number.
    pub number: u64,
    /// Where to look at it.
    pub url: String,
    /// Whether a promotion is still to close it.
    pub open: bool,
}

/// One thing that people and programs are told of. Its texts are shortened, and hostile all the
/// same: every channel escapes them in its own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The version of the format.
    pub version: u32,
    /// A name that is unique on the branch, and the same for whoever comes to tell the same: the
    /// file's name.
    pub id: String,
    /// What it tells of.
    pub event: NoticeEvent,
    /// The protected branch.
    pub branch: BranchName,
    /// The commit that was promoted, held, or left.
    pub commit: CommitSha,
    /// The first line of its message.
    #[serde(default)]
    pub subject: String,
    /// The number of the release that users get afterwards; 0 where there is none.
    #[serde(default)]
    pub release: u64,
    /// Its digests, by image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, Digest>,
    /// The commit whose tree, or whose release, came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<CommitSha>,
    /// For a rollback of stable: the release that came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_release: Option<u64>,
    /// For a rollback of stable: whether the protected branch goes back with it.
    #[serde(default)]
    pub with_main: bool,
    /// Whether a person asked for it.
    #[serde(default)]
    pub by_hand: bool,
    /// Why, in a sentence each.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The jobs that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_jobs: Vec<FailedJob>,
    /// The first tests that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
    /// The first of the commits that were taken out, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<AffectedCommit>,
    /// How many there are.
    #[serde(default)]
    pub affected_count: usize,
    /// The commit that restored the tree, once it is on the protected branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_commit: Option<CommitSha>,
    /// The pull request that restores the tree, where the branch is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<String>,
    /// The run that found it.
    pub run: RunIdentity,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// When.
    pub created: Timestamp,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The issue on GitHub that tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<NoticeIssue>,
    /// How far each channel is, by its key.
    pub deliveries: BTreeMap<String, Delivery>,
}

impl Notice {
    /// Tells whether nothing is to be done about it any more.
    pub fn is_settled(&self) -> bool {
        let told = self.deliveries.values().all(Delivery::is_settled);
        told && self.issue.as_ref().is_none_or(|issue| !issue.open)
    }

    /// Tells whether somebody is still to be told.
    pub fn has_open_delivery(&self) -> bool {
        self.deliveries.values().any(|delivery| !delivery.is_settled())
    }
}

/// Returns the ids of settled notices that are not kept any more.
pub(super) fn forgotten<'a>(notices: impl Iterator<Item = &'a Notice>) -> Vec<String> {
    let mut settled: Vec<&Notice> = notices.filter(|notice| notice.is_settled()).collect();
    settled.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
    settled.into_iter().skip(KEPT).map(|notice| notice.id.clone()).collect()
}

/// Tells whether a text can be the name of a file.
pub(super) fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_their_keys() {
        for channel in [
            Channel::AfterPromote(0),
            Channel::AfterRollback(9),
            Channel::Email,
            Channel::GithubIssue,
            Channel::Slack,
        ] {
            assert_eq!(channel.to_string().parse(), Ok(channel));
        }
        for key in ["", "slack/0", "after_promote", "after_promote/-1", "after_promote/x", "sms"] {
            assert_eq!(key.parse::<Channel>(), Err(UnknownChannel), "{key}");
        }
    }

    #[test]
    fn people_read_words() {
        for (key, words) in [
            ("slack", "Slack"),
            ("email", "e-mail"),
            ("github_issue", "GitHub issue"),
            ("after_promote/0", "after_promote[0]"),
            ("sms", "sms"),
        ] {
            assert_eq!(Channel::words_of(key), words);
        }
    }

    #[test]
    fn an_event_of_a_later_version_can_be_read() {
        let event: NoticeEvent = serde_json::from_str("\"moon_landing\"").unwrap();
        assert_eq!(event, NoticeEvent::Unknown);
        for event in [
            NoticeEvent::RollbackOfMain,
            NoticeEvent::RollbackOfStable,
            NoticeEvent::Hold,
            NoticeEvent::Promotion,
            NoticeEvent::Data,
        ] {
            assert_eq!(serde_json::to_value(event).unwrap(), event.word());
        }
    }
}
