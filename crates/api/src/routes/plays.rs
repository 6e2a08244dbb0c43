//! Plays: begin, fetch segments, follow, say what was watched, end.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use clerestory_identity::Use;
use clerestory_model::{PlayId, RecordingId, TrackId};
use clerestory_playback::{Begun, GapFact, PlaybackError, SegmentContent, SegmentFact, packed_list};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::{Gap, SegmentItem, Track, duration_us};
use crate::problem::{ApiError, Problem};
use crate::routes::deletions::not_deleted;
use crate::routes::previews::PlayPreview;

/// How often a followed recording is looked at; each look decides anew.
const LOOK: Duration = Duration::from_millis(500);
/// A comment goes out this often when nothing else does.
const HEARTBEAT: Duration = Duration::from_secs(10);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    /// Why: shown to the recorded person and kept in the log.
    pub(crate) reason: Option<String>,
    /// Whether the recording will be followed while it goes on. What goes on is watched only by whoever may follow it,
    /// whatever stands here.
    #[serde(default)]
    #[expect(dead_code, reason = "told by clients; whether it goes on is seen here")]
    follow: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Play {
    id: String,
    recording: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// The entry of the audit log that tells of the decision.
    entry: u64,
    tracks: Vec<Track>,
    duration_us: i64,
    live: bool,
    content_origin: String,
    /// Small pictures beside the time, about each ten seconds; none while they are not made.
    previews: Vec<PlayPreview>,
    /// The clip that is watched, where it is not all of the recording.
    clip: Option<PlayedClip>,
}

/// What a play of a clip shows.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlayedClip {
    pub(crate) id: String,
    /// Milliseconds since the recording began.
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) title: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchedRange {
    from_us: i64,
    to_us: i64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowQuery {
    /// What is known already: `track:sequence`, separated by commas.
    after: Option<String>,
}

/// Decides, records, and begins watching.
#[utoipa::path(post, path = "/recordings/{recording}/plays", tag = "plays", request_body = Begin,
    params(("recording" = String, Path)), responses(
    (status = 201, body = Play), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 410, body = Problem)))]
pub(crate) async fn begin(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<Begin>,
) -> Result<Response, ApiError> {
    let begun = match api.playback.begin(&caller.op, caller.recording(id), asked.reason).await {
        // What was deleted is told of to whoever may restore it, and is not there for others.
        Err(error @ PlaybackError::Gone) => {
            not_deleted(&api, &caller.op, id).await?;
            return Err(error.into());
        }
        begun => begun?,
    };
    Ok((StatusCode::CREATED, Json(Play::of(&api, &begun, None))).into_response())
}

impl Play {
    /// A play that has begun, as its answer tells it.
    pub(crate) fn of(api: &Api, begun: &Begun, clip: Option<PlayedClip>) -> Self {
        let recording = &begun.described.recording;
        Self {
            id: begun.play.id.to_string(),
            recording: recording.id.to_string(),
            expires_at: begun.play.expires_at.to_string(),
            entry: begun.play.entry,
            tracks: begun.described.tracks.iter().map(Into::into).collect(),
            duration_us: duration_us(recording, api.clock.now()),
            live: recording.is_live(api.clock.now()),
            content_origin: api.hosts.origins().content.clone(),
            previews: PlayPreview::all(begun.play.id, &begun.preview_times),
            clip,
        }
    }
}

