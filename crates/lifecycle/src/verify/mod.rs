//! Whether an erasure is complete: what is looked at, and by whom.
//!
//! A [`Verifier`] has a database that was opened for reading, eyes for the objects, and places of tombstones. It has no
//! root, no epoch and no key, and nothing here could write or open anything. The server starts one as another process
//! ([`VerifierProgram`]) before it signs a receipt; anybody starts one by `clerestory verify erasure`. It is told an id and
//! looks for itself: at what the rows of the erasure name, and beside them at what names no row.

mod objects;
mod program;
mod report;
mod rows;
mod witnesses;

use std::collections::BTreeSet;

use clerestory_keys::{KeyError, TombstonePlace};
use clerestory_model::{ErasureId, KeyId, RecordingId, TrackId};
use clerestory_sql::{Database, SqlError, Tx};
use clerestory_vault::{Presence, StoreError};

use crate::rows::{self as erasures, Part, Stretch};
use crate::{Erasure, Step, Target};

pub use program::{VerifierError, VerifierProgram};
pub use report::{Left, Looked, Place, Report};

use report::Notes;

/// Looks at what is left of erasures, and can do nothing else.
pub struct Verifier {
    /// The database, opened for reading only.
    pub database: Database,
    /// Where the objects lie.
    pub eyes: Presence,
    /// Places outside that keep tombstones, beside the objects.
    pub places: Vec<Box<dyn TombstonePlace>>,
    /// A place that keeps tombstones and gives them to nobody without credentials of its own: it is not looked at.
    pub unseen: Option<String>,
}

/// Why it is not known what is left.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no such erasure.
    #[error("there is no erasure {0} in this database")]
    Unknown(ErasureId),
    /// The rows could not be read.
    #[error("the rows could not be read")]
    Sql(#[from] SqlError),
    /// The registry could not be read.
    #[error("the key registry could not be read")]
    Key(#[from] KeyError),
    /// The objects could not be listed or read.
    #[error("the object store")]
    Store(#[from] StoreError),
    /// A place of tombstones could not be read.
    #[error("the tombstone place {place}")]
    Place {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What an erasure is about, as its own rows and those of recordings say.
struct Scope {
    erasure: Erasure,
    keys: Vec<KeyId>,
    parts: Vec<Part>,
    stretches: Vec<Stretch>,
    objects: BTreeSet<String>,
    /// The tracks of `parts`.
    tracks: BTreeSet<TrackId>,
    /// Every recording of which all or a part is erased.
    recordings: Vec<RecordingId>,
}

impl Scope {
    async fn of(tx: &mut Tx, id: ErasureId) -> Result<Self, VerifyError> {
        let erasure = erasures::find(tx, id).await?.ok_or(VerifyError::Unknown(id))?;
        let parts = erasures::kept_parts(tx, id).await?;
        let objects = erasures::kept_objects(tx, id).await?;
        let mut recordings = erasures::recordings_of(tx, erasure.organisation, &erasure.scope()).await?;
        recordings.extend(parts.iter().map(|part| part.recording));
        recordings.sort_unstable();
        recordings.dedup();
        Ok(Self {
            keys: erasures::kept_keys(tx, id).await?,
            stretches: erasures::stretches(tx, id).await?,
            objects: objects.into_iter().map(|kept| kept.object).collect(),
            tracks: parts.iter().map(|part| part.track).collect(),
            erasure,
            parts,
            recordings,
        })
    }

    /// Whether all of each of its recordings is erased.
    fn takes_whole_recordings(&self) -> bool {
        match self.erasure.target {
            Target::Recording(_) | Target::Subject(_) | Target::RecordingsOf(_) | Target::Organisation => {
                true
            }
            Target::Track { .. } | Target::Range { .. } | Target::Expired(_) => false,
        }
    }
}

impl Verifier {
    /// Looks at everything that an erasure was about.
    ///
    /// # Errors
    /// [`VerifyError`]: it is not known what is left.
    pub async fn look(&self, id: ErasureId) -> Result<Report, VerifyError> {
        let (scope, wanted, mut notes) = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let scope = Scope::of(tx, id).await?;
                    let mut notes = Notes::default();
                    if scope.erasure.step < Step::Shredded {
                        let state = scope.erasure.step.word();
                        notes.left(Place::Erasure, format!("its keys were not destroyed yet: it is {state}"));
                    }
                    rows::look(tx, &scope, &mut notes).await?;
                    let wanted = witnesses::look(tx, &scope, &mut notes).await?;
                    Ok::<_, VerifyError>((scope, wanted, notes))
                })
            })
            .await?;
        objects::look(&self.eyes, &scope, &mut notes).await?;
        self.look_for_tombstones(&scope, &wanted, &mut notes).await?;
        Ok(Report {
            erasure: scope.erasure.id,
            organisation: scope.erasure.organisation,
            kind: scope.erasure.target.word().to_owned(),
            state: scope.erasure.step.word().to_owned(),
            keys: scope.keys,
            tracks: scope.parts.len() as u64,
            objects: scope.objects.len() as u64,
            looked_at: notes.looked_at,
            not_looked_at: notes.not_looked_at,
            left: notes.left,
            left_beside: notes.left_beside,
        })
    }
}
