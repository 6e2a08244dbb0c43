//! Importing plain rrweb recordings.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clerestory_intake::IntakeError;
use clerestory_model::SiteId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::caller::{At, Caller, too_large};
use crate::problem::{ApiError, Problem};

#[derive(Serialize, ToSchema)]
pub(crate) struct Imported {
    recording: String,
    events: u64,
    dropped: Vec<Dropped>,
}

/// What was left out, and how often.
#[derive(Serialize, ToSchema)]
struct Dropped {
    reason: String,
    count: u64,
}

/// Brings in a JSON array of rrweb events, or an object with one under `events`.
#[utoipa::path(post, path = "/sites/{site}/imports", tag = "sites", params(("site" = String, Path)),
    request_body(content = Vec<serde_json::Value>, content_type = "application/json"), responses(
    (status = 201, body = Imported), (status = 404, body = Problem), (status = 413, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn import(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|_| too_large("A recording to import has at most 64 MiB."))?;
    let imported = api.intake.import(&caller.op, caller.site(id), body.to_vec()).await;
    let imported = imported.map_err(|error| match error {
        // What a recorder does about a segment is no help to who brings a file.
        IntakeError::Malformed(_) => ApiError::from(error).with_advice(
            "Nothing was imported. Export the recording again, as a JSON array of rrweb events, and bring that.",
        ),
        other => other.into(),
    })?;
    let dropped: BTreeMap<String, u64> = imported.dropped;
    let answer = Imported {
        recording: imported.recording.to_string(),
        events: imported.events,
        dropped: dropped.into_iter().map(|(reason, count)| Dropped { reason, count }).collect(),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
