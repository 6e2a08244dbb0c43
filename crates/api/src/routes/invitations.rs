//! Coming in by an invitation.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use clerestory_access::OpContext;
use clerestory_identity::{Password, SignInError, Token};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::session::{Session, admit};
use crate::Api;
use crate::bodies;
use crate::caller::{Anyone, Network, Visitor};
use crate::problem::{ApiError, Problem};

/// The secret of the link, and the password the person will sign in by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    token: String,
    password: String,
}

/// Takes an invitation up: sets the password and signs in. The link works once.
#[utoipa::path(post, path = "/session/invitation", tag = "session", request_body = Accept, responses(
    (status = 200, body = Session), (status = 401, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn accept(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: Accept = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token = asked.token.parse().map_err(|_| refused(SignInError::Refused))?;
    let password = password(&api, Zeroizing::new(asked.password), Vec::new()).await?;
    let admitted =
        api.identity.accept_invitation(&op, &token, password, &visitor.whence).await.map_err(refused)?;
    admit(&api, &op, (&headers, visitor), admitted).await
}

fn refused(error: SignInError) -> ApiError {
    ApiError::of_link(
        error,
        "If you came by it before, sign in. If not, ask whoever invited you for a new one.",
    )
}

/// A password that somebody chooses of whom `hints` are known.
pub(crate) async fn password(
    api: &Api,
    typed: Zeroizing<String>,
    hints: Vec<String>,
) -> Result<Password, ApiError> {
    let judged = api.identity.fit_password(typed, hints).await?;
    judged.map_err(|unfit| {
        ApiError::unfit("password", &unfit)
            .with_advice("Choose another password and send it with the same link.")
    })
}
