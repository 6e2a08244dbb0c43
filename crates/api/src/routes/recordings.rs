//! Recordings: the list, one of them, and who watched it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use clerestory_access::{Action, Grant, ListRecordings, OpContext, ReadRecording, RecordingRef, RefreshList};
use clerestory_audit::Personal;
use clerestory_model::{PersonId, RecordingId, RecordingState, SiteId, Source, Timestamp};
use clerestory_playback::RidesOn;
use clerestory_seal::sha256;
use clerestory_store::recordings as rows;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Client};
use crate::dto::{RecordingItem, RecordingList, Track, Viewer};
use crate::export::film;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};
use crate::routes::deletions::not_deleted;
use crate::routes::previews::put_beside;

/// Recordings of one answer at most.
const MOST: u32 = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only about this person.
    #[param(value_type = Option<String>)]
    person: Option<PersonId>,
    /// Only captured by this: `web` or `screen`.
    #[param(value_type = Option<String>)]
    source: Option<Source>,
    /// Only of this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
    /// Only in this state.
    #[param(value_type = Option<String>)]
    state: Option<RecordingState>,
    /// Only those that went on at or after.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only begun before.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Only at least this long.
    min_duration_ms: Option<i64>,
    /// `yes`: only those somebody watched; `no`: only those nobody did.
    #[param(value_type = Option<String>)]
    watched: Option<Watched>,
    /// The `entry` of a list you were given in the last quarter of an hour: this one rides on it, and makes no entry of
    /// its own. For lists that refresh themselves.
    continues: Option<u64>,
    /// From the answer before.
    cursor: Option<String>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Watched {
    /// Somebody did.
    Yes,
    /// Nobody did.
    No,
}

/// One recording, with what it is made of.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recording {
    #[serde(flatten)]
    item: RecordingItemWithoutViewers,
    viewers: Vec<Viewer>,
    tracks: Vec<Track>,
    policy_version: u64,
    /// Keys that seal it: one of the subject, one of each track.
    sealed_keys: usize,
    region: String,
    /// Whether the caller may take it along as a film, once they have proven a moment ago who they are.
    may_export: bool,
    /// Of a recording of a screen: `ready`, or `ffmpeg-missing` where the server cannot make films.
    export: Option<&'static str>,
}

/// As in a list; who watched is told in full beside it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingItemWithoutViewers {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) state: String,
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
    pub(crate) duration_us: i64,
    pub(crate) size_bytes: u64,
    segments: u64,
    pub(crate) site: Option<crate::dto::NamedRef>,
    subject: crate::dto::SubjectRef,
    pub(crate) summary: Option<crate::dto::Summary>,
    panes: Vec<String>,
    #[schema(format = DateTime)]
    pub(crate) kept_until: Option<String>,
    pub(crate) live: bool,
    preview: Option<crate::dto::Preview>,
    preview_state: Option<String>,
    preview_why: Option<String>,
}

