//! What an answer that is no success means, and what to do about it.

use serde::Deserialize;

use super::Registries;
use super::distribution::Target;
use super::error::{Place, RegistryError};
use crate::http::{self, Response};

/// The error document of the distribution specification, "Error Codes".
#[derive(Deserialize)]
struct ErrorDocument {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: String,
}

impl Registries {
    pub(super) async fn refused(
        &self,
        target: &Target,
        place: &Place,
        answer: &Response,
    ) -> RegistryError {
        let tried = self.tried(target).await;
        self.refused_to(tried, target, place, answer)
    }

    /// Turns an answer that is no success into an error that says what to do. `tried` names the
    /// credentials.
    pub(super) fn refused_to(
        &self,
        tried: String,
        target: &Target,
        place: &Place,
        answer: &Response,
    ) -> RegistryError {
        let place = place.clone();
        let detail = self.shown(&http::summary(&answer.body));
        let writes = place.writes();
        match answer.status.as_u16() {
            401 => {
                let hint = unauthorized_hint(target, &tried);
                RegistryError::Unauthorized { place, tried, detail, hint }
            }
            403 => {
                let hint = forbidden_hint(target, writes);
                RegistryError::Forbidden { place, tried, detail, hint }
            }
            404 => RegistryError::NotFound {
                place,
                detail,
                hint: if writes {
                    "check the name of the repository; some registries answer so where it has to \
                     be created first or where write access is missing"
                } else {
                    "check that this address serves the OCI distribution API under /v2/"
                },
            },
            status => RegistryError::Status {
                place,
                status,
                attempts: answer.attempts,
                detail,
                hint: status_hint(status),
            },
        }
    }
}

/// Whether a 404 says that the manifest, blob or repository does not exist, and not that this is
/// no registry.
pub(super) fn is_unknown(answer: &Response) -> bool {
    if answer.status.as_u16() != 404 {
        return false;
    }
    let known = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND"];
    answer.body.is_empty()
        || serde_json::from_slice::<ErrorDocument>(&answer.body).is_ok_and(|document| {
            document.errors.iter().any(|error| known.contains(&error.code.as_str()))
        })
}

fn unauthorized_hint(target: &Target, tried: &str) -> String {
    let host = &target.host;
    if tried == "no credentials" {
        let token = if host == "ghcr.io" { ", or pass GITHUB_TOKEN" } else { "" };
        format!(
            "set TIDEGATE_REGISTRY_USER and TIDEGATE_REGISTRY_PASSWORD, or run docker login \
             {host}{token}"
        )
    } else {
        format!("check that they are valid for {host} and not expired")
    }
}

fn forbidden_hint(target: &Target, writes: bool) -> String {
    let permission = if writes { "write" } else { "read" };
    if target.host == "ghcr.io" {
        format!(
            "the package must grant this repository access (package settings, Manage Actions \
             access), and the job needs the permission packages: {permission}"
        )
    } else {
        format!("grant them {permission} access to {}", target.repository)
    }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        300..=399 => "the registry redirects this request, which is not followed",
        400 | 413 | 422 => {
            "the registry refuses the manifest: check that all its blobs and child manifests are \
             in this repository"
        }
        405 => "the registry does not allow this",
        409 | 412 => "the registry does not let this tag move: check for immutable tags",
        429 => "the registry limits the rate: run again later",
        500..=599 => "the registry is failing: run again later",
        _ => "this is not how a registry answers: check its address",
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::super::Options;
    use super::*;

    fn refused(host: &str, action: &'static str, tried: &str, status: u16, body: &str) -> String {
        let target = Target::new(host, "acme/app", None).unwrap();
        let place =
            Place::new(action, format!("{host}/acme/app"), "stable", target.endpoint.as_str());
        let answer = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            attempts: 1,
            url: "https://registry.acme.example/v2/".parse().unwrap(),
            same_origin: true,
        };
        let registries = Registries::new(Options::default()).unwrap();
        registries.refused_to(tried.to_owned(), &target, &place, &answer).to_string()
    }

    #[test]
    fn ghcr_says_which_setting_is_missing() {
        let text = refused(
            "ghcr.io",
            super::super::error::WRITE,
            "the credentials of \"me\" from GITHUB_TOKEN",
            403,
            r#"{"errors":[{"code":"DENIED","message":"permission_denied: write_package"}]}"#,
        );
        assert_eq!(
            text,
            "could not write ghcr.io/acme/app:stable at https://ghcr.io/: 403 forbidden with the \
             credentials of \"me\" from GITHUB_TOKEN (DENIED: permission_denied: write_package); \
             the package must grant this repository access (package settings, Manage Actions \
             access), and the job needs the permission packages: write"
        );
        let text = refused("ghcr.io", "read", "no credentials", 401, "");
        assert!(text.contains("docker login ghcr.io, or pass GITHUB_TOKEN"), "{text}");
    }
}
