//! How a registry learns who asks: Basic (RFC 7617) and bearer tokens (distribution specification,
//! "Token Authentication"), one session for each host.
//!
//! 1. The first request to a host goes out bare; its 401 tells the scheme.
//! 2. Basic: the credentials go to the registry itself with every request.
//! 3. Bearer: the realm gives a token for one scope (repository and access), which is kept until
//!    it expires or is refused. Credentials go to the realm only where it has the registry's own
//!    origin or is the `token_host` of the configuration.
//! 4. A second 401 is final.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeParser;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::credentials::{self, Login};
use super::error::{Place, RegistryError};
use super::{Registries, Target};
use crate::http::{self, Repeat, Request};
use crate::secret::Secret;

/// What a token has to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Pull,
    Push,
}

impl Access {
    fn scope(self, repository: &str) -> String {
        match self {
            Self::Pull => format!("repository:{repository}:pull"),
            Self::Push => format!("repository:{repository}:pull,push"),
        }
    }
}

/// What is known about one host.
#[derive(Debug, Default)]
pub(super) struct Session {
    login: Option<Login>,
    scheme: Option<Scheme>,
    tokens: BTreeMap<(String, Access), Token>,
}

#[derive(Debug, Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    /// Where the server gives no lifetime (GHCR), the token is used until it is refused.
    expires: Option<Instant>,
}

/// The answer of a token server.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// The largest answer of a token server, in bytes.
const LARGEST_TOKEN: usize = 256 * 1024;

/// A token is renewed this long before it expires.
const MARGIN: Duration = Duration::from_secs(5);

impl Registries {
    /// Sends a request with what the host is known to want, and answers one challenge.
    pub(super) async fn call(
        &self,
        target: &Target,
        access: Access,
        place: &Place,
        mut request: Request,
    ) -> Result<http::Response, RegistryError> {
        let deadline = self.deadline(target, request.deadline);
        request.deadline = Some(deadline);
        request.authorization = self.authorization(target, access, place, deadline).await?;
        let answer = self.send(place, &request).await?;
        // A server that the registry redirects to has no say in where credentials go.
        if answer.status.as_u16() != 401 || !answer.same_origin {
            return Ok(answer);
        }
        self.count_authentication(&answer);
        let used = request.authorization.take();
        self.learn(target, access, place, &answer.headers).await?;
        request.authorization = self.authorization(target, access, place, deadline).await?;
        // The same header would get the same answer, and could lock an account.
        if request.authorization.is_none() || request.authorization == used {
            return Ok(answer);
        }
        self.send(place, &request).await
    }

    /// Names the credentials that this host gets, for messages.
    pub(super) async fn tried(&self, target: &Target) -> String {
        let sessions = self.sessions.lock().await;
        let login = sessions.get(&target.host).and_then(|session| session.login.as_ref());
        login.unwrap_or(&Login::Anonymous).describe()
    }

    /// The `Authorization` header for a scope, where the host is known to want one.
    async fn authorization(
        &self,
        target: &Target,
        access: Access,
        place: &Place,
        deadline: Instant,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut sessions = self.sessions.lock().await;
        let Some(session) = sessions.get_mut(&target.host) else { return Ok(None) };
        let (Some(scheme), Some(login)) = (&session.scheme, &session.login) else {
            return Ok(None);
        };
        match scheme {
            Scheme::Basic => match login {
                Login::Password { user, password, .. } => basic(user, password, place).map(Some),
                Login::Anonymous | Login::Identity { .. } => Ok(None),
            },
            Scheme::Bearer { realm, service } => {
                // A token to push also reads.
                let repository = &target.repository;
                let known = [Access::Push, access].into_iter().find_map(|access| {
                    session
                        .tokens
                        .get(&(repository.clone(), access))
                        .filter(|token| token.expires.is_none_or(|at| Instant::now() + MARGIN < at))
                });
                if let Some(token) = known {
                    return Ok(Some(token.header.clone()));
                }
                let token = self
                    .exchange(target, access, place, login, (realm, service.as_deref()), deadline)
                    .await?;
                let header = token.header.clone();
                session.tokens.insert((repository.clone(), access), token);
                Ok(Some(header))
            }
        }
    }

