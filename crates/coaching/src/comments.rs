//! Comments: what people say of moments of a recording, and what whoever it is about answers.

use clerestory_access::{Actor, DeleteRecording, Grant, OpContext, ReadComments, RecordingRef, WriteComment};
use clerestory_audit::Personal;
use clerestory_model::{CommentId, OrganisationId, PersonId, RecordingId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, Row, SqlError, Tx, Value};
use clerestory_store::{Sealed, recordings};

use crate::words::CommentText;
use crate::{Coaching, CoachingError, Decided, seen, words_place};

/// Comments that are kept of one recording.
const MOST: u32 = 1000;

/// What somebody said of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// Of which recording.
    pub recording: RecordingId,
    /// Of which time, in microseconds since the recording began.
    pub at_us: i64,
    /// Until when, where it is of more than a moment.
    pub to_us: Option<i64>,
    /// What they said.
    pub text: String,
    /// Who.
    pub author: PersonId,
    /// When.
    pub written_at: Timestamp,
    /// When they last changed it.
    pub edited_at: Option<Timestamp>,
    /// The comment it answers.
    pub answers: Option<CommentId>,
}

/// A comment that somebody writes.
#[derive(Clone, Debug)]
pub struct NewComment {
    /// Of which time, in microseconds since the recording began.
    pub at_us: i64,
    /// Until when; not before `at_us`.
    pub to_us: Option<i64>,
    /// What they say.
    pub text: CommentText,
    /// The comment it answers: it is of the same time then.
    pub answers: Option<CommentId>,
}

/// A comment's row.
struct Kept {
    id: CommentId,
    organisation: OrganisationId,
    recording: RecordingId,
    author: PersonId,
    answers: Option<CommentId>,
    at_us: i64,
    to_us: Option<i64>,
    text: Sealed<CommentText>,
    version: u64,
    written_at: Timestamp,
    edited_at: Option<Timestamp>,
}

impl Kept {
    fn saying(self, text: CommentText) -> Comment {
        let Self { id, recording, author, answers, at_us, to_us, written_at, edited_at, .. } = self;
        Comment {
            id,
            recording,
            at_us,
            to_us,
            text: text.into_text(),
            author,
            written_at,
            edited_at,
            answers,
        }
    }
}

const COLUMNS: &str = "comment_id, organisation_id, recording_id, author_id, answers, at_us, to_us, text, version, \
                       written_at, edited_at";

fn kept(row: &Row) -> Result<Kept, SqlError> {
    let (id, organisation, recording): (CommentId, _, _) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let version = row.get(8)?;
    Ok(Kept {
        id,
        organisation,
        recording,
        author: row.get(3)?,
        answers: row.get(4)?,
        at_us: row.get(5)?,
        to_us: row.get(6)?,
        text: Sealed::found(row.get(7)?, words_place(organisation, recording, *id.as_bytes(), version))?,
        version,
        written_at: row.get(9)?,
        edited_at: row.get(10)?,
    })
}

async fn find(tx: &mut Tx, id: CommentId) -> Result<Option<Kept>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM comments WHERE comment_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(kept).transpose()
}

async fn of_recording(tx: &mut Tx, recording: RecordingId) -> Result<Vec<Kept>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM comments WHERE recording_id = $1 ORDER BY at_us, written_at, comment_id LIMIT {MOST}"
    );
    tx.query(&sql, &[recording.into()]).await?.iter().map(kept).collect()
}

async fn count(tx: &mut Tx, recording: RecordingId) -> Result<u32, SqlError> {
    let sql = "SELECT count(*) FROM comments WHERE recording_id = $1";
    tx.query_opt(sql, &[recording.into()]).await?.map_or(Ok(0), |row| row.get(0))
}

