//! Comments on recordings: reading, writing, changing, taking away.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{Action, OpContext};
use clerestory_coaching::{CoachingError, Comment as Row, CommentText, NewComment, WordsError};
use clerestory_model::{CommentId, RecordingId};
use clerestory_sql::Tx;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};
use crate::routes::deletions::not_deleted;

/// What somebody said of a moment of a recording.
#[derive(Serialize, ToSchema)]
pub(crate) struct Comment {
    id: String,
    /// Milliseconds since the recording began.
    at_ms: i64,
    /// Where it ends, of more than a moment.
    to_ms: Option<i64>,
    text: String,
    author: PersonRef,
    #[schema(format = DateTime)]
    written_at: String,
    #[schema(format = DateTime)]
    edited_at: Option<String>,
    /// The comment it answers.
    answers: Option<String>,
    /// Whether the caller wrote it: they alone change it.
    mine: bool,
}

/// What people said of a recording, in the order of its time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Comments {
    items: Vec<Comment>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteComment {
    /// Milliseconds since the recording began. An answer is of the time of what it answers, whatever stands here.
    at_ms: i64,
    /// Where it ends, of more than a moment.
    to_ms: Option<i64>,
    /// 1 to 2000 characters.
    text: String,
    /// The comment it answers.
    #[schema(value_type = Option<String>)]
    answers: Option<CommentId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditComment {
    /// 1 to 2000 characters.
    text: String,
}

/// What people said of a recording.
#[utoipa::path(get, path = "/recordings/{recording}/comments", tag = "coaching",
    params(("recording" = String, Path)), responses((status = 200, body = Comments), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
) -> Result<Json<Comments>, ApiError> {
    let found = api.coaching.comments(&caller.op, caller.recording(id)).await;
    let (grant, rows) = of_recording(&api, &caller.op, id, found).await?;
    let (inner, op) = (api.clone(), caller.op);
    let items = api.database.read(move |tx| {
        Box::pin(async move {
            let mut names = Names::new(&inner, &grant).with_pictures(&op);
            let mut items = Vec::with_capacity(rows.len());
            for row in rows {
                items.push(shown(tx, &mut names, (&op, row)).await?);
            }
            Ok::<_, ApiError>(items)
        })
    });
    Ok(Json(Comments { items: items.await? }))
}

/// Says something of a recording, or answers what was said.
#[utoipa::path(post, path = "/recordings/{recording}/comments", tag = "coaching", request_body = WriteComment,
    params(("recording" = String, Path)), responses((status = 201, body = Comment), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn write(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<WriteComment>,
) -> Result<(StatusCode, Json<Comment>), ApiError> {
    let at_us = micros("at_ms", asked.at_ms)?;
    let to_us = asked.to_ms.map(|to| micros("to_ms", to)).transpose()?;
    if to_us.is_some_and(|to| to < at_us) {
        return Err(ApiError::malformed("to_ms".to_owned(), "it ends before it begins".to_owned()));
    }
    let text = CommentText::read(&asked.text).map_err(|error| unreadable("text", error))?;
    let new = NewComment { at_us, to_us, text, answers: asked.answers };
    let written = api.coaching.comment(&caller.op, caller.recording(id), new).await;
    let (grant, row) = of_recording(&api, &caller.op, id, written).await?;
    Ok((StatusCode::CREATED, Json(named(&api, &caller.op, grant, row).await?)))
}

/// Says something else in the place of what one said.
#[utoipa::path(patch, path = "/comments/{comment}", tag = "coaching", request_body = EditComment,
    params(("comment" = String, Path)), responses((status = 200, body = Comment), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn edit(
    State(api): State<Api>,
    At(id): At<CommentId>,
    CallerWith(caller, asked): CallerWith<EditComment>,
) -> Result<Json<Comment>, ApiError> {
    let text = CommentText::read(&asked.text).map_err(|error| unreadable("text", error))?;
    let (grant, row) = api.coaching.edit_comment(&caller.op, id, text).await?;
    Ok(Json(named(&api, &caller.op, grant, row).await?))
}

/// Takes a comment away, with what answers it.
#[utoipa::path(delete, path = "/comments/{comment}", tag = "coaching", params(("comment" = String, Path)), responses(
    (status = 204, description = "It is gone"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<CommentId>,
) -> Result<StatusCode, ApiError> {
    api.coaching.delete_comment(&caller.op, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn named<A: Action>(
    api: &Api,
    op: &OpContext,
    grant: clerestory_access::Grant<A>,
    row: Row,
) -> Result<Comment, ApiError> {
    let (inner, op) = (api.clone(), op.clone());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant).with_pictures(&op);
                shown(tx, &mut names, (&op, row)).await
            })
        })
        .await
}

async fn shown<A: Action>(
    tx: &mut Tx,
    names: &mut Names<'_, A>,
    (op, row): (&OpContext, Row),
) -> Result<Comment, ApiError> {
    Ok(Comment {
        id: row.id.to_string(),
        at_ms: row.at_us / 1000,
        to_ms: row.to_us.map(|to| to / 1000),
        text: row.text,
        mine: op.actor.person() == Some(row.author),
        author: names.person(tx, row.author).await?,
        written_at: row.written_at.to_string(),
        edited_at: row.edited_at.map(|at| at.to_string()),
        answers: row.answers.map(|answers| answers.to_string()),
    })
}

/// What came of something about a recording that the address names: what was deleted is told of to whoever may restore it.
pub(super) async fn of_recording<T>(
    api: &Api,
    op: &OpContext,
    id: RecordingId,
    done: Result<T, CoachingError>,
) -> Result<T, ApiError> {
    if let Err(CoachingError::Gone) = &done {
        not_deleted(api, op, id).await?;
    }
    Ok(done?)
}

/// A time of a recording as it is stored.
pub(super) fn micros(field: &str, ms: i64) -> Result<i64, ApiError> {
    let micros = ms.checked_mul(1000).filter(|micros| *micros >= 0);
    micros.ok_or_else(|| ApiError::malformed(field.to_owned(), "no time of a recording".to_owned()))
}

pub(super) fn unreadable(field: &str, error: WordsError) -> ApiError {
    ApiError::malformed(field.to_owned(), error.to_string())
}
