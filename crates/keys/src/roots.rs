//! Kinds of roots behind one trait: 32 bytes of our own, or a key that its keeper never gives out.

use std::fmt;
use std::io;
use std::str::FromStr;

use clerestory_model::Deployment;
use clerestory_seal::{Label, SecretKey, sha256};
use serde::{Deserialize, Serialize};

use crate::epochs::{unwrap_with, wrap_with};
use crate::{EpochNumber, KeyError};

/// What a wrapped epoch secret is bound to: it opens as this epoch of this deployment only.
#[derive(Clone, Copy, Debug)]
pub struct WrappedAs<'d> {
    /// The installation.
    pub deployment: &'d Deployment,
    /// The epoch.
    pub epoch: EpochNumber,
}

/// Wraps epoch secrets. Calls may take as long as a network does; they are made seldom.
pub trait Root: Send + Sync {
    /// Wraps a secret for its place.
    ///
    /// # Errors
    /// [`RootError::Failed`].
    fn wrap(&self, place: &WrappedAs<'_>, secret: &SecretKey) -> Result<Vec<u8>, RootError>;
    /// Unwraps what this root wrapped for this place.
    ///
    /// # Errors
    /// [`RootError::DoesNotOpen`] when it answered that these bytes are none of its own, or not of this place;
    /// [`RootError::Failed`] when it did not answer that.
    fn unwrap(&self, place: &WrappedAs<'_>, wrapped: &[u8]) -> Result<SecretKey, RootError>;
}

/// Why a root does not give a secret.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The bytes are damaged, of another place, or wrapped by another root.
    #[error("the root does not open it")]
    DoesNotOpen,
    /// The root cannot be asked, or refuses: this says nothing about the bytes.
    #[error("the root cannot be used")]
    Failed(#[source] io::Error),
}

/// Where a root is that never leaves its keeper. Nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RootAddress {
    /// A key of the transit engine of a Vault or OpenBao: `vault:<mount>/<key>`.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key's name.
        key: String,
    },
    /// A key of AWS KMS: `kms:<region>/<key id, key ARN or alias/name>`.
    Kms {
        /// The key's region.
        region: String,
        /// Its id, ARN or alias.
        key: String,
    },
}

/// An address that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is no address of a root: it is vault:<mount>/<key>, for example vault:transit/clerestory, or \
     kms:<region>/<key>, for example kms:eu-central-1/alias/clerestory"
)]
pub struct NoRootAddress(String);

impl fmt::Display for RootAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transit { mount, key } => write!(f, "vault:{mount}/{key}"),
            Self::Kms { region, key } => write!(f, "kms:{region}/{key}"),
        }
    }
}

impl FromStr for RootAddress {
    type Err = NoRootAddress;
    fn from_str(text: &str) -> Result<Self, NoRootAddress> {
        let read = || {
            let (kind, rest) = text.split_once(':')?;
            let letters = |part: &str, more: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
            };
            let (first, second) = match kind {
                "vault" => rest.rsplit_once('/')?,
                _ => rest.split_once('/')?,
            };
            let (first_one, second_one) = (first.to_owned(), second.to_owned());
            match kind {
                "vault" if letters(first, "-_./") && letters(second, "-_.") && sound_path(first) => {
                    Some(Self::Transit { mount: first_one, key: second_one })
                }
                "kms" if letters(first, "-") && letters(second, "-_./:") => {
                    Some(Self::Kms { region: first_one, key: second_one })
                }
                _ => None,
            }
        };
        read().ok_or_else(|| NoRootAddress(text.to_owned()))
    }
}

/// A path without empty parts and without parts that climb.
fn sound_path(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Leads to roots that are elsewhere.
pub trait Connect {
    /// The root at `address`. It need not be asked yet.
    ///
    /// # Errors
    /// When something is missing to reach it.
    fn root(&self, address: &RootAddress) -> io::Result<Box<dyn Root>>;
}

/// A root that wraps and unwraps.
pub(crate) enum OpenedRoot {
    /// Its 32 bytes are here.
    Key(SecretKey),
    /// It is asked.
    Elsewhere(RootAddress, Box<dyn Root>),
}

impl OpenedRoot {
    pub(crate) fn address(&self) -> Option<&RootAddress> {
        match self {
            Self::Key(_) => None,
            Self::Elsewhere(address, _) => Some(address),
        }
    }

    /// Tells one root from another; says nothing about its key.
    pub(crate) fn mark(&self) -> [u8; 32] {
        match self {
            Self::Key(key) => *key.derive(Label::RootMark, &[]).dangerous_bytes(),
            Self::Elsewhere(address, _) => sha256(format!("clerestory root {address}").as_bytes()),
        }
    }

    /// # Errors
    /// [`KeyError::Root`].
    pub(crate) fn wrap(&self, place: &WrappedAs<'_>, secret: &SecretKey) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Key(key) => Ok(wrap_with(key, place, secret).as_bytes().to_vec()),
            Self::Elsewhere(_, root) => root.wrap(place, secret).map_err(|error| self.failed(error)),
        }
    }

    /// # Errors
    /// [`KeyError::WrongRoot`] when these bytes are not this root's, [`KeyError::Root`] when it cannot be asked.
    pub(crate) fn unwrap(&self, place: &WrappedAs<'_>, wrapped: &[u8]) -> Result<SecretKey, KeyError> {
        match self {
            Self::Key(key) => unwrap_with(key, place, wrapped),
            Self::Elsewhere(_, root) => root.unwrap(place, wrapped).map_err(|error| self.failed(error)),
        }
    }

    fn failed(&self, error: RootError) -> KeyError {
        match (error, self) {
            (RootError::Failed(source), Self::Elsewhere(address, _)) => {
                KeyError::Root { root: address.to_string(), source }
            }
            _ => KeyError::WrongRoot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in [
            "vault:transit/clerestory",
            "vault:team/eu/transit/clerestory-1",
            "kms:eu-central-1/alias/clerestory",
            "kms:eu-central-1/arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab",
        ] {
            assert_eq!(text.parse::<RootAddress>().unwrap().to_string(), text);
        }
        for wrong in
            ["clerestory", "vault:clerestory", "vault:../x/y", "vault:a//b", "kms:eu-central-1", "file:a/b"]
        {
            assert!(wrong.parse::<RootAddress>().unwrap_err().to_string().starts_with(wrong));
        }
    }
}
