//! Who takes a film along and when: what is on record before its first byte, what breaks it off, and who waits for whom. A
//! program stands in the place of `ffmpeg` that makes a film of anything, at once or slowly.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Response, StatusCode};
use clerestory_testkit::screen::{Chunk, Screen, media, say};
use clerestory_testkit::{Caller, Installation, film_program};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::films::{FIRST, Stage};

/// Bytes of a segment: much more than lies in a pipe.
const LARGE: usize = 200_000;

/// An installation whose `ffmpeg` does this, and a recording of so many segments of two seconds.
async fn recorded(folder: &Path, does: &str, segments: usize) -> (Stage, Screen) {
    let program = film_program(folder, does);
    let installation = Installation::kept(None, |_, places| places.ffmpeg = Some(program)).await;
    let stage = Stage::set(installation).await;
    let now_ms = stage.now_ms();
    let screen = stage.run(FIRST, None, &[]).await;
    let lasts = Duration::from_secs(2 * segments as u64);
    stage.installation.wait(lasts);
    for number in 0..segments {
        let body = segment("vp8", now_ms + 2000 * i64::try_from(number).unwrap(), LARGE);
        screen.send_sealed("video", u64::try_from(number).unwrap(), &body).await.ok();
    }
    stage.end(&screen).await;
    (stage, screen)
}

/// Two seconds of pictures of a codec, which decode to nothing.
fn segment(codec: &str, at_ms: i64, bytes: usize) -> Vec<u8> {
    let head = json!({ "codec": codec, "width": 640, "height": 360, "gaps": [] });
    let chunk = |number: u8| Chunk {
        at_us: at_ms * 1000 + i64::from(number) * 1_000_000,
        duration_us: 1_000_000,
        key: number == 0,
        bytes: vec![number; bytes / 2],
    };
    media(1, &head, &[chunk(0), chunk(1)])
}

fn path(screen: &Screen) -> String {
    format!("/api/v1/recordings/{}/export", screen.recording)
}

/// A film of which the first bytes have come.
async fn begun(caller: &Caller, screen: &Screen) -> Response<Body> {
    let mut film = caller.begin("POST", &path(screen), "{}").await;
    assert_eq!(film.status(), StatusCode::OK);
    assert!(film.body_mut().frame().await.unwrap().is_ok());
    film
}

async fn items(caller: &Caller, path: &str) -> Vec<Value> {
    caller.get(path).await.ok()["items"].as_array().unwrap().clone()
}

async fn viewers(stage: &Stage, screen: &Screen) -> Vec<Value> {
    items(&stage.member, &format!("/api/v1/recordings/{}/viewers", screen.recording)).await
}

/// Waits until it is so, a few seconds at most.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(15), "{what}, after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn no_film_is_given_away_before_it_is_decided_and_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, screen) = recorded(folder.path(), "films", 2).await;
    let admin = stage.installation.person("admin").await;
    assert_eq!(admin.post(&path(&screen), json!({})).await.problem(), "step-up-required");
    let proven = stage.installation.proven("admin").await;
    for (word, may) in [("none", false), ("admin", true), ("manager", true), ("own", true)] {
        say(&stage.installation, "export.recordings", json!(word)).await;
        let answer = proven.post(&path(&screen), json!({})).await;
        assert_eq!(answer.status == StatusCode::OK, may, "{word}: {}", answer.json);
        let own = stage.member.post(&path(&screen), json!({})).await;
        assert_eq!(own.status == StatusCode::OK, word == "own", "{word}: {}", own.json);
    }
    assert_eq!(viewers(&stage, &screen).await.len(), 3, "one for each that the admin got");
    // Where the decision or what the person is told cannot be written, no byte comes.
    for change in ["INSERT ON audit_entries", "INSERT ON plays"] {
        let when = if change.ends_with("plays") { "NEW.copied = 1" } else { "NEW.number > 0" };
        stage.installation.refuse(change, when).await;
        let answer = proven.post(&path(&screen), json!({})).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{change}");
        assert!(!answer.bytes.windows(4).any(|some| some == b"ftyp"), "{change}");
        stage.installation.refuse_no_more().await;
    }
    assert_eq!(viewers(&stage, &screen).await.len(), 3);
}

