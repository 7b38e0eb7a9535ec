//! What people and programs are told of a plan: a notice in the same change as what it tells of,
//! and a last step that names its channels.
//!
//! 1. Which channels want this event, by the configuration. None: nobody is told, and nothing is
//!    written.
//! 2. The id says what is told, not who tells it: a rerun that comes to the same tells nothing
//!    again.
//! 3. The notice goes into the change with the record, the quarantine or the verdict. Where that
//!    change was made by an earlier run, it gets a change of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Step;
use crate::config::{Config, NotifyEvent};
use crate::model::{BranchName, CommitSha, Digest, RunIdentity};
use crate::state::notice::{AffectedCommit, FailedJob};
use crate::state::{Channel, Delivery, FORMAT, Notice, NoticeEvent, State, StateChange};

/// The most of each kind that a notice holds, and the longest texts, in characters.
const MOST_REASONS: usize = 10;
const MOST_JOBS: usize = 20;
const MOST_TESTS: usize = 10;
const MOST_AFFECTED: usize = 20;
const LONGEST_REASON: usize = 500;
const LONGEST_NAME: usize = 200;
const LONGEST_AUTHOR: usize = 80;

/// What a command knows of what it is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What is told of.
    pub event: NoticeEvent,
    /// The protected branch.
    pub branch: BranchName,
    /// The commit that is promoted, held, or left.
    pub commit: CommitSha,
    /// The first line of its message.
    pub subject: String,
    /// The commit that comes back.
    pub restored: Option<CommitSha>,
    /// Whether a person asks for it.
    pub by_hand: bool,
    /// Why, in a sentence each.
    pub reasons: Vec<String>,
    /// The names of the kinds of reasons, which tell holds of one commit apart.
    pub reason_kinds: Vec<String>,
    /// The jobs that failed.
    pub failed_jobs: Vec<FailedJob>,
    /// The tests that failed.
    pub failed_tests: Vec<String>,
    /// The commits that are taken out, newest first; at least as many as are told.
    pub affected: Vec<AffectedCommit>,
    /// How many there are.
    pub affected_count: usize,
    /// The run.
    pub run: RunIdentity,
    /// Where to look at it.
    pub run_url: Option<String>,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Whether there is a token for GitHub.
    pub github: bool,
}

/// Returns the channels that want an event. `github`: whether there is a token for GitHub;
/// `open_issue`: whether there is an issue for a promotion to close.
pub fn channels(
    event: NoticeEvent,
    config: &Config,
    github: bool,
    open_issue: bool,
) -> Vec<Channel> {
    let notify = &config.notify;
    let (wanted, hooks) = match event {
        NoticeEvent::RollbackOfMain | NoticeEvent::RollbackOfStable => {
            let count = config.after_rollback.len();
            (NotifyEvent::Rollback, (0..count).map(Channel::AfterRollback).collect())
        }
        NoticeEvent::Promotion => {
            let count = config.after_promote.len();
            (NotifyEvent::Promotion, (0..count).map(Channel::AfterPromote).collect())
        }
        NoticeEvent::Hold => (NotifyEvent::Hold, Vec::new()),
        NoticeEvent::Data => (NotifyEvent::Data, Vec::new()),
        NoticeEvent::Unknown => return Vec::new(),
    };
    let mut channels: Vec<Channel> = hooks;
    if notify.email.as_ref().is_some_and(|email| email.on.contains(&wanted)) {
        channels.push(Channel::Email);
    }
    let issue = event.is_rollback() || (event == NoticeEvent::Promotion && open_issue);
    if notify.github_issue && github && issue {
        channels.push(Channel::GithubIssue);
    }
    if notify.slack.as_ref().is_some_and(|slack| slack.on.contains(&wanted)) {
        channels.push(Channel::Slack);
    }
    channels
}

