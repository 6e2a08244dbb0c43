//! Forgotten passwords: asking for a link, and setting a new password by it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use clerestory_access::OpContext;
use clerestory_identity::{SignInError, Token};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::invitations::password;
use super::session::{Session, admit};
use crate::Api;
use crate::bodies;
use crate::caller::{Anyone, ComingFrom, Network, Visitor};
use crate::problem::{ApiError, Problem};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forgotten {
    email: String,
}

/// The secret of the link, and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    token: String,
    password: String,
}

/// Asks for a mail with a link to set a new password by. The answer is the same for every address, and so is how long it
/// takes: whether anybody has the address is looked at afterwards.
#[utoipa::path(post, path = "/session/forgotten", tag = "session", request_body = Forgotten, responses(
    (status = 202, description = "Asked"), (status = 409, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn forgotten(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    ComingFrom(whence): ComingFrom,
    request: Request,
) -> Result<StatusCode, ApiError> {
    api.identity.throttle(network)?;
    let asked: Forgotten = bodies::small(request).await?;
    if !api.identity.sends_mail() {
        return Err(ApiError::no_mail());
    }
    api.identity.throttle_reset(&asked.email, network)?;
    let op = OpContext { at: api.clock.now(), ..op };
    tokio::spawn(async move {
        let console = &api.hosts.origins().console;
        if let Err(error) = api.identity.offer_reset(&op, &asked.email, &whence, console).await {
            tracing::error!(
                request_id = op.request_id,
                error = &error as &dyn std::error::Error,
                "a link for a new password could not be sent"
            );
        }
    });
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password by the link of a mail, and signs in with it. The link works once; everywhere else they are signed
/// out.
#[utoipa::path(post, path = "/session/reset", tag = "session", request_body = ResetPassword, responses(
    (status = 200, body = Session), (status = 202, body = super::session::FactorNeeded),
    (status = 401, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn reset(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: ResetPassword = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token = asked.token.parse().map_err(|_| refused(SignInError::Refused))?;
    let hints = api.identity.reset_hints(&op, &token).await.map_err(refused)?;
    let password = password(&api, Zeroizing::new(asked.password), hints).await?;
    let admitted =
        api.identity.reset_password(&op, &token, password, &visitor.whence).await.map_err(refused)?;
    admit(&api, &op, (&headers, visitor), admitted).await
}

fn refused(error: SignInError) -> ApiError {
    ApiError::of_link(error, "Ask for a new one where you sign in.")
}
