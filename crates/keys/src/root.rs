//! The root: it wraps the epoch secrets and nothing else. Its file holds 32 bytes, plain or under a passphrase, or says
//! where a root is that its keeper never gives out.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use clerestory_model::{Deployment, KeyId, OrganisationId};
use clerestory_seal::{SealedValue, SecretKey, ValueContext, open_value, random, seal_value};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::roots::{Connect, OpenedRoot, RootAddress};
use crate::{KeyError, RootError, WrappedAs};

/// How the root key lies in its file.
pub enum Protection {
    /// As it is; the file's permissions and the disk are all that guard it.
    Plain,
    /// Sealed under a passphrase with Argon2id (RFC 9106): 256 MiB, 3 passes, 1 lane.
    Passphrase(Zeroizing<String>),
}

/// An opened root key file.
pub struct RootFile {
    pub(crate) deployment: Deployment,
    pub(crate) root: OpenedRoot,
    /// The root that takes over: a rotation was cut off and is to be run again.
    pub(crate) next: Option<OpenedRoot>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    environment: String,
    region: String,
    key: StoredKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum StoredKey {
    Plain(String),
    Argon2id { salt: String, memory_kib: u32, passes: u32, lanes: u32, sealed: String },
    Elsewhere(RootAddress),
}

const FORMAT: &str = "clerestory-root/1";
const MEMORY_KIB: u32 = 256 * 1024;
const PASSES: u32 = 3;

impl RootFile {
    /// Draws a new environment and root key and writes them to `path`, which must not exist yet.
    ///
    /// # Errors
    /// [`KeyError::RootFile`] when the file exists or cannot be made durable.
    pub fn create(path: &Path, region: &str, protection: &Protection) -> Result<Self, KeyError> {
        let deployment = Deployment { environment: random(), region: region.to_owned() };
        Self::write(path, deployment, SecretKey::generate(), protection)
    }

    /// Draws a new environment and writes it to `path`, which must not exist yet, with the address of a root that is
    /// elsewhere. Before that, something is wrapped there and unwrapped again.
    ///
    /// # Errors
    /// [`KeyError::Root`] when the root cannot be reached or does not do both, [`KeyError::RootFile`].
    pub fn create_elsewhere(
        path: &Path,
        region: &str,
        address: RootAddress,
        connect: &dyn Connect,
    ) -> Result<Self, KeyError> {
        let deployment = Deployment { environment: random(), region: region.to_owned() };
        Self::write_elsewhere(path, deployment, address, connect)
    }

    /// Writes a root key that is known already, for example from its shares, to `path`, which must not exist yet.
    pub(crate) fn write(
        path: &Path,
        deployment: Deployment,
        key: SecretKey,
        protection: &Protection,
    ) -> Result<Self, KeyError> {
        let stored = protect(&deployment, &key, protection).map_err(|what| root_file(path, what))?;
        write_new(path, &deployment, stored)?;
        Ok(Self { deployment, root: OpenedRoot::Key(key), next: None })
    }

    pub(crate) fn write_elsewhere(
        path: &Path,
        deployment: Deployment,
        address: RootAddress,
        connect: &dyn Connect,
    ) -> Result<Self, KeyError> {
        let root = reach(&address, connect)?;
        let probe = SecretKey::generate();
        let place = WrappedAs { deployment: &deployment, epoch: 0 };
        let opened = root.wrap(&place, &probe).and_then(|wrapped| root.unwrap(&place, &wrapped));
        let failed = |source| KeyError::Root { root: address.to_string(), source };
        match opened {
            Ok(opened) if opened.dangerous_bytes() == probe.dangerous_bytes() => {}
            Ok(_) | Err(RootError::DoesNotOpen) => {
                return Err(failed(io::Error::other("it does not open what it wrapped itself")));
            }
            Err(RootError::Failed(source)) => return Err(failed(source)),
        }
        write_new(path, &deployment, StoredKey::Elsewhere(address.clone()))?;
        Ok(Self { deployment, root: OpenedRoot::Elsewhere(address, root), next: None })
    }

    /// Reads the file at `path`, and the one beside it that a rotation left when it was cut off.
    ///
    /// # Errors
    /// [`KeyError::RootFile`] when it is missing, malformed, needs another passphrase, or its root is elsewhere.
    pub fn open(path: &Path, protection: &Protection) -> Result<Self, KeyError> {
        Self::open_with(path, protection, &NoRoads)
    }

    /// As [`Self::open`]; a root that is elsewhere is reached by `connect`.
    ///
    /// # Errors
    /// [`KeyError::RootFile`], [`KeyError::Root`] when nothing leads to it.
    pub fn open_with(path: &Path, protection: &Protection, connect: &dyn Connect) -> Result<Self, KeyError> {
        let mut root = Self::read(path, protection, connect)?;
        let next = next_path(path);
        if next.exists() {
            root.next = Some(Self::read(&next, protection, connect)?.root);
        }
        Ok(root)
    }

    /// Where the root is, if not in this file.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&RootAddress> {
        self.root.address()
    }

