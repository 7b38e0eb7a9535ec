//! What programs are told: the body of a webhook, and the environment of a command.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{CommitSha, Digest};
use crate::schedule::{Alert, AlertEvent};
use crate::state::Notice;

/// The version of the body.
const SCHEMA: &str = "tidegate/notice/1";

/// The version of the body that tells of an alert.
const ALERT_SCHEMA: &str = "tidegate/alert/1";

/// The body of a webhook.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    schema: &'static str,
    /// The id of the notice: the same for every try, so that a receiver can drop repeats.
    delivery: &'a str,
    event: &'static str,
    repository: Option<&'a str>,
    branch: &'a str,
    commit: &'a CommitSha,
    release: u64,
    digests: &'a BTreeMap<String, Digest>,
    restored: Option<&'a CommitSha>,
    restored_release: Option<u64>,
    rollback_commit: Option<&'a CommitSha>,
    /// Where only this is there, main does not show the restored tree yet.
    pull_request: Option<&'a str>,
    with_main: bool,
    by_hand: bool,
    reasons: &'a [String],
    run_url: Option<&'a str>,
    created: jiff::Timestamp,
}

/// Returns the body of a webhook: JSON.
///
/// # Errors
/// None in practice: every value can be written as JSON.
pub fn body(notice: &Notice, repository: Option<&str>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Payload {
        schema: SCHEMA,
        delivery: &notice.id,
        event: notice.event.word(),
        repository,
        branch: notice.branch.as_str(),
        commit: &notice.commit,
        release: notice.release,
        digests: &notice.digests,
        restored: notice.restored.as_ref(),
        restored_release: notice.restored_release,
        rollback_commit: notice.rollback_commit.as_ref(),
        pull_request: pull_request(notice),
        with_main: notice.with_main,
        by_hand: notice.by_hand,
        reasons: &notice.reasons,
        run_url: notice.run_url.as_deref(),
        created: notice.created,
    })
}

/// Returns the page of the pull request that a rollback of main waits in.
fn pull_request(notice: &Notice) -> Option<&str> {
    notice.pull_request.as_deref().filter(|url| super::http_url(url))
}

/// Returns the environment of a command. None of it is text of others.
pub fn variables(notice: &Notice) -> Vec<(&'static str, String)> {
    let digests: serde_json::Map<String, serde_json::Value> = notice
        .digests
        .iter()
        .map(|(image, digest)| (image.clone(), digest.to_string().into()))
        .collect();
    vec![
        ("TIDEGATE_EVENT", notice.event.word().to_owned()),
        ("TIDEGATE_DELIVERY", notice.id.clone()),
        ("TIDEGATE_BRANCH", notice.branch.to_string()),
        ("TIDEGATE_COMMIT", notice.commit.to_string()),
        ("TIDEGATE_RELEASE", notice.release.to_string()),
        (
            "TIDEGATE_RESTORED",
            notice.restored.as_ref().map(ToString::to_string).unwrap_or_default(),
        ),
        ("TIDEGATE_PULL_REQUEST", pull_request(notice).unwrap_or_default().to_owned()),
        ("TIDEGATE_DIGESTS", serde_json::Value::from(digests).to_string()),
    ]
}

/// The body of a webhook that tells of an alert.
#[derive(Debug, Serialize)]
struct AlertPayload<'a> {
    schema: &'static str,
    /// The id of the alert: the same for every try.
    delivery: &'a str,
    event: AlertEvent,
    repository: Option<&'a str>,
    task: &'a str,
    command: &'a str,
    due: jiff::Timestamp,
    timezone: &'a str,
    reason: &'a str,
    opened: jiff::Timestamp,
    failures: u64,
    created: jiff::Timestamp,
}

/// Returns the body of a webhook that tells of an alert: JSON.
///
/// # Errors
/// None in practice: every value can be written as JSON.
pub fn alert_body(alert: &Alert, repository: Option<&str>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&AlertPayload {
        schema: ALERT_SCHEMA,
        delivery: &alert.id,
        event: alert.event,
        repository,
        task: &alert.task,
        command: &alert.command,
        due: alert.due,
        timezone: &alert.timezone,
        reason: &alert.reason,
        opened: alert.opened,
        failures: alert.failures,
        created: alert.created,
    })
}

/// Returns the environment of a command that tells of an alert. None of it is text of others.
pub fn alert_variables(alert: &Alert) -> Vec<(&'static str, String)> {
    vec![
        ("TIDEGATE_EVENT", alert.event.word().to_owned()),
        ("TIDEGATE_DELIVERY", alert.id.clone()),
        ("TIDEGATE_ALERT_TASK", alert.task.clone()),
        ("TIDEGATE_DUE", alert.due.to_string()),
    ]
}
