//! The sweep of an installation with a million recordings: a look that finds nothing, a day's worth, and all of them.
//!
//! One visit comes through the front door; the others are copies of its rows, with keys of their own in `key_rows` and
//! nothing in the key pages. That is all a sweep reads and writes; what carries its erasures out is measured by `erase`.

use std::time::{Duration, Instant};

use clerestory_lifecycle::SweepStep;
use clerestory_sql::Value as Sql;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

use crate::table;

const RECORDINGS: u64 = 1_000_000;
/// What falls due of them in a day where they are kept for ninety.
const A_DAY: u64 = 11_000;
const NODE: [u8; 16] = [7; 16];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Seconds of each sweep, on both engines.
pub(crate) async fn measure() -> Result<Value, String> {
    let server = AnyServer::get().await;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for engine in ["SQLite", "PostgreSQL"] {
        let database = match engine {
            "SQLite" => None,
            _ => Some(new_schema(server.address()).await),
        };
        let installation = Installation::over(database).await;
        println!("{engine}");
        for (what, queued, seconds) in sweeps(&installation, engine == "PostgreSQL").await? {
            rows.push(vec![
                what.to_owned(),
                engine.to_owned(),
                queued.to_string(),
                format!("{seconds:.2}"),
                if queued > 0 { format!("{:.0}", queued as f64 / seconds) } else { String::new() },
            ]);
            told.push(json!({ "what": what, "engine": engine, "queued": queued, "seconds": seconds }));
        }
    }
    table::print(&["1,000,000 recordings", "engine", "queued", "s", "a second"], &rows);
    Ok(Value::Array(told))
}

async fn sweeps(
    installation: &Installation,
    on_postgres: bool,
) -> Result<Vec<(&'static str, u64, f64)>, String> {
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now_ms = i64::try_from(installation.now().unix_millis()).map_err(|error| error.to_string())?;
    let key = site.get("site_key").and_then(Value::as_str).ok_or("a site has a key")?;
    let visit = Visit::start(installation.recorder("https://shop.example"), key, now_ms).await;
    visit.send(0, &snapshot(now_ms, 4, "measured")).await.ok();
    // What is still being captured falls due never.
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    for (table, own) in [
        ("recordings", &["recording_id"][..]),
        ("key_rows", &["key_id"]),
        ("tracks", &["track_id", "recording_id", "key_id"]),
    ] {
        copies(installation, on_postgres, table, own).await?;
    }
    if on_postgres {
        installation.execute("ANALYZE", Vec::new()).await;
    }

    let mut figures = Vec::new();
    figures.push(timed(installation, "nothing is due", &admin).await?);
    // Copies are numbered from the front of their ids.
    let first = format!("{A_DAY:032x}");
    let due = "UPDATE tracks SET kept_until = $1 WHERE track_id <= $2 AND track_id <> $3";
    let original: clerestory_model::TrackId = visit.track.parse().map_err(|error| format!("{error:?}"))?;
    let last = hex::decode(first).map_err(|error| error.to_string())?;
    installation.execute(due, vec![installation.now().into(), Sql::Blob(last), original.into()]).await;
    figures.push(timed(installation, "a day's", &admin).await?);
    installation.wait(DAY * 91);
    let admin = installation.person("admin").await;
    figures.push(timed(installation, "everything", &admin).await?);
    match figures.as_slice() {
        [(_, 0, _), (_, A_DAY, _), (_, rest, _)] if A_DAY + rest > RECORDINGS => Ok(figures),
        _ => Err(format!("the sweeps queued other than what fell due: {figures:?}")),
    }
}

/// One sweep, which is confirmed where it waits; how many recordings it queued, and how long it took without the wait.
async fn timed(
    installation: &Installation,
    what: &'static str,
    admin: &Caller,
) -> Result<(&'static str, u64, f64), String> {
    let lifecycle = &installation.app.lifecycle;
    let began = Instant::now();
    let mut swept = lifecycle.sweep(NODE).await.map_err(|error| format!("{what}: {error}"))?;
    if matches!(&swept, SweepStep::Swept(sweep) if !sweep.waiting.is_empty()) {
        admin.prove("high windows, all lit").await;
        let shown = admin.get("/api/v1/retention/sweep").await.ok();
        let confirmed = json!({ "due": shown.get("due") });
        admin.post("/api/v1/retention/sweep/confirm", confirmed).await.ok();
        swept = lifecycle.sweep(NODE).await.map_err(|error| format!("{what}: {error}"))?;
    }
    match swept {
        SweepStep::Swept(sweep) if sweep.waiting.is_empty() && sweep.doubtful.is_empty() => {
            let seconds = began.elapsed().as_secs_f64();
            // The last takes minutes, and whoever ends this before has what there is.
            println!("  {what}: {} queued in {seconds:.2} s", sweep.recordings);
            Ok((what, sweep.recordings, seconds))
        }
        other => Err(format!("{what}: {other:?}")),
    }
}

/// A million copies of the one row of a table, each with a number in the columns that are its own.
async fn copies(
    installation: &Installation,
    on_postgres: bool,
    table: &'static str,
    own: &[&str],
) -> Result<(), String> {
    let (asks, number) = if on_postgres {
        let asks = "SELECT CAST(column_name AS text) FROM information_schema.columns
                    WHERE CAST(table_name AS text) = $1 AND table_schema = current_schema()";
        (asks, "decode(lpad(to_hex(n.i), 32, '0'), 'hex')")
    } else {
        ("SELECT name FROM pragma_table_info($1)", "unhex(printf('%032x', n.i))")
    };
    let mut columns: Vec<String> = Vec::new();
    for row in installation.rows(asks, vec![Sql::Text(table.to_owned())]).await {
        columns.push(row.get(0).map_err(|error| error.to_string())?);
    }
    let from: Vec<String> = columns
        .iter()
        .map(
            |column| {
                if own.contains(&column.as_str()) { number.to_owned() } else { format!("one.{column}") }
            },
        )
        .collect();
    let of = match table {
        // The key of the track, of all that are there.
        "key_rows" => "WHERE k.key_id = (SELECT key_id FROM tracks LIMIT 1)",
        _ => "",
    };
    let sql = format!(
        "INSERT INTO {table} ({})
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RECORDINGS})
         SELECT {} FROM n, (SELECT k.* FROM {table} k {of} LIMIT 1) one",
        columns.join(", "),
        from.join(", "),
    );
    installation.execute(sql, Vec::new()).await;
    Ok(())
}
