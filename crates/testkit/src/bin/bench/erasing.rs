//! What it takes to erase ten thousand recordings, each asked for by itself, and all those of one person at once: decided,
//! recorded, destroyed, looked for, and receipted.

use std::time::Instant;

use clerestory_lifecycle::{Step, Target};
use clerestory_model::SubjectId;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Caller, Installation};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::machine::status_kib;
use crate::table;

/// Recordings that are erased.
const RECORDINGS: usize = 10_000;
/// Visits and requests at once.
const AT_ONCE: usize = 16;
/// As many as an organisation may bring in at once.
const IMPORTS_AT_ONCE: usize = 2;
/// As many visits may begin on one site in one go.
const OF_ONE_SITE: usize = 200;

/// Both engines, objects in a directory, in this process.
pub(crate) async fn measure() -> Result<Value, String> {
    let server = AnyServer::get().await;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for engine in ["SQLite", "PostgreSQL"] {
        let database = async || match engine {
            "SQLite" => None,
            _ => Some(new_schema(server.address()).await),
        };
        let installation = Installation::over(database().await).await;
        let person = Installation::over(database().await).await;
        for (of, figures) in
            [("each by itself", erase(&installation).await?), ("one person's", erase_person(&person).await?)]
        {
            for (what, seconds) in figures {
                let per_second = RECORDINGS as f64 / seconds;
                rows.push(vec![
                    of.to_owned(),
                    what.to_owned(),
                    engine.to_owned(),
                    format!("{seconds:.1}"),
                    format!("{per_second:.0}"),
                ]);
                told.push(json!({ "of": of, "what": what, "engine": engine, "seconds": seconds }));
            }
        }
    }
    println!(
        "resident at most, with the databases' clients: {} MiB",
        status_kib(std::process::id(), "VmHWM") / 1024
    );
    table::print(&["10,000 recordings", "", "engine", "s", "a second"], &rows);
    Ok(Value::Array(told))
}

async fn erase(installation: &Installation) -> Result<Vec<(&'static str, f64)>, String> {
    let admin = installation.person("admin").await;
    let mut keys = Vec::new();
    for _ in 0..RECORDINGS.div_ceil(OF_ONE_SITE) {
        let site = installation.site(&admin).await;
        keys.push(site.get("site_key").and_then(Value::as_str).ok_or("a site has a key")?.to_owned());
    }
    let mut figures = Vec::new();

    let began = Instant::now();
    let visits = keys.iter().flat_map(|key| std::iter::repeat_n(key, OF_ONE_SITE)).take(RECORDINGS);
    let recordings: Vec<String> = stream::iter(visits.enumerate())
        .map(|(number, site_key)| record(installation, site_key, number))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    figures.push(("recorded, a segment each", began.elapsed().as_secs_f64()));

    let began = Instant::now();
    installation.app.settle_now().await.map_err(|error| format!("settling: {error}"))?;
    figures.push(("settled", began.elapsed().as_secs_f64()));

    // Hours have passed for the session. One proof lasts for all that is asked.
    let admin = installation.proven("admin").await;
    let began = Instant::now();
    stream::iter(&recordings)
        .map(|recording| ask(&admin, recording))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    figures.push(("asked for, decided and recorded", began.elapsed().as_secs_f64()));

    figures.extend(carried_out(installation).await);
    let receipts = receipts(installation).await?;
    if receipts != RECORDINGS as i64 {
        let sql = "SELECT step, count(*), min(waits) FROM erasures WHERE receipt IS NULL GROUP BY step";
        let waiting = installation.rows(sql, Vec::new()).await;
        return Err(format!("only {receipts} of {RECORDINGS} have a receipt; the others: {waiting:?}"));
    }
    Ok(figures)
}

