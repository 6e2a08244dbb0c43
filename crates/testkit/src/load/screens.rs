//! Browsers that record screens and speak HTTP to a server over loopback.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerestory_seal::{Encapsulated, sha256};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::remote::{Console, NotSent, answer};
use crate::screen::{NOTICE, screen_start};

/// Lets everybody's screens be recorded, after a notice, on a server nobody has set anything on.
///
/// # Errors
/// What the server answered instead.
pub async fn allow_screens(console: &Console) -> Result<(), String> {
    console.say("capture.recording.enabled", &json!(true)).await?;
    console.say("capture.notice.version", &json!(NOTICE)).await
}

/// A browser of the person who is signed in at a console.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    origin: Arc<str>,
    token: Arc<str>,
}

impl Browser {
    /// Enrols one.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn enrol(console: &Console, http: reqwest::Client, label: &str) -> Result<Self, String> {
        let code = console.post("/recorders/codes", &json!({})).await?;
        let asked = json!({ "code": code["code"], "label": label });
        let url = format!("{}/api/v1/capture/recorders", console.origin());
        let enrolled = answer(http.post(url).json(&asked).send().await).await;
        let enrolled = enrolled.map_err(|error| format!("a browser did not enrol: {error:?}"))?;
        let token = enrolled["token"].as_str().ok_or("a browser that enrolled has no token")?;
        Ok(Self { http, origin: console.origin().into(), token: token.into() })
    }

    /// Starts a run without sound.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn start(&self, now_ms: i64, writer: &str) -> Result<Run, NotSent> {
        let url = format!("{}/api/v1/capture/screens/start", self.origin);
        let asked = screen_start(now_ms, writer, None);
        let sent = self.http.post(url).bearer_auth(&self.token).json(&asked).send().await;
        let started = answer(sent).await?;
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let key = URL_SAFE_NO_PAD.decode(text(&started["spool"]["public_key"]));
        Ok(Run {
            http: self.http.clone(),
            origin: Arc::clone(&self.origin),
            token: text(&started["token"]),
            recording: text(&started["recording"]),
            video: text(&started["tracks"]["video"]["id"]),
            policy: started["policy"]["version"].to_string(),
            spool: text(&started["spool"]["key_id"]),
            key: key.map_err(|error| NotSent::Refused(format!("no key to seal to: {error}")))?,
        })
    }
}

/// A run of it.
#[derive(Clone)]
pub struct Run {
    http: reqwest::Client,
    origin: Arc<str>,
    token: String,
    /// The recording.
    pub recording: String,
    /// The track of pictures.
    pub video: String,
    policy: String,
    spool: String,
    key: Vec<u8>,
}

impl Run {
    /// The same run over another client, which means over another connection.
    #[must_use]
    pub fn over(self, http: reqwest::Client) -> Self {
        Self { http, ..self }
    }

    /// Seals a segment of pictures as the spool does. Done beforehand, it is not measured with the sending.
    ///
    /// # Errors
    /// The key that was given is none.
    pub fn sealed(&self, sequence: u64, body: &[u8]) -> Result<Vec<u8>, String> {
        let info = format!("clerestory spool 1\0{}\0{}\0{sequence}", self.recording, self.video);
        let sealed = Encapsulated::seal(&self.key, info.as_bytes(), body);
        sealed.map(|sealed| sealed.0).map_err(|error| format!("a segment could not be sealed: {error}"))
    }

    /// Sends a sealed segment of pictures as this number, with its digest.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn send(&self, sequence: u64, sealed: Vec<u8>) -> Result<(), NotSent> {
        let digest = format!("sha-256=:{}:", STANDARD.encode(sha256(&sealed)));
        let sent = self
            .http
            .put(format!("{}/api/v1/capture/screens/segments/video/{sequence}", self.origin))
            .bearer_auth(&self.token)
            .header(CONTENT_TYPE, "application/vnd.clerestory.spool")
            .header("clerestory-spool-key", &self.spool)
            .header("clerestory-policy", &self.policy)
            .header("content-digest", digest)
            .body(sealed)
            .send()
            .await;
        let told = answer(sent).await?;
        match told["acknowledged"].as_u64() == Some(sequence) {
            true => Ok(()),
            false => Err(NotSent::Refused(format!("segment {sequence} was answered with {told}"))),
        }
    }

    /// Ends the run.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn end(&self) -> Result<(), NotSent> {
        let url = format!("{}/api/v1/capture/screens/end", self.origin);
        let asked = json!({ "reason": "stopped" });
        let sent = self.http.post(url).bearer_auth(&self.token).json(&asked).send().await;
        let sent = sent.and_then(reqwest::Response::error_for_status);
        sent.map(drop).map_err(|error| NotSent::Refused(error.to_string()))
    }
}
