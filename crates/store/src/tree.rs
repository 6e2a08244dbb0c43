//! The organisation's tree: domains, projects, teams. A project may hang from the organisation itself; a team hangs from
//! a project.

use std::fmt;
use std::str::FromStr;

use clerestory_model::{DomainId, IdError, OrganisationId, ProjectId, TeamId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::organisations::ProjectName;
use crate::{About, Content, Kind, Place, Sealed};

/// Nodes of one kind in one organisation at most.
pub const MOST: u32 = 10_000;

/// What people call a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainName(pub String);

impl Content for DomainName {
    const KIND: Kind = Kind::Organisation;
    const TABLE: &'static str = "domains";
    const COLUMN: &'static str = "name";
}

/// What people call a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamName(pub String);

impl Content for TeamName {
    const KIND: Kind = Kind::Organisation;
    const TABLE: &'static str = "teams";
    const COLUMN: &'static str = "name";
}

/// One node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeId {
    /// A domain, below the organisation.
    Domain(DomainId),
    /// A project, below a domain or the organisation.
    Project(ProjectId),
    /// A team, below a project.
    Team(TeamId),
}

impl NodeId {
    /// The sixteen bytes of its id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        match self {
            Self::Domain(id) => id.as_bytes(),
            Self::Project(id) => id.as_bytes(),
            Self::Team(id) => id.as_bytes(),
        }
    }

    const fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Domain(_) => ("domains", "domain_id"),
            Self::Project(_) => ("projects", "project_id"),
            Self::Team(_) => ("teams", "team_id"),
        }
    }

    fn value(self) -> Value {
        Value::Blob(self.as_bytes().to_vec())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(id) => id.fmt(f),
            Self::Project(id) => id.fmt(f),
            Self::Team(id) => id.fmt(f),
        }
    }
}

impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('_').map(|(prefix, _)| prefix) {
            Some(DomainId::PREFIX) => text.parse().map(Self::Domain),
            Some(ProjectId::PREFIX) => text.parse().map(Self::Project),
            _ => text.parse().map(Self::Team),
        }
    }
}

/// A name of a node, sealed under the organisation's key.
#[derive(Clone, Debug)]
pub enum NodeName {
    /// Of a domain.
    Domain(Sealed<DomainName>),
    /// Of a project.
    Project(Sealed<ProjectName>),
    /// Of a team.
    Team(Sealed<TeamName>),
}

impl NodeName {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Domain(name) => name.value().as_bytes(),
            Self::Project(name) => name.value().as_bytes(),
            Self::Team(name) => name.value().as_bytes(),
        }
    }
}

/// A node's row.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it hangs from; the organisation itself where nothing is said.
    pub parent: Option<NodeId>,
    /// Its name.
    pub name: NodeName,
    /// The version of its name.
    pub version: u64,
}

/// Where a node's name stands.
#[must_use]
pub fn name_place(organisation: OrganisationId, id: NodeId, version: u64) -> Place {
    Place { organisation, about: About::Organisation, row: *id.as_bytes(), version }
}

/// How a row becomes a node.
type Read = fn(&Row) -> Result<Node, SqlError>;

fn domain(row: &Row) -> Result<Node, SqlError> {
    let (id, organisation, version) = (NodeId::Domain(row.get(0)?), row.get(1)?, row.get(3)?);
    let name = Sealed::found(row.get(2)?, name_place(organisation, id, version))?;
    Ok(Node { id, organisation, parent: None, name: NodeName::Domain(name), version })
}

fn project(row: &Row) -> Result<Node, SqlError> {
    let (id, organisation, version) = (NodeId::Project(row.get(0)?), row.get(1)?, row.get(3)?);
    let name = Sealed::found(row.get(2)?, name_place(organisation, id, version))?;
    let parent = row.get::<Option<DomainId>>(4)?.map(NodeId::Domain);
    Ok(Node { id, organisation, parent, name: NodeName::Project(name), version })
}

fn team(row: &Row) -> Result<Node, SqlError> {
    let (id, organisation, version) = (NodeId::Team(row.get(0)?), row.get(1)?, row.get(3)?);
    let name = Sealed::found(row.get(2)?, name_place(organisation, id, version))?;
    let parent = Some(NodeId::Project(row.get(4)?));
    Ok(Node { id, organisation, parent, name: NodeName::Team(name), version })
}

const DOMAINS: &str = "SELECT domain_id, organisation_id, name, version FROM domains";
const PROJECTS: &str = "SELECT project_id, organisation_id, name, version, domain_id FROM projects";
const TEAMS: &str = "SELECT team_id, organisation_id, name, version, project_id FROM teams";

