//! Deleting so that it can be undone: hidden at once everywhere, with every key intact, for one calendar month unless a
//! setting says otherwise; then the sweep queues it to be erased.

pub(crate) mod rows;

use clerestory_access::{DeleteRecording, Grant, ListDeleted, OpContext, RecordingRef, RestoreRecording};
use clerestory_audit::Personal;
use clerestory_model::{OrganisationId, PersonId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::recordings::{self, Filter, Recording};

use crate::{EraseError, Lifecycle};

/// Reasons are cut to this many characters.
const REASON_CHARS: usize = 500;

/// A recording that was deleted and can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The recording.
    pub recording: RecordingId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Who deleted it; nobody where the program did.
    pub deleted_by: Option<PersonId>,
    /// When.
    pub deleted_at: Timestamp,
    /// Until when it can be restored: one calendar month later unless a setting says otherwise, at the same time of day in
    /// UTC. From that moment on it falls due.
    pub restorable_until: Timestamp,
    /// The entry that tells of it.
    pub entry: u64,
}

/// Why a recording is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// It was deleted, and can be restored.
    Deleted(Deletion),
    /// It is to be erased as soon as a hold lets it go.
    Restricted,
}

impl Lifecycle {
    /// Decides and deletes a recording so that it can be restored. From the commit on nobody sees, plays or sends it.
    /// Deleting it again tells of the same deletion.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Gone`] when it is being erased.
    pub async fn delete(
        &self,
        op: &OpContext,
        recording: RecordingId,
        reason: Option<String>,
    ) -> Result<Deletion, EraseError> {
        self.parts.vault.hold_lease().await?;
        let on = RecordingRef { organisation: op.actor.organisation(), id: recording };
        let (lifecycle, asked, personal) = (self.clone(), op.clone(), because(reason));
        let said = personal.clone();
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    match lifecycle.parts.access.decide::<DeleteRecording>(tx, &asked, on, said).await? {
                        Ok(grant) => Ok(Ok(lifecycle.hide(tx, &asked, &grant).await??)),
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await;
        self.came_of::<DeleteRecording, _>(op, on, personal, done).await
    }

    async fn hide(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: &Grant<DeleteRecording>,
    ) -> Result<Result<Deletion, EraseError>, EraseError> {
        let Some(found) = recordings::find_locked(tx, grant.on().id, Lock::Exclusive).await? else {
            return Ok(Err(EraseError::Gone));
        };
        match found.state {
            RecordingState::Capturing | RecordingState::Active => {}
            RecordingState::SoftDeleted => {
                return Ok(rows::find(tx, found.id).await?.ok_or(EraseError::Gone));
            }
            _ => return Ok(Err(EraseError::Gone)),
        }
        let deletion = Deletion {
            recording: found.id,
            organisation: found.organisation,
            deleted_by: op.actor.person(),
            deleted_at: op.at,
            restorable_until: self.restorable_until(tx, found.organisation, op.at).await?,
            entry: grant.entry(),
        };
        rows::hide(tx, &deletion).await?;
        self.parts.vault.keys().revoke(tx).await?;
        Ok(Ok(deletion))
    }

    /// Decides and restores a recording that was deleted: the same ids, links and keys.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::NotDeleted`]; [`EraseError::Gone`] when the time to restore it is over.
    pub async fn restore_deleted(
        &self,
        op: &OpContext,
        recording: RecordingId,
        reason: Option<String>,
    ) -> Result<(), EraseError> {
        self.parts.vault.hold_lease().await?;
        let on = RecordingRef { organisation: op.actor.organisation(), id: recording };
        let (lifecycle, asked, personal) = (self.clone(), op.clone(), because(reason));
        let said = personal.clone();
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    match lifecycle.parts.access.decide::<RestoreRecording>(tx, &asked, on, said).await? {
                        Ok(_grant) => Ok(Ok(bring_back(tx, recording, asked.at).await??)),
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await;
        self.came_of::<RestoreRecording, _>(op, on, personal, done).await
    }

    /// The recycle bin within the scope that was decided: what was deleted and can be restored, those that began last first.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn deleted(
        tx: &mut Tx,
        grant: &Grant<ListDeleted>,
        after: Option<(Timestamp, RecordingId)>,
        limit: u32,
    ) -> Result<Vec<(Recording, Deletion)>, SqlError> {
        let state = Some(RecordingState::SoftDeleted);
        let (mut found, mut after) = (Vec::new(), after);
        // What waits for a hold to be erased is hidden too, and is in no bin: a page is full or the last one.
        loop {
            let filter = Filter { state, after, limit, ..Filter::default() };
            let page = recordings::list(tx, grant.rows(), &filter).await?;
            let is_last = page.len() < limit as usize;
            for recording in page {
                after = Some((recording.started_at, recording.id));
                let deletion = rows::find(tx, recording.id).await?;
                found.extend(deletion.map(|deletion| (recording, deletion)));
            }
            if is_last || found.len() >= limit as usize {
                found.truncate(limit as usize);
                return Ok(found);
            }
        }
    }

    /// Hides what was deleted, or waits for a hold to be erased, where rows were made again that show it.
    ///
    /// # Errors
    /// [`EraseError::Sql`], [`EraseError::Key`].
    pub async fn hide_again(&self) -> Result<(), EraseError> {
        let keys = std::sync::Arc::clone(self.parts.vault.keys());
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    rows::hide_again(tx).await?;
                    Ok(keys.revoke(tx).await?)
                })
            })
            .await
    }

    /// Whether a hold that stands covers a recording. Who may know of it is for the caller to decide.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn is_held(&self, recording: RecordingId) -> Result<bool, SqlError> {
        self.parts
            .database
            .read(move |tx| Box::pin(async move { crate::holds::rows::covers(tx, recording).await }))
            .await
    }

    /// Why a recording is hidden, if it is. Who may know of it is for the caller to decide.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn hidden(&self, recording: RecordingId) -> Result<Option<Hidden>, SqlError> {
        self.parts
            .database
            .read(move |tx| Box::pin(async move { Self::hidden_in(tx, recording).await }))
            .await
    }

    /// As [`Self::hidden`], in the caller's transaction.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn hidden_in(tx: &mut Tx, recording: RecordingId) -> Result<Option<Hidden>, SqlError> {
        if crate::rows::is_restricted(tx, recording).await? {
            return Ok(Some(Hidden::Restricted));
        }
        Ok(rows::find(tx, recording).await?.map(Hidden::Deleted))
    }
}

async fn bring_back(
    tx: &mut Tx,
    recording: RecordingId,
    now: Timestamp,
) -> Result<Result<(), EraseError>, EraseError> {
    let found = recordings::find_locked(tx, recording, Lock::Exclusive).await?;
    let Some(found) = found.filter(|found| found.state <= RecordingState::SoftDeleted) else {
        return Ok(Err(EraseError::Gone));
    };
    match rows::find(tx, found.id).await? {
        None => Ok(Err(EraseError::NotDeleted)),
        Some(deletion) if now >= deletion.restorable_until => Ok(Err(EraseError::Gone)),
        Some(_) => {
            rows::bring_back(tx, found.id).await?;
            Ok(Ok(()))
        }
    }
}

fn because(reason: Option<String>) -> Option<Personal> {
    let reason = reason.map(|text| text.trim().chars().take(REASON_CHARS).collect::<String>());
    let reason = reason.filter(|text| !text.is_empty())?;
    Some(Personal { reason: Some(reason), ..Personal::default() })
}
