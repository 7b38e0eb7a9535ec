//! The cryptography that `object_store` asks for, by the crates that the rest of tidegate uses: the
//! ones that it brings itself are not allowed here (deny.toml).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, EncodingKey};
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use sha2::{Digest as _, Sha256};

/// SHA-256, its HMAC, and RSA signatures over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crypto;

/// HMAC-SHA256 in base64, as Azure writes signatures.
pub(super) fn signature(key: &[u8], text: &str) -> object_store::Result<String> {
    let mut context = Crypto.hmac(DigestAlgorithm::Sha256, key)?;
    context.update(text.as_bytes());
    Ok(STANDARD.encode(context.finish()?))
}

fn unknown() -> object_store::Error {
    object_store::Error::NotSupported { source: "an unknown algorithm".into() }
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "signature", source: Box::new(error) }
}

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> object_store::Result<Box<dyn DigestContext>> {
        if algorithm != DigestAlgorithm::Sha256 {
            return Err(unknown());
        }
        Ok(Box::new(Hashing { hash: Sha256::new(), result: Vec::new() }))
    }

    fn hmac(
        &self,
        algorithm: DigestAlgorithm,
        secret: &[u8],
    ) -> object_store::Result<Box<dyn HmacContext>> {
        if algorithm != DigestAlgorithm::Sha256 {
            return Err(unknown());
        }
        let hmac = Hmac::<Sha256>::new_from_slice(secret).map_err(unusable)?;
        Ok(Box::new(Authenticating { hmac, result: Vec::new() }))
    }

    fn sign(
        &self,
        algorithm: SigningAlgorithm,
        pem: &[u8],
    ) -> object_store::Result<Box<dyn Signer>> {
        if algorithm != SigningAlgorithm::RS256 {
            return Err(unknown());
        }
        Ok(Box::new(Rsa(EncodingKey::from_rsa_pem(pem).map_err(unusable)?)))
    }
}

struct Hashing {
    hash: Sha256,
    result: Vec<u8>,
}

impl DigestContext for Hashing {
    fn update(&mut self, data: &[u8]) {
        self.hash.update(data);
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        self.result = self.hash.finalize_reset().to_vec();
        Ok(&self.result)
    }
}

struct Authenticating {
    hmac: Hmac<Sha256>,
    result: Vec<u8>,
}

impl HmacContext for Authenticating {
    fn update(&mut self, data: &[u8]) {
        self.hmac.update(data);
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        self.result = self.hmac.finalize_reset().into_bytes().to_vec();
        Ok(&self.result)
    }
}

struct Rsa(EncodingKey);

impl Signer for Rsa {
    fn sign(&self, text: &[u8]) -> object_store::Result<Vec<u8>> {
        let signed = jsonwebtoken::crypto::sign(text, &self.0, Algorithm::RS256);
        URL_SAFE_NO_PAD.decode(signed.map_err(unusable)?).map_err(unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn digest_and_hmac_are_those_of_the_standards() {
        // FIPS 180-2, appendix B.1.
        let mut digest = Crypto.digest(DigestAlgorithm::Sha256).unwrap();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(
            hex(digest.finish().unwrap()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231, test case 2.
        let mut hmac = Crypto.hmac(DigestAlgorithm::Sha256, b"Jefe").unwrap();
        hmac.update(b"what do ya want for nothing?");
        assert_eq!(
            hex(hmac.finish().unwrap()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(Crypto.sign(SigningAlgorithm::RS256, b"no key").is_err());
    }
}
