//! Clips: stretches of a recording that somebody named. A clip holds nothing of what was captured: to watch one is to
//! watch its recording.

use clerestory_access::{
    Action, Actor, DeleteRecording, Grant, MakeClip, OpContext, ReadClips, RecordingRef,
};
use clerestory_audit::Personal;
use clerestory_model::{ClipId, OrganisationId, PersonId, RecordingId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, Row, SqlError, Tx, Value};
use clerestory_store::{Sealed, recordings};

use crate::words::ClipTitle;
use crate::{Coaching, CoachingError, Decided, seen, words_place};

/// Clips that are kept of one recording.
const MOST: u32 = 200;

/// A stretch of a recording that somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// Its id.
    pub id: ClipId,
    /// Of which recording.
    pub recording: RecordingId,
    /// Where it begins, in microseconds since the recording began.
    pub from_us: i64,
    /// Where it ends.
    pub to_us: i64,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub made_by: PersonId,
    /// When.
    pub made_at: Timestamp,
}

/// A clip that somebody makes.
#[derive(Clone, Debug)]
pub struct NewClip {
    /// What it is called.
    pub title: ClipTitle,
    /// Where it begins, in microseconds since the recording began.
    pub from_us: i64,
    /// Where it ends, after that.
    pub to_us: i64,
}

/// What somebody changes of a clip.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What it is called from now on.
    pub title: Option<ClipTitle>,
    /// Where it begins from now on.
    pub from_us: Option<i64>,
    /// Where it ends from now on.
    pub to_us: Option<i64>,
}

/// A clip's row.
pub(crate) struct Kept {
    pub(crate) id: ClipId,
    organisation: OrganisationId,
    pub(crate) recording: RecordingId,
    made_by: PersonId,
    from_us: i64,
    to_us: i64,
    title: Sealed<ClipTitle>,
    version: u64,
    made_at: Timestamp,
}

const COLUMNS: &str =
    "clip_id, organisation_id, recording_id, made_by, from_us, to_us, title, version, made_at";

fn kept(row: &Row) -> Result<Kept, SqlError> {
    let (id, organisation, recording): (ClipId, _, _) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let version = row.get(7)?;
    Ok(Kept {
        id,
        organisation,
        recording,
        made_by: row.get(3)?,
        from_us: row.get(4)?,
        to_us: row.get(5)?,
        title: Sealed::found(row.get(6)?, words_place(organisation, recording, *id.as_bytes(), version))?,
        version,
        made_at: row.get(8)?,
    })
}

pub(crate) async fn find(tx: &mut Tx, id: ClipId) -> Result<Option<Kept>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM clips WHERE clip_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(kept).transpose()
}

async fn of_recording(tx: &mut Tx, recording: RecordingId) -> Result<Vec<Kept>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM clips WHERE recording_id = $1 ORDER BY from_us, made_at, clip_id LIMIT {MOST}"
    );
    tx.query(&sql, &[recording.into()]).await?.iter().map(kept).collect()
}

async fn count(tx: &mut Tx, recording: RecordingId) -> Result<u32, SqlError> {
    let sql = "SELECT count(*) FROM clips WHERE recording_id = $1";
    tx.query_opt(sql, &[recording.into()]).await?.map_or(Ok(0), |row| row.get(0))
}

