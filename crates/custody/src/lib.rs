//! Custodians: keys and places that are not files of ours. A root that is a transit key of a Vault or OpenBao or a key
//! of AWS KMS, and epoch places that are a KV engine (version 2) or a KMS key for each epoch.
//!
//! The traits are those of `keys`; they wait, because what they do is rare and has an order. The network is waited for
//! on a thread of this crate ([`Road`]), so that a server's own threads go on. Every call has an end: a time for each
//! attempt and a number of attempts. Nothing that is secret is part of an address, an error or a log line.

mod kms;
mod kms_place;
mod kms_root;
mod kv;
mod road;
mod transit;
mod vault;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clerestory_keys::{Connect, EpochPlace, Root, RootAddress, TombstonePlace};

pub use kms::{AccessKey, KmsSettings};
pub use vault::{VaultAuth, VaultSettings};

use kms::Kms;
use kms_place::KmsPlace;
use kms_root::KmsRoot;
use kv::{KvPlace, KvTombstones};
use road::Road;
use transit::TransitRoot;
use vault::Vault;

/// How long a custodian is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// One attempt.
    pub request: Duration,
    /// Attempts at most, where another may go better.
    pub attempts: u32,
    /// Before the second attempt; twice as long before each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { request: Duration::from_secs(4), attempts: 3, pause: Duration::from_millis(200) }
    }
}

/// How custodians are reached. Nothing here is secret: it names files and addresses.
#[derive(Clone, Debug, Default)]
pub struct Custody {
    /// The Vault or OpenBao of this installation.
    pub vault: Option<VaultSettings>,
    /// AWS KMS, where it is not at its usual place.
    pub kms: KmsSettings,
    /// How long they are given.
    pub patience: Patience,
}

/// Where an epoch place is that is not a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceAddress {
    /// A path in a KV engine (version 2) of a Vault or OpenBao: `vault:<mount>/<path>`.
    Kv {
        /// Where the engine is mounted.
        mount: String,
        /// The path below which each epoch is a secret.
        path: String,
    },
    /// AWS KMS, a key for each epoch: `kms:<region>/<name>`.
    Kms {
        /// The region.
        region: String,
        /// What the aliases begin with, so that installations that share an account stay apart.
        name: String,
    },
}

/// An address that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is no address of an epoch place: it is a directory, vault:<mount>/<path>, for example \
     vault:secret/clerestory, or kms:<region>/<name>, for example kms:eu-central-1/clerestory"
)]
pub struct NoPlaceAddress(String);

impl fmt::Display for PlaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kv { mount, path } => write!(f, "vault:{mount}/{path}"),
            Self::Kms { region, name } => write!(f, "kms:{region}/{name}"),
        }
    }
}

impl FromStr for PlaceAddress {
    type Err = NoPlaceAddress;
    fn from_str(text: &str) -> Result<Self, NoPlaceAddress> {
        let read = || {
            let (kind, rest) = text.split_once(':')?;
            let (first, second) = rest.split_once('/')?;
            let sound = |part: &str| {
                !part.is_empty()
                    && part != "."
                    && part != ".."
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            };
            let (first, second) = (first.to_owned(), second.to_owned());
            match kind {
                "vault" if sound(&first) && second.split('/').all(sound) => {
                    Some(Self::Kv { mount: first, path: second })
                }
                "kms" if sound(&first) && sound(&second) && !second.contains('.') => {
                    Some(Self::Kms { region: first, name: second })
                }
                _ => None,
            }
        };
        read().ok_or_else(|| NoPlaceAddress(text.to_owned()))
    }
}

impl Custody {
    /// The epoch place at `address`. It is not asked yet.
    ///
    /// # Errors
    /// When something is missing to reach it.
    pub fn place(&self, address: &PlaceAddress) -> io::Result<Box<dyn EpochPlace>> {
        Ok(match address {
            PlaceAddress::Kv { mount, path } => Box::new(KvPlace::new(self.vault()?, mount, path)),
            PlaceAddress::Kms { region, name } => Box::new(KmsPlace::new(self.kms(region)?, name)),
        })
    }

    /// Where tombstones are kept beside the epochs of this place; `None` where there is no room for them: a key of KMS
    /// for each, for ever, would be one more thing that somebody deletes.
    ///
    /// # Errors
    /// When something is missing to reach it.
    pub fn tombstones(&self, address: &PlaceAddress) -> io::Result<Option<Box<dyn TombstonePlace>>> {
        Ok(match address {
            PlaceAddress::Kv { mount, path } => Some(Box::new(KvTombstones::new(self.vault()?, mount, path))),
            PlaceAddress::Kms { .. } => None,
        })
    }

    fn vault(&self) -> io::Result<Vault> {
        let settings = self.vault.as_ref().ok_or_else(|| {
            io::Error::other("it is in a Vault, and nothing says where that is: give --vault-address")
        })?;
        Vault::new(
            settings,
            Arc::new(Road::build(self.patience, settings.ca_file.as_deref(), &settings.address)?),
        )
    }

    fn kms(&self, region: &str) -> io::Result<Kms> {
        Kms::new(&self.kms, region, self.patience)
    }
}

impl Connect for Custody {
    fn root(&self, address: &RootAddress) -> io::Result<Box<dyn Root>> {
        Ok(match address {
            RootAddress::Transit { mount, key } => Box::new(TransitRoot::new(self.vault()?, mount, key)),
            RootAddress::Kms { region, key } => Box::new(KmsRoot::new(self.kms(region)?, key)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_places_are_read_and_shown() {
        for text in ["vault:secret/clerestory", "vault:kv/team/eu-1", "kms:eu-central-1/clerestory"] {
            assert_eq!(text.parse::<PlaceAddress>().unwrap().to_string(), text);
        }
        for wrong in ["/srv/epochs", "vault:secret", "vault:secret/../x", "kms:eu-central-1/a/b", "s3:b/x"] {
            assert!(wrong.parse::<PlaceAddress>().unwrap_err().to_string().starts_with(wrong));
        }
    }

    #[test]
    fn a_vault_that_nobody_named_is_asked_for_by_its_option() {
        let address = "vault:secret/clerestory".parse().unwrap();
        let error = Custody::default().place(&address).err().unwrap();
        assert!(error.to_string().contains("--vault-address"), "{error}");
    }
}