/// One segment of a running play. Of a `dom` track a JSON array of rrweb events; of `actions` one of what somebody did, its
/// times in milliseconds since the recording began; of `video` and `audio` a file that a player takes, MP4 or WebM with one
/// fragment, whose codec is in its content type and whose times are those of the recording; nothing of one that only tells
/// of a gap.
#[utoipa::path(get, path = "/plays/{play}/tracks/{track}/segments/{sequence}", tag = "plays",
    params(("play" = String, Path), ("track" = String, Path), ("sequence" = u64, Path)), responses(
    (status = 200, description = "Its content", content(
        (Vec<serde_json::Value> = "application/json"), (Vec<u8> = "video/mp4"), (Vec<u8> = "audio/mp4"),
        (Vec<u8> = "video/webm"))),
    (status = 204, description = "It only tells of a gap"), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn segment(
    State(api): State<Api>,
    caller: Caller,
    At((play, track, sequence)): At<(PlayId, TrackId, u64)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let content = api.playback.segment(&caller.op, play, track, sequence).await?;
    let list = match content {
        SegmentContent::List(list) => list,
        SegmentContent::File(file) => {
            return Ok(([(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response());
        }
        SegmentContent::Nothing => return Ok(StatusCode::NO_CONTENT.into_response()),
    };
    let json = HeaderValue::from_static("application/json");
    let vary = HeaderValue::from_static("accept-encoding");
    let head = [(header::CONTENT_TYPE, json), (header::VARY, vary)];
    if !accepts_zstd(&headers) {
        return Ok((head, list).into_response());
    }
    let zstd = [(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"))];
    Ok((head, zstd, packed_list(&list)?).into_response())
}

fn accepts_zstd(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = accepted.flat_map(|line| line.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("zstd") && !parts.any(|part| part == "q=0")
    })
}

/// Says that a stretch was watched. Sent every 30 seconds of watching, and at the end.
#[utoipa::path(post, path = "/plays/{play}/ranges", tag = "plays", request_body = WatchedRange,
    params(("play" = String, Path)), responses(
    (status = 204, description = "On record"), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn watched(
    State(api): State<Api>,
    At(play): At<PlayId>,
    CallerWith(caller, range): CallerWith<WatchedRange>,
) -> Result<StatusCode, ApiError> {
    api.playback.watched(&caller.op, play, (range.from_us, range.to_us)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends watching.
#[utoipa::path(delete, path = "/plays/{play}", tag = "plays", params(("play" = String, Path)), responses(
    (status = 204, description = "Ended"), (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Caller,
    At(play): At<PlayId>,
) -> Result<StatusCode, ApiError> {
    api.playback.end(&caller.op, play).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follows a recording while it goes on: `segment`, `gap`, `closed`, `revoked` events.
#[utoipa::path(get, path = "/plays/{play}/follow", tag = "plays", params(("play" = String, Path), FollowQuery), responses(
    (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    At(play): At<PlayId>,
    Asked(asked): Asked<FollowQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let known = read_known(asked.after.as_deref().unwrap_or_default())?;
    // Refusals are told as an answer, not inside a stream.
    let closed = api.playback.news(&caller.op, play, known.clone()).await?.closed;
    let following = Following {
        api,
        caller,
        play,
        known,
        gaps: HashSet::new(),
        closed_before: closed.is_some(),
        done: false,
    };
    let events = stream::unfold(following, |mut following| async move {
        let events = following.next().await?;
        Some((stream::iter(events.into_iter().map(Ok)), following))
    });
    Ok(Sse::new(events.flatten()).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn read_known(text: &str) -> Result<Vec<(TrackId, u64)>, ApiError> {
    let wrong =
        || ApiError::malformed("after".to_owned(), "write track:sequence, separated by commas".to_owned());
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (track, sequence) = part.split_once(':').ok_or_else(wrong)?;
            Ok((track.parse().map_err(|_| wrong())?, sequence.parse().map_err(|_| wrong())?))
        })
        .collect()
}

struct Following {
    api: Api,
    caller: Caller,
    play: PlayId,
    known: Vec<(TrackId, u64)>,
    /// Those that were told.
    gaps: HashSet<(TrackId, GapFact)>,
    closed_before: bool,
    done: bool,
}

#[derive(Serialize)]
struct NewSegment {
    track: String,
    #[serde(flatten)]
    segment: SegmentItem,
}

#[derive(Serialize)]
struct NewGap {
    track: String,
    #[serde(flatten)]
    gap: Gap,
}

fn event(name: &str, data: &impl Serialize) -> Result<Event, ApiError> {
    Event::default().event(name).json_data(data).map_err(|error| ApiError::unavailable(&error))
}

impl Following {
    /// The next events; `None` when the stream ends.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.done || *self.api.draining.borrow() {
            return None;
        }
        if !self.closed_before {
            let mut draining = self.api.draining.clone();
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = draining.wait_for(|draining| *draining) => return None,
            }
        }
        match self.look().await {
            Ok(events) => Some(events),
            Err(error) => {
                self.done = true;
                let problem = ApiError::problem(&error).clone();
                Some(vec![Event::default().event("revoked").json_data(problem).unwrap_or_default()])
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Event>, ApiError> {
        // The session first: one that was ended watches nothing more.
        let running = self.api.identity.running(&self.caller.token, &self.caller.whence, Use::Nobody).await?;
        self.caller.op.actor = running.ok_or_else(ApiError::unauthenticated)?.actor;
        let news = self.api.playback.news(&self.caller.op, self.play, self.known.clone()).await;
        let news = news.map_err(|error: PlaybackError| ApiError::from(error))?;
        let mut events = Vec::new();
        for (track, segments) in news.segments {
            for segment in segments {
                events.push(self.segment_event(track, &segment)?);
            }
        }
        for (track, gap) in news.gaps {
            if self.gaps.insert((track, gap)) {
                let data = NewGap { track: track.to_string(), gap: (&gap).into() };
                events.push(event("gap", &data)?);
            }
        }
        if let Some(duration_us) = news.closed {
            self.done = true;
            events.push(event("closed", &serde_json::json!({ "duration_us": duration_us }))?);
        }
        Ok(events)
    }

    fn segment_event(&mut self, track: TrackId, segment: &SegmentFact) -> Result<Event, ApiError> {
        match self.known.iter_mut().find(|(known, _)| *known == track) {
            Some((_, sequence)) => *sequence = segment.sequence,
            None => self.known.push((track, segment.sequence)),
        }
        event("segment", &NewSegment { track: track.to_string(), segment: segment.into() })
    }
}
