//! Grants of support: somebody from outside is let in, for a time and for some of what there is.

use clerestory_model::{OrganisationId, PersonId, SupportGrantId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::recordings::ScopeFilter;
use crate::tree::NodeId;
use crate::{About, Content, Kind, Place, Sealed};

/// Why somebody is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportReason(pub String);

impl Content for SupportReason {
    const KIND: Kind = Kind::Person;
    const TABLE: &'static str = "support_grants";
    const COLUMN: &'static str = "reason";
}

/// The end of a grant before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSupport {
    /// When.
    pub at: Timestamp,
    /// Who ended it; nobody where it went with whoever made it.
    pub by: Option<PersonId>,
}

/// A grant's row.
#[derive(Clone, Debug)]
pub struct SupportGrant {
    /// Its id.
    pub id: SupportGrantId,
    /// Whose data it lends.
    pub organisation: OrganisationId,
    /// To whom.
    pub person: PersonId,
    /// What they may do: a line for each action, in order.
    pub rights: String,
    /// Where they may do it alone; everywhere where nothing is said.
    pub node: Option<NodeId>,
    /// Why: sealed under the supporter's key.
    pub reason: Sealed<SupportReason>,
    /// Who made it.
    pub made_by: PersonId,
    /// Since when it counts.
    pub begins_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// How it ended before, if it did.
    pub ended: Option<EndedSupport>,
}

impl SupportGrant {
    /// Whether it counts at this time.
    #[must_use]
    pub fn runs(&self, now: Timestamp) -> bool {
        self.begins_at <= now && now < self.ends_at && self.ended.is_none()
    }

    /// The actions it lends.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.rights.lines()
    }
}

/// Where the reason of a grant stands.
#[must_use]
pub fn reason_place(organisation: OrganisationId, person: PersonId, id: SupportGrantId) -> Place {
    Place { organisation, about: About::Person(person), row: *id.as_bytes(), version: 1 }
}

const SELECT: &str = "SELECT grant_id, organisation_id, person_id, rights, node, reason, made_by, begins_at, ends_at, \
                      ended_at, ended_by FROM support_grants";

fn grant(row: &Row) -> Result<SupportGrant, SqlError> {
    let (id, organisation, person) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let node: Option<String> = row.get(4)?;
    let wrong = |_| SqlError::Inconsistent { table: "support_grants", column: "node".to_owned() };
    let (ended_at, by): (Option<Timestamp>, Option<PersonId>) = (row.get(9)?, row.get(10)?);
    Ok(SupportGrant {
        id,
        organisation,
        person,
        rights: row.get(3)?,
        node: node.map(|text| text.parse().map_err(wrong)).transpose()?,
        reason: Sealed::found(row.get(5)?, reason_place(organisation, person, id))?,
        made_by: row.get(6)?,
        begins_at: row.get(7)?,
        ends_at: row.get(8)?,
        ended: ended_at.map(|at| EndedSupport { at, by }),
    })
}

/// Adds a grant.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken; [`SqlError::Engine`].
pub async fn insert(tx: &mut Tx, new: &SupportGrant) -> Result<(), SqlError> {
    let sql = "INSERT INTO support_grants (grant_id, organisation_id, person_id, rights, node, reason, made_by, begins_at,
                   ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values: [Value; 9] = [
        new.id.into(),
        new.organisation.into(),
        new.person.into(),
        new.rights.as_str().into(),
        new.node.map(|node| node.to_string()).into(),
        new.reason.value().as_bytes().into(),
        new.made_by.into(),
        new.begins_at.into(),
        new.ends_at.into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// The grant with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: SupportGrantId) -> Result<Option<SupportGrant>, SqlError> {
    let sql = format!("{SELECT} WHERE grant_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(grant).transpose()
}

/// The one grant that lets somebody in at this time.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn running_of(
    tx: &mut Tx,
    person: PersonId,
    now: Timestamp,
) -> Result<Option<SupportGrant>, SqlError> {
    let sql = format!(
        "{SELECT} WHERE person_id = $1 AND begins_at <= $2 AND ends_at > $2 AND ended_at IS NULL
         ORDER BY begins_at DESC LIMIT 1"
    );
    tx.query_opt(&sql, &[person.into(), now.into()]).await?.as_ref().map(grant).transpose()
}

/// Whether a grant lets somebody in at this time or later: one that another node's clock began is there too.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn lets_in(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<bool, SqlError> {
    let sql =
        "SELECT 1 FROM support_grants WHERE person_id = $1 AND ends_at > $2 AND ended_at IS NULL LIMIT 1";
    Ok(tx.query_opt(sql, &[person.into(), now.into()]).await?.is_some())
}

