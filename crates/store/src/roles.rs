//! Roles that organisations made for themselves.

use clerestory_model::{OrganisationId, PersonId, RoleId, Timestamp};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::people::Role;
use crate::{About, Content, Kind, Place, Sealed};

/// Roles of one organisation at most.
pub const MOST: u32 = 100;

/// What people call a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleName(pub String);

impl Content for RoleName {
    const KIND: Kind = Kind::Organisation;
    const TABLE: &'static str = "custom_roles";
    const COLUMN: &'static str = "name";
}

/// A role's row.
#[derive(Clone, Debug)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Its name, sealed under the organisation's key.
    pub name: Sealed<RoleName>,
    /// The version of its name.
    pub version: u64,
    /// What it allows: a line for each action, `recording.play organisation`, in order.
    pub rights: String,
    /// Who made it.
    pub made_by: PersonId,
    /// When.
    pub created_at: Timestamp,
}

/// Where a role's name stands.
#[must_use]
pub fn name_place(organisation: OrganisationId, id: RoleId, version: u64) -> Place {
    Place { organisation, about: About::Organisation, row: *id.as_bytes(), version }
}

const SELECT: &str =
    "SELECT role_id, organisation_id, name, version, rights, made_by, created_at FROM custom_roles";

fn role(row: &Row) -> Result<CustomRole, SqlError> {
    let (id, organisation, version) = (row.get(0)?, row.get(1)?, row.get(3)?);
    Ok(CustomRole {
        id,
        organisation,
        name: Sealed::found(row.get(2)?, name_place(organisation, id, version))?,
        version,
        rights: row.get(4)?,
        made_by: row.get(5)?,
        created_at: row.get(6)?,
    })
}

/// The roles of an organisation, oldest first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<CustomRole>, SqlError> {
    let sql = format!("{SELECT} WHERE organisation_id = $1 ORDER BY created_at, role_id LIMIT {MOST}");
    tx.query(&sql, &[organisation.into()]).await?.iter().map(role).collect()
}

/// The role with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: RoleId) -> Result<Option<CustomRole>, SqlError> {
    let sql = format!("{SELECT} WHERE role_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(role).transpose()
}

/// As [`find`]; its row stays as it is until the transaction ends.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find_locked(tx: &mut Tx, id: RoleId) -> Result<Option<CustomRole>, SqlError> {
    let sql = format!("{SELECT} WHERE role_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(role).transpose()
}

/// What a role of this organisation allows; `None` where there is no such role.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn rights(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: RoleId,
) -> Result<Option<String>, SqlError> {
    let sql = "SELECT rights FROM custom_roles WHERE role_id = $1 AND organisation_id = $2";
    tx.query_opt(sql, &[id.into(), organisation.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Adds a role.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken; [`SqlError::Engine`].
pub async fn insert(tx: &mut Tx, new: &CustomRole) -> Result<(), SqlError> {
    let sql =
        "INSERT INTO custom_roles (role_id, organisation_id, name, version, rights, made_by, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: [Value; 7] = [
        new.id.into(),
        new.organisation.into(),
        new.name.value().as_bytes().into(),
        new.version.into(),
        new.rights.as_str().into(),
        new.made_by.into(),
        new.created_at.into(),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

/// Writes a role's name and rights anew.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn update(tx: &mut Tx, role: &CustomRole) -> Result<(), SqlError> {
    let sql = "UPDATE custom_roles SET name = $1, version = $2, rights = $3 WHERE role_id = $4";
    let values: [Value; 4] = [
        role.name.value().as_bytes().into(),
        role.version.into(),
        role.rights.as_str().into(),
        role.id.into(),
    ];
    tx.execute(sql, &values).await?;
    Ok(())
}

/// Removes a role.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn remove(tx: &mut Tx, id: RoleId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM custom_roles WHERE role_id = $1", &[id.into()]).await?;
    Ok(())
}

/// Takes a role from everybody who has it; who they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn take_from_all(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: RoleId,
) -> Result<Vec<PersonId>, SqlError> {
    let sql = "DELETE FROM person_roles WHERE role = $1 AND organisation_id = $2 RETURNING person_id";
    let values = [Role::Custom(id).to_string().into(), organisation.into()];
    tx.query(sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// Who has which further roles in an organisation, counted.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn holders(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<(Role, u64)>, SqlError> {
    let sql = "SELECT role, count(*) FROM (
                   SELECT p.role AS role FROM people p WHERE p.organisation_id = $1 AND p.state = 'active'
                   UNION ALL
                   SELECT r.role AS role FROM person_roles r JOIN people p ON p.person_id = r.person_id
                   WHERE r.organisation_id = $1 AND p.state = 'active') had GROUP BY role ORDER BY role";
    let wrong = |_| SqlError::Inconsistent { table: "person_roles", column: "role".to_owned() };
    let rows = tx.query(sql, &[organisation.into()]).await?;
    rows.iter().map(|row| Ok((row.get::<String>(0)?.parse().map_err(wrong)?, row.get(1)?))).collect()
}
