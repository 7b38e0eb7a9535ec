//! A GitHub App: a throw-away key for the tests, and the check of the tokens that it signs.
//!
//! The rules are those of GitHub's "Generating a JSON Web Token (JWT) for a GitHub App".

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

/// An App that is installed in the repository.
#[derive(Debug, Clone)]
pub struct App {
    pub id: u64,
    pub slug: String,
    pub installation: u64,
    pub permissions: BTreeMap<String, String>,
    /// The PEM of the key that its tokens are checked with.
    pub public_key: String,
    /// How many tokens it has given out.
    pub tokens: u64,
}

/// An RSA key as GitHub gives it to the owner of an App.
#[derive(Debug)]
pub struct Key {
    /// PKCS#1, `-----BEGIN RSA PRIVATE KEY-----`.
    pub private: String,
    /// `-----BEGIN PUBLIC KEY-----`.
    pub public: String,
}

impl Key {
    /// A new key.
    pub fn generate() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        openssl(folder.path(), &["genrsa", "-traditional", "-out", "key.pem", "2048"]);
        openssl(folder.path(), &["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
        let read = |name| std::fs::read_to_string(folder.path().join(name)).expect("a key");
        Self { private: read("key.pem"), public: read("public.pem") }
    }

    /// The key of this test process: making one takes a moment.
    pub fn shared() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(Self::generate)
    }
}

impl App {
    /// Checks a token that the App has signed; the error is GitHub's message.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<(), String> {
        let broken = || "A JSON web token could not be decoded".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(broken)?;
        let (header, claims) = signed.split_once('.').ok_or_else(broken)?;
        let header = decode(header).ok_or_else(broken)?;
        let claims = decode(claims).ok_or_else(broken)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| broken())?;
        if header["alg"] != "RS256" || !verifies(&self.public_key, signed.as_bytes(), &signature) {
            return Err(broken());
        }
        let issuer = match &claims["iss"] {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        if issuer != self.id.to_string() {
            return Err("'Issuer' claim ('iss') must be an Integer or String".to_owned());
        }
        let time = |name: &str, title: &str| {
            claims[name]
                .as_i64()
                .ok_or_else(|| format!("Missing '{title}' claim ('{name}') in assertion"))
        };
        let (issued, expires) = (time("iat", "issued at")?, time("exp", "expiration time")?);
        let now = now.as_second();
        if issued > now {
            let text = "'Issued at' claim ('iat') must be an Integer representing the time that \
                        the assertion was issued";
            return Err(text.to_owned());
        }
        if expires <= now {
            let text = "'Expiration time' claim ('exp') must be a numeric value representing the \
                        future time at which the assertion expires";
            return Err(text.to_owned());
        }
        if expires > now + 600 {
            return Err("'Expiration time' claim ('exp') is too far in the future".to_owned());
        }
        Ok(())
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn verifies(public_key: &str, signed: &[u8], signature: &[u8]) -> bool {
    let folder = TempDir::new().expect("a temporary folder");
    for (name, bytes) in
        [("public.pem", public_key.as_bytes()), ("signed", signed), ("signature", signature)]
    {
        std::fs::write(folder.path().join(name), bytes).expect("a file for openssl");
    }
    let arguments =
        ["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"];
    command(folder.path(), &arguments).status().is_ok_and(|status| status.success())
}

/// Signs a token as the owner of the private key would.
pub fn sign(key: &Key, claims: &Value) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = serde_json::json!({"alg": "RS256", "typ": "JWT"});
    let signed = format!("{}.{}", encode(&header), encode(claims));
    for (name, bytes) in [("key.pem", &key.private), ("signed", &signed)] {
        std::fs::write(folder.path().join(name), bytes).expect("a file for openssl");
    }
    openssl(folder.path(), &["dgst", "-sha256", "-sign", "key.pem", "-out", "signature", "signed"]);
    let signature = std::fs::read(folder.path().join("signature")).expect("the signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let status = command(folder, arguments)
        .status()
        .unwrap_or_else(|error| panic!("openssl could not be started ({error})"));
    assert!(status.success(), "openssl {arguments:?} failed");
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}
