//! Recordings: one time span about one subject.

use std::time::Duration;

use clerestory_model::{
    KeyId, OrganisationId, PersonId, ProjectId, RecordingId, RecordingState, RetentionClass, SiteId, Source,
    SubjectId, Timestamp,
};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::tree::NodeId;
use crate::{About, Content, Kind, Place, Sealed, retention};

/// What a list shows of a recording: content, so sealed under the subject's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Title of the latest page that had one.
    pub title: String,
    /// Address of the latest page, without query or fragment.
    pub url: String,
    /// Pages entered.
    pub pages: u32,
    /// Clicks and taps.
    pub clicks: u32,
    /// Changes of form fields.
    pub inputs: u32,
    /// Errors seen by the recorder.
    pub errors: u32,
}

impl Content for Summary {
    const KIND: Kind = Kind::Recording;
    const TABLE: &'static str = "recordings";
    const COLUMN: &'static str = "summary";
}

/// A recording's row.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Which project it belongs to.
    pub project: ProjectId,
    /// Which site it came from.
    pub site: Option<SiteId>,
    /// Whom it is about.
    pub subject: SubjectId,
    /// What captured it.
    pub source: Source,
    /// How far its life has gone.
    pub state: RecordingState,
    /// The policy it was last captured under.
    pub policy_version: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// End of its last segment.
    pub ended_at: Timestamp,
    /// When its last segment arrived.
    pub last_segment_at: Timestamp,
    /// When its longest-living track falls due.
    pub kept_until: Timestamp,
    /// Sealed bytes of all its segments.
    pub size_bytes: u64,
    /// How many segments it has.
    pub segments: u64,
    /// Title, address, counts.
    pub summary: Option<Sealed<Summary>>,
    /// The version of the summary.
    pub summary_version: u64,
    /// The key that the summary is sealed under: of this recording alone, so that the summary dies with any part of it.
    pub summary_key: Option<KeyId>,
}

/// A browser that sends says something every few seconds. One that has been silent for longer was closed, or sleeps, and may
/// go on later: meanwhile what it recorded is not about now.
pub const SCREEN_QUIET: Duration = Duration::from_secs(120);

impl Recording {
    /// Whether it is being recorded now. What is watched then is watched live.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        let is_heard = self.source != Source::Screen || now.since(self.last_segment_at) < SCREEN_QUIET;
        self.state == RecordingState::Capturing && is_heard
    }
}

/// Where a recording's summary stands.
#[must_use]
pub fn summary_place(organisation: OrganisationId, id: RecordingId, version: u64) -> Place {
    Place { organisation, about: About::Recording(id), row: *id.as_bytes(), version }
}

const COLUMNS: &str = "recording_id, organisation_id, project_id, site_id, subject_id, source, state, policy_version, \
                       started_at, ended_at, last_segment_at, kept_until, size_bytes, segments, summary, summary_version, \
                       summary_key";

fn recording(row: &Row) -> Result<Recording, SqlError> {
    let (id, organisation, version) = (row.get(0)?, row.get(1)?, row.get(15)?);
    let summary: Option<Vec<u8>> = row.get(14)?;
    Ok(Recording {
        id,
        organisation,
        project: row.get(2)?,
        site: row.get(3)?,
        subject: row.get(4)?,
        source: row.get(5)?,
        state: row.get(6)?,
        policy_version: row.get(7)?,
        started_at: row.get(8)?,
        ended_at: row.get(9)?,
        last_segment_at: row.get(10)?,
        kept_until: row.get(11)?,
        size_bytes: row.get(12)?,
        segments: row.get(13)?,
        summary: summary
            .map(|bytes| Sealed::found(bytes, summary_place(organisation, id, version)))
            .transpose()?,
        summary_version: version,
        summary_key: row.get(16)?,
    })
}

