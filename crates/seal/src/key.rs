//! Secret keys and what is derived from them: one HKDF label for every use.

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::random::random;

/// What a derived key is for. A raw key of the registry never meets an algorithm: only these do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Sealing objects (Tink streaming AEAD).
    Object,
    /// Sealing values (AES-256-GCM-SIV).
    Value,
    /// The keyed MAC of a segment's plaintext.
    ContentMac,
    /// Ingest tokens.
    IngestToken,
    /// Tickets by which a browser fetches a picture that a list showed it.
    PreviewTicket,
    /// Exact look-up of an address without keeping it.
    BlindIndex,
    /// The seed of the spool's HPKE key.
    Spool,
    /// What tells one epoch secret from another without telling either.
    EpochMark,
    /// What tells one root key from another without telling either.
    RootMark,
    /// The seed of the key that signs checkpoints of the audit log.
    Checkpoint,
    /// The seed of the key that signs receipts of erasures.
    Receipt,
}

impl Label {
    /// The HKDF info of this use.
    #[must_use]
    pub const fn info(self) -> &'static [u8] {
        match self {
            Self::Object => b"clerestory object 1",
            Self::Value => b"clerestory value 1",
            Self::ContentMac => b"clerestory content mac 1",
            Self::IngestToken => b"clerestory ingest token 1",
            Self::PreviewTicket => b"clerestory preview ticket 1",
            Self::BlindIndex => b"clerestory blind index 1",
            Self::Spool => b"clerestory spool 1",
            Self::EpochMark => b"clerestory epoch mark 1",
            Self::RootMark => b"clerestory root mark 1",
            Self::Checkpoint => b"clerestory checkpoint 1",
            Self::Receipt => b"clerestory receipt 1",
        }
    }
}

/// Thirty-two secret bytes. Not `Clone`, not `Debug`, not serialisable; wiped on drop.
///
/// ```compile_fail
/// let key = clerestory_seal::SecretKey::generate();
/// let copy = key.clone();
/// ```
/// ```compile_fail
/// println!("{:?}", clerestory_seal::SecretKey::generate());
/// ```
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// A fresh random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(random()))
    }

    /// Takes over bytes that were unwrapped; the caller's copy is its own to wipe.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be wrapped by another key. The name is long because the call is rare.
    #[must_use]
    pub fn dangerous_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-SHA256 (RFC 5869) with an empty salt and the label's info followed by `context`.
    #[must_use]
    pub fn derive(&self, label: Label, context: &[u8]) -> SecretKey {
        let mut out = Zeroizing::new([0; 32]);
        hkdf_sha256(&[], &*self.0, &[label.info(), context], &mut out);
        Self(out)
    }
}

/// HKDF-SHA256: extract with `salt`, expand with the concatenation of `info`, 32 bytes out.
pub(crate) fn hkdf_sha256(salt: &[u8], key: &[u8], info: &[&[u8]], out: &mut [u8; 32]) {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    prk.expand(info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out))
        .expect("32 bytes are within the limit of HKDF-SHA256");
}

/// A key for HMAC-SHA256 (RFC 2104).
pub struct MacKey(hmac::Key);

/// Thirty-two bytes that only a holder of the key can make.
pub type Mac = [u8; 32];

impl MacKey {
    /// The MAC key of this use, bound to `context`.
    #[must_use]
    pub fn derive(key: &SecretKey, label: Label, context: &[u8]) -> Self {
        let derived = key.derive(label, context);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.dangerous_bytes()))
    }

    /// The MAC of the concatenation of `parts`. Callers encode lengths where parts could run together.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    /// Whether `mac` is that of `parts`, in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.mac(parts), mac).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 appendix A.1 gives 42 bytes; its first 32 are what a 32-byte expansion gives.
    #[test]
    fn hkdf_agrees_with_rfc_5869() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let mut out = [0; 32];
        hkdf_sha256(&salt, &[0x0b; 22], &[&info], &mut out);
        assert_eq!(hex::encode(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }

    #[test]
    fn two_labels_never_give_one_key() {
        let key = SecretKey::from_bytes([9; 32]);
        assert_ne!(
            key.derive(Label::Object, b"").dangerous_bytes(),
            key.derive(Label::Value, b"").dangerous_bytes()
        );
    }
}