/// Carries everything out that was asked for, step by step.
async fn carried_out(installation: &Installation) -> Vec<(&'static str, f64)> {
    let mut figures = Vec::new();
    let mut all = 0.0;
    for (what, steps) in [
        ("tombstones laid", &[Step::Asked, Step::Resealed, Step::Laid][..]),
        ("keys destroyed, rows gone", &[Step::Outside]),
        ("objects removed", &[Step::Shredded]),
        ("looked for and receipted", &[Step::Removed]),
    ] {
        let began = Instant::now();
        for step in steps {
            // Where the ingest log still holds something, it takes another look.
            while installation.carry_on_at(*step).await > 0 {}
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("  {what}: {seconds:.1} s");
        all += seconds;
        figures.push((what, seconds));
    }
    figures.push(("erased, from what was asked for to the receipt", all));
    figures
}

async fn receipts(installation: &Installation) -> Result<i64, String> {
    let sql = "SELECT COUNT(*) FROM erasures WHERE receipt IS NOT NULL";
    let rows = installation.rows(sql, Vec::new()).await;
    rows.first().map_or(Ok(0), |row| row.get(0)).map_err(|error| error.to_string())
}

/// As many recordings about one person, who is erased as one.
async fn erase_person(installation: &Installation) -> Result<Vec<(&'static str, f64)>, String> {
    let admin = installation.proven("admin").await;
    let session = installation.person("member").await.get("/api/v1/session").await.ok();
    let id = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} is no id"));
    let person = id(&session["person"]["id"])?;
    let subject = id(&admin.get(&format!("/api/v1/people/{person}")).await.ok()["subject"])?;
    let subject: SubjectId = subject.parse().map_err(|error| format!("{error}"))?;
    let mut sites = Vec::new();
    for _ in 0..RECORDINGS.div_ceil(OF_ONE_SITE) {
        sites.push(id(&installation.site(&admin).await["id"])?);
    }
    let mut figures = Vec::new();

    let began = Instant::now();
    stream::iter((0..RECORDINGS).zip(sites.iter().cycle()))
        .map(|(number, site)| import(&admin, site, &person, number))
        .buffer_unordered(IMPORTS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    figures.push(("imported about one person", began.elapsed().as_secs_f64()));
    installation.app.settle_now().await.map_err(|error| format!("settling: {error}"))?;

    let admin = installation.person("admin").await;
    let began = Instant::now();
    // As the command line asks: over HTTP two people would have to.
    installation.erase_at_command(installation.organisation, Target::Subject(subject)).await;
    figures.push(("asked for at once", began.elapsed().as_secs_f64()));
    figures.extend(carried_out(installation).await);
    let left = admin.get("/api/v1/recordings?limit=50").await.ok();
    if receipts(installation).await? != 1 || left["items"].as_array().is_none_or(|items| !items.is_empty()) {
        return Err(format!("recordings are left: {left}"));
    }
    Ok(figures)
}

/// The caller has proven who they are.
async fn import(admin: &Caller, site: &str, person: &str, number: usize) -> Result<(), String> {
    let path = format!("/api/v1/sites/{site}/imports?about={person}");
    let events = snapshot(1_795_000_000_000, 4, &format!("visit {number}")).to_string();
    let answer = admin.send("POST", &path, events).await;
    if answer.status.is_success() { Ok(()) } else { Err(format!("an import is refused: {}", answer.json)) }
}

async fn record(installation: &Installation, site_key: &str, number: usize) -> Result<String, String> {
    // Time passes, so that no limit of the network's is met.
    installation.wait(std::time::Duration::from_secs(1));
    let now_ms = i64::try_from(installation.now().unix_millis()).map_err(|error| error.to_string())?;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site_key, now_ms).await;
    let answer = visit.send(0, &snapshot(now_ms, 4, &format!("visit {number}"))).await;
    if !answer.status.is_success() {
        return Err(format!("a segment is refused: {}", answer.json));
    }
    Ok(visit.recording)
}

async fn ask(admin: &Caller, recording: &str) -> Result<(), String> {
    let path = format!("/api/v1/recordings/{recording}/erasures");
    let answer = admin.post(&path, json!({ "reason": "measured" })).await;
    if !answer.status.is_success() {
        return Err(format!("an erasure is refused: {}", answer.json));
    }
    Ok(())
}