/// Adds a recording.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken.
pub async fn insert(tx: &mut Tx, new: &Recording) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO recordings (recording_id, organisation_id, project_id, site_id, subject_id, source, state,
             policy_version, started_at, ended_at, last_segment_at, kept_until, size_bytes, segments, summary_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            new.id.into(),
            new.organisation.into(),
            new.project.into(),
            new.site.map_or(Value::Null, Value::from),
            new.subject.into(),
            new.source.into(),
            new.state.into(),
            new.policy_version.into(),
            new.started_at.into(),
            new.ended_at.into(),
            new.last_segment_at.into(),
            new.kept_until.into(),
            new.size_bytes.into(),
            new.segments.into(),
            new.summary_version.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The recording with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: RecordingId) -> Result<Option<Recording>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM recordings WHERE recording_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(recording).transpose()
}

/// As [`find`], and the row stays as it is until the transaction ends.
///
/// # Errors
/// As [`find`].
pub async fn find_locked(tx: &mut Tx, id: RecordingId, lock: Lock) -> Result<Option<Recording>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM recordings WHERE recording_id = $1");
    tx.query_opt_locked(lock, &sql, &[id.into()]).await?.as_ref().map(recording).transpose()
}

/// What a new segment changes in its recording.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The recording.
    pub id: RecordingId,
    /// End of the segment, if later than any before.
    pub ended_at: Timestamp,
    /// When the segment arrived.
    pub received_at: Timestamp,
    /// From when the retention of the segment's track counts now.
    pub kept_from: Timestamp,
    /// What decides how long that track is kept.
    pub class: RetentionClass,
    /// Sealed bytes of the segment.
    pub size_bytes: u64,
    /// The policy it was captured under; a recording names the newest of its segments'.
    pub policy_version: u64,
}

/// Counts a new segment in. One that comes after the recording was closed does not make it younger. `false` when the
/// recording takes none any more: it was deleted, or is being erased.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn grow(tx: &mut Tx, growth: &Growth) -> Result<bool, SqlError> {
    let grown = tx
        .execute(
            "UPDATE recordings SET segments = segments + 1, size_bytes = size_bytes + $1,
             ended_at = CASE WHEN ended_at < $2 THEN $2 ELSE ended_at END,
             policy_version = CASE WHEN policy_version < $4 THEN $4 ELSE policy_version END,
             last_segment_at = CASE WHEN state = $7 THEN $3 ELSE last_segment_at END,
             kept_until = (SELECT max(due) FROM (
                 SELECT recordings.kept_until AS due
                 UNION ALL SELECT $5 + coalesce((SELECT s.kept_us FROM retentions s
                     WHERE s.project_id = recordings.project_id AND s.class = $9), $10)) dues)
         WHERE recording_id = $6 AND state <= $8",
            &[
                growth.size_bytes.into(),
                growth.ended_at.into(),
                growth.received_at.into(),
                growth.policy_version.into(),
                growth.kept_from.into(),
                growth.id.into(),
                RecordingState::Capturing.into(),
                RecordingState::Active.into(),
                growth.class.into(),
                retention::micros(retention::usual(growth.class)),
            ],
        )
        .await?;
    Ok(grown == 1)
}

/// Locks a recording until the transaction ends, before its tracks; `false` when it is gone.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn lock(tx: &mut Tx, id: RecordingId) -> Result<bool, SqlError> {
    let sql = "SELECT state FROM recordings WHERE recording_id = $1";
    Ok(tx.query_opt_locked(Lock::Exclusive, sql, &[id.into()]).await?.is_some())
}

/// Counts that a recording has so many bytes and segments more, or fewer, than before: they were packed anew, or
/// erased.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the recording is gone.
pub async fn resize(tx: &mut Tx, id: RecordingId, bytes: i64, segments: i64) -> Result<(), SqlError> {
    let sql = "UPDATE recordings SET size_bytes = size_bytes + $1, segments = segments + $2 WHERE recording_id = $3";
    tx.execute_one("recordings", sql, &[bytes.into(), segments.into(), id.into()]).await
}

/// Says again what a recording's segments say of it: how many there are, how large, and until when.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the recording is gone.
pub async fn recount(tx: &mut Tx, of: &Recording) -> Result<(), SqlError> {
    let sql = "UPDATE recordings SET ended_at = $1, last_segment_at = $2, kept_until = $3, size_bytes = $4,
                   segments = $5, policy_version = $6, state = $7 WHERE recording_id = $8";
    let values = [
        of.ended_at.into(),
        of.last_segment_at.into(),
        of.kept_until.into(),
        of.size_bytes.into(),
        of.segments.into(),
        of.policy_version.into(),
        of.state.into(),
        of.id.into(),
    ];
    tx.execute_one("recordings", sql, &values).await
}

