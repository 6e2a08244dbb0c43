//! The rows of previews, and of the work on them.

use clerestory_model::{KeyId, OrganisationId, RecordingId, RecordingState, Source, Timestamp, TrackId};
use clerestory_seal::sha256;
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use clerestory_store::pictures::Bytes;
use clerestory_store::recordings::{self, Recording};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

/// A small picture, as it is sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pixels(pub(crate) Bytes);

impl Content for Pixels {
    const KIND: Kind = Kind::Preview;
    const TABLE: &'static str = "previews";
    const COLUMN: &'static str = "picture";
}

/// Of which segment a picture is, and whether it is the one that stands for the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) organisation: OrganisationId,
    pub(crate) recording: RecordingId,
    pub(crate) track: TrackId,
    pub(crate) sequence: u64,
    pub(crate) cover: bool,
}

impl Of {
    /// The id of its row. It says all that the picture is of, so that it opens as nothing else.
    fn id(&self) -> [u8; 16] {
        let hash = sha256(
            &[
                self.recording.as_bytes().as_slice(),
                self.track.as_bytes(),
                &self.sequence.to_be_bytes(),
                &[u8::from(self.cover)],
            ]
            .concat(),
        );
        let mut id = [0; 16];
        id.copy_from_slice(hash.split_at(16).0);
        id
    }

    /// Where it stands in its version.
    pub(crate) fn place(&self, version: u64) -> Place {
        let about = About::Recording(self.recording);
        Place { organisation: self.organisation, about, row: self.id(), version }
    }
}

/// A picture's row, without the picture.
#[derive(Clone, Debug)]
pub(crate) struct PreviewRow {
    pub(crate) of: Of,
    /// When in its recording, in microseconds.
    pub(crate) at_us: i64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) version: u64,
}

const COLUMNS: &str =
    "organisation_id, recording_id, track_id, sequence, cover, at_us, width, height, version";

fn preview(row: &Row) -> Result<PreviewRow, SqlError> {
    Ok(PreviewRow {
        of: Of {
            organisation: row.get(0)?,
            recording: row.get(1)?,
            track: row.get(2)?,
            sequence: row.get(3)?,
            cover: row.get(4)?,
        },
        at_us: row.get(5)?,
        width: row.get(6)?,
        height: row.get(7)?,
        version: row.get(8)?,
    })
}

/// The pictures of a recording, in order: the one that stands for it, or those beside the time.
pub(crate) async fn of_recording(
    tx: &mut Tx,
    recording: RecordingId,
    cover: bool,
) -> Result<Vec<PreviewRow>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM previews WHERE recording_id = $1 AND cover = $2 ORDER BY at_us, track_id LIMIT 1000"
    );
    tx.query(&sql, &[recording.into(), cover.into()]).await?.iter().map(preview).collect()
}

/// A picture as it lies.
pub(crate) async fn sealed(tx: &mut Tx, row: &PreviewRow) -> Result<Option<Sealed<Pixels>>, SqlError> {
    let sql = "SELECT picture FROM previews WHERE preview_id = $1 AND version = $2";
    let found = tx.query_opt(sql, &[row.of.id().into(), row.version.into()]).await?;
    found.map(|found| Sealed::found(found.get(0)?, row.of.place(row.version))).transpose()
}

pub(crate) async fn insert(
    tx: &mut Tx,
    row: &PreviewRow,
    key: KeyId,
    picture: &Sealed<Pixels>,
) -> Result<(), SqlError> {
    let Of { organisation, recording, track, sequence, cover } = row.of;
    tx.execute(
        "INSERT INTO previews (preview_id, organisation_id, recording_id, track_id, sequence, cover, at_us, width,
             height, key_id, version, picture) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            row.of.id().into(),
            organisation.into(),
            recording.into(),
            track.into(),
            sequence.into(),
            cover.into(),
            row.at_us.into(),
            row.width.into(),
            row.height.into(),
            key.into(),
            row.version.into(),
            picture.value().as_bytes().into(),
        ],
    )
    .await
    .map(drop)
}

