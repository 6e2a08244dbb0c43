//! What the browser extension calls that records screens. It is no page: it has no cookie, and what it may is in its token.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_access::{Actor, OpContext, SeeWatching};
use clerestory_identity::{NewRecorder, RECORDER_PREFIX, RecorderStands, Token, Whence};
use clerestory_intake::{Encoding, ScreenSender, ScreenStart, ScreenTrack, ScreenUpload, Surface};
use clerestory_media::MEDIA_TYPE;
use clerestory_model::TrackKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::capture::{SPOOL_KEY, SPOOLED, bearer, policy_version, segment_body, take_from, text, writer};
use super::policy::Signed;
use crate::Api;
use crate::bodies;
use crate::caller::{Anyone, At, ComingFrom, Network};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// What a recorder is told to keep to.
const SEGMENT_MS: u64 = 2000;
/// Bytes that sealing adds to a segment, and a little more.
const SEALING: usize = 1024;
const DIGEST: HeaderName = HeaderName::from_static("content-digest");

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolBody {
    /// The code that the console gave to its person.
    code: String,
    /// What to call this browser.
    label: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolledBody {
    recorder: String,
    /// What the browser sends from now on. It is told this once.
    token: String,
    person: Named,
    organisation: Named,
    /// base64url of the raw key that its policies are signed with.
    policy_public_key: String,
    server_time_ms: u64,
}

#[derive(Serialize, ToSchema)]
struct Named {
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScreenStartBody {
    /// This run of the browser: a UUID.
    writer: String,
    /// The token of the recording so far.
    resume: Option<String>,
    /// The browser's clock.
    client_time_ms: i64,
    surface: ScreenSurface,
    /// Whether sound is to be recorded too.
    audio: bool,
    /// The version of the notice that the person was shown.
    notice: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ScreenSurface {
    Tab,
    Window,
    Screen,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ScreenStartedBody {
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
    recording: String,
    continued: bool,
    tracks: ScreenTracks,
    server_time_ms: u64,
    policy: Signed,
    spool: ScreenSpool,
    limits: ScreenLimits,
}

#[derive(Serialize, ToSchema)]
struct ScreenTracks {
    video: TrackToSend,
    audio: Option<TrackToSend>,
    actions: TrackToSend,
}

#[derive(Serialize, ToSchema)]
struct TrackToSend {
    id: String,
    next_sequence: u64,
}

/// What segments are sealed to.
#[derive(Serialize, ToSchema)]
struct ScreenSpool {
    key_id: String,
    /// base64url of the raw P-256 point.
    public_key: String,
}

#[derive(Serialize, ToSchema)]
struct ScreenLimits {
    segment_bytes: usize,
    segment_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ScreenReceiptBody {
    acknowledged: u64,
    policy_version: u64,
    /// Tells the policy to follow from every other: the first 16 hex digits of SHA-256 of its canonical document without
    /// `issued_at_ms` and `expires_at_ms`. Who has another fetches the policy anew.
    policy_digest: String,
    bytes_stored: u64,
    /// Whether it had been stored before.
    repeated: bool,
    /// SHA-256 of the body as it came, hex.
    sha256: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Watching {
    watching: Vec<Watcher>,
    policy_version: u64,
    /// As in the receipt of a segment.
    policy_digest: String,
}

/// Somebody who watches now.
#[derive(Serialize, ToSchema)]
struct Watcher {
    name: String,
    #[schema(format = DateTime)]
    since: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardBody {
    /// Milliseconds of the browser's clock.
    from_ms: i64,
    to_ms: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScreenEndBody {
    /// `stopped`: on purpose, the recording is over; `shutdown`: the browser ends, and may go on within a day.
    reason: ScreenEndReason,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ScreenEndReason {
    Stopped,
    Shutdown,
}

/// Exchanges a code for a token: from now on this browser may record the screen of whoever was given the code.
#[utoipa::path(post, path = "/capture/recorders", tag = "screens", request_body = EnrolBody, responses(
    (status = 201, body = EnrolledBody), (status = 403, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn enrol(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    ComingFrom(whence): ComingFrom,
    request: Request,
) -> Result<Response, ApiError> {
    api.intake.throttle(network)?;
    let asked: EnrolBody = bodies::small(request).await?;
    let new = NewRecorder { code: asked.code, label: asked.label };
    let key = |organisation| {
        let (intake, request) = (&api.intake, &op.request_id);
        async move { Ok::<_, ApiError>(intake.screen_policy_key(organisation, request).await?) }
    };
    let (enrolled, policy_public_key) = api.identity.enrol_recorder(&op, new, &whence, key).await?;
    let body = EnrolledBody {
        recorder: enrolled.id.to_string(),
        token: enrolled.token.to_string(),
        person: Named { name: enrolled.person_name },
        organisation: Named { name: enrolled.organisation_name },
        policy_public_key,
        server_time_ms: api.clock.now().unix_millis(),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Ends the browser that asks, which records nobody's screen from now on: its person left with it.
#[utoipa::path(post, path = "/capture/recorders/leave", tag = "screens", responses(
    (status = 204, description = "It has ended"), (status = 401, body = Problem)))]
pub(crate) async fn leave(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let op = by_recorder(&api, op, &headers, (&whence, "recorder.end")).await?;
    if let Actor::Recorder { id, .. } = op.actor {
        api.identity.end_recorder(&op, id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The signed policy that a recorder follows.
#[utoipa::path(get, path = "/capture/screens/policy", tag = "screens", responses(
    (status = 200, body = Signed), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn policy(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
) -> Result<Json<Signed>, ApiError> {
    let op = by_recorder(&api, op, &headers, (&whence, "policy.fetch")).await?;
    Ok(Json(api.intake.screen_policy(&op).await?.into()))
}

/// Begins or goes on with a recording.
#[utoipa::path(post, path = "/capture/screens/start", tag = "screens", request_body = ScreenStartBody, responses(
    (status = 201, body = ScreenStartedBody), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn start(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let op = by_recorder(&api, op, &headers, (&whence, "capture.start")).await?;
    let asked: ScreenStartBody = bodies::small(request).await?;
    let start = ScreenStart {
        writer: writer(&asked.writer)?,
        resume: asked.resume,
        client_time_ms: asked.client_time_ms,
        surface: match asked.surface {
            ScreenSurface::Tab => Surface::Tab,
            ScreenSurface::Window => Surface::Window,
            ScreenSurface::Screen => Surface::Screen,
        },
        audio: asked.audio,
        notice: asked.notice,
    };
    let started = api.intake.start_screen(&op, start).await?;
    let track =
        |track: ScreenTrack| TrackToSend { id: track.id.to_string(), next_sequence: track.next_sequence };
    let body = ScreenStartedBody {
        token: started.token,
        expires_at: started.expires_at.to_string(),
        recording: started.recording.to_string(),
        continued: started.continued,
        tracks: ScreenTracks {
            video: track(started.video),
            audio: started.audio.map(track),
            actions: track(started.actions),
        },
        server_time_ms: started.server_time.unix_millis(),
        policy: started.policy.into(),
        spool: ScreenSpool { key_id: started.spool_key_id.to_string(), public_key: started.spool_public_key },
        limits: ScreenLimits { segment_bytes: clerestory_intake::SEGMENT_BYTES, segment_ms: SEGMENT_MS },
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Takes a segment of pictures, sound or actions: durable when this answers 200.
#[utoipa::path(put, path = "/capture/screens/segments/{kind}/{sequence}", tag = "screens",
    params(("kind" = String, Path, description = "`video`, `audio` or `actions`."), ("sequence" = u64, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.clerestory.media"), responses(
    (status = 200, body = ScreenReceiptBody), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 408, body = Problem), (status = 409, body = Problem),
    (status = 410, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn segment(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    ComingFrom(whence): ComingFrom,
    At((kind, sequence)): At<(String, u64)>,
    request: Request,
) -> Result<Json<ScreenReceiptBody>, ApiError> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let kind = match kind.parse() {
        Ok(kind @ (TrackKind::Video | TrackKind::Audio | TrackKind::Actions)) => kind,
        _ => return Err(ApiError::not_found()),
    };
    let encoding = encoding(&headers, kind)?;
    let (policy_version, digest) = (policy_version(&headers)?, digest(&headers)?);
    let late = matches!(encoding, Encoding::Spool(_));
    // Who has no token, or whose recorder has ended, gets nothing of theirs read.
    let (op, sender) = by_recording(&api, op, &headers, (&whence, "capture.upload"), late).await?;
    let limit = match kind {
        TrackKind::Actions => clerestory_intake::ACTIONS_BYTES + SEALING,
        _ => clerestory_intake::SEGMENT_BYTES,
    };
    let (body, room) = segment_body(&api, network, &headers, (body, limit)).await?;
    let upload = ScreenUpload { kind, sequence, encoding, policy_version, digest, body, room };
    let receipt = api.intake.receive_screen(&op, sender, upload).await?;
    Ok(Json(ScreenReceiptBody {
        acknowledged: receipt.done.sequence,
        policy_version: receipt.policy.version,
        policy_digest: receipt.policy.digest,
        bytes_stored: receipt.done.bytes_stored,
        repeated: receipt.done.repeated,
        sha256: receipt.sha256,
    }))
}

/// Who watches the recording now, for whoever records it.
#[utoipa::path(get, path = "/capture/screens/watching", tag = "screens", responses(
    (status = 200, body = Watching), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn watching(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
) -> Result<Json<Watching>, ApiError> {
    let (op, sender) = by_recording(&api, op, &headers, (&whence, "capture.upload"), false).await?;
    let resumed = api.access.resume::<SeeWatching>(&op, sender.recording(), sender.entry()).await;
    let grant = resumed??;
    let policy = api.intake.screen_policy_version(&op).await?;
    api.vault.hold_lease().await?;
    let inner = api.clone();
    let watching = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut watching = Vec::new();
                for one in inner.playback.watchers(tx, &grant).await? {
                    let name = names.person(tx, one.person).await?.name;
                    watching.push(Watcher { name, since: one.since.to_string() });
                }
                Ok::<_, ApiError>(watching)
            })
        })
        .await?;
    Ok(Json(Watching { watching, policy_version: policy.version, policy_digest: policy.digest }))
}

/// Takes back a time of the recording: what was sent of it is erased for good.
#[utoipa::path(post, path = "/capture/screens/discard", tag = "screens", request_body = DiscardBody, responses(
    (status = 202, description = "It is being erased"), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, body = Problem), (status = 410, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn discard(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // It only takes away, and so asks for nothing that somebody may have switched off since.
    let (op, sender) = by_recording(&api, op, &headers, (&whence, "capture.discard"), true).await?;
    let asked: DiscardBody = bodies::small(request).await?;
    if let Some(range) = api.intake.discarded_time(sender, (asked.from_ms, asked.to_ms)).await? {
        api.lifecycle.discard(&op, sender.recording(), range).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// Ends the sending of one run of a browser.
#[utoipa::path(post, path = "/capture/screens/end", tag = "screens", request_body = ScreenEndBody, responses(
    (status = 204, description = "Ended"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 410, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (op, sender) = by_recording(&api, op, &headers, (&whence, "capture.end"), true).await?;
    let asked: ScreenEndBody = bodies::small(request).await?;
    api.intake.end_screen(&op, sender, asked.reason == ScreenEndReason::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The recorder that sends its own token.
async fn by_recorder(
    api: &Api,
    op: OpContext,
    headers: &HeaderMap,
    (whence, action): (&Whence, &'static str),
) -> Result<OpContext, ApiError> {
    let shown = text(headers, &header::AUTHORIZATION);
    let token = shown.as_deref().and_then(|text| text.strip_prefix("Bearer ")?.strip_prefix(RECORDER_PREFIX));
    let stands = match token.and_then(|text| text.parse::<Token>().ok()) {
        Some(token) => api.identity.recorder_by_token(&token).await?,
        None => RecorderStands::Ended,
    };
    as_recorder(api, op, stands, (whence, action)).await
}

/// The recorder that sends the token of a recording.
async fn by_recording(
    api: &Api,
    op: OpContext,
    headers: &HeaderMap,
    (whence, action): (&Whence, &'static str),
    late: bool,
) -> Result<(OpContext, ScreenSender), ApiError> {
    let sender = api.intake.check_screen_sender(&bearer(headers)?, late).await?;
    let stands = api.identity.recorder_by_id(sender.recorder()).await?;
    Ok((as_recorder(api, op, stands, (whence, action)).await?, sender))
}

async fn as_recorder(
    api: &Api,
    op: OpContext,
    stands: RecorderStands,
    (whence, action): (&Whence, &'static str),
) -> Result<OpContext, ApiError> {
    let actor = match stands {
        RecorderStands::Yes(actor) => actor,
        RecorderStands::Blocked { until } => {
            return Err(clerestory_identity::IdentityError::Blocked { until }.into());
        }
        RecorderStands::Ended => {
            api.identity.refuse_recorder(&op).await?;
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "recorder-ended",
                "This browser records nobody's screen",
                "It was never enrolled, or somebody has ended it.",
                "Join again with a code from the console.",
            ));
        }
    };
    take_from(api, (&op, actor.organisation()), whence, action).await?;
    Ok(OpContext { actor, ..op })
}

fn encoding(headers: &HeaderMap, kind: TrackKind) -> Result<Encoding, ApiError> {
    let wrong = |what: &str| ApiError::malformed("headers".to_owned(), what.to_owned());
    let plain = if kind == TrackKind::Actions { "application/json" } else { MEDIA_TYPE };
    let content_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    match content_type.split(';').next().map(str::trim) {
        Some(SPOOLED) => {
            let key = text(headers, &SPOOL_KEY).and_then(|text| text.parse().ok());
            key.map(Encoding::Spool)
                .ok_or_else(|| wrong("a spooled segment names its key in Clerestory-Spool-Key"))
        }
        Some(named) if named == plain => Ok(Encoding::Plain),
        _ => Err(wrong("Content-Type is that of the spool, of media, or for actions application/json")),
    }
}

/// SHA-256 of the body as its sender says (RFC 9530).
fn digest(headers: &HeaderMap) -> Result<[u8; 32], ApiError> {
    let said = text(headers, &DIGEST).unwrap_or_default();
    let one = said.split(',').find_map(|one| one.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let bytes = one.and_then(|one| STANDARD.decode(one).ok()).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        let message = "Content-Digest says the SHA-256 of the body: sha-256=:…:".to_owned();
        ApiError::malformed("headers".to_owned(), message)
    })
}
