//! Watching that a second person agrees to first, where the organisation wants it: who asks says why, somebody else who
//! may answer agrees or does not, and what was agreed to may begin for some hours.

use std::time::Duration;

use clerestory_access::{Actor, AnswerViews, AskToWatch, Grant, OpContext, OrganisationRef, RecordingRef};
use clerestory_audit::authority::{Gone, Table, Told, Touched};
use clerestory_audit::{ObjectRef, Personal};
use clerestory_model::{OrganisationId, PersonId, RecordingId, Timestamp, ViewId};
use clerestory_seal::random;
use clerestory_settings::tree::{Level, Node};
use clerestory_sql::{Lane, Lock, Row, SqlError, Tx, Value};
use clerestory_store::{organisations, recordings, support};

use crate::plays::reason_of;
use crate::{Playback, PlaybackError};

/// Somebody waits this long for an answer.
const WAITS: Duration = Duration::from_secs(24 * 3600);
/// What was agreed to may begin for this long.
const LASTS: Duration = Duration::from_secs(4 * 3600);
/// Askings of one answer at most.
const MOST: u32 = 200;

static VIEWS: Table = Table {
    name: "asked_views",
    key: &["view_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("recording_id", Told::Plain),
        ("person_id", Told::Plain),
        ("entry", Told::Plain),
        ("asked_at", Told::Plain),
        ("ends_at", Told::Plain),
        ("answer", Told::Plain),
        ("answered_by", Told::Plain),
    ],
    ends: None,
};

/// The tables here whose rows are authority.
pub static AUTHORITY: [&Table; 1] = [&VIEWS];

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may be watched.
    Allowed,
    /// It may not.
    Refused,
}

impl Answer {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

/// How far asking has come for somebody who may not watch yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconding {
    /// They have not asked, or what was agreed to is over.
    NotAsked,
    /// Nobody has answered yet.
    Waits,
    /// Somebody did not agree.
    Refused,
}

/// Somebody's asking to watch a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its id.
    pub id: ViewId,
    /// Whose recording it is.
    pub organisation: OrganisationId,
    /// The recording.
    pub recording: RecordingId,
    /// Who asks.
    pub person: PersonId,
    /// The entry that tells of it, with the reason.
    pub entry: u64,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it may be answered, or what was agreed to may begin.
    pub ends_at: Timestamp,
    /// What came of it, and from whom.
    pub answer: Option<(Answer, PersonId)>,
}

const COLUMNS: &str =
    "view_id, organisation_id, recording_id, person_id, entry, asked_at, ends_at, answer, answered_by";

fn view(row: &Row) -> Result<View, SqlError> {
    let wrong = || SqlError::Inconsistent { table: "asked_views", column: "answer".to_owned() };
    let answer = match row.get::<Option<String>>(7)?.as_deref() {
        None => None,
        Some("allowed") => Some(Answer::Allowed),
        Some("refused") => Some(Answer::Refused),
        Some(_) => return Err(wrong()),
    };
    let by: Option<PersonId> = row.get(8)?;
    Ok(View {
        id: row.get(0)?,
        organisation: row.get(1)?,
        recording: row.get(2)?,
        person: row.get(3)?,
        entry: row.get(4)?,
        asked_at: row.get(5)?,
        ends_at: row.get(6)?,
        answer: answer.map(|answer| by.map(|by| (answer, by)).ok_or_else(wrong)).transpose()?,
    })
}

/// What somebody asked last of a recording, if its time is not over.
async fn latest(
    tx: &mut Tx,
    (recording, person): (RecordingId, PersonId),
    now: Timestamp,
) -> Result<Option<View>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM asked_views WHERE recording_id = $1 AND person_id = $2 AND ends_at > $3
         ORDER BY asked_at DESC, view_id DESC LIMIT 1"
    );
    tx.query_opt(&sql, &[recording.into(), person.into(), now.into()]).await?.as_ref().map(view).transpose()
}

