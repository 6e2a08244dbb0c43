//! Ed25519 (RFC 8032): what signs checkpoints of the audit log and receipts of erasures, so that anybody's tool can
//! check them.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::sign::{SignError, Signature};
use crate::{Label, SecretKey};

/// The key that signs checkpoints. Derived from a key of the registry: nothing but that row has to be kept.
pub struct CheckpointKey(Ed25519KeyPair);

impl CheckpointKey {
    /// The signing key whose seed is derived from `secret`.
    ///
    /// # Errors
    /// [`SignError`] when the library refuses the seed.
    pub fn derive(secret: &SecretKey) -> Result<Self, SignError> {
        let seed = secret.derive(Label::Checkpoint, &[]);
        Ed25519KeyPair::from_seed_unchecked(seed.dangerous_bytes()).map(Self).map_err(|_| SignError)
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.public_key().as_ref());
        out
    }

    /// Signs `message`: always the same 64 bytes for the same message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut out = [0; 64];
        out.copy_from_slice(self.0.sign(message).as_ref());
        out
    }
}

/// What every signature of a receipt is over, before the text itself.
const RECEIPT: &[u8] = b"clerestory erasure receipt 1\n";

/// The key that signs receipts of erasures. Derived from a key of the registry: nothing but that row has to be kept.
pub struct ReceiptKey(Ed25519KeyPair);

impl ReceiptKey {
    /// The signing key whose seed is derived from `secret`.
    ///
    /// # Errors
    /// [`SignError`] when the library refuses the seed.
    pub fn derive(secret: &SecretKey) -> Result<Self, SignError> {
        let seed = secret.derive(Label::Receipt, &[]);
        Ed25519KeyPair::from_seed_unchecked(seed.dangerous_bytes()).map(Self).map_err(|_| SignError)
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.public_key().as_ref());
        out
    }

    /// Signs the text of a receipt, behind a line that says that it is one.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let mut out = [0; 64];
        out.copy_from_slice(self.0.sign(&receipt_bytes(text)).as_ref());
        out
    }
}

fn receipt_bytes(text: &str) -> Vec<u8> {
    [RECEIPT, text.as_bytes()].concat()
}

/// Whether `signature` is that of the receipt `text` under the Ed25519 key `public`.
#[must_use]
pub fn verify_receipt(public: &[u8], text: &str, signature: &[u8]) -> bool {
    verify_ed25519(public, &receipt_bytes(text), signature)
}

/// Whether `signature` is that of `message` under the Ed25519 key `public`.
#[must_use]
pub fn verify_ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_bound_to_its_text_and_is_no_checkpoint() {
        let secret = SecretKey::from_bytes([7; 32]);
        let key = ReceiptKey::derive(&secret).unwrap();
        let signature = key.sign("{}");
        assert!(verify_receipt(&key.public(), "{}", &signature));
        assert!(!verify_receipt(&key.public(), "{ }", &signature));
        assert!(!verify_ed25519(&key.public(), b"{}", &signature));
        assert_ne!(key.public(), CheckpointKey::derive(&secret).unwrap().public());
    }

    #[test]
    fn a_key_is_the_same_each_time_and_its_signature_is_bound_to_the_message() {
        let secret = SecretKey::from_bytes([7; 32]);
        let key = CheckpointKey::derive(&secret).unwrap();
        assert_eq!(key.public(), CheckpointKey::derive(&secret).unwrap().public());
        let signature = key.sign(b"size 7");
        assert!(verify_ed25519(&key.public(), b"size 7", &signature));
        assert!(!verify_ed25519(&key.public(), b"size 8", &signature));
        let other = CheckpointKey::derive(&SecretKey::from_bytes([8; 32])).unwrap();
        assert!(!verify_ed25519(&other.public(), b"size 7", &signature));
    }
}
