//! Epoch secrets: one per UTC day, kept outside the database in one or two places, wrapped by the root.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use clerestory_model::{Deployment, KeyId, OrganisationId, Timestamp, number_as_id};
use clerestory_seal::{Label, SealedValue, SecretKey, ValueContext, open_value, seal_value};
use clerestory_sql::{Lock, SqlError, Tx, Value};
use zeroize::Zeroizing;

use crate::{EpochNumber, EpochPlace, KeyError, Keys, WrappedAs};

/// How far the life of an epoch has gone. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpochState {
    /// Its secret is durable in every place, and pages may be sealed under it.
    InUse = 1,
    /// No page names it, and its copies are being destroyed.
    Ending = 2,
    /// Every place confirmed that it has no copy.
    Gone = 3,
}

impl From<EpochState> for Value {
    fn from(state: EpochState) -> Self {
        Self::Int(state as i64)
    }
}

impl EpochState {
    fn from_number(number: i64) -> Option<Self> {
        [Self::InUse, Self::Ending, Self::Gone].into_iter().find(|one| *one as i64 == number)
    }
}

/// What the database knows of an epoch: nothing secret.
#[derive(Clone, Debug)]
pub(crate) struct EpochRow {
    pub(crate) state: EpochState,
    pub(crate) mark: [u8; 32],
    pub(crate) made_at: Timestamp,
}

/// A place, and the epochs it holds.
pub(crate) type Held<'a> = (&'a dyn EpochPlace, BTreeSet<EpochNumber>);

/// Tells one epoch secret from another; says nothing about either.
pub(crate) fn mark(secret: &SecretKey) -> [u8; 32] {
    *secret.derive(Label::EpochMark, &[]).dangerous_bytes()
}

/// Every epoch there ever was, by number.
pub(crate) async fn rows(tx: &mut Tx) -> Result<BTreeMap<EpochNumber, EpochRow>, KeyError> {
    let rows = tx.query("SELECT epoch, state, mark, made_at FROM key_epochs ORDER BY epoch", &[]).await?;
    rows.into_iter()
        .map(|row| {
            let state = EpochState::from_number(row.get(1)?).ok_or(KeyError::Shape)?;
            Ok((row.get(0)?, EpochRow { state, mark: row.get(2)?, made_at: row.get(3)? }))
        })
        .collect()
}

impl Keys {
    pub(crate) async fn epoch_rows(&self) -> Result<BTreeMap<EpochNumber, EpochRow>, KeyError> {
        let rows = self.database.read(|tx| Box::pin(rows(tx))).await?;
        self.ring().know_marks(rows.iter().map(|(epoch, row)| (*epoch, row.mark)).collect());
        Ok(rows)
    }

