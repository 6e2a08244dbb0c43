//! The deployment's standing keys, handed out as the one thing each is for: a MAC or a spool key, never raw.
//!
//! A body that may make one asks for it before it touches a recording or a key: its turn comes after an
//! organisation's in the order of locks, and before everything else.

use std::time::Duration;

use clerestory_keys::{KeyError, NewKey, Purpose};
use clerestory_model::{KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_seal::{Label, MacKey, SpoolKey};
use clerestory_sql::Tx;

use crate::{OpenError, Vault, rows};

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
        match self.keys.newest_made(tx, OrganisationId::nil(), purpose).await? {
            Some((key, _)) => Ok(key),
            None => self.make_standing_key(tx, purpose, at, None).await,
        }
    }

    /// The deployment's newest key of this purpose, if it is younger than `life`, else a new one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn young_standing_key(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        at: Timestamp,
        life: Duration,
    ) -> Result<KeyId, KeyError> {
        let newest = self.keys.newest_made(tx, OrganisationId::nil(), purpose).await?;
        if let Some((key, made_at)) = newest
            && at.since(made_at) < life
        {
            return Ok(key);
        }
        self.make_standing_key(tx, purpose, at, newest.map(|(key, _)| key)).await
    }

    /// Makes the key after `last`, unless another node just did: what they sign and look up has to be one key's.
    async fn make_standing_key(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        at: Timestamp,
        last: Option<KeyId>,
    ) -> Result<KeyId, KeyError> {
        rows::take_standing_turn(tx, purpose).await?;
        let newest = self.keys.newest_made(tx, OrganisationId::nil(), purpose).await?;
        if let Some((key, _)) = newest
            && Some(key) != last
        {
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

    /// The MAC key of tickets for previews: of the same key as ingest tokens, for a use of its own. Nothing where nothing was
    /// ever sent to this deployment, so that there is no such key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn preview_ticket_key(&self, tx: &mut Tx) -> Result<Option<MacKey>, KeyError> {
        let newest = self.keys.newest_made(tx, OrganisationId::nil(), Purpose::IngestToken).await?;
        let Some((key, _)) = newest else { return Ok(None) };
        Ok(Some(MacKey::derive(&*self.secret_in(tx, key).await?, Label::PreviewTicket, &[])))
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
    /// [`OpenError::Erased`] when there is no such spool key, [`OpenError::Key`] when it cannot be had.
    pub async fn spool_key(&self, key: KeyId) -> Result<SpoolKey, OpenError> {
        // The id comes from outside: it must not lead to a key of another use.
        let keys = std::sync::Arc::clone(&self.keys);
        let found = self.database.read(move |tx| Box::pin(async move { keys.locate(tx, key).await })).await?;
        if found.purpose != Purpose::Spool {
            return Err(OpenError::Erased);
        }
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
