//! Sites: where web sessions come from.

use std::time::Duration;

use clerestory_model::{OrganisationId, ProjectId, SiteId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx};
use serde::{Deserialize, Serialize};

use crate::{About, Content, Kind, Place, Sealed};

/// What an administrator says about a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDetails {
    /// What people call it.
    pub name: String,
}

/// The key a site's policies are signed with, PKCS#8 in base64. Never shown; opened only to sign.
#[derive(Serialize, Deserialize)]
pub struct SiteSigningKey(pub String);

impl Content for SiteSigningKey {
    const KIND: Kind = Kind::SigningKey;
    const TABLE: &'static str = "sites";
    const COLUMN: &'static str = "signing_key";
}

impl Content for SiteDetails {
    const KIND: Kind = Kind::Site;
    const TABLE: &'static str = "sites";
    const COLUMN: &'static str = "details";
}

/// A site's row.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The project it hangs from.
    pub project: ProjectId,
    /// The public write-only key in its snippet.
    pub site_key: String,
    /// Its name. Origins are clear: they are the site's public address.
    pub details: Sealed<SiteDetails>,
    /// The key its policies are signed with.
    pub signing_key: Sealed<SiteSigningKey>,
    /// base64url of the raw public key of that.
    pub policy_key: String,
    /// The version of the row.
    pub version: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its first segment arrived.
    pub first_event_at: Option<Timestamp>,
    /// When its latest segment arrived.
    pub last_event_at: Option<Timestamp>,
}

/// Where the details of a site stand.
#[must_use]
pub fn details_place(organisation: OrganisationId, id: SiteId, version: u64) -> Place {
    Place { organisation, about: About::Site(id), row: *id.as_bytes(), version }
}

/// Where the signing key of a site stands: it is never replaced.
#[must_use]
pub fn signing_key_place(organisation: OrganisationId, id: SiteId) -> Place {
    Place { organisation, about: About::Site(id), row: *id.as_bytes(), version: 1 }
}

const COLUMNS: &str = "site_id, organisation_id, project_id, site_key, details, version, created_at, \
                       first_event_at, last_event_at, signing_key, policy_key";

fn site(row: &Row) -> Result<Site, SqlError> {
    let (id, organisation, version) = (row.get(0)?, row.get(1)?, row.get(5)?);
    Ok(Site {
        id,
        organisation,
        project: row.get(2)?,
        site_key: row.get(3)?,
        details: Sealed::found(row.get(4)?, details_place(organisation, id, version))?,
        version,
        created_at: row.get(6)?,
        first_event_at: row.get(7)?,
        last_event_at: row.get(8)?,
        signing_key: Sealed::found(row.get(9)?, signing_key_place(organisation, id))?,
        policy_key: row.get(10)?,
    })
}

/// Adds a site.
///
/// # Errors
/// [`SqlError::Exists`] when its id or site key is taken.
pub async fn insert(tx: &mut Tx, new: &Site) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO sites (site_id, organisation_id, project_id, site_key, details, version, created_at,
             signing_key, policy_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            new.id.into(),
            new.organisation.into(),
            new.project.into(),
            new.site_key.as_str().into(),
            new.details.value().as_bytes().into(),
            new.version.into(),
            new.created_at.into(),
            new.signing_key.value().as_bytes().into(),
            new.policy_key.as_str().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Replaces key and details of the version before `site.version`.
///
/// # Errors
/// [`SqlError::Inconsistent`] when somebody else changed the row meanwhile.
pub async fn update(tx: &mut Tx, site: &Site) -> Result<(), SqlError> {
    tx.execute_one(
        "sites",
        "UPDATE sites SET site_key = $1, details = $2, version = $3 WHERE site_id = $4 AND version = $3 - 1",
        &[
            site.site_key.as_str().into(),
            site.details.value().as_bytes().into(),
            site.version.into(),
            site.id.into(),
        ],
    )
    .await
}

/// The site with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: SiteId) -> Result<Option<Site>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM sites WHERE site_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(site).transpose()
}

/// The site with this public key.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find_by_key(tx: &mut Tx, site_key: &str) -> Result<Option<Site>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM sites WHERE site_key = $1");
    tx.query_opt(&sql, &[site_key.into()]).await?.as_ref().map(site).transpose()
}

/// The sites of an organisation, oldest first, at most 500.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Site>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM sites WHERE organisation_id = $1 ORDER BY created_at LIMIT 500");
    tx.query(&sql, &[organisation.into()]).await?.iter().map(site).collect()
}

/// Of a site that sends all the time it is noted this often that it does.
const HEARD_EVERY: Duration = Duration::from_secs(10);

/// Notes that a segment arrived, unless that was noted a moment ago: segments of one site must not line up behind its
/// row.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn heard(tx: &mut Tx, id: SiteId, at: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE sites SET last_event_at = $1, first_event_at = COALESCE(first_event_at, $1)
         WHERE site_id = $2 AND (last_event_at IS NULL OR last_event_at < $3 OR last_event_at > $1)",
        &[at.into(), id.into(), at.minus(HEARD_EVERY).into()],
    )
    .await?;
    Ok(())
}

/// How many recordings a site has.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn recording_count(tx: &mut Tx, id: SiteId) -> Result<u64, SqlError> {
    let row = tx.query_opt("SELECT count(*) FROM recordings WHERE site_id = $1", &[id.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// The origins (scheme, host, port) that may send for a site, in order.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn origins(tx: &mut Tx, id: SiteId) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT origin FROM site_origins WHERE site_id = $1 ORDER BY origin LIMIT 100";
    tx.query(sql, &[id.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// Replaces the origins of a site.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn set_origins(tx: &mut Tx, id: SiteId, origins: &[String]) -> Result<(), SqlError> {
    tx.execute("DELETE FROM site_origins WHERE site_id = $1", &[id.into()]).await?;
    for origin in origins {
        tx.execute(
            "INSERT INTO site_origins (origin, site_id) VALUES ($1, $2) ON CONFLICT (origin, site_id) DO NOTHING",
            &[origin.as_str().into(), id.into()],
        )
        .await?;
    }
    Ok(())
}

/// Whether any site lists this origin: what a preflight may be answered.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn origin_known(tx: &mut Tx, origin: &str) -> Result<bool, SqlError> {
    let row = tx.query_opt("SELECT 1 FROM site_origins WHERE origin = $1 LIMIT 1", &[origin.into()]).await?;
    Ok(row.is_some())
}