    /// Unwraps those of `wanted` that are not in memory, out of any place; one sound copy of each is enough, and a
    /// damaged one is said aloud.
    ///
    /// # Errors
    /// [`KeyError::Place`] when no place can be read, [`KeyError::WrongRoot`] when some epoch opens from none,
    /// [`KeyError::OtherSecret`] when every copy of one is not what the database names, [`KeyError::Root`] when the
    /// root cannot be asked.
    pub(crate) fn load_epochs(&self, wanted: &BTreeSet<EpochNumber>) -> Result<(), KeyError> {
        let (mut readable, mut failure) = (false, None);
        let mut damaged = Vec::new();
        // The last place decides between nodes that made one epoch together: its copy is the one to believe.
        for place in self.places.iter().rev() {
            match place.list() {
                Ok(epochs) => {
                    readable = true;
                    for epoch in epochs.into_iter().filter(|epoch| wanted.contains(epoch)) {
                        if let Err(error) = self.load_epoch(place.as_ref(), epoch) {
                            if matches!(error, KeyError::Root { .. }) {
                                // Every other copy would have to wait for the same root.
                                return Err(error);
                            }
                            tracing::warn!(place = place.name(), epoch, %error, "a copy of an epoch secret does not open");
                            damaged.push((epoch, error));
                        }
                    }
                }
                Err(source) => {
                    tracing::warn!(place = place.name(), %source, "an epoch place cannot be read");
                    failure = Some(KeyError::Place { place: place.name(), source });
                }
            }
        }
        if let (false, Some(failure)) = (readable, failure) {
            return Err(failure);
        }
        match damaged.into_iter().find(|(epoch, _)| self.ring().epoch(*epoch).is_none()) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    fn load_epoch(&self, place: &dyn EpochPlace, epoch: EpochNumber) -> Result<(), KeyError> {
        if self.ring().epoch(epoch).is_some() {
            return Ok(());
        }
        let wrapped = place.read(epoch).map_err(|source| failed(place, source))?;
        let secret = self.unwrap_epoch(epoch, &wrapped)?;
        let mut ring = self.ring();
        if ring.knows_other(epoch, &secret) {
            return Err(KeyError::OtherSecret(epoch));
        }
        ring.keep_epoch(epoch, Arc::new(secret));
        ring.know_sound(epoch, &wrapped);
        Ok(())
    }

    pub(crate) fn wrap_epoch(&self, epoch: EpochNumber, secret: &SecretKey) -> Result<Vec<u8>, KeyError> {
        self.root.wrap(&WrappedAs { deployment: &self.deployment, epoch }, secret)
    }

    /// # Errors
    /// [`KeyError::WrongRoot`] when the bytes are damaged or another root's; [`KeyError::Root`] when the root cannot be
    /// asked, which says nothing about the bytes.
    pub(crate) fn unwrap_epoch(&self, epoch: EpochNumber, wrapped: &[u8]) -> Result<SecretKey, KeyError> {
        let place = WrappedAs { deployment: &self.deployment, epoch };
        let opened = self.root.unwrap(&place, wrapped);
        match (&self.next_root, opened) {
            (Some(next), Err(first)) => match next.unwrap(&place, wrapped) {
                Err(KeyError::WrongRoot) => Err(first),
                opened => opened,
            },
            (_, opened) => opened,
        }
    }

    /// An epoch that is not in memory is looked for in the places once more: another node may have made it.
    pub(crate) fn epoch_secret(&self, epoch: EpochNumber) -> Result<Arc<SecretKey>, KeyError> {
        if let Some(secret) = self.ring().epoch(epoch) {
            return Ok(secret);
        }
        self.load_epochs(&BTreeSet::from([epoch]))?;
        self.ring().epoch(epoch).ok_or(KeyError::UnknownEpoch(epoch))
    }

    /// Which epochs each place holds.
    ///
    /// # Errors
    /// [`KeyError::Place`] with the first that cannot be read.
    pub(crate) fn held_by_places(&self) -> Result<Vec<Held<'_>>, KeyError> {
        self.places
            .iter()
            .map(|place| {
                let held = place.list().map_err(|source| failed(place.as_ref(), source))?;
                Ok((place.as_ref(), held.into_iter().collect()))
            })
            .collect()
    }

