//! How many bytes lie on disk for a session, against the gzip that came in: as it was taken in, and settled.

use std::path::Path;
use std::time::Instant;

use clerestory_testkit::load::{NotSent, Recorder, client};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Bench, segments, table};

const PAGE: &str = "https://shop.example";

/// What is known of one session, or of all.
#[derive(Clone, Copy, Default)]
struct Sizes {
    segments: u64,
    json: u64,
    gzip: u64,
    /// Sealed, in the ingest log.
    stored: u64,
    /// Sealed, in parts, with their manifests.
    settled: u64,
}

/// Per session: segments, bytes of JSON, of gzip, stored, and stored after it settled.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let data = bench.directory.path().join("stored");
    let server = Server::demo(&bench.binary, &data, true)?;
    let site_key = server.sign_in().await?.add_site("Stored", PAGE).await?;
    let (mut sessions, mut all) = (Vec::new(), Sizes::default());
    for (number, session) in segments::sessions()?.iter().enumerate() {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        let recorder = Recorder::start_in_turn(client()?, server.origin(), (&site_key, PAGE), &writer)
            .await
            .map_err(refused)?;
        let mut sizes = Sizes::default();
        for piece in session.by_time()? {
            sizes.stored += recorder.send(sizes.segments, piece.packed.clone()).await.map_err(refused)?;
            sizes.json += piece.events_bytes;
            sizes.gzip += piece.packed.len() as u64;
            sizes.segments += 1;
        }
        sessions.push((session.name.clone(), recorder.recording, sizes));
    }
    let log = bytes_below(&data.join("objects/log"), None)?;
    let seconds = settle(&bench.binary, &data)?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (name, recording, mut sizes) in sessions {
        sizes.settled = bytes_below(&data.join("objects/parts"), Some(&recording))?;
        rows.push(row(&name, sizes));
        let Sizes { segments, json, gzip, stored, settled } = sizes;
        told.push(json!({ "session": name, "segments": segments, "json_bytes": json, "gzip_bytes": gzip,
            "stored_bytes": stored, "settled_bytes": settled }));
        all.segments += segments;
        all.json += json;
        all.gzip += gzip;
        all.stored += stored;
        all.settled += settled;
    }
    rows.push(row("all", all));
    let heads = [
        "session",
        "segments",
        "JSON, bytes",
        "gzip -6",
        "stored",
        "stored / gzip",
        "settled",
        "settled / gzip",
    ];
    table::print(&heads, &rows);
    let share = 100.0 * log as f64 / all.gzip as f64;
    println!(
        "With what stands before each segment in the ingest log until it settles: {log} bytes, {share:.1} %."
    );
    let rate = all.json as f64 / seconds / 1e6;
    println!("Settling took {seconds:.2} s, program start included: {rate:.1} MB/s of JSON.");
    Ok(Value::Array(told))
}

/// Settles everything beside the running server; how many seconds it took.
fn settle(binary: &Path, data: &Path) -> Result<f64, String> {
    let began = Instant::now();
    let run = std::process::Command::new(binary).args(["admin", "settle", "--data"]).arg(data).output();
    let run = run.map_err(|error| format!("settling did not start: {error}"))?;
    match run.status.success() {
        true => Ok(began.elapsed().as_secs_f64()),
        false => Err(format!("settling failed: {}", String::from_utf8_lossy(&run.stderr))),
    }
}

/// Bytes of all files below a directory; with a recording, of those below directories with its id.
fn bytes_below(root: &Path, recording: Option<&str>) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", root.display());
    let (mut bytes, mut folders) = (0, vec![(root.to_owned(), recording.is_none())]);
    while let Some((folder, inside)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(failed)?.flatten() {
            let inside = inside || entry.file_name().to_str() == recording;
            let kind = entry.metadata().map_err(failed)?;
            if kind.is_dir() {
                folders.push((entry.path(), inside));
            } else if inside {
                bytes += kind.len();
            }
        }
    }
    Ok(bytes)
}

fn row(name: &str, sizes: Sizes) -> Vec<String> {
    let Sizes { segments, json, gzip, stored, settled } = sizes;
    let share = |bytes: u64| format!("{:.1} %", 100.0 * bytes as f64 / gzip as f64);
    let numbers = [segments, json, gzip].map(|number| number.to_string());
    let ends = [stored.to_string(), share(stored), settled.to_string(), share(settled)];
    std::iter::once(name.to_owned()).chain(numbers).chain(ends).collect()
}

fn refused(error: NotSent) -> String {
    format!("a recorded session is not taken: {error:?}")
}
