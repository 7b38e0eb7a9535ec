//! Whether a login may push, asked without pushing: an upload is opened and cancelled
//! (distribution-spec, "Pushing blobs", POST then PUT, of which the PUT never comes).

use reqwest::Method;
use reqwest::header::LOCATION;

use super::Registries;
use super::auth::Access;
use super::credentials::{self, Login};
use super::distribution::Target;
use super::error::{RegistryError, WRITE};
use crate::http::{self, Repeat};

impl Registries {
    /// Opens an upload and cancels it; `None` where there is no login for this registry.
    pub(super) async fn try_upload(&self, target: &Target) -> Result<Option<()>, RegistryError> {
        let login = credentials::find(
            &target.host,
            &self.options.env_credentials,
            self.options.docker_config.as_deref(),
        )
        .await?;
        if matches!(login, Login::Anonymous) {
            return Ok(None);
        }
        let place = target.place(WRITE, "");
        let mut request = target.request(Method::POST, "blobs", "uploads/");
        // An upload that was opened twice is forgotten by the registry.
        request.repeat = Repeat::Limited;
        let answer = self.call(target, Access::Push, &place, request).await?;
        if !answer.status.is_success() {
            return Err(self.refused(target, &place, &answer).await);
        }
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        // Only where it is the registry's own does the login go there.
        if let Some(url) = location.and_then(|text| target.endpoint.join(text).ok())
            && http::same_origin(&url, &target.endpoint)
        {
            let mut request = target.request(Method::DELETE, "blobs", "uploads/");
            request.url = url;
            request.repeat = Repeat::Never;
            // Some registries cannot cancel; they drop the upload after a while.
            let _ = self.call(target, Access::Push, &place, request).await;
        }
        Ok(Some(()))
    }
}
