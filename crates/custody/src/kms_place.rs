//! An epoch place in AWS KMS: each epoch has a key of its own, so that deleting that key is what destroys the epoch.
//!
//! KMS keeps no bytes but a key's description (8,192 characters): it holds the wrapped secret, encrypted under the same
//! key. An alias, which can be made once only, names the key as the epoch's; it is made last. A key that KMS deletes
//! can be brought back for seven days at least: that is [`KmsPlace::waiting`].

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_keys::{EpochNumber, EpochPlace};
use serde_json::{Value, json};

use crate::kms::Kms;

/// The shortest time KMS takes to delete a key.
const DAYS: u64 = 7;
/// What a description begins with that holds an epoch.
const MARK: &str = "clerestory-epoch-1:";

/// Keys of KMS, one for each epoch.
pub(crate) struct KmsPlace {
    kms: Kms,
    name: String,
}

impl KmsPlace {
    pub(crate) fn new(kms: Kms, name: &str) -> Self {
        Self { kms, name: name.to_owned() }
    }

    fn prefix(&self) -> String {
        format!("alias/{}/epoch/", self.name)
    }

    fn alias(&self, epoch: EpochNumber) -> String {
        format!("{}{epoch}", self.prefix())
    }

    fn context(&self, epoch: EpochNumber) -> Value {
        json!({ "clerestory:place": self.name, "clerestory:epoch": epoch.to_string() })
    }

    /// The id, state and description of the epoch's key.
    fn find(&self, epoch: EpochNumber) -> io::Result<Option<Value>> {
        match self.kms.call("DescribeKey", &json!({ "KeyId": self.alias(epoch) }))? {
            Ok(answer) => Ok(answer.get("KeyMetadata").cloned()),
            Err(refused) if refused.exception == "NotFoundException" => Ok(None),
            Err(refused) => Err(refused.error("DescribeKey")),
        }
    }

    /// Encrypts under the epoch's key and writes that into its description.
    fn describe(&self, key: &str, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        let asked = json!({
            "KeyId": key, "Plaintext": STANDARD.encode(wrapped), "EncryptionContext": self.context(epoch),
        });
        let answer = self.kms.must("Encrypt", &asked)?;
        let blob = text(&answer, "CiphertextBlob");
        self.kms
            .must("UpdateKeyDescription", &json!({ "KeyId": key, "Description": format!("{MARK}{blob}") }))
            .map(drop)
    }

    fn bytes(&self, epoch: EpochNumber, key: &Value) -> io::Result<Vec<u8>> {
        let Some(blob) = text(key, "Description").strip_prefix(MARK) else { return Ok(Vec::new()) };
        let asked = json!({
            "KeyId": text(key, "KeyId"), "CiphertextBlob": blob, "EncryptionContext": self.context(epoch),
        });
        match self.kms.call("Decrypt", &asked)? {
            Ok(answer) => Ok(STANDARD.decode(text(&answer, "Plaintext")).unwrap_or_default()),
            // A description that somebody wrote over is damaged; it opens nothing.
            Err(refused) if refused.exception == "InvalidCiphertextException" => Ok(Vec::new()),
            Err(refused) => Err(refused.error("Decrypt")),
        }
    }

    fn schedule(&self, key: &str) -> io::Result<()> {
        let asked = json!({ "KeyId": key, "PendingWindowInDays": DAYS });
        match self.kms.call("ScheduleKeyDeletion", &asked)? {
            Ok(_) => Ok(()),
            Err(refused) if refused.exception == "NotFoundException" => Ok(()),
            // It is scheduled already, or it is in a state in which nobody can schedule it.
            Err(refused) if refused.exception == "KMSInvalidStateException" => {
                match self.kms.call("DescribeKey", &json!({ "KeyId": key }))? {
                    Ok(answer) if answer.get("KeyMetadata").is_some_and(is_pending) => Ok(()),
                    _ => Err(refused.error("ScheduleKeyDeletion")),
                }
            }
            Err(refused) => Err(refused.error("ScheduleKeyDeletion")),
        }
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn is_pending(key: &Value) -> bool {
    text(key, "KeyState") == "PendingDeletion"
}

impl EpochPlace for KmsPlace {
    fn name(&self) -> String {
        format!("kms:{}/{}", self.kms.region(), self.name)
    }

    fn list(&self) -> io::Result<Vec<EpochNumber>> {
        let prefix = self.prefix();
        let aliases = self.kms.all("ListAliases", "Aliases")?;
        Ok(aliases
            .iter()
            .filter_map(|alias| text(alias, "AliasName").strip_prefix(&prefix)?.parse().ok())
            .collect())
    }

    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>> {
        match self.find(epoch)? {
            Some(key) if !is_pending(&key) => self.bytes(epoch, &key),
            // Its end was begun; nothing opens under it any more.
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn keep(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        if self.find(epoch)?.is_some() {
            return match self.read(epoch) {
                Ok(kept) if kept == wrapped => Ok(()),
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(error) => Err(error),
            };
        }
        let tags = json!([{ "TagKey": "clerestory", "TagValue": self.name }]);
        let made = self.kms.must("CreateKey", &json!({ "Description": "clerestory epoch", "Tags": tags }))?;
        let key = text(made.get("KeyMetadata").unwrap_or(&Value::Null), "KeyId").to_owned();
        let named = self.describe(&key, epoch, wrapped).and_then(|()| {
            let asked = json!({ "AliasName": self.alias(epoch), "TargetKeyId": key });
            self.kms.call("CreateAlias", &asked)
        });
        let refused = match named {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(refused)) => Ok(refused),
            Err(error) => Err(error),
        };
        // The alias may be of this key, if an answer was lost on its way.
        if let Ok(Some(found)) = self.find(epoch)
            && text(&found, "KeyId") == key
        {
            return Ok(());
        }
        let scheduled = self.schedule(&key);
        match refused {
            Ok(refused) if refused.exception == "AlreadyExistsException" => {
                scheduled?;
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Ok(refused) => Err(refused.error("CreateAlias")),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
        match self.find(epoch)? {
            Some(key) if !is_pending(&key) => self.describe(text(&key, "KeyId"), epoch, wrapped),
            Some(_) => {
                Err(io::Error::other("KMS deletes the key of this epoch: cancel that, and enable the key"))
            }
            None => self.keep(epoch, wrapped),
        }
    }

    fn remove(&self, epoch: EpochNumber) -> io::Result<()> {
        // The alias goes last: until then the list says that there is something to do.
        if let Some(key) = self.find(epoch)? {
            self.schedule(text(&key, "KeyId"))?;
        }
        match self.kms.call("DeleteAlias", &json!({ "AliasName": self.alias(epoch) }))? {
            Ok(_) => Ok(()),
            Err(refused) if refused.exception == "NotFoundException" => Ok(()),
            Err(refused) => Err(refused.error("DeleteAlias")),
        }
    }

    fn waiting(&self) -> Duration {
        Duration::from_secs(DAYS * 24 * 3600)
    }
}