impl Coaching {
    /// The clips of a recording, in the order of its time.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`].
    pub async fn clips(
        &self,
        op: &OpContext,
        on: RecordingRef,
    ) -> Result<(Grant<ReadClips>, Vec<Clip>), CoachingError> {
        let grant = self.access.authorize::<ReadClips>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let coaching = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    seen(recordings::find(tx, on.id).await?)?;
                    let mut clips = Vec::new();
                    for kept in of_recording(tx, on.id).await? {
                        clips.extend(coaching.opened_clip(tx, &grant, kept).await?);
                    }
                    Ok((grant, clips))
                })
            })
            .await
    }

    pub(crate) async fn opened_clip<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        kept: Kept,
    ) -> Result<Option<Clip>, CoachingError> {
        let Some(title) = self.said(tx, grant, &kept.title).await? else { return Ok(None) };
        let Kept { id, recording, made_by, from_us, to_us, made_at, .. } = kept;
        Ok(Some(Clip { id, recording, from_us, to_us, title: title.into_text(), made_by, made_at }))
    }

    /// Names a stretch of a recording.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`], [`CoachingError::Outside`], [`CoachingError::TooMany`].
    pub async fn make_clip(
        &self,
        op: &OpContext,
        on: RecordingRef,
        new: NewClip,
    ) -> Result<(Grant<MakeClip>, Clip), CoachingError> {
        let Actor::Person { id: made_by, .. } = op.actor else { return Err(CoachingError::NotFound) };
        self.vault.hold_lease().await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<MakeClip, Clip> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let id = ClipId::new(asked.at, random());
                    let detail = Personal { detail: Some(format!("{id} made")), ..Personal::default() };
                    let decided = coaching.access.decide::<MakeClip>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let recording = coaching.held(tx, on.id).await?;
                    if new.to_us > coaching.length_us(&recording) {
                        return Err(CoachingError::Outside);
                    }
                    if count(tx, on.id).await? >= MOST {
                        return Err(CoachingError::TooMany { most: MOST });
                    }
                    let key = coaching.key_of(tx, &recording).await?;
                    let place = words_place(recording.organisation, on.id, *id.as_bytes(), 1);
                    let title = coaching.vault.seal(tx, key, place, &new.title).await?;
                    let sql = "INSERT INTO clips (clip_id, organisation_id, recording_id, made_by, from_us, to_us, title,
                                   key_id, version, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)";
                    let values: [Value; 9] = [
                        id.into(),
                        recording.organisation.into(),
                        on.id.into(),
                        made_by.into(),
                        new.from_us.into(),
                        new.to_us.into(),
                        title.value().as_bytes().into(),
                        key.into(),
                        asked.at.into(),
                    ];
                    tx.execute(sql, &values).await?;
                    let NewClip { title, from_us, to_us } = new;
                    let (recording, title) = (on.id, title.into_text());
                    let clip = Clip { id, recording, from_us, to_us, title, made_by, made_at: asked.at };
                    Ok(Ok((grant, clip)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    /// Names a clip anew, or moves its ends. Whoever made it may.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotYours`], [`CoachingError::Gone`], [`CoachingError::Outside`].
    pub async fn change_clip(
        &self,
        op: &OpContext,
        id: ClipId,
        changes: Changes,
    ) -> Result<(Grant<MakeClip>, Clip), CoachingError> {
        self.vault.hold_lease().await?;
        let on = self.clipped(op, id).await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<MakeClip, Clip> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} changed")), ..Personal::default() };
                    let decided = coaching.access.decide::<MakeClip>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let recording = coaching.held(tx, on.id).await?;
                    let mut kept = find(tx, id).await?.ok_or(CoachingError::NotFound)?;
                    if asked.actor.person() != Some(kept.made_by) {
                        return Err(CoachingError::NotYours);
                    }
                    coaching.may_change(tx, kept.title.value().key()).await?;
                    kept.from_us = changes.from_us.unwrap_or(kept.from_us);
                    kept.to_us = changes.to_us.unwrap_or(kept.to_us);
                    // One that ended where nobody knew yet how long the recording is keeps its end while only its name changes.
                    let ends_within =
                        changes.to_us.is_none_or(|to_us| to_us <= coaching.length_us(&recording));
                    if kept.from_us >= kept.to_us || !ends_within {
                        return Err(CoachingError::Outside);
                    }
                    if let Some(title) = changes.title {
                        let key = coaching.key_of(tx, &recording).await?;
                        kept.version += 1;
                        let place = words_place(kept.organisation, on.id, *id.as_bytes(), kept.version);
                        kept.title = coaching.vault.seal(tx, key, place, &title).await?;
                    }
                    let sql =
                        "UPDATE clips SET from_us = $1, to_us = $2, title = $3, key_id = $4, version = $5
                               WHERE clip_id = $6";
                    let values: [Value; 6] = [
                        kept.from_us.into(),
                        kept.to_us.into(),
                        kept.title.value().as_bytes().into(),
                        kept.title.value().key().into(),
                        kept.version.into(),
                        id.into(),
                    ];
                    tx.execute_one("clips", sql, &values).await?;
                    let clip =
                        coaching.opened_clip(tx, &grant, kept).await?.ok_or(CoachingError::NotFound)?;
                    Ok(Ok((grant, clip)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    /// Takes a clip away: of one's own, or of anybody's by whoever may delete the recording. The recording stays.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotYours`], [`CoachingError::Gone`].
    pub async fn delete_clip(&self, op: &OpContext, id: ClipId) -> Result<(), CoachingError> {
        let on = self.clipped(op, id).await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<MakeClip, ()> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} taken away")), ..Personal::default() };
                    let decided = coaching.access.decide::<MakeClip>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    coaching.held(tx, on.id).await?;
                    let kept = find(tx, id).await?.ok_or(CoachingError::NotFound)?;
                    let own = asked.actor.person() == Some(kept.made_by);
                    if !own && !coaching.access.would_allow_in::<DeleteRecording>(tx, &asked, on).await? {
                        return Err(CoachingError::NotYours);
                    }
                    coaching.may_change(tx, kept.title.value().key()).await?;
                    remove(tx, id).await?;
                    Ok(Ok((grant, ())))
                })
            })
            .await;
        self.told(op, on, done).await.map(drop)
    }

    /// The recording that a clip is of, and which part: what to decide about before it is watched. Where there is no such
    /// clip the recording is none, and the same is decided and told then as of what belongs to others.
    ///
    /// # Errors
    /// [`CoachingError::Sql`].
    pub async fn clip_to_play(
        &self,
        op: &OpContext,
        id: ClipId,
    ) -> Result<(RecordingRef, (i64, i64)), CoachingError> {
        let organisation = op.actor.organisation();
        let (access, op) = (self.access.clone(), op.clone());
        let found = self.database.read(move |tx| {
            Box::pin(async move {
                let Some(kept) = find(tx, id).await? else { return Ok(None) };
                // Who sees no clips of a recording learns nothing of this one, though they may watch the whole.
                let on = RecordingRef { organisation, id: kept.recording };
                let seen = access.would_allow_in::<ReadClips>(tx, &op, on).await?;
                Ok::<_, CoachingError>(seen.then_some(kept))
            })
        });
        let (recording, part) = found
            .await?
            .map_or((RecordingId::nil(), (0, 0)), |kept| (kept.recording, (kept.from_us, kept.to_us)));
        Ok((RecordingRef { organisation, id: recording }, part))
    }

    /// What a clip is called, for a holder of a grant that covers its recording.
    ///
    /// # Errors
    /// [`CoachingError::NotFound`] where it was taken away meanwhile or cannot be read any more.
    pub async fn clip<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        id: ClipId,
    ) -> Result<Clip, CoachingError> {
        let kept = find(tx, id).await?.ok_or(CoachingError::NotFound)?;
        self.opened_clip(tx, grant, kept).await?.ok_or(CoachingError::NotFound)
    }

    async fn clipped(&self, op: &OpContext, id: ClipId) -> Result<RecordingRef, CoachingError> {
        Ok(self.clip_to_play(op, id).await?.0)
    }
}

/// Removes a clip, from playlists too.
async fn remove(tx: &mut Tx, id: ClipId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM playlist_items WHERE clip_id = $1", &[id.into()]).await?;
    tx.execute("DELETE FROM clips WHERE clip_id = $1", &[id.into()]).await?;
    Ok(())
}