/// Adds to a plan what is told of it.
pub fn announce(steps: &mut Vec<Step>, facts: Facts, state: &State, config: &Config) {
    let open_issue = state.notices.values().any(|notice| {
        let pending = notice.deliveries.get(&Channel::GithubIssue.to_string());
        notice.event.is_rollback()
            && (notice.issue.as_ref().is_some_and(|issue| issue.open)
                || pending.is_some_and(|delivery| !delivery.is_settled()))
    });
    let channels = channels(facts.event, config, facts.github, open_issue);
    if channels.is_empty() {
        return;
    }
    let notice = notice(facts, steps, &channels, state);
    steps.push(Step::Notify {
        notice: notice.id.clone(),
        channels: notice.deliveries.keys().cloned().collect(),
    });
    if state.notices.contains_key(&notice.id) {
        return;
    }
    let own = steps.iter_mut().find_map(|step| match step {
        Step::WriteState { change } => Some(change),
        Step::CheckImage { .. }
        | Step::KeepDigest { .. }
        | Step::UploadData { .. }
        | Step::CheckData { .. }
        | Step::RunLive(_)
        | Step::MoveData { .. }
        | Step::MoveTag { .. }
        | Step::MoveStable { .. }
        | Step::AppendLedger(_)
        | Step::RollBack(_)
        | Step::DispatchRetry { .. }
        | Step::Notify { .. } => None,
    });
    if let Some(change) = own {
        change.notices.push(notice);
    } else {
        let change = StateChange { notices: vec![notice], ..StateChange::default() };
        steps.insert(0, Step::WriteState { change });
    }
}

fn notice(facts: Facts, steps: &[Step], channels: &[Channel], state: &State) -> Notice {
    let record = steps.iter().filter_map(Step::change).find_map(|change| change.record.as_ref());
    let live = record.or_else(|| state.newest());
    let release = live.map_or(0, |record| record.number);
    let restored_release = live.and_then(|live| match live.kind {
        crate::state::RecordKind::Rollback { restores } => Some(restores),
        crate::state::RecordKind::Promotion | crate::state::RecordKind::Data { .. } => None,
    });
    let short = &facts.commit.as_str()[..12];
    let id = match facts.event {
        NoticeEvent::Promotion => format!("release-{release}"),
        NoticeEvent::Data => format!("data-{release}"),
        NoticeEvent::RollbackOfStable => format!("stable-{release}"),
        NoticeEvent::RollbackOfMain => format!("rollback-{short}-{release}"),
        NoticeEvent::Hold | NoticeEvent::Unknown => {
            format!("hold-{short}-{}", fingerprint(&facts.reason_kinds))
        }
    };
    let with_main = steps.iter().any(|step| matches!(step, Step::RollBack(_)));
    let short = |text: &str, longest| shortened(text, longest);
    Notice {
        version: FORMAT,
        id,
        event: facts.event,
        branch: facts.branch,
        commit: facts.commit,
        subject: short(&facts.subject, LONGEST_NAME),
        release,
        digests: live.map_or_else(BTreeMap::new, |live| {
            let pair = |own: &crate::state::ReleasedImage| -> (String, Digest) {
                (own.image.to_string(), own.digest.clone())
            };
            live.images.iter().map(pair).collect()
        }),
        restored: facts.restored,
        restored_release: restored_release.filter(|_| facts.event == NoticeEvent::RollbackOfStable),
        with_main: with_main && facts.event == NoticeEvent::RollbackOfStable,
        by_hand: facts.by_hand,
        reasons: facts
            .reasons
            .iter()
            .take(MOST_REASONS)
            .map(|reason| short(reason, LONGEST_REASON))
            .collect(),
        failed_jobs: facts
            .failed_jobs
            .into_iter()
            .take(MOST_JOBS)
            .map(|job| FailedJob { name: short(&job.name, LONGEST_NAME), ..job })
            .collect(),
        failed_tests: facts
            .failed_tests
            .iter()
            .take(MOST_TESTS)
            .map(|test| short(test, LONGEST_REASON))
            .collect(),
        affected: facts
            .affected
            .into_iter()
            .take(MOST_AFFECTED)
            .map(|own| AffectedCommit {
                subject: short(&own.subject, LONGEST_NAME),
                author: short(&own.author, LONGEST_AUTHOR),
                commit: own.commit,
            })
            .collect(),
        affected_count: facts.affected_count,
        rollback_commit: None,
        pull_request: None,
        run: facts.run,
        run_url: facts.run_url,
        created: facts.now,
        by: facts.by.map(|by| short(&by, LONGEST_AUTHOR)),
        issue: None,
        deliveries: channels.iter().map(|key| (key.to_string(), Delivery::new())).collect(),
    }
}

/// The kinds of reasons, in any order and number, as eight digits.
fn fingerprint(kinds: &[String]) -> String {
    let kinds: std::collections::BTreeSet<&str> = kinds.iter().map(String::as_str).collect();
    let mut hash = Sha256::new();
    for kind in kinds {
        hash.update(kind.as_bytes());
        hash.update([0]);
    }
    crate::notice::hex(&hash.finalize()[..4])
}

/// Returns the beginning of a text, on one line.
fn shortened(text: &str, longest: usize) -> String {
    let one_line = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(longest).map(one_line).collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}
