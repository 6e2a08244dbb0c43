//! What is left of the accounts of people who were erased: for whoever checks an erasure with a reader of the database.

use clerestory_model::{OrganisationId, PersonId, SubjectId};
use clerestory_sql::{SqlError, Tx, Value};

/// The tables that tell of somebody with an account, and the column that names them. Ended blocks, reporting lines and
/// grants of support name nobody else either, and go with whom they are about.
const OF_PERSON: [(&str, &str); 18] = [
    ("people", "person_id"),
    ("credentials", "person_id"),
    ("address_index", "person_id"),
    ("sessions", "person_id"),
    ("sign_in_links", "person_id"),
    ("pending_sign_ins", "person_id"),
    ("password_resets", "person_id"),
    ("second_factors", "person_id"),
    ("recovery_codes", "person_id"),
    ("api_keys", "made_by"),
    ("recorders", "person_id"),
    ("recorder_codes", "person_id"),
    ("invitations", "person_id"),
    ("pictures", "person_id"),
    ("person_roles", "person_id"),
    ("reporting_lines", "person_id"),
    ("blocks", "person_id"),
    ("support_grants", "person_id"),
];

/// The tables of accounts that name the organisation.
const OF_EVERYBODY: [&str; 7] =
    ["people", "sessions", "api_keys", "recorders", "pictures", "person_roles", "reporting_lines"];

/// How many tables are looked at for one account.
pub const TABLES_OF_PERSON: u64 = OF_PERSON.len() as u64;
/// How many are for all accounts of an organisation.
pub const TABLES_OF_EVERYBODY: u64 = OF_EVERYBODY.len() as u64;

/// The tables that still tell of the person that a subject is, and how many rows of each do. The subject's own row names
/// the person after the account is gone.
///
/// # Errors
/// [`SqlError`].
pub async fn left_of_person(tx: &mut Tx, subject: SubjectId) -> Result<Vec<(&'static str, u64)>, SqlError> {
    let sql = "SELECT person_id FROM subjects WHERE subject_id = $1 AND person_id IS NOT NULL
               UNION SELECT person_id FROM people WHERE subject_id = $1";
    let mut left = Vec::new();
    for row in tx.query(sql, &[subject.into()]).await? {
        let person: PersonId = row.get(0)?;
        for (table, column) in OF_PERSON {
            let count = count(tx, (table, column), person.into()).await?;
            if count > 0 {
                left.push((table, count));
            }
        }
    }
    Ok(left)
}

/// The same of everybody in an organisation.
///
/// # Errors
/// [`SqlError`].
pub async fn left_of_everybody(
    tx: &mut Tx,
    organisation: OrganisationId,
) -> Result<Vec<(&'static str, u64)>, SqlError> {
    let mut left = Vec::new();
    for table in OF_EVERYBODY {
        let count = count(tx, (table, "organisation_id"), organisation.into()).await?;
        if count > 0 {
            left.push((table, count));
        }
    }
    Ok(left)
}

async fn count(
    tx: &mut Tx,
    (table, column): (&'static str, &'static str),
    value: Value,
) -> Result<u64, SqlError> {
    let sql = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
    tx.query_opt(&sql, &[value]).await?.map_or(Ok(0), |row| row.get(0))
}
