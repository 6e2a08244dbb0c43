//! What was said of settings: one row for each time, numbered for each organisation, never changed.
//!
//! The deployment's own are under the nil organisation. What was said stands sealed, and says once more where it stands:
//! the clear columns are for looking up. A row draws a random mark, which its head repeats, so that somebody who has read
//! rows up to a version can tell whether these are still the same.

use std::collections::HashMap;

use clerestory_model::{OrganisationId, PersonId, Timestamp};
use clerestory_settings::tree::{Level, Node, Tree};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::{About, Content, Kind, Place, Sealed};

/// What was said, as it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSaying {
    /// The number of the level.
    pub level: i64,
    /// The setting.
    pub name: String,
    /// The value as the API speaks it; none where it was unset.
    pub value: Option<serde_json::Value>,
    /// The word of the lock.
    pub lock: String,
}

impl Content for KeptSaying {
    const KIND: Kind = Kind::Setting;
    const TABLE: &'static str = "setting_versions";
    const COLUMN: &'static str = "value";
}

/// Why it was said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingReason(pub String);

impl Content for SettingReason {
    const KIND: Kind = Kind::Setting;
    const TABLE: &'static str = "setting_versions";
    const COLUMN: &'static str = "reason";
}

/// One time that something was said of a setting.
#[derive(Clone, Debug)]
pub struct SettingVersion {
    /// Whose it is; nil for the deployment's own.
    pub organisation: OrganisationId,
    /// Its number, from 1.
    pub version: u64,
    /// What tells it from another row of this number.
    pub mark: [u8; 16],
    /// The number of the level it was said at.
    pub level: i64,
    /// Where it was said.
    pub node: [u8; 16],
    /// The setting.
    pub name: String,
    /// The sealed bytes of a [`KeptSaying`].
    pub value: Vec<u8>,
    /// The sealed bytes of a [`SettingReason`].
    pub reason: Option<Vec<u8>>,
    /// Who said it; nil for the program.
    pub set_by: PersonId,
    /// When.
    pub set_at: Timestamp,
}

impl SettingVersion {
    /// Where what it holds stands.
    #[must_use]
    pub fn place(&self) -> Place {
        let Self { organisation, node, version, .. } = *self;
        Place { organisation, about: About::Organisation, row: node, version }
    }

    /// Its value, if the bytes have the shape of one.
    ///
    /// # Errors
    /// [`SqlError::Inconsistent`] when they have not.
    pub fn sealed_value(&self) -> Result<Sealed<KeptSaying>, SqlError> {
        Sealed::found(self.value.clone(), self.place())
    }

    /// Its reason, if there is one.
    ///
    /// # Errors
    /// [`SqlError::Inconsistent`] when the bytes have not the shape of one.
    pub fn sealed_reason(&self) -> Result<Option<Sealed<SettingReason>>, SqlError> {
        self.reason.clone().map(|bytes| Sealed::found(bytes, self.place())).transpose()
    }
}

/// Where an organisation's settings stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest version; 0 before the first.
    pub version: u64,
    /// The mark of that version.
    pub mark: [u8; 16],
}

fn head(row: &Row, first: usize) -> Result<Head, SqlError> {
    Ok(Head { version: row.get(first)?, mark: row.get(first + 1)? })
}

/// Where the settings of an organisation stand, and those of the deployment.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn heads(tx: &mut Tx, organisation: OrganisationId) -> Result<(Head, Head), SqlError> {
    let sql = "SELECT organisation_id, version, mark FROM setting_heads WHERE organisation_id IN ($1, $2)";
    let (mut own, mut deployment) = (Head::default(), Head::default());
    for row in tx.query(sql, &[organisation.into(), OrganisationId::nil().into()]).await? {
        let (whose, found) = (row.get::<OrganisationId>(0)?, head(&row, 1)?);
        if whose == organisation {
            own = found;
        }
        if whose == OrganisationId::nil() {
            deployment = found;
        }
    }
    Ok((own, deployment))
}

