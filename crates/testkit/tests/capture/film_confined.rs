//! A program that is not ours, confined: what one that was taken over cannot do, and what becomes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clerestory_confine::{ConfineError, Confined, Film, Frames, find_ffmpeg};
use clerestory_testkit::{calling_program, confined_program, film_program};
use tokio::sync::mpsc;

const FILM: Film = Film { width: 64, height: 64, picture: true, sound: Some(true), lasts_us: 1_000_000 };

fn by(ffmpeg: Option<PathBuf>) -> Confined {
    Confined::by(confined_program()).with_ffmpeg(ffmpeg)
}

/// What comes of giving these bytes to a program, and how it ended.
async fn made(confined: &Confined, film: Film, bytes: Bytes) -> (Vec<u8>, Result<(), ConfineError>) {
    let place = confined.film_place().unwrap();
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
    let (done, (), all) = tokio::join!(confined.film(&place, film, pieces, to), feed, take);
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

/// The filter of calls says EPERM before Landlock is asked, which does not know all of this, and not on every kernel.
#[tokio::test]
async fn it_signals_nobody_by_way_of_the_kernel_and_opens_nothing_but_to_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "CANARY").unwrap();
    let confined = by(Some(calling_program(folder.path())));
    let (said, done) = made(&confined, FILM, Bytes::from_static(b"what somebody sent")).await;
    done.unwrap();
    let said = String::from_utf8(said).unwrap();
    let came_of = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{what} was not tried: {said}")).to_owned()
    };
    let signals = [
        "who is told",
        "who is told, by group",
        "how they are told",
        "that they are told",
        "who would be told",
    ];
    let files = ["a place", "a link", "a new file", "a file cut off", "a file to write"];
    for what in signals.into_iter().chain(files).chain(["a larger pipe", "a lock"]) {
        assert_eq!(came_of(what), "EPERM", "{what}");
    }
    assert_eq!(came_of("a file to read"), "EACCES", "that is Landlock's");
    // Newer versions of ffmpeg write to another number of their standard output.
    for what in ["how it is open", "waiting for nothing", "another number", "writing there"] {
        assert_eq!(came_of(what), "done", "{what}");
    }
    assert_eq!(std::fs::read(folder.path().join("secret")).unwrap(), b"CANARY");
}

#[tokio::test]
async fn a_program_that_fails_is_told_apart_from_one_that_is_done() {
    let failed = tried("fails").await.1;
    assert!(matches!(failed, Err(ConfineError::Crashed(_))), "{failed:?}");
    let takes = tried("takes").await.1;
    assert!(matches!(takes, Err(ConfineError::OutOfMemory | ConfineError::Crashed(_))), "{takes:?}");
    let missing = made(&by(None), FILM, Bytes::new()).await.1;
    assert!(matches!(missing, Err(ConfineError::NoFfmpeg)), "{missing:?}");
    // One that is named and is not there is no other that is.
    let named = find_ffmpeg(Some("/nowhere/at/all".as_ref()), std::env::var_os("PATH").as_deref());
    let named = by(named);
    assert!(!named.has_ffmpeg());
    let nowhere = named.check_film().await;
    assert!(
        matches!(&nowhere, Err(ConfineError::NoProgram(at)) if at.ends_with("nowhere/at/all")),
        "{nowhere:?}"
    );
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
    let ((said, done), (computed, spun)) = tokio::join!(tried("hangs"), tried("spins"));
    assert_eq!((said, computed), (Vec::new(), Vec::new()));
    assert!(matches!(done, Err(ConfineError::TimedOut)), "{done:?}");
    assert!(matches!(spun, Err(ConfineError::TimedOut)), "{spun:?}");
}

#[tokio::test]
async fn one_that_nobody_waits_for_is_ended_at_once_and_its_place_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let confined = by(Some(film_program(folder.path(), "hangs")));
    let place = confined.film_place().unwrap();
    let other = confined.film_place().unwrap();
    assert!(matches!(confined.film_place(), Err(ConfineError::Busy)), "there are two");
    drop(other);
    let began = Instant::now();
    let (give, pieces) = mpsc::channel::<Bytes>(1);
    let (to, made) = mpsc::channel(1);
    let film = confined.film(&place, FILM, pieces, to);
    let leave = async {
        give.send(Bytes::from_static(b"what somebody sent")).await.unwrap();
        drop(made);
    };
    let (done, ()) = tokio::join!(film, leave);
    done.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(place);
    let _both = (confined.film_place().unwrap(), confined.film_place().unwrap());
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
