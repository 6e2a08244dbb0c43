//! Shares of the root key, as lines of text that people keep in different drawers.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clerestory_model::Deployment;
use clerestory_seal::{Label, SecretKey, Share, SharesError, combine, sha256, split};
use zeroize::Zeroizing;

use crate::roots::OpenedRoot;
use crate::{KeyError, Protection, RootFile};

const PREFIX: &str = "clerestory-share-1-";
/// Bytes that tell a mistyped line.
const CHECK_BYTES: usize = 4;

/// One share of a root key. It tells how many are needed and which installation it is of; by itself it opens nothing.
#[derive(Clone)]
pub struct RootShare {
    needed: u8,
    environment: [u8; 16],
    /// Which root key it is a share of; says nothing about the key.
    mark: [u8; 8],
    share: Share,
    region: String,
}

/// Why shares do not give a root key.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The line is not a share.
    #[error(
        "this is no share of a root key, or it is mistyped: it is one line that begins with `clerestory-share-1-`"
    )]
    Mistyped,
    /// The lines are not shares of one root key.
    #[error("these are not shares of one root key")]
    Mixed,
    /// The root is a key that its keeper never gives out.
    #[error(
        "the root is {0}, which its keeper never gives out, so that it cannot be split: what brings it back is the \
         keeper's own way (the unseal or recovery keys of a Vault, the account of a KMS)"
    )]
    Elsewhere(String),
    /// There are too few, or their numbers make no sense.
    #[error(transparent)]
    Numbers(#[from] SharesError),
    /// The root key file cannot be written.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

fn root_mark(key: &SecretKey) -> [u8; 8] {
    let derived = key.derive(Label::RootMark, &[]);
    let mut mark = [0; 8];
    for (place, byte) in mark.iter_mut().zip(derived.dangerous_bytes()) {
        *place = *byte;
    }
    mark
}

impl RootShare {
    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.share.number
    }

    /// How many different shares open the root.
    #[must_use]
    pub fn needed(&self) -> u8 {
        self.needed
    }
}

impl RootFile {
    /// Splits the root key into `count` shares of which any `needed` give it back.
    ///
    /// # Errors
    /// [`ShareError::Numbers`], [`ShareError::Elsewhere`].
    pub fn shares(&self, needed: u8, count: u8) -> Result<Vec<RootShare>, ShareError> {
        let key = match &self.root {
            OpenedRoot::Key(key) => key,
            OpenedRoot::Elsewhere(address, _) => return Err(ShareError::Elsewhere(address.to_string())),
        };
        let mark = root_mark(key);
        let (environment, region) = (self.deployment.environment, &self.deployment.region);
        let shares = split(key, needed, count)?.into_iter();
        Ok(shares
            .map(|share| RootShare { needed, environment, mark, share, region: region.clone() })
            .collect())
    }

    /// Writes the root key that `shares` give back to `path`, which must not exist yet.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn restore(path: &Path, shares: &[RootShare], protection: &Protection) -> Result<Self, ShareError> {
        let (deployment, key) = Self::put_together(shares)?;
        Ok(Self::write(path, deployment, key, protection)?)
    }

    /// The root that `shares` give back, in memory only.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn from_shares(shares: &[RootShare]) -> Result<Self, ShareError> {
        let (deployment, key) = Self::put_together(shares)?;
        Ok(Self { deployment, root: OpenedRoot::Key(key), next: None })
    }

    fn put_together(shares: &[RootShare]) -> Result<(Deployment, SecretKey), ShareError> {
        let first = shares.first().ok_or(ShareError::Mixed)?;
        let of_one = |share: &RootShare| {
            (share.needed, share.environment, share.mark, &share.region)
                == (first.needed, first.environment, first.mark, &first.region)
        };
        if !shares.iter().all(of_one) {
            return Err(ShareError::Mixed);
        }
        let all: Vec<Share> = shares.iter().map(|share| share.share.clone()).collect();
        let key = combine(first.needed, &all)?;
        if root_mark(&key) != first.mark {
            return Err(ShareError::Mixed);
        }
        let deployment = Deployment { environment: first.environment, region: first.region.clone() };
        Ok((deployment, key))
    }
}

impl fmt::Display for RootShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Zeroizing::new(Vec::with_capacity(128));
        bytes.push(self.needed);
        bytes.push(self.share.number);
        bytes.extend_from_slice(&self.environment);
        bytes.extend_from_slice(&self.mark);
        bytes.extend_from_slice(&*self.share.values);
        bytes.extend_from_slice(self.region.as_bytes());
        let hash = sha256(&bytes);
        bytes.extend(hash.iter().take(CHECK_BYTES));
        write!(f, "{PREFIX}{}", *Zeroizing::new(hex::encode(&*bytes)))
    }
}

impl FromStr for RootShare {
    type Err = ShareError;
    fn from_str(line: &str) -> Result<Self, ShareError> {
        let read = || {
            let digits = line.trim().strip_prefix(PREFIX)?;
            let bytes = Zeroizing::new(hex::decode(digits).ok()?);
            let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
            if !sha256(body).starts_with(check) {
                return None;
            }
            let ([needed, number], rest) = body.split_first_chunk()?;
            let (environment, rest) = rest.split_first_chunk()?;
            let (mark, rest) = rest.split_first_chunk()?;
            let (values, region) = rest.split_first_chunk()?;
            let share = Share { number: *number, values: Zeroizing::new(*values) };
            let region = str::from_utf8(region).ok()?.to_owned();
            Some(Self { needed: *needed, environment: *environment, mark: *mark, share, region })
        };
        read().ok_or(ShareError::Mistyped)
    }
}
