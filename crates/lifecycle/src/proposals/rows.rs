//! The rows of proposals. Whoever changes one holds the organisation's turn in the log.

use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, ProposalId, RecordingState, RequestId, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use clerestory_store::Sealed;

use super::{CLOSES, Doomed, Ending, Extent, Proposal, ProposalState, details_place, touched};

const COLUMNS: &str = "proposal_id, organisation_id, kind, target, state, details, entry, asked_by, asked_at, ends_at, \
                       alone, decided_by, decided_at, request_id";

fn wrong(column: &str) -> SqlError {
    SqlError::Inconsistent { table: "erasure_proposals", column: column.to_owned() }
}

fn proposal(row: &Row) -> Result<Proposal, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let state: i64 = row.get(4)?;
    Ok(Proposal {
        id,
        organisation,
        doomed: match row.get::<i64>(2)? {
            1 => Doomed::Person(row.get(3)?),
            2 => Doomed::Organisation(Ending::AtOnce),
            3 => Doomed::Organisation(Ending::AfterClosing),
            4 => Doomed::RecordingsOf(row.get(3)?),
            _ => return Err(wrong("kind")),
        },
        state: ProposalState::ALL
            .into_iter()
            .find(|known| *known as i64 == state)
            .ok_or_else(|| wrong("state"))?,
        details: Sealed::found(row.get(5)?, details_place(organisation, id))?,
        entry: row.get(6)?,
        asked: (row.get(7)?, row.get(8)?),
        ends_at: row.get(9)?,
        alone: row.get(10)?,
        decided: row.get::<Option<PersonId>>(11)?.zip(row.get::<Option<Timestamp>>(12)?),
        request: row.get(13)?,
    })
}

/// Those of the rows that can be read: one that cannot, nobody agrees to.
fn readable(rows: &[Row]) -> Vec<Proposal> {
    let readable = rows.iter().filter_map(|row| match proposal(row) {
        Ok(proposal) => Some(proposal),
        Err(error) => {
            let id = row.get::<ProposalId>(0).ok().map(|id| id.to_string());
            tracing::error!(proposal = id, %error, "the row of a proposed erasure cannot be read");
            None
        }
    });
    readable.collect()
}

/// Kind and target, as they are stored.
fn stored(doomed: Doomed, organisation: OrganisationId) -> [Value; 2] {
    match doomed {
        Doomed::Person(subject) => [Value::Int(1), subject.into()],
        Doomed::Organisation(Ending::AtOnce) => [Value::Int(2), organisation.into()],
        Doomed::Organisation(Ending::AfterClosing) => [Value::Int(3), organisation.into()],
        Doomed::RecordingsOf(subject) => [Value::Int(4), subject.into()],
    }
}

/// Writes a proposal as it is now, in the place of the one it was.
pub(crate) async fn keep(tx: &mut Tx, proposal: &Proposal) -> Result<(), SqlError> {
    let [kind, target] = stored(proposal.doomed, proposal.organisation);
    let [by, at]: [Value; 2] =
        proposal.decided.map_or([Value::Null, Value::Null], |(by, at)| [by.into(), at.into()]);
    let sql = format!(
        "INSERT INTO erasure_proposals ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (proposal_id) DO UPDATE SET state = excluded.state, decided_by = excluded.decided_by,
             decided_at = excluded.decided_at"
    );
    let values: [Value; 14] = [
        proposal.id.into(),
        proposal.organisation.into(),
        kind,
        target,
        (proposal.state as i64).into(),
        proposal.details.value().as_bytes().into(),
        proposal.entry.into(),
        proposal.asked.0.into(),
        proposal.asked.1.into(),
        proposal.ends_at.into(),
        proposal.alone.into(),
        by,
        at,
        proposal.request.into(),
    ];
    tx.execute(&sql, &values).await?;
    Ok(())
}

pub(crate) async fn find(tx: &mut Tx, id: ProposalId) -> Result<Option<Proposal>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasure_proposals WHERE proposal_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(proposal).transpose()
}

pub(crate) async fn find_locked(tx: &mut Tx, id: ProposalId) -> Result<Option<Proposal>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasure_proposals WHERE proposal_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(proposal).transpose()
}

/// The one that waits for somebody to agree to erasing just this, at once or later, or by which it is closing.
pub(crate) async fn waiting_for(
    tx: &mut Tx,
    organisation: OrganisationId,
    doomed: Doomed,
    now: Timestamp,
) -> Result<Option<Proposal>, SqlError> {
    let [kind, target] = stored(doomed, organisation);
    let kinds = match doomed {
        Doomed::Person(_) | Doomed::RecordingsOf(_) => [kind.clone(), kind],
        Doomed::Organisation(_) => [Value::Int(2), Value::Int(3)],
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM erasure_proposals WHERE organisation_id = $1 AND target = $2 AND kind IN ($6, $7)
         AND (state = $3 OR (state = $4 AND (ends_at > $5 OR alone = 1))) ORDER BY proposal_id DESC LIMIT 1"
    );
    let [closing, waits] = [ProposalState::Closing, ProposalState::Waits].map(|state| (state as i64).into());
    let [kind, or_kind] = kinds;
    let values = [organisation.into(), target, closing, waits, now.into(), kind, or_kind];
    tx.query_opt(&sql, &values).await?.as_ref().map(proposal).transpose()
}

