//! A program that is not ours, confined: what one that was taken over cannot do, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::PathBuf;

use bytes::Bytes;
use clerestory_confine::{ConfineError, Confined, Film, Frames, find_ffmpeg};
use clerestory_testkit::{confined_program, film_program};
use tokio::sync::mpsc;

const FILM: Film = Film { width: 64, height: 64, picture: true, sound: Some(true), lasts_us: 1_000_000 };

fn by(ffmpeg: Option<PathBuf>) -> Confined {
    Confined::by(confined_program()).with_ffmpeg(ffmpeg)
}

/// What comes of giving these bytes to a program, and how it ended.
async fn made(confined: &Confined, film: Film, bytes: Bytes) -> (Vec<u8>, Result<(), ConfineError>) {
    let (give, pieces) = mpsc::channel(1);
    let (to, mut made) = mpsc::channel::<Bytes>(1);
    let feed = async move { drop(give.send(bytes).await) };
    let take = async {
        let mut all = Vec::new();
        while let Some(piece) = made.recv().await {
            all.extend_from_slice(&piece);
        }
        all
    };
    let (done, (), all) = tokio::join!(confined.film(film, pieces, to), feed, take);
    (all, done)
}

/// The same of the program that does what its name says.
async fn tried(does: &str) -> (Vec<u8>, Result<(), ConfineError>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "CANARY").unwrap();
    let program = film_program(folder.path(), does);
    let done = made(&by(Some(program)), FILM, Bytes::from_static(b"what somebody sent")).await;
    assert!(!folder.path().join("made").exists(), "{does} wrote a file");
    assert!(folder.path().join(does).exists(), "{does} removed a file");
    done
}

#[tokio::test]
async fn a_program_that_was_taken_over_reaches_nothing() {
    let (said, done) = tried("reads").await;
    let said = String::from_utf8(said).unwrap();
    done.unwrap();
    assert!(said.ends_with(" reached: "), "{said}");
    for does in ["connects", "asks"] {
        let (said, done) = tried(does).await;
        assert_eq!(String::from_utf8_lossy(&said), "", "{does}");
        assert!(matches!(done, Err(ConfineError::Forbidden)), "{does}: {done:?}");
    }
}

#[tokio::test]
async fn a_program_that_fails_is_told_apart_from_one_that_is_done() {
    let failed = tried("fails").await.1;
    assert!(matches!(failed, Err(ConfineError::Crashed(_))), "{failed:?}");
    let takes = tried("takes").await.1;
    assert!(matches!(takes, Err(ConfineError::OutOfMemory | ConfineError::Crashed(_))), "{takes:?}");
    let missing = made(&by(None), FILM, Bytes::new()).await.1;
    assert!(matches!(missing, Err(ConfineError::NoFfmpeg)), "{missing:?}");
    let nowhere = made(&by(Some("/nowhere/at/all".into())), FILM, Bytes::new()).await.1;
    assert!(matches!(nowhere, Err(ConfineError::Unconfined(_))), "{nowhere:?}");
    // A script would start another program.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/bin/sh\necho reached\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (said, done) = made(&by(Some(script)), FILM, Bytes::new()).await;
    assert_eq!(said, b"");
    assert!(matches!(done, Err(ConfineError::Unconfined(_))), "{done:?}");
}

#[tokio::test]
async fn one_that_stands_still_is_ended() {
    let (said, done) = tried("hangs").await;
    assert_eq!(said, b"");
    assert!(matches!(done, Err(ConfineError::TimedOut)), "{done:?}");
}

#[tokio::test]
async fn pictures_are_as_many_and_as_large_as_was_asked_for_or_none() {
    let frames = Frames { width: 16, height: 16, count: 2 };
    let folder = tempfile::tempdir().unwrap();
    for does in ["babbles", "nothing"] {
        let confined = by(Some(film_program(folder.path(), does)));
        let done = confined.frames(frames, Bytes::from_static(b"bytes")).await;
        assert!(matches!(done, Err(ConfineError::WrongAnswer)), "{does}: {done:?}");
        assert_eq!(confined.broken(), 1, "{does} is counted");
    }
}

#[tokio::test]
async fn the_ffmpeg_of_this_machine_makes_films_there() {
    let ffmpeg = find_ffmpeg(None, std::env::var_os("PATH").as_deref());
    let confined = by(ffmpeg);
    assert!(confined.has_ffmpeg(), "on Debian: apt-get install ffmpeg");
    confined.check_film().await.unwrap();
    // What is no stream at all makes no film, and breaks nothing else.
    let (_, done) = made(&confined, FILM, Bytes::from_static(b"no stream at all")).await;
    assert!(matches!(done, Err(ConfineError::Crashed(_))), "{done:?}");
    confined.check_film().await.unwrap();
}
