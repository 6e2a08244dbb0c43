//! Erasing recordings and visitors for good; how far an erasure is, and the receipt.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_lifecycle::{Erasure as Done, Progress as Counted, SignedReceipt, Target};
use clerestory_model::{ErasureId, RecordingId, SubjectId, TrackId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};

/// Erasures of one answer at most.
const MOST: u32 = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseRecording {
    /// Only this track. Without it, the whole recording.
    #[schema(value_type = Option<String>)]
    track: Option<TrackId>,
    /// Only this part, in microseconds since the recording began. It is widened to the borders of segments, and in tracks
    /// of pages to the next keyframe; what stays is sealed anew.
    range: Option<Range>,
    /// Why; kept sealed in the audit log.
    reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasedRange)]
pub(crate) struct Range {
    from_us: i64,
    to_us: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseSubject {
    /// Only the recordings about them that there are now. Who they are stays, and they may be recorded again.
    #[serde(default)]
    recordings_only: bool,
    /// Why; kept sealed in the audit log.
    reason: Option<String>,
}

/// A signed receipt: the signature is Ed25519 over the line `clerestory erasure receipt 1` and then the text.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureReceipt)]
pub(crate) struct Receipt {
    /// A JSON object, exactly as it was signed.
    text: String,
    /// base64.
    signature: String,
    /// base64 of the public key.
    key: String,
}

/// How much of an erasure is done.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureProgress)]
pub(crate) struct Progress {
    /// Tracks of which all or a part is erased.
    tracks: u64,
    /// Keys that are destroyed, or are to be; and how many of them are.
    keys: u64,
    keys_destroyed: u64,
    /// Objects that held something of it, known when the keys are destroyed; and how many of them are gone.
    objects: u64,
    objects_gone: u64,
}

/// An erasure and how far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erasure {
    id: String,
    /// `track`, `recording`, `range`, `subject`, `recordings` for all of one person, `organisation`, or `expired` for a batch of
    /// a sweep.
    kind: String,
    /// The id of what is erased; of the recording for a range; of the subject for their recordings; of the erasure itself for a
    /// batch of a sweep.
    target: String,
    /// `restricted` (a hold keeps it; nobody sees it meanwhile), `purge_queued`, `shredded` (its keys are destroyed) or `verified` (a check found nothing of it).
    state: String,
    progress: Progress,
    /// What it waits for, where it waits.
    waits_for: Option<String>,
    /// The entry of the audit log that tells who asked.
    entry: u64,
    #[schema(format = DateTime)]
    asked_at: String,
    #[schema(format = DateTime)]
    destroyed_at: Option<String>,
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// Since when no copy of anything can be read: some days later.
    #[schema(format = DateTime)]
    unreadable_in_every_copy_since: Option<String>,
    receipt: Option<Receipt>,
}

/// Erasures as they are told, with how much of each is done.
pub(crate) async fn shown(api: &Api, found: Vec<Done>) -> Result<Vec<Erasure>, ApiError> {
    let counted = api.lifecycle.progress_of(&found).await?;
    Ok(found.into_iter().zip(counted).map(|(done, counted)| Erasure::of(done, counted)).collect())
}

pub(crate) async fn one(api: &Api, found: Done) -> Result<Erasure, ApiError> {
    shown(api, vec![found]).await?.pop().ok_or_else(ApiError::not_found)
}

