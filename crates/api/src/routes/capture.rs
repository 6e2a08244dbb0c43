//! What the capture script calls, from the sites themselves: cross-origin, without cookies.

use std::net::IpAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clerestory_access::OpContext;
use clerestory_identity::{IdentityError, Whence};
use clerestory_intake::{BodyRoom, Encoding, IntakeError, Origin, SILENCE, Start, Upload};
use clerestory_model::{KeyId, OrganisationId, WriterId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::policy::Signed;
use crate::Api;
use crate::bodies::{self, is_too_long, time_for};
use crate::caller::{Anyone, Asked, At, ComingFrom, Network};
use crate::problem::{ApiError, Problem};

/// What the recorder is told to keep to.
const FLUSH_MS: u64 = 2000;
const KEYFRAME_MS: u64 = 60_000;

const POLICY: HeaderName = HeaderName::from_static("clerestory-policy");
pub(super) const SPOOL_KEY: HeaderName = HeaderName::from_static("clerestory-spool-key");
pub(super) const SPOOLED: &str = "application/vnd.clerestory.spool";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartBody {
    site_key: String,
    /// The tab: a UUID.
    writer: String,
    /// The token of the visit so far.
    resume: Option<String>,
    /// The recorder's clock.
    client_time_ms: i64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct StartedBody {
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
    recording: String,
    track: String,
    next_sequence: u64,
    continued: bool,
    server_time_ms: u64,
    policy: Signed,
    spool: SpoolBody,
    limits: LimitsBody,
}

/// What spooled segments are sealed to.
#[derive(Serialize, ToSchema)]
struct SpoolBody {
    key_id: String,
    /// base64url of the raw P-256 point.
    public_key: String,
}

#[derive(Serialize, ToSchema)]
struct LimitsBody {
    segment_bytes: usize,
    flush_ms: u64,
    keyframe_ms: u64,
    silence_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AcknowledgedBody {
    acknowledged: u64,
    policy_version: u64,
    bytes_stored: u64,
    /// Whether it had been stored before.
    repeated: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    /// `stopped`: on purpose, the visit is over; `unload`: the page was left.
    reason: EndReason,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EndReason {
    Stopped,
    Unload,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PolicyQuery {
    site_key: String,
}

/// Begins or goes on with a visit.
#[utoipa::path(post, path = "/capture/start", tag = "capture", request_body = StartBody, responses(
    (status = 201, body = StartedBody), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn start(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.intake.throttle(network)?;
    let asked: StartBody = bodies::small(request).await?;
    let organisation = api.intake.organisation_of(&asked.site_key).await?;
    take_from(&api, (&op, organisation), &whence, "capture.start").await?;
    let started = api
        .intake
        .start(Start {
            site_key: asked.site_key,
            origin: origin(&headers)?,
            writer: writer(&asked.writer)?,
            resume: asked.resume,
            client_time_ms: asked.client_time_ms,
            request_id: op.request_id,
        })
        .await?;
    let body = StartedBody {
        token: started.token,
        expires_at: started.expires_at.to_string(),
        recording: started.recording.to_string(),
        track: started.track.to_string(),
        next_sequence: started.next_sequence,
        continued: started.continued,
        server_time_ms: started.server_time.unix_millis(),
        policy: started.policy.into(),
        spool: SpoolBody { key_id: started.spool_key_id.to_string(), public_key: started.spool_public_key },
        limits: LimitsBody {
            segment_bytes: clerestory_intake::SEGMENT_BYTES,
            flush_ms: FLUSH_MS,
            keyframe_ms: KEYFRAME_MS,
            silence_ms: u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX),
        },
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The signed policy a site's recorders follow.
#[utoipa::path(get, path = "/capture/policy", tag = "capture", params(PolicyQuery), responses(
    (status = 200, body = Signed), (status = 404, body = Problem)))]
pub(crate) async fn policy(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Asked(asked): Asked<PolicyQuery>,
) -> Result<Json<Signed>, ApiError> {
    Ok(Json(api.intake.signed_policy(&asked.site_key, &op.request_id).await?.into()))
}

/// Takes a segment: durable when this answers 200.
#[utoipa::path(put, path = "/capture/segments/{sequence}", tag = "capture", params(("sequence" = u64, Path)),
    request_body(content = Vec<serde_json::Value>, content_type = "application/json"), responses(
    (status = 200, body = AcknowledgedBody), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 408, body = Problem), (status = 409, body = Problem), (status = 410, body = Problem),
    (status = 413, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn segment(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    ComingFrom(whence): ComingFrom,
    At(sequence): At<u64>,
    request: Request,
) -> Result<Json<AcknowledgedBody>, ApiError> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let (token, origin, encoding) = (bearer(&headers)?, origin(&headers)?, encoding(&headers)?);
    let policy_version = policy_version(&headers)?;
    // Who has no token, or sends too often, gets nothing of theirs read; all bodies together fill a bounded room, and
    // none holds its part of it for long.
    let organisation = api.intake.check_sender(&token, &origin, encoding).await?;
    take_from(&api, (&op, organisation), &whence, "capture.upload").await?;
    let body = (body, clerestory_intake::SEGMENT_BYTES);
    let (body, room) = segment_body(&api, network, &headers, body).await?;
    let upload =
        Upload { token, origin, sequence, encoding, policy_version, body, room, request_id: op.request_id };
    let done = api.intake.receive(upload).await?;
    Ok(Json(AcknowledgedBody {
        acknowledged: done.sequence,
        policy_version: done.policy_version,
        bytes_stored: done.bytes_stored,
        repeated: done.repeated,
    }))
}

/// The bytes of a segment, so many at most, and the room they take.
pub(super) async fn segment_body(
    api: &Api,
    network: Option<IpAddr>,
    headers: &HeaderMap,
    (body, limit): (Body, usize),
) -> Result<(Bytes, BodyRoom), ApiError> {
    let length = text(headers, &header::CONTENT_LENGTH).and_then(|text| text.parse().ok()).unwrap_or(limit);
    if length > limit {
        return Err(IntakeError::TooLarge { limit }.into());
    }
    let room = api.intake.room_for(network, length).await?;
    let arriving = tokio::time::timeout(time_for(length), axum::body::to_bytes(body, length));
    match arriving.await {
        Ok(Ok(body)) => Ok((body, room)),
        Ok(Err(error)) if is_too_long(&error) => Err(IntakeError::TooLarge { limit: length }.into()),
        // The accept loop cuts what stops coming, and connections break: neither says anything about the size.
        Ok(Err(_)) | Err(_) => Err(IntakeError::TooSlow.into()),
    }
}

/// Ends the sending of one tab.
#[utoipa::path(post, path = "/capture/end", tag = "capture", request_body = EndBody, responses(
    (status = 204, description = "Ended"), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    Anyone(op): Anyone,
    ComingFrom(whence): ComingFrom,
    headers: HeaderMap,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (token, origin) = (bearer(&headers)?, origin(&headers)?);
    // Who has no token, or sends too often, gets nothing of theirs read.
    let organisation = api.intake.check_sender(&token, &origin, Encoding::Plain).await?;
    take_from(&api, (&op, organisation), &whence, "capture.end").await?;
    let asked: EndBody = bodies::small(request).await?;
    api.intake.end(&token, &origin, asked.reason == EndReason::Stopped, op.request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sees that an organisation is not closing.
pub(crate) async fn still_records(api: &Api, organisation: OrganisationId) -> Result<(), ApiError> {
    let closes_at = api.lifecycle.closes_at(organisation).await?;
    closes_at.map_or(Ok(()), |at| Err(ApiError::closing(at)))
}

/// Sees that an organisation takes anything at all, and from this network now: where it does not, a recorder waits and keeps
/// what it has.
pub(super) async fn take_from(
    api: &Api,
    (op, organisation): (&OpContext, OrganisationId),
    whence: &Whence,
    action: &'static str,
) -> Result<(), ApiError> {
    still_records(api, organisation).await?;
    match api.identity.let_in(organisation, whence).await {
        Err(IdentityError::PlaceBlocked { until, .. }) => {
            api.identity.refuse_place(op, organisation, action).await?;
            Err(ApiError::not_taken_from_there(until.since(api.clock.now())))
        }
        judged => Ok(judged?),
    }
}

pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn origin(headers: &HeaderMap) -> Result<Origin, ApiError> {
    let origin = text(headers, &header::ORIGIN).and_then(|text| text.parse().ok());
    origin.ok_or_else(|| IntakeError::OriginNotAllowed.into())
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<String, ApiError> {
    let token = text(headers, &header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
    token.ok_or_else(|| IntakeError::Token(clerestory_intake::TokenProblem::Forged).into())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, ApiError> {
    let wrong = |what: &str| ApiError::malformed("headers".to_owned(), what.to_owned());
    let content_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    match content_type.split(';').next().map(str::trim) {
        Some(SPOOLED) => {
            let key: Option<KeyId> = text(headers, &SPOOL_KEY).and_then(|text| text.parse().ok());
            key.map(Encoding::Spool)
                .ok_or_else(|| wrong("a spooled segment names its key in Clerestory-Spool-Key"))
        }
        Some("application/json") => match text(headers, &header::CONTENT_ENCODING).as_deref() {
            None | Some("identity") => Ok(Encoding::Plain),
            Some("gzip") => Ok(Encoding::Gzip),
            Some(_) => Err(wrong("Content-Encoding is gzip or absent")),
        },
        _ => Err(wrong("Content-Type is application/json or application/vnd.clerestory.spool")),
    }
}

pub(super) fn policy_version(headers: &HeaderMap) -> Result<u64, ApiError> {
    let version = text(headers, &POLICY).and_then(|text| text.parse().ok());
    version.ok_or_else(|| {
        ApiError::malformed("headers".to_owned(), "Clerestory-Policy names the policy's version".to_owned())
    })
}

/// A writer is any UUID the tab drew.
pub(super) fn writer(text: &str) -> Result<WriterId, ApiError> {
    let digits: String = text.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    let id = format!("{}_{digits}", WriterId::PREFIX).parse();
    id.map_err(|_| ApiError::malformed("writer".to_owned(), "a writer is a UUID".to_owned()))
}

/// Cross-origin rules of the capture routes: an origin some site lists may call them, without credentials.
pub(crate) async fn cors(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/v1/capture/") {
        return next.run(request).await;
    }
    let origin = origin(request.headers()).ok();
    let known = match &origin {
        Some(origin) => match api.intake.origin_known(origin).await {
            Ok(known) => known,
            Err(error) => return ApiError::from(error).into_response(),
        },
        None => false,
    };
    let preflight = *request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let cross_origin = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(cross_origin, HeaderValue::from_static("cross-origin"));
    let Some(origin) =
        origin.filter(|_| known).and_then(|origin| HeaderValue::from_str(origin.as_str()).ok())
    else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static("retry-after, x-request-id");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if preflight {
        let allowed =
            "authorization, content-type, content-encoding, clerestory-policy, clerestory-spool-key";
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, allowed),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}
