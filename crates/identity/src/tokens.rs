//! Opaque tokens: 256 random bits, shown once, kept as their SHA-256.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_seal::{random, sha256};
use zeroize::Zeroizing;

/// A secret that proves a session or a sign-in link. Not `Debug`, not `Clone`; wiped on drop.
pub struct Token(Zeroizing<[u8; 32]>);

/// The text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token")]
pub struct TokenError;

impl Token {
    /// A fresh token.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(random()))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&*self.0)
    }

    /// The text to hand out: 43 characters of base64url.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(*self.0)
    }
}

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError)?;
        Ok(Self(Zeroizing::new(bytes.try_into().map_err(|_| TokenError)?)))
    }
}
