//! Browsers that record the screen of their person: seeing and ending them, and a code for one more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{PersonRef as OnPerson, ReadRecorders};
use clerestory_model::RecorderId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

#[derive(Serialize, ToSchema)]
pub(crate) struct RecorderItem {
    id: String,
    /// What its person calls it.
    label: String,
    person: PersonRef,
    #[schema(format = DateTime)]
    enrolled_at: String,
    /// To the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecorderList {
    items: Vec<RecorderItem>,
}

/// A code for one browser. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecorderCode {
    code: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// The page that hands it to the extension.
    link: String,
}

/// The browsers that record screens, as far as the caller sees them.
#[utoipa::path(get, path = "/recorders", tag = "recorders", responses(
    (status = 200, body = RecorderList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<RecorderList>, ApiError> {
    let grant = api.access.authorize::<ReadRecorders>(&caller.op, caller.organisation(), None).await??;
    api.vault.hold_lease().await?;
    let inner = api.clone();
    let items = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::new();
                for one in inner.identity.recorders(tx, &grant).await? {
                    items.push(RecorderItem {
                        id: one.id.to_string(),
                        label: one.label,
                        person: names.person(tx, one.person).await?,
                        enrolled_at: one.enrolled_at.to_string(),
                        last_used_at: one.last_used_at.map(|at| at.to_string()),
                    });
                }
                Ok::<_, ApiError>(items)
            })
        })
        .await?;
    Ok(Json(RecorderList { items }))
}

/// A code by which one browser of the caller's comes to record their screen. It works once, for ten minutes.
#[utoipa::path(post, path = "/recorders/codes", tag = "recorders", responses(
    (status = 201, body = RecorderCode), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn offer(
    State(api): State<Api>,
    caller: Caller,
) -> Result<(StatusCode, Json<RecorderCode>), ApiError> {
    let on = OnPerson { organisation: caller.organisation, id: caller.person };
    let code = api.identity.offer_recorder(&caller.op, on).await?;
    let link = format!("{}/enrol#code={}", api.hosts.origins().console, *code.text);
    let code = RecorderCode { code: code.text.to_string(), expires_at: code.expires_at.to_string(), link };
    Ok((StatusCode::CREATED, Json(code)))
}

/// Ends a recorder: what it sends is refused from now on.
#[utoipa::path(delete, path = "/recorders/{recorder}", tag = "recorders",
    params(("recorder" = String, Path, description = "The recorder.")), responses(
    (status = 204, description = "It has ended"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecorderId>,
) -> Result<StatusCode, ApiError> {
    api.identity.end_recorder(&caller.op, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
