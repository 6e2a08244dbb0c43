//! What was said of a recording goes with it, and of a part of it with that part.
//!
//! Its key dies with any part of the recording. What is about a time that stays is sealed anew, under a key that is made
//! for what derives from the recording from now on, in the transaction that asks for the erasure: until then the old key
//! opens. An old copy of the database shows nothing of it any more once the old key is destroyed.

use clerestory_access::{Actor, Grant, OpContext, RecordingRef, ResealSurvivors};
use clerestory_audit::authority::{Departing, Gone, Touched};
use clerestory_model::{KeyId, OrganisationId, RecordingId, RecordingState};
use clerestory_sql::{Body, SqlError, Tx, Value};
use clerestory_store::derived::{Derived, DerivedError, Erased};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::{Content, Sealed, tracks};

use crate::times::{Spans, Times};
use crate::words::{ClipTitle, CommentText, ReviewNote};
use crate::{Coaching, CoachingError, words_place};

/// A column with words that lie under a recording's key.
struct Column {
    table: &'static str,
    row: &'static str,
    words: &'static str,
}

const COMMENTS: Column = Column { table: "comments", row: "comment_id", words: "text" };
const CLIPS: Column = Column { table: "clips", row: "clip_id", words: "title" };
const REVIEWS: Column = Column { table: "reviews", row: "recording_id", words: "note" };

impl Coaching {
    async fn erase_of(
        &self,
        tx: &mut Tx,
        recording: RecordingId,
        erased: &Erased,
    ) -> Result<(), CoachingError> {
        let found = recordings::find(tx, recording).await?;
        match found.filter(|found| found.state < RecordingState::PurgeQueued) {
            None => Ok(forget_recording(tx, recording).await?),
            Some(found) => {
                forget_times(tx, recording).await?;
                if count_under(tx, recording, &erased.keys).await? > 0 {
                    self.seal_anew(tx, &found, &erased.keys).await?;
                }
                Ok(())
            }
        }
    }

    /// Seals what is left under a key that stays.
    async fn seal_anew(
        &self,
        tx: &mut Tx,
        recording: &Recording,
        dying: &[KeyId],
    ) -> Result<(), CoachingError> {
        let op = OpContext {
            actor: Actor::System { organisation: recording.organisation },
            request_id: String::new(),
            at: self.clock.now(),
        };
        let on = RecordingRef { organisation: recording.organisation, id: recording.id };
        let grant = self.access.decide::<ResealSurvivors>(tx, &op, on, None).await??;
        // The summaries' owner has given up the key that dies, if the recording had one.
        let without = match recording.summary_key {
            Some(key) if dying.contains(&key) => Recording { summary_key: None, ..recording.clone() },
            _ => recording.clone(),
        };
        let key = self.key_of(tx, &without).await?;
        self.seal_column::<CommentText>(tx, &grant, &COMMENTS, (dying, key)).await?;
        self.seal_column::<ClipTitle>(tx, &grant, &CLIPS, (dying, key)).await?;
        self.seal_column::<ReviewNote>(tx, &grant, &REVIEWS, (dying, key)).await
    }

    async fn seal_column<T: Content>(
        &self,
        tx: &mut Tx,
        grant: &Grant<ResealSurvivors>,
        Column { table, row: id, words }: &Column,
        (dying, key): (&[KeyId], KeyId),
    ) -> Result<(), CoachingError> {
        let on = grant.on();
        let sql = format!(
            "SELECT {id}, {words}, key_id, version FROM {table} WHERE recording_id = $1 ORDER BY {id}"
        );
        for row in tx.query(&sql, &[on.id.into()]).await? {
            let under: Option<KeyId> = row.get(2)?;
            if !under.is_some_and(|under| dying.contains(&under)) {
                continue;
            }
            let (row_id, version): ([u8; 16], u64) = (row.get(0)?, row.get(3)?);
            let place = |version| words_place(on.organisation, on.id, row_id, version);
            let said = match Sealed::<T>::found(row.get(1)?, place(version)) {
                Ok(sealed) => self.said(tx, grant, &sealed).await?,
                Err(error) => {
                    tracing::error!(%error, table, "something that was said of a recording is no sealed value");
                    None
                }
            };
            // Nobody can read it any more. It stands in the way of no erasure.
            let Some(said) = said else {
                tx.execute(&format!("DELETE FROM {table} WHERE {id} = $1"), &[row_id.into()]).await?;
                continue;
            };
            let sealed = self.vault.seal(tx, key, place(version + 1), &said).await?;
            let sql = format!("UPDATE {table} SET {words} = $1, key_id = $2, version = $3 WHERE {id} = $4");
            let values: [Value; 4] =
                [sealed.value().as_bytes().into(), key.into(), (version + 1).into(), row_id.into()];
            tx.execute(&sql, &values).await?;
        }
        Ok(())
    }
}

