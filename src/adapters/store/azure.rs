//! Azure Blob Storage: what `object_store` does not do, or not with the account's own signing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use object_store::ObjectStore;
use object_store::azure::{AzureAuthorizer, AzureCredential, MicrosoftAzureBuilder};
use object_store::client::{HttpRequest, HttpResponse};
use tokio::time::Instant;
use url::Url;

use super::credentials::{self, Login};
use super::crypto::Crypto;
use super::failure::Failure;
use super::service::{Service, Shared, request};
use super::{Options, StoreError};
use crate::model::StoreUrl;

/// How long a copy on the server's side may take: within an account it is a matter of moments, and
/// Azure says itself that it may not be.
const COPY_PATIENCE: Duration = Duration::from_mins(30);
const LONGEST_COPY_WAIT: Duration = Duration::from_secs(5);

/// An account, and how it is logged in to.
pub(super) struct Account {
    /// Its name.
    pub(super) name: String,
    /// Its address.
    pub(super) endpoint: Url,
    /// How requests and URLs are signed.
    pub(super) login: Login,
}

/// Reads credentials and address of an account, and makes the connections to it.
pub(super) fn open(
    store: &StoreUrl,
    name: &str,
    options: &Options,
) -> Result<(Arc<Account>, Arc<Service>), StoreError> {
    let found = credentials::azure(store, name, options)?;
    let service = Arc::new(Service::new(Some(&found.endpoint), options.retry));
    let account =
        Arc::new(Account { name: name.to_owned(), endpoint: found.endpoint, login: found.login });
    service.sign_as(Arc::clone(&account));
    Ok((account, service))
}

/// The library's client for one container.
pub(super) fn container(
    account: &Account,
    service: &Arc<Service>,
    name: &str,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let built = MicrosoftAzureBuilder::new()
        .with_account(&account.name)
        .with_container_name(name)
        .with_endpoint(account.endpoint.as_str().trim_end_matches('/').to_owned())
        // Checked when the address was read: plain http on this machine only.
        .with_allow_http(true)
        // Signed below, anew at each attempt; some login is asked for all the same.
        .with_skip_signature(true)
        .with_bearer_token_authorization("none")
        .with_crypto_provider(Arc::new(Crypto))
        .with_client_options(super::remote::client_options())
        .with_retry(super::remote::no_retries())
        .with_http_connector(Shared(Arc::clone(service)))
        .build()?;
    Ok(Arc::new(built))
}

impl Account {
    /// Signs a request, or adds what logs it in.
    pub(super) async fn authorize(&self, request: &mut HttpRequest) -> Result<(), Failure> {
        let token;
        let credential = match &self.login {
            Login::Key { credential, .. } | Login::Signature(credential) => credential,
            Login::Tokens(source) => {
                token = AzureCredential::BearerToken(source.token().await?.expose().to_owned());
                &token
            }
        };
        AzureAuthorizer::new(credential, &self.name)
            .with_crypto(&Crypto)
            .try_authorize(request)
            .map_err(|_| Failure::Login("a request could not be signed".to_owned()))
    }

    /// The URL of a container, or of a blob in it.
    pub(super) fn url(&self, container: &str, path: Option<&str>) -> Result<Url, Failure> {
        let mut url = self.endpoint.clone();
        let mut parts = url
            .path_segments_mut()
            .map_err(|()| Failure::Unreadable("the endpoint has no path".to_owned()))?;
        parts.pop_if_empty().push(container);
        if let Some(path) = path {
            parts.extend(path.split('/'));
        }
        drop(parts);
        Ok(url)
    }

    /// Makes a container where it is missing
    /// (<https://learn.microsoft.com/en-us/rest/api/storageservices/create-container>).
    pub(super) async fn create_if_missing(
        &self,
        service: &Service,
        container: &str,
    ) -> Result<bool, Failure> {
        let mut url = self.url(container, None)?;
        url.set_query(Some("restype=container"));
        let made = service.send(request(Method::PUT, &url, &[])?, Bytes::new()).await;
        match made {
            Ok(_) => Ok(true),
            Err(Failure::Answer { status: 409, .. }) => Ok(false),
            // A role or a signature that may use the container and not make it.
            Err(Failure::Answer { status: 403, clock_ahead, .. }) if clock_ahead.abs() < 5 => {
                url.set_query(Some("restype=container&comp=list&maxresults=1"));
                let listed = service.send(request(Method::GET, &url, &[])?, Bytes::new()).await;
                listed.map(|_| false).map_err(|failure| match (failure, made) {
                    (Failure::Answer { status: 403, .. }, Err(first)) => first,
                    (other, _) => other,
                })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a blob; one that is not there is no error.
    pub(super) async fn delete(
        &self,
        service: &Service,
        container: &str,
        path: &str,
    ) -> Result<(), Failure> {
        let url = self.url(container, Some(path))?;
        match service.send(request(Method::DELETE, &url, &[])?, Bytes::new()).await {
            Ok(_) | Err(Failure::Answer { status: 404, .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Copies a blob within its container, and waits until Azure has done it
    /// (<https://learn.microsoft.com/en-us/rest/api/storageservices/copy-blob>).
    pub(super) async fn copy(
        &self,
        service: &Service,
        container: &str,
        from: &str,
        to: &str,
    ) -> Result<(), Failure> {
        let mut source = self.url(container, Some(from))?;
        if let Login::Signature(AzureCredential::SASToken(pairs)) = &self.login {
            source.query_pairs_mut().extend_pairs(pairs);
        }
        let target = self.url(container, Some(to))?;
        let headers = [("x-ms-copy-source", source.as_str())];
        let answer = service.send(request(Method::PUT, &target, &headers)?, Bytes::new()).await?;
        let mut status = copy_status(&answer);
        let (begun, mut attempt) = (Instant::now(), 1);
        while status == "pending" {
            let wait = service.retry().wait(attempt, None).min(LONGEST_COPY_WAIT);
            if begun.elapsed() + wait > COPY_PATIENCE {
                let problem = "the copy on the store's side is still going on after 30 minutes";
                return Err(Failure::Unreadable(problem.to_owned()));
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
            let answer = service.send(request(Method::HEAD, &target, &[])?, Bytes::new()).await?;
            status = copy_status(&answer);
        }
        match status.as_str() {
            "success" | "" => Ok(()),
            other => Err(Failure::Unreadable(format!(
                "the copy on the store's side ended as {}",
                crate::http::one_line(other)
            ))),
        }
    }
}

fn copy_status(answer: &HttpResponse) -> String {
    let status = answer.headers().get("x-ms-copy-status").and_then(|value| value.to_str().ok());
    status.unwrap_or_default().to_owned()
}
