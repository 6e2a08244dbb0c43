//! Who calls: the session behind the cookie, and queries read strictly.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use clerestory_access::{Actor, OpContext, OrganisationRef, RecordingRef, SiteRef};
use clerestory_identity::{IdentityError, KEY_PREFIX, Running, Token, TokenError, Use, Whence};
use clerestory_model::{OrganisationId, PersonId, RecordingId, SiteId, Timestamp};
use serde::de::DeserializeOwned;

use crate::Api;
use crate::problem::ApiError;

/// The cookie of a session, where browsers take it.
pub(crate) const COOKIE: &str = "__Host-clerestory";
/// The same for browsers that drop prefixed, secure cookies on loopback.
pub(crate) const LOOPBACK_COOKIE: &str = "clerestory";
/// The cookies by which a browser that signed in is known again, signed in or not.
pub(crate) const DEVICE_COOKIE: &str = "__Host-clerestory-device";
pub(crate) const LOOPBACK_DEVICE_COOKIE: &str = "clerestory-device";

/// The id of a request, drawn by the guard.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Somebody who is signed in.
pub(crate) struct Caller {
    pub(crate) op: OpContext,
    pub(crate) person: PersonId,
    pub(crate) organisation: OrganisationId,
    pub(crate) signed_in: u64,
    pub(crate) session_ends: Timestamp,
    /// Whether the session may do nothing but set up a second factor.
    pub(crate) must_enrol: bool,
    /// Kept to ask again, inside long answers, whether the session still runs.
    pub(crate) token: Token,
    /// Where the request comes from.
    pub(crate) whence: Whence,
}

impl Caller {
    pub(crate) fn organisation(&self) -> OrganisationRef {
        OrganisationRef(self.organisation)
    }

    pub(crate) fn recording(&self, id: RecordingId) -> RecordingRef {
        RecordingRef { organisation: self.organisation, id }
    }

    pub(crate) fn site(&self, id: SiteId) -> SiteRef {
        SiteRef { organisation: self.organisation, id }
    }
}

/// The session token in the cookies of a request, if there is one, and if it is one.
pub(crate) fn session_token(headers: &HeaderMap, loopback: bool) -> Option<Result<Token, TokenError>> {
    cookie(headers, (COOKIE, LOOPBACK_COOKIE), loopback)
}

/// The token in one of two cookies; the second counts on this machine only.
fn cookie(
    headers: &HeaderMap,
    (name, loopback_name): (&str, &str),
    loopback: bool,
) -> Option<Result<Token, TokenError>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let value = |name: &str| pairs.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
    let text = value(name).or_else(|| value(loopback_name).filter(|_| loopback))?;
    Some(text.parse())
}

/// The address a request was sent from.
fn client(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<clerestory_http::Peer>().map(|peer| peer.client.to_canonical())
}

/// The token by which a browser is known again, if it has one.
fn device_token(headers: &HeaderMap, loopback: bool) -> Option<Token> {
    cookie(headers, (DEVICE_COOKIE, LOOPBACK_DEVICE_COOKIE), loopback)?.ok()
}

/// Where a request comes from.
pub(crate) struct ComingFrom(pub(crate) Whence);

impl FromRequestParts<Api> for ComingFrom {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let headers = &parts.headers;
        let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Whence {
            address: client(parts),
            device: device_token(headers, api.hosts.is_loopback()).map(|token| token.hash()),
            browser: browser.unwrap_or("unknown").to_owned(),
        }))
    }
}

/// Somebody who wants to come in: where from, and the token by which their browser is known again. One that has none is
/// given one.
pub(crate) struct Visitor {
    pub(crate) whence: Whence,
    pub(crate) device: Token,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let ComingFrom(whence) = ComingFrom::from_request_parts(parts, api).await?;
        let device = device_token(&parts.headers, api.hosts.is_loopback()).unwrap_or_else(Token::generate);
        Ok(Self { whence: Whence { device: Some(device.hash()), ..whence }, device })
    }
}

/// Puts on record that somebody came from where a block keeps them out, where that is so.
async fn tell_kept_out(
    error: IdentityError,
    (parts, api): (&mut Parts, &Api),
    action: &'static str,
) -> ApiError {
    if let IdentityError::PlaceBlocked { organisation, .. } = &error {
        let op = OpContext { actor: Actor::Anonymous, request_id: request_id(parts), at: api.clock.now() };
        if let Err(error) = api.identity.refuse_place(&op, *organisation, action).await {
            return error.into();
        }
    }
    error.into()
}

/// A person who is signed in, or a program with an API key: for the routes that take both.
pub(crate) struct Client {
    pub(crate) op: OpContext,
    pub(crate) organisation: OrganisationId,
}

impl Client {
    pub(crate) fn organisation(&self) -> OrganisationRef {
        OrganisationRef(self.organisation)
    }

    pub(crate) fn recording(&self, id: RecordingId) -> RecordingRef {
        RecordingRef { organisation: self.organisation, id }
    }
}