    /// Copies every epoch secret that `ended` does not name to the places that lack it: a place that was named
    /// later, or was away when the epoch was made. Damaged copies are replaced by sound ones.
    ///
    /// # Errors
    /// [`KeyError::Place`] with the first place that cannot be read or written.
    pub(crate) fn complete_places(&self, ended: &BTreeSet<EpochNumber>) -> Result<(), KeyError> {
        let held = self.held_by_places()?;
        let all: BTreeSet<EpochNumber> = held.iter().flat_map(|(_, epochs)| epochs).copied().collect();
        for epoch in all.difference(ended) {
            let Some(secret) = self.ring().epoch(*epoch) else { continue };
            let wanted = mark(&secret);
            let mut sound = None;
            let mut unsound = Vec::new();
            for (place, epochs) in &held {
                if !epochs.contains(epoch) {
                    unsound.push((place, false));
                    continue;
                }
                match place.read(*epoch) {
                    Ok(wrapped) if self.is_sound(*epoch, &wrapped, &wanted)? => sound = Some(wrapped),
                    // There by its name and without its bytes is damaged too.
                    Ok(_) => unsound.push((place, true)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => unsound.push((place, true)),
                    Err(source) => return Err(failed(*place, source)),
                }
            }
            if unsound.is_empty() {
                continue;
            }
            let wrapped = match sound {
                Some(wrapped) => wrapped,
                None => self.wrap_epoch(*epoch, &secret)?,
            };
            for (place, there) in unsound {
                let kept = if there { place.replace(*epoch, &wrapped) } else { place.keep(*epoch, &wrapped) };
                kept.and_then(|()| confirm(*place, *epoch, &wrapped))
                    .map_err(|source| failed(*place, source))?;
            }
        }
        Ok(())
    }

    /// Whether a copy holds the epoch's secret. The root is asked once about the same bytes.
    fn is_sound(&self, epoch: EpochNumber, wrapped: &[u8], wanted: &[u8; 32]) -> Result<bool, KeyError> {
        if self.ring().knows_sound(epoch, wrapped) {
            return Ok(true);
        }
        let sound = match self.unwrap_epoch(epoch, wrapped) {
            Ok(found) => mark(&found) == *wanted,
            Err(error @ KeyError::Root { .. }) => return Err(error),
            Err(_) => false,
        };
        if sound {
            self.ring().know_sound(epoch, wrapped);
        }
        Ok(sound)
    }
}

/// What says that a place keeps something is the place, asked again.
pub(crate) fn confirm(place: &dyn EpochPlace, epoch: EpochNumber, wrapped: &[u8]) -> io::Result<()> {
    match place.read(epoch) {
        Ok(kept) if kept == wrapped => Ok(()),
        Ok(_) => Err(io::Error::other("it says that it kept an epoch, and gives back something else")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::other("it says that it kept an epoch, and does not have it"))
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn wrap_with(root: &SecretKey, place: &WrappedAs<'_>, secret: &SecretKey) -> SealedValue {
    let context = epoch_context(place.deployment, place.epoch);
    seal_value(root, KeyId::nil(), &context, secret.dangerous_bytes())
}

pub(crate) fn unwrap_with(
    root: &SecretKey,
    place: &WrappedAs<'_>,
    wrapped: &[u8],
) -> Result<SecretKey, KeyError> {
    let sealed = SealedValue::from_bytes(wrapped.to_vec()).map_err(|_| KeyError::WrongRoot)?;
    let secret = open_value(root, &epoch_context(place.deployment, place.epoch), &sealed).map(Zeroizing::new);
    let secret = secret.map_err(|_| KeyError::WrongRoot)?;
    Ok(SecretKey::from_bytes(secret.as_slice().try_into().map_err(|_| KeyError::Shape)?))
}

pub(crate) fn failed(place: &dyn EpochPlace, source: std::io::Error) -> KeyError {
    KeyError::Place { place: place.name(), source }
}

/// The epoch that pages are sealed under now, kept from ending until the transaction does.
pub(crate) async fn newest_in_use(tx: &mut Tx) -> Result<EpochNumber, KeyError> {
    let sql = "SELECT epoch FROM key_epochs WHERE state = $1 ORDER BY epoch DESC LIMIT 1";
    let row = tx.query_opt_locked(Lock::Share, sql, &[EpochState::InUse.into()]).await?;
    row.map_or(Err(KeyError::UnknownEpoch(0)), |row| Ok(row.get(0)?))
}

/// Begins the life of an epoch whose secret is durable in every place.
pub(crate) async fn insert(
    tx: &mut Tx,
    epoch: EpochNumber,
    mark: [u8; 32],
    made_at: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO key_epochs (epoch, state, mark, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (epoch) DO NOTHING",
        &[epoch.into(), EpochState::InUse.into(), mark.into(), made_at.into()],
    )
    .await?;
    Ok(())
}

/// Row = the epoch number in its last eight bytes; no organisation.
fn epoch_context(deployment: &Deployment, epoch: EpochNumber) -> ValueContext<'_> {
    ValueContext {
        deployment,
        organisation: OrganisationId::nil(),
        table: "epochs",
        column: "secret",
        row: number_as_id(epoch.cast_unsigned()),
        version: 1,
    }
}