#[tokio::test]
async fn whoever_was_agreed_to_for_a_look_takes_nothing_along() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, screen) = recorded(folder.path(), "films", 2).await;
    say(&stage.installation, "view.four_eyes", json!(true)).await;
    stage.installation.add_second_admin().await;
    let admin = stage.installation.proven("admin").await;
    let refused = admin.post(&path(&screen), json!({ "reason": "for the tribunal" })).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "no-agreement-to-a-copy"));
    let recording = format!("/api/v1/recordings/{}", screen.recording);
    let view = admin.post(&format!("{recording}/views"), json!({ "reason": "ticket 7" })).await.ok();
    let second = stage.installation.proven("second").await;
    let answer = format!("/api/v1/views/{}/answer", view["id"].as_str().unwrap());
    let agreed = second.post(&answer, json!({ "answer": "allowed" })).await;
    assert_eq!(agreed.status, StatusCode::NO_CONTENT);
    assert_eq!(
        admin.post(&format!("{recording}/plays"), json!({})).await.status,
        StatusCode::CREATED,
        "a look was agreed to"
    );
    assert_eq!(admin.post(&path(&screen), json!({})).await.problem(), "no-agreement-to-a-copy");
    assert_eq!(admin.get(&recording).await.ok()["may_export"], false, "and is not offered");
    // It was tried, and that is on record; the look is one.
    assert_eq!(items(&second, "/api/v1/audit?action=recording.export&outcome=failed").await.len(), 2);
    let looked = viewers(&stage, &screen).await;
    assert_eq!((looked.len(), &looked[0]["copied"]), (1, &json!(false)), "{looked:?}");
    // What is about oneself needs nobody.
    say(&stage.installation, "export.recordings", json!("own")).await;
    assert_eq!(stage.member.post(&path(&screen), json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_has_no_end_yet_makes_no_film_and_tells_nobody_that_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, ended) = recorded(folder.path(), "films", 2).await;
    let now_ms = stage.now_ms();
    let quiet = stage.run("0190a5e2-0000-7000-8000-0000000000c3", None, &[]).await;
    quiet.send_sealed("video", 0, &segment("vp8", now_ms, 2000)).await.ok();
    // Its recorder is not heard of any more, and nobody has closed it yet.
    stage.installation.wait(Duration::from_secs(300));
    assert_eq!(stage.export(&quiet, json!({})).await.problem(), "still-going-on");
    assert_eq!(viewers(&stage, &quiet).await.len(), 0);
    // Neither where the server stops before the first byte: whoever asks is told so, and to come back.
    stage.installation.drain();
    let stopping = stage.export(&ended, json!({})).await;
    assert_eq!((stopping.status, stopping.problem()), (StatusCode::SERVICE_UNAVAILABLE, "stopping"));
    assert!(stopping.retry_after.is_some());
    assert_eq!(viewers(&stage, &ended).await.len(), 0);
}

#[tokio::test]
async fn whoever_finds_no_place_for_a_film_is_told_at_once_and_a_place_is_free_when_it_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, screen) = recorded(folder.path(), "drips", 8).await;
    stage.installation.add_second_admin().await;
    say(&stage.installation, "export.recordings", json!("own")).await;
    let admin = stage.installation.proven("admin").await;
    let second = stage.installation.proven("second").await;
    let first = begun(&admin, &screen).await;
    assert_eq!(admin.post(&path(&screen), json!({})).await.problem(), "too-many-exports", "one each");
    let further = begun(&second, &screen).await;
    let before = items(&admin, "/api/v1/audit?action=recording.export").await.len();
    let busy = stage.member.post(&path(&screen), json!({})).await;
    assert_eq!((busy.status, busy.problem()), (StatusCode::TOO_MANY_REQUESTS, "too-many-exports"));
    assert_eq!(busy.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(items(&admin, "/api/v1/audit?action=recording.export").await.len(), before, "not decided");
    // What is handed out of the log, as of what is held about somebody, has places of its own.
    let log = admin.get("/api/v1/audit/export?from=2030-01-01T00:00:00Z").await;
    assert_eq!(log.status, StatusCode::OK);

    drop(first);
    let confined = &stage.installation.app.confined;
    until("the place of whoever left is taken", async || confined.film_place().is_ok()).await;
    let _own = begun(&stage.member, &screen).await;
    drop(further);
}

