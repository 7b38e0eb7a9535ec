//! Who is told of what: hooks, and channels of notifications.
//!
//! Addresses and secrets are named by environment variables, never written into the file.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command or a webhook after a release changed, so that something can redeploy or reboot.
/// Either `run` or `webhook_env`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HookConfig {
    /// A command for `sh -c`.
    pub run: Option<String>,
    /// The folder that the command runs in, from the root of the repository; without the key, the
    /// root.
    pub dir: Option<String>,
    /// The environment variable that holds the URL of a webhook.
    pub webhook_env: Option<String>,
    /// The environment variable that holds the secret which signs the body of the webhook.
    pub secret_env: Option<String>,
    /// How long it may take: at most `1h` for a command (without the key, `5m`), at most `2m` for
    /// a webhook (without the key, `30s`).
    pub timeout: Option<String>,
}

/// What a hook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook<'a> {
    /// Runs a command.
    Run {
        /// For `sh -c`.
        command: &'a str,
        /// From the root of the repository.
        dir: Option<&'a str>,
        /// It is stopped after that.
        timeout: Duration,
    },
    /// Sends a webhook.
    Webhook {
        /// The variable with the URL.
        url: &'a str,
        /// The variable with the secret.
        secret: Option<&'a str>,
        /// How long it may take, with all repeats.
        timeout: Duration,
    },
}

/// Who is told of rollbacks, holds and promotions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Whether a rollback opens an issue on GitHub, where there is a token. The promotion that
    /// supersedes the rollback closes it.
    pub github_issue: bool,
    /// Whether the issue mentions the authors of the affected commits, so that GitHub notifies
    /// them.
    pub mention: bool,
    /// Messages to a Slack channel.
    pub slack: Option<SlackConfig>,
    /// E-mail.
    pub email: Option<EmailConfig>,
}

/// Messages to a Slack channel by an incoming webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The environment variable that holds the URL of the incoming webhook.
    pub webhook_env: String,
    /// What is told.
    #[serde(default = "troubles")]
    pub on: Vec<NotifyEvent>,
}

/// E-mail by SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Who gets it: 1 to 20 addresses.
    pub to: Vec<String>,
    /// The sender; without the key, the user of the SMTP server where that is an address, else
    /// `tidegate@` and the server's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The environment variable that holds the server: `smtps://user:password@host:465`, or
    /// `smtp://user:password@host:587`, which demands STARTTLS.
    pub smtp_env: String,
    /// What is told.
    #[serde(default = "troubles")]
    pub on: Vec<NotifyEvent>,
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifyEvent {
    /// The protected branch or stable went back.
    Rollback,
    /// Nothing was promoted and nothing was reverted.
    Hold,
    /// A candidate became stable.
    Promotion,
    /// Data was published by itself, with no release of code.
    Data,
}

fn troubles() -> Vec<NotifyEvent> {
    vec![NotifyEvent::Rollback, NotifyEvent::Hold]
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { github_issue: true, mention: false, slack: None, email: None }
    }
}

impl NotifyConfig {
    /// The environment variables that hold addresses and secrets of the channels.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let slack = self.slack.iter().map(|slack| slack.webhook_env.as_str());
        slack.chain(self.email.iter().map(|email| email.smtp_env.as_str()))
    }
}

impl HookConfig {
    /// Returns what the hook does; `None` where the file says neither or both, which the check of
    /// the configuration refuses.
    pub fn hook(&self) -> Option<Hook<'_>> {
        let timeout = |or: u64| match &self.timeout {
            Some(text) => super::wait(text),
            None => Some(Duration::from_secs(or)),
        };
        match (self.run.as_deref(), self.webhook_env.as_deref()) {
            (Some(command), None) => {
                Some(Hook::Run { command, dir: self.dir.as_deref(), timeout: timeout(300)? })
            }
            (None, Some(url)) => Some(Hook::Webhook {
                url,
                secret: self.secret_env.as_deref(),
                timeout: timeout(30)?,
            }),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    /// The environment variables that hold its address and its secret.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.webhook_env.as_deref().into_iter().chain(self.secret_env.as_deref())
    }

