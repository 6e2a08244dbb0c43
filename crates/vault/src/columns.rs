//! Sealed columns: small values that are personal or content.

use clerestory_access::{Action, Grant};
use clerestory_keys::KeyError;
use clerestory_model::KeyId;
use clerestory_seal::{ValueContext, open_value, seal_value};
use clerestory_sql::Tx;
use clerestory_store::{Content, Place, Sealed};

use crate::{OpenError, Vault};

impl Vault {
    /// Seals `content` for `place` under `key`, which belongs to whom it is about.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the key is destroyed, [`OpenError::Key`] when it cannot be had.
    pub async fn seal<T: Content>(
        &self,
        tx: &mut Tx,
        key: KeyId,
        place: Place,
        content: &T,
    ) -> Result<Sealed<T>, OpenError> {
        let secret = self.secret_in(tx, key).await?;
        let plain = serde_json::to_vec(content).map_err(|source| OpenError::Content {
            table: T::TABLE,
            column: T::COLUMN,
            source,
        })?;
        Ok(Sealed::sealed_for(seal_value(&secret, key, &self.context::<T>(&place), &plain), place))
    }

    /// Opens a column in the caller's transaction.
    ///
    /// # Errors
    /// [`OpenError::NotCovered`] when the grant is for something else; [`OpenError::Value`] when the value was altered
    /// or moved; [`OpenError::Erased`] when its key is destroyed.
    pub async fn open<A: Action, T: Content>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        sealed: &Sealed<T>,
    ) -> Result<T, OpenError> {
        if !grant.covers::<T>(sealed.place()) {
            return Err(OpenError::NotCovered);
        }
        let secret = self.secret_in(tx, sealed.value().key()).await?;
        let plain = open_value(&secret, &self.context::<T>(sealed.place()), sealed.value())
            .map_err(|source| OpenError::Value { table: T::TABLE, column: T::COLUMN, source })?;
        serde_json::from_slice(&plain).map_err(|source| OpenError::Content {
            table: T::TABLE,
            column: T::COLUMN,
            source,
        })
    }

    /// Holds the lease that opening in a transaction relies on. Call it before the transaction begins.
    ///
    /// # Errors
    /// [`KeyError::LeaseExpired`]: answer 503.
    pub async fn hold_lease(&self) -> Result<(), KeyError> {
        self.keys.hold_lease().await
    }

    fn context<T: Content>(&self, place: &Place) -> ValueContext<'_> {
        ValueContext {
            deployment: self.keys.deployment(),
            organisation: place.organisation,
            table: T::TABLE,
            column: T::COLUMN,
            row: place.row,
            version: place.version,
        }
    }
}
