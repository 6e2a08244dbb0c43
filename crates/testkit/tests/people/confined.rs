//! The confined process: what it cannot do, what becomes of it, and that hostile files become nothing else than a picture
//! or a refusal.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use clerestory_confine::picture::{MOST_BYTES, MOST_KEPT, Picture, PictureError};
use clerestory_confine::{ConfineError, Confined, Kind};
use clerestory_testkit::confined_program;
use image::RgbImage;

use super::picture_files::{self as files, HTML, decoded, of};

fn confined() -> Confined {
    Confined::by(confined_program())
}

async fn try_it(what: &'static str) -> Result<Vec<u8>, ConfineError> {
    confined().run(Kind::Trial, Bytes::from_static(what.as_bytes())).await
}

#[tokio::test]
async fn a_confined_process_has_no_file_no_connection_no_other_process_and_no_environment() {
    for what in ["open", "make", "list", "internet", "socket", "thread", "program"] {
        let tried = try_it(what).await;
        assert!(matches!(tried, Err(ConfineError::Forbidden)), "{what}: {tried:?}");
    }
    assert_eq!(try_it("environment").await.unwrap(), b"");
    assert!(confined().check().await.is_ok());
}

#[tokio::test]
async fn what_becomes_of_it_is_told_apart_and_the_next_one_works() {
    assert!(matches!(try_it("hang").await, Err(ConfineError::TimedOut)), "it does nothing for ever");
    assert!(matches!(try_it("spin").await, Err(ConfineError::TimedOut)), "it is busy for ever");
    let wants = try_it("memory").await;
    assert!(matches!(wants, Err(ConfineError::OutOfMemory)), "it wants all memory: {wants:?}");
    assert!(matches!(try_it("panic").await, Err(ConfineError::Crashed(_))), "it panics");
    assert!(matches!(try_it("abort").await, Err(ConfineError::Crashed(_))), "it aborts");
    assert!(matches!(try_it("garbage").await, Err(ConfineError::WrongAnswer)), "it babbles");
    assert!(matches!(try_it("flood").await, Err(ConfineError::WrongAnswer)), "it says too much");
    assert!(matches!(try_it("what?").await, Err(ConfineError::Refused(_))), "it does not know the work");
    let none = Confined::by("/nowhere/at/all".into()).check().await;
    assert!(matches!(none, Err(ConfineError::Start(_))), "{none:?}");
    let stays = Confined::by("/bin/true".into()).check().await;
    assert!(matches!(stays, Err(ConfineError::WrongAnswer)), "a program that says nothing: {stays:?}");
    let confined = confined();
    for what in ["open", "abort", "garbage", "hang", "what?"] {
        confined.run(Kind::Trial, Bytes::from_static(what.as_bytes())).await.unwrap_err();
    }
    assert_eq!(confined.broken(), 3, "bytes that broke it are counted apart from those that are only no use");
    let confined = self::confined();
    assert!(confined.check().await.is_ok());
}

/// Killed when it is dropped, however the test ends.
struct Asker(Child);

impl Drop for Asker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A field of what the system says of a process that runs.
fn status(process: u32, field: &str) -> Option<String> {
    let told = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The confined process that was started by this one.
fn started_by(asker: u32) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    let wanted = Some(asker.to_string());
    let mut children = ids.filter(|id| status(*id, "PPid") == wanted);
    // Confined by now: it has put on the filter.
    children.find(|id| status(*id, "Seccomp").as_deref() == Some("2"))
}

async fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = there() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came to be");
}

