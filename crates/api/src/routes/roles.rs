//! Roles: what each may do, and those that an organisation puts together itself.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{Cell, Rights, Scope};
use clerestory_identity::{NewRole, PeopleError, RoleChange, RoleView};
use clerestory_model::RoleId;
use clerestory_store::people::Role as Built;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::name;
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::problem::{ApiError, Problem};

/// How far a right reaches, and on which conditions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Right {
    /// `own`, `reports` or `organisation`.
    scope: String,
    /// A setting that must be on for it to hold at all.
    setting: Option<String>,
    /// What another setting must say for it to hold at all.
    says: Option<SaysRight>,
    /// How far it reaches while another setting says a certain word.
    wider: Option<WiderRight>,
    /// A setting that must be on for visitors, who report to nobody, to be among those whom `reports` reaches.
    visitors: Option<String>,
    /// Whether whoever does it proves once more who they are.
    step_up: bool,
    /// Whether they may only while a grant of support says so.
    granted: bool,
}

/// What a setting must say for a right to hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaysRight {
    setting: String,
    /// Any of these words.
    any: Vec<String>,
}

/// A right that reaches further while a setting says a certain word.
#[derive(Serialize, ToSchema)]
pub(crate) struct WiderRight {
    /// How far.
    scope: String,
    setting: String,
    /// The word it must say.
    is: String,
    /// Another setting, which must be on as well.
    also: Option<String>,
}

impl From<&Cell> for Right {
    fn from(cell: &Cell) -> Self {
        Self {
            scope: cell.scope.word().to_owned(),
            setting: cell.setting.clone(),
            says: cell
                .says
                .as_ref()
                .map(|says| SaysRight { setting: says.setting.clone(), any: says.any.clone() }),
            wider: cell.wider.as_ref().map(|wider| WiderRight {
                scope: wider.scope.word().to_owned(),
                setting: wider.setting.clone(),
                is: wider.is.clone(),
                also: wider.also.clone(),
            }),
            visitors: cell.visitors.clone(),
            step_up: cell.step_up,
            granted: cell.granted,
        }
    }
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct Role {
    /// A word for those that every organisation has, `rol_…` for one's own.
    id: String,
    /// What people call one's own; nothing for the others.
    name: Option<String>,
    /// Whether every organisation has it, as it is.
    builtin: bool,
    /// Whether everybody has exactly one of these: member, manager or Admin, or `support` for whoever is from outside and
    /// let in by a grant, which nobody is given here.
    main: bool,
    /// What it allows, by action.
    rights: BTreeMap<String, Right>,
    /// How many active people have it.
    people: u64,
    /// Who made it; nobody for those that every organisation has.
    made_by: Option<String>,
    #[schema(format = DateTime)]
    created_at: Option<String>,
}

/// Every role there is: those that every organisation has, then one's own, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Roles {
    items: Vec<Role>,
}

/// How far a right of one's own role is to reach.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Reach {
    Own,
    Reports,
    Organisation,
}

/// The rights of a role, by action.
#[derive(Deserialize, ToSchema)]
struct AskedRights(BTreeMap<String, Reach>);

impl From<AskedRights> for Rights {
    fn from(asked: AskedRights) -> Self {
        let scope = |reach| match reach {
            Reach::Own => Scope::Own,
            Reach::Reports => Scope::Reports,
            Reach::Organisation => Scope::Organisation,
        };
        Self(asked.0.into_iter().map(|(action, reach)| (action, scope(reach))).collect())
    }
}

/// A role to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeRole {
    name: String,
    /// What it is to allow; nothing that its maker may not do.
    #[schema(value_type = BTreeMap<String, Reach>)]
    rights: AskedRights,
}

/// What is to change about a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRole {
    name: Option<String>,
    /// All it is to allow from now on.
    #[schema(value_type = Option<BTreeMap<String, Reach>>)]
    rights: Option<AskedRights>,
}

fn own(api: &Api, view: RoleView, people: u64) -> Role {
    let rights = view.rights.0.iter().filter_map(|(action, scope)| {
        let cell = api.access.right(action, *scope)?;
        Some((action.clone(), Right::from(&cell)))
    });
    Role {
        id: view.id.to_string(),
        builtin: false,
        main: false,
        rights: rights.collect(),
        people,
        made_by: Some(view.made_by.to_string()),
        created_at: Some(view.created_at.to_string()),
        name: Some(view.name),
    }
}

/// A role that can be changed.
fn ones_own(role: Built) -> Result<RoleId, ApiError> {
    match role {
        Built::Custom(id) => Ok(id),
        _ => Err(PeopleError::BuiltIn(role).into()),
    }
}

/// The roles, what each may do, and how many people have it.
#[utoipa::path(get, path = "/roles", tag = "people", responses(
    (status = 200, body = Roles), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Roles>, ApiError> {
    let (views, holders) = api.identity.roles(&caller.op, caller.organisation()).await?;
    let people = |id: &str| holders.get(id).copied().unwrap_or_default();
    let built_in = Built::BUILT_IN.into_iter().map(|role| Role {
        id: role.to_string(),
        name: None,
        builtin: true,
        main: role.is_main(),
        rights: api
            .access
            .built_in_role(role)
            .map(|(action, cell)| (action.to_owned(), cell.into()))
            .collect(),
        people: people(role.word()),
        made_by: None,
        created_at: None,
    });
    let mut items: Vec<Role> = built_in.collect();
    for view in views {
        let people = people(&view.id.to_string());
        items.push(own(&api, view, people));
    }
    Ok(Json(Roles { items }))
}

/// Makes a role.
#[utoipa::path(post, path = "/roles", tag = "people", request_body = MakeRole, responses(
    (status = 201, body = Role), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn make(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<MakeRole>,
) -> Result<(StatusCode, Json<Role>), ApiError> {
    let new = NewRole { name: name("name", &asked.name)?, rights: asked.rights.into() };
    let view = api.identity.make_role(&caller.op, caller.organisation(), new).await?;
    Ok((StatusCode::CREATED, Json(own(&api, view, 0))))
}

/// Changes a role, for everybody who has it.
#[utoipa::path(patch, path = "/roles/{role}", tag = "people", params(("role" = String, Path)),
    request_body = ChangeRole, responses((status = 200, body = Role), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(api): State<Api>,
    At(role): At<Built>,
    CallerWith(caller, asked): CallerWith<ChangeRole>,
) -> Result<Json<Role>, ApiError> {
    let id = ones_own(role)?;
    let change = RoleChange {
        name: asked.name.as_deref().map(|text| name("name", text)).transpose()?,
        rights: asked.rights.map(Into::into),
    };
    let (view, people) = api.identity.change_role(&caller.op, caller.organisation(), id, change).await?;
    Ok(Json(own(&api, view, people)))
}

/// Removes a role; whoever has it has it no more.
#[utoipa::path(delete, path = "/roles/{role}", tag = "people", params(("role" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    At(role): At<Built>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    api.identity.remove_role(&caller.op, caller.organisation(), ones_own(role)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
