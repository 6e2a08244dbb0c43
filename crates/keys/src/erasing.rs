//! What an erasure asks of the registry before and after it destroys: which keys, whether a hold pins one, what is left.

use std::collections::BTreeSet;

use clerestory_model::{KeyId, OrganisationId};
use clerestory_sql::Tx;

use crate::{KeyError, Keys, presence};

impl Keys {
    /// Every key of an organisation but those of its audit log, which outlives it.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn of_organisation(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<Vec<KeyId>, KeyError> {
        presence::of_organisation(tx, organisation).await
    }

    /// Those of `keys` that are in the registry, and every key that one of them wraps, directly or not.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn with_those_below(&self, tx: &mut Tx, keys: &[KeyId]) -> Result<Vec<KeyId>, KeyError> {
        let (mut found, mut left) = (BTreeSet::new(), keys.to_vec());
        while let Some(key) = left.pop() {
            let sql = "SELECT key_id FROM key_rows WHERE key_id = $1 OR parent = $1";
            for row in tx.query(sql, &[key.into()]).await? {
                let other: KeyId = row.get(0)?;
                if found.insert(other) && other != key {
                    left.push(other);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The first of `keys` that a hold pins, or that wraps a pinned one.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn pinned(&self, tx: &mut Tx, keys: &[KeyId]) -> Result<Option<KeyId>, KeyError> {
        for key in self.with_those_below(tx, keys).await? {
            let sql = "SELECT 1 FROM key_rows WHERE key_id = $1 AND pins > 0";
            if tx.query_opt(sql, &[key.into()]).await?.is_some() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Takes every pin from these keys, inside the caller's transaction: a tombstone names them, and a copy of the database
    /// that was put back pins them still.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn let_go(&self, tx: &mut Tx, keys: &[KeyId]) -> Result<(), KeyError> {
        for key in keys {
            let sql = "UPDATE key_rows SET pins = 0 WHERE key_id = $1 AND pins > 0";
            tx.execute(sql, &[(*key).into()]).await?;
        }
        Ok(())
    }

    /// How many of `keys` are still in the registry.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn count_present(&self, tx: &mut Tx, keys: &[KeyId]) -> Result<u64, KeyError> {
        let mut count = 0;
        for key in keys {
            let sql = "SELECT 1 FROM key_rows WHERE key_id = $1";
            count += u64::from(tx.query_opt(sql, &[(*key).into()]).await?.is_some());
        }
        Ok(count)
    }
}
