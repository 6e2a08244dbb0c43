//! What every answer goes through: a request id, security headers, problems as JSON, counts; and for the console's API
//! that a change was asked for by the console itself.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clerestory_access::{Actor, OpContext};
use clerestory_identity::{KEY_PREFIX, Token, TokenError};
use clerestory_seal::random;

use crate::Api;
use crate::caller::{RequestId, api_key};
use crate::problem::{ApiError, Problem};

const CSRF: HeaderName = HeaderName::from_static("clerestory-csrf");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Draws the request's id, times it, and finishes the answer.
pub(crate) async fn finish(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = format!("req_{}", hex::encode(random::<8>()));
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let began = Instant::now();
    let mut response = next.run(request).await;
    let route = response.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let (elapsed, status) = (began.elapsed(), response.status());
    metrics::counter!("clerestory_requests_total", "route" => route.clone(), "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!("clerestory_request_seconds", "route" => route.clone()).record(elapsed.as_secs_f64());
    tracing::info!(
        request_id = id,
        %method,
        route,
        status = status.as_u16(),
        elapsed_ms = elapsed.as_secs_f64() * 1000.0,
        "answered"
    );
    let bare = response.extensions().get::<Problem>().is_none();
    if bare && status == StatusCode::METHOD_NOT_ALLOWED {
        response = ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This cannot be done here",
            "The address exists, and does not take this method.",
            "See the API description at /api/openapi.json.",
        )
        .into_response();
    }
    write_problem(&mut response, &id);
    common_headers(response.headers_mut(), &id, !api.hosts.is_loopback());
    response
}

/// Writes the body of a problem, which needs the request's id.
fn write_problem(response: &mut Response, id: &str) {
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        id.clone_into(&mut problem.request_id);
        *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

fn common_headers(headers: &mut HeaderMap, id: &str, tls: bool) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(header::REFERRER_POLICY, "no-referrer");
    unless_set(header::CACHE_CONTROL, "no-store");
    unless_set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    unless_set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    );
    if tls {
        unless_set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
}

/// Changes over the console's API come from the console: the header no form can send, the console's Origin, and what
/// the browser says of where the request was made. Capture has rules of its own.
pub(crate) async fn same_site(State(api): State<Api>, request: Request, next: Next) -> Response {
    if let Some(shown) = key_in_address(&request) {
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        return refuse_exposed(&api, shown, id).await.into_response();
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let path = request.uri().path();
    let console_api = path.starts_with("/api/v1/") && !path.starts_with("/api/v1/capture/");
    // No page of another site makes a browser send a key: the browser would ask first, and is told no.
    let by_key = api_key(request.headers()).is_some();
    if console_api && !safe && !by_key && !from_console(request.headers(), &api.hosts.origins().console) {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "The request does not come from the console",
            "A change needs the header `Clerestory-Csrf: 1` and, from a browser, the console's own origin.",
            "Open the console at its own address and do it there.",
        )
        .into_response();
    }
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        // The outermost layer counts by route and sees only the answer.
        response.extensions_mut().insert(route);
    }
    response
}

/// The API key in the address of a request, if there is one, and if it can be one.
fn key_in_address(request: &Request) -> Option<Result<Token, TokenError>> {
    let address = unescaped(request.uri().path_and_query()?.as_str());
    let (_, after) = address.split_once(KEY_PREFIX)?;
    Some(after.chars().take(43).collect::<String>().parse())
}

/// What to answer to it; it is on record where it is a real one.
async fn refuse_exposed(api: &Api, shown: Result<Token, TokenError>, request_id: String) -> ApiError {
    let Ok(token) = shown else { return ApiError::key_in_address() };
    let op = OpContext { actor: Actor::Anonymous, request_id, at: api.clock.now() };
    match api.identity.note_exposed_key(&op, &token).await {
        Ok(()) => ApiError::key_in_address(),
        Err(error) => error.into(),
    }
}

/// An address with what is escaped in it as it is meant.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = escaped.and_then(|digits| hex::decode(digits).ok()).and_then(|byte| byte.first().copied());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn from_console(headers: &HeaderMap, console: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let asked = text(CSRF) == Some("1");
    let origin = text(header::ORIGIN).is_none_or(|origin| origin == console);
    let fetched = text(HeaderName::from_static("sec-fetch-site"))
        .is_none_or(|site| site == "same-origin" || site == "none");
    asked && origin && fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_the_console_may_ask_for_changes() {
        let console = "http://localhost:8700";
        let asked = ("clerestory-csrf", "1");
        assert!(from_console(&headers(&[asked]), console));
        assert!(from_console(&headers(&[asked, ("origin", "http://localhost:8700")]), console));
        assert!(!from_console(&headers(&[("origin", "http://localhost:8700")]), console));
        assert!(!from_console(&headers(&[asked, ("origin", "http://127.0.0.1:8700")]), console));
        assert!(!from_console(&headers(&[asked, ("origin", "null")]), console));
        assert!(!from_console(&headers(&[asked, ("sec-fetch-site", "same-site")]), console));
    }
}
