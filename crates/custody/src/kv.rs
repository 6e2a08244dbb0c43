//! A KV engine, version 2: epochs and tombstones, each a secret of its own that is made with check-and-set. An epoch is
//! removed with its metadata and every version; a tombstone never is.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clerestory_keys::{EpochNumber, EpochPlace, Tombstone, TombstonePlace, tombstone_object};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::vault::{Said, Vault, refused};

/// The field of a secret that holds an epoch's wrapped bytes.
const WRAPPED: &str = "wrapped";
/// The field of a secret that holds tombstones.
const TOMBSTONES: &str = "tombstones";
/// The field of a secret that says how many more secrets its object of tombstones goes on in.
const MORE: &str = "more";
/// Tombstones of one secret at most: about 250 KiB, of which Consul below a Vault takes 512 and its own storage 1024.
const OF_A_SECRET: usize = 1000;

/// An engine, and the path below which everything of one installation lies.
struct Engine {
    vault: Vault,
    mount: String,
    path: String,
}

impl Engine {
    fn new(vault: Vault, mount: &str, path: &str) -> Self {
        Self { vault, mount: mount.to_owned(), path: path.to_owned() }
    }

    fn name(&self) -> String {
        format!("vault:{}/{} at {}", self.mount, self.path, self.vault.address())
    }

    fn data(&self, name: &str) -> String {
        format!("{}/data/{}/{name}", self.mount, self.path)
    }

    fn metadata(&self, name: &str) -> String {
        format!("{}/metadata/{}/{name}", self.mount, self.path)
    }

    /// Writes a version. `cas` is the version that must be there; without one whatever is there is replaced.
    fn write(&self, name: &str, secret: &Value, cas: Option<u64>) -> io::Result<()> {
        let path = self.data(name);
        let mut asked = json!({ "data": secret });
        if let (Some(cas), Some(asked)) = (cas, asked.as_object_mut()) {
            asked.insert("options".to_owned(), json!({ "cas": cas }));
        }
        let data = match self.vault.ask(&Method::POST, &path, body(&asked))? {
            Said::Data(data) => data,
            Said::Refused(StatusCode::BAD_REQUEST, errors)
                if errors.iter().any(|error| error.contains("check-and-set")) =>
            {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Said::Refused(status, errors) => return Err(self.not_usable(&path, status, &errors)),
        };
        if data.get("version").and_then(Value::as_u64).is_none() {
            return Err(io::Error::other(format!(
                "the engine at {} is not KV version 2: only that can be written once and really destroyed",
                self.mount
            )));
        }
        let ends = data.get("deletion_time").and_then(Value::as_str).unwrap_or_default();
        if !ends.is_empty() {
            // An epoch that goes by a timer takes recordings with it.
            self.remove(name)?;
            return Err(io::Error::other(format!(
                "the engine at {} deletes versions by a timer (delete_version_after): set that to 0s",
                self.mount
            )));
        }
        Ok(())
    }

    /// What the newest version holds; `NotFound` also where somebody deleted that and left its metadata.
    fn read(&self, name: &str) -> io::Result<Value> {
        let path = self.data(name);
        match self.vault.ask(&Method::GET, &path, None)? {
            Said::Data(mut data) => Ok(data.get_mut("data").map(Value::take).unwrap_or_default()),
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => {
                Err(io::ErrorKind::NotFound.into())
            }
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
    }

    /// Names directly below a folder; those of folders end with `/`.
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let path = format!("{}/metadata/{}{folder}", self.mount, self.path);
        match self.vault.ask(&Method::GET, &format!("{path}?list=true"), None)? {
            Said::Data(data) => {
                let keys = data.get("keys").and_then(Value::as_array);
                let keys = keys.ok_or_else(|| io::Error::other("it answered without a list"))?;
                Ok(keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect())
            }
            // Without a word it is an empty list; with one it is an engine that is not there.
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => Ok(Vec::new()),
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.metadata(name);
        match self.vault.ask(&Method::DELETE, &path, None)? {
            Said::Data(_) => Ok(()),
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => Ok(()),
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
    }

    fn not_usable(&self, path: &str, status: StatusCode, errors: &[String]) -> io::Error {
        if status == StatusCode::NOT_FOUND {
            return io::Error::other(format!(
                "{} has no KV engine at {} ({})",
                self.vault.address(),
                self.mount,
                errors.first().map_or("not found", String::as_str)
            ));
        }
        refused(path, status, errors)
    }
}

fn body(value: &Value) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(value.to_string().into_bytes()))
}

/// Epochs in a KV engine.
pub(crate) struct KvPlace(Engine);

impl KvPlace {
    pub(crate) fn new(vault: Vault, mount: &str, path: &str) -> Self {
        Self(Engine::new(vault, mount, path))
    }

