//! Organisations, their projects, and the subjects their recordings are about.

use clerestory_model::{KeyId, OrganisationId, PersonId, ProjectId, SubjectId, Timestamp};
use clerestory_sql::{SqlError, Tx};
use serde::{Deserialize, Serialize};

use crate::{About, Content, Kind, Place, Sealed};

/// What people call an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganisationName(pub String);

impl Content for OrganisationName {
    const KIND: Kind = Kind::Organisation;
    const TABLE: &'static str = "organisations";
    const COLUMN: &'static str = "name";
}

/// What people call a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectName(pub String);

impl Content for ProjectName {
    const KIND: Kind = Kind::Organisation;
    const TABLE: &'static str = "projects";
    const COLUMN: &'static str = "name";
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// The region cell it lives in.
    pub region: String,
    /// Its key, for values about nobody.
    pub key: KeyId,
    /// Its name.
    pub name: Sealed<OrganisationName>,
}

fn name_place(id: OrganisationId, version: u64) -> Place {
    Place { organisation: id, about: About::Organisation, row: *id.as_bytes(), version }
}

/// Where the name of a new organisation will stand.
#[must_use]
pub fn new_name_place(id: OrganisationId) -> Place {
    name_place(id, 1)
}

/// Where the name of a new project will stand.
#[must_use]
pub fn new_project_place(organisation: OrganisationId, id: ProjectId) -> Place {
    Place { organisation, about: About::Organisation, row: *id.as_bytes(), version: 1 }
}

/// Adds an organisation.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken.
pub async fn insert(
    tx: &mut Tx,
    id: OrganisationId,
    region: &str,
    key: KeyId,
    name: &Sealed<OrganisationName>,
    at: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO organisations (organisation_id, region, key_id, name, version, created_at)
         VALUES ($1, $2, $3, $4, 1, $5)",
        &[id.into(), region.into(), key.into(), name.value().as_bytes().into(), at.into()],
    )
    .await?;
    Ok(())
}

/// The organisation with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: OrganisationId) -> Result<Option<Organisation>, SqlError> {
    let row = tx
        .query_opt(
            "SELECT region, key_id, name, version FROM organisations WHERE organisation_id = $1",
            &[id.into()],
        )
        .await?;
    row.map(|row| {
        Ok(Organisation {
            id,
            region: row.get(0)?,
            key: row.get(1)?,
            name: Sealed::found(row.get(2)?, name_place(id, row.get(3)?))?,
        })
    })
    .transpose()
}

/// Every organisation's id, oldest first. A deployment has few.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn all(tx: &mut Tx) -> Result<Vec<OrganisationId>, SqlError> {
    let rows =
        tx.query("SELECT organisation_id FROM organisations ORDER BY created_at LIMIT 10000", &[]).await?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Adds a project.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken.
pub async fn insert_project(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: ProjectId,
    name: &Sealed<ProjectName>,
    at: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO projects (project_id, organisation_id, name, version, created_at) VALUES ($1, $2, $3, 1, $4)",
        &[id.into(), organisation.into(), name.value().as_bytes().into(), at.into()],
    )
    .await?;
    Ok(())
}

/// The oldest project of an organisation: where new sites go unless told otherwise.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn first_project(tx: &mut Tx, organisation: OrganisationId) -> Result<Option<ProjectId>, SqlError> {
    let row = tx
        .query_opt(
            "SELECT project_id FROM projects WHERE organisation_id = $1 ORDER BY created_at LIMIT 1",
            &[organisation.into()],
        )
        .await?;
    row.map(|row| row.get(0)).transpose()
}

/// Adds a subject, with the key everything about it is wrapped by.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken.
pub async fn insert_subject(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: SubjectId,
    key: KeyId,
    at: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO subjects (subject_id, organisation_id, key_id, created_at) VALUES ($1, $2, $3, $4)",
        &[id.into(), organisation.into(), key.into(), at.into()],
    )
    .await?;
    Ok(())
}

/// The key of a subject.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn subject_key(tx: &mut Tx, id: SubjectId) -> Result<Option<KeyId>, SqlError> {
    let row = tx.query_opt("SELECT key_id FROM subjects WHERE subject_id = $1", &[id.into()]).await?;
    row.map(|row| row.get(0)).transpose()
}

/// The subject that has this key, and whose it is.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn subject_with_key(
    tx: &mut Tx,
    key: KeyId,
) -> Result<Option<(SubjectId, OrganisationId)>, SqlError> {
    let sql = "SELECT subject_id, organisation_id FROM subjects WHERE key_id = $1";
    tx.query_opt(sql, &[key.into()]).await?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Whose a subject is.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn organisation_of_subject(tx: &mut Tx, id: SubjectId) -> Result<Option<OrganisationId>, SqlError> {
    let sql = "SELECT organisation_id FROM subjects WHERE subject_id = $1";
    tx.query_opt(sql, &[id.into()]).await?.map(|row| row.get(0)).transpose()
}

/// The person a subject is, and to whom they report now; nobody for a visitor.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn person_of_subject(
    tx: &mut Tx,
    id: SubjectId,
) -> Result<(Option<PersonId>, Option<PersonId>), SqlError> {
    let sql = "SELECT s.person_id, l.manager_id FROM subjects s
               LEFT JOIN reporting_lines l ON l.person_id = s.person_id AND l.ended_at IS NULL
               WHERE s.subject_id = $1";
    let row = tx.query_opt(sql, &[id.into()]).await?;
    row.map_or(Ok((None, None)), |row| Ok((row.get(0)?, row.get(1)?)))
}