/// Every node of an organisation: domains, then projects, then teams, each oldest first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Node>, SqlError> {
    let kinds: [(&str, &str, Read); 3] =
        [(DOMAINS, "domain_id", domain), (PROJECTS, "project_id", project), (TEAMS, "team_id", team)];
    let mut nodes = Vec::new();
    for (select, key, read) in kinds {
        let sql = format!("{select} WHERE organisation_id = $1 ORDER BY created_at, {key} LIMIT {MOST}");
        for row in tx.query(&sql, &[organisation.into()]).await? {
            nodes.push(read(&row)?);
        }
    }
    Ok(nodes)
}

/// The node with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: NodeId) -> Result<Option<Node>, SqlError> {
    let (select, read): (_, Read) = match id {
        NodeId::Domain(_) => (DOMAINS, domain),
        NodeId::Project(_) => (PROJECTS, project),
        NodeId::Team(_) => (TEAMS, team),
    };
    let sql = format!("{select} WHERE {} = $1", id.table().1);
    tx.query_opt(&sql, &[id.value()]).await?.as_ref().map(read).transpose()
}

/// Adds a node. What it hangs from must be of the kind that it hangs from.
///
/// # Errors
/// [`SqlError::Exists`] when its id is taken; [`SqlError::Inconsistent`] for a team without a project.
pub async fn insert(tx: &mut Tx, new: &Node, at: Timestamp) -> Result<(), SqlError> {
    let (table, key) = new.id.table();
    let mut values: Vec<Value> =
        vec![new.id.value(), new.organisation.into(), new.name.bytes().into(), new.version.into(), at.into()];
    let above = match (new.id, new.parent) {
        (NodeId::Domain(_), None) => None,
        (NodeId::Project(_), parent) => Some(("domain_id", parent)),
        (NodeId::Team(_), Some(NodeId::Project(_))) => Some(("project_id", new.parent)),
        _ => return Err(misplaced(table)),
    };
    let sql = match above {
        None => format!(
            "INSERT INTO {table} ({key}, organisation_id, name, version, created_at) VALUES ($1, $2, $3, $4, $5)"
        ),
        Some((column, parent)) => {
            values.push(parent.map(NodeId::value).unwrap_or(Value::Null));
            format!(
                "INSERT INTO {table} ({key}, organisation_id, name, version, created_at, {column})
                 VALUES ($1, $2, $3, $4, $5, $6)"
            )
        }
    };
    tx.execute(&sql, &values).await.map(drop)
}

fn misplaced(table: &'static str) -> SqlError {
    SqlError::Inconsistent { table, column: "what it hangs from".to_owned() }
}

/// Gives a node another name, of the version after its own.
///
/// # Errors
/// [`SqlError::Inconsistent`] when somebody else did meanwhile.
pub async fn rename(tx: &mut Tx, id: NodeId, name: &NodeName, version: u64) -> Result<(), SqlError> {
    let (table, key) = id.table();
    let sql = format!("UPDATE {table} SET name = $1, version = $2 WHERE {key} = $3 AND version + 1 = $2");
    tx.execute_one(table, &sql, &[name.bytes().into(), version.into(), id.value()]).await
}

/// Hangs a node from another one.
///
/// # Errors
/// [`SqlError::Inconsistent`] when a node of this kind cannot hang there.
pub async fn hang(tx: &mut Tx, id: NodeId, parent: Option<NodeId>) -> Result<(), SqlError> {
    let (table, key) = id.table();
    let column = match (id, parent) {
        (NodeId::Project(_), None | Some(NodeId::Domain(_))) => "domain_id",
        (NodeId::Team(_), Some(NodeId::Project(_))) => "project_id",
        _ => return Err(misplaced(table)),
    };
    let sql = format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2");
    let parent = parent.map(NodeId::value).unwrap_or(Value::Null);
    tx.execute_one(table, &sql, &[parent, id.value()]).await
}

/// What hangs from a node, in words, where anything does.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn holds(tx: &mut Tx, id: NodeId) -> Result<Option<&'static str>, SqlError> {
    let below: &[(&'static str, &str)] = match id {
        NodeId::Domain(_) => &[("projects", "SELECT 1 FROM projects WHERE domain_id = $1 LIMIT 1")],
        NodeId::Project(_) => &[
            ("teams", "SELECT 1 FROM teams WHERE project_id = $1 LIMIT 1"),
            ("sites", "SELECT 1 FROM sites WHERE project_id = $1 LIMIT 1"),
            ("recordings", "SELECT 1 FROM recordings WHERE project_id = $1 LIMIT 1"),
        ],
        NodeId::Team(_) => &[("people", "SELECT 1 FROM people WHERE team_id = $1 LIMIT 1")],
    };
    for (what, sql) in below {
        if tx.query_opt(sql, &[id.value()]).await?.is_some() {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

/// Removes a node that holds nothing.
///
/// # Errors
/// [`SqlError::Inconsistent`] when it is gone.
pub async fn remove(tx: &mut Tx, id: NodeId) -> Result<(), SqlError> {
    let (table, key) = id.table();
    tx.execute_one(table, &format!("DELETE FROM {table} WHERE {key} = $1"), &[id.value()]).await
}