/// The API key that a request is sent with, if it is sent with one, and if it can be one.
pub(crate) fn api_key(headers: &HeaderMap) -> Option<Result<Token, TokenError>> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(text.strip_prefix("Bearer ")?.trim().strip_prefix(KEY_PREFIX)?.parse())
}

/// Who asks with this key. One that is none, or none any more, is put on record.
async fn keyed(
    shown: Result<Token, TokenError>,
    parts: &mut Parts,
    api: &Api,
) -> Result<OpContext, ApiError> {
    let Ok(ComingFrom(whence)) = ComingFrom::from_request_parts(parts, api).await;
    let actor = match &shown {
        Ok(token) => match api.identity.key_actor(token, &whence).await {
            Ok(actor) => actor,
            Err(error) => return Err(tell_kept_out(error, (parts, api), "key.use").await),
        },
        Err(_) => None,
    };
    let Anyone(op) = Anyone::from_request_parts(parts, api).await?;
    match actor {
        Some(actor) => Ok(OpContext { actor, ..op }),
        None => {
            api.identity.refuse_unknown_key(&op).await?;
            Err(ApiError::unauthenticated())
        }
    }
}

impl FromRequestParts<Api> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Some(shown) = api_key(&parts.headers) else {
            let caller = Caller::from_request_parts(parts, api).await?;
            return Ok(Self { organisation: caller.organisation, op: caller.op });
        };
        let op = keyed(shown, parts, api).await?;
        Ok(Self { organisation: op.actor.organisation(), op })
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Enrolling(caller) = Enrolling::from_request_parts(parts, api).await?;
        if caller.must_enrol {
            api.identity.refuse_until_enrolled(&caller.op).await?;
            return Err(ApiError::factor_required());
        }
        Ok(caller)
    }
}

/// Somebody who is signed in, and may not have set up the second factor that is asked of them: for the few routes that
/// such a session may use.
pub(crate) struct Enrolling(pub(crate) Caller);

impl FromRequestParts<Api> for Enrolling {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        // A key stands for itself: no cookie beside it makes it somebody.
        if let Some(shown) = api_key(&parts.headers) {
            let op = keyed(shown, parts, api).await?;
            api.identity.refuse_key_use(&op).await?;
            return Err(ApiError::not_for_keys());
        }
        let shown = session_token(&parts.headers, api.hosts.is_loopback());
        let shown = shown.ok_or_else(ApiError::unauthenticated)?;
        let Ok(ComingFrom(whence)) = ComingFrom::from_request_parts(parts, api).await;
        let found = match &shown {
            Ok(token) => match api.identity.running(token, &whence, using(&parts.headers)).await {
                Ok(found) => found,
                Err(error) => return Err(tell_kept_out(error, (parts, api), "session.use").await),
            },
            Err(_) => None,
        };
        let (Ok(token), Some(Running { actor, ends: session_ends, must_enrol })) = (shown, found) else {
            let Anyone(op) = Anyone::from_request_parts(parts, api).await?;
            api.identity.refuse_token(&op).await?;
            return Err(ApiError::unauthenticated());
        };
        let Actor::Person { id, organisation, signed_in, .. } = actor else {
            return Err(ApiError::unauthenticated());
        };
        let op = OpContext { actor, request_id: request_id(parts), at: api.clock.now() };
        Ok(Self(Caller { op, person: id, organisation, signed_in, session_ends, must_enrol, token, whence }))
    }
}

/// A page of the console says by this header that nobody has touched it for a while, and that it asks by itself.
const BACKGROUND: &str = "clerestory-background";

/// An image is part of a page, which may have come to show it by itself.
fn using(headers: &HeaderMap) -> Use {
    let is_image = headers.get("sec-fetch-dest").is_some_and(|what| what == "image");
    if is_image || headers.contains_key(BACKGROUND) { Use::Nobody } else { Use::Somebody }
}

/// Anybody at all.
pub(crate) struct Anyone(pub(crate) OpContext);

/// The network somebody calls from: an IPv4 address, or the first 64 bits of an IPv6 one. Kept in memory for limits only.
pub(crate) struct Network(pub(crate) Option<IpAddr>);

impl FromRequestParts<Api> for Network {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, Self::Rejection> {
        Ok(Self(client(parts).map(|client| match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })))
    }
}

impl FromRequestParts<Api> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Ok(Self(OpContext { actor: Actor::Anonymous, request_id: request_id(parts), at: api.clock.now() }))
    }
}

fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// A query, read into a type that refuses unknown parameters.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, api)
            .await
            .map_err(|error| ApiError::malformed("query".to_owned(), error.body_text()))?;
        Ok(Self(value))
    }
}

/// An id in the path. One that is not well formed names nothing.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, api).await;
        found.map(|axum::extract::Path(value)| Self(value)).map_err(|_| ApiError::not_found())
    }
}
