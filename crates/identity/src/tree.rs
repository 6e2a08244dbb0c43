//! The tree: domains, projects, teams, and changing them.

use clerestory_access::{Action, EditTree, Grant, OpContext, OrganisationRef, ReadTree};
use clerestory_model::{DomainId, KeyId, OrganisationId, ProjectId, TeamId};
use clerestory_seal::random;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::organisations::{self, ProjectName};
use clerestory_store::tree::{self, DomainName, Node, NodeId, NodeName, TeamName, name_place};

use crate::people::error::PeopleError;
use crate::relaxing::{self, Relaxing};
use crate::{Identity, authority};

/// A node, as whoever may see the tree does.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Its id.
    pub id: NodeId,
    /// What it hangs from; the organisation itself where nothing is said.
    pub parent: Option<NodeId>,
    /// What people call it.
    pub name: String,
}

/// What kind of node is to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A domain.
    Domain,
    /// A project.
    Project,
    /// A team.
    Team,
}

/// What is to change about a node.
#[derive(Clone, Debug, Default)]
pub struct NodeChange {
    /// Another name.
    pub name: Option<String>,
    /// Another place: `Some(None)` is the organisation itself.
    pub parent: Option<Option<NodeId>>,
}

impl Identity {
    /// The whole tree of an organisation: domains, then projects, then teams.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn tree(&self, op: &OpContext, on: OrganisationRef) -> Result<Vec<NodeView>, PeopleError> {
        let grant = self.access.authorize::<ReadTree>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let identity = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let mut views = Vec::new();
                    for node in tree::of_organisation(tx, grant.on().0).await? {
                        views.push(identity.node_view(tx, &grant, &node).await?);
                    }
                    Ok(views)
                })
            })
            .await
    }

    async fn node_view<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        node: &Node,
    ) -> Result<NodeView, PeopleError> {
        let name = match &node.name {
            NodeName::Domain(name) => self.vault.open(tx, grant, name).await?.0,
            NodeName::Project(name) => self.vault.open(tx, grant, name).await?.0,
            NodeName::Team(name) => self.vault.open(tx, grant, name).await?.0,
        };
        Ok(NodeView { id: node.id, parent: node.parent, name })
    }

    /// Adds a node.
    ///
    /// # Errors
    /// [`PeopleError::Misplaced`], [`PeopleError::Unknown`], [`PeopleError::Refused`].
    pub async fn add_node(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        (kind, parent): (NodeKind, Option<NodeId>),
        name: String,
    ) -> Result<NodeView, PeopleError> {
        let id = match kind {
            NodeKind::Domain => NodeId::Domain(DomainId::new(op.at, random())),
            NodeKind::Project => NodeId::Project(ProjectId::new(op.at, random())),
            NodeKind::Team => NodeId::Team(TeamId::new(op.at, random())),
        };
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<EditTree, _>(op, on, Some(format!("{id} added: {name}")), move |tx, grant| {
            Box::pin(async move {
                let (op, organisation) = (asked, grant.on().0);
                fits(tx, organisation, id, parent).await?;
                let key = organisation_key(tx, organisation).await?;
                let name = identity.sealed_name(tx, key, (organisation, id, 1), name).await?;
                let node = Node { id, organisation, parent, name, version: 1 };
                tree::insert(tx, &node, op.at).await?;
                identity.note_node(tx, &op, id).await?;
                identity.node_view(tx, &grant, &node).await
            })
        })
        .await
    }

    /// Changes a node's name or place.
    ///
    /// # Errors
    /// As [`Self::add_node`], and [`PeopleError::NotFound`].
    pub async fn change_node(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: NodeId,
        change: NodeChange,
    ) -> Result<NodeView, PeopleError> {
        let mut words = Vec::new();
        words.extend(change.name.as_ref().map(|name| format!("{id} is called {name}")));
        words.extend(change.parent.map(|parent| match parent {
            Some(parent) => format!("{id} hangs from {parent}"),
            None => format!("{id} hangs from the organisation"),
        }));
        let moved = change.parent.map(|parent| relaxing::moved(on.0, id, parent));
        let relaxing = match moved.clone() {
            Some(moved) => self.may_move::<EditTree>(op, on, moved).await?,
            None => Relaxing::None,
        };
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<EditTree, _>(op, on, Some(words.join("; ")), move |tx, grant| {
            Box::pin(async move {
                let (op, organisation) = (asked, grant.on().0);
                let mut node = own_node(tx, organisation, id).await?;
                if let Some(name) = change.name {
                    let key = organisation_key(tx, organisation).await?;
                    node.version += 1;
                    node.name = identity.sealed_name(tx, key, (organisation, id, node.version), name).await?;
                    tree::rename(tx, id, &node.name, node.version).await?;
                }
                if let Some(parent) = change.parent {
                    fits(tx, organisation, id, parent).await?;
                    if let Some(moved) = &moved {
                        identity.sees_move(tx, organisation, (moved, relaxing)).await?;
                    }
                    node.parent = parent;
                    tree::hang(tx, id, parent).await?;
                }
                identity.note_node(tx, &op, id).await?;
                identity.node_view(tx, &grant, &node).await
            })
        })
        .await
    }

    /// Removes a node that holds nothing.
    ///
    /// # Errors
    /// [`PeopleError::NotEmpty`], [`PeopleError::NotFound`], [`PeopleError::Refused`].
    pub async fn remove_node(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: NodeId,
    ) -> Result<(), PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<EditTree, _>(op, on, Some(format!("{id} removed")), move |tx, grant| {
            Box::pin(async move {
                let organisation = grant.on().0;
                own_node(tx, organisation, id).await?;
                if let Some(what) = tree::holds(tx, id).await? {
                    return Err(PeopleError::NotEmpty(what));
                }
                let last = organisations::first_project(tx, organisation).await?;
                if last.map(NodeId::Project) == Some(id) {
                    return Err(PeopleError::Misplaced("new sites go into the oldest project: it stays"));
                }
                tree::remove(tx, id).await?;
                identity.note_node(tx, &asked, id).await
            })
        })
        .await
    }

    async fn note_node(&self, tx: &mut Tx, op: &OpContext, id: NodeId) -> Result<(), PeopleError> {
        let object = ("organisation", *op.actor.organisation().as_bytes());
        self.note(tx, op, object, &[authority::node(id)]).await
    }

    async fn sealed_name(
        &self,
        tx: &mut Tx,
        key: KeyId,
        (organisation, id, version): (OrganisationId, NodeId, u64),
        name: String,
    ) -> Result<NodeName, PeopleError> {
        let place = name_place(organisation, id, version);
        Ok(match id {
            NodeId::Domain(_) => NodeName::Domain(self.vault.seal(tx, key, place, &DomainName(name)).await?),
            NodeId::Project(_) => {
                NodeName::Project(self.vault.seal(tx, key, place, &ProjectName(name)).await?)
            }
            NodeId::Team(_) => NodeName::Team(self.vault.seal(tx, key, place, &TeamName(name)).await?),
        })
    }
}