/// Replaces the summary of the version before `version`.
///
/// # Errors
/// [`SqlError::Inconsistent`] when somebody else replaced it meanwhile.
pub async fn summarise(
    tx: &mut Tx,
    id: RecordingId,
    summary: &Sealed<Summary>,
    version: u64,
) -> Result<(), SqlError> {
    tx.execute_one(
        "recordings",
        "UPDATE recordings SET summary = $1, summary_version = $2, summary_key = $4
         WHERE recording_id = $3 AND summary_version + 1 = $2",
        &[summary.value().as_bytes().into(), version.into(), id.into(), summary.value().key().into()],
    )
    .await
}

/// Says under which key lies what derives from a recording alone, where nothing is summarised of it yet.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the recording is gone.
pub async fn set_summary_key(tx: &mut Tx, id: RecordingId, key: KeyId) -> Result<(), SqlError> {
    let sql = "UPDATE recordings SET summary_key = $1 WHERE recording_id = $2";
    tx.execute_one("recordings", sql, &[key.into(), id.into()]).await
}

/// The recordings that have segments and no summary, after the one given, at most `limit`; those of them that are being
/// erased are left out.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn without_summary(
    tx: &mut Tx,
    after: RecordingId,
    limit: u32,
) -> Result<Vec<RecordingId>, SqlError> {
    let sql =
        "SELECT recording_id FROM recordings WHERE recording_id > $1 AND summary IS NULL AND segments > 0
                   AND state < $2 ORDER BY recording_id LIMIT $3";
    let values = [after.into(), RecordingState::PurgeQueued.into(), limit.into()];
    tx.query(sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// The organisations that have recordings of `source` whose last segment came before `silent_since`.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn silent_organisations(
    tx: &mut Tx,
    source: Source,
    silent_since: Timestamp,
) -> Result<Vec<OrganisationId>, SqlError> {
    let sql = "SELECT DISTINCT organisation_id FROM recordings
               WHERE state = $1 AND source = $2 AND last_segment_at < $3";
    let values = [RecordingState::Capturing.into(), source.into(), silent_since.into()];
    tx.query(sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// Closes every recording of an organisation and `source` whose last segment came before `silent_since`; says which.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn close_silent(
    tx: &mut Tx,
    organisation: OrganisationId,
    source: Source,
    silent_since: Timestamp,
) -> Result<Vec<RecordingId>, SqlError> {
    let rows = tx
        .query(
            "UPDATE recordings SET state = $1
             WHERE organisation_id = $5 AND state = $2 AND source = $3 AND last_segment_at < $4
             RETURNING recording_id",
            &[
                RecordingState::Active.into(),
                RecordingState::Capturing.into(),
                source.into(),
                silent_since.into(),
                organisation.into(),
            ],
        )
        .await?;
    let mut closed = Vec::with_capacity(rows.len());
    for row in rows {
        let id: RecordingId = row.get(0)?;
        tx.execute(
            "UPDATE tracks SET state = $1 WHERE recording_id = $2 AND state = $3",
            &[RecordingState::Active.into(), id.into(), RecordingState::Capturing.into()],
        )
        .await?;
        closed.push(id);
    }
    Ok(closed)
}

/// Closes one recording that its recorder ended.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn close(tx: &mut Tx, id: RecordingId) -> Result<(), SqlError> {
    for sql in [
        "UPDATE recordings SET state = $1 WHERE recording_id = $2 AND state = $3",
        "UPDATE tracks SET state = $1 WHERE recording_id = $2 AND state = $3",
    ] {
        tx.execute(sql, &[RecordingState::Active.into(), id.into(), RecordingState::Capturing.into()])
            .await?;
    }
    Ok(())
}

/// Counts a watching.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the recording is gone.
pub async fn note_play(tx: &mut Tx, id: RecordingId) -> Result<(), SqlError> {
    let sql = "UPDATE recordings SET plays = plays + 1 WHERE recording_id = $1";
    tx.execute_one("recordings", sql, &[id.into()]).await
}

/// Says how often a recording was watched.
///
/// # Errors
/// [`SqlError::Inconsistent`] when the recording is gone.
pub async fn set_plays(tx: &mut Tx, id: RecordingId, plays: u64) -> Result<(), SqlError> {
    let sql = "UPDATE recordings SET plays = $1 WHERE recording_id = $2";
    tx.execute_one("recordings", sql, &[plays.into(), id.into()]).await
}

/// Which recordings a list asks for. All of it is clear data; what is sealed cannot be filtered on here.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only about this person.
    pub person: Option<PersonId>,
    /// Only captured by this.
    pub source: Option<Source>,
    /// Only of this site.
    pub site: Option<SiteId>,
    /// Only in this state; capturing and active where none is said.
    pub state: Option<RecordingState>,
    /// Where no state is said, what is hidden as well: deleted and not erased, or set aside.
    pub hidden: bool,
    /// Only those whose keys a hold pins.
    pub held: bool,
    /// Only those that went on at or after.
    pub from: Option<Timestamp>,
    /// Only begun before.
    pub to: Option<Timestamp>,
    /// Only at least this long, in microseconds.
    pub min_duration_us: Option<i64>,
    /// Only those watched by somebody, or by nobody.
    pub watched: Option<bool>,
    /// Only before this one in the order of the list.
    pub after: Option<(Timestamp, RecordingId)>,
    /// At most this many.
    pub limit: u32,
}