impl From<RecordingItem> for RecordingItemWithoutViewers {
    fn from(item: RecordingItem) -> Self {
        Self {
            id: item.id,
            source: item.source,
            state: item.state,
            started_at: item.started_at,
            ended_at: item.ended_at,
            duration_us: item.duration_us,
            size_bytes: item.size_bytes,
            segments: item.segments,
            site: item.site,
            subject: item.subject,
            summary: item.summary,
            panes: item.panes,
            kept_until: item.kept_until,
            live: item.live,
            preview: item.preview,
            preview_state: item.preview_state,
            preview_why: item.preview_why,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedExport {
    /// Why: kept in the log.
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ViewerList {
    items: Vec<Viewer>,
}

/// The recordings within the caller's scope, newest first.
#[utoipa::path(get, path = "/recordings", tag = "recordings", params(ListQuery), responses(
    (status = 200, body = RecordingList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Client,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<RecordingList>, ApiError> {
    if asked.state == Some(RecordingState::SoftDeleted)
        && !super::deletions::keeps_holds(&api, &caller.op).await?
    {
        let message = "what was deleted is listed by /deletions, for whoever may restore it".to_owned();
        return Err(ApiError::malformed("state".to_owned(), message));
    }
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let question = question(&asked);
    let after = asked.cursor.as_deref().map(|cursor| read_cursor(cursor, &question)).transpose()?;
    let on = caller.organisation();
    match asked.continues {
        None => {
            let detail = Some(told(&asked, asked.from));
            let personal = Personal { detail, ..Personal::default() };
            let grant = api.access.authorize::<ListRecordings>(&caller.op, on, Some(personal)).await??;
            answer(api, asked, after, limit, (grant, caller.op)).await
        }
        Some(entry) => {
            let grant = api.access.resume::<RefreshList>(&caller.op, on, entry).await??;
            let (grant, asked) = same_question(&api, &caller, grant, asked).await?;
            answer(api, asked, after, limit, (grant, caller.op)).await
        }
    }
}

/// Sees that the entry a list rides on tells of this question, and of no shorter time.
async fn same_question(
    api: &Api,
    caller: &Client,
    grant: Grant<RefreshList>,
    asked: ListQuery,
) -> Result<(Grant<RefreshList>, ListQuery), ApiError> {
    api.vault.hold_lease().await?;
    let (inner, organisation) = (api.clone(), caller.organisation);
    let read = api.database.read(move |tx| {
        Box::pin(async move {
            let entry = inner.access.audit().find(tx, organisation, grant.entry()).await?;
            let recorded = match entry.and_then(|entry| entry.personal) {
                Some(sealed) => inner.vault.open(tx, &grant, &sealed).await?.detail,
                None => None,
            };
            let covered = recorded.is_some_and(|recorded| covers(&recorded, &asked));
            Ok::<_, ApiError>((grant, asked, covered))
        })
    });
    match read.await? {
        (grant, asked, true) => Ok((grant, asked)),
        (_, _, false) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "entry-of-another-list",
            "The entry tells of another list",
            "The filters are not those of the answer that gave this entry, or `from` is earlier than it was there.",
            "Ask without `continues`: the new list is put on record.",
        )),
    }
}

async fn answer<A: Action>(
    api: Api,
    asked: ListQuery,
    after: Option<(Timestamp, RecordingId)>,
    limit: u32,
    (grant, op): (Grant<A>, OpContext),
) -> Result<Json<RecordingList>, ApiError> {
    let (entry, question) = (grant.entry(), question(&asked));
    let filter = rows::Filter {
        person: asked.person,
        source: asked.source,
        site: asked.site,
        state: asked.state,
        hidden: false,
        // Of what was deleted only what a hold keeps is here.
        held: asked.state == Some(RecordingState::SoftDeleted),
        from: asked.from,
        to: asked.to,
        min_duration_us: asked.min_duration_ms.map(|ms| ms.saturating_mul(1000)),
        watched: asked.watched.map(|watched| matches!(watched, Watched::Yes)),
        after,
        limit: limit + 1,
    };
    api.vault.hold_lease().await?;
    let now = api.clock.now();
    let inner = api.clone();
    let scope = grant.rows().clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut found = rows::list(tx, &scope, &filter).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|last| write_cursor(last, &question));
                let mut names = Names::new(&inner, &grant).with_pictures(&op);
                let mut items = Vec::with_capacity(found.len());
                for recording in &found {
                    let described = inner.playback.describe(tx, &grant, recording.id).await?;
                    let mut item = names.item(tx, &described, now).await?;
                    let on = RecordingRef { organisation: recording.organisation, id: recording.id };
                    let beside = (&mut item, &described.recording);
                    put_beside(&inner, tx, (&op, on), beside, RidesOn::List(entry)).await?;
                    items.push(item);
                }
                Ok(Json(RecordingList { items, next_cursor, entry }))
            })
        })
        .await
}

/// What a list is asked for, in words, as its entry says it; with another time that it begins at.
fn told(asked: &ListQuery, from: Option<Timestamp>) -> String {
    words(asked, from.map(|from| format!("{SINCE}{from}")))
}

/// What the cursors of a list are of. Since when is left out, but for that there is such a time: "the last hour" begins
/// later with every page.
fn question(asked: &ListQuery) -> String {
    words(asked, asked.from.map(|_| format!("{SINCE}a given time")))
}

/// Whether the entry that says `recorded` tells of everything that is asked for: the same filters, and since when it may
/// only move on.
fn covers(recorded: &str, asked: &ListQuery) -> bool {
    let began = recorded.split_once(SINCE).map(|(_, rest)| rest.split(',').next().unwrap_or(rest));
    let began: Option<Timestamp> = began.and_then(|text| text.parse().ok());
    began.is_some() == asked.from.is_some() && began <= asked.from && recorded == told(asked, began)
}

/// Stands before the time since when.
const SINCE: &str = "begun at or after ";

