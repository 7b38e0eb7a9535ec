//! How a store is logged in to: by variables of the environment, never by the configuration.

use std::collections::BTreeMap;

use object_store::azure::{AzureAccessKey, AzureCredential};
use url::Url;

use super::options::address;
use super::token::{Proof, TokenSource};
use super::{Options, StoreError};
use crate::model::StoreUrl;
use crate::model::store_variables::{AZURE_CONNECTION, AZURE_KEYS, AZURE_SIGNATURES};
use crate::secret::Secret;

const ACCOUNTS: [&str; 3] =
    ["AZURE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"];

/// How an Azure account is logged in to.
#[expect(clippy::large_enum_variant, reason = "there is one for each store of a run")]
pub(super) enum Login {
    /// By its key, which can also sign URLs.
    Key {
        /// For requests.
        credential: AzureCredential,
        /// For URLs.
        key: Vec<u8>,
    },
    /// By a shared access signature.
    Signature(AzureCredential),
    /// By tokens of Microsoft Entra ID.
    Tokens(TokenSource),
}

/// Who logs in, and where.
pub(super) struct AzureLogin {
    /// How.
    pub(super) login: Login,
    /// The account's address.
    pub(super) endpoint: Url,
}

fn wrong(store: &StoreUrl, problem: impl Into<String>) -> StoreError {
    StoreError::Credentials { place: store.to_string(), problem: problem.into() }
}

/// Reads how an account is logged in to.
///
/// # Errors
/// Where nothing is there, or it makes no sense, or it is another account's.
pub(super) fn azure(
    store: &StoreUrl,
    account: &str,
    options: &Options,
) -> Result<AzureLogin, StoreError> {
    let same = |name: &str, value: &str| {
        let problem = format!("{name} names another account: {:?}", crate::http::one_line(value));
        (value == account).then_some(()).ok_or_else(|| wrong(store, problem))
    };
    for name in ACCOUNTS {
        if let Some(value) = options.variable(name) {
            same(name, value.trim())?;
        }
    }
    let connection = match options.variable(AZURE_CONNECTION) {
        Some(text) => Connection::read(store, &text)?,
        None => Connection::default(),
    };
    if let Some(value) = &connection.account {
        same(AZURE_CONNECTION, value)?;
    }
    let usual = || {
        let suffix = connection.suffix.as_deref().unwrap_or("core.windows.net");
        let text = format!("https://{account}.blob.{suffix}");
        address(store, AZURE_CONNECTION, &text)
    };
    let endpoint = match options.address(store, &["AZURE_STORAGE_ENDPOINT"])? {
        Some(endpoint) => endpoint,
        None => match &connection.endpoint {
            Some(text) => address(store, AZURE_CONNECTION, text)?,
            None => usual()?,
        },
    };
    Ok(AzureLogin { login: login(store, options, &connection)?, endpoint })
}

fn login(
    store: &StoreUrl,
    options: &Options,
    connection: &Connection,
) -> Result<Login, StoreError> {
    let by_connection = AZURE_CONNECTION;
    let key = options.first(&AZURE_KEYS);
    let key = key.or_else(|| connection.key.clone().map(|key| (by_connection, key)));
    if let Some((name, key)) = key {
        use base64::Engine as _;
        let bad =
            || wrong(store, format!("{name} is no key of a storage account: it is not base64"));
        let bytes = base64::engine::general_purpose::STANDARD.decode(key.trim());
        let credential = AzureAccessKey::try_new(key.trim()).map_err(|_| bad())?;
        return Ok(Login::Key {
            credential: AzureCredential::AccessKey(credential),
            key: bytes.map_err(|_| bad())?,
        });
    }
    let signature = options.first(&AZURE_SIGNATURES);
    let signature =
        signature.or_else(|| connection.signature.clone().map(|text| (by_connection, text)));
    if let Some((name, text)) = signature {
        // With or without the `?` that portals show in front of it.
        let text = text.trim().trim_start_matches('?');
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        if !pairs.iter().any(|(name, _)| name == "sig") {
            return Err(wrong(
                store,
                format!("{name} is no shared access signature: sig is missing"),
            ));
        }
        return Ok(Login::Signature(AzureCredential::SASToken(pairs)));
    }
    tokens(store, options)
}

