//! Who is told of incidents: the channels of the configuration, and those that the environment names.

use super::journal::{Level, Line};
use super::runner::Runner;
use super::stop::Stop;
use crate::adapters::notify::{Channels, SLACK, SMTP, Sent};
use crate::commands::session::SECRETS;
use crate::commands::workspace::Workspace;
use crate::config::{Config, EmailConfig, SlackConfig};
use crate::schedule::Attempt;

/// Who is told without configuration.
const RECIPIENTS: &str = "ALERT_EMAIL";

/// Returns the configuration with the channels that variables name: `SLACK_WEBHOOK`, and `ALERT_EMAIL`
/// with `SMTP_URL`. What is wrong with them is no reason to leave the tasks alone: it is warned of when the
/// schedule starts.
pub(super) fn with_channels(workspace: &Workspace) -> Config {
    let mut config = workspace.config.clone();
    if config.notify.slack.is_none() && workspace.variable(SLACK).is_some() {
        config.notify.slack = Some(SlackConfig { webhook_env: SLACK.to_owned(), on: Vec::new() });
    }
    if let Ok(Some(to)) = recipients(workspace) {
        let smtp_env = SMTP.to_owned();
        let email = EmailConfig { to: Vec::new(), from: None, smtp_env, on: Vec::new() };
        config.notify.email.get_or_insert(email).to = to;
    }
    config
}

/// Returns whom `ALERT_EMAIL` names, or what is wrong with it.
pub(super) fn recipients(workspace: &Workspace) -> Result<Option<Vec<String>>, String> {
    let Some(recipients) = workspace.variable(RECIPIENTS) else { return Ok(None) };
    let separators = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let to: Vec<String> =
        recipients.split(separators).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if to.is_empty() || to.len() > 20 {
        return Err(format!("expected 1 to 20 addresses in {RECIPIENTS}, found {}", to.len()));
    }
    if let Some(bad) = to.iter().find(|address| address.parse::<lettre::Address>().is_err()) {
        return Err(format!("expected an e-mail address in {RECIPIENTS}, found {bad:?}"));
    }
    if workspace.config.notify.email.is_none() && workspace.variable(SMTP).is_none() {
        return Err(format!(
            "{RECIPIENTS} needs {SMTP}, such as smtps://user:password@mail.example:465"
        ));
    }
    Ok(Some(to))
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