#[tokio::test]
async fn a_film_whose_caller_went_away_before_it_began_gives_its_place_up() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, screen) = recorded(folder.path(), "hangs", 2).await;
    let admin = stage.installation.proven("admin").await;
    let (asking, at) = (admin.clone(), path(&screen));
    let waiting = tokio::spawn(async move { asking.post(&at, json!({})).await });
    until("it is not on record", async || {
        !items(&admin, "/api/v1/audit?action=recording.export&outcome=allowed").await.is_empty()
    })
    .await;
    waiting.abort();
    let confined = &stage.installation.app.confined;
    until("the place of whoever left is taken", async || {
        let both = (confined.film_place(), confined.film_place());
        both.0.is_ok() && both.1.is_ok()
    })
    .await;
    assert_eq!(viewers(&stage, &screen).await.len(), 0, "nothing was given away");
}

#[tokio::test]
async fn what_is_taken_away_while_a_film_is_sent_is_in_no_film() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, screen) = recorded(folder.path(), "drips", 8).await;
    let recording = format!("/api/v1/recordings/{}", screen.recording);
    let admin = stage.installation.proven("admin").await;
    for what in ["a part", "the right", "the session", "the recording"] {
        let caller = stage.installation.proven("admin").await;
        let film = begun(&caller, &screen).await;
        match what {
            "a part" => {
                let part = json!({ "range": { "from_us": 12_000_000, "to_us": 15_000_000 }, "reason": "a password" });
                admin.post(&format!("{recording}/erasures"), part).await.ok();
            }
            "the right" => say(&stage.installation, "export.recordings", json!("none")).await,
            "the session" => {
                assert_eq!(caller.delete("/api/v1/session").await.status, StatusCode::NO_CONTENT);
            }
            _ => drop(admin.post(&format!("{recording}/delete"), json!({})).await.ok()),
        }
        let rest = film.into_body().collect().await;
        // What is left of a recording is a film; of what nobody may have any more nothing is whole.
        assert_eq!(rest.is_ok(), what == "a part", "{what}");
        if what == "the right" {
            say(&stage.installation, "export.recordings", json!("admin")).await;
        }
    }
}

#[tokio::test]
async fn a_recorder_that_changes_its_codec_all_the_time_breaks_its_film_off() {
    let folder = tempfile::tempdir().unwrap();
    let (stage, _) = recorded(folder.path(), "films", 1).await;
    for (changes, is_whole) in [(32_u64, true), (33, false)] {
        let now_ms = stage.now_ms();
        let writer = format!("0190a5e2-0000-7000-8000-0000000000{changes:02}");
        let screen = stage.run(&writer, None, &[]).await;
        stage.installation.wait(Duration::from_secs(80));
        for number in 0..=changes {
            let codec = if number % 2 == 0 { "vp8" } else { "vp09.00.10.08" };
            let body = segment(codec, now_ms + 2000 * i64::try_from(number).unwrap(), 2000);
            screen.send_sealed("video", number, &body).await.ok();
        }
        stage.end(&screen).await;
        let film = begun(&stage.installation.proven("admin").await, &screen).await;
        assert_eq!(film.into_body().collect().await.is_ok(), is_whole, "{changes} changes");
    }
}
