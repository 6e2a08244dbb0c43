//! Recorders and people that speak HTTP to a server over loopback.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Longer than any answer takes; a server that hangs is an error and not a wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that keeps one connection per host alive between requests.
///
/// # Errors
/// Never in practice: building reads no file and asks no network.
pub fn client() -> Result<reqwest::Client, String> {
    // The program's own crypto library; installing it a second time changes nothing.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let built = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        .timeout(PATIENCE)
        .build();
    built.map_err(|error| format!("the client could not be made: {error}"))
}

/// Somebody signed in at the console of a running server.
#[derive(Clone)]
pub struct Console {
    http: reqwest::Client,
    origin: String,
    cookie: String,
}

impl Console {
    /// Signs in by the link that a start of `clerestory demo` told.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn sign_in(origin: &str, link: &str) -> Result<Self, String> {
        let token =
            link.split_once("#token=").map(|(_, token)| token).ok_or("the sign-in link has no token")?;
        let http = client()?;
        let response = http
            .post(format!("{origin}/api/v1/session/link"))
            .header("clerestory-csrf", "1")
            .json(&json!({ "token": token }))
            .send()
            .await
            .map_err(|error| format!("signing in: {}", chain(&error)))?;
        let cookies = response.headers().get_all(SET_COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned));
        let cookie = cookies.collect::<Vec<_>>().join("; ");
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("signing in: {status} {}", response.text().await.unwrap_or_default()));
        }
        Ok(Self { http, origin: origin.to_owned(), cookie })
    }

    /// The same session at another address: a server that was started again has another port.
    #[must_use]
    pub fn at(&self, origin: &str) -> Self {
        Self { http: self.http.clone(), origin: origin.to_owned(), cookie: self.cookie.clone() }
    }

    /// Where the console is.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Says something of a setting for the whole organisation.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn say(&self, name: &str, value: &Value) -> Result<(), String> {
        let version = self.get("/settings").await?["version"].clone();
        let sent = self
            .http
            .put(format!("{}/api/v1/settings/{name}", self.origin))
            .header("cookie", &self.cookie)
            .header("clerestory-csrf", "1")
            .header(IF_MATCH, format!("\"{version}\""))
            .json(&json!({ "value": value }))
            .send()
            .await;
        answer(sent).await.map(drop).map_err(|error| format!("{name}: {error:?}"))
    }

    /// The bytes of an answer that is a success.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn bytes(&self, path: &str) -> Result<Bytes, String> {
        let url = format!("{}/api/v1{path}", self.origin);
        let sent = self.http.get(url).header("cookie", &self.cookie).send().await;
        let sent = sent.and_then(reqwest::Response::error_for_status);
        let response = sent.map_err(|error| format!("GET {path}: {}", chain(&error)))?;
        response.bytes().await.map_err(|error| format!("GET {path}: {}", chain(&error)))
    }

    /// The same session over another client, which means over another connection.
    #[must_use]
    pub fn over(&self, http: reqwest::Client) -> Self {
        Self { http, ..self.clone() }
    }

    /// The text of an answer that is a success.
    ///
    /// # Errors
    /// The status and the problem, or why there was no answer.
    pub async fn text(&self, method: Method, path: &str, body: Option<&Value>) -> Result<String, String> {
        let asked = format!("{method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.origin))
            .header("cookie", &self.cookie)
            .header("clerestory-csrf", "1");
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| format!("{asked}: {}", chain(&error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| format!("{asked}: {}", chain(&error)))?;
        if status.is_success() { Ok(text) } else { Err(format!("{asked}: {status} {text}")) }
    }

    /// GET of JSON.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let text = self.text(Method::GET, path, None).await?;
        serde_json::from_str(&text).map_err(|error| format!("GET {path}: {error}"))
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let text = self.text(Method::POST, path, Some(body)).await?;
        serde_json::from_str(&text).map_err(|error| format!("POST {path}: {error}"))
    }

    /// Adds a site that takes from `origin`; its site key.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn add_site(&self, name: &str, origin: &str) -> Result<String, String> {
        let site = self.post("/sites", &json!({ "name": name, "origins": [origin] })).await?;
        site["site_key"].as_str().map(str::to_owned).ok_or_else(|| "a new site has no key".to_owned())
    }
}

