//! SHA-1, where others have fixed it: one-time codes (RFC 6238) and lists of breached passwords. Nothing of ours is
//! sealed, signed or named by it.

use aws_lc_rs::{digest, hmac};

/// SHA-1, for looking a password up in a list that is made of it.
#[must_use]
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

/// HMAC-SHA-1 (RFC 2104), which every authenticator app computes codes by.
#[must_use]
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut out = [0; 20];
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3174 section 7.3 and RFC 2202 section 3, cases 1 and 2.
    #[test]
    fn both_agree_with_their_rfcs() {
        assert_eq!(hex::encode(sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let first = hmac_sha1(&[0x0b; 20], b"Hi There");
        assert_eq!(hex::encode(first), "b617318655057264e28bc0b6fb378c8ef146be00");
        let second = hmac_sha1(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(second), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }
}
