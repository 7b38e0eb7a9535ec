//! Credentials for the remote: from the environment, git's credential helpers, or the ssh agent.
//! They are given to libgit2 in memory: never in a URL, never as an argument.

use std::cell::Cell;
use std::path::PathBuf;

use git2::{Config, Cred, CredentialType, Error, RemoteCallbacks};
use url::Url;

use crate::secret::Secret;

/// Where credentials for the remote come from.
#[derive(Debug, Clone, Default)]
pub struct GitAuth {
    /// The token of a GitHub App, and the only host that it is sent to.
    pub app_token: Option<(Secret, String)>,
    /// `TIDEGATE_TOKEN`: for whichever host the remote is on.
    pub token: Option<Secret>,
    /// `GITHUB_TOKEN`, which is sent to GitHub's host only.
    pub github_token: Option<Secret>,
    /// The host of `GITHUB_SERVER_URL`; `github.com` without it.
    pub github_host: String,
    /// `TIDEGATE_SSH_KEY`: the file of a private key.
    pub ssh_key: Option<PathBuf>,
    /// The home directory, for the usual ssh keys.
    pub home: Option<PathBuf>,
}

impl GitAuth {
    /// Reads the settings through `lookup`, which is the environment outside of tests.
    pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let github_host = get("GITHUB_SERVER_URL")
            .and_then(|url| Url::parse(&url).ok()?.host_str().map(str::to_owned))
            .unwrap_or_else(|| "github.com".to_owned());
        Self {
            app_token: None,
            token: get("TIDEGATE_TOKEN").map(Secret::new),
            github_token: get("GITHUB_TOKEN").map(Secret::new),
            github_host,
            ssh_key: get("TIDEGATE_SSH_KEY").map(PathBuf::from),
            home: get("HOME").map(PathBuf::from),
        }
    }

    /// Returns the token that may be sent to `host`.
    pub(super) fn token_for(&self, host: &str) -> Option<&Secret> {
        let app = self.app_token.as_ref().filter(|(_, own)| host.eq_ignore_ascii_case(own));
        app.map(|(token, _)| token).or(self.token.as_ref()).or_else(|| {
            self.github_token.as_ref().filter(|_| host.eq_ignore_ascii_case(&self.github_host))
        })
    }

    /// Returns callbacks that answer the remote's questions for credentials. A server that
    /// redirects to another host gets none.
    pub(super) fn callbacks<'a>(
        &'a self,
        remote_url: &'a str,
        config: Config,
    ) -> RemoteCallbacks<'a> {
        let asked = Cell::new(0_u32);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |url, user, allowed| {
            let attempt = asked.get();
            asked.set(attempt + 1);
            self.answer(remote_url, url, user, allowed, attempt, &config)
        });
        callbacks
    }

    fn answer(
        &self,
        remote_url: &str,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
        attempt: u32,
        config: &Config,
    ) -> Result<Cred, Error> {
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user.unwrap_or("git"));
        }
        if allowed.contains(CredentialType::SSH_KEY) {
            return self.ssh(user.unwrap_or("git"), attempt);
        }
        let (wanted, asking) = (host_of(remote_url), host_of(url));
        if wanted.is_none() || wanted != asking {
            return Err(Error::from_str(
                "the server sent the request on to another host, which gets no credentials",
            ));
        }
        match (attempt, self.token_for(asking.as_deref().unwrap_or_default())) {
            // GitHub takes any user name with a token; this one is what its documents show.
            (0, Some(token)) => Cred::userpass_plaintext("x-access-token", token.expose()),
            (0, None) | (1, Some(_)) => Cred::credential_helper(config, url, user).map_err(|_| {
                Error::from_str("no credentials: TIDEGATE_TOKEN is not set, GITHUB_TOKEN is not set or is for another host, and git's credential helpers have none")
            }),
            _ => Err(Error::from_str("the server did not accept the credentials")),
        }
    }

    fn ssh(&self, user: &str, attempt: u32) -> Result<Cred, Error> {
        if let Some(key) = &self.ssh_key {
            if attempt == 0 {
                return Cred::ssh_key(user, None, key, None);
            }
        } else if attempt == 0 {
            return Cred::ssh_key_from_agent(user);
        } else if let Some(home) = &self.home {
            let usual = ["id_ed25519", "id_ecdsa", "id_rsa"]
                .map(|name| home.join(".ssh").join(name))
                .into_iter()
                .filter(|path| path.is_file());
            if let Some(path) = usual.skip(attempt as usize - 1).take(1).next() {
                return Cred::ssh_key(user, None, &path, None);
            }
        }
        Err(Error::from_str(
            "the server accepted none of the ssh keys (agent, TIDEGATE_SSH_KEY, ~/.ssh)",
        ))
    }
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(pairs: &[(&str, &str)]) -> GitAuth {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        GitAuth::from_env(&move |name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn github_token_is_for_github_only() {
        let auth = auth(&[("GITHUB_TOKEN", "t")]);
        assert!(auth.token_for("github.com").is_some());
        assert!(auth.token_for("gitlab.example").is_none());
    }

    #[test]
    fn the_token_of_an_app_comes_first_at_its_host_only() {
        let mut auth = auth(&[("TIDEGATE_TOKEN", "explicit")]);
        auth.app_token = Some((Secret::new("app"), "github.com".to_owned()));
        assert_eq!(auth.token_for("GitHub.com"), Some(&Secret::new("app")));
        assert_eq!(auth.token_for("gitlab.example"), Some(&Secret::new("explicit")));
    }

    #[test]
    fn an_explicit_token_is_for_any_remote() {
        let auth = auth(&[("TIDEGATE_TOKEN", "t"), ("GITHUB_TOKEN", "")]);
        assert!(auth.token_for("gitlab.example").is_some());
        assert!(auth.github_token.is_none());
    }
}
