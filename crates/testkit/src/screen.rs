//! Sample screens: a browser that enrols, starts and sends segments of the right shape.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_seal::sha256;
use serde_json::{Value, json};

use crate::{Answer, Caller, Installation};

/// The notice that is in force where [`record_screens`] was called.
pub const NOTICE: &str = "2026-1";

/// Lets everybody's screens be recorded, after a notice.
///
/// # Panics
/// When that is refused.
pub async fn record_screens(installation: &Installation) {
    say(installation, "capture.recording.enabled", json!(true)).await;
    say(installation, "capture.notice.version", json!(NOTICE)).await;
}

/// Says something of a setting for the whole organisation.
///
/// # Panics
/// When that is refused.
pub async fn say(installation: &Installation, name: &str, value: Value) {
    let admin = installation.proven("admin").await;
    let version = admin.get("/api/v1/settings").await.ok()["version"].clone();
    let admin = admin.with("if-match", format!("\"{version}\""));
    let asked = json!({ "value": value }).to_string();
    admin.send("PUT", &format!("/api/v1/settings/{name}"), asked).await.ok();
}

/// What a browser sends to start a run, without sound.
#[must_use]
pub fn screen_start(now_ms: i64, writer: &str, resume: Option<&str>) -> Value {
    json!({ "writer": writer, "resume": resume, "client_time_ms": now_ms, "surface": "tab", "audio": false,
        "notice": NOTICE })
}

/// A browser that may record its person's screen.
#[derive(Clone)]
pub struct Recorder {
    nobody: Caller,
    /// Its id.
    pub id: String,
    /// Its token.
    pub token: String,
    /// What it was told when it enrolled.
    pub enrolled: Value,
}

impl Recorder {
    /// Enrols a browser of somebody who is signed in.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn enrol(person: &Caller, nobody: &Caller) -> Self {
        let code = person.post("/api/v1/recorders/codes", json!({})).await.ok();
        let nobody = nobody.clone().without("clerestory-csrf");
        let asked = json!({ "code": code["code"], "label": "Laptop in Brackenside" });
        let enrolled = nobody.post("/api/v1/capture/recorders", asked).await.ok();
        let text = |field: &str| enrolled[field].as_str().unwrap_or_default().to_owned();
        Self { nobody, id: text("recorder"), token: text("token"), enrolled }
    }

    /// The browser with its token.
    #[must_use]
    pub fn sender(&self) -> Caller {
        self.nobody.clone().with("authorization", format!("Bearer {}", self.token))
    }

    /// Starts a run without sound.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn start(&self, now_ms: i64, writer: &str, resume: Option<&str>) -> Screen {
        self.start_with(screen_start(now_ms, writer, resume)).await
    }

    /// Starts a run as asked.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn start_with(&self, asked: Value) -> Screen {
        let started = self.sender().post("/api/v1/capture/screens/start", asked).await.ok();
        let text = |field: &str| started[field].as_str().unwrap_or_default().to_owned();
        Screen {
            nobody: self.nobody.clone(),
            token: text("token"),
            recording: text("recording"),
            policy: started["policy"]["version"].as_u64().unwrap_or_default(),
            started,
        }
    }
}

/// A run that has started.
#[derive(Clone)]
pub struct Screen {
    nobody: Caller,
    /// The ingest token.
    pub token: String,
    /// The recording.
    pub recording: String,
    /// The policy version to name.
    pub policy: u64,
    /// What the start said.
    pub started: Value,
}

impl Screen {
    /// The browser with the token of this run.
    #[must_use]
    pub fn sender(&self) -> Caller {
        let policy = self.policy.to_string();
        let bearer = format!("Bearer {}", self.token);
        self.nobody.clone().with("authorization", bearer).with("clerestory-policy", policy)
    }

    /// The id of a track.
    #[must_use]
    pub fn track(&self, kind: &str) -> String {
        self.started["tracks"][kind]["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends a segment as it is.
    pub async fn send(&self, kind: &str, sequence: u64, body: Vec<u8>) -> Answer {
        let plain = if kind == "actions" { "application/json" } else { "application/vnd.clerestory.media" };
        let sender = self.sender().with("content-type", plain);
        put_segment(sender, kind, sequence, body).await
    }

    /// Seals a segment as the spool does, and sends that.
    ///
    /// # Panics
    /// When the key that was given is none.
    pub async fn send_sealed(&self, kind: &str, sequence: u64, body: &[u8]) -> Answer {
        let spool = &self.started["spool"];
        let key = spool["public_key"].as_str().unwrap_or_default();
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key).expect("a spool key");
        let info = format!("clerestory spool 1\0{}\0{}\0{sequence}", self.recording, self.track(kind));
        let sealed = clerestory_seal::Encapsulated::seal(&key, info.as_bytes(), body);
        let sender = self
            .sender()
            .with("content-type", "application/vnd.clerestory.spool")
            .with("clerestory-spool-key", spool["key_id"].as_str().unwrap_or_default());
        put_segment(sender, kind, sequence, sealed.expect("it seals").0).await
    }
}

/// Sends a body as this segment, with its digest.
pub async fn put_segment(sender: Caller, kind: &str, sequence: u64, body: Vec<u8>) -> Answer {
    let digest = format!("sha-256=:{}:", STANDARD.encode(sha256(&body)));
    let path = format!("/api/v1/capture/screens/segments/{kind}/{sequence}");
    sender.with("content-digest", digest).send("PUT", &path, body).await
}

/// A chunk of an encoder.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// When it begins, in microseconds of the browser's clock.
    pub at_us: i64,
    /// How long it lasts.
    pub duration_us: u32,
    /// Whether a decoder can begin with it.
    pub key: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A segment of pictures (1) or sound (2) as a browser writes it.
///
/// # Panics
/// Never for what a test makes.
#[must_use]
pub fn media(kind: u8, head: &Value, chunks: &[Chunk]) -> Vec<u8> {
    let head = head.to_string();
    let length = |length: usize| u32::try_from(length).expect("a small segment").to_be_bytes();
    let mut out = b"clmd\x01".to_vec();
    out.extend([kind, 0, 0]);
    out.extend(length(head.len()));
    out.extend(head.as_bytes());
    out.extend(length(chunks.len()));
    for chunk in chunks {
        out.extend(chunk.at_us.to_be_bytes());
        out.extend(chunk.duration_us.to_be_bytes());
        out.extend(length(chunk.bytes.len()));
        out.extend([u8::from(chunk.key), 0, 0, 0]);
    }
    chunks.iter().for_each(|chunk| out.extend(&chunk.bytes));
    out
}

/// A segment of VP8 that holds so many frames, five a second. They decode to nothing: nobody here decodes them.
#[must_use]
pub fn pictures(at_ms: i64, frames: u8) -> Vec<u8> {
    let head = json!({ "codec": "vp8", "width": 640, "height": 360, "gaps": [] });
    let chunk = |number: u8| Chunk {
        at_us: at_ms * 1000 + i64::from(number) * 200_000,
        duration_us: 200_000,
        key: number == 0,
        bytes: vec![number; 64],
    };
    media(1, &head, &(0..frames).map(chunk).collect::<Vec<_>>())
}
