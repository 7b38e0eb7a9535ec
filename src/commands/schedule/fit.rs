//! What of a schedule will fail at its time, as far as that can be seen before: the sources of imports, and
//! the channels of alerts.

use super::super::workspace::Workspace;
use super::tell::recipients;
use crate::data::import::Import;
use crate::data::import::api::url_variable;
use crate::schedule::{Schedule, What};

/// Says what will fail. Values of variables are never shown.
pub(super) fn warnings(workspace: &Workspace, schedule: &Schedule) -> Vec<String> {
    let mut warnings = Vec::new();
    for task in &schedule.tasks {
        let problem = match &task.what {
            What::Import { import, .. } => source(workspace, import),
            What::Kind(_) => None,
        };
        warnings.extend(problem.map(|problem| format!("task {} will fail: {problem}", task.name)));
    }
    warnings.extend(channels(workspace));
    warnings
}

/// Says why an import has no source.
fn source(workspace: &Workspace, name: &str) -> Option<String> {
    let import = match Import::of(name, workspace.data.imports.get(name)) {
        Ok(Some(import)) => import,
        Ok(None) => return Some(format!("there is no import {name:?}")),
        Err(error) => return Some(error.to_string()),
    };
    if import.csv.is_some() {
        return None;
    }
    let variable = url_variable(&import.name, &import.api);
    if import.api.url.is_none() && workspace.variable(&variable).is_none() {
        return Some(format!(
            "nobody says which file or API to import; set {variable}, or `csv` or `api.url` of the import"
        ));
    }
    let key = import.api.key_env.as_deref();
    let missing = key.filter(|key| workspace.variable(key).is_none())?;
    Some(format!("{missing}, the key of its API, is not set"))
}

/// Says which channels cannot tell anybody.
fn channels(workspace: &Workspace) -> Vec<String> {
    let notify = &workspace.config.notify;
    let slack = notify.slack.as_ref().map_or("SLACK_WEBHOOK", |slack| slack.webhook_env.as_str());
    let smtp = notify.email.as_ref().map_or("SMTP_URL", |email| email.smtp_env.as_str());
    let begins = |value: &str, schemes: &[&str]| {
        let url: Option<url::Url> = value.trim().parse().ok();
        url.is_some_and(|url| schemes.contains(&url.scheme()) && url.has_host())
    };
    let judge = |name: &str, channel: &str, configured: bool, schemes: &[&str]| match workspace
        .variable(name)
    {
        Some(value) if begins(&value, schemes) => None,
        Some(_) => Some(format!(
            "alerts by {channel} will fail: expected an address that begins with {}:// in {name}",
            schemes.join(":// or ")
        )),
        None if configured => Some(format!("alerts by {channel} will fail: {name} is not set")),
        None => None,
    };
    let slack = judge(slack, "Slack", notify.slack.is_some(), &["https", "http"]);
    let email = judge(smtp, "e-mail", notify.email.is_some(), &["smtps", "smtp"]);
    let wrong = recipients(workspace).err();
    let wrong = wrong.map(|problem| format!("alerts by e-mail will fail: {problem}"));
    let hooks = workspace.config.schedule.iter().flat_map(|schedule| &schedule.after_alert);
    let hooks = hooks.enumerate().filter_map(|(index, hook)| {
        let channel = format!("hook/{index}");
        let url = hook.webhook_env.as_deref();
        let wrong = url.and_then(|name| judge(name, &channel, true, &["https", "http"]));
        let secret = hook.secret_env.as_deref().filter(|name| workspace.variable(name).is_none());
        let unset = |name| format!("alerts by {channel} will fail: {name} is not set");
        wrong.or_else(|| secret.map(unset))
    });
    slack.into_iter().chain(email).chain(wrong).chain(hooks).collect()
}
