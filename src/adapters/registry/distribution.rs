//! The OCI distribution API (distribution-spec, "Pull" and "Push"): four calls, and nothing that
//! moves a layer.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::Registries;
use super::auth::Access;
use super::error::{Place, RegistryError, WRITE};
use super::manifest::{ACCEPTED_LINE, LARGEST_MANIFEST, Manifest, Reference};
use super::refusal::is_unknown;
use crate::config::RegistryConfig;
use crate::http::{self, Repeat, Request, Response};
use crate::model::{Digest, ImageRef, Tag};

/// The header in which registries name the digest of what they send.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A repository, and how its registry is reached.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The host as images name it.
    pub host: String,
    pub repository: String,
    pub endpoint: Url,
    token_host: Option<String>,
    /// How long a request may take with all its repeats, where the configuration says.
    pub timeout: Option<Duration>,
    /// How long to wait for what was accepted, where the configuration says.
    pub patience: Option<Duration>,
}

impl Target {
    pub(super) fn new(
        host: &str,
        repository: &str,
        config: Option<&RegistryConfig>,
    ) -> Result<Self, url::ParseError> {
        // Docker Hub's images carry the name of a host that serves no API.
        let (api, token_host) = match host {
            "docker.io" | "index.docker.io" => ("registry-1.docker.io", Some("auth.docker.io")),
            _ => (host, None),
        };
        let mut endpoint: Url = format!("https://{api}/").parse()?;
        let plain = config
            .and_then(|config| config.plain_http)
            .unwrap_or_else(|| http::is_loopback(&endpoint));
        if plain {
            endpoint = format!("http://{api}/").parse()?;
        }
        let token_host = config
            .and_then(|config| config.token_host.clone())
            .or_else(|| token_host.map(str::to_owned));
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            endpoint,
            token_host,
            timeout: config.and_then(RegistryConfig::timeout),
            patience: config.and_then(RegistryConfig::patience),
        })
    }

    /// Whether a token server may receive this registry's credentials.
    pub(super) fn trusts(&self, realm: &Url) -> bool {
        let named = self.token_host.as_deref() == Some(http::host_of(realm).as_str());
        let safe = realm.scheme() == "https" || http::is_loopback(realm);
        http::same_origin(realm, &self.endpoint) || (named && safe)
    }

    pub(super) fn place(&self, action: &'static str, reference: &str) -> Place {
        let image = format!("{}/{}", self.host, self.repository);
        Place::new(action, image, reference, self.endpoint.as_str().trim_end_matches('/'))
    }

    /// A request for a manifest or blob. Repository, tags and digests are checked when they are
    /// made and need no escaping.
    pub(super) fn request(&self, method: Method, kind: &str, reference: &str) -> Request {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("v2/{}/{kind}/{reference}", self.repository));
        Request {
            method,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Vec::new(),
            repeat: Repeat::Always,
            largest_body: LARGEST_MANIFEST,
            deadline: None,
        }
    }

    fn manifest_request(&self, method: Method, reference: &str) -> Request {
        let mut request = self.request(method, "manifests", reference);
        request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED_LINE));
        request
    }
}

impl Registries {
    pub(super) fn target(&self, host: &str, repository: &str) -> Result<Target, RegistryError> {
        Target::new(host, repository, self.options.hosts.get(host)).map_err(|error| {
            let image = ImageRef::Registry { host: host.into(), repository: repository.into() };
            RegistryError::Invalid {
                place: Place::new("reach", image.to_string(), "", host),
                reason: format!("the host is not valid in a URL ({error})"),
            }
        })
    }

    pub(super) async fn get_manifest(
        &self,
        target: &Target,
        reference: &Reference,
        deadline: Option<Instant>,
    ) -> Result<Option<Manifest>, RegistryError> {
        let reference_text = reference.to_string();
        let place = target.place("read", &reference_text);
        let mut request = target.manifest_request(Method::GET, &reference_text);
        request.deadline = deadline;
        let answer = self.call(target, Access::Pull, &place, request).await?;
        if !answer.status.is_success() {
            return if is_unknown(&answer) {
                Ok(None)
            } else {
                Err(self.refused(target, &place, &answer).await)
            };
        }
        let promised = content_digest(&answer.headers);
        let media_type = answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let found = Digest::of(&answer.body);
        if let Reference::Digest(expected) = reference {
            same_digest(&place, "the request", expected, &found)?;
        }
        if let Some(expected) = &promised {
            same_digest(&place, "the registry's header Docker-Content-Digest", expected, &found)?;
        }
        Manifest::from_received(&media_type, answer.body)
            .map(Some)
            .map_err(|reason| RegistryError::Invalid { place, reason: self.shown(&reason) })
    }