/// How long before a time recordings are looked for that went on then. Screens go on for a day and their last run, visits for
/// hours; an import of more is found by when it began.
const LONGEST: Duration = Duration::from_secs(48 * 3600);

/// A condition made by a decision: which rows a scope lets through.
#[derive(Clone, Debug)]
pub struct ScopeFilter {
    /// Whose rows.
    pub organisation: OrganisationId,
    /// About whom.
    pub subjects: Subjects,
    /// What is left of it where a grant of support lends it.
    pub lent: Option<Lent>,
}

impl ScopeFilter {
    /// What a query on `recordings` says beside its other conditions, so that it finds no row but those within the scope and
    /// of its organisation: each part begins with `AND`. Its values are put behind those that there are.
    #[must_use]
    pub fn condition(&self, values: &mut Vec<Value>) -> String {
        values.push(self.organisation.into());
        let mut sql = format!(" AND recordings.organisation_id = ${}", values.len());
        if let Some((condition, value)) = self.subjects.condition("recordings.subject_id") {
            values.push(value);
            sql.push_str(&format!(" AND {}", condition.replace('#', &format!("${}", values.len()))));
        }
        if let Some((condition, more)) = self.lent.map(Lent::condition) {
            sql.push_str(&format!(" AND {}", numbered(&condition, more, values)));
        }
        sql
    }
}

/// What a grant of support lends of recordings: those that are not going on any more, below a node or everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent {
    /// A domain or project, for the recordings of its projects; a team, for those about who works in it.
    pub node: Option<NodeId>,
}

impl Lent {
    /// The condition on rows of recordings, and the values that stand for each `#` in it, in order.
    fn condition(self) -> (String, Vec<Value>) {
        let mut values = vec![RecordingState::Capturing.into()];
        let below = match self.node {
            None => "",
            Some(NodeId::Domain(id)) => {
                values.push(id.into());
                " AND recordings.project_id IN (SELECT l.project_id FROM projects l WHERE l.domain_id = #)"
            }
            Some(NodeId::Project(id)) => {
                values.push(id.into());
                " AND recordings.project_id = #"
            }
            Some(NodeId::Team(id)) => {
                values.push(id.into());
                " AND recordings.subject_id IN (SELECT l.subject_id FROM people l WHERE l.team_id = #)"
            }
        };
        (format!("recordings.state > #{below}"), values)
    }
}

/// The condition with its values behind those that there are.
fn numbered(condition: &str, more: Vec<Value>, values: &mut Vec<Value>) -> String {
    let mut parts = condition.split('#');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(more) {
        values.push(value);
        sql.push_str(&format!("${}{part}", values.len()));
    }
    sql
}

