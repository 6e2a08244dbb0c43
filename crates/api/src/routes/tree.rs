//! The organisation's tree: domains, projects, teams.

use std::fmt;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_identity::{NodeChange, NodeKind, NodeView};
use clerestory_store::tree::NodeId;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use super::people::name;
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::problem::{ApiError, Problem};

/// A node of the tree.
#[derive(Serialize, ToSchema)]
pub(crate) struct Node {
    /// `dom_…`, `prj_…` or `tea_…`.
    id: String,
    /// `domain`, `project` or `team`.
    kind: String,
    /// What it hangs from; the organisation itself where nothing is said.
    parent: Option<String>,
    name: String,
}

impl From<NodeView> for Node {
    fn from(view: NodeView) -> Self {
        Self {
            id: view.id.to_string(),
            kind: match view.id {
                NodeId::Domain(_) => "domain",
                NodeId::Project(_) => "project",
                NodeId::Team(_) => "team",
            }
            .to_owned(),
            parent: view.parent.map(|parent| parent.to_string()),
            name: view.name,
        }
    }
}

/// The tree, flat: domains, then projects, then teams.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tree {
    items: Vec<Node>,
}

/// The id of a node, in a path or a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeAt(NodeId);

impl<'de> Deserialize<'de> for NodeAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = NodeAt;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id that begins with dom_, prj_ or tea_")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<NodeAt, E> {
                text.parse().map(NodeAt).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NodeKindAsked {
    Domain,
    Project,
    Team,
}

/// A node to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddNode {
    kind: NodeKindAsked,
    name: String,
    /// A team hangs from a project, a project from a domain or, where nothing is said, from the organisation.
    #[schema(value_type = Option<String>)]
    parent: Option<NodeAt>,
}

/// What is to change about a node.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeNode {
    name: Option<String>,
    /// Another node to hang from; `null` for the organisation itself.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    parent: Option<Option<NodeAt>>,
}

/// Tells `null` from nothing said.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<NodeAt>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The tree of the organisation.
#[utoipa::path(get, path = "/tree", tag = "people", responses(
    (status = 200, body = Tree), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn read(State(api): State<Api>, caller: Caller) -> Result<Json<Tree>, ApiError> {
    let nodes = api.identity.tree(&caller.op, caller.organisation()).await?;
    Ok(Json(Tree { items: nodes.into_iter().map(Into::into).collect() }))
}

/// Adds a domain, project or team.
#[utoipa::path(post, path = "/tree", tag = "people", request_body = AddNode, responses(
    (status = 201, body = Node), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn add(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<AddNode>,
) -> Result<(StatusCode, Json<Node>), ApiError> {
    let kind = match asked.kind {
        NodeKindAsked::Domain => NodeKind::Domain,
        NodeKindAsked::Project => NodeKind::Project,
        NodeKindAsked::Team => NodeKind::Team,
    };
    let (place, called) = ((kind, asked.parent.map(|at| at.0)), name("name", &asked.name)?);
    let node = api.identity.add_node(&caller.op, caller.organisation(), place, called).await?;
    Ok((StatusCode::CREATED, Json(node.into())))
}

/// Gives a node another name, or another place.
#[utoipa::path(patch, path = "/tree/{node}", tag = "people", params(("node" = String, Path)),
    request_body = ChangeNode, responses((status = 200, body = Node), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(api): State<Api>,
    At(NodeAt(id)): At<NodeAt>,
    CallerWith(caller, asked): CallerWith<ChangeNode>,
) -> Result<Json<Node>, ApiError> {
    let change = NodeChange {
        name: asked.name.as_deref().map(|text| name("name", text)).transpose()?,
        parent: asked.parent.map(|parent| parent.map(|at| at.0)),
    };
    Ok(Json(api.identity.change_node(&caller.op, caller.organisation(), id, change).await?.into()))
}

/// Removes a node that holds nothing.
#[utoipa::path(delete, path = "/tree/{node}", tag = "people", params(("node" = String, Path)), responses(
    (status = 204, description = "Removed"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(NodeAt(id)): At<NodeAt>,
) -> Result<StatusCode, ApiError> {
    api.identity.remove_node(&caller.op, caller.organisation(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
