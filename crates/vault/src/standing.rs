//! The deployment's standing keys, handed out as the one thing each is for: a MAC or a spool key, never raw.

use clerestory_keys::{KeyError, NewKey, Purpose};
use clerestory_model::{KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_seal::{Label, MacKey, SpoolKey};
use clerestory_sql::Tx;

use crate::{OpenError, Vault};

impl Vault {
    /// The deployment's newest key of this purpose, made now if there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn standing_key(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        at: Timestamp,
    ) -> Result<KeyId, KeyError> {
        if let Some(key) = self.keys.newest(tx, OrganisationId::nil(), purpose).await? {
            return Ok(key);
        }
        let new = NewKey {
            organisation: OrganisationId::nil(),
            class: RetentionClass::Standing,
            purpose,
            parent: None,
            at,
        };
        self.keys.make(tx, new).await
    }

    /// The MAC key of ingest tokens.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn ingest_token_key(&self, key: KeyId) -> Result<MacKey, KeyError> {
        Ok(MacKey::derive(&*self.secret(key).await?, Label::IngestToken, &[]))
    }

    /// The MAC key of the blind index.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn blind_index_key(&self, tx: &mut Tx, key: KeyId) -> Result<MacKey, KeyError> {
        Ok(MacKey::derive(&*self.secret_in(tx, key).await?, Label::BlindIndex, &[]))
    }

    /// The spool key pair: its scalar is derived, so that nothing but the registry row has to be kept.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the key is gone, [`OpenError::Key`] when it cannot be had.
    pub async fn spool_key(&self, key: KeyId) -> Result<SpoolKey, OpenError> {
        let secret = self.secret(key).await?;
        // A derived scalar is out of the curve's range about once in 2^32: the next number is tried then.
        for attempt in 0..16u8 {
            let scalar = secret.derive(Label::Spool, &[attempt]);
            if let Ok(spool) = SpoolKey::from_scalar(scalar.dangerous_bytes()) {
                return Ok(spool);
            }
        }
        Err(OpenError::Key(KeyError::Shape))
    }
}
