//! Gets images into the engine.

use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;

use super::{Engine, EngineError, call, names};
use crate::adapters::registry::Login;
use crate::model::{Digest, ImageRef};
use crate::secret::Redactor;
use crate::stack::ServiceImage;

/// An image that the engine holds, by the engine's id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageId(String);

impl ImageId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Engine {
    /// Gets an image into the engine, unless it is there already.
    ///
    /// A candidate is pulled by its digest, and what the engine then holds under that name has to be
    /// that digest; any other image is pulled where it is not there or its tag moves (`latest`).
    /// `platform` (`linux/arm64`) is what the configuration wants to be run; without it the image has
    /// to be for the engine's own. `login` goes to the image's registry only ([`super::registry_of`]).
    pub async fn pull(
        &self,
        image: &ServiceImage,
        platform: Option<&str>,
        login: Option<&Login>,
    ) -> Result<ImageId, EngineError> {
        let (name, digest) = match image {
            ServiceImage::Candidate { image: ImageRef::Layout(_), .. } => {
                return Err(EngineError::Layout { image: shown(image) });
            }
            ServiceImage::Candidate { image, digest } => {
                (format!("{image}@{digest}"), Some(digest))
            }
            ServiceImage::Given(name) if names::is_name(name) => (names::with_tag(name), None),
            ServiceImage::Given(name) => {
                let image = format!("{:?}", name.chars().take(80).collect::<String>());
                let reason = "that is not the name of an image".to_owned();
                return Err(EngineError::NoImage { image, reason });
            }
        };
        let mut redactor = self.redactor.clone();
        match login {
            Some(Login::Password { user, password, .. }) => redactor.add_login(user, password),
            Some(Login::Identity { token, .. }) => redactor.add(token),
            Some(Login::Anonymous) | None => {}
        }
        let there = self.held(&name).await?;
        let fits = |held: &ImageInspect| self.fits(held, platform);
        if let Some(held) = &there
            && fits(held)
            && !names::moves(&name)
        {
            return self.checked(&name, digest, held.clone(), platform);
        }
        let credentials = login.and_then(|login| credentials(login, names::registry_of(image)));
        let pulled = self.fetch(&name, platform, credentials).await;
        if let Err(error) = pulled {
            let error = self.not_pulled(&name, platform, login, &error, &redactor);
            // A tag that moves may be an older one today; a digest cannot be.
            match there {
                Some(held) if digest.is_none() && fits(&held) => {
                    tracing::warn!("the image that is there is used: {error}");
                    return self.checked(&name, digest, held, platform);
                }
                Some(_) | None => return Err(error),
            }
        }
        match self.held(&name).await? {
            Some(held) => self.checked(&name, digest, held, platform),
            None => Err(EngineError::OtherDigest { image: name, found: "nothing".to_owned() }),
        }
    }

    /// The image that the engine has under a name.
    async fn held(&self, name: &str) -> Result<Option<ImageInspect>, EngineError> {
        match call::in_time(self.docker.inspect_image(name)).await {
            Ok(held) => Ok(Some(held)),
            Err(error) if call::status(&error) == Some(404) => Ok(None),
            Err(error) => {
                let doing = format!("inspect {name}");
                Err(call::refused(&self.address, &self.redactor, doing, &error))
            }
        }
    }

    async fn fetch(
        &self,
        name: &str,
        platform: Option<&str>,
        credentials: Option<DockerCredentials>,
    ) -> Result<(), Error> {
        let mut options = CreateImageOptionsBuilder::new().from_image(name);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let mut progress =
            Box::pin(self.docker.create_image(Some(options.build()), None, credentials));
        let pull = async {
            while let Some(piece) = progress.next().await {
                let error = piece?.error_detail.and_then(|detail| detail.message);
                if let Some(error) = error {
                    return Err(Error::DockerStreamError { error });
                }
            }
            Ok(())
        };
        match tokio::time::timeout(self.pull_timeout, pull).await {
            Ok(pulled) => pulled,
            Err(_) => Err(Error::DockerStreamError {
                error: format!("it took longer than {} s", self.pull_timeout.as_secs()),
            }),
        }
    }

