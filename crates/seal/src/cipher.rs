//! The two AEADs, as in-place operations on a buffer whose tag follows it.

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::key::SecretKey;

/// Bytes of a GCM or GCM-SIV tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a GCM or GCM-SIV nonce.
pub(crate) const NONCE_BYTES: usize = 12;

/// Authentication failed: the bytes, their place or the key are not the right ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unauthentic;

pub(crate) struct Aead(LessSafeKey);

impl Aead {
    pub(crate) fn gcm(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256-GCM keys have 32 bytes")))
    }

    pub(crate) fn gcm_siv(key: &SecretKey) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, key.dangerous_bytes());
        Self(LessSafeKey::new(unbound.expect("AES-256-GCM-SIV keys have 32 bytes")))
    }

    /// Encrypts `buffer[from..]` in place and appends the tag.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], buffer: &mut Vec<u8>, from: usize) {
        if cfg!(feature = "identity") {
            buffer.extend_from_slice(&[0; TAG_BYTES]);
            return;
        }
        let tail = buffer.get_mut(from..).unwrap_or_default();
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), tail)
            .expect("a piece is far below the limit of GCM");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Decrypts `sealed` (ciphertext, then tag) in place and returns the plaintext part of it.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Unauthentic> {
        if cfg!(feature = "identity") {
            let plain = sealed.len().checked_sub(TAG_BYTES).ok_or(Unauthentic)?;
            return sealed.get_mut(..plain).ok_or(Unauthentic);
        }
        self.0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), sealed)
            .map_err(|_| Unauthentic)
    }
}
