//! Who is told of incidents: the channels of the configuration, and those that the environment names.

use super::journal::{Level, Line};
use super::runner::Runner;
use super::stop::Stop;
use crate::adapters::notify::{Channels, Sent};
use crate::commands::session::SECRETS;
use crate::commands::workspace::Workspace;
use crate::config::{Config, EmailConfig, SlackConfig};
use crate::exit::{Exit, Failed};
use crate::schedule::Attempt;

/// What works without configuration.
const SLACK: &str = "SLACK_WEBHOOK";
const RECIPIENTS: &str = "ALERT_EMAIL";
const SMTP: &str = "SMTP_URL";

/// Returns the configuration with the channels that variables name: `SLACK_WEBHOOK`, and `ALERT_EMAIL`
/// with `SMTP_URL`.
///
/// # Errors
/// [`Exit::Usage`] where `ALERT_EMAIL` names nobody, or there is no server.
pub(super) fn with_channels(workspace: &Workspace) -> anyhow::Result<Config> {
    let mut config = workspace.config.clone();
    if config.notify.slack.is_none() && workspace.variable(SLACK).is_some() {
        config.notify.slack = Some(SlackConfig { webhook_env: SLACK.to_owned(), on: Vec::new() });
    }
    let Some(recipients) = workspace.variable(RECIPIENTS) else { return Ok(config) };
    let separators = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let to: Vec<String> =
        recipients.split(separators).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let wrong = |problem: String| Failed::new(Exit::Usage, format!("{RECIPIENTS}: {problem}"));
    if to.is_empty() || to.len() > 20 {
        return Err(wrong(format!("expected 1 to 20 addresses, found {}", to.len())).into());
    }
    if let Some(bad) = to.iter().find(|address| address.parse::<lettre::Address>().is_err()) {
        return Err(wrong(format!("expected an e-mail address, found {bad:?}")).into());
    }
    match &mut config.notify.email {
        Some(email) => email.to = to,
        None if workspace.variable(SMTP).is_some() => {
            let smtp_env = SMTP.to_owned();
            config.notify.email = Some(EmailConfig { to, from: None, smtp_env, on: Vec::new() });
        }
        None => {
            let hint = "set SMTP_URL, such as smtps://user:password@mail.example:465, or add `notify.email` to the configuration";
            let error = wrong("nobody says which mail server sends".to_owned());
            return Err(error.with_hint(hint).into());
        }
    }
    Ok(config)
}

/// Puts the channels together.
pub(super) fn channels<'a>(
    config: &'a Config,
    workspace: &'a Workspace,
    variable: &'a dyn Fn(&str) -> Option<String>,
) -> Channels<'a> {
    // Where it is no run on GitHub, the folder tells apart the apps of one machine.
    let folder = workspace.root.file_name().map(|name| name.to_string_lossy().into_owned());
    let repository = workspace.run.as_ref().and_then(|run| run.repository.clone()).or(folder);
    Channels::new(config, &workspace.root, variable, &SECRETS, repository, None)
}

impl Runner<'_> {
    /// Tells what can be told now. Each try is noted before it is made and after it. When the schedule is
    /// asked to stop, what is being told is told to its end; what does not get its turn within `grace` waits
    /// for the next start.
    pub(super) async fn tell(&mut self, stop: &mut Stop) {
        let given_up = self.book.give_up(self.clock.now());
        if !given_up.is_empty() {
            self.save();
        }
        for (alert, channel) in given_up {
            let text = format!(
                "alert {alert} may not have come through by {channel}; it is not told again"
            );
            self.log(&Line {
                level: Level::Error,
                event: "alert-given-up",
                task: None,
                text,
                fields: vec![],
            });
        }
        let grace = self.schedule.grace;
        while !stop.is_over(grace)
            && let Some((alert, channel)) = self.book.to_tell(self.clock.now())
        {
            self.book.trying(&alert.id, &channel);
            self.save();
            let sent = stop.finish(grace, self.channels.alert(&channel, &alert)).await;
            let cut = || Sent::Unknown("the schedule was stopped meanwhile".to_owned());
            let sent = sent.unwrap_or_else(cut);
            let (attempt, level, event, text) = match sent {
                Sent::Done { .. } => {
                    let text = format!("told by {channel}: {}", alert.event);
                    (Attempt::Over, Level::Info, "alert-told", text)
                }
                Sent::Unknown(problem) => {
                    let text = format!("may have been told by {channel}: {problem}");
                    (Attempt::Over, Level::Warn, "alert-unknown", text)
                }
                Sent::Failed(problem) => {
                    let text = format!("not told by {channel}, tried again later: {problem}");
                    (Attempt::Failed, Level::Warn, "alert-failed", text)
                }
            };
            self.book.tried(&alert.id, &channel, attempt, self.clock.now());
            self.save();
            let fields = vec![("alert", alert.id.clone().into()), ("channel", channel.into())];
            self.log(&Line { level, event, task: Some(&alert.task), text, fields });
        }
    }
}