/// Removes what was said and made of a recording of which nothing is left.
async fn forget_recording(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    for table in ["playlist_items", "comments", "clips", "reviews"] {
        tx.execute(&format!("DELETE FROM {table} WHERE recording_id = $1"), &[recording.into()]).await?;
    }
    Ok(())
}

/// Removes what is about no time of a recording but erased ones.
async fn forget_times(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    // What was asked for, and what went with it: whole segments, and of a page all up to its next whole picture.
    let asked = Spans::of(tracks::erased_times(tx, recording).await?);
    for (from_us, to_us) in asked.with(&Times::read(tx, recording, None).await?.erased()).iter() {
        let values: [Value; 3] = [recording.into(), from_us.into(), to_us.into()];
        for sql in [
            "DELETE FROM comments WHERE recording_id = $1 AND at_us >= $2 AND coalesce(to_us, at_us) <= $3",
            "DELETE FROM playlist_items WHERE clip_id IN (
                 SELECT clip_id FROM clips WHERE recording_id = $1 AND from_us >= $2 AND to_us <= $3)",
            "DELETE FROM clips WHERE recording_id = $1 AND from_us >= $2 AND to_us <= $3",
        ] {
            tx.execute(sql, &values).await?;
        }
    }
    Ok(())
}

/// How many words of a recording lie under one of these keys.
async fn count_under(tx: &mut Tx, recording: RecordingId, keys: &[KeyId]) -> Result<u64, SqlError> {
    let mut count = 0;
    for Column { table, .. } in [COMMENTS, CLIPS, REVIEWS] {
        let sql = format!("SELECT key_id FROM {table} WHERE recording_id = $1 AND key_id IS NOT NULL");
        for row in tx.query(&sql, &[recording.into()]).await? {
            count += u64::from(keys.contains(&row.get(0)?));
        }
    }
    Ok(count)
}

impl Derived for Coaching {
    fn name(&self) -> &'static str {
        "comments and clips"
    }

    fn keys<'t>(&'t self, tx: &'t mut Tx, recording: RecordingId) -> Body<'t, Vec<KeyId>, SqlError> {
        Box::pin(async move {
            let mut keys = Vec::new();
            for Column { table, .. } in [COMMENTS, CLIPS, REVIEWS] {
                let sql = format!(
                    "SELECT DISTINCT key_id FROM {table} WHERE recording_id = $1 AND key_id IS NOT NULL"
                );
                for row in tx.query(&sql, &[recording.into()]).await? {
                    keys.push(row.get(0)?);
                }
            }
            Ok(keys)
        })
    }

    fn erase<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError> {
        Box::pin(async move {
            for recording in &erased.recordings {
                match self.erase_of(tx, *recording, erased).await {
                    Ok(()) => {}
                    Err(CoachingError::Sql(error)) => return Err(error.into()),
                    Err(error) => return Err(DerivedError::Reseal(error.into())),
                }
            }
            Ok(())
        })
    }

    fn count<'t>(&'t self, tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError> {
        Box::pin(async move {
            let mut count = 0;
            for recording in &erased.recordings {
                count += count_under(tx, *recording, &erased.keys).await?;
            }
            Ok(count)
        })
    }
}

/// No row here says who may do what; those of an organisation that is erased, or of a recording, go all the same.
impl Departing for Coaching {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            let items = "DELETE FROM playlist_items WHERE playlist_id IN (
                             SELECT playlist_id FROM playlists WHERE organisation_id = $1)";
            tx.execute(items, &[organisation.into()]).await?;
            for table in ["playlists", "comments", "clips", "reviews"] {
                let sql = format!("DELETE FROM {table} WHERE organisation_id = $1");
                tx.execute(&sql, &[organisation.into()]).await?;
            }
            Ok(Vec::new())
        })
    }

    fn forget_gone<'t>(&'t self, tx: &'t mut Tx, gone: &'t Gone) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            for recording in &gone.recordings {
                forget_recording(tx, *recording).await?;
            }
            Ok(Vec::new())
        })
    }
}
