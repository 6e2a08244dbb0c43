//! Coming in by an invitation.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use clerestory_access::OpContext;
use clerestory_identity::{Password, PasswordError, SignInError, Token};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::session::{Session, device, welcome};
use crate::Api;
use crate::bodies;
use crate::caller::{Anyone, Network};
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
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: Accept = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token = asked.token.parse().map_err(|_| ApiError::from(SignInError::Refused))?;
    let password = password(Zeroizing::new(asked.password))?;
    let signed_in = api.identity.accept_invitation(&op, &token, password, device(&headers)).await?;
    welcome(&api, &op, signed_in).await
}

/// A password that somebody chooses.
pub(crate) fn password(typed: Zeroizing<String>) -> Result<Password, ApiError> {
    typed.parse().map_err(|error: PasswordError| {
        ApiError::malformed("password".to_owned(), error.to_string())
            .with_advice("Choose another password and send it with the same link.")
    })
}
