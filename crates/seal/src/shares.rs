//! Shamir's secret sharing over GF(2^8) (Shamir 1979), a polynomial for each byte: any `threshold` of the shares give
//! the key back, fewer tell nothing about it. The arithmetic is the `blahaj` crate's, the fork of `sharks` without
//! its biased coefficients (RUSTSEC-2024-0398); randomness is ours.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::{Zeroize, Zeroizing};

use crate::key::SecretKey;
use crate::random::random;

/// One share of a key: its number, from 1, and a value for each byte. Not `Debug`, wiped on drop.
#[derive(Clone)]
pub struct Share {
    /// Which share.
    pub number: u8,
    /// Its values.
    pub values: Zeroizing<[u8; 32]>,
}

/// Why a key cannot be split or put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharesError {
    /// The numbers make no sense.
    #[error("at least 2 shares are needed to open, and at most 255 can be made, no fewer than are needed")]
    Numbers,
    /// There are fewer different shares than are needed.
    #[error("{given} different shares were given and {needed} are needed")]
    TooFew {
        /// Different shares that were given.
        given: u8,
        /// Shares that are needed.
        needed: u8,
    },
}

/// Splits a key into `count` shares of which any `threshold` give it back.
///
/// # Errors
/// [`SharesError::Numbers`].
pub fn split(key: &SecretKey, threshold: u8, count: u8) -> Result<Vec<Share>, SharesError> {
    if threshold < 2 || count < threshold {
        return Err(SharesError::Numbers);
    }
    let dealer = blahaj::Sharks(threshold);
    let shares = dealer.dealer_rng(key.dangerous_bytes(), &mut Generator).take(count.into());
    Ok(shares
        .map(|share| {
            let mut bytes = Vec::from(&share);
            let mut values = Zeroizing::new([0; 32]);
            if let Some((_, tail)) = bytes.split_first() {
                values.copy_from_slice(tail);
            }
            let number = bytes.first().copied().unwrap_or_default();
            bytes.zeroize();
            Share { number, values }
        })
        .collect())
}

/// Puts a key together from `threshold` of its shares; more are not looked at. Shares that do not belong together give
/// a key all the same, so that the caller has to know what to expect.
///
/// # Errors
/// [`SharesError::TooFew`], [`SharesError::Numbers`].
pub fn combine(threshold: u8, shares: &[Share]) -> Result<SecretKey, SharesError> {
    let mut chosen: Vec<&Share> = Vec::with_capacity(threshold.into());
    for share in shares.iter().filter(|share| share.number != 0) {
        if chosen.len() < threshold.into() && chosen.iter().all(|other| other.number != share.number) {
            chosen.push(share);
        }
    }
    let given = u8::try_from(chosen.len()).unwrap_or(u8::MAX);
    if threshold < 2 {
        return Err(SharesError::Numbers);
    }
    if given < threshold {
        return Err(SharesError::TooFew { given, needed: threshold });
    }
    let points: Result<Vec<_>, _> = chosen
        .into_iter()
        .map(|share| {
            let mut bytes = Zeroizing::new(vec![share.number]);
            bytes.extend_from_slice(&*share.values);
            blahaj::Share::try_from(bytes.as_slice())
        })
        .collect();
    let points = points.map_err(|_| SharesError::Numbers)?;
    let dealer = blahaj::Sharks(threshold);
    let secret = dealer.recover(&points).map(Zeroizing::new).map_err(|_| SharesError::Numbers)?;
    let bytes: [u8; 32] = secret.as_slice().try_into().map_err(|_| SharesError::Numbers)?;
    Ok(SecretKey::from_bytes(bytes))
}

/// The crypto library's generator under the name that others ask for.
struct Generator;

impl TryRng for Generator {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(random()))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(random()))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let fresh: Zeroizing<[u8; 32]> = Zeroizing::new(random());
            for (place, byte) in chunk.iter_mut().zip(fresh.iter()) {
                *place = *byte;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Generator {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_three_of_five_open_and_two_do_not() {
        let key = SecretKey::generate();
        let shares = split(&key, 3, 5).unwrap();
        for a in 0..5 {
            for b in 0..5 {
                for c in 0..5 {
                    let some = [shares[a].clone(), shares[b].clone(), shares[c].clone()];
                    match combine(3, &some) {
                        Ok(opened) => assert_eq!(opened.dangerous_bytes(), key.dangerous_bytes()),
                        Err(error) => {
                            assert!(a == b || b == c || a == c);
                            assert!(matches!(error, SharesError::TooFew { needed: 3, .. }));
                        }
                    }
                }
            }
        }
        let guessed = combine(2, &shares[..2]).unwrap();
        assert_ne!(guessed.dangerous_bytes(), key.dangerous_bytes());
        assert!(combine(3, &shares).is_ok(), "more than enough is enough");
    }

    /// Lines that were printed today must open with any later version of the crate: over x^8 + x^4 + x^3 + x^2 + 1,
    /// f(x) = 0x53 + 0xca·x has f(1) = 0x53 + 0xca and f(2) = 0x53 + 0x89.
    #[test]
    fn the_field_stays_the_one_it_is() {
        let share = |number, value| Share { number, values: Zeroizing::new([value; 32]) };
        let opened = combine(2, &[share(1, 0x53 ^ 0xca), share(2, 0x53 ^ 0x89)]).unwrap();
        assert_eq!(opened.dangerous_bytes(), &[0x53; 32]);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (threshold, count) in [(0, 5), (1, 5), (3, 2)] {
            assert_eq!(split(&SecretKey::generate(), threshold, count).err(), Some(SharesError::Numbers));
        }
        assert_eq!(split(&SecretKey::generate(), 2, 255).unwrap().len(), 255);
    }
}