/// Removes the pictures of a recording: all, or only the one that stands for it.
pub(crate) async fn remove(tx: &mut Tx, recording: RecordingId, only_cover: bool) -> Result<(), SqlError> {
    let sql = match only_cover {
        true => "DELETE FROM previews WHERE recording_id = $1 AND cover = 1",
        false => "DELETE FROM previews WHERE recording_id = $1",
    };
    tx.execute(sql, &[recording.into()]).await.map(drop)
}

/// How far the work on a recording is. Numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is nothing yet.
    Waiting = 0,
    /// What stands for it is there; the rest waits until it does not go on any more.
    Cover = 1,
    /// All of it.
    Made = 2,
    /// It was tried often enough. What could be made is there.
    Failed = 3,
    /// There is nothing that could be shown.
    Empty = 4,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Waiting, Self::Cover, Self::Made, Self::Failed, Self::Empty];

    fn of(number: i64) -> Result<Self, SqlError> {
        let found = Self::ALL.into_iter().find(|stage| *stage as i64 == number);
        found.ok_or_else(|| SqlError::Inconsistent { table: "preview_work", column: "stage".to_owned() })
    }
}

/// The work on a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) recording: RecordingId,
    pub(crate) stage: Stage,
    /// Segments that the recording had when it was last done.
    pub(crate) segments: u64,
    /// How often it was begun and did not come to its end.
    pub(crate) tries: u32,
    /// The version of the pictures that were last made.
    pub(crate) version: u64,
    pub(crate) why: Option<String>,
}

const WORK: &str = "recording_id, stage, segments, tries, version, why";

fn work(row: &Row) -> Result<Work, SqlError> {
    Ok(Work {
        recording: row.get(0)?,
        stage: Stage::of(row.get(1)?)?,
        segments: row.get(2)?,
        tries: row.get(3)?,
        version: row.get(4)?,
        why: row.get(5)?,
    })
}

pub(crate) async fn work_on(tx: &mut Tx, recording: RecordingId) -> Result<Option<Work>, SqlError> {
    let sql = format!("SELECT {WORK} FROM preview_work WHERE recording_id = $1");
    tx.query_opt(&sql, &[recording.into()]).await?.as_ref().map(work).transpose()
}

/// The recordings in this state whose last segment came at or after `from`, in the order of that; and whether there is
/// something to do for each that is not noted.
pub(crate) async fn unknown(
    tx: &mut Tx,
    state: RecordingState,
    from: (Timestamp, RecordingId),
    limit: u32,
) -> Result<Vec<(Timestamp, RecordingId, bool)>, SqlError> {
    let sql = "SELECT r.last_segment_at, r.recording_id,
                   r.source, r.segments, w.stage, w.segments FROM recordings r LEFT JOIN preview_work w ON w.recording_id = r.recording_id
               WHERE r.state = $1 AND r.last_segment_at >= $2
                   AND (r.last_segment_at > $2 OR r.recording_id > $3)
               ORDER BY r.last_segment_at, r.recording_id LIMIT $4";
    let values = [state.into(), from.0.into(), from.1.into(), limit.into()];
    let rows = tx.query(sql, &values).await?;
    let is_new = |row: &Row| {
        let (segments, stage): (u64, Option<i64>) = (row.get(3)?, row.get(4)?);
        let is_noted = match stage {
            Some(stage) => stage < Stage::Made as i64 || row.get::<Option<u64>>(5)? == Some(segments),
            None => segments == 0,
        };
        Ok::<_, SqlError>(row.get::<Source>(2)? == Source::Screen && !is_noted)
    };
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, is_new(row)?))).collect()
}

/// Notes that there is something to do for a recording.
pub(crate) async fn note(tx: &mut Tx, recording: &Recording, now: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO preview_work (recording_id, organisation_id, stage, segments, tries, next_at, version)
         VALUES ($1, $2, $3, 0, 0, $4, 0)
         ON CONFLICT (recording_id) DO UPDATE SET stage = $5, tries = 0, next_at = excluded.next_at
         WHERE preview_work.stage >= 2 AND preview_work.segments <> $6",
        &[
            recording.id.into(),
            recording.organisation.into(),
            (Stage::Waiting as i64).into(),
            now.into(),
            (Stage::Cover as i64).into(),
            recording.segments.into(),
        ],
    )
    .await
    .map(drop)
}

