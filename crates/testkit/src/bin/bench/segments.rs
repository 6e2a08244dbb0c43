//! Segments to send: sessions of the demo shop, recorded in a browser, cut by size or by time.

use std::io::{Read, Write};
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

/// How often the recorder sends, in milliseconds of its clock.
const FLUSH_MS: i64 = 2000;

/// A segment that is packed already.
#[derive(Clone)]
pub(crate) struct Piece {
    /// Its JSON in gzip -6, as browsers pack.
    pub(crate) packed: Bytes,
    /// Bytes of its JSON.
    pub(crate) events_bytes: u64,
}

/// The events of one recorded session.
pub(crate) struct Session {
    /// Its file.
    pub(crate) name: String,
    events: Vec<Value>,
}

/// The repository's recorded sessions, in the order of their names.
pub(crate) fn sessions() -> Result<Vec<Session>, String> {
    let folder = Path::new("fixtures/sessions");
    let none = || format!("{} holds no sessions; run `cargo xtask record-fixtures`", folder.display());
    let mut files: Vec<_> =
        std::fs::read_dir(folder).map_err(|_| none())?.flatten().map(|file| file.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".json.gz"));
    files.sort();
    if files.is_empty() {
        return Err(none());
    }
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Session, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let packed = std::fs::read(path).map_err(|error| failed(&error))?;
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut json).map_err(|error| failed(&error))?;
    let events = serde_json::from_slice(&json).map_err(|error| failed(&error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().trim_end_matches(".json.gz").to_owned();
    Ok(Session { name, events })
}

impl Session {
    /// The session as its recorder sent it: a segment every two seconds.
    pub(crate) fn by_time(&self) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        let (mut open, mut since): (Vec<&Value>, i64) = (Vec::new(), 0);
        for event in &self.events {
            let at = timestamp(event);
            if !open.is_empty() && at - since >= FLUSH_MS {
                pieces.push(pack(&open)?);
                open.clear();
            }
            if open.is_empty() {
                since = at;
            }
            open.push(event);
        }
        if !open.is_empty() {
            pieces.push(pack(&open)?);
        }
        Ok(pieces)
    }
}

/// All sessions one after the other, `rounds` times over, cut into segments of at least `bytes`. Time goes on from
/// session to session. Sent in a circle: the first begins with a snapshot.
pub(crate) fn by_size(sessions: &[Session], bytes: usize, rounds: usize) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let (mut open, mut size, mut clock) = (Vec::new(), 2, 0);
    for session in std::iter::repeat_n(sessions, rounds).flatten() {
        let began = session.events.first().map_or(0, timestamp);
        let first = if clock == 0 { began } else { clock + 1000 };
        for event in &session.events {
            let mut event = event.clone();
            clock = first + timestamp(&event) - began;
            if let Some(at) = event.get_mut("timestamp") {
                *at = clock.into();
            }
            size += event.to_string().len() + 1;
            open.push(event);
            if size >= bytes {
                pieces.push(pack(&open.iter().collect::<Vec<_>>())?);
                (open, size) = (Vec::new(), 2);
            }
        }
    }
    // What is left of the last round is less than a segment of this size.
    Ok(pieces)
}

fn timestamp(event: &Value) -> i64 {
    event.get("timestamp").and_then(Value::as_i64).unwrap_or_default()
}

fn pack(events: &[&Value]) -> Result<Piece, String> {
    let json = serde_json::to_vec(events).map_err(|error| format!("packing a segment: {error}"))?;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    let packed = packer.write_all(&json).and_then(|()| packer.finish());
    let packed = packed.map_err(|error| format!("packing a segment: {error}"))?;
    Ok(Piece { packed: packed.into(), events_bytes: json.len() as u64 })
}
