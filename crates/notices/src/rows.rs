//! The outbox: mails that were not sent yet.

use clerestory_model::{MailId, OrganisationId, PersonId, Timestamp};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

/// A mail in plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
}

impl Content for Mail {
    const KIND: Kind = Kind::Mail;
    const TABLE: &'static str = "outbox";
    const COLUMN: &'static str = "mail";
}

pub(crate) fn place(organisation: OrganisationId, person: PersonId, id: MailId) -> Place {
    Place { organisation, about: About::Person(person), row: *id.as_bytes(), version: 1 }
}

/// A mail whose time has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) id: MailId,
    pub(crate) organisation: OrganisationId,
    pub(crate) person: PersonId,
    pub(crate) attempts: u64,
    pub(crate) due_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

pub(crate) async fn insert(
    tx: &mut Tx,
    id: MailId,
    (organisation, person): (OrganisationId, PersonId),
    mail: &Sealed<Mail>,
    (due_at, ends_at): (Timestamp, Timestamp),
) -> Result<(), SqlError> {
    let sql = "INSERT INTO outbox (mail_id, organisation_id, person_id, mail, attempts, due_at, ends_at)
               VALUES ($1, $2, $3, $4, 0, $5, $6)";
    let values = [
        id.into(),
        organisation.into(),
        person.into(),
        mail.value().as_bytes().into(),
        due_at.into(),
        ends_at.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

pub(crate) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<Due>, SqlError> {
    let sql = "SELECT mail_id, organisation_id, person_id, attempts, due_at, ends_at FROM outbox
               WHERE due_at <= $1 ORDER BY due_at, mail_id LIMIT $2";
    let rows = tx.query(sql, &[now.into(), limit.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                id: row.get(0)?,
                organisation: row.get(1)?,
                person: row.get(2)?,
                attempts: row.get(3)?,
                due_at: row.get(4)?,
                ends_at: row.get(5)?,
            })
        })
        .collect()
}

/// The mail, if nobody took it since it was found due; the next attempt is due at `again_at`.
pub(crate) async fn claim(
    tx: &mut Tx,
    due: Due,
    again_at: Timestamp,
) -> Result<Option<Sealed<Mail>>, SqlError> {
    let sql = "UPDATE outbox SET attempts = attempts + 1, due_at = $1 WHERE mail_id = $2 AND due_at = $3
               RETURNING mail";
    let row = tx.query_opt(sql, &[again_at.into(), due.id.into(), due.due_at.into()]).await?;
    row.map(|row| Sealed::found(row.get(0)?, place(due.organisation, due.person, due.id))).transpose()
}

pub(crate) async fn remove(tx: &mut Tx, id: MailId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM outbox WHERE mail_id = $1", &[id.into()]).await.map(drop)
}

pub(crate) async fn forget(tx: &mut Tx, person: PersonId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM outbox WHERE person_id = $1", &[person.into()]).await.map(drop)
}