impl Erasure {
    fn of(done: Done, counted: Counted) -> Self {
        let time = |at: Option<clerestory_model::Timestamp>| at.map(|at| at.to_string());
        let signed =
            done.receipt.as_deref().and_then(|text| serde_json::from_str::<SignedReceipt>(text).ok());
        Self {
            id: done.id.to_string(),
            kind: done.target.word().to_owned(),
            target: match done.target {
                Target::Track { track, .. } => track.to_string(),
                Target::Recording(recording) | Target::Range { recording, .. } => recording.to_string(),
                Target::Subject(subject) | Target::RecordingsOf(subject) => subject.to_string(),
                Target::Organisation => done.organisation.to_string(),
                Target::Expired(erasure) => erasure.to_string(),
            },
            state: done.step.word().to_owned(),
            progress: Progress {
                tracks: counted.tracks,
                keys: counted.keys,
                keys_destroyed: counted.keys_destroyed,
                objects: counted.objects,
                objects_gone: counted.objects_gone,
            },
            waits_for: done.waits,
            entry: done.entry,
            asked_at: done.asked_at.to_string(),
            destroyed_at: time(done.destroyed_at),
            verified_at: time(done.verified_at),
            unreadable_in_every_copy_since: time(done.unreadable_since),
            receipt: signed.map(|signed| Receipt {
                text: signed.text,
                signature: signed.signature,
                key: signed.key,
            }),
        }
    }
}

/// The erasures of an organisation.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureList {
    items: Vec<Erasure>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// From the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<ErasureId>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

async fn ask(
    api: &Api,
    caller: &Caller,
    target: Target,
    reason: Option<String>,
) -> Result<(StatusCode, Json<Erasure>), ApiError> {
    let erasure = api.lifecycle.ask(&caller.op, target, reason).await?;
    Ok((StatusCode::ACCEPTED, Json(one(api, erasure).await?)))
}

/// Erases a recording, one track of it, or a part of it, for good. Nobody sees it from the answer on; its key is destroyed some seconds
/// later, its bytes after that. Asking again gives the same erasure.
#[utoipa::path(post, path = "/recordings/{recording}/erasures", tag = "erasures",
    params(("recording" = String, Path)), request_body = EraseRecording, responses(
    (status = 202, body = Erasure), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn of_recording(
    State(api): State<Api>,
    At(recording): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<EraseRecording>,
) -> Result<(StatusCode, Json<Erasure>), ApiError> {
    let target = match (asked.track, asked.range) {
        (Some(track), None) => Target::Track { recording, track },
        (None, Some(Range { from_us, to_us })) => Target::Range { recording, from_us, to_us },
        (None, None) => Target::Recording(recording),
        (Some(_), Some(_)) => {
            let message = "a range is of all tracks: leave `track` out".to_owned();
            return Err(ApiError::malformed("range".to_owned(), message));
        }
    };
    ask(&api, &caller, target, asked.reason).await
}

/// Erases a visitor for good: every recording about them. Somebody with an account, or every recording about them, is erased by
/// two: one proposes it.
#[utoipa::path(post, path = "/subjects/{subject}/erasures", tag = "erasures",
    params(("subject" = String, Path)), request_body = EraseSubject, responses(
    (status = 202, body = Erasure), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn of_subject(
    State(api): State<Api>,
    At(subject): At<SubjectId>,
    CallerWith(caller, asked): CallerWith<EraseSubject>,
) -> Result<(StatusCode, Json<Erasure>), ApiError> {
    let target = match asked.recordings_only {
        true => Target::RecordingsOf(subject),
        false => Target::Subject(subject),
    };
    ask(&api, &caller, target, asked.reason).await
}

/// The erasures of the caller's organisation, newest first.
#[utoipa::path(get, path = "/erasures", tag = "erasures", params(ListQuery), responses(
    (status = 200, body = ErasureList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<ErasureList>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let mut found = api.lifecycle.list(&caller.op, asked.cursor, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(ErasureList { items: shown(&api, found).await?, next_cursor }))
}

/// How far an erasure is, and its receipt.
#[utoipa::path(get, path = "/erasures/{erasure}", tag = "erasures", params(("erasure" = String, Path)), responses(
    (status = 200, body = Erasure), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<ErasureId>,
) -> Result<Json<Erasure>, ApiError> {
    let found = api.lifecycle.find(&caller.op, id).await?;
    Ok(Json(one(&api, found).await?))
}
