//! Signing in and out, and seeing one's own sessions.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::{Actor, OpContext, PersonRef as PersonOn, ReadOwnProfile, Scope};
use clerestory_identity::{Admitted, IdentityError, Running, SignedIn, Token, Use};
use clerestory_model::{PersonId, SessionId};
use clerestory_store::people::Role;
use clerestory_store::{pictures, support};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::Api;
use crate::bodies;
use crate::caller::{
    Anyone, At, COOKIE, Caller, DEVICE_COOKIE, Enrolling, LOOPBACK_COOKIE, LOOPBACK_DEVICE_COOKIE, Network,
    Visitor, session_token,
};
use crate::problem::{ApiError, Problem};

/// How long a browser is known again after it signed in: the longest that browsers keep anything.
const DEVICE_LASTS: u64 = 400 * 24 * 3600;

/// Longest password that is looked at.
const PASSWORD_CHARS: usize = 256;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    email: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInLink {
    token: String,
}

/// Who is signed in, and what they may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    person: SessionPerson,
    organisation: SessionOrganisation,
    /// The actions allowed in some scope. For showing; the server decides each time.
    allowed: Vec<String>,
    /// Where the player's page is.
    content_origin: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether this session may do nothing but set up a second factor, at `/session/factor`.
    must_enrol: bool,
    /// How many grants let somebody from outside in now, of those that the caller may see: where it is not 0, everybody who
    /// may see them is to be told.
    support_running: u64,
}

/// A password or a link was right, and a code is asked for too.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorNeeded {
    /// To be sent with the code to `/session/second-factor`. It opens nothing by itself.
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactor {
    /// From the answer that asked for a code.
    token: String,
    /// Six digits of the app, or a recovery code.
    code: String,
}

#[derive(Serialize, ToSchema)]
struct SessionPerson {
    id: String,
    name: String,
    email: String,
    initials: String,
    /// The version of their picture, if they have one.
    picture: Option<u64>,
    role: String,
}

#[derive(Serialize, ToSchema)]
struct SessionOrganisation {
    id: String,
    name: String,
    region: String,
    /// When everything of it is erased, where it is closing.
    #[schema(format = DateTime)]
    closes_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionItem {
    id: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    current: bool,
    user_agent: String,
    /// What the browser is called, as blocks of devices call it.
    device: Option<String>,
    /// `password`, `link`, `password and code` or `link and code`.
    signed_in_by: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    items: Vec<SessionItem>,
}

/// Signs in by address and password.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn, responses(
    (status = 200, body = Session), (status = 202, body = FactorNeeded), (status = 401, body = Problem),
    (status = 429, body = Problem)))]
pub(crate) async fn sign_in(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: SignIn = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let password: String = asked.password.chars().take(PASSWORD_CHARS + 1).collect();
    let shown = (asked.email.as_str(), Zeroizing::new(password));
    let admitted = api.identity.sign_in(&op, network, shown, &visitor.whence).await?;
    admit(&api, &op, (&headers, visitor), admitted).await
}

/// Signs in by a link that works once.
#[utoipa::path(post, path = "/session/link", tag = "session", request_body = SignInLink, responses(
    (status = 200, body = Session), (status = 202, body = FactorNeeded), (status = 401, body = Problem)))]
pub(crate) async fn sign_in_by_link(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: SignInLink = bodies::small(request).await?;
    // A link may have run out while the body came.
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token =
        asked.token.parse().map_err(|_| link_refused(clerestory_identity::SignInError::Refused))?;
    let admitted = api.identity.sign_in_by_link(&op, &token, &visitor.whence).await.map_err(link_refused)?;
    admit(&api, &op, (&headers, visitor), admitted).await
}

fn link_refused(error: clerestory_identity::SignInError) -> ApiError {
    ApiError::of_link(error, "Sign in by your password, or ask an administrator for a new sign-in link.")
}

