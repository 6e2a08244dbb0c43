//! What somebody is here: roles, team, to whom they report.

use axum::Json;
use axum::extract::State;
use clerestory_model::{PersonId, TeamId};
use clerestory_store::people::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Person, on};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::At;
use crate::problem::{ApiError, Problem};

/// The roles somebody is to have, and no others.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoles {
    /// The main role.
    #[schema(value_type = String)]
    role: Role,
    /// Roles beside it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    also: Vec<Role>,
}

/// To whom somebody is to report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewManager {
    /// Their manager; `null` for nobody.
    #[schema(value_type = Option<String>)]
    manager: Option<PersonId>,
}

/// Where somebody is to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTeam {
    /// The team; `null` for none.
    #[schema(value_type = Option<String>)]
    team: Option<TeamId>,
}

/// Gives somebody these roles, and no others. It holds from the answer on; their other sessions end.
#[utoipa::path(put, path = "/people/{person}/roles", tag = "people", params(("person" = String, Path)),
    request_body = NewRoles, responses((status = 200, body = Person), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn roles(
    State(api): State<Api>,
    At(id): At<PersonId>,
    CallerWith(caller, asked): CallerWith<NewRoles>,
) -> Result<Json<Person>, ApiError> {
    let on = on(&caller, id);
    Ok(Json(api.identity.assign_roles(&caller.op, on, asked.role, asked.also).await?.into()))
}

/// Says to whom somebody reports from now on. The lines before stay in their history.
#[utoipa::path(put, path = "/people/{person}/manager", tag = "people", params(("person" = String, Path)),
    request_body = NewManager, responses((status = 200, body = Person), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn manager(
    State(api): State<Api>,
    At(id): At<PersonId>,
    CallerWith(caller, asked): CallerWith<NewManager>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.set_manager(&caller.op, on(&caller, id), asked.manager).await?.into()))
}

/// Moves somebody to a team, or out of any.
#[utoipa::path(put, path = "/people/{person}/team", tag = "people", params(("person" = String, Path)),
    request_body = NewTeam, responses((status = 200, body = Person), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn team(
    State(api): State<Api>,
    At(id): At<PersonId>,
    CallerWith(caller, asked): CallerWith<NewTeam>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.set_team(&caller.op, on(&caller, id), asked.team).await?.into()))
}
