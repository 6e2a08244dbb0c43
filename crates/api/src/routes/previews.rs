//! Previews: the picture that stands for a recording in lists, by its ticket, and those beside the time of a play.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::{OpContext, RecordingRef};
use clerestory_confine::Frames;
use clerestory_model::{PlayId, RecordingId, Source};
use clerestory_playback::{PreviewState, RidesOn};
use clerestory_sql::Tx;
use clerestory_store::recordings::Recording;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::caller::{Asked, At, Caller};
use crate::dto::{Preview, RecordingItem};
use crate::problem::{ApiError, Problem};

/// What a browser may do with a picture that is opened by itself: look at it.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox");
/// What to do where there are no pictures at all.
const NO_FFMPEG: &str = "ffmpeg is not installed on the server. Install it (on Debian: apt-get install ffmpeg, version 5.1 or \
                         later) and start the server again.";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TicketQuery {
    /// From the answer that showed the recording.
    ticket: Option<String>,
}

/// A small picture beside the time of a play.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlayPreview {
    /// Milliseconds since the recording began.
    pub(crate) at_ms: i64,
    /// Fetched while the play runs.
    pub(crate) url: String,
}

impl PlayPreview {
    /// The pictures at these times, in microseconds, of a play.
    pub(crate) fn all(play: PlayId, times: &[i64]) -> Vec<Self> {
        let at = |time: &i64| {
            let at_ms = time / 1000;
            Self { at_ms, url: format!("/api/v1/plays/{play}/previews/{at_ms}") }
        };
        times.iter().map(at).collect()
    }
}

/// Puts the picture that stands for a recording beside it, where the caller may see it, and says how it stands with it.
pub(crate) async fn put_beside(
    api: &Api,
    tx: &mut Tx,
    (op, on): (&OpContext, RecordingRef),
    (item, recording): (&mut RecordingItem, &Recording),
    rides_on: RidesOn,
) -> Result<(), ApiError> {
    if recording.source != Source::Screen {
        return Ok(());
    }
    let cover = api.playback.cover(tx, op, (on, recording), rides_on).await?;
    item.preview = cover.map(|cover| Preview {
        url: format!("/api/v1/recordings/{}/preview?ticket={}", recording.id, cover.ticket),
        width: cover.width,
        height: cover.height,
    });
    let (state, why) = match api.playback.preview_state(tx, recording).await? {
        PreviewState::None => ("none", None),
        PreviewState::Waiting if !api.confined.has_ffmpeg() => ("unavailable", Some(NO_FFMPEG.to_owned())),
        PreviewState::Waiting => ("waiting", None),
        PreviewState::Made => ("made", None),
        PreviewState::Failed(why) => ("failed", Some(why)),
    };
    (item.preview_state, item.preview_why) = (Some(state.to_owned()), why);
    Ok(())
}

/// The picture that stands for a recording, by the ticket of an answer that showed it. It rides on the entry of that answer;
/// whether the caller may still see it is decided each time.
#[utoipa::path(get, path = "/recordings/{recording}/preview", tag = "recordings",
    params(("recording" = String, Path), TicketQuery), responses(
    (status = 200, description = "A small JPEG", content_type = "image/jpeg", body = Vec<u8>),
    (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn cover(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
    Asked(asked): Asked<TicketQuery>,
) -> Result<Response, ApiError> {
    let on = caller.recording(id);
    let jpeg = api.playback.cover_by_ticket(&caller.op, on, asked.ticket.unwrap_or_default()).await?;
    Ok(shown(jpeg))
}

/// A small picture of what a running play shows at a time, in milliseconds, of those that the play named.
#[utoipa::path(get, path = "/plays/{play}/previews/{at}", tag = "plays",
    params(("play" = String, Path), ("at" = i64, Path)), responses(
    (status = 200, description = "A small JPEG", content_type = "image/jpeg", body = Vec<u8>),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn of_play(
    State(api): State<Api>,
    caller: Caller,
    At((play, at_ms)): At<(PlayId, i64)>,
) -> Result<Response, ApiError> {
    Ok(shown(api.playback.preview(&caller.op, play, at_ms).await?))
}

fn shown(jpeg: Vec<u8>) -> Response {
    let mut response = jpeg.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, HeaderValue::from_static(Frames::CONTENT_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}
