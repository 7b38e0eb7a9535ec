//! Which variables log in to a store (docs/how-to/data-azure.md, data-s3.md).

use crate::model::StoreUrl;
use crate::model::store_variables::{AZURE_CONNECTION, AZURE_KEYS, AZURE_SIGNATURES};

/// One way to log in: for each group, one of its variables has to be there.
pub type Login = &'static [&'static [&'static str]];

const AZURE: [Login; 4] = [
    &[&AZURE_KEYS],
    &[&[AZURE_CONNECTION]],
    &[&AZURE_SIGNATURES],
    &[
        &["AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID"],
        &["AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID"],
    ],
];

const S3: [Login; 4] = [
    &[&["AWS_ACCESS_KEY_ID"], &["AWS_SECRET_ACCESS_KEY"]],
    &[&["AWS_ROLE_ARN"], &["AWS_WEB_IDENTITY_TOKEN_FILE"]],
    &[&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]],
    &[&["AWS_CONTAINER_CREDENTIALS_FULL_URI"]],
];

const GCS: [Login; 1] = [&[&[
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
]]];

/// Lists the ways to log in to a store; none where it needs no login.
pub fn logins(store: &StoreUrl) -> &'static [Login] {
    match store {
        StoreUrl::Azure { .. } => &AZURE,
        StoreUrl::S3 { .. } => &S3,
        StoreUrl::Gcs { .. } => &GCS,
        StoreUrl::Folder { .. } => &[],
    }
}

/// Tells whether the variables that are there log in to a store.
pub fn can_log_in(store: &StoreUrl, is_there: &dyn Fn(&str) -> bool) -> bool {
    let ways = logins(store);
    let fits = |way: &Login| way.iter().all(|group| group.iter().any(|name| is_there(name)));
    ways.is_empty() || ways.iter().any(fits)
}

/// What to set, in a sentence's end.
pub(super) fn advice(store: &StoreUrl) -> &'static str {
    match store {
        StoreUrl::Azure { .. } => {
            "AZURE_ACCOUNT_KEY, AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SAS_TOKEN from a secret, or AZURE_CLIENT_ID and AZURE_TENANT_ID for OIDC"
        }
        StoreUrl::S3 { .. } => {
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from secrets, or let aws-actions/configure-aws-credentials set them in a step before"
        }
        StoreUrl::Gcs { .. } => {
            "GOOGLE_SERVICE_ACCOUNT_KEY from a secret, or let google-github-actions/auth set GOOGLE_APPLICATION_CREDENTIALS in a step before"
        }
        StoreUrl::Folder { .. } => "nothing: a folder needs no login",
    }
}
