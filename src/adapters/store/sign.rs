//! URLs that read without other credentials.
//!
//! For Azure they are written here: the library signs from now on (a clock that is a minute behind
//! then cannot read) and for one blob only.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use object_store::signer::Signer;
use url::Url;

use super::azure::Account;
use super::credentials::Login;
use super::crypto::signature;
use super::failure::Failure;
use super::remote::{Provider, Remote};
use super::service::{Service, request};
use super::{Scope, SignedUrl, StoreError};
use crate::http::is_loopback;
use crate::secret::Secret;

/// The version of Azure's interface whose string to sign is written below
/// (<https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>).
const VERSION: &str = "2022-11-02";
/// The longest time that delegation keys, S3 and Google sign for.
const WEEK: Duration = Duration::from_hours(7 * 24);
/// A delegation key for a whole week from this moment would be refused by a clock that is behind.
const SPARE: Duration = Duration::from_mins(5);

/// A user delegation key: what a login without the account's key signs by
/// (<https://learn.microsoft.com/en-us/rest/api/storageservices/get-user-delegation-key>).
struct DelegationKey {
    /// `SignedOid`, `SignedTid`, `SignedStart`, `SignedExpiry`, `SignedService`, `SignedVersion`.
    fields: [String; 6],
    value: Vec<u8>,
}

/// What is signed, whoever signs it.
struct Grant<'a> {
    /// `/blob/account/container` or `/blob/account/container/path`.
    resource: String,
    /// `c` or `b`.
    kind: &'a str,
    expires: String,
    /// Empty where plain http is allowed, too.
    protocol: &'a str,
}

/// Signs a URL that reads.
pub(super) async fn sign(
    remote: &Remote,
    scope: &Scope,
    valid: Duration,
) -> Result<SignedUrl, StoreError> {
    let week = |why: &str| (valid > WEEK).then(|| format!("{why} are valid for at most 7 days"));
    match &remote.provider {
        Provider::Azure(account) => azure(remote, account, scope, valid).await,
        Provider::S3(bucket) => {
            let shortened = week("presigned URLs of S3");
            object(remote, bucket.objects.as_ref(), scope, valid.min(WEEK), shortened).await
        }
        Provider::Gcs(bucket) => {
            let shortened = week("signed URLs of Google Cloud Storage");
            object(remote, bucket.objects.as_ref(), scope, valid.min(WEEK), shortened).await
        }
    }
}

/// Where S3 and Google sign: one object.
async fn object(
    remote: &Remote,
    signer: &dyn Signer,
    scope: &Scope,
    valid: Duration,
    shortened: Option<String>,
) -> Result<SignedUrl, StoreError> {
    let path = match scope {
        Scope::Object(path) => path,
        Scope::Container => {
            return Err(StoreError::Unsupported {
                place: remote.place.clone(),
                problem: "a URL can be signed for one object only, so none covers the pointer and \
                          the versions that it names: give the app credentials that may read, or \
                          make the folder public"
                    .to_owned(),
            });
        }
    };
    let location = remote.path(path)?;
    let expires = after(Timestamp::now(), valid);
    let url = signer.signed_url(Method::GET, &location, valid).await;
    let url = url.map_err(|error| remote.error(path, &error))?;
    Ok(SignedUrl { url: Secret::new(url.as_str()), expires, shortened })
}

async fn azure(
    remote: &Remote,
    account: &Account,
    scope: &Scope,
    valid: Duration,
) -> Result<SignedUrl, StoreError> {
    let failed = |failure: Failure| StoreError::of(remote.place.clone(), &remote.place, &failure);
    let (path, kind) = match scope {
        Scope::Object(path) => (Some(path.as_str()), "b"),
        Scope::Container => (None, "c"),
    };
    if let Some(path) = path {
        remote.path(path)?;
    }
    let below = path.map_or_else(String::new, |path| format!("/{path}"));
    let resource = format!("/blob/{}/{}{below}", account.name, remote.name);
    let protocol = match account.endpoint.scheme() == "http" && is_loopback(&account.endpoint) {
        true => "",
        false => "https",
    };
    let now = Timestamp::now();
    let (valid, shortened) = match &account.login {
        Login::Key { .. } => (valid, None),
        Login::Tokens(_) => (
            valid.min(WEEK.saturating_sub(SPARE)),
            (valid > WEEK).then(|| {
                "without the account's key a signature is valid for at most 7 days \
                 (user delegation)"
                    .to_owned()
            }),
        ),
        Login::Signature(_) => {
            return Err(StoreError::Unsupported {
                place: remote.place.clone(),
                problem: "a shared access signature cannot sign URLs: set AZURE_ACCOUNT_KEY, or \
                          log in by OIDC"
                    .to_owned(),
            });
        }
    };
    let expires = after(now, valid);
    let grant = Grant { resource, kind, expires: seconds(expires), protocol };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("sv", VERSION).append_pair("sr", kind).append_pair("sp", "r");
    query.append_pair("se", &grant.expires);
    if !protocol.is_empty() {
        query.append_pair("spr", protocol);
    }
    let (key, text) = match &account.login {
        Login::Key { key, .. } => (key.clone(), grant.by_account()),
        Login::Tokens(_) | Login::Signature(_) => {
            let key = delegation_key(account, &remote.service, now, expires).await;
            let key = key.map_err(failed)?;
            let names = ["skoid", "sktid", "skt", "ske", "sks", "skv"];
            for (name, value) in names.iter().zip(&key.fields) {
                query.append_pair(name, value);
            }
            let text = grant.by_delegation(&key);
            (key.value, text)
        }
    };
    let signature = signature(&key, &text).map_err(|error| remote.error("", &error))?;
    query.append_pair("sig", &signature);
    let mut url = account.url(&remote.name, path).map_err(failed)?;
    url.set_query(Some(&query.finish()));
    Ok(SignedUrl { url: Secret::new(url.as_str()), expires, shortened })
}