/// Whether there are versions that the head of their organisation, or of the deployment, does not lead to: the head's row
/// is gone or was set back, and nobody reads them.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn is_cut_short(tx: &mut Tx, organisation: OrganisationId) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM setting_versions v WHERE v.organisation_id IN ($1, $2) AND v.version > COALESCE(
                   (SELECT h.version FROM setting_heads h WHERE h.organisation_id = v.organisation_id), 0) LIMIT 1";
    Ok(tx.query_opt(sql, &[organisation.into(), OrganisationId::nil().into()]).await?.is_some())
}

/// The marks of every organisation that ever said something.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn marks(tx: &mut Tx) -> Result<HashMap<OrganisationId, [u8; 16]>, SqlError> {
    let rows = tx.query("SELECT organisation_id, mark FROM setting_heads", &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Where the settings of an organisation stand, which nobody else changes until the transaction ends. The caller has the
/// organisation's turn in the log, so that nobody else begins them either.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn take_head(tx: &mut Tx, organisation: OrganisationId) -> Result<Head, SqlError> {
    let sql = "SELECT version, mark FROM setting_heads WHERE organisation_id = $1";
    let row = tx.query_opt_locked(Lock::Exclusive, sql, &[organisation.into()]).await?;
    row.map_or(Ok(Head::default()), |row| head(&row, 0))
}

/// Adds the version after the head's, and moves the head on. The caller has taken the head.
///
/// # Errors
/// [`SqlError::Exists`], [`SqlError::Inconsistent`] when it is not the next.
pub async fn insert(tx: &mut Tx, new: &SettingVersion) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO setting_versions (organisation_id, version, mark, level, node, name, value, reason, set_by, set_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            new.organisation.into(),
            new.version.into(),
            new.mark.into(),
            new.level.into(),
            new.node.into(),
            new.name.as_str().into(),
            new.value.clone().into(),
            new.reason.clone().into(),
            new.set_by.into(),
            new.set_at.into(),
        ],
    )
    .await?;
    let sql = "INSERT INTO setting_heads (organisation_id, version, mark) VALUES ($1, $2, $3)
               ON CONFLICT (organisation_id) DO UPDATE SET version = excluded.version, mark = excluded.mark
               WHERE setting_heads.version = excluded.version - 1";
    tx.execute_one("setting_heads", sql, &[new.organisation.into(), new.version.into(), new.mark.into()])
        .await
}

const COLUMNS: &str = "organisation_id, version, mark, level, node, name, value, reason, set_by, set_at";

fn version(row: &Row) -> Result<SettingVersion, SqlError> {
    Ok(SettingVersion {
        organisation: row.get(0)?,
        version: row.get(1)?,
        mark: row.get(2)?,
        level: row.get(3)?,
        node: row.get(4)?,
        name: row.get(5)?,
        value: row.get(6)?,
        reason: row.get(7)?,
        set_by: row.get(8)?,
        set_at: row.get(9)?,
    })
}

/// Versions from `from` on, oldest first, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn from_version(
    tx: &mut Tx,
    organisation: OrganisationId,
    from: u64,
    limit: u32,
) -> Result<Vec<SettingVersion>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM setting_versions WHERE organisation_id = $1 AND version >= $2 ORDER BY version LIMIT $3"
    );
    let values = [organisation.into(), from.into(), limit.into()];
    tx.query(&sql, &values).await?.iter().map(version).collect()
}

/// What was said of one setting, newest first, at most `limit`.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_name(
    tx: &mut Tx,
    organisation: OrganisationId,
    name: &str,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<SettingVersion>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM setting_versions WHERE organisation_id = $1 AND name = $2 AND version < $3
         ORDER BY version DESC LIMIT $4"
    );
    let before: Value = before.map_or(Value::Int(i64::MAX), Into::into);
    tx.query(&sql, &[organisation.into(), name.into(), before, limit.into()])
        .await?
        .iter()
        .map(version)
        .collect()
}

