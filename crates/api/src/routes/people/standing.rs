//! Whether somebody may come in: soft deletion, restoring, blocks that end by themselves.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_model::{BlockId, PersonId, SessionId, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Person, on};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::problem::{ApiError, Problem};

/// Characters of a reason at most.
const REASON_CHARS: usize = 500;

/// Takes somebody's access away. What is about them is kept; `restore` brings them back as they were.
#[utoipa::path(delete, path = "/people/{person}", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = Person), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn soft_delete(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.soft_delete(&caller.op, on(&caller, id)).await?.into()))
}

/// Brings somebody back who was soft deleted, with the same id, lines and recordings.
#[utoipa::path(post, path = "/people/{person}/restore", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = Person), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn restore(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.restore_person(&caller.op, on(&caller, id)).await?.into()))
}

/// A block to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock {
    /// When it ends, at the latest a year from now. It ends by itself.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Why; kept sealed under the person's key.
    reason: String,
    /// One session of theirs; all of them, and signing in, where none is said.
    #[schema(value_type = Option<String>)]
    session: Option<SessionId>,
}

/// Keeps somebody out until a time: their next request is refused.
#[utoipa::path(post, path = "/people/{person}/blocks", tag = "people", params(("person" = String, Path)),
    request_body = NewBlock, responses((status = 201, body = Person), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn block(
    State(api): State<Api>,
    At(id): At<PersonId>,
    CallerWith(caller, asked): CallerWith<NewBlock>,
) -> Result<(StatusCode, Json<Person>), ApiError> {
    let (on, reason) = (on(&caller, id), reason(&asked.reason)?);
    let person = api.identity.block(&caller.op, on, asked.session, asked.ends_at, reason).await?;
    Ok((StatusCode::CREATED, Json(person.into())))
}

/// Why somebody is kept out, or not any more.
pub(crate) fn reason(written: &str) -> Result<String, ApiError> {
    let reason = written.trim();
    match (1..=REASON_CHARS).contains(&reason.chars().count()) {
        true => Ok(reason.to_owned()),
        false => {
            let message = format!("a reason has 1 to {REASON_CHARS} characters");
            Err(ApiError::malformed("reason".to_owned(), message))
        }
    }
}

/// Ends a block before its time.
#[utoipa::path(delete, path = "/people/{person}/blocks/{block}", tag = "people",
    params(("person" = String, Path), ("block" = String, Path)), responses(
    (status = 200, body = Person), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn lift(
    State(api): State<Api>,
    caller: Caller,
    At((id, block)): At<(PersonId, BlockId)>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.lift_block(&caller.op, on(&caller, id), block).await?.into()))
}
