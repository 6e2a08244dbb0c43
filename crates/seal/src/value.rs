//! Sealed values: one AES-256-GCM-SIV message (RFC 8452) that names its format, algorithm and key.
//!
//! Layout: format `1` ‖ algorithm `1` ‖ key id 16 ‖ nonce 12 ‖ ciphertext ‖ tag 16. GCM-SIV because values are many
//! and small: a repeated nonce would show only that two equal values are equal.

use clerestory_model::KeyId;

use crate::cipher::{Aead, NONCE_BYTES, TAG_BYTES};
use crate::context::ValueContext;
use crate::key::{Label, SecretKey};
use crate::random::random;

const FORMAT: u8 = 1;
const AES_256_GCM_SIV: u8 = 1;
const PREFIX_BYTES: usize = 2 + 16 + NONCE_BYTES;

/// How many bytes a sealed value is longer than what it holds.
pub const SEALED_VALUE_OVERHEAD: usize = PREFIX_BYTES + TAG_BYTES;

/// A sealed value as it lies in a column. It names its key and opens only in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue(Vec<u8>);

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is shorter than the shortest sealed value.
    #[error("a sealed value is cut short")]
    Truncated,
    /// Its format or algorithm is one this program does not know.
    #[error("a sealed value has an unknown format")]
    UnknownFormat,
    /// It was altered, moved from its place, or is sealed under another key.
    #[error("a sealed value failed its authentication check")]
    Tampered,
}

impl SealedValue {
    /// Takes bytes from a column. Only the shape is checked here.
    ///
    /// # Errors
    /// [`ValueError::Truncated`] or [`ValueError::UnknownFormat`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ValueError> {
        if bytes.len() < SEALED_VALUE_OVERHEAD {
            return Err(ValueError::Truncated);
        }
        match bytes.as_slice() {
            [FORMAT, AES_256_GCM_SIV, ..] => Ok(Self(bytes)),
            _ => Err(ValueError::UnknownFormat),
        }
    }

    /// The bytes for the column.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key it says it is sealed under.
    #[must_use]
    pub fn key(&self) -> KeyId {
        let mut id = [0; 16];
        if let Some(bytes) = self.0.get(2..18) {
            id.copy_from_slice(bytes);
        }
        KeyId::from_bytes(id)
    }
}

/// Seals `plain` for exactly this place under `key`, whose id is `key_id`.
#[must_use]
pub fn seal_value(key: &SecretKey, key_id: KeyId, context: &ValueContext<'_>, plain: &[u8]) -> SealedValue {
    let nonce: [u8; NONCE_BYTES] = random();
    let mut out = Vec::with_capacity(plain.len() + SEALED_VALUE_OVERHEAD);
    out.extend_from_slice(&[FORMAT, AES_256_GCM_SIV]);
    out.extend_from_slice(key_id.as_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let aead = Aead::gcm_siv(&key.derive(Label::Value, &[]));
    aead.seal(nonce, &context.encode(), &mut out, PREFIX_BYTES);
    SealedValue(out)
}

/// Opens a value in its place.
///
/// # Errors
/// [`ValueError::Tampered`] when the bytes, the place or the key are not those it was sealed with.
pub fn open_value(
    key: &SecretKey,
    context: &ValueContext<'_>,
    sealed: &SealedValue,
) -> Result<Vec<u8>, ValueError> {
    let (prefix, body) = sealed.0.split_at_checked(PREFIX_BYTES).ok_or(ValueError::Truncated)?;
    let nonce = prefix.last_chunk::<NONCE_BYTES>().ok_or(ValueError::Truncated)?;
    let aead = Aead::gcm_siv(&key.derive(Label::Value, &[]));
    let mut body = body.to_vec();
    let plain = aead.open(*nonce, &context.encode(), &mut body).map_err(|_| ValueError::Tampered)?;
    Ok(plain.to_vec())
}

#[cfg(all(test, not(feature = "identity")))]
mod tests {
    use super::*;
    use clerestory_model::{Deployment, OrganisationId, Timestamp};

    fn deployment() -> Deployment {
        Deployment { environment: [3; 16], region: "eu-1".to_owned() }
    }

    fn place<'a>(deployment: &'a Deployment, column: &'static str, version: u64) -> ValueContext<'a> {
        ValueContext {
            deployment,
            organisation: OrganisationId::new(Timestamp::from_micros(1), [1; 10]),
            table: "people",
            column,
            row: [5; 16],
            version,
        }
    }

    #[test]
    fn a_value_opens_only_in_its_place_and_version() {
        let (key, id, deployment) = (SecretKey::generate(), KeyId::nil(), deployment());
        let sealed = seal_value(&key, id, &place(&deployment, "email", 2), b"someone@example.org");
        let open = |context| open_value(&key, &context, &sealed);
        assert_eq!(open(place(&deployment, "email", 2)).unwrap(), b"someone@example.org");
        assert_eq!(open(place(&deployment, "name", 2)), Err(ValueError::Tampered));
        assert_eq!(open(place(&deployment, "email", 1)), Err(ValueError::Tampered));
        let other = open_value(&SecretKey::generate(), &place(&deployment, "email", 2), &sealed);
        assert_eq!(other, Err(ValueError::Tampered));
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let (key, deployment) = (SecretKey::generate(), deployment());
        let sealed = seal_value(&key, KeyId::nil(), &place(&deployment, "email", 1), b"x");
        for at in 18..sealed.0.len() {
            let mut bytes = sealed.0.clone();
            bytes[at] ^= 1;
            let altered = SealedValue::from_bytes(bytes).unwrap();
            assert_eq!(
                open_value(&key, &place(&deployment, "email", 1), &altered),
                Err(ValueError::Tampered)
            );
        }
        assert_eq!(SealedValue::from_bytes(sealed.0[..40].to_vec()), Err(ValueError::Truncated));
    }
}