    /// Holds digest and platform against what was asked for.
    fn checked(
        &self,
        name: &str,
        digest: Option<&Digest>,
        held: ImageInspect,
        platform: Option<&str>,
    ) -> Result<ImageId, EngineError> {
        let digests = held.repo_digests.clone().unwrap_or_default();
        if let Some(digest) = digest
            && !digests.iter().any(|known| ends_with(known, digest))
        {
            let found =
                if digests.is_empty() { "no digest".to_owned() } else { digests.join(", ") };
            return Err(EngineError::OtherDigest { image: name.to_owned(), found });
        }
        if !self.fits(&held, platform) {
            return Err(EngineError::OtherPlatform {
                image: name.to_owned(),
                found: platform_of(&held),
                wanted: platform.map_or_else(|| self.platform(), str::to_owned),
            });
        }
        match held.id {
            Some(id) => Ok(ImageId(id)),
            None => Err(EngineError::OtherDigest {
                image: name.to_owned(),
                found: "an image without an id".to_owned(),
            }),
        }
    }

    /// Whether an image is for the wanted platform: the processor's variant counts only where one was
    /// asked for.
    fn fits(&self, held: &ImageInspect, platform: Option<&str>) -> bool {
        let own = self.platform();
        let mut wanted = platform.unwrap_or(&own).split('/');
        let (os, architecture, variant) = (wanted.next(), wanted.next(), wanted.next());
        let has = |value: &Option<String>, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| {
                value.as_deref().map(names::architecture) == Some(names::architecture(wanted))
            })
        };
        // Images that name no variant are for the oldest one.
        let variants =
            held.variant.as_deref().unwrap_or_default().is_empty() || has(&held.variant, variant);
        has(&held.os, os) && has(&held.architecture, architecture) && variants
    }

    fn not_pulled(
        &self,
        name: &str,
        platform: Option<&str>,
        login: Option<&Login>,
        error: &Error,
        redactor: &Redactor,
    ) -> EngineError {
        let image = name.to_owned();
        let reason = call::words(error, redactor);
        let text = reason.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if call::status(error).is_none() && !matches!(error, Error::DockerStreamError { .. }) {
            return EngineError::Unreachable { address: self.address.clone(), reason };
        }
        if says(&["no matching manifest", "no image found in", "no match for platform"]) {
            let wanted = platform.map_or_else(|| self.platform(), str::to_owned);
            return EngineError::OtherPlatform {
                image,
                found: "other platforms".to_owned(),
                wanted,
            };
        }
        if says(&["unauthorized", "denied", "authentication required", "no basic auth", "403"]) {
            let credentials = login.map_or_else(|| "no credentials".to_owned(), Login::describe);
            return EngineError::Denied { image, credentials, reason };
        }
        if says(&["manifest unknown", "not found", "name unknown", "no such image"]) {
            return EngineError::NoImage { image, reason };
        }
        EngineError::Pull { image, reason }
    }
}

fn shown(image: &ServiceImage) -> String {
    match image {
        ServiceImage::Candidate { image, digest } => format!("{image}@{digest}"),
        ServiceImage::Given(name) => name.clone(),
    }
}

fn ends_with(known: &str, digest: &Digest) -> bool {
    known.rsplit_once('@').is_some_and(|(_, found)| found == digest.as_str())
}

fn platform_of(held: &ImageInspect) -> String {
    let parts = [&held.os, &held.architecture, &held.variant];
    let named: Vec<&str> =
        parts.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if named.is_empty() { "no platform".to_owned() } else { named.join("/") }
}

/// What the engine sends to the registry ("Docker Engine API", "Authentication").
fn credentials(login: &Login, registry: Option<&str>) -> Option<DockerCredentials> {
    let serveraddress = registry.map(str::to_owned);
    match login {
        Login::Anonymous => None,
        Login::Password { user, password, .. } => Some(DockerCredentials {
            username: Some(user.clone()),
            password: Some(password.expose().to_owned()),
            serveraddress,
            ..Default::default()
        }),
        Login::Identity { token, .. } => Some(DockerCredentials {
            identitytoken: Some(token.expose().to_owned()),
            serveraddress,
            ..Default::default()
        }),
    }
}
