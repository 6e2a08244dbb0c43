//! How many bytes lie on disk for a session, against the gzip that came in.

use clerestory_testkit::load::{NotSent, Recorder, client};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Bench, segments, table};

const PAGE: &str = "https://shop.example";

/// Per session: segments, bytes of JSON, of gzip, and stored.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let server = Server::demo(&bench.binary, &bench.directory.path().join("stored"), true)?;
    let site_key = server.sign_in().await?.add_site("Stored", PAGE).await?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    let mut all = (0, 0, 0, 0);
    for (number, session) in segments::sessions()?.iter().enumerate() {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        let recorder = Recorder::start_in_turn(client()?, server.origin(), (&site_key, PAGE), &writer)
            .await
            .map_err(refused)?;
        let (mut json_bytes, mut gzip_bytes, mut stored_bytes, mut count) = (0, 0, 0, 0);
        for piece in session.by_time()? {
            stored_bytes += recorder.send(count, piece.packed.clone()).await.map_err(refused)?;
            json_bytes += piece.events_bytes;
            gzip_bytes += piece.packed.len() as u64;
            count += 1;
        }
        rows.push(row(&session.name, (count, json_bytes, gzip_bytes, stored_bytes)));
        told.push(json!({ "session": session.name, "segments": count, "json_bytes": json_bytes,
            "gzip_bytes": gzip_bytes, "stored_bytes": stored_bytes }));
        all = (all.0 + count, all.1 + json_bytes, all.2 + gzip_bytes, all.3 + stored_bytes);
    }
    rows.push(row("all", all));
    table::print(&["session", "segments", "JSON, bytes", "gzip -6", "stored", "stored / gzip"], &rows);
    Ok(Value::Array(told))
}

fn row(name: &str, (segments, json, gzip, stored): (u64, u64, u64, u64)) -> Vec<String> {
    let share = format!("{:.1} %", 100.0 * stored as f64 / gzip as f64);
    vec![name.to_owned(), segments.to_string(), json.to_string(), gzip.to_string(), stored.to_string(), share]
}

fn refused(error: NotSent) -> String {
    format!("a recorded session is not taken: {error:?}")
}
