//! A root that is a key of AWS KMS: epoch secrets are encrypted and decrypted there, with the place they belong to as
//! the encryption context.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_keys::{Root, RootError, WrappedAs};
use clerestory_seal::SecretKey;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::kms::Kms;
use crate::vault::take_text;

/// First bytes of what this root wraps: format 2 (of a custodian), kind 2 (KMS). The ciphertext follows.
const PREFIX: [u8; 2] = [2, 2];
/// With these KMS says that it is the bytes that are wrong.
const NOT_ITS_OWN: [&str; 2] = ["InvalidCiphertextException", "IncorrectKeyException"];

/// A KMS key.
pub(crate) struct KmsRoot {
    kms: Kms,
    key: String,
}

impl KmsRoot {
    pub(crate) fn new(kms: Kms, key: &str) -> Self {
        Self { kms, key: key.to_owned() }
    }
}

fn context(place: &WrappedAs<'_>) -> Value {
    json!({
        "clerestory:environment": hex::encode(place.deployment.environment),
        "clerestory:epoch": place.epoch.to_string(),
    })
}

impl Root for KmsRoot {
    fn wrap(&self, place: &WrappedAs<'_>, secret: &SecretKey) -> Result<Vec<u8>, RootError> {
        let plaintext = Zeroizing::new(STANDARD.encode(secret.dangerous_bytes()));
        // Written out by hand, so that nothing keeps the text in between; base64 has nothing to escape.
        let asked = format!(
            "{{\"KeyId\":{},\"Plaintext\":\"{}\",\"EncryptionContext\":{}}}",
            json!(self.key),
            plaintext.as_str(),
            context(place)
        );
        let answer = self.kms.call_with("Encrypt", Zeroizing::new(asked.into_bytes()));
        let answer = answer.and_then(|answer| answer.map_err(|refused| refused.error("Encrypt")));
        let answer = answer.map_err(RootError::Failed)?;
        let blob = answer.get("CiphertextBlob").and_then(Value::as_str);
        match blob.and_then(|blob| STANDARD.decode(blob).ok()) {
            Some(blob) => Ok([PREFIX.as_slice(), &blob].concat()),
            None => Err(RootError::Failed(io::Error::other("KMS answered without a ciphertext"))),
        }
    }

    fn unwrap(&self, place: &WrappedAs<'_>, wrapped: &[u8]) -> Result<SecretKey, RootError> {
        let blob = wrapped.strip_prefix(&PREFIX).ok_or(RootError::DoesNotOpen)?;
        let asked = json!({
            "KeyId": self.key, "CiphertextBlob": STANDARD.encode(blob), "EncryptionContext": context(place),
        });
        let mut answer = match self.kms.call("Decrypt", &asked).map_err(RootError::Failed)? {
            Ok(answer) => answer,
            Err(refused) if NOT_ITS_OWN.contains(&refused.exception.as_str()) => {
                return Err(RootError::DoesNotOpen);
            }
            Err(refused) => return Err(RootError::Failed(refused.error("Decrypt"))),
        };
        let plaintext = take_text(&mut answer, "Plaintext");
        let mut bytes = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(plaintext.as_bytes(), &mut *bytes) {
            Ok(32) => Ok(SecretKey::from_bytes(*bytes)),
            _ => Err(RootError::DoesNotOpen),
        }
    }
}
