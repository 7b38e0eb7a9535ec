//! GitHub Apps: the way to push to protected branches with a token that starts workflows.
//!
//! An App signs a short-lived JWT with its private key, and gets a token of its installation for
//! it that lives an hour ("Authenticating as a GitHub App installation").

use octocrab::AuthState;
use octocrab::auth::AppAuth;
use octocrab::models::AppId;
use serde::Deserialize;

use super::{Call, GitHub, GitHubError};
use crate::http::{Repeat, one_line};
use crate::secret::Secret;

/// The App and its private key.
#[derive(Debug, Clone)]
pub struct AppKey {
    /// The id of the App.
    pub app: u64,
    /// The RSA private key, in PEM.
    pub key: Secret,
}

impl AppKey {
    pub(super) fn auth_state(&self) -> Result<AuthState, GitHubError> {
        // A key in one line has its line breaks written as `\n`, as secret stores hand it out.
        let pem = self.key.expose().replace("\\n", "\n");
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| {
            GitHubError::App {
                cause: format!(
                    "the private key is no RSA key in PEM ({})",
                    one_line(&error.to_string())
                ),
            }
        })?;
        Ok(AuthState::App(AppAuth { app_id: AppId(self.app), key }))
    }
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl GitHub {
    /// Returns the id of the App's installation in the repository; `None` where it is not
    /// installed there. For a client that signs as the App.
    pub async fn installation(&self) -> Result<Option<u64>, GitHubError> {
        Ok(self.get::<Installation>(self.path("installation")).await?.map(|found| found.id))
    }

    /// Asks for a token of an installation, for this repository only. For a client that signs as
    /// the App.
    pub async fn installation_token(&self, installation: u64) -> Result<Secret, GitHubError> {
        let name = self.repository().split('/').nth(1).unwrap_or_default();
        let body = serde_json::json!({ "repositories": [name] });
        let token: Token = self
            .call(Call {
                method: http::Method::POST,
                path: format!("/app/installations/{installation}/access_tokens"),
                body: Some(&body),
                // A second token does no harm; the first one runs out.
                repeat: Repeat::Always,
            })
            .await?;
        Ok(Secret::new(token.token))
    }
}
