//! The channels that people and programs are told on.
//!
//! Every channel says how a try ended in the same three ways ([`Sent`]): told, certainly not told,
//! or nobody knows. Only what is certain may be tried again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::adapters::github::GitHub;
use crate::config::{Config, Hook, HookConfig};
use crate::model::CommitSha;
use crate::notice::payload;
use crate::secret::{Redactor, Secret};
use crate::state::{Channel, Notice, NoticeIssue};

mod alert;
mod command;
mod email;
mod issue;
mod post;

/// How a try to tell somebody ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was told.
    Done {
        /// The issue, where it was one.
        issue: Option<NoticeIssue>,
    },
    /// It was certainly not told, and may be tried again.
    Failed(String),
    /// It may have been told.
    Unknown(String),
}

impl Sent {
    const DONE: Self = Self::Done { issue: None };

    fn redacted(self, redactor: &Redactor) -> Self {
        match self {
            Self::Done { issue } => Self::Done { issue },
            Self::Failed(problem) => Self::Failed(redactor.redact(&problem).into_owned()),
            Self::Unknown(problem) => Self::Unknown(redactor.redact(&problem).into_owned()),
        }
    }
}

/// Whether a channel can be used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It can.
    Yes,
    /// The configuration has no such channel.
    NotConfigured,
    /// What it needs is not set here: a run elsewhere may have it.
    NotHere(String),
}

/// What a notice needs besides its own facts.
#[derive(Debug, Default)]
pub struct Around<'a> {
    /// The issue that is open for rollbacks of the same branch, where one is known.
    pub open_issue: Option<NoticeIssue>,
    /// Earlier rollbacks that the same issue tells of, newest first.
    pub earlier: Vec<&'a Notice>,
}

/// The channels of one configuration, with what the environment says about them.
pub struct Channels<'a> {
    config: &'a Config,
    root: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// Variables that are tidegate's own secrets: a command must not get them.
    secrets: Vec<String>,
    repository: Option<String>,
    github: Option<&'a GitHub>,
    redactor: Redactor,
}

impl<'a> Channels<'a> {
    /// Puts the channels together. `variable` looks an environment variable up; `secrets` names
    /// those that hold tidegate's own.
    pub fn new(
        config: &'a Config,
        root: &'a Path,
        variable: &'a dyn Fn(&str) -> Option<String>,
        secrets: &[&str],
        repository: Option<String>,
        github: Option<&'a GitHub>,
    ) -> Self {
        let mut names: Vec<String> = secrets.iter().map(|name| (*name).to_owned()).collect();
        names.extend(variables(config));
        let mut redactor = Redactor::new();
        for value in names.iter().filter_map(|name| variable(name)) {
            for secret in parts_of(&value) {
                redactor.add(&secret);
            }
        }
        Self { config, root, variable, secrets: names, repository, github, redactor }
    }

    /// Tells whether a channel can be used here.
    pub fn ready(&self, channel: Channel) -> Ready {
        let needs = |names: &[&str]| match names.iter().find(|name| (self.variable)(name).is_none())
        {
            Some(name) => Ready::NotHere(format!(
                "{name} is not set; set it from a secret, in `env` of the gate's step"
            )),
            None => Ready::Yes,
        };
        match channel {
            Channel::Slack => match &self.config.notify.slack {
                Some(slack) => needs(&[&slack.webhook_env]),
                None => Ready::NotConfigured,
            },
            Channel::Email => match &self.config.notify.email {
                Some(email) => needs(&[&email.smtp_env]),
                None => Ready::NotConfigured,
            },
            Channel::GithubIssue => match self.github {
                _ if !self.config.notify.github_issue => Ready::NotConfigured,
                Some(_) => Ready::Yes,
                None => Ready::NotHere("there is no token for GitHub".to_owned()),
            },
            Channel::AfterPromote(_) | Channel::AfterRollback(_) => match self.hook(channel) {
                None => Ready::NotConfigured,
                Some(Hook::Run { .. }) => Ready::Yes,
                Some(Hook::Webhook { url, secret, .. }) => {
                    let names: Vec<&str> = [url].into_iter().chain(secret).collect();
                    needs(&names)
                }
            },
        }
    }

