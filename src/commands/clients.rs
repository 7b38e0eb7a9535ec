//! The clients of the servers besides git: registries, and GitHub where there is a token for it.

use std::time::Duration;

use url::Url;

use super::session::Session;
use crate::adapters::github::{self, GitHub, Login};
use crate::adapters::registry::Registries;
use crate::config::GitHubConfig;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::http;
use crate::secret::{Redactor, Secret};

/// The clients of one command.
pub(super) struct Clients {
    /// The registries of the release set.
    pub(super) registries: Registries,
    /// GitHub; `None` where there is no token, or the repository is not on GitHub.
    pub(super) github: Option<GitHub>,
}

/// The address of the API where nobody names one and the remote is on github.com.
const GITHUB_API: &str = "https://api.github.com";

/// How long a person waits for one answer.
const IMPATIENT: Duration = Duration::from_secs(10);

/// GitHub's limits ask for longer waits than other servers: at least a minute after a secondary
/// one ("Rate limits for the REST API").
fn patience(session: &Session) -> http::Options {
    let config = &session.config.github;
    let mut options = http::Options::default();
    options.retry.attempts = 4;
    options.retry.longest_delay = Duration::from_secs(75);
    options.retry.total = config.patience().unwrap_or(GitHubConfig::PATIENCE);
    if let Some(timeout) = config.timeout() {
        options.attempt_timeout = timeout;
    }
    options
}

impl Session {
    /// Makes the clients; nothing is sent yet. Needs the runtime.
    pub(super) fn clients(&self) -> anyhow::Result<Clients> {
        Ok(Clients { registries: self.registries()?, github: self.github()? })
    }

    /// Makes a client of GitHub for a person who waits: one try, and no long one.
    pub(super) fn impatient_github(&self) -> anyhow::Result<Option<GitHub>> {
        self.github_with(self.impatience())
    }

    /// What a person waits for: one try, and no long one.
    pub(super) fn impatience(&self) -> http::Options {
        let mut options = patience(self);
        options.retry.attempts = 1;
        options.attempt_timeout = options.attempt_timeout.min(IMPATIENT);
        options
    }

    /// Makes the client of GitHub, with the patience of a gate.
    pub(super) fn github(&self) -> anyhow::Result<Option<GitHub>> {
        self.github_with(patience(self))
    }

    /// Makes the client of GitHub, where there is a token and a repository there. Which host gets
    /// the token is decided by the environment and the remote, never by the configuration: a commit
    /// could change that.
    fn github_with(&self, http: http::Options) -> anyhow::Result<Option<GitHub>> {
        let Some((api, repository)) = self.github_repository()? else { return Ok(None) };
        let own = || {
            let names = ["TIDEGATE_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"];
            names.into_iter().find_map(|name| self.variable(name)).map(Secret::new)
        };
        let Some(token) = self.app_token.clone().or_else(own) else { return Ok(None) };
        let mut options = self.github_options(api, repository, Login::Token(token));
        options.cache =
            self.run.is_none().then(|| self.git.git_folder().join("tidegate/github.json"));
        options.http = http;
        Ok(Some(GitHub::new(options)?))
    }

    /// Puts together how GitHub is asked.
    pub(super) fn github_options(
        &self,
        api: Url,
        repository: String,
        login: Login,
    ) -> github::Options {
        let mut redactor = Redactor::new();
        match &login {
            Login::Token(token) => redactor.add(token),
            Login::App(app) => redactor.add(&app.key),
        }
        github::Options { api, repository, login, http: patience(self), cache: None, redactor }
    }

    /// Returns the address of the API, and the repository there.
    pub(super) fn github_repository(&self) -> anyhow::Result<Option<(Url, String)>> {
        let on_github = self.repository_on_github();
        let named = self.run.as_ref().and_then(|run| run.repository.clone());
        let Some(repository) =
            named.or_else(|| self.variable("GITHUB_REPOSITORY")).or(on_github.clone())
        else {
            return Ok(None);
        };
        let named = self.variable("TIDEGATE_GITHUB_API_URL").or_else(|| {
            // Outside of Actions the variable may be of any shell's.
            self.run.as_ref().and_then(|_| self.variable("GITHUB_API_URL"))
        });
        let Some(api) = named.or_else(|| on_github.map(|_| GITHUB_API.to_owned())) else {
            return Ok(None);
        };
        Ok(Some((api_url(&api)?, repository)))
    }
}

/// Checks the address that gets the token.
fn api_url(text: &str) -> anyhow::Result<Url> {
    let safe = |url: &Url| {
        (url.scheme() == "https" || (url.scheme() == "http" && http::is_loopback(url)))
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(text).or_exit(Exit::Usage)?;
    if safe(&url) {
        return Ok(url);
    }
    // The value is not quoted: it may hold a password.
    let error =
        "GITHUB_API_URL (or TIDEGATE_GITHUB_API_URL) is not an https address without credentials";
    Err(Failed::new(Exit::Usage, error).into())
}