fn words(asked: &ListQuery, since: Option<String>) -> String {
    let ListQuery {
        person,
        source,
        site,
        state,
        from: _,
        to,
        min_duration_ms,
        watched,
        continues: _,
        cursor: _,
        limit: _,
    } = asked;
    let parts = [
        person.map(|person| format!("about {person}")),
        source.map(|source| format!("captured by {source}")),
        site.map(|site| format!("of {site}")),
        state.map(|state| format!("in the state {state}")),
        since,
        to.map(|to| format!("begun before {to}")),
        min_duration_ms.map(|least| format!("of at least {least} ms")),
        watched.map(|watched| match watched {
            Watched::Yes => "that somebody watched".to_owned(),
            Watched::No => "that nobody watched".to_owned(),
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "every recording".to_owned(),
        false => format!("recordings {}", parts.join(", ")),
    }
}

/// The question in a cursor.
fn digest(question: &str) -> String {
    let mut digest = hex::encode(sha256(question.as_bytes()));
    digest.truncate(16);
    digest
}

pub(super) fn write_cursor(last: &rows::Recording, question: &str) -> String {
    format!("{}.{}.{}", last.started_at.micros(), last.id, digest(question))
}

pub(super) fn read_cursor(text: &str, question: &str) -> Result<(Timestamp, RecordingId), ApiError> {
    let parsed = || {
        let (at, rest) = text.split_once('.')?;
        let (id, of) = rest.split_once('.')?;
        Some((Timestamp::from_micros(at.parse().ok()?), id.parse::<RecordingId>().ok()?, of))
    };
    match parsed() {
        Some((at, id, of)) if of == digest(question) => Ok((at, id)),
        Some(_) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "cursor-of-another-list",
            "The cursor belongs to another list",
            "The filters are not those of the answer that gave this cursor.",
            "Ask for the first page with the new filters, and go on with its cursor.",
        )),
        None => Err(ApiError::malformed("cursor".to_owned(), "not a cursor of this list".to_owned())),
    }
}

/// One recording: facts, tracks, gaps, who watched. Nothing of its content.
#[utoipa::path(get, path = "/recordings/{recording}", tag = "recordings",
    params(("recording" = String, Path)), responses(
    (status = 200, body = Recording), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 410, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Client,
    At(id): At<RecordingId>,
) -> Result<Json<Recording>, ApiError> {
    let grant = api.access.authorize::<ReadRecording>(&caller.op, caller.recording(id), None).await??;
    not_deleted(&api, &caller.op, id).await?;
    api.vault.hold_lease().await?;
    let now = api.clock.now();
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let described = inner.playback.describe(tx, &grant, id).await?;
                let mut names = Names::new(&inner, &grant).with_pictures(&caller.op);
                let mut item = names.item(tx, &described, now).await?;
                let mut viewers = Vec::new();
                for viewing in &described.viewings {
                    viewers.push(names.viewer(tx, viewing).await?);
                }
                let on = caller.recording(id);
                let beside = (&mut item, &described.recording);
                put_beside(&inner, tx, (&caller.op, on), beside, RidesOn::Facts(grant.entry())).await?;
                let is_screen = described.recording.source == Source::Screen;
                let may_export =
                    inner.playback.may_export(tx, &caller.op, (on, &described.recording)).await?;
                Ok(Json(Recording {
                    may_export,
                    export: is_screen.then_some(if inner.confined.has_ffmpeg() {
                        "ready"
                    } else {
                        "ffmpeg-missing"
                    }),
                    item: item.into(),
                    viewers,
                    policy_version: described.recording.policy_version,
                    sealed_keys: described.tracks.len() + 1,
                    tracks: described.tracks.iter().map(Into::into).collect(),
                    region: inner.vault.keys().deployment().region.clone(),
                }))
            })
        })
        .await
}

/// Takes a recording of a screen along as a film, MP4 with H.264 and AAC, that is made while it is sent: its runs one after
/// another, without what was not recorded.
#[utoipa::path(post, path = "/recordings/{recording}/export", tag = "recordings", request_body = AskedExport,
    params(("recording" = String, Path)), responses(
    (status = 200, description = "The film", content_type = "video/mp4", body = Vec<u8>),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 410, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn take_along(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<AskedExport>,
) -> Result<Response, ApiError> {
    film::send(api, caller, id, asked.reason).await
}

/// Who watched a recording, and which part.
#[utoipa::path(get, path = "/recordings/{recording}/viewers", tag = "recordings",
    params(("recording" = String, Path)), responses(
    (status = 200, body = ViewerList), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 410, body = Problem)))]
pub(crate) async fn viewers(
    State(api): State<Api>,
    caller: Client,
    At(id): At<RecordingId>,
) -> Result<Json<ViewerList>, ApiError> {
    let grant = api.access.authorize::<ReadRecording>(&caller.op, caller.recording(id), None).await??;
    not_deleted(&api, &caller.op, id).await?;
    api.vault.hold_lease().await?;
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let described = inner.playback.describe(tx, &grant, id).await?;
                let mut names = Names::new(&inner, &grant).with_pictures(&caller.op);
                let mut items = Vec::new();
                for viewing in &described.viewings {
                    items.push(names.viewer(tx, viewing).await?);
                }
                Ok(Json(ViewerList { items }))
            })
        })
        .await
}
