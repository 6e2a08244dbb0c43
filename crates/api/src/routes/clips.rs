//! Clips of recordings: making, changing, taking away, and watching one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clerestory_access::{Action, ContinuePlay, Grant, OpContext};
use clerestory_coaching::{Clip as Row, ClipChanges, ClipTitle, NewClip};
use clerestory_model::{ClipId, RecordingId};
use clerestory_playback::PlaybackError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::comments::{micros, of_recording, unreadable};
use super::plays::{Begin, Play, PlayedClip};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};
use crate::routes::deletions::not_deleted;

/// A stretch of a recording that somebody named.
#[derive(Serialize, ToSchema)]
pub(crate) struct Clip {
    id: String,
    recording: String,
    title: String,
    /// Milliseconds since the recording began.
    from_ms: i64,
    to_ms: i64,
    made_by: PersonRef,
    #[schema(format = DateTime)]
    made_at: String,
}

/// The clips of a recording, in the order of its time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Clips {
    items: Vec<Clip>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeClip {
    /// 1 to 120 characters in one line.
    title: String,
    /// Milliseconds since the recording began.
    from_ms: i64,
    to_ms: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeClip {
    /// 1 to 120 characters in one line.
    title: Option<String>,
    /// Milliseconds since the recording began.
    from_ms: Option<i64>,
    to_ms: Option<i64>,
}

/// The clips of a recording.
#[utoipa::path(get, path = "/recordings/{recording}/clips", tag = "coaching",
    params(("recording" = String, Path)), responses((status = 200, body = Clips), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
) -> Result<Json<Clips>, ApiError> {
    let found = api.coaching.clips(&caller.op, caller.recording(id)).await;
    let (grant, rows) = of_recording(&api, &caller.op, id, found).await?;
    Ok(Json(Clips { items: named(&api, &caller.op, grant, rows).await? }))
}

/// Names a stretch of a recording.
#[utoipa::path(post, path = "/recordings/{recording}/clips", tag = "coaching", request_body = MakeClip,
    params(("recording" = String, Path)), responses((status = 201, body = Clip), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn make(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<MakeClip>,
) -> Result<Response, ApiError> {
    let (from_us, to_us) = (micros("from_ms", asked.from_ms)?, micros("to_ms", asked.to_ms)?);
    if to_us <= from_us {
        return Err(ApiError::malformed("to_ms".to_owned(), "it ends before it begins".to_owned()));
    }
    let title = ClipTitle::read(&asked.title).map_err(|error| unreadable("title", error))?;
    let made =
        api.coaching.make_clip(&caller.op, caller.recording(id), NewClip { title, from_us, to_us }).await;
    let (grant, row) = of_recording(&api, &caller.op, id, made).await?;
    let clip = named(&api, &caller.op, grant, vec![row]).await?.pop();
    Ok((StatusCode::CREATED, Json(clip)).into_response())
}

/// Names a clip anew, or moves its ends.
#[utoipa::path(patch, path = "/clips/{clip}", tag = "coaching", request_body = ChangeClip,
    params(("clip" = String, Path)), responses((status = 200, body = Clip), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(api): State<Api>,
    At(id): At<ClipId>,
    CallerWith(caller, asked): CallerWith<ChangeClip>,
) -> Result<Response, ApiError> {
    let title = asked.title.as_deref().map(ClipTitle::read).transpose();
    let changes = ClipChanges {
        title: title.map_err(|error| unreadable("title", error))?,
        from_us: asked.from_ms.map(|ms| micros("from_ms", ms)).transpose()?,
        to_us: asked.to_ms.map(|ms| micros("to_ms", ms)).transpose()?,
    };
    let (grant, row) = api.coaching.change_clip(&caller.op, id, changes).await?;
    let clip = named(&api, &caller.op, grant, vec![row]).await?.pop();
    Ok(Json(clip).into_response())
}

/// Takes a clip away. Its recording stays.
#[utoipa::path(delete, path = "/clips/{clip}", tag = "coaching", params(("clip" = String, Path)), responses(
    (status = 204, description = "It is gone"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<ClipId>,
) -> Result<StatusCode, ApiError> {
    api.coaching.delete_clip(&caller.op, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins watching a clip: a play of its recording that is given the segments which the clip touches, and of a page those
/// back to the last one that it can be drawn from.
#[utoipa::path(post, path = "/clips/{clip}/plays", tag = "coaching", request_body = Begin,
    params(("clip" = String, Path)), responses((status = 201, body = Play), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 410, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn play(
    State(api): State<Api>,
    At(id): At<ClipId>,
    CallerWith(caller, asked): CallerWith<Begin>,
) -> Result<Response, ApiError> {
    let (on, part) = api.coaching.clip_to_play(&caller.op, id).await?;
    let begun = match api.playback.begin_part(&caller.op, on, (asked.reason, Some(part))).await {
        Err(error @ PlaybackError::Gone) => {
            not_deleted(&api, &caller.op, on.id).await?;
            return Err(error.into());
        }
        begun => begun?,
    };
    let grant = api.access.resume::<ContinuePlay>(&caller.op, on, begun.play.entry).await??;
    let inner = api.clone();
    let clip = api
        .database
        .read(move |tx| {
            Box::pin(async move { Ok::<_, ApiError>(inner.coaching.clip(tx, &grant, id).await?) })
        })
        .await?;
    let (from_us, to_us) = part;
    let played =
        PlayedClip { id: id.to_string(), from_ms: from_us / 1000, to_ms: to_us / 1000, title: clip.title };
    Ok((StatusCode::CREATED, Json(Play::of(&api, &begun, Some(played)))).into_response())
}

async fn named<A: Action>(
    api: &Api,
    op: &OpContext,
    grant: Grant<A>,
    rows: Vec<Row>,
) -> Result<Vec<Clip>, ApiError> {
    let (inner, op) = (api.clone(), op.clone());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant).with_pictures(&op);
                let mut items = Vec::with_capacity(rows.len());
                for row in rows {
                    items.push(Clip {
                        id: row.id.to_string(),
                        recording: row.recording.to_string(),
                        title: row.title,
                        from_ms: row.from_us / 1000,
                        to_ms: row.to_us / 1000,
                        made_by: names.person(tx, row.made_by).await?,
                        made_at: row.made_at.to_string(),
                    });
                }
                Ok(items)
            })
        })
        .await
}
