//! The review queue: which recordings somebody is to look at, and who did.

use clerestory_access::{
    Action, Actor, Grant, ListRecordings, ListReviews, OpContext, OrganisationRef, ReadReview, RecordingRef,
    Review as ReviewRecording,
};
use clerestory_audit::Personal;
use clerestory_model::{OrganisationId, PersonId, RecordingId, RecordingState, Timestamp};
use clerestory_sql::{Lane, Row, SqlError, Tx, Value};
use clerestory_store::Sealed;
use clerestory_store::recordings::{self, Recording};

use crate::words::ReviewNote;
use crate::{Coaching, CoachingError, Decided, seen, words_place};

/// How far a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// Nobody has looked yet.
    Waiting,
    /// Somebody did.
    Done,
}

impl ReviewState {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
        }
    }
}

/// What somebody says of a review.
#[derive(Clone, Debug)]
pub struct Review {
    /// How far it is.
    pub state: ReviewState,
    /// What is to be looked at, or was found; `Some(None)` clears it. Where nothing is said only the state changes: what
    /// was noted stays, and what waits again after all waits as it did.
    pub note: Option<Option<ReviewNote>>,
}

/// A recording that is to be reviewed, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// Which.
    pub recording: RecordingId,
    /// How far it is.
    pub state: ReviewState,
    /// Who asked for it; nobody where it was done unasked.
    pub asked_by: Option<PersonId>,
    /// When it came here.
    pub asked_at: Timestamp,
    /// What is to be looked at, or was found.
    pub note: Option<String>,
    /// Who did it, and when.
    pub done: Option<(PersonId, Timestamp)>,
}

/// A review's row.
struct Kept {
    recording: RecordingId,
    organisation: OrganisationId,
    state: ReviewState,
    asked_by: Option<PersonId>,
    asked_at: Timestamp,
    note: Option<Sealed<ReviewNote>>,
    version: u64,
    done: Option<(PersonId, Timestamp)>,
}

const COLUMNS: &str = "reviews.recording_id, reviews.organisation_id, reviews.state, reviews.asked_by, \
                       reviews.asked_at, reviews.note, reviews.version, reviews.done_by, reviews.done_at";

fn kept(row: &Row) -> Result<Kept, SqlError> {
    let (recording, organisation): (RecordingId, _) = (row.get(0)?, row.get(1)?);
    let version = row.get(6)?;
    let state = match row.get::<String>(2)?.as_str() {
        "waiting" => ReviewState::Waiting,
        "done" => ReviewState::Done,
        _ => return Err(SqlError::Inconsistent { table: "reviews", column: "state".to_owned() }),
    };
    let note: Option<Vec<u8>> = row.get(5)?;
    let place = words_place(organisation, recording, *recording.as_bytes(), version);
    Ok(Kept {
        recording,
        organisation,
        state,
        asked_by: row.get(3)?,
        asked_at: row.get(4)?,
        note: note.map(|bytes| Sealed::found(bytes, place)).transpose()?,
        version,
        done: row.get::<Option<PersonId>>(7)?.zip(row.get::<Option<Timestamp>>(8)?),
    })
}

async fn find(tx: &mut Tx, recording: RecordingId) -> Result<Option<Kept>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM reviews WHERE recording_id = $1");
    tx.query_opt(&sql, &[recording.into()]).await?.as_ref().map(kept).transpose()
}

