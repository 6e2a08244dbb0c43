//! What people did for the keys, and where epochs are kept: written down, so that nobody forgets either.

use std::collections::BTreeSet;
use std::io;

use clerestory_model::{Clock, Timestamp};
use clerestory_seal::SecretKey;
use clerestory_sql::{Database, Lane, Tx};

use crate::epochs::{confirm, failed};
use crate::roots::RootAddress;
use crate::{EpochNumber, EpochPlace, KeyError, Keys, RootFile, WrappedAs};

/// What was done for the root that is in use now. What was done for an earlier root does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// When its shares were made and each was typed back. `None` also where it cannot have any.
    pub shares_at: Option<Timestamp>,
    /// When somebody proved that a sealed object opens with what is kept outside this machine.
    pub drill_at: Option<Timestamp>,
}

/// Something people do for the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Shares were made, and each was typed back.
    Shares,
    /// The recovery drill went well.
    Drill,
}

impl Keys {
    /// What was done for the root that is in use.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn custody(&self) -> Result<Custody, KeyError> {
        let mark = self.root.mark();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sql =
                        "SELECT shares_at, shares_root, drill_at, drill_root FROM key_custody WHERE one = 1";
                    let row = tx.query_opt(sql, &[]).await?.ok_or(KeyError::Shape)?;
                    let ours = |root: Option<[u8; 32]>| root == Some(mark);
                    Ok(Custody {
                        shares_at: if ours(row.get(1)?) { row.get(0)? } else { None },
                        drill_at: if ours(row.get(3)?) { row.get(2)? } else { None },
                    })
                })
            })
            .await
    }

    /// Writes down, in the caller's transaction, that something was done for the root that is in use. The record of who
    /// did it is the caller's.
    ///
    /// # Errors
    /// [`KeyError::Sql`].
    pub async fn note_care(&self, tx: &mut Tx, care: Care) -> Result<(), KeyError> {
        let sql = match care {
            Care::Shares => "UPDATE key_custody SET shares_at = $1, shares_root = $2 WHERE one = 1",
            Care::Drill => "UPDATE key_custody SET drill_at = $1, drill_root = $2 WHERE one = 1",
        };
        let values = [self.clock.now().into(), self.root.mark().into()];
        Ok(tx.execute_one("key_custody", sql, &values).await?)
    }

    /// Whether both have one root of one installation.
    #[must_use]
    pub fn is_same_root(&self, other: &Self) -> bool {
        self.deployment == other.deployment && self.root.mark() == other.root.mark()
    }

    /// Where the root is, if not in its file.
    #[must_use]
    pub fn root_address(&self) -> Option<&RootAddress> {
        self.root.address()
    }
}

impl RootFile {
    /// Whether this is the root of `keys`.
    #[must_use]
    pub fn is_root_of(&self, keys: &Keys) -> bool {
        self.deployment == keys.deployment && self.root.mark() == keys.root.mark()
    }

    /// Whether both are one root of one installation.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.deployment == other.deployment && self.root.mark() == other.root.mark()
    }
}

/// Makes the first epoch of an installation durable in every place, before there is a database. Where any place holds
/// one already, nothing is done.
///
/// # Errors
/// [`KeyError::Place`], [`KeyError::Root`].
pub fn begin(root: &RootFile, places: &[Box<dyn EpochPlace>], clock: &dyn Clock) -> Result<(), KeyError> {
    for place in places {
        let held = place.list().map_err(|source| failed(place.as_ref(), source))?;
        if !held.is_empty() {
            return Ok(());
        }
    }
    let epoch = clock.now().utc_day();
    let wrapped_as = WrappedAs { deployment: &root.deployment, epoch };
    let wrapped = root.root.wrap(&wrapped_as, &SecretKey::generate())?;
    // The last place decides, as everywhere.
    for place in places.iter().rev() {
        let place = place.as_ref();
        let kept = place.keep(epoch, &wrapped).and_then(|()| confirm(place, epoch, &wrapped));
        kept.map_err(|source| failed(place, source))?;
    }
    Ok(())
}

/// Remembers which places beside the root keep epoch secrets, and refuses to go on without one of them: what was
/// destroyed elsewhere would still be readable from it. `given_up` says that those which are not given are gone.
///
/// # Errors
/// [`KeyError::OtherPlaces`].
pub async fn settle_places(
    database: &Database,
    given: BTreeSet<String>,
    given_up: bool,
) -> Result<(), KeyError> {
    let read = database.read(|tx| {
        Box::pin(async move {
            let rows = tx.query("SELECT place FROM key_places", &[]).await?;
            Ok::<_, KeyError>(rows.iter().map(|row| row.get(0)).collect::<Result<BTreeSet<String>, _>>()?)
        })
    });
    let known = read.await?;
    if known == given {
        return Ok(());
    }
    if let Some(missing) = known.difference(&given).next()
        && !given_up
    {
        return Err(KeyError::OtherPlaces(missing.clone()));
    }
    let write = database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            for place in known.difference(&given) {
                tx.execute("DELETE FROM key_places WHERE place = $1", &[place.as_str().into()]).await?;
            }
            for place in &given {
                let sql = "INSERT INTO key_places (place) VALUES ($1) ON CONFLICT (place) DO NOTHING";
                tx.execute(sql, &[place.as_str().into()]).await?;
            }
            Ok::<_, KeyError>(())
        })
    });
    write.await
}

/// A place that is read and never changed, as for a drill.
pub struct ReadOnly(pub Box<dyn EpochPlace>);

impl EpochPlace for ReadOnly {
    fn name(&self) -> String {
        self.0.name()
    }
    fn list(&self) -> io::Result<Vec<EpochNumber>> {
        self.0.list()
    }
    fn read(&self, epoch: EpochNumber) -> io::Result<Vec<u8>> {
        self.0.read(epoch)
    }
    fn keep(&self, _: EpochNumber, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn replace(&self, _: EpochNumber, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn remove(&self, _: EpochNumber) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
