//! How long the console waits for its lists.

use std::time::Instant;

use clerestory_testkit::load::{Recorder, client};
use serde_json::{Value, json};

use crate::server::Server;
use crate::table::{self, ms, quantile, sorted};
use crate::{Bench, segments};

const PAGE: &str = "https://shop.example";
const RECORDINGS: u64 = 100;
const TIMES: usize = 50;

/// Median and 99th percentile of a page of recordings and a page of the log, each asked for fifty times.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let server = Server::demo(&bench.binary, &bench.directory.path().join("answers"), true)?;
    let console = server.sign_in().await?;
    let site_key = console.add_site("Answers", PAGE).await?;
    let sessions = segments::sessions()?;
    let http = client()?;
    for (number, session) in (0..RECORDINGS).zip(sessions.iter().cycle()) {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        let started =
            Recorder::start_in_turn(http.clone(), server.origin(), (&site_key, PAGE), &writer).await;
        let recorder = started.map_err(|error| format!("a visit did not start: {error:?}"))?;
        for (sequence, piece) in (0..4).zip(session.by_time()?) {
            let sent = recorder.send(sequence, piece.packed).await;
            sent.map_err(|error| format!("a segment was not taken: {error:?}"))?;
        }
    }
    let (mut rows, mut told) = (Vec::new(), serde_json::Map::new());
    for (name, path) in [("recordings", "/recordings?limit=50"), ("audit log", "/audit?limit=50")] {
        let mut times = Vec::with_capacity(TIMES);
        let mut items = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            let answer = console.get(path).await?;
            times.push(ms(began.elapsed()));
            items = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        }
        let times = sorted(times);
        let (median, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
        rows.push(vec![
            name.to_owned(),
            items.to_string(),
            format!("{median:.1} ms"),
            format!("{p99:.1} ms"),
        ]);
        told.insert(name.to_owned(), json!({ "items": items, "median_ms": median, "p99_ms": p99 }));
    }
    table::print(&["", "items", "median", "p99"], &rows);
    Ok(Value::Object(told))
}
