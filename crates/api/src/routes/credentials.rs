//! What the caller signs in by: their password, their second factor; and proving once more who they are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{PersonRef as PersonOn, ReadOwnProfile};
use clerestory_identity::Proof;
use clerestory_model::PersonId;
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller, Enrolling, Network};
use crate::problem::{ApiError, Problem};

/// Modules of a QR code that stay light around it (ISO/IEC 18004 section 6.3.8).
const QUIET: i32 = 4;

/// One of both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepUp {
    /// The caller's password.
    password: Option<String>,
    /// Or a code of their second factor.
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The old one. Not needed after a step-up, after signing in by a link just now, or where there is none.
    old: Option<String>,
    new: String,
}

/// What the caller has of second factors.
#[derive(Serialize, ToSchema)]
pub(crate) struct Factor {
    /// Since when codes are asked for.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Recovery codes that are not used yet.
    recovery_codes: u64,
}

/// What an authenticator app is given. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Enrolment {
    /// In base32, to be typed.
    secret: String,
    /// An `otpauth:` address.
    uri: String,
    /// The same as a picture, SVG.
    qr: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// Six digits of the app.
    code: String,
}

/// Each works once, in place of a code. They are shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Proves once more who the caller is. It counts for five minutes, in this session.
#[utoipa::path(post, path = "/session/step-up", tag = "session", request_body = StepUp, responses(
    (status = 204, description = "Proven"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn step_up(
    State(api): State<Api>,
    Network(network): Network,
    CallerWith(Enrolling(caller), asked): CallerWith<StepUp, Enrolling>,
) -> Result<StatusCode, ApiError> {
    let proof = match (asked.password, asked.code) {
        (Some(password), None) => Proof::Password(Zeroizing::new(password)),
        (None, Some(code)) => Proof::Code(code),
        _ => {
            let message = "give a password or a code, one of both".to_owned();
            return Err(ApiError::malformed("password".to_owned(), message));
        }
    };
    api.identity.step_up(&caller.op, network, proof).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the caller's password; their other sessions end.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = ChangePassword, responses(
    (status = 204, description = "Changed"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn change_password(
    State(api): State<Api>,
    Network(network): Network,
    CallerWith(caller, asked): CallerWith<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    let passwords = (asked.old.map(Zeroizing::new), Zeroizing::new(asked.new));
    api.identity.change_password(&caller.op, network, passwords, &caller.whence).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the caller has of second factors.
#[utoipa::path(get, path = "/session/factor", tag = "session", responses(
    (status = 200, body = Factor), (status = 401, body = Problem)))]
pub(crate) async fn factor(
    State(api): State<Api>,
    Enrolling(caller): Enrolling,
) -> Result<Json<Factor>, ApiError> {
    let on = PersonOn { organisation: caller.organisation, id: caller.person };
    let grant = api.access.resume::<ReadOwnProfile>(&caller.op, on, caller.signed_in).await??;
    let state = api.identity.factor_state(grant).await?;
    Ok(Json(Factor {
        since: state.confirmed_at.map(|at| at.to_string()),
        recovery_codes: state.recovery_codes,
    }))
}

/// Begins to set up an authenticator app. It counts for nothing until a code of it was sent to `confirm`.
#[utoipa::path(post, path = "/session/factor", tag = "session", responses(
    (status = 201, body = Enrolment), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn enrol(
    State(api): State<Api>,
    Enrolling(caller): Enrolling,
) -> Result<(StatusCode, Json<Enrolment>), ApiError> {
    let made = api.identity.enrol_factor(&caller.op).await?;
    let qr = picture(&made.uri)?;
    Ok((StatusCode::CREATED, Json(Enrolment { secret: made.secret, uri: made.uri, qr })))
}

/// Finishes setting up: codes are asked for from now on, and the caller's other sessions end.
#[utoipa::path(post, path = "/session/factor/confirm", tag = "session", request_body = Confirm, responses(
    (status = 200, body = RecoveryCodes), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn confirm(
    State(api): State<Api>,
    CallerWith(Enrolling(caller), asked): CallerWith<Confirm, Enrolling>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let recovery_codes = api.identity.confirm_factor(&caller.op, &asked.code).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Removes the caller's second factor; their other sessions end.
#[utoipa::path(delete, path = "/session/factor", tag = "session", responses(
    (status = 204, description = "Removed"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn remove(State(api): State<Api>, caller: Caller) -> Result<StatusCode, ApiError> {
    api.identity.remove_factor(&caller.op).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the caller's recovery codes.
#[utoipa::path(post, path = "/session/factor/recovery-codes", tag = "session", responses(
    (status = 200, body = RecoveryCodes), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn renew(State(api): State<Api>, caller: Caller) -> Result<Json<RecoveryCodes>, ApiError> {
    let recovery_codes = api.identity.renew_recovery_codes(&caller.op).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Takes the second factor of somebody away who has lost it; their sessions end.
#[utoipa::path(delete, path = "/people/{person}/factor", tag = "session",
    params(("person" = String, Path, description = "The person.")), responses(
    (status = 204, description = "They have none"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn reset(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<StatusCode, ApiError> {
    api.identity.reset_factor(&caller.op, id).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// A QR code as SVG: one path, a module a unit.
fn picture(text: &str) -> Result<String, ApiError> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|error| ApiError::unavailable(&error))?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{},{}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    let side = code.size() + 2 * QUIET;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}