async fn keep(tx: &mut Tx, review: &Kept) -> Result<(), SqlError> {
    let sql = "INSERT INTO reviews (recording_id, organisation_id, state, asked_by, asked_at, note, key_id, version,
                   done_by, done_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (recording_id) DO UPDATE SET state = excluded.state, asked_by = excluded.asked_by,
                   asked_at = excluded.asked_at, note = excluded.note, key_id = excluded.key_id,
                   version = excluded.version, done_by = excluded.done_by, done_at = excluded.done_at";
    let note = review.note.as_ref().map(Sealed::value);
    let values: [Value; 10] = [
        review.recording.into(),
        review.organisation.into(),
        review.state.word().into(),
        review.asked_by.into(),
        review.asked_at.into(),
        note.map(|note| note.as_bytes().to_vec()).into(),
        note.map(clerestory_seal::SealedValue::key).into(),
        review.version.into(),
        review.done.map(|(by, _)| by).into(),
        review.done.map(|(_, at)| at).into(),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

impl Coaching {
    /// The recordings that are to be reviewed, which came first at the top, or those that were, the latest at the top;
    /// of those within the caller's scope at most `limit`, after the one that `after` names.
    ///
    /// # Errors
    /// [`CoachingError::Refused`].
    pub async fn reviews(
        &self,
        op: &OpContext,
        state: ReviewState,
        (after, limit): (Option<(Timestamp, RecordingId)>, u32),
    ) -> Result<(Grant<ListReviews>, Vec<Reviewed>), CoachingError> {
        let on = OrganisationRef(op.actor.organisation());
        let detail = Personal { detail: Some(state.word().to_owned()), ..Personal::default() };
        let grant = self.access.authorize::<ListReviews>(op, on, Some(detail)).await??;
        self.vault.hold_lease().await?;
        let (coaching, op) = (self.clone(), op.clone());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    // Of a recording that is not in somebody's list nothing is told here either.
                    let Some(listed) = coaching.access.rows_in::<ListRecordings>(tx, &op, on).await? else {
                        return Ok((grant, Vec::new()));
                    };
                    let mut values: Vec<Value> =
                        vec![state.word().into(), RecordingState::SoftDeleted.into()];
                    let mut sql = format!(
                        "SELECT {COLUMNS} FROM reviews JOIN recordings ON recordings.recording_id = reviews.recording_id
                         WHERE reviews.state = $1 AND recordings.state < $2"
                    );
                    sql.push_str(&grant.rows().condition(&mut values));
                    sql.push_str(&listed.condition(&mut values));
                    let (column, order, beyond) = match state {
                        ReviewState::Waiting => ("reviews.asked_at", "ASC", '>'),
                        ReviewState::Done => ("reviews.done_at", "DESC", '<'),
                    };
                    if let Some((at, recording)) = after {
                        values.extend([at.into(), recording.into()]);
                        let (at, id) = (values.len() - 1, values.len());
                        sql.push_str(&format!(
                            " AND ({column} {beyond} ${at} OR {column} = ${at} AND reviews.recording_id {beyond} ${id})"
                        ));
                    }
                    values.push(limit.into());
                    sql.push_str(&format!(
                        " ORDER BY {column} {order}, reviews.recording_id {order} LIMIT ${}",
                        values.len()
                    ));
                    let mut reviews = Vec::new();
                    for row in tx.query(&sql, &values).await? {
                        reviews.push(coaching.opened_review(tx, &grant, kept(&row)?).await?);
                    }
                    Ok((grant, reviews))
                })
            })
            .await
    }

    async fn opened_review<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        kept: Kept,
    ) -> Result<Reviewed, CoachingError> {
        let note = match &kept.note {
            Some(sealed) => self.said(tx, grant, sealed).await?.map(ReviewNote::into_text),
            None => None,
        };
        let Kept { recording, state, asked_by, asked_at, done, .. } = kept;
        Ok(Reviewed { recording, state, asked_by, asked_at, note, done })
    }

    /// How far the review of a recording is; nothing where nobody asked for one.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`].
    pub async fn review_of(
        &self,
        op: &OpContext,
        on: RecordingRef,
    ) -> Result<(Grant<ReadReview>, Option<Reviewed>), CoachingError> {
        let grant = self.access.authorize::<ReadReview>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let coaching = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    seen(recordings::find(tx, on.id).await?)?;
                    let review = match find(tx, on.id).await? {
                        Some(kept) => Some(coaching.opened_review(tx, &grant, kept).await?),
                        None => None,
                    };
                    Ok((grant, review))
                })
            })
            .await
    }

    /// Says that a recording is to be reviewed, or was. Whoever it is about asks for it, and does not say that it was.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`], [`CoachingError::NotYours`], [`CoachingError::Held`].
    pub async fn review(
        &self,
        op: &OpContext,
        on: RecordingRef,
        said: Review,
    ) -> Result<(Grant<ReviewRecording>, Reviewed), CoachingError> {
        let Actor::Person { id: by, .. } = op.actor else { return Err(CoachingError::NotFound) };
        self.vault.hold_lease().await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<ReviewRecording, Reviewed> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail =
                        Personal { detail: Some(said.state.word().to_owned()), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<ReviewRecording>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let recording = coaching.held(tx, on.id).await?;
                    let before = find(tx, on.id).await?;
                    if is_about_caller(&asked, &recording)
                        && (said.state == ReviewState::Done || !is_asked_by(before.as_ref(), by))
                    {
                        return Err(CoachingError::NotYours);
                    }
                    if let (Some(_), Some(note)) =
                        (&said.note, before.as_ref().and_then(|kept| kept.note.as_ref()))
                    {
                        coaching.may_change(tx, note.value().key()).await?;
                    }
                    let mut kept = now_so(before, (on, &said), (by, asked.at));
                    if let Some(Some(note)) = said.note {
                        let key = coaching.key_of(tx, &recording).await?;
                        kept.version += 1;
                        let place = words_place(on.organisation, on.id, *on.id.as_bytes(), kept.version);
                        kept.note = Some(coaching.vault.seal(tx, key, place, &note).await?);
                    }
                    keep(tx, &kept).await?;
                    let review = coaching.opened_review(tx, &grant, kept).await?;
                    Ok(Ok((grant, review)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    /// Takes a recording off the queue.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`], [`CoachingError::NotFound`] where it is not on it,
    /// [`CoachingError::NotYours`], [`CoachingError::Held`].
    pub async fn end_review(&self, op: &OpContext, on: RecordingRef) -> Result<(), CoachingError> {
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<ReviewRecording, ()> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some("off the queue".to_owned()), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<ReviewRecording>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let recording = coaching.held(tx, on.id).await?;
                    let kept = find(tx, on.id).await?.ok_or(CoachingError::NotFound)?;
                    let by = asked.actor.person();
                    if is_about_caller(&asked, &recording)
                        && !by.is_some_and(|by| is_asked_by(Some(&kept), by))
                    {
                        return Err(CoachingError::NotYours);
                    }
                    if let Some(note) = &kept.note {
                        coaching.may_change(tx, note.value().key()).await?;
                    }
                    tx.execute("DELETE FROM reviews WHERE recording_id = $1", &[on.id.into()]).await?;
                    Ok(Ok((grant, ())))
                })
            })
            .await;
        self.told(op, on, done).await.map(drop)
    }
}