/// The one that waits for somebody to agree to what this request asks for.
pub(crate) async fn waiting_by_request(
    tx: &mut Tx,
    request: RequestId,
) -> Result<Option<Proposal>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasure_proposals WHERE request_id = $1 AND state = $2");
    let values = [request.into(), (ProposalState::Waits as i64).into()];
    tx.query_opt(&sql, &values).await?.as_ref().map(proposal).transpose()
}

/// Those of an organisation, newest first, at most `limit`.
pub(crate) async fn list(
    tx: &mut Tx,
    organisation: OrganisationId,
    limit: u32,
) -> Result<Vec<Proposal>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasure_proposals WHERE organisation_id = $1 ORDER BY proposal_id DESC LIMIT $2"
    );
    Ok(readable(&tx.query(&sql, &[organisation.into(), limit.into()]).await?))
}

/// How many of an organisation wait for somebody, or for the day on which it is erased.
pub(crate) async fn count_waiting(
    tx: &mut Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let sql = "SELECT count(*) FROM erasure_proposals WHERE organisation_id = $1
             AND (state = $2 OR (state = $3 AND (ends_at > $4 OR alone = 1)))";
    let [closing, waits] = [ProposalState::Closing, ProposalState::Waits].map(|state| (state as i64).into());
    let values = [organisation.into(), closing, waits, now.into()];
    tx.query_opt(sql, &values).await?.map_or(Ok(0), |row| row.get(0))
}

/// Those whose time is over and that nobody else could have agreed to, but for rows that cannot be read.
pub(crate) async fn ripe(tx: &mut Tx, now: Timestamp) -> Result<Vec<Proposal>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasure_proposals WHERE state = $1 AND alone = 1 AND ends_at <= $2 ORDER BY proposal_id"
    );
    let values = [(ProposalState::Waits as i64).into(), now.into()];
    Ok(readable(&tx.query(&sql, &values).await?))
}

/// Those whose organisation has been closing for as long as it does, but for rows that cannot be read.
pub(crate) async fn closed(tx: &mut Tx, now: Timestamp) -> Result<Vec<Proposal>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM erasure_proposals WHERE state = $1 AND decided_at <= $2 ORDER BY proposal_id"
    );
    let values = [(ProposalState::Closing as i64).into(), now.minus(CLOSES).into()];
    Ok(readable(&tx.query(&sql, &values).await?))
}

/// Every organisation that is closing, with when that began.
pub(crate) async fn closing(tx: &mut Tx) -> Result<Vec<(OrganisationId, Timestamp)>, SqlError> {
    let sql = "SELECT organisation_id, decided_at FROM erasure_proposals WHERE state = $1 AND decided_at IS NOT NULL";
    let rows = tx.query(sql, &[(ProposalState::Closing as i64).into()]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Those that wait or are closing, in every organisation, but for rows that cannot be read.
pub(crate) async fn all_waiting(tx: &mut Tx) -> Result<Vec<Proposal>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM erasure_proposals WHERE state IN ($1, $2) ORDER BY proposal_id");
    let values = [ProposalState::Waits, ProposalState::Closing].map(|state| (state as i64).into());
    Ok(readable(&tx.query(&sql, &values).await?))
}

/// How much would go now.
pub(crate) async fn extent(
    tx: &mut Tx,
    organisation: OrganisationId,
    doomed: Doomed,
) -> Result<Extent, SqlError> {
    let (of_recordings, of_people, target): (&str, &str, Value) = match doomed {
        Doomed::Person(subject) => ("subject_id = $2", "subject_id = $2", subject.into()),
        Doomed::RecordingsOf(subject) => (
            "subject_id = $2 AND NOT EXISTS (
                 SELECT 1 FROM restrictions x WHERE x.recording_id = recordings.recording_id)",
            "subject_id = $2 AND 1 = 0",
            subject.into(),
        ),
        Doomed::Organisation(_) => ("organisation_id = $2", "organisation_id = $2", organisation.into()),
    };
    let recordings = format!(
        "SELECT count(*) FROM recordings WHERE organisation_id = $1 AND {of_recordings} AND state < $3 AND segments > 0"
    );
    let people = format!("SELECT count(*) FROM people WHERE organisation_id = $1 AND {of_people}");
    let gone = RecordingState::PurgeQueued.into();
    let found = tx.query_opt(&recordings, &[organisation.into(), target.clone(), gone]).await?;
    let recordings = found.map_or(Ok(0), |row| row.get(0))?;
    let found = tx.query_opt(&people, &[organisation.into(), target]).await?;
    Ok(Extent { recordings, people: found.map_or(Ok(0), |row| row.get(0))? })
}

/// Removes what was proposed until a moment about something that is erased; says which rows went.
pub(crate) async fn forget(
    tx: &mut Tx,
    organisation: OrganisationId,
    (doomed, until): (Doomed, Timestamp),
) -> Result<Vec<Touched>, SqlError> {
    let [kind, target] = stored(doomed, organisation);
    let sql = "DELETE FROM erasure_proposals WHERE organisation_id = $1 AND kind = $2 AND target = $3
               AND asked_at <= $4 RETURNING proposal_id";
    let rows = tx.query(sql, &[organisation.into(), kind, target, until.into()]).await?;
    rows.iter().map(|row| Ok(touched(row.get(0)?))).collect()
}

/// Removes every proposal of an organisation that is erased; says which.
pub(crate) async fn remove_all(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM erasure_proposals WHERE organisation_id = $1 RETURNING proposal_id";
    tx.query(sql, &[organisation.into()]).await?.iter().map(|row| Ok(touched(row.get(0)?))).collect()
}