impl Coaching {
    /// What people said of a recording, in the order of its time.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`].
    pub async fn comments(
        &self,
        op: &OpContext,
        on: RecordingRef,
    ) -> Result<(Grant<ReadComments>, Vec<Comment>), CoachingError> {
        let grant = self.access.authorize::<ReadComments>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let coaching = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    seen(recordings::find(tx, on.id).await?)?;
                    let mut comments = Vec::new();
                    for kept in of_recording(tx, on.id).await? {
                        if let Some(text) = coaching.said(tx, &grant, &kept.text).await? {
                            comments.push(kept.saying(text));
                        }
                    }
                    Ok((grant, comments))
                })
            })
            .await
    }

    /// Says something of a recording, or answers what was said.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::Gone`], [`CoachingError::Outside`],
    /// [`CoachingError::AnswersNothing`], [`CoachingError::TooMany`].
    pub async fn comment(
        &self,
        op: &OpContext,
        on: RecordingRef,
        new: NewComment,
    ) -> Result<(Grant<WriteComment>, Comment), CoachingError> {
        let Actor::Person { id: author, .. } = op.actor else { return Err(CoachingError::NotFound) };
        self.vault.hold_lease().await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<WriteComment, Comment> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let id = CommentId::new(asked.at, random());
                    let detail = Personal { detail: Some(format!("{id} written")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<WriteComment>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let comment = coaching.keep(tx, (id, author, asked.at), on, new).await?;
                    Ok(Ok((grant, comment)))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        (id, author, now): (CommentId, PersonId, Timestamp),
        on: RecordingRef,
        new: NewComment,
    ) -> Result<Comment, CoachingError> {
        let recording = self.held(tx, on.id).await?;
        let (mut at_us, mut to_us, mut answers) = (new.at_us, new.to_us, None);
        if let Some(answered) = new.answers {
            let answered = find(tx, answered).await?.filter(|answered| answered.recording == on.id);
            let answered = answered.ok_or(CoachingError::AnswersNothing)?;
            // What answers an answer is said to the same thing.
            answers = Some(answered.answers.unwrap_or(answered.id));
            (at_us, to_us) = (answered.at_us, answered.to_us);
        }
        if to_us.unwrap_or(at_us) > self.length_us(&recording) {
            return Err(CoachingError::Outside);
        }
        if count(tx, on.id).await? >= MOST {
            return Err(CoachingError::TooMany { most: MOST });
        }
        let key = self.key_of(tx, &recording).await?;
        let place = words_place(recording.organisation, on.id, *id.as_bytes(), 1);
        let text = self.vault.seal(tx, key, place, &new.text).await?;
        let sql = "INSERT INTO comments (comment_id, organisation_id, recording_id, author_id, answers, at_us, to_us,
                       text, key_id, version, written_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)";
        let values: [Value; 10] = [
            id.into(),
            recording.organisation.into(),
            on.id.into(),
            author.into(),
            answers.into(),
            at_us.into(),
            to_us.into(),
            text.value().as_bytes().into(),
            key.into(),
            now.into(),
        ];
        tx.execute(sql, &values).await?;
        let text = new.text.into_text();
        Ok(Comment {
            id,
            recording: on.id,
            at_us,
            to_us,
            text,
            author,
            written_at: now,
            edited_at: None,
            answers,
        })
    }

    /// Says something else in the place of what the caller said.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotYours`], [`CoachingError::Gone`], [`CoachingError::Held`].
    pub async fn edit_comment(
        &self,
        op: &OpContext,
        id: CommentId,
        text: CommentText,
    ) -> Result<(Grant<WriteComment>, Comment), CoachingError> {
        self.vault.hold_lease().await?;
        let on = self.commented(op, id).await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<WriteComment, Comment> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} changed")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<WriteComment>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let recording = coaching.held(tx, on.id).await?;
                    let mut kept = find(tx, id).await?.ok_or(CoachingError::NotFound)?;
                    if asked.actor.person() != Some(kept.author) {
                        return Err(CoachingError::NotYours);
                    }
                    coaching.may_change(tx, kept.text.value().key()).await?;
                    let key = coaching.key_of(tx, &recording).await?;
                    kept.version += 1;
                    let place = words_place(kept.organisation, on.id, *id.as_bytes(), kept.version);
                    kept.text = coaching.vault.seal(tx, key, place, &text).await?;
                    kept.edited_at = Some(asked.at);
                    let sql = "UPDATE comments SET text = $1, key_id = $2, version = $3, edited_at = $4
                               WHERE comment_id = $5";
                    let values: [Value; 5] = [
                        kept.text.value().as_bytes().into(),
                        key.into(),
                        kept.version.into(),
                        asked.at.into(),
                        id.into(),
                    ];
                    tx.execute_one("comments", sql, &values).await?;
                    Ok(Ok((grant, kept.saying(text))))
                })
            })
            .await;
        self.told(op, on, done).await
    }

    /// Takes away what the caller said, with what answers it; or what anybody said, by whoever may delete the recording.
    ///
    /// # Errors
    /// [`CoachingError::Refused`], [`CoachingError::NotYours`], [`CoachingError::Gone`], [`CoachingError::Held`].
    pub async fn delete_comment(&self, op: &OpContext, id: CommentId) -> Result<(), CoachingError> {
        let on = self.commented(op, id).await?;
        let (coaching, asked) = (self.clone(), op.clone());
        let done: Decided<WriteComment, ()> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let detail = Personal { detail: Some(format!("{id} taken away")), ..Personal::default() };
                    let decided =
                        coaching.access.decide::<WriteComment>(tx, &asked, on, Some(detail)).await?;
                    let grant = match decided {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    coaching.held(tx, on.id).await?;
                    let kept = find(tx, id).await?.ok_or(CoachingError::NotFound)?;
                    let own = asked.actor.person() == Some(kept.author);
                    if !own && !coaching.access.would_allow_in::<DeleteRecording>(tx, &asked, on).await? {
                        return Err(CoachingError::NotYours);
                    }
                    coaching.may_change(tx, kept.text.value().key()).await?;
                    let sql =
                        "DELETE FROM comments WHERE comment_id = $1 OR answers = $1 AND recording_id = $2";
                    tx.execute(sql, &[id.into(), on.id.into()]).await?;
                    Ok(Ok((grant, ())))
                })
            })
            .await;
        self.told(op, on, done).await.map(drop)
    }

    /// The recording that a comment is of, for the decision about it; none where there is no such comment, so that the
    /// same is decided and told then as of what belongs to others.
    async fn commented(&self, op: &OpContext, id: CommentId) -> Result<RecordingRef, CoachingError> {
        let found = self.database.read(move |tx| Box::pin(async move { find(tx, id).await }));
        let found: Option<Kept> = found.await?;
        let recording = found.map_or(RecordingId::nil(), |kept| kept.recording);
        Ok(RecordingRef { organisation: op.actor.organisation(), id: recording })
    }
}
