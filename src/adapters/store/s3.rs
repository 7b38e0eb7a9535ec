//! S3, and servers that speak its protocol.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Method;
use object_store::ObjectStore as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use url::Url;

use self::copy::failed;

use super::crypto::Crypto;
use super::failure::Failure;
use super::options::{Copies, address};
use super::remote::{client_options, is_missing, no_retries};
use super::service::{Service, Shared};
use super::{Options, StoreError};
use crate::model::StoreUrl;

mod copy;

/// The variables of a container's own credentials, which ECS and EKS set.
const OF_CONTAINERS: [(&str, AmazonS3ConfigKey); 3] = [
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
];

/// A bucket.
pub(super) struct S3Bucket {
    /// The library's client.
    pub(super) objects: Arc<AmazonS3>,
    /// Its address: `https://s3.eu-central-1.amazonaws.com/bucket`.
    pub(super) address: Url,
    name: String,
    region: String,
    copies: Copies,
}

/// Reads credentials and address of a bucket, and makes the connections to it.
pub(super) fn open(
    store: &StoreUrl,
    bucket: &str,
    options: &Options,
) -> Result<(Arc<S3Bucket>, Arc<Service>), StoreError> {
    let region = options.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).map(|(_, region)| region);
    let region = options.region.clone().or(region).unwrap_or_else(|| "us-east-1".to_owned());
    let endpoint = options.address(store, &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])?;
    let usual = format!("https://s3.{region}.amazonaws.com");
    let endpoint = match endpoint {
        Some(endpoint) => endpoint,
        None => address(store, "data.region", &usual)?,
    };
    let service = Arc::new(Service::new(Some(&endpoint), options.retry));
    let text = endpoint.as_str().trim_end_matches('/').to_owned();
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&region)
        .with_endpoint(&text)
        // Checked when the address was read: plain http on this machine only.
        .with_allow_http(true)
        .with_virtual_hosted_style_request(false)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_disable_bulk_delete(true)
        .with_crypto_provider(Arc::new(Crypto))
        .with_client_options(client_options())
        .with_retry(no_retries())
        .with_http_connector(Shared(Arc::clone(&service)));
    let wrong = |problem: String| StoreError::Credentials { place: store.to_string(), problem };
    let built = login(builder, options).map_err(wrong)?.build();
    let objects = built.map_err(|error| wrong(crate::http::one_line(&error.to_string())))?;
    let address = format!("{text}/{bucket}").parse();
    let address = address.map_err(|_| wrong("the endpoint is no address".to_owned()))?;
    let (name, copies) = (bucket.to_owned(), options.copies);
    Ok((Arc::new(S3Bucket { objects: Arc::new(objects), address, name, region, copies }), service))
}

fn login(builder: AmazonS3Builder, options: &Options) -> Result<AmazonS3Builder, String> {
    let id = options.variable("AWS_ACCESS_KEY_ID");
    let key = options.variable("AWS_SECRET_ACCESS_KEY");
    match (id, key) {
        (Some(id), Some(key)) => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(key);
            return Ok(match options.variable("AWS_SESSION_TOKEN") {
                Some(token) => builder.with_token(token),
                None => builder,
            });
        }
        (Some(_), None) => {
            return Err("AWS_ACCESS_KEY_ID is there without AWS_SECRET_ACCESS_KEY".into());
        }
        (None, Some(_)) => {
            return Err("AWS_SECRET_ACCESS_KEY is there without AWS_ACCESS_KEY_ID".into());
        }
        (None, None) => {}
    }
    let file = options.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if let (Some(file), Some(role)) = (file, options.variable("AWS_ROLE_ARN")) {
        let builder = builder
            .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, file)
            .with_config(AmazonS3ConfigKey::RoleArn, role);
        let session = options.variable("AWS_ROLE_SESSION_NAME");
        let session = session.unwrap_or_else(|| "tidegate".to_owned());
        return Ok(builder.with_config(AmazonS3ConfigKey::RoleSessionName, session));
    }
    let mut found = false;
    let mut builder = builder;
    for (name, key) in OF_CONTAINERS {
        if let Some(value) = options.variable(name) {
            builder = builder.with_config(key, value);
            found = true;
        }
    }
    // The address of a virtual machine's own credentials is never asked unbidden: elsewhere it does
    // not answer, which takes a minute to find out.
    found.then_some(builder).ok_or_else(|| {
        "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and \
         AWS_WEB_IDENTITY_TOKEN_FILE; profiles in ~/.aws are not read"
            .to_owned()
    })
}

impl S3Bucket {
    /// Makes the bucket where it is missing and the server allows it
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>).
    pub(super) async fn create_if_missing(
        &self,
        service: &Service,
    ) -> Result<bool, object_store::Error> {
        match self.objects.list(None).next().await {
            None | Some(Ok(_)) => return Ok(false),
            Some(Err(error)) if is_missing(&error) => {}
            Some(Err(error)) => return Err(error),
        }
        let body = match self.region.as_str() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let body = Bytes::from(body);
        let parts = self.signed(Method::PUT, self.address.as_str(), &[], &body).await?;
        match service.send(parts, body).await {
            Ok(_) => Ok(true),
            // Another one was quicker.
            Err(Failure::Answer { code, .. }) if code == "BucketAlreadyOwnedByYou" => Ok(false),
            Err(failure) => Err(failed(failure)),
        }
    }
}
