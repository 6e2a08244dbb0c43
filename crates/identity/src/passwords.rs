//! Password hashing: Argon2id (RFC 9106), 19 MiB, 2 passes, 1 lane (OWASP's first choice), off the runtime's threads
//! and never more at once than memory bears.

use std::str::FromStr;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes at once: 4 × 19 MiB.
const AT_ONCE: usize = 4;

/// A password as it was typed: 10 to 256 characters. Wiped on drop. Whether it is a good one says
/// [`crate::Identity::fit_password`].
pub struct Password(Zeroizing<String>);

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than 10 characters.
    #[error("a password has at least 10 characters")]
    TooShort,
    /// It has more than 256 characters.
    #[error("a password has at most 256 characters")]
    TooLong,
    /// The hasher failed or has stopped.
    #[error("the password could not be hashed")]
    Hasher,
}

impl FromStr for Password {
    type Err = PasswordError;
    fn from_str(text: &str) -> Result<Self, PasswordError> {
        match text.chars().count() {
            ..10 => Err(PasswordError::TooShort),
            257.. => Err(PasswordError::TooLong),
            _ => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }
}

/// Hashes and compares.
#[derive(Clone)]
pub struct Passwords {
    room: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError::Hasher)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl Passwords {
    /// A hasher with room for four at once.
    #[must_use]
    pub fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The PHC string to keep, sealed.
    ///
    /// # Errors
    /// [`PasswordError::Hasher`].
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.off_thread(move || {
            let hash = hasher()?.hash_password(password.0.as_bytes());
            Ok(hash.map_err(|_| PasswordError::Hasher)?.to_string())
        })
        .await
    }

    /// Whether `typed` is the password of `kept`. With nothing kept it works as long and says no: an address that
    /// nobody has takes as much time as a wrong password.
    ///
    /// # Errors
    /// [`PasswordError::Hasher`].
    pub async fn verify(
        &self,
        typed: Zeroizing<String>,
        kept: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.off_thread(move || {
            let Some(kept) = kept else {
                return hasher()?
                    .hash_password(typed.as_bytes())
                    .map(|_| false)
                    .map_err(|_| PasswordError::Hasher);
            };
            let kept = PasswordHash::new(&kept).map_err(|_| PasswordError::Hasher)?;
            Ok(hasher()?.verify_password(typed.as_bytes(), &kept).is_ok())
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _room = self.room.acquire().await.map_err(|_| PasswordError::Hasher)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Hasher)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_verifies() {
        let passwords = Passwords::new();
        let kept = passwords.hash("high windows, all lit".parse().unwrap()).await.unwrap();
        let verify = |typed: &str, kept| passwords.verify(typed.to_owned().into(), kept);
        assert!(verify("high windows, all lit", Some(kept.clone())).await.unwrap());
        assert!(!verify("high windows, all dim", Some(kept)).await.unwrap());
        assert!(!verify("high windows, all lit", None).await.unwrap());
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert_eq!("nine char".parse::<Password>().err(), Some(PasswordError::TooShort));
        assert_eq!("x".repeat(257).parse::<Password>().err(), Some(PasswordError::TooLong));
    }
}
