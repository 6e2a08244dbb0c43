//! An epoch place in a KV engine, version 2: each epoch is a secret of its own, made with check-and-set, and removed
//! with its metadata and every version.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_keys::{EpochNumber, EpochPlace};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::vault::{Said, Vault, refused};

/// The field of the secret that holds the wrapped bytes.
const FIELD: &str = "wrapped";

/// A path in a KV engine.
pub(crate) struct KvPlace {
    vault: Vault,
    mount: String,
    path: String,
}

impl KvPlace {
    pub(crate) fn new(vault: Vault, mount: &str, path: &str) -> Self {
        Self { vault, mount: mount.to_owned(), path: path.to_owned() }
    }

    fn data(&self, epoch: EpochNumber) -> String {
        format!("{}/data/{}/{epoch}", self.mount, self.path)
    }

    fn metadata(&self, epoch: EpochNumber) -> String {
        format!("{}/metadata/{}/{epoch}", self.mount, self.path)
    }

    /// Writes a version. `cas` is the version that must be there; without one whatever is there is replaced.
    fn write(&self, epoch: EpochNumber, wrapped: &[u8], cas: Option<u64>) -> io::Result<()> {
        let path = self.data(epoch);
        let mut asked = json!({ "data": { FIELD: STANDARD.encode(wrapped) } });
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
            self.remove(epoch)?;
            return Err(io::Error::other(format!(
                "the engine at {} deletes versions by a timer (delete_version_after): set that to 0s",
                self.mount
            )));
        }
        Ok(())
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

impl EpochPlace for KvPlace {
    fn name(&self) -> String {
        format!("vault:{}/{} at {}", self.mount, self.path, self.vault.address())
    }

    fn list(&self) -> io::Result<Vec<EpochNumber>> {
        let path = format!("{}/metadata/{}", self.mount, self.path);
        match self.vault.ask(&Method::GET, &format!("{path}?list=true"), None)? {
            Said::Data(data) => {
                let keys = data.get("keys").and_then(Value::as_array);
                let keys = keys.ok_or_else(|| io::Error::other("it answered without a list"))?;
                Ok(keys.iter().filter_map(|key| key.as_str()?.parse().ok()).collect())
            }
            // Without a word it is an empty list; with one it is an engine that is not there.
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => Ok(Vec::new()),
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
    }

    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>> {
        let path = self.data(epoch);
        match self.vault.ask(&Method::GET, &path, None)? {
            Said::Data(data) => {
                let kept = data.get("data").and_then(|data| data.get(FIELD)).and_then(Value::as_str);
                // What is there and is none of ours is damaged; it opens nothing.
                Ok(kept.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default())
            }
            // A version that somebody deleted or destroyed has metadata, and no bytes.
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => {
                Err(io::ErrorKind::NotFound.into())
            }
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
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
        let path = self.metadata(epoch);
        match self.vault.ask(&Method::POST, &path, body(&json!({ "max_versions": 1 })))? {
            Said::Data(_) => {}
            Said::Refused(status, errors) => return Err(self.not_usable(&path, status, &errors)),
        }
        self.write(epoch, wrapped, None)
    }

    fn remove(&self, epoch: EpochNumber) -> io::Result<()> {
        let path = self.metadata(epoch);
        match self.vault.ask(&Method::DELETE, &path, None)? {
            Said::Data(_) => Ok(()),
            Said::Refused(StatusCode::NOT_FOUND, errors) if errors.is_empty() => Ok(()),
            Said::Refused(status, errors) => Err(self.not_usable(&path, status, &errors)),
        }
    }
}
