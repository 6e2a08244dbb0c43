//! Reading keys back. Only `vault`, `access` and `audit` may name this module; `cargo xtask arrows` checks it.

use std::pin::Pin;
use std::sync::Arc;

use clerestory_model::{KeyId, OrganisationId};
use clerestory_seal::{SealedValue, SecretKey, open_value};
use clerestory_sql::{Row, Tx};
use zeroize::Zeroizing;

use crate::pages::find_in_page;
use crate::{KeyError, Keys};

/// The secret of `key`, out of memory or out of its row, shard, page and epoch.
///
/// The caller holds the lease ([`Keys::hold_lease`]) and a grant for what the key opens.
///
/// # Errors
/// [`KeyError::Unknown`] when the key was destroyed, [`KeyError::Tampered`] when its row was altered or moved.
pub fn secret<'t>(
    keys: &'t Keys,
    tx: &'t mut Tx,
    key: KeyId,
) -> Pin<Box<dyn Future<Output = Result<Arc<SecretKey>, KeyError>> + Send + 't>> {
    // Boxed because a key's parent is opened by the same function.
    Box::pin(async move {
        if let Some(secret) = keys.held_key(key) {
            return Ok(secret);
        }
        // Everything in one statement is of one moment: between two, the shard could be sealed anew.
        let row = tx
            .query_opt(
                "SELECT r.organisation, r.shard_id, r.shard_version, r.parent, r.sealed,
                        (SELECT counter FROM revocations WHERE one = 1)
                 FROM key_rows r WHERE r.key_id = $1",
                &[key.into()],
            )
            .await?
            .ok_or(KeyError::Unknown(key))?;
        let (shard, version): ([u8; 16], i64) = (row.get(1)?, row.get(2)?);
        let (row, shard_key) = match keys.held_shard(shard, version) {
            Some(shard_key) => (row, shard_key),
            None => row_and_shard(keys, tx, key).await?,
        };
        let organisation: OrganisationId = row.get(0)?;
        let (version, counter): (i64, i64) = (row.get(2)?, row.get(5)?);
        let inner = open_row(keys, key, organisation, version, &shard_key, row.get(4)?)?;
        let bytes = match row.get::<Option<KeyId>>(3)? {
            None => inner,
            Some(parent) => {
                let parent_key = secret(keys, tx, parent).await?;
                let wrapped = SealedValue::from_bytes(inner.to_vec())?;
                Zeroizing::new(open_value(&parent_key, &keys.wrapped_context(key, organisation), &wrapped)?)
            }
        };
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Shape)?;
        let opened = Arc::new(SecretKey::from_bytes(bytes));
        keys.keep_key(key, &opened, counter);
        Ok(opened)
    })
}

/// The secret of `key` if it is in memory already and the lease holds.
#[must_use]
pub fn held(keys: &Keys, key: KeyId) -> Option<Arc<SecretKey>> {
    keys.held_key(key)
}

/// A key's row with the shard key it is sealed under, both of one moment.
async fn row_and_shard(keys: &Keys, tx: &mut Tx, key: KeyId) -> Result<(Row, Arc<SecretKey>), KeyError> {
    let row = tx
        .query_opt(
            "SELECT r.organisation, r.shard_id, r.shard_version, r.parent, r.sealed,
                    (SELECT counter FROM revocations WHERE one = 1),
                    p.page_id, p.version, p.epoch, p.sealed
             FROM key_rows r JOIN key_shards s ON s.shard_id = r.shard_id JOIN key_pages p ON p.page_id = s.page_id
             WHERE r.key_id = $1",
            &[key.into()],
        )
        .await?
        .ok_or(KeyError::Unknown(key))?;
    let (shard, version): ([u8; 16], i64) = (row.get(1)?, row.get(2)?);
    let entries = keys.open_page(row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?)?;
    let shard_key = Arc::new(find_in_page(&entries, shard).ok_or(KeyError::Shape)?);
    keys.keep_shard(shard, version, &shard_key, row.get(5)?);
    Ok((row, shard_key))
}

/// What a row holds under the key of its shard: the key itself, or the key wrapped by its parent.
pub(crate) fn open_row(
    keys: &Keys,
    key: KeyId,
    organisation: OrganisationId,
    version: i64,
    shard_key: &SecretKey,
    sealed: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let sealed = SealedValue::from_bytes(sealed)?;
    let context = keys.row_context(key, organisation, version);
    Ok(Zeroizing::new(open_value(shard_key, &context, &sealed)?))
}

/// The key of a shard that the caller has locked, out of memory or out of its page.
pub(crate) async fn shard_key(
    keys: &Keys,
    tx: &mut Tx,
    shard: [u8; 16],
    version: i64,
) -> Result<Arc<SecretKey>, KeyError> {
    if let Some(key) = keys.held_shard(shard, version) {
        return Ok(key);
    }
    let row = tx
        .query_opt(
            "SELECT p.page_id, p.version, p.epoch, p.sealed, (SELECT counter FROM revocations WHERE one = 1)
             FROM key_shards s JOIN key_pages p ON p.page_id = s.page_id WHERE s.shard_id = $1",
            &[shard.into()],
        )
        .await?
        .ok_or(KeyError::Shape)?;
    let entries = keys.open_page(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)?;
    let key = Arc::new(find_in_page(&entries, shard).ok_or(KeyError::Shape)?);
    keys.keep_shard(shard, version, &key, row.get(4)?);
    Ok(key)
}
