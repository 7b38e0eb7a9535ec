//! Alerts of the schedule, on the channels of notices and on hooks of their own.

use super::email::Letter;
use super::{Channels, Sent};
use crate::config::Hook;
use crate::notice::{Document, payload, plain, slack};
use crate::schedule::Alert;

/// The names of the channels, as the schedule keeps them.
const SLACK: &str = "slack";
const EMAIL: &str = "email";
const HOOK: &str = "hook/";

impl Channels<'_> {
    /// Returns the channels that alerts are told on.
    pub fn of_alerts(&self) -> Vec<String> {
        let notify = &self.config.notify;
        let slack = notify.slack.as_ref().map(|_| SLACK.to_owned());
        let email = notify.email.as_ref().map(|_| EMAIL.to_owned());
        let hooks = self.config.schedule.as_ref().map_or(0, |schedule| schedule.after_alert.len());
        let hooks = (0..hooks).map(|index| format!("{HOOK}{index}"));
        slack.into_iter().chain(email).chain(hooks).collect()
    }

    /// Tells of an alert.
    pub async fn alert(&self, channel: &str, alert: &Alert) -> Sent {
        let sent = match channel {
            SLACK => self.slack_alert(alert).await,
            EMAIL => {
                let (repository, name) =
                    (self.repository.as_deref(), format!("alert {}", alert.id));
                let (subject, text) = plain::of(&Document::of_alert(alert), repository, &name);
                self.mail(&Letter { id: &alert.id, repository, subject, text }).await
            }
            hook => match hook.strip_prefix(HOOK).and_then(|index| index.parse().ok()) {
                Some(index) => self.alert_hook(index, alert).await,
                None => gone(),
            },
        };
        sent.redacted(&self.redactor)
    }

    async fn slack_alert(&self, alert: &Alert) -> Sent {
        let Some(config) = &self.config.notify.slack else { return gone() };
        let message = slack::of(&Document::of_alert(alert), self.repository.as_deref());
        self.slack_message(&config.webhook_env, &message).await
    }

    async fn alert_hook(&self, index: usize, alert: &Alert) -> Sent {
        let hooks = self.config.schedule.as_ref().map(|schedule| &schedule.after_alert);
        match hooks.and_then(|hooks| hooks.get(index)?.hook()) {
            Some(Hook::Run { command, dir, timeout }) => {
                self.command(command, dir, timeout, payload::alert_variables(alert)).await
            }
            Some(Hook::Webhook { url, secret, timeout }) => {
                match payload::alert_body(alert, self.repository.as_deref()) {
                    Ok(body) => {
                        let event = alert.event.word();
                        self.signed(url, secret, timeout, event, &alert.id, body).await
                    }
                    Err(error) => Sent::Failed(format!("the alert cannot be written: {error}")),
                }
            }
            None => gone(),
        }
    }
}

/// The configuration has changed since the alert was made.
fn gone() -> Sent {
    Sent::Failed("the configuration has no such channel any more".to_owned())
}
