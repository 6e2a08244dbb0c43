//! The review queue: which recordings somebody is to look at, and who did.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{Action, Grant, OpContext};
use clerestory_coaching::{Review as Said, ReviewNote, ReviewState, Reviewed};
use clerestory_model::{RecordingId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::comments::{of_recording, unreadable};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::{PersonRef, RecordingShort};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Reviews of one answer.
const MOST: u32 = 50;

/// A recording that is to be reviewed, or was.
#[derive(Serialize, ToSchema)]
pub(crate) struct Review {
    recording: RecordingShort,
    /// `waiting` or `done`.
    state: String,
    /// Who asked for it; nobody where it was done unasked.
    asked_by: Option<PersonRef>,
    /// When it came onto the queue.
    #[schema(format = DateTime)]
    asked_at: String,
    note: Option<String>,
    done_by: Option<PersonRef>,
    #[schema(format = DateTime)]
    done_at: Option<String>,
}

/// Recordings that wait, which came first at the top; or those that were reviewed, the latest at the top.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reviews {
    items: Vec<Review>,
    /// Goes on after these.
    next: Option<String>,
}

/// How far a review is.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReviewWord {
    Waiting,
    Done,
}

impl From<ReviewWord> for ReviewState {
    fn from(word: ReviewWord) -> Self {
        match word {
            ReviewWord::Waiting => Self::Waiting,
            ReviewWord::Done => Self::Done,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReviewsQuery {
    /// Those that wait, unless said.
    #[param(value_type = Option<String>)]
    state: Option<ReviewWord>,
    /// From the answer before.
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutReview {
    state: ReviewWord,
    /// What is to be looked at, or was found: 1 to 500 characters, or null, which clears it. Where it is left out only the
    /// state changes: what was noted before stays, and who asked.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    note: Option<Option<String>>,
}

/// A note that is said, though it may be none.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The review queue, as far as the caller sees its recordings.
#[utoipa::path(get, path = "/reviews", tag = "coaching", params(ReviewsQuery), responses(
    (status = 200, body = Reviews), (status = 422, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<ReviewsQuery>,
) -> Result<Json<Reviews>, ApiError> {
    let state: ReviewState = asked.state.unwrap_or(ReviewWord::Waiting).into();
    let after = asked.cursor.as_deref().map(|cursor| read_cursor(cursor, state)).transpose()?;
    let (grant, mut rows) = api.coaching.reviews(&caller.op, state, (after, MOST + 1)).await?;
    let more = rows.len() > MOST as usize;
    rows.truncate(MOST as usize);
    let next = rows.last().filter(|_| more).map(write_cursor);
    Ok(Json(Reviews { items: named(&api, &caller.op, grant, rows).await?, next }))
}

/// How far the review of a recording is; 404 where nobody asked for one.
#[utoipa::path(get, path = "/recordings/{recording}/review", tag = "coaching",
    params(("recording" = String, Path)), responses((status = 200, body = Review), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
) -> Result<Json<Review>, ApiError> {
    let found = api.coaching.review_of(&caller.op, caller.recording(id)).await;
    let (grant, row) = of_recording(&api, &caller.op, id, found).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    one(&api, &caller.op, grant, row).await
}

/// Puts a recording on the queue, or says that it was reviewed; the latter by others than whom it is about.
#[utoipa::path(put, path = "/recordings/{recording}/review", tag = "coaching", request_body = PutReview,
    params(("recording" = String, Path)), responses((status = 200, body = Review), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn put(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<PutReview>,
) -> Result<Json<Review>, ApiError> {
    let read = |note: &str| ReviewNote::read(note).map_err(|error| unreadable("note", error));
    let note = asked.note.map(|note| note.as_deref().map(read).transpose()).transpose()?;
    let said = Said { state: asked.state.into(), note };
    let done = api.coaching.review(&caller.op, caller.recording(id), said).await;
    let (grant, row) = of_recording(&api, &caller.op, id, done).await?;
    one(&api, &caller.op, grant, row).await
}

/// Takes a recording off the queue.
#[utoipa::path(delete, path = "/recordings/{recording}/review", tag = "coaching",
    params(("recording" = String, Path)), responses((status = 204, description = "It is off the queue"),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
) -> Result<StatusCode, ApiError> {
    let done = api.coaching.end_review(&caller.op, caller.recording(id)).await;
    of_recording(&api, &caller.op, id, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn write_cursor(last: &Reviewed) -> String {
    let at = last.done.map_or(last.asked_at, |(_, at)| at);
    format!("{}.{}.{}", last.state.word(), at.micros(), last.recording)
}

fn read_cursor(text: &str, state: ReviewState) -> Result<(Timestamp, RecordingId), ApiError> {
    let parsed = || {
        let (at, id) = text.strip_prefix(state.word())?.strip_prefix('.')?.split_once('.')?;
        Some((Timestamp::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    parsed().ok_or_else(|| ApiError::malformed("cursor".to_owned(), "not a cursor of this list".to_owned()))
}

async fn one<A: Action>(
    api: &Api,
    op: &OpContext,
    grant: Grant<A>,
    row: Reviewed,
) -> Result<Json<Review>, ApiError> {
    let named = named(api, op, grant, vec![row]).await?.pop();
    named.map(Json).ok_or_else(ApiError::not_found)
}

async fn named<A: Action>(
    api: &Api,
    op: &OpContext,
    grant: Grant<A>,
    rows: Vec<Reviewed>,
) -> Result<Vec<Review>, ApiError> {
    let (inner, op) = (api.clone(), op.clone());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant).with_pictures(&op);
                let mut items = Vec::with_capacity(rows.len());
                for row in rows {
                    // What was erased between the two looks is left out.
                    let Some(recording) = names.short(tx, row.recording).await? else { continue };
                    let asked_by = match row.asked_by {
                        Some(person) => Some(names.person(tx, person).await?),
                        None => None,
                    };
                    let done_by = match row.done {
                        Some((person, _)) => Some(names.person(tx, person).await?),
                        None => None,
                    };
                    items.push(Review {
                        recording,
                        state: row.state.word().to_owned(),
                        asked_by,
                        asked_at: row.asked_at.to_string(),
                        note: row.note,
                        done_by,
                        done_at: row.done.map(|(_, at)| at.to_string()),
                    });
                }
                Ok(items)
            })
        })
        .await
}