/// Finishes signing in by a code, after a password or a link was shown.
#[utoipa::path(post, path = "/session/second-factor", tag = "session", request_body = SecondFactor, responses(
    (status = 200, body = Session), (status = 401, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn second_factor(
    State(api): State<Api>,
    Anyone(op): Anyone,
    Network(network): Network,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    api.identity.throttle(network)?;
    let asked: SecondFactor = bodies::small(request).await?;
    let op = OpContext { at: api.clock.now(), ..op };
    let token: Token =
        asked.token.parse().map_err(|_| ApiError::from(clerestory_identity::SignInError::Code))?;
    let shown = api.identity.sign_in_with_code(&op, &token, &asked.code, &visitor.whence).await;
    let signed_in = shown?;
    welcome(&api, &op, (&headers, visitor), signed_in).await
}

/// Who is signed in.
#[utoipa::path(get, path = "/session", tag = "session", responses(
    (status = 200, body = Session), (status = 401, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    Enrolling(caller): Enrolling,
) -> Result<Json<Session>, ApiError> {
    let running =
        Running { actor: caller.op.actor.clone(), ends: caller.session_ends, must_enrol: caller.must_enrol };
    Ok(Json(session(&api, &caller.op, running).await?))
}

/// Ends this session.
#[utoipa::path(delete, path = "/session", tag = "session", responses(
    (status = 204, description = "Signed out"), (status = 401, body = Problem)))]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    Enrolling(caller): Enrolling,
) -> Result<Response, ApiError> {
    api.identity.sign_out(&caller.op, false).await?;
    Ok(farewell(&api))
}

/// Ends every session of the caller, this one included.
#[utoipa::path(delete, path = "/sessions", tag = "session", responses(
    (status = 204, description = "Signed out everywhere"), (status = 401, body = Problem)))]
pub(crate) async fn sign_out_everywhere(
    State(api): State<Api>,
    Enrolling(caller): Enrolling,
) -> Result<Response, ApiError> {
    api.identity.sign_out(&caller.op, true).await?;
    Ok(farewell(&api))
}

/// The caller's running sessions.
#[utoipa::path(get, path = "/sessions", tag = "session", responses(
    (status = 200, body = SessionList), (status = 401, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<SessionList>, ApiError> {
    let on = PersonOn { organisation: caller.organisation, id: caller.person };
    let grant = api.access.resume::<ReadOwnProfile>(&caller.op, on, caller.signed_in).await??;
    let Actor::Person { session: current, .. } = caller.op.actor else {
        return Err(ApiError::unauthenticated());
    };
    let items = api.identity.sessions(grant).await?.into_iter().map(|session| SessionItem {
        id: session.id.to_string(),
        created_at: session.created_at.to_string(),
        last_used_at: session.last_used_at.to_string(),
        expires_at: session.expires_at.to_string(),
        current: session.id == current,
        user_agent: session.browser,
        device: session.device,
        signed_in_by: session.signed_in_by.word().to_owned(),
    });
    Ok(Json(SessionList { items: items.collect() }))
}

/// Ends one session: one's own, or anybody's of the organisation where the rules allow it.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "session",
    params(("session" = String, Path, description = "The session.")), responses(
    (status = 204, description = "It has ended"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SessionId>,
) -> Result<StatusCode, ApiError> {
    match api.identity.end_session(&caller.op, id).await?? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::not_found()),
    }
}