    /// Returns how long a try may take at the most.
    pub fn patience(&self, channel: Channel) -> Duration {
        match channel {
            Channel::Slack => post::SLACK_TIMEOUT,
            Channel::Email => email::TIMEOUT,
            Channel::GithubIssue => issue::patience(self.config),
            Channel::AfterPromote(_) | Channel::AfterRollback(_) => match self.hook(channel) {
                Some(Hook::Run { timeout, .. } | Hook::Webhook { timeout, .. }) => timeout,
                None => Duration::ZERO,
            },
        }
    }

    /// Tells.
    pub async fn send(&self, channel: Channel, notice: &Notice, around: &Around<'_>) -> Sent {
        let sent = match channel {
            Channel::Slack => self.slack(notice).await,
            Channel::Email => self.email(notice).await,
            Channel::GithubIssue => self.issue(notice, around).await,
            Channel::AfterPromote(_) | Channel::AfterRollback(_) => match self.hook(channel) {
                Some(Hook::Run { command, dir, timeout }) => {
                    self.command(command, dir, timeout, payload::variables(notice)).await
                }
                Some(Hook::Webhook { url, secret, timeout }) => {
                    self.webhook(url, secret, timeout, notice).await
                }
                None => Sent::Failed("the configuration has no such hook".to_owned()),
            },
        };
        sent.redacted(&self.redactor)
    }

    fn hook(&self, channel: Channel) -> Option<Hook<'_>> {
        let hook: Option<&HookConfig> = match channel {
            Channel::AfterPromote(index) => self.config.after_promote.get(index),
            Channel::AfterRollback(index) => self.config.after_rollback.get(index),
            Channel::Slack | Channel::Email | Channel::GithubIssue => None,
        };
        hook?.hook()
    }

    /// Returns the logins of authors, where people are to be mentioned.
    async fn logins(&self, github: &GitHub, notice: &Notice) -> BTreeMap<CommitSha, String> {
        let Some(base) = notice.restored.as_ref().filter(|_| self.config.notify.mention) else {
            return BTreeMap::new();
        };
        match github.commit_logins(base, &notice.commit).await {
            Ok(logins) => logins,
            Err(error) => {
                tracing::warn!("nobody is mentioned in the issue: {error}");
                BTreeMap::new()
            }
        }
    }
}

/// The environment variables that hold addresses and secrets of a configuration's channels.
pub fn variables(config: &Config) -> Vec<String> {
    let hooks = config.after_promote.iter().chain(&config.after_rollback);
    let hooks = hooks.chain(config.schedule.iter().flat_map(|schedule| &schedule.after_alert));
    let names = hooks.flat_map(HookConfig::variables).chain(config.notify.variables());
    names.map(str::to_owned).collect()
}

/// The variable with the address of an incoming webhook of Slack that works without configuration.
pub const SLACK: &str = "SLACK_WEBHOOK";

/// The variable with the mail server that works without configuration.
pub const SMTP: &str = "SMTP_URL";

/// Returns what must not be shown of a value: itself and, where it is a URL, its user part and its
/// path, which are the secrets of SMTP servers and of incoming webhooks.
pub fn parts_of(value: &str) -> Vec<Secret> {
    let mut parts = vec![Secret::new(value)];
    if let Ok(url) = url::Url::parse(value) {
        if let Some(password) = url.password() {
            parts.push(Secret::new(password));
            parts.push(Secret::new(email::decoded(password)));
        }
        let path = url.path().trim_start_matches('/');
        if path.len() >= SHORTEST_SECRET {
            parts.push(Secret::new(path));
        }
        if let Some(query) = url.query().filter(|query| query.len() >= SHORTEST_SECRET) {
            parts.push(Secret::new(query));
        }
    }
    parts
}

/// A path that is shorter is no secret, and hiding it everywhere would hide innocent text.
const SHORTEST_SECRET: usize = 8;
