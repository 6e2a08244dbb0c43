//! A root that is a key of the transit engine: epoch secrets are encrypted and decrypted there.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_keys::{Root, RootError, WrappedAs};
use clerestory_seal::SecretKey;
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::vault::{Said, Vault, refused, take_text};

/// First bytes of what this root wraps: format 2 (of a custodian), kind 1 (transit). The ciphertext's text follows.
const PREFIX: [u8; 2] = [2, 1];
/// Kinds of transit keys that authenticate what they encrypt, and take associated data.
const KINDS: [&str; 3] = ["aes256-gcm96", "aes128-gcm96", "chacha20-poly1305"];

/// A transit key.
pub(crate) struct TransitRoot {
    vault: Vault,
    mount: String,
    key: String,
}

impl TransitRoot {
    pub(crate) fn new(vault: Vault, mount: &str, key: &str) -> Self {
        Self { vault, mount: mount.to_owned(), key: key.to_owned() }
    }

    fn path(&self, call: &str) -> String {
        format!("{}/{call}/{}", self.mount, self.key)
    }

    /// Encrypting under a key that is not there makes one, if the policy allows it: so it is looked at first.
    fn check_key(&self) -> io::Result<()> {
        let path = self.path("keys");
        let data = match self.vault.ask(&Method::GET, &path, None)? {
            Said::Data(data) => data,
            Said::Refused(status, errors) if status == http::StatusCode::NOT_FOUND => {
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!(
                        "{} has no transit key {} at {} ({}): make it, or bring it back",
                        self.vault.address(),
                        self.key,
                        self.mount,
                        errors.first().map_or("not found", String::as_str)
                    ),
                ));
            }
            Said::Refused(status, errors) => return Err(refused(&path, status, &errors)),
        };
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
        let derived = data.get("derived").and_then(Value::as_bool).unwrap_or_default();
        if !KINDS.contains(&kind) || derived {
            return Err(io::Error::other(format!(
                "the transit key {} is of a kind that cannot be used ({kind}): make one of type aes256-gcm96 that is \
                 not derived",
                self.key
            )));
        }
        Ok(())
    }
}

/// What a ciphertext is bound to.
fn associated(place: &WrappedAs<'_>) -> String {
    let text = format!("clerestory epoch {} {}", hex::encode(place.deployment.environment), place.epoch);
    STANDARD.encode(text)
}

impl Root for TransitRoot {
    fn wrap(&self, place: &WrappedAs<'_>, secret: &SecretKey) -> Result<Vec<u8>, RootError> {
        self.check_key().map_err(RootError::Failed)?;
        let plaintext = Zeroizing::new(STANDARD.encode(secret.dangerous_bytes()));
        // Written out by hand, so that nothing keeps the text in between; base64 has nothing to escape.
        let (plaintext, associated) = (plaintext.as_str(), associated(place));
        let asked = format!("{{\"plaintext\":\"{plaintext}\",\"associated_data\":\"{associated}\"}}");
        let asked = Some(Zeroizing::new(asked.into_bytes()));
        let path = self.path("encrypt");
        match self.vault.ask(&Method::POST, &path, asked).map_err(RootError::Failed)? {
            Said::Data(data) => match data.get("ciphertext").and_then(Value::as_str) {
                Some(ciphertext) => Ok([&PREFIX, ciphertext.as_bytes()].concat()),
                None => Err(RootError::Failed(io::Error::other("it answered without a ciphertext"))),
            },
            Said::Refused(status, errors) => Err(RootError::Failed(refused(&path, status, &errors))),
        }
    }

    fn unwrap(&self, place: &WrappedAs<'_>, wrapped: &[u8]) -> Result<SecretKey, RootError> {
        let ciphertext = wrapped.strip_prefix(&PREFIX).and_then(|text| str::from_utf8(text).ok());
        let ciphertext = ciphertext.ok_or(RootError::DoesNotOpen)?;
        let asked = json!({ "ciphertext": ciphertext, "associated_data": associated(place) });
        let path = self.path("decrypt");
        let asked = Some(Zeroizing::new(asked.to_string().into_bytes()));
        let mut data = match self.vault.ask(&Method::POST, &path, asked).map_err(RootError::Failed)? {
            Said::Data(data) => data,
            // A ciphertext that is none of this key's is refused with the same status as a key that is gone: only a
            // key that is there says something about the bytes.
            Said::Refused(..) => {
                self.check_key().map_err(RootError::Failed)?;
                return Err(RootError::DoesNotOpen);
            }
        };
        let plaintext = take_text(&mut data, "plaintext");
        let mut bytes = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(plaintext.as_bytes(), &mut *bytes) {
            Ok(32) => Ok(SecretKey::from_bytes(*bytes)),
            _ => Err(RootError::DoesNotOpen),
        }
    }
}
