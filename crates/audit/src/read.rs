//! Reading entries. Their personal parts stay sealed: `vault` opens them for a grant.

use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx, Value};
use clerestory_store::Sealed;
use clerestory_store::recordings::Subjects;

use crate::entry::personal_place;
use crate::{ActorKind, Audit, AuditError, Class, Entry, ObjectRef, Outcome};

/// Which entries are asked for, newest first.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// Only of this action.
    pub action: Option<String>,
    /// Only by this actor.
    pub actor: Option<[u8; 16]>,
    /// Only with this outcome.
    pub outcome: Option<Outcome>,
    /// Only about this object.
    pub object: Option<[u8; 16]>,
    /// Only at or after.
    pub from: Option<Timestamp>,
    /// Only before.
    pub to: Option<Timestamp>,
    /// Only with a smaller number.
    pub before: Option<u64>,
    /// Only about these people, and about recordings of them; about anybody where nothing is said.
    pub about: Option<Subjects>,
    /// At most this many.
    pub limit: u32,
}

/// The condition that an entry tells of somebody: of the person, or of a recording about them. What people do themselves
/// is not about them: whoever leads somebody learns from the log who looked at them, and not what they asked for.
fn about(subjects: Subjects) -> Option<(&'static str, Value)> {
    match subjects {
        Subjects::All => None,
        Subjects::One(subject) => Some((
            "(object IN (SELECT p.person_id FROM people p WHERE p.subject_id = #)
              OR object IN (SELECT r.recording_id FROM recordings r WHERE r.subject_id = #))",
            subject.into(),
        )),
        // Visitors report to nobody, and have no place in anybody's part of the log. The program writes of mails and the
        // like what would tell that somebody asked for something.
        Subjects::Reports { manager, .. } => Some((
            "actor_kind IN (1, 5) AND actor NOT IN (SELECT l.person_id FROM reporting_lines l
                                                    WHERE l.manager_id = # AND l.ended_at IS NULL)
             AND (object = # OR object IN (SELECT l.person_id FROM reporting_lines l
                                       WHERE l.manager_id = # AND l.ended_at IS NULL)
              OR object IN (SELECT r.recording_id FROM recordings r JOIN subjects s ON s.subject_id = r.subject_id
                            WHERE s.person_id = # OR s.person_id IN
                                (SELECT l.person_id FROM reporting_lines l
                                 WHERE l.manager_id = # AND l.ended_at IS NULL)))",
            manager.into(),
        )),
    }
}

pub(crate) const COLUMNS: &str = "organisation_id, number, at, action, class_uid, activity_id, outcome, rule, \
     actor_kind, actor, object_kind, object, request_id, salt, personal, previous_hash, hash";

pub(crate) fn entry(row: &Row) -> Result<Entry, SqlError> {
    entry_at(row, 0)
}

/// An entry whose [`COLUMNS`] begin at `first`.
pub(crate) fn entry_at(row: &Row, first: usize) -> Result<Entry, SqlError> {
    let wrong = |column: &str| SqlError::Inconsistent { table: "audit_entries", column: column.to_owned() };
    let (organisation, number): (OrganisationId, u64) = (row.get(first)?, row.get(first + 1)?);
    let object = ObjectRef { kind: row.get(first + 10)?, id: row.get(first + 11)? };
    let personal: Option<Vec<u8>> = row.get(first + 14)?;
    let place = personal_place(organisation, number, object.id);
    let personal = personal.map(|bytes| Sealed::found(bytes, place)).transpose()?;
    Ok(Entry {
        organisation,
        number,
        at: row.get(first + 2)?,
        action: row.get(first + 3)?,
        class: Class { uid: row.get(first + 4)?, activity: row.get(first + 5)? },
        outcome: Outcome::from_number(row.get(first + 6)?).ok_or_else(|| wrong("outcome"))?,
        rule: row.get(first + 7)?,
        actor_kind: ActorKind::from_number(row.get(first + 8)?).ok_or_else(|| wrong("actor_kind"))?,
        actor: row.get(first + 9)?,
        object,
        request_id: row.get(first + 12)?,
        salt: row.get(first + 13)?,
        personal,
        previous_hash: row.get(first + 15)?,
        hash: row.get(first + 16)?,
    })
}

/// The newest time before `now` that the newest entry of any log tells of. What a clock that ran ahead once wrote says
/// nothing about it.
///
/// # Errors
/// [`SqlError`].
pub async fn newest_time(tx: &mut Tx, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let sql = "SELECT max(e.at) FROM audit_heads h JOIN audit_entries e
                   ON e.organisation_id = h.organisation_id AND e.number = h.number WHERE e.at <= $1";
    tx.query_opt(sql, &[now.into()]).await?.map_or(Ok(None), |row| row.get(0))
}

impl Audit {
    /// The entries of an organisation that the filter asks for, newest first.
    ///
    /// # Errors
    /// [`AuditError::Sql`].
    pub async fn list(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        filter: &EntryFilter,
    ) -> Result<Vec<Entry>, AuditError> {
        let mut sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE organisation_id = $1");
        let mut values: Vec<Value> = vec![organisation.into()];
        let conditions: [(&str, Option<Value>); 7] = [
            ("action =", filter.action.as_deref().map(Value::from)),
            ("actor =", filter.actor.map(Value::from)),
            ("outcome =", filter.outcome.map(|outcome| Value::Int(outcome as i64))),
            ("object =", filter.object.map(Value::from)),
            ("at >=", filter.from.map(Value::from)),
            ("at <", filter.to.map(Value::from)),
            ("number <", filter.before.map(Value::from)),
        ];
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(value);
                sql.push_str(&format!(" AND {condition} ${}", values.len()));
            }
        }
        if let Some((condition, value)) = filter.about.and_then(about) {
            values.push(value);
            sql.push_str(&format!(" AND {}", condition.replace('#', &format!("${}", values.len()))));
        }
        values.push(filter.limit.into());
        sql.push_str(&format!(" ORDER BY number DESC LIMIT ${}", values.len()));
        Ok(tx.query(&sql, &values).await?.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// One entry.
    ///
    /// # Errors
    /// [`AuditError::Sql`].
    pub async fn find(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        number: u64,
    ) -> Result<Option<Entry>, AuditError> {
        let sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE organisation_id = $1 AND number = $2");
        let row = tx.query_opt(&sql, &[organisation.into(), number.into()]).await?;
        Ok(row.as_ref().map(entry).transpose()?)
    }
}
