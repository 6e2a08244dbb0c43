//! Derived data: what is made of recordings and dies with them.

use clerestory_model::{KeyId, OrganisationId, RecordingId, TrackId};
use clerestory_sql::{Body, SqlError, Tx};

/// What is being erased.
#[derive(Clone, Debug)]
pub struct Erased {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Recordings of which all or a part is erased.
    pub recordings: Vec<RecordingId>,
    /// Tracks that are erased, in part or whole.
    pub tracks: Vec<TrackId>,
    /// Keys that die with it: what lies under another one was made since, of what is left.
    pub keys: Vec<KeyId>,
}

/// Why something that derives from recordings is not removed.
#[derive(Debug, thiserror::Error)]
pub enum DerivedError {
    /// The database refused.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// What stays of it lies under a key that dies, and cannot be sealed anew.
    #[error("what stays of it could not be sealed anew")]
    Reseal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An owner of data that derives from recordings. `lifecycle` asks each of them, in the transaction that destroys the
/// keys, and already when a part of a recording is asked for; what was derived of a part of a recording goes too, and is made
/// again of what stays.
pub trait Derived: Send + Sync {
    /// What it is, for receipts.
    fn name(&self) -> &'static str;
    /// Keys that it uses for what derives from this recording alone, beside those that its row and its tracks name: they die
    /// with it.
    fn keys<'t>(&'t self, _tx: &'t mut Tx, _recording: RecordingId) -> Body<'t, Vec<KeyId>, SqlError> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// Removes what derives from `erased`. Nothing being there is fine.
    fn erase<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError>;
    /// Forgets what this node has of it in memory. Called again before [`Self::count`], because the keys may have been
    /// destroyed by another node.
    fn forget(&self, _erased: &Erased) {}
    /// How much of it is still there.
    fn count<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError>;
}

/// The sealed summaries of recordings.
#[derive(Clone, Copy, Debug)]
pub struct Summaries;

impl Derived for Summaries {
    fn name(&self) -> &'static str {
        "summaries"
    }

    fn erase<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError> {
        Box::pin(async move {
            for recording in &erased.recordings {
                // One that was made since is of what is left, under a key that stays.
                if !is_erased(tx, *recording, erased).await? {
                    continue;
                }
                // The next version is another one, so that nobody writes over it what was read before.
                let sql = "UPDATE recordings SET summary = NULL, summary_key = NULL,
                               summary_version = summary_version + 1
                           WHERE recording_id = $1";
                tx.execute(sql, &[(*recording).into()]).await?;
            }
            Ok(())
        })
    }

    fn count<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError> {
        Box::pin(async move {
            let mut count = 0;
            for recording in &erased.recordings {
                count += u64::from(is_erased(tx, *recording, erased).await?);
            }
            Ok(count)
        })
    }
}

/// Whether the recording's summary lies under a key that dies.
async fn is_erased(tx: &mut Tx, recording: RecordingId, erased: &Erased) -> Result<bool, SqlError> {
    let sql = "SELECT summary_key FROM recordings WHERE recording_id = $1";
    let row = tx.query_opt(sql, &[recording.into()]).await?;
    let key: Option<KeyId> = row.map_or(Ok(None), |row| row.get(0))?;
    Ok(key.is_some_and(|key| erased.keys.contains(&key)))
}