    /// Returns the first thing that is wrong, with its key.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match (&self.run, &self.webhook_env) {
            (Some(_), Some(_)) => {
                return Err(("run", "expected either `run` or `webhook_env`, found both".into()));
            }
            (None, None) => {
                return Err(("run", "expected `run` or `webhook_env`, found neither".into()));
            }
            (Some(run), None) => {
                if run.trim().is_empty() || run.contains('\0') {
                    return Err(("run", format!("expected a command, found {run:?}")));
                }
                if self.secret_env.is_some() {
                    return Err(("secret_env", "only a webhook is signed".to_owned()));
                }
            }
            (None, Some(variable)) => {
                variable_name(variable).map_err(|problem| ("webhook_env", problem))?;
                if self.dir.is_some() {
                    return Err(("dir", "only a command runs in a folder".to_owned()));
                }
            }
        }
        if let Some(variable) = &self.secret_env {
            variable_name(variable).map_err(|problem| ("secret_env", problem))?;
        }
        let (most, words) = if self.run.is_some() {
            (Duration::from_hours(1), "1h")
        } else {
            (Duration::from_mins(2), "2m")
        };
        match &self.timeout {
            Some(text) if super::wait(text).is_none_or(|timeout| timeout > most) => {
                Err(("timeout", format!("expected a time of at most {words}, found {text:?}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl NotifyConfig {
    /// Returns the first thing that is wrong, with its keys.
    pub(super) fn check(&self) -> Result<(), ([&'static str; 2], String)> {
        if let Some(slack) = &self.slack {
            variable_name(&slack.webhook_env)
                .map_err(|problem| (["slack", "webhook_env"], problem))?;
        }
        let Some(email) = &self.email else { return Ok(()) };
        variable_name(&email.smtp_env).map_err(|problem| (["email", "smtp_env"], problem))?;
        if email.to.is_empty() || email.to.len() > MOST_RECIPIENTS {
            let found = email.to.len();
            let problem = format!("expected 1 to {MOST_RECIPIENTS} addresses, found {found}");
            return Err((["email", "to"], problem));
        }
        for address in &email.to {
            address_of(address).map_err(|problem| (["email", "to"], problem))?;
        }
        if let Some(from) = &email.from {
            address_of(from).map_err(|problem| (["email", "from"], problem))?;
        }
        Ok(())
    }
}

/// At most so many people get an e-mail.
const MOST_RECIPIENTS: usize = 20;

/// A variable that is there for something else must not be sent anywhere as an address, nor be a
/// key that strangers can test guesses against.
pub(super) fn variable_name(name: &str) -> Result<(), String> {
    let well_formed = name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !well_formed {
        let expected = "expected the name of an environment variable such as SLACK_WEBHOOK";
        // The address of a webhook is a secret: it is not quoted.
        return Err(if name.contains("://") {
            format!(
                "{expected}, found an address; whoever can read this file knows it now: make a \
                 new one, and keep it as a secret of the repository"
            )
        } else {
            format!("{expected}, found {name:?}")
        });
    }
    let upper = name.to_ascii_uppercase();
    let taken = ["TIDEGATE_", "GITHUB_", "GH_", "ACTIONS_", "RUNNER_"];
    if taken.iter().any(|prefix| upper.starts_with(prefix)) {
        return Err(format!(
            "expected a variable of its own, found {name}: {} belong to others",
            taken.map(|prefix| format!("{prefix}*")).join(", ")
        ));
    }
    Ok(())
}

fn address_of(text: &str) -> Result<(), String> {
    if text.len() <= 254 && text.parse::<lettre::Address>().is_ok() {
        return Ok(());
    }
    Err(format!("expected an e-mail address such as alerts@acme.example, found {text:?}"))
}
