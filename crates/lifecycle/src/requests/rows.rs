//! The rows of requests. Whoever changes one holds the organisation's turn in the log.

use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, RecordingState, RequestId, SubjectId, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use clerestory_store::{Content, Sealed};

use super::{Request, RequestKind, RequestState, touched, words_place};

const COLUMNS: &str = "request_id, organisation_id, subject_id, kind, state, asked_by, asked_at, due_at, asked, \
                       extended_by, extended_at, extension, decided_by, decided_at, answer, available_until, erasure_id";

fn wrong(column: &str) -> SqlError {
    SqlError::Inconsistent { table: "requests", column: column.to_owned() }
}

fn request(row: &Row) -> Result<Request, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let (kind, state): (i64, i64) = (row.get(3)?, row.get(4)?);
    let by = |person: usize, at: usize| -> Result<Option<(PersonId, Timestamp)>, SqlError> {
        Ok(row.get::<Option<PersonId>>(person)?.zip(row.get::<Option<Timestamp>>(at)?))
    };
    Ok(Request {
        id,
        organisation,
        subject: row.get(2)?,
        kind: RequestKind::ALL
            .into_iter()
            .find(|known| *known as i64 == kind)
            .ok_or_else(|| wrong("kind"))?,
        state: RequestState::ALL
            .into_iter()
            .find(|known| *known as i64 == state)
            .ok_or_else(|| wrong("state"))?,
        asked_by: row.get(5)?,
        asked_at: row.get(6)?,
        due_at: row.get(7)?,
        asked: words(row, 8, organisation, id)?,
        extended: by(9, 10)?,
        extension: words(row, 11, organisation, id)?,
        decided: by(12, 13)?,
        answer: words(row, 14, organisation, id)?,
        available_until: row.get(15)?,
        erasure: row.get(16)?,
    })
}

fn words<T: Content>(
    row: &Row,
    column: usize,
    organisation: OrganisationId,
    id: RequestId,
) -> Result<Option<Sealed<T>>, SqlError> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    bytes.map(|bytes| Sealed::found(bytes, words_place(organisation, id))).transpose()
}

fn bytes<T>(sealed: Option<&Sealed<T>>) -> Value
where
    T: Content,
{
    sealed.map(|sealed| sealed.value().as_bytes().to_vec()).into()
}

/// Writes a request as it is now, in the place of the one it was.
pub(crate) async fn keep(tx: &mut Tx, request: &Request) -> Result<(), SqlError> {
    let pair = |by: Option<(PersonId, Timestamp)>| -> [Value; 2] {
        by.map_or([Value::Null, Value::Null], |(person, at)| [person.into(), at.into()])
    };
    let ([extended_by, extended_at], [decided_by, decided_at]) =
        (pair(request.extended), pair(request.decided));
    let sql = format!(
        "INSERT INTO requests ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (request_id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at,
             asked = excluded.asked, extended_by = excluded.extended_by, extended_at = excluded.extended_at,
             extension = excluded.extension, decided_by = excluded.decided_by, decided_at = excluded.decided_at,
             answer = excluded.answer, available_until = excluded.available_until, erasure_id = excluded.erasure_id"
    );
    let values: [Value; 17] = [
        request.id.into(),
        request.organisation.into(),
        request.subject.into(),
        (request.kind as i64).into(),
        (request.state as i64).into(),
        request.asked_by.into(),
        request.asked_at.into(),
        request.due_at.into(),
        bytes(request.asked.as_ref()),
        extended_by,
        extended_at,
        bytes(request.extension.as_ref()),
        decided_by,
        decided_at,
        bytes(request.answer.as_ref()),
        request.available_until.into(),
        request.erasure.into(),
    ];
    tx.execute(&sql, &values).await?;
    Ok(())
}

pub(crate) async fn find(tx: &mut Tx, id: RequestId) -> Result<Option<Request>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE request_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(request).transpose()
}

pub(crate) async fn find_locked(tx: &mut Tx, id: RequestId) -> Result<Option<Request>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE request_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(request).transpose()
}

