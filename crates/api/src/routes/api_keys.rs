//! API keys of the organisation.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::ReadKeys;
use clerestory_identity::{KEY_LASTS, MadeApiKey, NewApiKey};
use clerestory_model::ApiKeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

const DAY: u64 = 24 * 3600;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What people call it.
    name: String,
    /// The actions it may do, as `allowed` of a session names them.
    scopes: Vec<String>,
    /// Days it lasts: 90 unless said, 366 at most.
    days: Option<u32>,
}

/// A key. `key` is what programs send as `Authorization: Bearer …`; it is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    id: String,
    key: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyItem {
    id: String,
    name: String,
    scopes: Vec<String>,
    /// Who made it, or made it anew. It does no more than they may do.
    made_by: PersonRef,
    #[schema(format = DateTime)]
    made_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// To the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    items: Vec<KeyItem>,
    /// The actions that the caller may give to a key.
    scopes: Vec<String>,
}

fn made(key: MadeApiKey) -> Json<MadeKey> {
    Json(MadeKey {
        id: key.id.to_string(),
        key: key.text.to_string(),
        expires_at: key.expires_at.to_string(),
    })
}

/// The organisation's keys, without what they are.
#[utoipa::path(get, path = "/keys", tag = "keys", responses(
    (status = 200, body = KeyList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<KeyList>, ApiError> {
    let grant = api.access.authorize::<ReadKeys>(&caller.op, caller.organisation(), None).await??;
    api.vault.hold_lease().await?;
    let scopes = api.access.key_scopes(&caller.op.actor.roles()).into_iter().map(str::to_owned).collect();
    let inner = api.clone();
    let items = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::new();
                for key in inner.identity.api_keys(tx, &grant).await? {
                    items.push(KeyItem {
                        id: key.id.to_string(),
                        name: key.name,
                        scopes: key.scopes,
                        made_by: names.person(tx, key.made_by).await?,
                        made_at: key.made_at.to_string(),
                        expires_at: key.expires_at.to_string(),
                        last_used_at: key.last_used_at.map(|at| at.to_string()),
                    });
                }
                Ok::<_, ApiError>(items)
            })
        })
        .await?;
    Ok(Json(KeyList { items, scopes }))
}

/// Makes a key.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = NewKey, responses(
    (status = 201, body = MadeKey), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn make(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<NewKey>,
) -> Result<(StatusCode, Json<MadeKey>), ApiError> {
    let lasts = asked.days.map_or(KEY_LASTS, |days| Duration::from_secs(u64::from(days) * DAY));
    let new = NewApiKey { name: asked.name, scopes: asked.scopes, lasts };
    let key = api.identity.make_api_key(&caller.op, caller.organisation(), new).await?;
    Ok((StatusCode::CREATED, made(key)))
}

/// Makes a key anew, at once: what it was is refused from now on.
#[utoipa::path(post, path = "/keys/{key}/rotate", tag = "keys",
    params(("key" = String, Path, description = "The key.")), responses(
    (status = 200, body = MadeKey), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn rotate(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<ApiKeyId>,
) -> Result<Json<MadeKey>, ApiError> {
    Ok(made(api.identity.rotate_api_key(&caller.op, caller.organisation(), id).await?))
}

/// Ends a key.
#[utoipa::path(delete, path = "/keys/{key}", tag = "keys",
    params(("key" = String, Path, description = "The key.")), responses(
    (status = 204, description = "It has ended"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<ApiKeyId>,
) -> Result<StatusCode, ApiError> {
    api.identity.end_api_key(&caller.op, caller.organisation(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