    pub(super) async fn head_manifest(
        &self,
        target: &Target,
        reference: &Reference,
        deadline: Option<Instant>,
    ) -> Result<Option<Digest>, RegistryError> {
        let reference_text = reference.to_string();
        let place = target.place("read", &reference_text);
        let mut request = target.manifest_request(Method::HEAD, &reference_text);
        let deadline = self.deadline(target, deadline);
        request.deadline = Some(deadline);
        let answer = self.call(target, Access::Pull, &place, request).await?;
        if answer.status.is_success()
            && let Some(found) = content_digest(&answer.headers)
        {
            if let Reference::Digest(expected) = reference {
                same_digest(&place, "the request", expected, &found)?;
            }
            return Ok(Some(found));
        }
        // A HEAD has no body that would say whose 404 it is; a page is no registry's.
        let page = answer
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
        if answer.status.as_u16() == 404 && !page {
            return Ok(None);
        }
        if answer.status.is_success() || matches!(answer.status.as_u16(), 404 | 405 | 501) {
            let manifest = self.get_manifest(target, reference, Some(deadline)).await?;
            return Ok(manifest.map(|manifest| manifest.digest));
        }
        Err(self.refused(target, &place, &answer).await)
    }

    /// Reads a small blob, such as an image configuration.
    pub(super) async fn get_blob(
        &self,
        target: &Target,
        digest: &Digest,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let place = target.place("read", digest.as_str());
        let request = target.request(Method::GET, "blobs", digest.as_str());
        let answer = self.call(target, Access::Pull, &place, request).await?;
        if answer.status.is_success() {
            same_digest(&place, "the request", digest, &Digest::of(&answer.body))?;
            return Ok(Some(answer.body));
        }
        if is_unknown(&answer) {
            return Ok(None);
        }
        Err(self.refused(target, &place, &answer).await)
    }

    /// Puts a tag and reads it back. An answer that is lost is followed by reading the tag, and
    /// only where it does not name the manifest by another put of the same bytes.
    pub(super) async fn put_manifest(
        &self,
        target: &Target,
        tag: &Tag,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let place = target.place(WRITE, tag.as_str());
        let reference = Reference::Tag(tag.clone());
        // One deadline for all of it: a registry that dies half-way must not cost it twice.
        let deadline = self.deadline(target, None);
        let mut attempt = 1;
        loop {
            let mut request = target.request(Method::PUT, "manifests", tag.as_str());
            request.repeat = Repeat::Refused;
            request.deadline = Some(deadline);
            request.body.clone_from(&manifest.bytes);
            let media_type = HeaderValue::try_from(&manifest.media_type).map_err(|_| {
                RegistryError::Invalid {
                    place: place.clone(),
                    reason: "the media type does not fit into a header".to_owned(),
                }
            })?;
            request.headers.insert(CONTENT_TYPE, media_type);
            let lost = match self.call(target, Access::Push, &place, request).await {
                Ok(answer) if answer.status.is_success() => break,
                Ok(answer) => {
                    let error = self.refused(target, &place, &answer).await;
                    if !answer.status.is_server_error() {
                        return Err(error);
                    }
                    error
                }
                Err(RegistryError::Transport { place, source })
                    if source.may_have_been_applied() =>
                {
                    RegistryError::Transport { place, source }
                }
                Err(error) => return Err(error),
            };
            match self.head_manifest(target, &reference, Some(deadline)).await {
                Ok(Some(digest)) if digest == manifest.digest => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(lost),
            }
            let wait = self.http.policy().backoff(attempt);
            if attempt >= self.http.policy().attempts || Instant::now() + wait >= deadline {
                return Err(lost);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
        self.read_back(target, &place, &reference, &manifest.digest).await
    }

    async fn read_back(
        &self,
        target: &Target,
        place: &Place,
        reference: &Reference,
        expected: &Digest,
    ) -> Result<(), RegistryError> {
        let patience = self.patience(target);
        let mut pause = self.pause(patience);
        loop {
            let found = self.head_manifest(target, reference, None).await?;
            if found.as_ref() == Some(expected) {
                return Ok(());
            }
            if !pause.next().await {
                return Err(RegistryError::ReadBack {
                    place: place.doing("confirm"),
                    expected: expected.clone(),
                    found,
                    waited: patience,
                });
            }
        }
    }

    /// Sends one request and counts it.
    pub(super) async fn send(
        &self,
        place: &Place,
        request: &Request,
    ) -> Result<Response, RegistryError> {
        self.http
            .send(request)
            .await
            .map_err(|source| RegistryError::Transport { place: place.clone(), source })
    }
}

/// Waits between two readings of something that should appear.
pub(super) struct Pause<'a> {
    pub(super) policy: &'a http::RetryPolicy,
    pub(super) deadline: Instant,
    pub(super) turn: u32,
}

impl Pause<'_> {
    /// Waits a little, or returns `false` where no patience is left.
    pub(super) async fn next(&mut self) -> bool {
        self.turn += 1;
        let wait = self.policy.backoff(self.turn).min(std::time::Duration::from_secs(5));
        if Instant::now() + wait >= self.deadline {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    // Another algorithm than SHA-256 is allowed, and then the bytes alone decide.
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

fn same_digest(
    place: &Place,
    what: &'static str,
    expected: &Digest,
    found: &Digest,
) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch {
        place: place.clone(),
        what,
        expected: expected.clone(),
        found: found.clone(),
    })
}
