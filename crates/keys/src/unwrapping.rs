//! Reading keys back. Only `vault`, `access` and `audit` may name this module; `cargo xtask arrows` checks it.

use std::pin::Pin;
use std::sync::Arc;

use clerestory_model::{KeyId, OrganisationId};
use clerestory_seal::{SealedValue, SecretKey, open_value};
use clerestory_sql::Tx;
use zeroize::Zeroizing;

use crate::registry::find_in_page;
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
        if let Some(secret) = keys.ring().key(key) {
            return Ok(secret);
        }
        let row = tx
            .query_opt(
                "SELECT r.organisation, r.shard_id, r.shard_version, r.parent, r.sealed, s.page_id
                 FROM key_rows r JOIN key_shards s ON s.shard_id = r.shard_id WHERE r.key_id = $1",
                &[key.into()],
            )
            .await?
            .ok_or(KeyError::Unknown(key))?;
        let organisation: OrganisationId = row.get(0)?;
        let (shard, version): ([u8; 16], i64) = (row.get(1)?, row.get(2)?);
        let shard_key = shard_key(keys, tx, shard, version, row.get(5)?).await?;
        let sealed = SealedValue::from_bytes(row.get(4)?)?;
        let context = keys.row_context(key, organisation, version);
        let inner = Zeroizing::new(open_value(&shard_key, &context, &sealed)?);
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
        keys.ring().keep_key(key, Arc::clone(&opened));
        Ok(opened)
    })
}

/// The secret of `key` if it is in memory already. The caller holds the lease.
#[must_use]
pub fn held(keys: &Keys, key: KeyId) -> Option<Arc<SecretKey>> {
    keys.ring().key(key)
}

/// The key of a shard, out of memory or out of its page.
pub(crate) async fn shard_key(
    keys: &Keys,
    tx: &mut Tx,
    shard: [u8; 16],
    version: i64,
    page: [u8; 16],
) -> Result<Arc<SecretKey>, KeyError> {
    if let Some(key) = keys.ring().shard(shard, version) {
        return Ok(key);
    }
    let row = tx
        .query_opt("SELECT version, epoch, sealed FROM key_pages WHERE page_id = $1", &[page.into()])
        .await?
        .ok_or(KeyError::Shape)?;
    let entries = keys.open_page(page, row.get(0)?, row.get(1)?, row.get(2)?)?;
    let key = Arc::new(find_in_page(&entries, shard).ok_or(KeyError::Shape)?);
    keys.ring().keep_shard(shard, version, Arc::clone(&key));
    Ok(key)
}
