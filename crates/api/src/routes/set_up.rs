//! The first run: making the first organisation by the link that the server printed.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use clerestory_access::OpContext;
use clerestory_identity::{SetUp, SignInError, Token};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::invitations::password;
use super::people::{email, name};
use super::session::{Session, admit};
use crate::Api;
use crate::bodies;
use crate::caller::{Anyone, Network, Visitor};
use crate::problem::{ApiError, Problem};

/// The first organisation and who runs it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstOrganisation {
    /// The secret of the link that the server printed when it started.
    token: String,
    organisation: String,
    /// The administrator's name.
    name: String,
    email: String,
    password: String,
}

/// Makes the first organisation and its administrator, who is signed in by it. Refused once there is an organisation.
#[utoipa::path(post, path = "/set-up", tag = "session", request_body = FirstOrganisation, responses(
    (status = 200, body = Session), (status = 401, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn set_up(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: FirstOrganisation = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token = asked.token.parse().map_err(|_| refused(SignInError::Refused))?;
    let new = SetUp {
        organisation: name("organisation", &asked.organisation)?,
        name: name("name", &asked.name)?,
        email: email(&asked.email)?,
    };
    let hints = vec![new.organisation.clone(), new.name.clone(), new.email.clone()];
    let password = password(&api, Zeroizing::new(asked.password), hints).await?;
    let admitted =
        api.identity.set_up(&op, &token, (new, password), &visitor.whence).await.map_err(refused)?;
    admit(&api, &op, (&headers, visitor), admitted).await
}

fn refused(error: SignInError) -> ApiError {
    ApiError::of_link(
        error,
        "If there is an organisation by now, sign in. If not, start the server anew and open what it prints.",
    )
}