/// Whether a grant of support lends this recording.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn is_lent(tx: &mut Tx, id: RecordingId, lent: Lent) -> Result<bool, SqlError> {
    let mut values: Vec<Value> = vec![id.into()];
    let (condition, more) = lent.condition();
    let condition = numbered(&condition, more, &mut values);
    let sql = format!("SELECT 1 FROM recordings WHERE recording_id = $1 AND {condition}");
    Ok(tx.query_opt(&sql, &values).await?.is_some())
}

/// About whom a scope's rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subjects {
    /// About anybody.
    All,
    /// About this subject alone.
    One(SubjectId),
    /// About this person and those who report to them now.
    Reports {
        /// To whom they report.
        manager: PersonId,
        /// Whether also about visitors, who are nobody's reports.
        visitors: bool,
    },
}

impl Subjects {
    /// The condition on the column with the subject, and the value that stands for each `#` in it; none where every row
    /// is let through.
    pub(crate) fn condition(self, column: &str) -> Option<(String, Value)> {
        match self {
            Self::All => None,
            Self::One(subject) => Some((format!("{column} = #"), subject.into())),
            Self::Reports { manager, visitors } => Some((
                format!(
                    "EXISTS (SELECT 1 FROM subjects s WHERE s.subject_id = {column} AND ({} \
                     s.person_id = # OR s.person_id IN (SELECT l.person_id FROM reporting_lines l \
                     WHERE l.manager_id = # AND l.ended_at IS NULL)))",
                    if visitors { "s.person_id IS NULL OR" } else { "" }
                ),
                manager.into(),
            )),
        }
    }
}

/// The recordings a scope lets through and the filter asks for, newest first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn list(tx: &mut Tx, scope: &ScopeFilter, filter: &Filter) -> Result<Vec<Recording>, SqlError> {
    let mut sql = format!("SELECT {COLUMNS} FROM recordings WHERE organisation_id = $1 AND segments > 0");
    let mut values: Vec<Value> = vec![scope.organisation.into()];
    let mut also = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('#', &format!("${}", values.len())));
    };
    if let Some(person) = filter.person {
        also("subject_id IN (SELECT s.subject_id FROM subjects s WHERE s.person_id = #)", person.into());
    }
    if let Some(source) = filter.source {
        also("source = #", source.into());
    }
    if let Some(site) = filter.site {
        also("site_id = #", site.into());
    }
    match filter.state {
        Some(state) => also("state = #", state.into()),
        // What is erased, or about to be, is listed for whoever asks for it; what was deleted is in a list of its own.
        None if filter.hidden => also("state < #", RecordingState::PurgeQueued.into()),
        None => also("state < #", RecordingState::SoftDeleted.into()),
    }
    if filter.held {
        let pinned = "EXISTS (SELECT 1 FROM tracks t JOIN key_rows k ON k.key_id = t.key_id
                          WHERE t.recording_id = recordings.recording_id AND k.pins > #)";
        also(pinned, Value::Int(0));
    }
    if let Some(to) = filter.to {
        also("started_at < #", to.into());
    }
    if let Some(least) = filter.min_duration_us {
        also("ended_at - started_at >= #", least.into());
    }
    if let Some((at, id)) = filter.after {
        also("started_at <= #", at.into());
        let started = values.len();
        values.push(id.into());
        sql.push_str(&format!(" AND (started_at < ${started} OR recording_id < ${})", values.len()));
    }
    if let Some(from) = filter.from {
        values.extend([from.minus(LONGEST).into(), from.into(), RecordingState::Capturing.into()]);
        let at = values.len();
        sql.push_str(&format!(
            " AND started_at >= ${} AND (ended_at >= ${} OR state = ${at})",
            at - 2,
            at - 1
        ));
    }
    match filter.watched {
        Some(true) => sql.push_str(" AND plays > 0"),
        Some(false) => sql.push_str(" AND plays = 0"),
        None => {}
    }
    sql.push_str(&scope.condition(&mut values));
    values.push(filter.limit.into());
    sql.push_str(&format!(" ORDER BY started_at DESC, recording_id DESC LIMIT ${}", values.len()));
    tx.query(&sql, &values).await?.iter().map(recording).collect()
}
