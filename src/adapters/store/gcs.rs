//! Google Cloud Storage.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use url::Url;

use super::crypto::Crypto;
use super::options::address;
use super::remote::{client_options, no_retries};
use super::service::{Service, Shared};
use super::{Options, StoreError};
use crate::model::StoreUrl;

/// A bucket.
pub(super) struct GcsBucket {
    /// The library's client.
    pub(super) objects: Arc<GoogleCloudStorage>,
    /// Its address: `https://storage.googleapis.com/bucket`.
    pub(super) address: Url,
}

/// Reads credentials and address of a bucket, and makes the connections to it.
pub(super) fn open(
    store: &StoreUrl,
    bucket: &str,
    options: &Options,
) -> Result<(Arc<GcsBucket>, Arc<Service>), StoreError> {
    let wrong = |problem: String| StoreError::Credentials { place: store.to_string(), problem };
    let endpoint = match options.address(store, &["STORAGE_EMULATOR_HOST"])? {
        Some(endpoint) => endpoint,
        None => address(store, "data.endpoint", "https://storage.googleapis.com")?,
    };
    let service = Arc::new(Service::new(Some(&endpoint), options.retry));
    let text = endpoint.as_str().trim_end_matches('/').to_owned();
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_base_url(&text)
        .with_crypto_provider(Arc::new(Crypto))
        .with_client_options(client_options())
        .with_retry(no_retries())
        .with_http_connector(Shared(Arc::clone(&service)));
    let file = options.first(&["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT"]);
    let key = options.variable("GOOGLE_SERVICE_ACCOUNT_KEY");
    let builder = match (file, key) {
        (Some((_, file)), _) => builder.with_application_credentials(file),
        (None, Some(key)) => builder.with_service_account_key(key),
        (None, None) => {
            return Err(wrong(
                "no credentials: set GOOGLE_APPLICATION_CREDENTIALS to the file with the key of a \
                 service account"
                    .to_owned(),
            ));
        }
    };
    // The library's message may quote the file, which is a key.
    let objects = builder.build().map_err(|_| {
        wrong(
            "GOOGLE_APPLICATION_CREDENTIALS cannot be used: expected a readable JSON file with the \
             key of a service account or of an authorized user"
                .to_owned(),
        )
    })?;
    let address = format!("{text}/{bucket}").parse();
    let address = address.map_err(|_| wrong("the endpoint is no address".to_owned()))?;
    Ok((Arc::new(GcsBucket { objects: Arc::new(objects), address }), service))
}
