//! Logging in as a GitHub App: once for each command, before the remote is asked for anything.
//!
//! The App's key stays here. git and the API get the token of its installation, which lives for an
//! hour and may do what the installation may.

use url::Url;

use super::session::{Session, block_on};
use crate::actions::commands::mask;
use crate::adapters::github::{AppKey, GitHub, GitHubError, Login};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::output::Output;
use crate::secret::Secret;

/// The id of the App.
const APP_ID: &str = "TIDEGATE_APP_ID";

/// Its private key.
const PRIVATE_KEY: &str = "TIDEGATE_APP_PRIVATE_KEY";

/// The installation, where nobody should have to look for it.
const INSTALLATION: &str = "TIDEGATE_APP_INSTALLATION_ID";

impl Session {
    /// Logs in as the App that the environment names; does nothing where it names none, or where
    /// the repository is not on GitHub.
    ///
    /// # Errors
    /// The variables do not make an App, its key cannot be read, it is not installed in the
    /// repository, or GitHub does not answer.
    pub(super) fn log_in(&mut self, output: &mut Output) -> anyhow::Result<()> {
        let Some((key, installation)) = self.app()? else { return Ok(()) };
        let Some((api, repository)) = self.github_repository()? else {
            tracing::warn!("{APP_ID} is not used: the repository is not on GitHub");
            return Ok(());
        };
        let host = self.host_of_app(&api);
        let app = key.app;
        let mut options = self.github_options(api, repository.clone(), Login::App(key));
        if self.run.is_none() {
            options.http = self.impatience();
        }
        let (token, requests) = block_on(async {
            let github = GitHub::new(options).or_hint(format!(
                "{PRIVATE_KEY} has to be the whole file that GitHub gave for the App, from `-----BEGIN` to `-----END`; line breaks may be written as `\\n`"
            ))?;
            let token = exchange(&github, app, installation, &repository).await?;
            Ok((token, github.requests()))
        })?;
        self.login_requests = requests;
        if self.run.is_some() {
            let mut commands = Vec::new();
            mask(&mut commands, token.expose())?;
            output.commands(&String::from_utf8_lossy(&commands))?;
        }
        self.git.use_app_token(&token, host);
        self.app_token = Some(token);
        Ok(())
    }

    /// Reads the App and its installation from the environment.
    fn app(&self) -> anyhow::Result<Option<(AppKey, Option<u64>)>> {
        let (id, key) = match (self.variable(APP_ID), self.variable(PRIVATE_KEY)) {
            (Some(id), Some(key)) => (id, key),
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(usage(format!("{APP_ID} is set without {PRIVATE_KEY}"))),
            (None, Some(_)) => return Err(usage(format!("{PRIVATE_KEY} is set without {APP_ID}"))),
        };
        let app = number(APP_ID, &id)?;
        let installation = self.variable(INSTALLATION);
        let installation = installation.map(|id| number(INSTALLATION, &id)).transpose()?;
        Ok(Some((AppKey { app, key: Secret::new(key) }, installation)))
    }

    /// The host that git may send the token to: the environment's, since a commit could change what
    /// the configuration names.
    fn host_of_app(&self, api: &Url) -> String {
        let named = self.variable("GITHUB_SERVER_URL").and_then(|url| Url::parse(&url).ok());
        let host = named.as_ref().unwrap_or(api).host_str().unwrap_or_default();
        // The one API that is not on the host of its repositories.
        host.strip_prefix("api.").filter(|host| *host == "github.com").unwrap_or(host).to_owned()
    }
}

/// Gets a token of the installation.
async fn exchange(
    github: &GitHub,
    app: u64,
    installation: Option<u64>,
    repository: &str,
) -> anyhow::Result<Secret> {
    let installation = match installation {
        Some(id) => id,
        None => match github.installation().await {
            Ok(Some(id)) => id,
            Ok(None) => return Err(not_installed(app, repository)),
            Err(error) => return explained(error, app, repository),
        },
    };
    match github.installation_token(installation).await {
        Ok(token) => Ok(token),
        Err(error) => explained(error, app, repository),
    }
}

/// Says what to do about GitHub's answer to an App.
fn explained<T>(error: GitHubError, app: u64, repository: &str) -> anyhow::Result<T> {
    match &error {
        GitHubError::Unauthorized { .. } => Err(error).or_hint(format!(
            "{PRIVATE_KEY} has to be a key of App {app} ({APP_ID}), and this machine's clock has to be right to a minute: what the key signs is good for ten minutes"
        )),
        // A wrong id of the installation.
        GitHubError::Forbidden { status: 404, .. } => Err(not_installed(app, repository)),
        GitHubError::Forbidden { .. } | GitHubError::Refused { .. } => Err(error).or_hint(format!(
            "look at the App's installation for {repository}: it may be suspended, or leave that repository out"
        )),
        GitHubError::Transport { .. }
        | GitHubError::RateLimit { .. }
        | GitHubError::Server { .. }
        | GitHubError::Unreadable { .. }
        | GitHubError::App { .. } => Err(error.into()),
    }
}

fn not_installed(app: u64, repository: &str) -> anyhow::Error {
    Failed::new(Exit::Denied, format!("GitHub App {app} is not installed in {repository}"))
        .with_hint(format!(
            "install it there (the App's page on GitHub, \"Install App\"); where {INSTALLATION} is set, it may be of another account"
        ))
        .into()
}

fn number(name: &str, text: &str) -> anyhow::Result<u64> {
    // A key that was pasted into the wrong variable must not be shown.
    text.trim().parse().map_err(|_| usage(format!("{name} is not a number")))
}

fn usage(error: String) -> anyhow::Error {
    Failed::new(Exit::Usage, error)
        .with_hint("the how-to about permissions and Apps says where to find both: https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md")
        .into()
}