    /// Seals the root key under another passphrase, or none. The key stays the same.
    ///
    /// # Errors
    /// [`KeyError::RootFile`] when `old` does not open it or the file cannot be replaced: then it is as it was.
    pub fn protect_anew(path: &Path, old: &Protection, new: &Protection) -> Result<(), KeyError> {
        let root = Self::open(path, old)?;
        if root.next.is_some() {
            return Err(root_file(path, "its rotation was cut off: finish that first".to_owned()));
        }
        let draft = beside(path, "anew");
        let io = |error: io::Error| root_file(path, error.to_string());
        // A draft that `init` left when it was cut off holds the same key under the old protection.
        for left in [&draft, &beside(path, "draft")] {
            match std::fs::remove_file(left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        }
        let OpenedRoot::Key(key) = root.root else {
            return Err(root_file(path, "its key is elsewhere: there is nothing to protect".to_owned()));
        };
        Self::write(&draft, root.deployment, key, new)?;
        std::fs::rename(&draft, path).map_err(io)?;
        sync_directory(path).map_err(io)
    }

    fn read(path: &Path, protection: &Protection, connect: &dyn Connect) -> Result<Self, KeyError> {
        let problem = |what: &str| root_file(path, what.to_owned());
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| {
            root_file(path, format!("{error}. Run `clerestory init`, or put back the copy you kept"))
        })?;
        let stored: Stored =
            serde_json::from_str(&text).map_err(|error| root_file(path, error.to_string()))?;
        if stored.format != FORMAT {
            return Err(problem("its format is not clerestory-root/1: use the version that wrote it"));
        }
        let mut environment = [0; 16];
        hex::decode_to_slice(&stored.environment, &mut environment)
            .map_err(|_| problem("its environment is not 32 hex digits"))?;
        let deployment = Deployment { environment, region: stored.region };
        let root = match stored.key {
            StoredKey::Elsewhere(address) => {
                let root = reach(&address, connect)?;
                OpenedRoot::Elsewhere(address, root)
            }
            key => OpenedRoot::Key(unprotect(&deployment, &key, protection).map_err(problem)?),
        };
        Ok(Self { deployment, root, next: None })
    }
}

/// Leads to no root that is elsewhere.
struct NoRoads;

impl Connect for NoRoads {
    fn root(&self, _: &RootAddress) -> io::Result<Box<dyn crate::Root>> {
        Err(io::Error::other("only a root key file can be used here"))
    }
}

fn reach(address: &RootAddress, connect: &dyn Connect) -> Result<Box<dyn crate::Root>, KeyError> {
    connect.root(address).map_err(|source| KeyError::Root { root: address.to_string(), source })
}

fn write_new(path: &Path, deployment: &Deployment, key: StoredKey) -> Result<(), KeyError> {
    let stored = Stored {
        format: FORMAT.to_owned(),
        environment: hex::encode(deployment.environment),
        region: deployment.region.clone(),
        key,
    };
    let text = serde_json::to_string_pretty(&stored).map(Zeroizing::new);
    let text = text.map_err(|error| root_file(path, error.to_string()))?;
    let io = |error: io::Error| root_file(path, error.to_string());
    // Under another name first: a file that is cut off must not look like the root key.
    let draft = beside(path, "draft");
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let mut file = opened.map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft).map_err(io)?;
    linked.map_err(io)?;
    sync_directory(path).map_err(io)
}

fn protect(deployment: &Deployment, key: &SecretKey, protection: &Protection) -> Result<StoredKey, String> {
    match protection {
        Protection::Plain => Ok(StoredKey::Plain(hex::encode(key.dangerous_bytes()))),
        Protection::Passphrase(passphrase) => {
            let salt: [u8; 16] = random();
            let stretched = stretch(passphrase, &salt, MEMORY_KIB, PASSES, 1)?;
            let sealed =
                seal_value(&stretched, KeyId::nil(), &root_context(deployment), key.dangerous_bytes());
            Ok(StoredKey::Argon2id {
                salt: hex::encode(salt),
                memory_kib: MEMORY_KIB,
                passes: PASSES,
                lanes: 1,
                sealed: hex::encode(sealed.as_bytes()),
            })
        }
    }
}

fn unprotect(
    deployment: &Deployment,
    stored: &StoredKey,
    protection: &Protection,
) -> Result<SecretKey, &'static str> {
    match (stored, protection) {
        (StoredKey::Plain(digits), _) => {
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(digits, &mut *bytes).map_err(|_| "its key is not 64 hex digits")?;
            Ok(SecretKey::from_bytes(*bytes))
        }
        (StoredKey::Elsewhere(_), _) => Err("its key is elsewhere"),
        (StoredKey::Argon2id { .. }, Protection::Plain) => Err("it is sealed under a passphrase: give it"),
        (StoredKey::Argon2id { salt, memory_kib, passes, lanes, sealed }, Protection::Passphrase(text)) => {
            let salt = hex::decode(salt).map_err(|_| "its salt is not hex")?;
            let stretched = stretch(text, &salt, *memory_kib, *passes, *lanes)
                .map_err(|_| "its Argon2id parameters are out of range")?;
            let sealed = hex::decode(sealed).map_err(|_| "its sealed key is not hex")?;
            let sealed = SealedValue::from_bytes(sealed).map_err(|_| "its sealed key is cut short")?;
            let key = open_value(&stretched, &root_context(deployment), &sealed).map(Zeroizing::new);
            let key = key.map_err(|_| "the passphrase does not open it")?;
            let bytes: [u8; 32] = key.as_slice().try_into().map_err(|_| "its key is not 32 bytes")?;
            Ok(SecretKey::from_bytes(bytes))
        }
    }
}

fn stretch(passphrase: &str, salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Result<SecretKey, String> {
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|error| error.to_string())?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *out)
        .map_err(|error| error.to_string())?;
    Ok(SecretKey::from_bytes(*out))
}

fn root_context(deployment: &Deployment) -> ValueContext<'_> {
    ValueContext {
        deployment,
        organisation: OrganisationId::nil(),
        table: "root",
        column: "key",
        row: [0; 16],
        version: 1,
    }
}

pub(crate) fn root_file(path: &Path, problem: String) -> KeyError {
    KeyError::RootFile { path: path.display().to_string(), problem }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Where the root key lies that takes over.
pub(crate) fn next_path(path: &Path) -> PathBuf {
    beside(path, "next")
}

/// Makes the directory entry of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
