//! Deleting recordings so that they can be restored, restoring them, and the recycle bin.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{ListDeleted, OpContext, OrganisationRef, ReadHolds, RecordingRef, RestoreRecording};
use clerestory_lifecycle::{Deletion as Deleted, Hidden, Lifecycle};
use clerestory_model::{RecordingId, Timestamp};
use clerestory_store::recordings::Recording;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::{PersonRef, RecordingItem};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Deletions of one answer at most.
const MOST: u32 = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// Why; kept sealed in the audit log.
    reason: Option<String>,
}

/// A recording was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deletion {
    recording: String,
    #[schema(format = DateTime)]
    deleted_at: String,
    /// From this moment on it cannot be restored: it is queued to be erased for good.
    #[schema(format = DateTime)]
    restorable_until: String,
    /// The entry of the audit log that tells of it.
    entry: u64,
}

impl From<Deleted> for Deletion {
    fn from(deleted: Deleted) -> Self {
        Self {
            recording: deleted.recording.to_string(),
            deleted_at: deleted.deleted_at.to_string(),
            restorable_until: deleted.restorable_until.to_string(),
            entry: deleted.entry,
        }
    }
}

/// Deletes a recording: nobody sees it any more, and for one calendar month it can be restored. Deleting it again tells of
/// the same deletion.
#[utoipa::path(post, path = "/recordings/{recording}/delete", tag = "retention",
    params(("recording" = String, Path)), request_body = Why, responses(
    (status = 200, body = Deletion), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn delete(
    State(api): State<Api>,
    At(recording): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<Why>,
) -> Result<Json<Deletion>, ApiError> {
    Ok(Json(api.lifecycle.delete(&caller.op, recording, asked.reason).await?.into()))
}

/// Restores a recording that was deleted, with the same ids and links.
#[utoipa::path(post, path = "/recordings/{recording}/restore", tag = "retention",
    params(("recording" = String, Path)), request_body = Why, responses(
    (status = 204, description = "Restored"), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn restore(
    State(api): State<Api>,
    At(recording): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<Why>,
) -> Result<StatusCode, ApiError> {
    api.lifecycle.restore_deleted(&caller.op, recording, asked.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A recording in the recycle bin.
#[derive(Serialize, ToSchema)]
pub(crate) struct BinItem {
    recording: RecordingItem,
    /// Nobody where the program deleted it.
    deleted_by: Option<PersonRef>,
    #[schema(format = DateTime)]
    deleted_at: String,
    #[schema(format = DateTime)]
    restorable_until: String,
}

/// What was deleted and can be restored.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bin {
    items: Vec<BinItem>,
    next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    entry: u64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BinQuery {
    /// From the answer before.
    cursor: Option<String>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

/// The recycle bin: what the caller may restore, those that began last first.
#[utoipa::path(get, path = "/deletions", tag = "retention", params(BinQuery), responses(
    (status = 200, body = Bin), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<BinQuery>,
) -> Result<Json<Bin>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let after = asked.cursor.as_deref().map(read_cursor).transpose()?;
    let grant = api.access.authorize::<ListDeleted>(&caller.op, caller.organisation(), None).await??;
    api.vault.hold_lease().await?;
    let (inner, now) = (api.clone(), api.clock.now());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut found = Lifecycle::deleted(tx, &grant, after, limit + 1).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|(last, _)| write_cursor(last));
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for (_, deleted) in &found {
                    let described = inner.playback.describe(tx, &grant, deleted.recording).await?;
                    let deleted_by = match deleted.deleted_by {
                        Some(person) => Some(names.person(tx, person).await?),
                        None => None,
                    };
                    items.push(BinItem {
                        recording: names.item(tx, &described, now).await?,
                        deleted_by,
                        deleted_at: deleted.deleted_at.to_string(),
                        restorable_until: deleted.restorable_until.to_string(),
                    });
                }
                Ok(Json(Bin { items, next_cursor, entry: grant.entry() }))
            })
        })
        .await
}

fn write_cursor(last: &Recording) -> String {
    format!("{}.{}", last.started_at.micros(), last.id)
}

fn read_cursor(text: &str) -> Result<(Timestamp, RecordingId), ApiError> {
    let parsed = || {
        let (at, id) = text.split_once('.')?;
        Some((Timestamp::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    parsed().ok_or_else(|| ApiError::malformed("cursor".to_owned(), "not a cursor of this list".to_owned()))
}

/// Refuses to tell of a recording that was deleted: whoever may restore it learns until when, for others it is not there.
/// What waits for a hold to be erased is there for nobody, but for those who keep the hold: evidence that nobody can look
/// at would be none.
pub(crate) async fn not_deleted(api: &Api, op: &OpContext, id: RecordingId) -> Result<(), ApiError> {
    let Some(hidden) = api.lifecycle.hidden(id).await? else { return Ok(()) };
    if api.lifecycle.is_held(id).await? && keeps_holds(api, op).await? {
        return Ok(());
    }
    let deletion = match hidden {
        Hidden::Restricted => return Err(ApiError::not_found()),
        Hidden::Deleted(deletion) => deletion,
    };
    let on = RecordingRef { organisation: op.actor.organisation(), id };
    let may = api.access.would_allow::<RestoreRecording>(op, on).await?;
    Err(if may { ApiError::deleted(deletion.restorable_until) } else { ApiError::not_found() })
}

/// Whether somebody sees what holds keep, however hidden it is.
pub(crate) async fn keeps_holds(api: &Api, op: &OpContext) -> Result<bool, ApiError> {
    let on = OrganisationRef(op.actor.organisation());
    Ok(api.access.would_allow::<ReadHolds>(op, on).await?)
}