/// Whether somebody was ever let in by this person.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn let_in_by(tx: &mut Tx, person: PersonId, by: PersonId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM support_grants WHERE person_id = $1 AND made_by = $2 LIMIT 1";
    Ok(tx.query_opt(sql, &[person.into(), by.into()]).await?.is_some())
}

/// Which grants a list asks for.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Only those that run at this time.
    pub running_at: Option<Timestamp>,
    /// Only before this one in the order of the list.
    pub after: Option<SupportGrantId>,
    /// At most this many.
    pub limit: u32,
}

/// The grants a scope lets through and the filter asks for: who was let in last comes first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn list(tx: &mut Tx, scope: &ScopeFilter, filter: Filter) -> Result<Vec<SupportGrant>, SqlError> {
    let (conditions, mut values) = conditions(scope, filter.running_at);
    let mut sql = format!("{SELECT} WHERE {conditions}");
    if let Some(after) = filter.after {
        values.push(after.into());
        sql.push_str(&format!(" AND grant_id < ${}", values.len()));
    }
    values.push(filter.limit.into());
    sql.push_str(&format!(" ORDER BY grant_id DESC LIMIT ${}", values.len()));
    tx.query(&sql, &values).await?.iter().map(grant).collect()
}

/// How many grants a scope lets through that run at this time.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn running(tx: &mut Tx, scope: &ScopeFilter, now: Timestamp) -> Result<u64, SqlError> {
    let (conditions, values) = conditions(scope, Some(now));
    let sql = format!("SELECT count(*) FROM support_grants WHERE {conditions}");
    tx.query_opt(&sql, &values).await?.map_or(Ok(0), |row| row.get(0))
}

fn conditions(scope: &ScopeFilter, running_at: Option<Timestamp>) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![scope.organisation.into()];
    let mut sql = "organisation_id = $1".to_owned();
    // A grant is its supporter's own.
    let subject = "(SELECT p.subject_id FROM people p WHERE p.person_id = support_grants.person_id)";
    if let Some((condition, value)) = scope.subjects.condition(subject) {
        values.push(value);
        sql.push_str(&format!(" AND {}", condition.replace('#', &format!("${}", values.len()))));
    }
    if let Some(now) = running_at {
        values.push(now.into());
        let at = values.len();
        sql.push_str(&format!(" AND begins_at <= ${at} AND ends_at > ${at} AND ended_at IS NULL"));
    }
    (sql, values)
}

/// When somebody was let in next after this time, if they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn next_of(tx: &mut Tx, person: PersonId, after: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let sql = "SELECT begins_at FROM support_grants WHERE person_id = $1 AND begins_at > $2 ORDER BY begins_at LIMIT 1";
    tx.query_opt(sql, &[person.into(), after.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Whose grants are to end.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// The one.
    Grant(SupportGrantId),
    /// Those that let this person in.
    Supporter(PersonId),
    /// Those that this person made.
    Maker(PersonId),
}

/// Ends those that run; which they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn end(tx: &mut Tx, of: Of, ended: EndedSupport) -> Result<Vec<SupportGrantId>, SqlError> {
    let (column, value): (&str, Value) = match of {
        Of::Grant(id) => ("grant_id", id.into()),
        Of::Supporter(person) => ("person_id", person.into()),
        Of::Maker(person) => ("made_by", person.into()),
    };
    let sql = format!(
        "UPDATE support_grants SET ended_at = $1, ended_by = $2
         WHERE {column} = $3 AND ended_at IS NULL AND ends_at > $1 RETURNING grant_id"
    );
    let values = [ended.at.into(), ended.by.into(), value];
    tx.query(&sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// Removes every grant that ever let somebody in; which they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, person: PersonId) -> Result<Vec<SupportGrantId>, SqlError> {
    let sql = "DELETE FROM support_grants WHERE person_id = $1 RETURNING grant_id";
    tx.query(sql, &[person.into()]).await?.iter().map(|row| row.get(0)).collect()
}