#[tokio::test]
async fn it_ends_with_whoever_asked_even_when_that_one_is_killed() {
    let mut asker = Asker(
        Command::new(confined_program())
            .arg("ask")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let own = asker.0.id();
    let process = until(|| started_by(own)).await;
    assert_eq!(status(process, "NoNewPrivs").as_deref(), Some("1"));
    asker.0.kill().unwrap();
    asker.0.wait().unwrap();
    until(|| match status(process, "State") {
        None => Some(()),
        Some(state) => state.starts_with(['Z', 'X']).then_some(()),
    })
    .await;
}

async fn picture(file: Vec<u8>) -> Result<Picture, PictureError> {
    confined().picture(file.into()).await
}

/// What a file becomes: two squares with nothing in them but pixels.
async fn squares(file: Vec<u8>) -> (RgbImage, RgbImage) {
    let Picture { large, small } = picture(file).await.unwrap();
    for square in [&large, &small] {
        assert!(square.len() <= MOST_KEPT);
        for hidden in [HTML, b"Exif", b"GPS", b"ICC_PROFILE", b"CANARY", b"http"] {
            assert!(!of(square, hidden), "{:?} came through", String::from_utf8_lossy(hidden));
        }
    }
    let (large, small) = (decoded(&large), decoded(&small));
    assert_eq!((large.dimensions(), small.dimensions()), ((256, 256), (64, 64)));
    (large, small)
}

fn is(colour: [u8; 3], at: (u32, u32), square: &RgbImage) -> bool {
    let found = square.get_pixel(at.0, at.1).0;
    found.iter().zip(colour).all(|(found, wanted)| found.abs_diff(wanted) < 40)
}

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

#[tokio::test]
async fn what_cameras_and_programs_make_becomes_two_small_squares() {
    for (kind, file) in files::of_every_kind() {
        let (large, small) = squares(file).await;
        assert!(is(RED, (128, 10), &large) && is(BLUE, (128, 245), &large), "{kind}");
        assert!(is(RED, (32, 3), &small) && is(BLUE, (32, 60), &small), "{kind}");
    }
    // What stands upright only by what its metadata says: red is on the right then.
    let (turned, _) = squares(files::turned_with_a_place()).await;
    assert!(is(RED, (245, 128), &turned) && is(BLUE, (10, 128), &turned));
    let (first, _) = squares(files::animated()).await;
    assert!(is(RED, (128, 128), &first), "the first frame");
    let (clear, _) = squares(files::transparent()).await;
    assert!(is([255; 3], (128, 128), &clear), "on white");
    let (tiny, _) = squares(files::one_pixel()).await;
    assert!(is(RED, (128, 128), &tiny));
    squares(files::cmyk()).await;
    squares(files::noise()).await;
    squares(files::png(8_000, 3_000)).await;
}

#[tokio::test]
async fn a_file_with_something_behind_or_within_it_gives_its_picture_alone() {
    let mut page = files::png(8, 8);
    page.extend_from_slice(HTML);
    squares(page).await;
    for chunk in [b"tEXt", b"eXIf", b"iTXt"] {
        squares(files::png_with(chunk, b"CANARY\0GPS http://x.example")).await;
    }
    // What would unpack to far more than it is: taken without it, or refused; nobody runs out of memory over it.
    for (chunk, head) in [(b"zTXt", b"CANARY\0\0"), (b"iCCP", b"CANARY\0\0")] {
        let file = files::png_with(chunk, &[head.as_slice(), &files::packed_zeros(256)].concat());
        let done = confined().run(Kind::Picture, file.into()).await;
        assert!(matches!(done, Ok(_) | Err(ConfineError::Refused(_))), "{done:?}");
    }
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused() {
    let unreadable = [
        ("nothing", Vec::new()),
        ("a byte", vec![0x89]),
        ("a page", HTML.to_vec()),
        ("a drawing that runs", files::SVG.to_vec()),
        ("another kind", files::bitmap()),
        ("only the head of one", files::png(64, 64)[..40].to_vec()),
        ("zeros", vec![0; 4096]),
    ];
    for (what, file) in unreadable {
        let done = picture(file).await;
        assert!(matches!(done, Err(PictureError::Unreadable)), "{what}: {done:?}");
    }
    let too_large = [
        ("50,000 squared", files::png_that_claims(50_000, 50_000)),
        ("just over", files::png_that_claims(8_000, 5_001)),
        ("one line", files::png_that_claims(4_000_000, 1)),
        ("a GIF's screen", files::gif_that_claims(65_535, 65_535)),
        ("bytes", vec![0; MOST_BYTES + 1]),
    ];
    for (what, file) in too_large {
        let done = picture(file).await;
        assert!(matches!(done, Err(PictureError::TooLarge)), "{what}: {done:?}");
    }
}

/// Whatever is wrong in it, it is a picture or it is none: it is never the server's trouble.
#[tokio::test]
async fn files_with_anything_wrong_in_them_are_pictures_or_none() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let confined = confined();
    for (kind, file) in files::of_every_kind() {
        for round in 0..8 {
            let mut broken = file.clone();
            for _ in 0..=round {
                let at = draw(broken.len());
                broken[at] = u8::try_from(draw(256)).unwrap();
            }
            broken.truncate(broken.len() - draw(broken.len() / 4));
            let done = confined.picture(broken.into()).await;
            assert!(!matches!(done, Err(PictureError::Confined(_))), "{kind}, round {round}: {done:?}");
        }
    }
}