    /// Reads the challenge of a 401, finds the credentials, and forgets the refused token.
    async fn learn(
        &self,
        target: &Target,
        access: Access,
        place: &Place,
        headers: &HeaderMap,
    ) -> Result<(), RegistryError> {
        let mut sessions = self.sessions.lock().await;
        let session = sessions.entry(target.host.clone()).or_default();
        if session.login.is_none() {
            let login = credentials::find(
                &target.host,
                &self.options.env_credentials,
                self.options.docker_config.as_deref(),
            )
            .await?;
            match &login {
                Login::Password { user, password, .. } => {
                    self.redactor().add_login(user, password);
                }
                Login::Identity { token, .. } => self.redactor().add(token),
                Login::Anonymous => {}
            }
            session.login = Some(login);
        }
        session.tokens.remove(&(target.repository.clone(), access));
        session.tokens.remove(&(target.repository.clone(), Access::Push));
        session.scheme = Some(challenge(headers, target).map_err(|reason| {
            RegistryError::Challenge { place: place.clone(), reason: self.shown(&reason) }
        })?);
        Ok(())
    }

    async fn exchange(
        &self,
        target: &Target,
        access: Access,
        place: &Place,
        login: &Login,
        (realm, service): (&Url, Option<&str>),
        deadline: Instant,
    ) -> Result<Token, RegistryError> {
        let foreign = !target.trusts(realm);
        if foreign && !matches!(login, Login::Anonymous) {
            return Err(RegistryError::ForeignRealm {
                place: place.clone(),
                host: target.host.clone(),
                realm: http::one_line(&http::host_of(realm)),
            });
        }
        let place = &place.doing("get a token for").at(http::without_query(realm));
        let scope = access.scope(&target.repository);
        let mut request = token_request(login, realm, service, &scope, place)?;
        request.deadline = Some(deadline);
        let answer = self.send(place, &request).await?;
        self.count_authentication(&answer);
        if !answer.status.is_success() {
            return Err(self.refused_to(login.describe(), target, place, &answer));
        }
        let not_understood = || RegistryError::Challenge {
            place: place.clone(),
            reason: "the token server's answer holds no usable token".to_owned(),
        };
        let document: TokenAnswer =
            serde_json::from_slice(&answer.body).map_err(|_| not_understood())?;
        let token = document
            .token
            .or(document.access_token)
            .filter(|token| !token.is_empty())
            .map(Secret::new)
            .ok_or_else(not_understood)?;
        self.redactor().add(&token);
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| not_understood())?;
        header.set_sensitive(true);
        // A lifetime beyond what the clock can add means that it does not expire in this run.
        let expires = document
            .expires_in
            .and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
        Ok(Token { header, expires })
    }
}

