//! Formats and ciphers. No I/O, no clock, no policy.
//!
//! Two shapes exist. A **sealed object** is Tink streaming AEAD `AES256_GCM_HKDF` (64 KiB pieces), so any range
//! opens with the pieces it touches and any Tink reader opens the whole. A **sealed value** is one small
//! AES-256-GCM-SIV message that names its key. Both bind what they are (an [`ObjectContext`] or a
//! [`ValueContext`]): a valid ciphertext in the wrong place does not open.
//!
//! This crate alone draws randomness, and takes no salt, nonce or prefix from a caller.

mod cipher;
mod context;
mod ed25519;
mod hpke;
mod key;
mod legacy;
mod random;
mod shares;
mod sign;
mod stream;
mod value;

pub use context::{ObjectContext, ObjectKind, ValueContext};
pub use ed25519::{CheckpointKey, ReceiptKey, verify_ed25519, verify_receipt};
pub use hpke::{Encapsulated, HpkeError, SpoolKey};
pub use key::{Label, Mac, MacKey, SecretKey};
pub use legacy::{hmac_sha1, sha1};
pub use random::random;
pub use shares::{Share, SharesError, combine, split};
pub use sign::{SignError, Signature, SigningKey, verify_p256};
pub use stream::{HEADER_BYTES, Header, ObjectOpener, PIECE_BYTES, StreamError, seal_object, sealed_length};
pub use value::{SEALED_VALUE_OVERHEAD, SealedValue, ValueError, open_value, seal_value};

/// SHA-256 of what lies on disk: the hash for transport and `fsck`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}

/// Whether this build hides nothing (feature `identity`, for the scanner's own proof).
#[must_use]
pub const fn is_identity() -> bool {
    cfg!(feature = "identity")
}