impl Playback {
    /// Whether a second person must still agree to the caller's watching; how far that is. What is about oneself needs
    /// nobody.
    pub(crate) async fn seconding(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RecordingRef,
    ) -> Result<Option<Seconding>, PlaybackError> {
        let Actor::Person { id: person, .. } = op.actor else { return Ok(None) };
        let recording = recordings::find(tx, on.id).await?.ok_or(PlaybackError::NotFound)?;
        if !self.wants_second(tx, op, &recording).await? {
            return Ok(None);
        }
        Ok(match latest(tx, (on.id, person), op.at).await?.map(|view| view.answer) {
            None => Some(Seconding::NotAsked),
            Some(None) => Some(Seconding::Waits),
            Some(Some((Answer::Refused, _))) => Some(Seconding::Refused),
            Some(Some((Answer::Allowed, _))) => None,
        })
    }

    /// Whether the organisation wants a second person for what is about somebody else than the caller.
    pub(crate) async fn wants_second(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        recording: &recordings::Recording,
    ) -> Result<bool, PlaybackError> {
        let Actor::Person { subject, .. } = op.actor else { return Ok(false) };
        Ok(recording.subject != subject && self.is_on(tx, recording, "view.four_eyes").await?)
    }

    /// Whether a setting is on where something was recorded, or for whom it is about.
    pub(crate) async fn is_on(
        &self,
        tx: &mut Tx,
        recording: &recordings::Recording,
        name: &str,
    ) -> Result<bool, PlaybackError> {
        let project = Node { level: Level::Project, id: *recording.project.as_bytes() };
        let (person, _) = organisations::person_of_subject(tx, recording.subject).await?;
        let person = person.map(|id| Node { level: Level::User, id: *id.as_bytes() });
        let settings = self.access.settings();
        for node in [Some(project), person].into_iter().flatten() {
            if settings.is_on(tx, recording.organisation, node, name).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Asks a second person to agree. Whoever asked already and waits, or may watch by now, is given that.
    ///
    /// # Errors
    /// [`PlaybackError::WhyMissing`], [`PlaybackError::Refused`].
    pub async fn ask_to_watch(
        &self,
        op: &OpContext,
        on: RecordingRef,
        reason: String,
    ) -> Result<View, PlaybackError> {
        let Actor::Person { id: person, .. } = op.actor else { return Err(PlaybackError::NotFound) };
        let reason = reason_of(Some(reason)).ok_or(PlaybackError::WhyMissing)?;
        self.vault.hold_lease().await?;
        let (playback, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let personal = Some(Personal { reason: Some(reason), ..Personal::default() });
                    let grant = match playback.access.decide::<AskToWatch>(tx, &op, on, personal).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, PlaybackError>(Err(PlaybackError::Refused(refused))),
                    };
                    let before = latest(tx, (on.id, person), op.at).await?;
                    let stands = |view: &View| !matches!(view.answer, Some((Answer::Refused, _)));
                    if let Some(before) = before.filter(stands) {
                        return Ok(Ok(before));
                    }
                    let new = View {
                        id: ViewId::new(op.at, random()),
                        organisation: on.organisation,
                        recording: on.id,
                        person,
                        entry: grant.entry(),
                        asked_at: op.at,
                        ends_at: op.at.plus(WAITS),
                        answer: None,
                    };
                    insert(tx, &new).await?;
                    playback.note_view(tx, &op, &new).await?;
                    Ok(Ok(new))
                })
            })
            .await?
    }

    /// What people of the organisation ask and asked for, what waits first, newest first; with the proof that names may be opened.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`].
    pub async fn views(
        &self,
        op: &OpContext,
        on: OrganisationRef,
    ) -> Result<(Grant<AnswerViews>, Vec<View>), PlaybackError> {
        let grant = self.access.authorize::<AnswerViews>(op, on, None).await??;
        let now = op.at;
        let found = self.database.read(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT {COLUMNS} FROM asked_views WHERE organisation_id = $1
                     ORDER BY CASE WHEN answer IS NULL AND ends_at > $2 THEN 0 ELSE 1 END, asked_at DESC,
                         view_id DESC LIMIT {MOST}"
                );
                tx.query(&sql, &[on.0.into(), now.into()])
                    .await?
                    .iter()
                    .map(view)
                    .collect::<Result<Vec<View>, SqlError>>()
            })
        });
        Ok((grant, found.await?))
    }

    /// Agrees to what somebody else asks for, or does not.
    ///
    /// # Errors
    /// [`PlaybackError::NotFound`], [`PlaybackError::OwnView`], [`PlaybackError::Answered`], [`PlaybackError::Refused`].
    pub async fn answer_view(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        (id, answer): (ViewId, Answer),
    ) -> Result<(), PlaybackError> {
        let Actor::Person { id: by, .. } = op.actor else { return Err(PlaybackError::NotFound) };
        self.vault.hold_lease().await?;
        let (playback, asked) = (self.clone(), op.clone());
        let answered = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let op = asked;
                    let detail = Some(format!("{id} {}", answer.word()));
                    let personal = Some(Personal { detail, ..Personal::default() });
                    let decided = playback.access.decide::<AnswerViews>(tx, &op, on, personal).await?;
                    if let Err(refused) = decided {
                        return Ok::<_, PlaybackError>(Err(PlaybackError::Refused(refused)));
                    }
                    let sql = format!("SELECT {COLUMNS} FROM asked_views WHERE view_id = $1");
                    let found = tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?;
                    let found = found.as_ref().map(view).transpose()?;
                    let mut view =
                        found.filter(|view| view.organisation == on.0).ok_or(PlaybackError::NotFound)?;
                    // Whoever lets somebody in is no second person to them.
                    if view.person == by || support::let_in_by(tx, view.person, by).await? {
                        return Err(PlaybackError::OwnView);
                    }
                    if view.answer.is_some() || view.ends_at <= op.at {
                        return Err(PlaybackError::Answered);
                    }
                    view.answer = Some((answer, by));
                    view.ends_at = op.at.plus(LASTS);
                    let sql =
                        "UPDATE asked_views SET answer = $1, answered_by = $2, answered_at = $3, ends_at = $4
                               WHERE view_id = $5";
                    let values: [Value; 5] =
                        [answer.word().into(), by.into(), op.at.into(), view.ends_at.into(), id.into()];
                    tx.execute(sql, &values).await?;
                    playback.note_view(tx, &op, &view).await?;
                    Ok(Ok(()))
                })
            })
            .await;
        match answered {
            Ok(done) => done,
            // The decision went with what was not done: that somebody tried stays.
            Err(error @ (PlaybackError::OwnView | PlaybackError::Answered)) => {
                self.access.tell_failed::<AnswerViews>(op, on, error.to_string(), None).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn note_view(&self, tx: &mut Tx, op: &OpContext, view: &View) -> Result<(), PlaybackError> {
        let object = ObjectRef { kind: "recording".to_owned(), id: *view.recording.as_bytes() };
        self.access
            .audit()
            .note_change(tx, op.changing(view.organisation), object, &[touched(view.id)])
            .await?;
        Ok(())
    }
}

async fn insert(tx: &mut Tx, new: &View) -> Result<(), SqlError> {
    let sql = "INSERT INTO asked_views (view_id, organisation_id, recording_id, person_id, entry, asked_at, ends_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: [Value; 7] = [
        new.id.into(),
        new.organisation.into(),
        new.recording.into(),
        new.person.into(),
        new.entry.into(),
        new.asked_at.into(),
        new.ends_at.into(),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

fn touched(id: ViewId) -> Touched {
    Touched::row(&VIEWS, [id.into()])
}

/// Removes what was asked of recordings that are erased, and by somebody who is; which rows went.
pub(crate) async fn forget_erased(tx: &mut Tx, gone: &Gone) -> Result<Vec<Touched>, SqlError> {
    let mut touched = Vec::new();
    let recordings = gone.recordings.iter().map(|recording| ("recording_id", Value::from(*recording)));
    let person = gone.person.iter().map(|person| ("person_id", Value::from(*person)));
    for (column, value) in recordings.chain(person) {
        let sql = format!("DELETE FROM asked_views WHERE {column} = $1 RETURNING view_id");
        for row in tx.query(&sql, &[value]).await? {
            touched.push(self::touched(row.get(0)?));
        }
    }
    Ok(touched)
}

/// Removes what was asked in an organisation that is erased; which rows went.
pub(crate) async fn forget(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM asked_views WHERE organisation_id = $1 RETURNING view_id";
    tx.query(sql, &[organisation.into()]).await?.iter().map(|row| Ok(touched(row.get(0)?))).collect()
}