/// The requests about somebody, newest first.
pub(crate) async fn of_subject(
    tx: &mut Tx,
    subject: SubjectId,
    limit: u32,
) -> Result<Vec<Request>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM requests WHERE subject_id = $1 ORDER BY request_id DESC LIMIT $2");
    tx.query(&sql, &[subject.into(), limit.into()]).await?.iter().map(request).collect()
}

/// The requests about somebody, held until the transaction ends.
pub(crate) async fn of_subject_locked(tx: &mut Tx, subject: SubjectId) -> Result<Vec<Request>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM requests WHERE subject_id = $1 ORDER BY request_id");
    tx.query_locked(Lock::Exclusive, &sql, &[subject.into()]).await?.iter().map(request).collect()
}

/// The requests of an organisation that wait for an answer, those that are due first at the top.
pub(crate) async fn open(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Request>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM requests WHERE organisation_id = $1 AND state = 1 ORDER BY due_at, request_id LIMIT $2"
    );
    tx.query(&sql, &[organisation.into(), limit.into()]).await?.iter().map(request).collect()
}

/// The requests of an organisation that were answered or taken back, newest first.
pub(crate) async fn answered(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Request>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM requests WHERE organisation_id = $1 AND state > 1 ORDER BY request_id DESC LIMIT $2"
    );
    tx.query(&sql, &[organisation.into(), limit.into()]).await?.iter().map(request).collect()
}

/// How many requests of an organisation wait for an answer, and how many of them were due before `now`.
pub(crate) async fn waiting(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<(u64, u64), SqlError> {
    let sql = "SELECT count(*) FROM requests WHERE organisation_id = $1 AND state = 1
               UNION ALL SELECT count(*) FROM requests WHERE organisation_id = $1 AND state = 1 AND due_at <= $2";
    let rows = tx.query(sql, &[organisation.into(), now.into()]).await?;
    let count = |at: usize| rows.get(at).map_or(Ok(0), |row| row.get(0));
    Ok((count(0)?, count(1)?))
}

/// The requests of an organisation after one, in their order, of which something may be to be told: asked, decided or
/// extended since the first time, or due before the second.
pub(crate) async fn lately(
    tx: &mut Tx,
    (organisation, after): (OrganisationId, RequestId),
    (since, before): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Request>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM requests WHERE organisation_id = $1 AND request_id > $2
             AND (asked_at > $3 OR decided_at > $3 OR extended_at > $3 OR (state = 1 AND due_at <= $4))
         ORDER BY request_id LIMIT $5"
    );
    let values = [organisation.into(), after.into(), since.into(), before.into(), limit.into()];
    tx.query(&sql, &values).await?.iter().map(request).collect()
}

/// Notes that something of a request is told; `false` where it was told before.
pub(crate) async fn note_told(
    tx: &mut Tx,
    (id, event, about_at): (RequestId, i64, Timestamp),
    organisation: OrganisationId,
) -> Result<bool, SqlError> {
    let sql =
        "INSERT INTO request_mails (request_id, event, about_at, organisation_id) VALUES ($1, $2, $3, $4)
               ON CONFLICT (request_id, event, about_at) DO NOTHING";
    Ok(tx.execute(sql, &[id.into(), event.into(), about_at.into(), organisation.into()]).await? == 1)
}

/// How many recordings about somebody are hidden: deleted and not erased yet, or kept by a hold.
pub(crate) async fn hidden_recordings(tx: &mut Tx, subject: SubjectId) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM recordings WHERE subject_id = $1 AND state = $2";
    let values = [subject.into(), RecordingState::SoftDeleted.into()];
    tx.query_opt(sql, &values).await?.map_or(Ok(0), |row| row.get(0))
}

/// Removes every request of an organisation that is erased; says which.
pub(crate) async fn remove_all(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Touched>, SqlError> {
    let sql = "SELECT request_id FROM requests WHERE organisation_id = $1 ORDER BY request_id";
    let mut gone = Vec::new();
    for row in tx.query_locked(Lock::Exclusive, sql, &[organisation.into()]).await? {
        let id: RequestId = row.get(0)?;
        tx.execute("DELETE FROM requests WHERE request_id = $1", &[id.into()]).await?;
        gone.push(touched(id));
    }
    tx.execute("DELETE FROM request_mails WHERE organisation_id = $1", &[organisation.into()]).await?;
    Ok(gone)
}
