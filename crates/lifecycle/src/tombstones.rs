//! The tombstones that an erasure lays.

use clerestory_keys::{Owner, Tombstone};
use clerestory_sql::{SqlError, Tx};

use crate::{Erasure, Target, rows};

/// One of the subject or organisation, or one for each key. `None` where there is no such subject or organisation.
pub(crate) async fn tombstones_of(
    tx: &mut Tx,
    erasure: &Erasure,
) -> Result<Option<Vec<Tombstone>>, SqlError> {
    let (organisation, at) = (erasure.organisation, erasure.asked_at);
    let stone = |owner, key| Tombstone { organisation, owner, key, at };
    Ok(match erasure.target {
        Target::Subject(subject) => {
            rows::subject_key(tx, subject).await?.map(|key| vec![stone(Owner::Subject(subject), key)])
        }
        Target::Organisation => {
            rows::organisation_key(tx, organisation).await?.map(|key| vec![stone(Owner::Organisation, key)])
        }
        // No tombstone of whom recordings show: they may be recorded again.
        Target::Track { .. }
        | Target::Recording(_)
        | Target::Range { .. }
        | Target::RecordingsOf(_)
        | Target::Expired(_) => {
            let keys = rows::kept_keys(tx, erasure.id).await?;
            Some(keys.into_iter().map(|key| stone(Owner::Key, key)).collect())
        }
    })
}
