//! A recording of eight hours: what is held in memory while it comes in, when it is opened, and while it is taken along
//! as a film.
//!
//! In one process with a clock that is moved on, so that it takes minutes: the load generator is weighed with the server.

use std::time::{Duration, Instant};

use clerestory_testkit::encoded::{Fixture, SECONDS, fixtures};
use clerestory_testkit::screen::{Recorder, Screen, record_screens, say, screen_start};
use clerestory_testkit::{Caller, Installation};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::machine::status_kib;
use crate::table::{self, ms};

const HOURS: u64 = 8;
const WRITER: &str = "0190a5e2-0000-7000-8000-0000000000d1";
/// Segments of an hour, of each track.
const OF_HOUR: u64 = 3600 / SECONDS as u64;

/// Resident memory, hour by hour and then.
pub(crate) async fn measure() -> Result<Value, String> {
    let installation = Installation::new().await;
    record_screens(&installation).await;
    say(&installation, "capture.recording.audio", json!(true)).await;
    say(&installation, "export.recordings", json!("admin")).await;
    let folder = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let all = fixtures(folder.path());
    let of = |codec: &str| all.iter().find(|one| one.head["codec"].as_str() == Some(codec));
    let (Some(picture), Some(sound)) = (of("vp8"), of("opus")) else {
        return Err("ffmpeg made no VP8 or no Opus".to_owned());
    };
    let member = installation.person("member").await;
    let recorder = Recorder::enrol(&member, &installation.anonymous()).await;
    let began_ms = i64::try_from(installation.now().unix_millis()).unwrap_or_default();
    let mut asked = screen_start(began_ms, WRITER, None);
    asked["audio"] = json!(true);
    let screen = recorder.start_with(asked).await;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    let mut weigh = |what: String| {
        let kib = status_kib(std::process::id(), "VmRSS");
        rows.push(vec![what.clone(), format!("{:.1}", kib as f64 / 1024.0)]);
        told.push(json!({ "at": what, "rss_kib": kib }));
    };
    weigh("before".to_owned());
    for hour in 0..HOURS {
        for number in hour * OF_HOUR..(hour + 1) * OF_HOUR {
            installation.wait(Duration::from_secs(SECONDS as u64));
            send(&screen, picture, began_ms, number).await;
            send(&screen, sound, began_ms, number).await;
        }
        installation.app.settle_now().await.map_err(|error| format!("settling: {error}"))?;
        weigh(format!("hour {}", hour + 1));
    }
    screen.sender().post("/api/v1/capture/screens/end", json!({ "reason": "stopped" })).await.ok();
    let admin = installation.proven("admin").await;
    let opened = open(&admin, &screen).await?;
    weigh("opened".to_owned());
    let film = film(&admin, &screen).await?;
    weigh("taken along".to_owned());
    table::print(&["a recording of eight hours, pictures and sound", "resident MiB"], &rows);
    println!("  {opened}\n  {film}");
    Ok(json!({ "memory": told, "opened": opened, "film": film }))
}

async fn send(screen: &Screen, fixture: &Fixture, began_ms: i64, number: u64) {
    // Six seconds, again and again.
    let (turn, of) = (number % 3, SECONDS as u64 * 1000);
    let at_ms = began_ms + i64::try_from((number - turn) * of).unwrap_or_default();
    let body = fixture.segment(at_ms, usize::try_from(turn).unwrap_or_default());
    screen.send_sealed(fixture.kind, number, &body).await.ok();
}

/// Opens it and takes a segment in the middle; how long both took.
async fn open(admin: &Caller, screen: &Screen) -> Result<Value, String> {
    let began = Instant::now();
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", screen.recording), json!({})).await;
    let (opened_ms, answer_bytes) = (ms(began.elapsed()), play.bytes.len());
    let id = play.json["id"].as_str().ok_or("a play has no id")?.to_owned();
    let middle = HOURS * OF_HOUR / 2;
    let path = format!("/api/v1/plays/{id}/tracks/{}/segments/{middle}", screen.track("video"));
    let began = Instant::now();
    let answer = admin.get(&path).await;
    if !answer.status.is_success() {
        return Err(format!("a segment: {}", answer.json));
    }
    Ok(json!({ "opened_ms": opened_ms, "answer_bytes": answer_bytes, "segment_ms": ms(began.elapsed()) }))
}

/// Takes it along as a film; how long that took, how large it is, and what was held in memory at most meanwhile.
async fn film(admin: &Caller, screen: &Screen) -> Result<Value, String> {
    let began = Instant::now();
    let path = format!("/api/v1/recordings/{}/export", screen.recording);
    let answer = admin.begin("POST", &path, json!({}).to_string()).await;
    if !answer.status().is_success() {
        return Err(format!("the export answered {}", answer.status()));
    }
    let (mut body, mut bytes, mut most_kib) = (answer.into_body(), 0, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the export broke off: {error}"))?;
        bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
        most_kib = most_kib.max(status_kib(std::process::id(), "VmRSS"));
    }
    Ok(json!({ "seconds": began.elapsed().as_secs_f64(), "bytes": bytes, "most_rss_kib": most_kib }))
}
