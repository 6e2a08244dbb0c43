//! An authenticator app.

use clerestory_model::Timestamp;
use clerestory_seal::hmac_sha1;

/// The app of somebody who set up a second factor: codes of six digits, every 30 seconds (RFC 6238).
pub struct Authenticator(Vec<u8>);

impl Authenticator {
    /// The app that was given this secret.
    ///
    /// # Panics
    /// When it is not base32 (RFC 4648).
    #[must_use]
    pub fn with(secret: &str) -> Self {
        let mut bits = String::new();
        for letter in secret.bytes() {
            let mut alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".bytes();
            let value = alphabet.position(|known| known == letter).expect("the secret is base32");
            bits.push_str(&format!("{value:05b}"));
        }
        let bytes = bits.as_bytes().chunks_exact(8);
        let bytes = bytes.map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0')));
        Self(bytes.collect())
    }

    /// The secret it was given.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.0
    }

    /// The code it shows at this time.
    ///
    /// # Panics
    /// Before 1970.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        let step = u64::try_from(now.micros() / 30_000_000).expect("a time after 1970");
        let mac = hmac_sha1(&self.0, &step.to_be_bytes());
        let at = usize::from(mac.last().map_or(0, |last| last & 15));
        let four = mac.get(at..at + 4).and_then(|four| four.try_into().ok()).expect("a MAC has 20 bytes");
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }
}
