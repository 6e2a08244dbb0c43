//! ECDSA P-256 with SHA-256 and fixed-length signatures: what WebCrypto verifies in a browser.

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};

/// `r ‖ s`, 64 bytes (IEEE P1363 form).
pub type Signature = [u8; 64];

/// The stored bytes are no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored signing key is not a P-256 key")]
pub struct SignError;

/// A P-256 signing key. Leaves memory only as PKCS#8, to be sealed.
pub struct SigningKey(EcdsaKeyPair);

impl SigningKey {
    /// A fresh key.
    ///
    /// # Panics
    /// When the operating system has no entropy to give.
    #[must_use]
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(pair.expect("the operating system gives random bytes"))
    }

    /// The key with these PKCS#8 bytes.
    ///
    /// # Errors
    /// [`SignError`] when they are not a P-256 private key.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, SignError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes).map(Self).map_err(|_| SignError)
    }

    /// PKCS#8 (RFC 5208) bytes, to be sealed.
    ///
    /// # Errors
    /// [`SignError`] when the library cannot encode the key.
    pub fn dangerous_pkcs8(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, SignError> {
        let document = self.0.to_pkcs8v1().map_err(|_| SignError)?;
        Ok(zeroize::Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The uncompressed public point, 65 bytes beginning with 4.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`SignError`] when the library refuses the key.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let signature = self.0.sign(&SystemRandom::new(), message).map_err(|_| SignError)?;
        signature.as_ref().try_into().map_err(|_| SignError)
    }

    /// The private scalar, 32 bytes: for the tests of other implementations.
    #[must_use]
    pub fn dangerous_scalar(&self) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let bytes: aws_lc_rs::encoding::EcPrivateKeyBin<'_> = self.0.private_key().as_be_bytes().ok()?;
        Some(zeroize::Zeroizing::new(bytes.as_ref().to_vec()))
    }
}

/// Whether `signature` is that of `message` under the uncompressed point `public`.
#[must_use]
pub fn verify_p256(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_storage_and_its_signature_is_bound_to_the_message() {
        let key = SigningKey::generate();
        let again = SigningKey::from_pkcs8(&key.dangerous_pkcs8().unwrap()).unwrap();
        assert_eq!(key.public(), again.public());
        let signature = again.sign(b"policy 7").unwrap();
        assert!(verify_p256(&key.public(), b"policy 7", &signature));
        assert!(!verify_p256(&key.public(), b"policy 8", &signature));
        assert!(!verify_p256(&SigningKey::generate().public(), b"policy 7", &signature));
    }
}