impl Grant<'_> {
    /// The string to sign of a service SAS. Its start is left out, so that a reader's clock may be
    /// behind.
    fn by_account(&self) -> String {
        let Self { resource, kind, expires, protocol } = self;
        format!("r\n\n{expires}\n{resource}\n\n\n{protocol}\n{VERSION}\n{kind}\n\n\n\n\n\n\n")
    }

    /// The string to sign of a user delegation SAS
    /// (<https://learn.microsoft.com/en-us/rest/api/storageservices/create-user-delegation-sas>).
    fn by_delegation(&self, key: &DelegationKey) -> String {
        let Self { resource, kind, expires, protocol } = self;
        let key = key.fields.join("\n");
        format!(
            "r\n\n{expires}\n{resource}\n{key}\n\n\n\n\n{protocol}\n{VERSION}\n{kind}\n\n\n\n\n\n\n"
        )
    }
}

async fn delegation_key(
    account: &Account,
    service: &Service,
    now: Timestamp,
    expires: Timestamp,
) -> Result<DelegationKey, Failure> {
    let mut url = account.endpoint.clone();
    url.set_query(Some("restype=service&comp=userdelegationkey"));
    let start = now.saturating_sub(SignedDuration::from_mins(15)).unwrap_or(now);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{}</Start>\
         <Expiry>{}</Expiry></KeyInfo>",
        seconds(start),
        seconds(expires)
    );
    let mut parts = request(Method::POST, &url, &[("content-type", "application/xml")])?;
    parts.headers.insert("content-length", body.len().into());
    let answer = service.send(parts, Bytes::from(body)).await?;
    let body = answer.into_body().bytes().await;
    let body = body.map_err(|_| Failure::Unreadable("the delegation key cannot be read".into()))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.trim().to_owned())
    };
    let unreadable = || Failure::Unreadable("the delegation key cannot be read".to_owned());
    let needed = |name: &str| field(name).ok_or_else(unreadable);
    let value = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(needed("Value")?)
    };
    Ok(DelegationKey {
        fields: [
            needed("SignedOid")?,
            needed("SignedTid")?,
            needed("SignedStart")?,
            needed("SignedExpiry")?,
            needed("SignedService")?,
            needed("SignedVersion")?,
        ],
        value: value.map_err(|_| unreadable())?,
    })
}

/// A moment as signatures have it: whole seconds, UTC.
fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn after(now: Timestamp, valid: Duration) -> Timestamp {
    let valid = SignedDuration::try_from(valid).unwrap_or(SignedDuration::MAX);
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.saturating_add(valid).unwrap_or(Timestamp::MAX)
}

/// The URL of a container or an object, without credentials.
pub(super) fn plain_url(remote: &Remote, path: Option<&str>) -> Result<Url, StoreError> {
    let wrong = || StoreError::Path { path: path.unwrap_or_default().to_owned() };
    if let Some(path) = path {
        remote.path(path)?;
    }
    let mut url = match &remote.provider {
        Provider::Azure(account) => return account.url(&remote.name, path).map_err(|_| wrong()),
        Provider::S3(bucket) => bucket.address.clone(),
        Provider::Gcs(bucket) => bucket.address.clone(),
    };
    let below = format!("{}{}", remote.prefix, path.unwrap_or_default());
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(below.trim_end_matches('/').split('/'));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_to_sign_have_the_documented_lines() {
        let grant = Grant {
            resource: "/blob/acme/analytics".to_owned(),
            kind: "c",
            expires: "2027-11-22T00:00:00Z".to_owned(),
            protocol: "https",
        };
        let account = grant.by_account();
        let lines: Vec<&str> = account.split('\n').collect();
        assert_eq!(lines.len(), 16);
        assert_eq!(
            lines[..9],
            [
                "r",
                "",
                "2027-11-22T00:00:00Z",
                "/blob/acme/analytics",
                "",
                "",
                "https",
                VERSION,
                "c"
            ]
        );
        let key = DelegationKey {
            fields: ["oid", "tid", "start", "end", "b", "2022-11-02"].map(str::to_owned),
            value: Vec::new(),
        };
        let delegated = grant.by_delegation(&key);
        let lines: Vec<&str> = delegated.split('\n').collect();
        assert_eq!(lines.len(), 24);
        assert_eq!(lines[4..10], ["oid", "tid", "start", "end", "b", "2022-11-02"]);
        assert_eq!(lines[14..17], ["https", VERSION, "c"]);
    }
}