/// The first work that is due, with its recording, which stays as it is until the transaction ends. It may lie in the bin.
pub(crate) async fn due(tx: &mut Tx, now: Timestamp) -> Result<Option<(Work, Recording)>, SqlError> {
    let sql = format!(
        "SELECT {} FROM preview_work w JOIN recordings r ON r.recording_id = w.recording_id
         WHERE w.stage <= 1 AND w.next_at <= $1 AND r.state IN ($2, $3, $4)
             AND (w.stage = 0 OR r.state <> $2 OR r.last_segment_at <= $5)
         ORDER BY w.stage, w.next_at, w.recording_id LIMIT 1",
        WORK.split(", ").map(|column| format!("w.{column}")).collect::<Vec<_>>().join(", ")
    );
    let quiet = now.minus(recordings::SCREEN_QUIET);
    let states = [RecordingState::Capturing, RecordingState::Active, RecordingState::SoftDeleted];
    let mut values: Vec<Value> = vec![now.into()];
    values.extend(states.map(Value::from));
    values.push(quiet.into());
    let Some(row) = tx.query_opt(&sql, &values).await? else { return Ok(None) };
    let found = work(&row)?;
    let recording = recordings::find_locked(tx, found.recording, Lock::Exclusive).await?;
    Ok(recording.map(|recording| (found, recording)))
}

/// Says how the work on a recording stands, and when it is looked at again.
pub(crate) async fn set(tx: &mut Tx, work: &Work, next_at: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE preview_work SET stage = $2, segments = $3, tries = $4, next_at = $5, version = $6, why = $7
         WHERE recording_id = $1",
        &[
            work.recording.into(),
            (work.stage as i64).into(),
            work.segments.into(),
            work.tries.into(),
            next_at.into(),
            work.version.into(),
            work.why.as_deref().into(),
        ],
    )
    .await
    .map(drop)
}

/// How many recordings could not be shown, and how many were.
pub(crate) async fn counts(tx: &mut Tx) -> Result<(u64, u64), SqlError> {
    let sql = "SELECT count(*) FROM preview_work WHERE stage = $1";
    let mut counted = [0, 0];
    for (count, stage) in counted.iter_mut().zip([Stage::Failed, Stage::Made]) {
        let row = tx.query_opt(sql, &[(stage as i64).into()]).await?;
        *count = row.map_or(Ok(0), |row| row.get(0))?;
    }
    Ok((counted[0], counted[1]))
}

/// Removes everything about a recording of which nothing is left.
pub(crate) async fn forget(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    remove(tx, recording, false).await?;
    tx.execute("DELETE FROM preview_work WHERE recording_id = $1", &[recording.into()]).await.map(drop)
}

/// Removes the pictures of a track.
pub(crate) async fn forget_track(tx: &mut Tx, track: TrackId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM previews WHERE track_id = $1", &[track.into()]).await.map(drop)
}

/// Lets the pictures of a recording be made anew, of what is left of it.
pub(crate) async fn again(tx: &mut Tx, recording: RecordingId) -> Result<(), SqlError> {
    let sql =
        "UPDATE preview_work SET stage = $2, tries = 0, next_at = 0, why = NULL WHERE recording_id = $1";
    tx.execute(sql, &[recording.into(), (Stage::Waiting as i64).into()]).await.map(drop)
}

/// The keys that pictures of a track lie under.
pub(crate) async fn keys_of_track(tx: &mut Tx, track: TrackId) -> Result<Vec<KeyId>, SqlError> {
    let rows = tx.query("SELECT key_id FROM previews WHERE track_id = $1", &[track.into()]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Removes everything of an organisation.
pub(crate) async fn depart(tx: &mut Tx, organisation: OrganisationId) -> Result<(), SqlError> {
    for sql in [
        "DELETE FROM previews WHERE organisation_id = $1",
        "DELETE FROM preview_work WHERE organisation_id = $1",
    ] {
        tx.execute(sql, &[organisation.into()]).await?;
    }
    Ok(())
}