/// Ends every session of a person.
#[utoipa::path(delete, path = "/people/{person}/sessions", tag = "session",
    params(("person" = String, Path, description = "The person.")), responses(
    (status = 204, description = "All have ended"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn end_of_person(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<StatusCode, ApiError> {
    api.identity.end_sessions_of(&caller.op, id).await??;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn admit(
    api: &Api,
    op: &OpContext,
    (headers, visitor): (&HeaderMap, Visitor),
    admitted: Admitted,
) -> Result<Response, ApiError> {
    match admitted {
        Admitted::In(signed_in) => welcome(api, op, (headers, visitor), signed_in).await,
        Admitted::FactorNeeded { token, expires_at } => {
            let needed = FactorNeeded { token: token.reveal(), expires_at: expires_at.to_string() };
            Ok((StatusCode::ACCEPTED, Json(needed)).into_response())
        }
    }
}

async fn welcome(
    api: &Api,
    op: &OpContext,
    (headers, visitor): (&HeaderMap, Visitor),
    signed_in: SignedIn,
) -> Result<Response, ApiError> {
    leave(api, op, (headers, &visitor)).await?;
    let running = api.identity.running(&signed_in.token, &visitor.whence, Use::Somebody).await?;
    let running = running.ok_or_else(ApiError::unauthenticated)?;
    let op = OpContext { actor: running.actor.clone(), request_id: op.request_id.clone(), at: op.at };
    let seconds = running.ends.since(op.at).as_secs();
    let mut response = Json(session(api, &op, running).await?).into_response();
    let token = Zeroizing::new(signed_in.token.reveal());
    set_cookies(api, &mut response, (COOKIE, LOOPBACK_COOKIE), (&token, seconds));
    let device = Zeroizing::new(visitor.device.reveal());
    let names = (DEVICE_COOKIE, LOOPBACK_DEVICE_COOKIE);
    set_cookies(api, &mut response, names, (&device, DEVICE_LASTS));
    Ok(response)
}

/// Ends the session the browser was in: no token outlives a sign-in.
async fn leave(
    api: &Api,
    op: &OpContext,
    (headers, visitor): (&HeaderMap, &Visitor),
) -> Result<(), ApiError> {
    let Some(Ok(token)) = session_token(headers, api.hosts.is_loopback()) else { return Ok(()) };
    let running = match api.identity.running(&token, &visitor.whence, Use::Somebody).await {
        // What is blocked opens nothing: whoever signs in now is not to be kept out by it.
        Err(IdentityError::Blocked { .. } | IdentityError::PlaceBlocked { .. }) => None,
        running => running?,
    };
    if let Some(running) = running {
        let op = OpContext { actor: running.actor, request_id: op.request_id.clone(), at: op.at };
        api.identity.sign_out(&op, false).await?;
    }
    Ok(())
}

fn farewell(api: &Api) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    // What the browser is known by stays: it says nothing about who used it.
    set_cookies(api, &mut response, (COOKIE, LOOPBACK_COOKIE), ("", 0));
    response
}

/// A cookie, and on loopback a copy for browsers that drop prefixed, secure cookies there.
fn set_cookies(
    api: &Api,
    response: &mut Response,
    (name, loopback_name): (&str, &str),
    (token, seconds): (&str, u64),
) {
    let shared = format!("Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    let mut cookies = vec![format!("{name}={token}; Secure; {shared}")];
    if api.hosts.is_loopback() {
        cookies.push(format!("{loopback_name}={token}; {shared}"));
    }
    for cookie in cookies {
        if let Ok(mut value) = HeaderValue::from_str(&cookie) {
            value.set_sensitive(true);
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
}

async fn session(api: &Api, op: &OpContext, running: Running) -> Result<Session, ApiError> {
    let Actor::Person { id: person, organisation, signed_in, .. } = op.actor else {
        return Err(ApiError::unauthenticated());
    };
    let on = PersonOn { organisation, id: person };
    let grant = api.access.resume::<ReadOwnProfile>(op, on, signed_in).await??;
    api.vault.hold_lease().await?;
    let identity = api.identity.clone();
    let found = api.database.read(move |tx| {
        Box::pin(async move {
            let found = identity.profile(tx, &grant).await?;
            Ok::<_, IdentityError>((found, pictures::version(tx, person).await?))
        })
    });
    let (found, picture) = found.await?;
    let (profile, role, name) = found.ok_or_else(ApiError::unauthenticated)?;
    let allowed = match running.must_enrol {
        true => Vec::new(),
        false => api.access.allowed_actions(&op.actor, op.at).await?,
    };
    let support_running = match allowed.iter().any(|action| action == "support.read") {
        true => support_running(api, op, role).await?,
        false => 0,
    };
    Ok(Session {
        person: SessionPerson {
            id: person.to_string(),
            initials: profile.initials(),
            name: profile.name,
            email: profile.email,
            picture,
            role: role.to_string(),
        },
        organisation: SessionOrganisation {
            id: organisation.to_string(),
            name,
            region: api.vault.keys().deployment().region.clone(),
            closes_at: api.lifecycle.closes_at(organisation).await?.map(|at| at.to_string()),
        },
        allowed,
        content_origin: api.hosts.origins().content.clone(),
        expires_at: running.ends.to_string(),
        must_enrol: running.must_enrol,
        support_running,
    })
}

/// How many grants of support run that the caller may see: a supporter sees their own.
async fn support_running(api: &Api, op: &OpContext, role: Role) -> Result<u64, ApiError> {
    let scope = if role == Role::Support { Scope::Own } else { Scope::Organisation };
    let (scope, now) = (scope.filter(op.actor.organisation(), &op.actor), op.at);
    let count = api.database.read(move |tx| Box::pin(async move { support::running(tx, &scope, now).await }));
    Ok(count.await?)
}
