//! Importing plain rrweb recordings.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clerestory_access::ImportRecording;
use clerestory_intake::{IMPORT_BYTES, IntakeError};
use clerestory_model::{PersonId, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::{arrive, time_for};
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};
use crate::routes::capture;

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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// The person of the organisation whom the recording is about; a visitor nobody knows, where none is named.
    #[param(value_type = Option<String>)]
    about: Option<PersonId>,
}

/// Brings in a JSON array of rrweb events, or an object with one under `events`.
#[utoipa::path(post, path = "/sites/{site}/imports", tag = "sites", params(("site" = String, Path), ImportQuery),
    request_body(content = Vec<serde_json::Value>, content_type = "application/json"), responses(
    (status = 201, body = Imported), (status = 404, body = Problem), (status = 413, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn import(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
    Asked(asked): Asked<ImportQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let (op, on) = (&caller.op, caller.site(id));
    // Of who may not, nothing is read; the refusal is put on record.
    if !api.access.would_allow::<ImportRecording>(op, on).await?
        && let Err(refused) = api.access.authorize::<ImportRecording>(op, on, None).await?
    {
        return Err(refused.into());
    }
    capture::still_records(&api, caller.organisation).await?;
    let length = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let length = length.unwrap_or(IMPORT_BYTES).min(IMPORT_BYTES);
    let _room = api.intake.room_for_import(caller.organisation, length).await.map_err(|error| {
        ApiError::from(error)
            .with_advice("Nothing was imported. Wait until other imports are done, then try again.")
    })?;
    let body = arrive(body, length, time_for(length)).await?;
    // It may have taken minutes: who asks, and what they may do, is looked up anew.
    let caller = Caller::from_request_parts(&mut parts, &api).await?;
    capture::still_records(&api, caller.organisation).await?;
    let imported = api.intake.import(&caller.op, caller.site(id), asked.about, body).await;
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
