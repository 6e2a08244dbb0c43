//! Reporting lines: who reports to whom, now and before. One line of a person runs at a time; the rows of those that
//! ended stay.

use clerestory_model::{OrganisationId, PersonId, Timestamp};
use clerestory_sql::{SqlError, Tx};

/// A line, running or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who reports.
    pub person: PersonId,
    /// Which of their lines it is, counted from 1.
    pub number: u64,
    /// To whom.
    pub manager: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
}

/// To whom somebody reports now.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn manager_of(tx: &mut Tx, person: PersonId) -> Result<Option<PersonId>, SqlError> {
    let sql = "SELECT manager_id FROM reporting_lines WHERE person_id = $1 AND ended_at IS NULL";
    tx.query_opt(sql, &[person.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Every line of a person, the oldest first.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn of_person(tx: &mut Tx, person: PersonId) -> Result<Vec<Line>, SqlError> {
    let sql = "SELECT number, manager_id, since, ended_at FROM reporting_lines WHERE person_id = $1 ORDER BY number";
    let rows = tx.query(sql, &[person.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Line {
                person,
                number: row.get(0)?,
                manager: row.get(1)?,
                since: row.get(2)?,
                ended_at: row.get(3)?,
            })
        })
        .collect()
}

/// Those above somebody, the nearest first; at most `most` of them.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn above(tx: &mut Tx, person: PersonId, most: usize) -> Result<Vec<PersonId>, SqlError> {
    let (mut chain, mut next) = (Vec::new(), person);
    while let Some(manager) = manager_of(tx, next).await? {
        chain.push(manager);
        if chain.len() >= most {
            break;
        }
        next = manager;
    }
    Ok(chain)
}

/// Ends the line that runs, and begins another where there is a manager; the numbers of the lines that changed. The
/// caller has its organisation's turn and has seen that no circle comes of it.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn set(
    tx: &mut Tx,
    organisation: OrganisationId,
    person: PersonId,
    manager: Option<PersonId>,
    at: Timestamp,
) -> Result<Vec<u64>, SqlError> {
    let sql =
        "UPDATE reporting_lines SET ended_at = $1 WHERE person_id = $2 AND ended_at IS NULL RETURNING number";
    let rows = tx.query(sql, &[at.into(), person.into()]).await?;
    let mut touched = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<u64>, _>>()?;
    if let Some(manager) = manager {
        let sql = "SELECT coalesce(max(number), 0) FROM reporting_lines WHERE person_id = $1";
        let last = tx.query_opt(sql, &[person.into()]).await?.map_or(Ok(0), |row| row.get::<u64>(0))?;
        let values = [person.into(), (last + 1).into(), organisation.into(), manager.into(), at.into()];
        let sql = "INSERT INTO reporting_lines (person_id, number, organisation_id, manager_id, since)
                   VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, &values).await?;
        touched.push(last + 1);
    }
    Ok(touched)
}

/// Removes every line from and to somebody; whose they were, and their numbers.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, person: PersonId) -> Result<Vec<(PersonId, u64)>, SqlError> {
    let sql =
        "DELETE FROM reporting_lines WHERE person_id = $1 OR manager_id = $1 RETURNING person_id, number";
    let rows = tx.query(sql, &[person.into()]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