async fn organisation_key(tx: &mut Tx, id: OrganisationId) -> Result<KeyId, PeopleError> {
    let wrong = || SqlError::Inconsistent { table: "organisations", column: "key_id".to_owned() };
    Ok(organisations::find(tx, id).await?.ok_or_else(wrong)?.key)
}

async fn own_node(tx: &mut Tx, organisation: OrganisationId, id: NodeId) -> Result<Node, PeopleError> {
    let found = tree::find(tx, id).await?.filter(|node| node.organisation == organisation);
    found.ok_or(PeopleError::NotFound)
}

/// Sees that a node may hang there: a kind below its own, of the same organisation.
async fn fits(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: NodeId,
    parent: Option<NodeId>,
) -> Result<(), PeopleError> {
    match (id, parent) {
        (NodeId::Domain(_), None) | (NodeId::Project(_), None) => return Ok(()),
        (NodeId::Project(_), Some(NodeId::Domain(_))) | (NodeId::Team(_), Some(NodeId::Project(_))) => {}
        (NodeId::Domain(_), _) => {
            return Err(PeopleError::Misplaced("a domain hangs from the organisation"));
        }
        (NodeId::Project(_), _) => {
            return Err(PeopleError::Misplaced("a project hangs from a domain or from the organisation"));
        }
        (NodeId::Team(_), _) => return Err(PeopleError::Misplaced("a team hangs from a project")),
    }
    match parent {
        Some(parent) => match own_node(tx, organisation, parent).await {
            Err(PeopleError::NotFound) => Err(PeopleError::Unknown("the node to hang from")),
            found => found.map(drop),
        },
        None => Ok(()),
    }
}