/// Removes everything an organisation ever said. Says which versions.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn remove(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<u64>, SqlError> {
    tx.execute("DELETE FROM setting_heads WHERE organisation_id = $1", &[organisation.into()]).await?;
    let sql = "DELETE FROM setting_versions WHERE organisation_id = $1 RETURNING version";
    tx.query(sql, &[organisation.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// The nodes from the deployment down to this one; `None` where the organisation has no such node.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn chain(
    tx: &mut Tx,
    organisation: OrganisationId,
    node: Node,
) -> Result<Option<Vec<Node>>, SqlError> {
    if node.level == Level::Deployment {
        return Ok(Some(vec![Node::DEPLOYMENT]));
    }
    let top = Node { level: Level::Organisation, id: *organisation.as_bytes() };
    let (mut chain, mut at) = (Vec::new(), node);
    while at != top {
        let Some(above) = above(tx, organisation, at).await? else { return Ok(None) };
        chain.push(at);
        at = above;
    }
    chain.extend([top, Node::DEPLOYMENT]);
    chain.reverse();
    Ok(Some(chain))
}

/// What a node below the organisation hangs from; `None` where the organisation has no such node.
async fn above(tx: &mut Tx, organisation: OrganisationId, node: Node) -> Result<Option<Node>, SqlError> {
    let (sql, level) = match node.level {
        Level::Deployment | Level::Organisation => return Ok(None),
        Level::Domain => (
            "SELECT organisation_id FROM domains WHERE domain_id = $1 AND organisation_id = $2",
            Level::Organisation,
        ),
        Level::Project => {
            ("SELECT domain_id FROM projects WHERE project_id = $1 AND organisation_id = $2", Level::Domain)
        }
        Level::Team => {
            ("SELECT project_id FROM teams WHERE team_id = $1 AND organisation_id = $2", Level::Project)
        }
        Level::User => {
            ("SELECT team_id FROM people WHERE person_id = $1 AND organisation_id = $2", Level::Team)
        }
    };
    let id = Value::Blob(node.id.to_vec());
    let row = tx.query_opt(sql, &[id, organisation.into()]).await?;
    row.map(|row| Ok(hung(organisation, row.get(0)?, level))).transpose()
}

/// The node that something hangs from: the organisation itself, where nothing is said.
fn hung(organisation: OrganisationId, id: Option<[u8; 16]>, level: Level) -> Node {
    match id {
        Some(id) => Node { level, id },
        None => Node { level: Level::Organisation, id: *organisation.as_bytes() },
    }
}

/// Which node hangs from which in an organisation: everything above people, and those people among `nodes`.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn tree(tx: &mut Tx, organisation: OrganisationId, nodes: &[Node]) -> Result<Tree, SqlError> {
    let mut tree = Tree::default();
    let top = Node { level: Level::Organisation, id: *organisation.as_bytes() };
    tree.hang(top, Node::DEPLOYMENT);
    for (sql, level, above) in [
        (
            "SELECT domain_id, organisation_id FROM domains WHERE organisation_id = $1",
            Level::Domain,
            Level::Organisation,
        ),
        (
            "SELECT project_id, domain_id FROM projects WHERE organisation_id = $1",
            Level::Project,
            Level::Domain,
        ),
        ("SELECT team_id, project_id FROM teams WHERE organisation_id = $1", Level::Team, Level::Project),
    ] {
        for row in tx.query(sql, &[organisation.into()]).await? {
            let above = hung(organisation, row.get(1)?, above);
            tree.hang(Node { level, id: row.get(0)? }, above);
        }
    }
    for node in nodes.iter().filter(|node| node.level == Level::User) {
        if let Some(above) = above(tx, organisation, *node).await? {
            tree.hang(*node, above);
        }
    }
    Ok(tree)
}
