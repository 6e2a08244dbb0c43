//! Callers of the API: they speak HTTP to the whole service, without a socket between.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use clerestory_http::Peer;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// How often whoever is told to wait before signing in tries again.
const MORE_TRIES: usize = 10;

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, `Null` where it is empty or not JSON.
    pub json: Value,
    /// Its body as it came.
    pub bytes: bytes::Bytes,
    /// The cookies it sets, as `name=value`.
    pub cookies: Vec<String>,
    /// How long to wait before asking again, where it says so (RFC 9110, 10.2.3).
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// The name of the problem, without its prefix.
    #[must_use]
    pub fn problem(&self) -> &str {
        self.json["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or("")
    }

    /// The JSON of a success.
    ///
    /// # Panics
    /// When the answer is not a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.json);
        self.json
    }
}

/// Somebody with or without a session.
#[derive(Clone)]
pub struct Caller {
    router: Router,
    host: &'static str,
    cookies: Vec<String>,
    headers: Vec<(&'static str, String)>,
    peer: Option<Peer>,
}

impl Caller {
    /// Nobody known.
    #[must_use]
    pub fn anonymous(router: Router) -> Self {
        let headers = vec![("clerestory-csrf", "1".to_owned())];
        Self { router, host: crate::installation::CONSOLE_HOST, cookies: Vec::new(), headers, peer: None }
    }

    /// The same caller at another node.
    #[must_use]
    pub fn through(mut self, node: &crate::Installation) -> Self {
        self.router = node.router();
        self
    }

    /// The same caller with one header more, in place of any of that name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same caller without a header.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// The same caller, whose requests come from this address.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn coming_from(mut self, address: &str) -> Self {
        let client: IpAddr = address.parse().expect("an address");
        self.peer = Some(Peer { addr: SocketAddr::new(client, 50_000), client, tls: true, via: None });
        self
    }

    /// The same caller asking another host.
    #[must_use]
    pub fn of_host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    /// Signs in and keeps the session. A quick machine signs more people in than are let in within a second: who is told
    /// to wait does.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn sign_in(mut self, email: &str, password: &str) -> Self {
        let asked = serde_json::json!({ "email": email, "password": password });
        let mut answer = self.post("/api/v1/session", asked.clone()).await;
        for _ in 0..MORE_TRIES {
            let Some(wait) = answer.retry_after.filter(|_| answer.status == StatusCode::TOO_MANY_REQUESTS)
            else {
                break;
            };
            tokio::time::sleep(wait).await;
            answer = self.post("/api/v1/session", asked.clone()).await;
        }
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        self.cookies = answer.cookies;
        self
    }

    /// Proves once more who the caller is.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn prove(&self, password: &str) {
        let answer = self.post("/api/v1/session/step-up", serde_json::json!({ "password": password })).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.json);
    }

    /// The same caller with the session of this answer.
    #[must_use]
    pub fn in_session_of(mut self, answer: &Answer) -> Self {
        self.cookies.clone_from(&answer.cookies);
        self
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, json: Value) -> Answer {
        self.send("POST", path, Body::from(json.to_string())).await
    }

    /// Asks for something to be erased, having just proven who asks.
    pub async fn erase(&self, path: &str, json: Value) -> Answer {
        self.prove(crate::installation::PASSWORD).await;
        self.post(path, json).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, Body::empty()).await
    }

    /// Any method with any body; the answer is read by the test, as fast as it likes.
    ///
    /// # Panics
    /// When the request cannot be built: that is the test's own fault.
    pub async fn begin(&self, method: &str, path: &str, body: impl Into<Body>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, self.host);
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(body.into()).expect("a request of the test's own words");
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        self.router.clone().oneshot(request).await.expect("a router never fails")
    }

    /// Any method with any body.
    ///
    /// # Panics
    /// As [`Self::begin`], and when the answer breaks off.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let response = self.begin(method, path, body).await;
        let status = response.status();
        let cookies = response.headers().get_all(header::SET_COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned));
        let cookies = cookies.collect();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let bytes = response.into_body().collect().await.expect("a body that ends").to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, json, bytes, cookies, retry_after }
    }
}