/// Why a segment is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No answer came: whether it is stored is not known.
    Unanswered(String),
    /// More than the recording's rate: try again later.
    TooMany,
    /// The server said no.
    Refused(String),
}

/// One tab of a visit, with its ingest token.
#[derive(Clone)]
pub struct Recorder {
    http: reqwest::Client,
    console: Arc<str>,
    page: Arc<str>,
    /// The ingest token.
    pub token: String,
    /// The recording.
    pub recording: String,
    /// The tab's track.
    pub track: String,
    /// The number the server expects next.
    pub next_sequence: u64,
    /// Whether this went on with a visit.
    pub continued: bool,
    policy: String,
}

impl Recorder {
    /// Starts a visit of the site with this key on a page of `page`, or goes on with that of the token `resume`.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn start(
        http: reqwest::Client,
        console: &str,
        (site_key, page): (&str, &str),
        writer: &str,
        resume: Option<&str>,
    ) -> Result<Self, NotSent> {
        let asked = json!({
            "site_key": site_key, "writer": writer, "resume": resume, "client_time_ms": CLIENT_TIME_MS
        });
        let sent = http
            .post(format!("{console}/api/v1/capture/start"))
            .header(ORIGIN, page)
            .json(&asked)
            .send()
            .await;
        let started = answer(sent).await?;
        let text = |field: &str| started[field].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            token: text("token"),
            recording: text("recording"),
            track: text("track"),
            next_sequence: started["next_sequence"].as_u64().unwrap_or_default(),
            continued: started["continued"].as_bool().unwrap_or_default(),
            policy: started["policy"]["version"].to_string(),
            console: console.into(),
            page: page.into(),
            http,
        })
    }

    /// As [`Self::start`], and waits where more visits were started than one network or site may: for loads of many.
    ///
    /// # Errors
    /// [`NotSent`], never for [`NotSent::TooMany`].
    pub async fn start_in_turn(
        http: reqwest::Client,
        console: &str,
        place: (&str, &str),
        writer: &str,
    ) -> Result<Self, NotSent> {
        loop {
            match Self::start(http.clone(), console, place, writer, None).await {
                Err(NotSent::TooMany) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => return other,
            }
        }
    }

    /// Sends gzipped events as this number; how many sealed bytes lie on disk for it now.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn send(&self, sequence: u64, packed: Bytes) -> Result<u64, NotSent> {
        let sent = self
            .http
            .put(format!("{}/api/v1/capture/segments/{sequence}", self.console))
            .header(ORIGIN, &*self.page)
            .bearer_auth(&self.token)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .header("clerestory-policy", &self.policy)
            .body(packed)
            .send()
            .await;
        let told = answer(sent).await?;
        if told["acknowledged"].as_u64() != Some(sequence) {
            return Err(NotSent::Refused(format!("segment {sequence} was answered with {told}")));
        }
        told["bytes_stored"].as_u64().ok_or_else(|| NotSent::Refused(format!("{told} says no size")))
    }

    /// The same visit at another node.
    #[must_use]
    pub fn at(mut self, origin: &str) -> Self {
        self.console = origin.into();
        self
    }

    /// The same visit over another client, which means over another connection.
    #[must_use]
    pub fn over(mut self, http: reqwest::Client) -> Self {
        self.http = http;
        self
    }
}

/// What every recorder's clock shows: segments are placed in time by it, and nothing here depends on when it is run.
pub(super) const CLIENT_TIME_MS: i64 = 1_795_000_000_000;

pub(super) async fn answer(sent: reqwest::Result<reqwest::Response>) -> Result<Value, NotSent> {
    let unanswered = |error: reqwest::Error| NotSent::Unanswered(chain(&error));
    let response = sent.map_err(unanswered)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(unanswered)?;
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(NotSent::TooMany);
    }
    if !status.is_success() {
        return Err(NotSent::Refused(format!("{status} {}", String::from_utf8_lossy(&bytes))));
    }
    serde_json::from_slice(&bytes).map_err(|error| NotSent::Unanswered(error.to_string()))
}

/// An error with what caused it: reqwest's own message names only the address.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