    fn write(&self, epoch: EpochNumber, wrapped: &[u8], cas: Option<u64>) -> io::Result<()> {
        self.0.write(&epoch.to_string(), &json!({ WRAPPED: STANDARD.encode(wrapped) }), cas)
    }
}

impl EpochPlace for KvPlace {
    fn name(&self) -> String {
        self.0.name()
    }

    fn list(&self) -> io::Result<Vec<EpochNumber>> {
        Ok(self.0.list("")?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>> {
        let kept = self.0.read(&epoch.to_string())?;
        let text = kept.get(WRAPPED).and_then(Value::as_str);
        // What is there and is none of ours is damaged; it opens nothing.
        Ok(text.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default())
    }

    fn keep(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        match self.write(epoch, wrapped, Some(0)) {
            // Ours, if an answer was lost on its way.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.read(epoch) {
                Ok(kept) if kept == wrapped => Ok(()),
                Ok(_) => Err(error),
                // All that is left of it is a version that somebody deleted.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => self.replace(epoch, wrapped),
                Err(other) => Err(other),
            },
            done => done,
        }
    }

    fn replace(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        // With one version at most the old bytes go in the moment in which the new ones come.
        let path = self.0.metadata(&epoch.to_string());
        match self.0.vault.ask(&Method::POST, &path, body(&json!({ "max_versions": 1 })))? {
            Said::Data(_) => {}
            Said::Refused(status, errors) => return Err(self.0.not_usable(&path, status, &errors)),
        }
        self.write(epoch, wrapped, None)
    }

    fn remove(&self, epoch: EpochNumber) -> io::Result<()> {
        self.0.remove(&epoch.to_string())
    }
}

/// Tombstones in a KV engine, in the folder `tombstones` beside the epochs.
pub(crate) struct KvTombstones(Engine);

impl KvTombstones {
    pub(crate) fn new(vault: Vault, mount: &str, path: &str) -> Self {
        Self(Engine::new(vault, mount, path))
    }

    /// What one secret holds that the list names, and that is there unless somebody deleted it.
    fn read_listed(&self, name: &str) -> io::Result<Vec<Tombstone>> {
        let damaged = |what: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("its tombstone {name} cannot be read: {what}"))
        };
        let mut kept = match self.0.read(&format!("tombstones/{name}")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("somebody deleted it; undelete it".to_owned()));
            }
            kept => kept?,
        };
        let tombstones = kept.get_mut(TOMBSTONES).map(Value::take).unwrap_or_default();
        serde_json::from_value(tombstones).map_err(|error| damaged(error.to_string()))
    }

    /// Makes one secret. One that is there already is ours, from before: its name is of what is in it.
    fn make(&self, name: &str, tombstones: &[Tombstone], more: usize) -> io::Result<()> {
        let mut secret = json!({ TOMBSTONES: serde_json::to_value(tombstones)? });
        if let (1.., Some(secret)) = (more, secret.as_object_mut()) {
            secret.insert(MORE.to_owned(), json!(more));
        }
        match self.0.write(&format!("tombstones/{name}"), &secret, Some(0)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.read_listed(name)? {
                kept if kept == tombstones => Ok(()),
                _ => Err(error),
            },
            done => done,
        }
    }
}

/// The name of the secret in which the object of this name goes on.
fn part(name: &str, number: usize) -> String {
    format!("{name}.{number}")
}

impl TombstonePlace for KvTombstones {
    fn name(&self) -> String {
        self.0.name()
    }

    fn lay(&self, tombstones: &[Tombstone]) -> io::Result<()> {
        let (name, _) = tombstone_object(tombstones)?;
        let (first, rest) = tombstones.split_at(tombstones.len().min(OF_A_SECRET));
        let rest: Vec<&[Tombstone]> = rest.chunks(OF_A_SECRET).collect();
        // The first comes last: where that is, all of it is.
        for (number, tombstones) in (1..).zip(&rest) {
            self.make(&part(&name, number), tombstones, 0)?;
        }
        self.make(&name, first, rest.len())
    }

    fn read(&self, name: &str) -> io::Result<Vec<Tombstone>> {
        let mut kept = self.0.read(&format!("tombstones/{name}"))?;
        let mut all: Vec<Tombstone> =
            serde_json::from_value(kept.get_mut(TOMBSTONES).map(Value::take).unwrap_or_default())?;
        for number in 1..=kept.get(MORE).and_then(Value::as_u64).unwrap_or_default() {
            all.extend(self.read_listed(&part(name, usize::try_from(number).map_err(io::Error::other)?))?);
        }
        Ok(all)
    }

    fn list(&self) -> io::Result<Vec<Tombstone>> {
        let mut all = Vec::new();
        for name in self.0.list("/tombstones")? {
            all.extend(self.read_listed(&name)?);
        }
        Ok(all)
    }
}
