//! Sample visits: a recorder that starts and sends segments of real shape.

use std::io::Write;

use serde_json::{Value, json};

use crate::{Answer, Caller};

/// A page of `paragraphs` paragraphs as `@rrweb/record` tells it: where it is, and what is on it. Every text is `text`.
#[must_use]
pub fn snapshot(at_ms: i64, paragraphs: u64, text: &str) -> Value {
    let body: Vec<Value> = (0..paragraphs)
        .map(|number| {
            json!({ "type": 2, "tagName": "p", "attributes": { "class": "line" }, "id": 10 + 2 * number,
                "childNodes": [{ "type": 3, "textContent": text, "id": 11 + 2 * number }] })
        })
        .collect();
    json!([
        { "type": 4, "timestamp": at_ms,
          "data": { "href": "https://shop.example/", "width": 1280, "height": 800 } },
        { "type": 2, "timestamp": at_ms + 1, "data": {
            "node": { "type": 0, "id": 1, "childNodes": [
                { "type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2 },
                { "type": 2, "tagName": "html", "attributes": { "lang": "en" }, "id": 3, "childNodes": [
                    { "type": 2, "tagName": "head", "attributes": {}, "childNodes": [], "id": 4 },
                    { "type": 2, "tagName": "body", "attributes": {}, "childNodes": body, "id": 5 } ] } ] },
            "initialOffset": { "left": 0, "top": 0 } } }
    ])
}

/// A stretch of pointer movement on that page.
#[must_use]
pub fn movement(at_ms: i64) -> Value {
    let positions: Vec<Value> = (0..20)
        .map(|step| json!({ "x": 10 * step, "y": 5 * step, "id": 5, "timeOffset": -10 * step }))
        .collect();
    json!([{ "type": 3, "timestamp": at_ms, "data": { "source": 1, "positions": positions } }])
}

/// gzip, as a recorder packs.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).and_then(|()| packer.finish()).expect("memory takes every byte")
}

/// A visit that has started.
pub struct Visit {
    recorder: Caller,
    /// The ingest token.
    pub token: String,
    /// The recording.
    pub recording: String,
    /// The tab's track.
    pub track: String,
    /// The policy version to name.
    pub policy: u64,
    /// What the start said.
    pub started: Value,
}

impl Visit {
    /// Starts a visit of the site with this key.
    pub async fn start(recorder: Caller, site_key: &str, now_ms: i64) -> Self {
        Self::start_as(recorder, site_key, now_ms, "0190a5e2-0000-7000-8000-000000000001", None).await
    }

    /// Starts as a given tab, going on with a visit where a token is given.
    ///
    /// # Panics
    /// When the start is refused.
    pub async fn start_as(
        recorder: Caller,
        site_key: &str,
        now_ms: i64,
        writer: &str,
        resume: Option<&str>,
    ) -> Self {
        let asked =
            json!({ "site_key": site_key, "writer": writer, "resume": resume, "client_time_ms": now_ms });
        let started = recorder.post("/api/v1/capture/start", asked).await.ok();
        let text = |field: &str| started[field].as_str().unwrap_or_default().to_owned();
        Self {
            token: text("token"),
            recording: text("recording"),
            track: text("track"),
            policy: started["policy"]["version"].as_u64().unwrap_or_default(),
            recorder,
            started,
        }
    }

    /// The recorder with the headers of this visit.
    #[must_use]
    pub fn sender(&self) -> Caller {
        self.recorder
            .clone()
            .with("authorization", format!("Bearer {}", self.token))
            .with("content-type", "application/json")
            .with("clerestory-policy", self.policy.to_string())
    }

    /// The same visit, sent through another recorder: another node's.
    #[must_use]
    pub fn through(mut self, recorder: Caller) -> Self {
        self.recorder = recorder;
        self
    }

    /// Sends events, packed, as this number.
    pub async fn send(&self, sequence: u64, events: &Value) -> Answer {
        let packed = gzip(events.to_string().as_bytes());
        let sender = self.sender().with("content-encoding", "gzip");
        sender.send("PUT", &format!("/api/v1/capture/segments/{sequence}"), packed).await
    }
}