fn tokens(store: &StoreUrl, options: &Options) -> Result<Login, StoreError> {
    let client = options.first(&["AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID"]);
    let tenant = options.first(&["AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID"]);
    let (Some((_, client)), Some((_, tenant))) = (client, tenant) else {
        return Err(wrong(
            store,
            "no credentials: set AZURE_ACCOUNT_KEY, AZURE_STORAGE_CONNECTION_STRING or \
             AZURE_STORAGE_SAS_TOKEN, or AZURE_CLIENT_ID and AZURE_TENANT_ID for a login without \
             a key (OIDC)",
        ));
    };
    let secret = options.first(&["AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET"]);
    let file = options.variable("AZURE_FEDERATED_TOKEN_FILE");
    let actions = options
        .variable("ACTIONS_ID_TOKEN_REQUEST_URL")
        .zip(options.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
    let proof = if let Some((_, secret)) = secret {
        Proof::Secret(Secret::new(secret))
    } else if let Some(file) = file {
        Proof::File(file.into())
    } else if let Some((url, token)) = actions {
        let url =
            url.parse().map_err(|_| wrong(store, "ACTIONS_ID_TOKEN_REQUEST_URL is no URL"))?;
        Proof::Actions { url, token: Secret::new(token) }
    } else {
        return Err(wrong(
            store,
            "AZURE_CLIENT_ID and AZURE_TENANT_ID are there, and nothing that proves them: give the \
             job `permissions: id-token: write`, or set AZURE_CLIENT_SECRET or \
             AZURE_FEDERATED_TOKEN_FILE",
        ));
    };
    let authority = options.variable("AZURE_AUTHORITY_HOST");
    let authority = authority.as_deref().unwrap_or("https://login.microsoftonline.com");
    let authority = address(store, "AZURE_AUTHORITY_HOST", authority)?;
    let plain = |id: &str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if !plain(&tenant) {
        return Err(wrong(store, "AZURE_TENANT_ID is no id of a tenant"));
    }
    Ok(Login::Tokens(TokenSource::new(authority, &tenant, client, proof)))
}

/// What a connection string says
/// (<https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string>).
#[derive(Default)]
struct Connection {
    account: Option<String>,
    key: Option<String>,
    signature: Option<String>,
    endpoint: Option<String>,
    suffix: Option<String>,
}

impl Connection {
    fn read(store: &StoreUrl, text: &str) -> Result<Self, StoreError> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                wrong(store, "AZURE_STORAGE_CONNECTION_STRING is no list of name=value;")
            })?;
            named.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let plain =
            |value: &String| value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        Ok(Self {
            account: named.remove("accountname"),
            key: named.remove("accountkey"),
            signature: named.remove("sharedaccesssignature"),
            endpoint: named.remove("blobendpoint"),
            suffix: named.remove("endpointsuffix").filter(plain),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<AzureLogin, String> {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let options = Options::new(Arc::new(move |name: &str| variables.get(name).cloned()));
        let store: StoreUrl = "azure://acme/".parse().unwrap();
        azure(&store, "acme", &options).map_err(|error| error.to_string())
    }

    fn kind(login: &AzureLogin) -> &'static str {
        match &login.login {
            Login::Key { .. } => "key",
            Login::Signature(_) => "signature",
            Login::Tokens(_) => "tokens",
        }
    }

    #[test]
    fn each_way_to_log_in_is_found() {
        let connection = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn";
        let shared = "BlobEndpoint=https://acme.example/x;SharedAccessSignature=sv=1&sig=a%2Bb";
        for (variables, expected, endpoint) in [
            (
                &[("AZURE_ACCOUNT_NAME", "acme"), ("AZURE_ACCOUNT_KEY", "a2V5")][..],
                "key",
                "https://acme.blob.core.windows.net/",
            ),
            (
                &[
                    ("AZURE_STORAGE_KEY", "a2V5"),
                    ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1/acme"),
                ],
                "key",
                "http://127.0.0.1:1/acme",
            ),
            (
                &[("AZURE_STORAGE_CONNECTION_STRING", connection)],
                "key",
                "https://acme.blob.core.chinacloudapi.cn/",
            ),
            (&[("AZURE_STORAGE_CONNECTION_STRING", shared)], "signature", "https://acme.example/x"),
            (
                &[("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")],
                "signature",
                "https://acme.blob.core.windows.net/",
            ),
            (
                &[("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=x")],
                "signature",
                "https://acme.blob.core.windows.net/",
            ),
            (
                &[("AZURE_CLIENT_ID", "a"), ("AZURE_TENANT_ID", "b"), ("AZURE_CLIENT_SECRET", "c")],
                "tokens",
                "https://acme.blob.core.windows.net/",
            ),
            (
                &[
                    ("AZURE_CLIENT_ID", "a"),
                    ("AZURE_TENANT_ID", "b"),
                    ("AZURE_FEDERATED_TOKEN_FILE", "/x"),
                ],
                "tokens",
                "https://acme.blob.core.windows.net/",
            ),
            (
                &[
                    ("AZURE_CLIENT_ID", "a"),
                    ("AZURE_TENANT_ID", "b"),
                    ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x/?y"),
                    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
                ],
                "tokens",
                "https://acme.blob.core.windows.net/",
            ),
        ] {
            let found = read(variables).unwrap();
            assert_eq!(
                (kind(&found), found.endpoint.as_str()),
                (expected, endpoint),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_named_and_not_shown() {
        for (variables, expected) in [
            (&[][..], "no credentials: set AZURE_ACCOUNT_KEY,"),
            (
                &[("AZURE_ACCOUNT_NAME", "other"), ("AZURE_ACCOUNT_KEY", "a2V5")],
                "AZURE_ACCOUNT_NAME names another account: \"other\"",
            ),
            (
                &[("AZURE_ACCOUNT_KEY", "s3cret!")],
                "AZURE_ACCOUNT_KEY is no key of a storage account",
            ),
            (&[("AZURE_STORAGE_SAS_TOKEN", "sv=s3cret!")], "sig is missing"),
            (&[("AZURE_STORAGE_CONNECTION_STRING", "s3cret!")], "is no list of name=value"),
            (
                &[("AZURE_ACCOUNT_KEY", "a2V5"), ("AZURE_STORAGE_ENDPOINT", "http://acme.example")],
                "plain http://",
            ),
            (
                &[
                    ("AZURE_ACCOUNT_KEY", "a2V5"),
                    ("AZURE_STORAGE_ENDPOINT", "https://u:s3cret!@acme.example"),
                ],
                "holds more than an address",
            ),
            (&[("AZURE_CLIENT_ID", "a"), ("AZURE_TENANT_ID", "b")], "id-token: write"),
            (
                &[
                    ("AZURE_CLIENT_ID", "a"),
                    ("AZURE_TENANT_ID", "../x"),
                    ("AZURE_CLIENT_SECRET", "s3cret!"),
                ],
                "AZURE_TENANT_ID is no id",
            ),
        ] {
            let said = read(variables).err().unwrap();
            assert!(said.contains(expected) && !said.contains("s3cret!"), "{variables:?}: {said}");
        }
    }
}