fn is_about_caller(op: &OpContext, recording: &Recording) -> bool {
    op.actor.subject() == Some(recording.subject)
}

/// Whether nobody but this person asked for it, if it was asked for.
fn is_asked_by(review: Option<&Kept>, person: PersonId) -> bool {
    review.is_none_or(|kept| kept.state == ReviewState::Waiting && kept.asked_by == Some(person))
}

/// A review as it is once somebody said this of it, but for a new note. Whoever asked first stays who asked, until it is
/// done; and after that too, where it only turns out that it was not.
fn now_so(
    before: Option<Kept>,
    (on, said): (RecordingRef, &Review),
    (by, at): (PersonId, Timestamp),
) -> Kept {
    let state = said.state;
    let (asked_by, asked_at) = match (&before, state) {
        (Some(before), ReviewState::Done) => (before.asked_by, before.asked_at),
        (Some(before), ReviewState::Waiting)
            if before.state == ReviewState::Waiting || said.note.is_none() && before.asked_by.is_some() =>
        {
            (before.asked_by, before.asked_at)
        }
        (_, ReviewState::Waiting) => (Some(by), at),
        (None, ReviewState::Done) => (None, at),
    };
    let (note, version) = before.map_or((None, 0), |before| (before.note, before.version));
    let note = note.filter(|_| said.note.is_none());
    Kept {
        recording: on.id,
        organisation: on.organisation,
        state,
        asked_by,
        asked_at,
        note,
        version,
        done: (state == ReviewState::Done).then_some((by, at)),
    }
}
