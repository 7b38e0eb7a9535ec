//! Tokens of Microsoft Entra ID for a storage account, with a secret or by the identity of a
//! workload (OIDC): the platform's token is exchanged for one of Azure's
//! (<https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::failure::Failure;
use crate::http::{Client, Options, Repeat, Request, Response, summary};
use crate::secret::Secret;

/// What the platform's token is meant for, as Azure's federated credentials expect it.
const AUDIENCE: &str = "api://AzureADTokenExchange";
const SCOPE: &str = "https://storage.azure.com/.default";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token is not used in its last minutes.
const SPARE: Duration = Duration::from_mins(5);
/// The largest answer with a token.
const LARGEST: usize = 256 * 1024;

/// What proves who asks.
pub(super) enum Proof {
    /// A secret of the application.
    Secret(Secret),
    /// A file with a token, which the platform renews.
    File(PathBuf),
    /// GitHub Actions, in a job with `id-token: write`.
    Actions {
        /// Where a token is asked for.
        url: Url,
        /// What may ask.
        token: Secret,
    },
}

/// Where tokens come from; the last one is kept while it is valid.
pub(super) struct TokenSource {
    authority: Url,
    tenant: String,
    client_id: String,
    proof: Proof,
    http: Client,
    last: Mutex<Option<(Secret, Instant)>>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Deserialize)]
struct ActionsToken {
    value: String,
}

impl TokenSource {
    /// Takes what is needed; nothing is asked yet.
    pub(super) fn new(authority: Url, tenant: &str, client_id: String, proof: Proof) -> Self {
        Self {
            authority,
            tenant: tenant.to_owned(),
            client_id,
            proof,
            http: Client::new(Options::default()),
            last: Mutex::new(None),
        }
    }

    /// A token that is valid for some minutes more.
    pub(super) async fn token(&self) -> Result<Secret, Failure> {
        let mut last = self.last.lock().await;
        if let Some((token, until)) = last.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let token = self.exchange().await?;
        let valid = Duration::from_secs(token.expires_in).saturating_sub(SPARE);
        let secret = Secret::new(token.access_token);
        *last = Some((secret.clone(), Instant::now() + valid));
        Ok(secret)
    }

    async fn exchange(&self) -> Result<Token, Failure> {
        let (kind, proof) = match &self.proof {
            Proof::Secret(secret) => ("client_secret", secret.clone()),
            Proof::File(_) | Proof::Actions { .. } => ("client_assertion", self.assertion().await?),
        };
        let mut pairs = vec![
            ("client_id", self.client_id.as_str()),
            ("scope", SCOPE),
            ("grant_type", "client_credentials"),
            (kind, proof.expose()),
        ];
        if kind == "client_assertion" {
            pairs.push(("client_assertion_type", ASSERTION));
        }
        let form = encoded(&pairs);
        let mut url = self.authority.clone();
        let path =
            format!("{}/{}/oauth2/v2.0/token", url.path().trim_end_matches('/'), self.tenant);
        url.set_path(&path);
        let mut headers = HeaderMap::new();
        headers
            .insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let request = Request {
            method: Method::POST,
            url,
            headers,
            authorization: None,
            body: form.into_bytes(),
            // A second token does no harm.
            repeat: Repeat::Always,
            largest_body: LARGEST,
            deadline: None,
        };
        let answer = self.ask("Microsoft Entra ID", &request).await?;
        read("Microsoft Entra ID", &answer.body)
    }

    /// The platform's own token.
    async fn assertion(&self) -> Result<Secret, Failure> {
        match &self.proof {
            Proof::Secret(secret) => Ok(secret.clone()),
            Proof::File(path) => match tokio::task::spawn_blocking({
                let path = path.clone();
                move || std::fs::read_to_string(path)
            })
            .await
            {
                Ok(Ok(text)) => Ok(Secret::new(text.trim())),
                Ok(Err(error)) => Err(Failure::Login(format!(
                    "cannot read {} (AZURE_FEDERATED_TOKEN_FILE): {error}",
                    path.display()
                ))),
                Err(_) => Err(Failure::Login("the read of the token was stopped".to_owned())),
            },
            Proof::Actions { url, token } => {
                let mut url = url.clone();
                url.query_pairs_mut().append_pair("audience", AUDIENCE);
                let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                    .map_err(|_| {
                        Failure::Login("ACTIONS_ID_TOKEN_REQUEST_TOKEN is no token".to_owned())
                    })?;
                bearer.set_sensitive(true);
                let request = Request {
                    method: Method::GET,
                    url,
                    headers: HeaderMap::new(),
                    authorization: Some(bearer),
                    body: Vec::new(),
                    repeat: Repeat::Always,
                    largest_body: LARGEST,
                    deadline: None,
                };
                let answer = self.ask("GitHub Actions", &request).await?;
                let token: ActionsToken = read("GitHub Actions", &answer.body)?;
                Ok(Secret::new(token.value))
            }
        }
    }

    async fn ask(&self, who: &str, request: &Request) -> Result<Response, Failure> {
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|error| Failure::Connect(format!("{who}: {error}")))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let said = summary(&answer.body);
        Err(Failure::Login(format!(
            "{who} gives no token for the client id {}: {} {said}",
            crate::http::one_line(&self.client_id),
            answer.status.as_u16()
        )))
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn read<T: serde::de::DeserializeOwned>(who: &str, body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|_| Failure::Unreadable(format!("the answer of {who} holds no token")))
}