fn basic(user: &str, password: &Secret, place: &Place) -> Result<HeaderValue, RegistryError> {
    let encoded = STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut header = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| {
        RegistryError::Challenge {
            place: place.clone(),
            reason: "the credentials do not fit into a header".to_owned(),
        }
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn token_request(
    login: &Login,
    realm: &Url,
    service: Option<&str>,
    scope: &str,
    place: &Place,
) -> Result<Request, RegistryError> {
    let mut request = Request {
        method: Method::GET,
        url: realm.clone(),
        headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
        authorization: None,
        body: Vec::new(),
        repeat: Repeat::Always,
        largest_body: LARGEST_TOKEN,
        deadline: None,
    };
    match login {
        Login::Anonymous | Login::Password { .. } => {
            let mut query = request.url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", scope);
        }
        Login::Identity { token, .. } => {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("service", service.unwrap_or_default())
                .append_pair("client_id", "tidegate")
                .append_pair("scope", scope)
                .append_pair("refresh_token", token.expose())
                .finish();
            request.method = Method::POST;
            request.repeat = Repeat::Never;
            request.body = form.into_bytes();
            request.headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
    }
    if let Login::Password { user, password, .. } = login {
        request.authorization = Some(basic(user, password, place)?);
    }
    Ok(request)
}

/// Picks the scheme from the challenges of a 401: bearer before Basic, because a registry that
/// offers both expects tokens.
fn challenge(headers: &HeaderMap, target: &Target) -> Result<Scheme, String> {
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = value.to_str().map_err(|_| "the challenge is not ASCII".to_owned())?;
        // What follows a syntax error cannot be read; what came before it can.
        for challenge in ChallengeParser::new(text).map_while(Result::ok) {
            let parameter = |name: &str| {
                let (_, value) =
                    challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                Some(value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let realm = parameter("realm").ok_or("the bearer challenge names no realm")?;
                let realm = realm_url(&realm, target)?;
                return Ok(Scheme::Bearer { realm, service: parameter("service") });
            }
            basic |= challenge.scheme.eq_ignore_ascii_case("basic");
        }
    }
    if basic { Ok(Scheme::Basic) } else { Err("neither a bearer nor a Basic challenge".to_owned()) }
}

fn realm_url(text: &str, target: &Target) -> Result<Url, String> {
    let realm: Url = text.parse().map_err(|_| "the realm is not a URL".to_owned())?;
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err("the realm carries credentials".to_owned());
    }
    let plain_allowed = target.endpoint.scheme() == "http" || http::is_loopback(&realm);
    match realm.scheme() {
        "https" => Ok(realm),
        "http" if plain_allowed => Ok(realm),
        "http" => Err(format!("the realm {} is plain http", http::host_of(&realm))),
        _ => Err("the realm is not an http address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RegistryConfig;

    fn target(host: &str, token_host: Option<&str>) -> Target {
        let config = RegistryConfig {
            token_host: token_host.map(str::to_owned),
            ..RegistryConfig::default()
        };
        Target::new(host, "acme/app", Some(&config)).unwrap()
    }

    fn challenged(text: &str, host: &str) -> Result<Scheme, String> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, text.parse().unwrap());
        challenge(&headers, &target(host, None))
    }

    #[test]
    fn challenges_are_read() {
        let bearer = r#"Basic realm="x", Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#;
        let Ok(Scheme::Bearer { realm, service }) = challenged(bearer, "ghcr.io") else {
            panic!("not bearer")
        };
        assert_eq!(
            (realm.as_str(), service.as_deref()),
            ("https://ghcr.io/token", Some("ghcr.io"))
        );
        assert!(matches!(challenged("basic realm=x", "ghcr.io"), Ok(Scheme::Basic)));
        for hostile in [
            "Negotiate",
            "Bearer service=\"x\"",
            "Bearer realm=\"http://ghcr.io/token\"",
            "Bearer realm=\"ftp://ghcr.io/token\"",
            "Bearer realm=\"https://u:p@ghcr.io/token\"",
            "Bearer realm=\"/token\"",
            "Bearer realm=\"",
            "",
        ] {
            assert!(challenged(hostile, "ghcr.io").is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_realm_is_trusted_by_origin_or_by_configuration() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        assert!(target("ghcr.io", None).trusts(&url("https://ghcr.io/token")));
        assert!(!target("ghcr.io", None).trusts(&url("https://ghcr.io:8443/token")));
        assert!(!target("ghcr.io", None).trusts(&url("https://evil.example/token")));
        assert!(target("r.example", Some("auth.example")).trusts(&url("https://auth.example/t")));
        assert!(!target("r.example", Some("auth.example")).trusts(&url("http://auth.example/t")));
        assert!(!target("r.example", Some("auth.example")).trusts(&url("https://x.auth.example/")));
        assert!(target("docker.io", None).trusts(&url("https://auth.docker.io/token")));
        assert!(!target("127.0.0.1:5000", None).trusts(&url("http://127.0.0.1:6000/token")));
        let local = target("127.0.0.1:5000", Some("127.0.0.1:6000"));
        assert!(local.trusts(&url("http://127.0.0.1:6000/token")));
    }
}
