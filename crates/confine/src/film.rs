//! Picture and sound, decoded by the `ffmpeg` of the machine in a process that reaches nothing else.
//!
//! What it reads comes by its standard input, what it makes goes by its standard output, both while it works: a film of
//! eight hours is never whole anywhere. There is no file in between.

use std::ffi::OsStr;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{sleep, timeout};

use crate::child::WORD;
use crate::parent::{COMPLAINT, why};
use crate::{ConfineError, Confined};

/// Films at work at once at most; each may keep every processor busy.
pub(crate) const AT_ONCE: usize = 2;
/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;
/// Decoders that are let near what recorders send: of the codecs that are taken, by the names they have in `ffmpeg`.
pub(crate) const DECODERS: &str = "h264,vp8,libvpx,vp9,libvpx-vp9,libdav1d,libaom-av1,av1,opus,libopus";
/// Frames a second at most, and seconds between two places to begin at.
const FPS: u32 = 30;
const BEGINS_EVERY: u32 = 4;
/// Microseconds of a fragment at most, however long the picture stands still.
const FRAGMENT_US: u32 = 10_000_000;
/// Samples of sound a second.
const SAMPLE_RATE: u32 = 48_000;

/// Kinds of work by a program that is not ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// [`Film`].
    Film,
    /// [`crate::Frames`].
    Frames,
}

/// What such work may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgramBounds {
    /// Bytes of memory at most, the program and its libraries among them.
    pub memory: u64,
    /// Seconds of the processor at most.
    pub processor: u64,
    /// From the start to the end at most.
    pub time: Duration,
    /// So long it may take nothing and give nothing while neither waits for us.
    pub still: Duration,
}

impl Work {
    const fn word(self) -> &'static str {
        match self {
            Self::Film => "film",
            Self::Frames => "frames",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Film, Self::Frames].into_iter().find(|work| work.word() == word)
    }

    /// Ten hours of a screen, watched by nobody who reads slowly for longer than a working day; and some pictures, which
    /// take a second or two.
    pub(crate) const fn bounds(self) -> ProgramBounds {
        match self {
            Self::Film => ProgramBounds {
                memory: 3 * 1024 * 1024 * 1024,
                processor: 20 * 60 * 60,
                time: Duration::from_secs(12 * 60 * 60),
                still: Duration::from_secs(30),
            },
            Self::Frames => ProgramBounds {
                memory: 2 * 1024 * 1024 * 1024,
                processor: 60,
                time: Duration::from_secs(120),
                still: Duration::from_secs(20),
            },
        }
    }
}

/// A film that is made of a Matroska stream: fragmented MP4 with H.264 and, where there is sound, AAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Film {
    /// Pixels of a row, even. Pictures of other sizes are made to fit.
    pub width: u32,
    /// Rows, even.
    pub height: u32,
    /// Whether pictures come in; black ones are shown otherwise.
    pub picture: bool,
    /// Whether the film has sound, and whether sound comes in; it is silent otherwise.
    pub sound: Option<bool>,
    /// How long it lasts at most, in microseconds: what does not come in is made to last as long, or as what does.
    pub lasts_us: u64,
}

impl Film {
    /// What `ffmpeg` is told (its manual, `ffmpeg-all`). Version 5.1 or later.
    fn arguments(self) -> Vec<String> {
        let Self { width, height, picture, sound, lasts_us } = self;
        let seconds = format!("{}.{:06}", lasts_us / 1_000_000, lasts_us % 1_000_000);
        let mut all = vec![COMMON.to_owned()];
        let mut inputs = 0;
        let mut next = || {
            inputs += 1;
            inputs - 1
        };
        let comes = (picture || sound == Some(true)).then(|| {
            all.push(format!("-protocol_whitelist pipe -codec_whitelist {DECODERS} -f matroska -i pipe:0"));
            next()
        });
        let mut made = |source: String| {
            all.push(format!("-f lavfi -t {seconds} -i {source}"));
            next()
        };
        let black = || format!("color=black:s={width}x{height}:r=1");
        let silence = || format!("anullsrc=r={SAMPLE_RATE}:cl=stereo");
        let pictures = comes.filter(|_| picture).unwrap_or_else(|| made(black()));
        let sounds = sound.map(|comes_in| comes.filter(|_| comes_in).unwrap_or_else(|| made(silence())));
        // What is made would outlast what comes in where that ends early.
        let ends = if comes.is_some() && inputs > 1 { " -shortest" } else { "" };
        let fit = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,\
             pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
        );
        // Blocks of 16 pixels decide what a decoder has to be capable of (H.264, table A-1).
        let level = match width.div_ceil(16) * height.div_ceil(16) {
            ..=8704 => "4.2",
            8705..=36_864 => "5.2",
            _ => "6.2",
        };
        // No picture is repeated where the screen stands still.
        all.push(format!(
            "-map {pictures}:v:0 -vf {fit} -fps_mode:v vfr -enc_time_base:v 1:{FPS} -c:v libx264 -preset veryfast \
             -crf 23 -bf 0 -level:v {level} -x264-params fps={FPS} -force_key_frames expr:gte(t,n_forced*{BEGINS_EVERY}) \
             -video_track_timescale 90000 -threads:v 2 -flags:v +bitexact"
        ));
        if let Some(sounds) = sounds {
            all.push(format!(
                "-map {sounds}:a:0 -af aresample=async=1:first_pts=0 -c:a aac -b:a 128k -ac 2 -ar {SAMPLE_RATE} \
                 -flags:a +bitexact"
            ));
        }
        all.push(format!(
            "-map_metadata -1 -map_chapters -1 -fflags +bitexact -max_muxing_queue_size 8192 -t {seconds}{ends} \
             -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration {FRAGMENT_US} -f mp4 pipe:1"
        ));
        words(&all)
    }
}

/// What it is told whatever it does.
pub(crate) const COMMON: &str = "-nostdin -hide_banner -v error -filter_threads 1 -filter_complex_threads 1";

/// No value of them has a space in it.
pub(crate) fn words(of: &[String]) -> Vec<String> {
    of.iter().flat_map(|some| some.split_whitespace()).map(str::to_owned).collect()
}

/// The `ffmpeg` that is named, or the first that lies in a directory of `path`, written as `PATH` is. One that is named is
/// kept also where there is none: that is told when films are asked for.
#[must_use]
pub fn find_ffmpeg(named: Option<&OsStr>, path: Option<&OsStr>) -> Option<PathBuf> {
    let there = |found: PathBuf| found.canonicalize().ok().filter(|found| found.is_file());
    match named {
        Some(named) => Some(there(named.into()).unwrap_or_else(|| named.into())),
        None => std::env::split_paths(path?).find_map(|folder| there(folder.join("ffmpeg"))),
    }
}

/// A place among the films that are made at once. It is free again when this is dropped, and no process made in it is left.
#[derive(Clone, Debug)]
pub struct FilmPlace(Arc<OwnedSemaphorePermit>);

impl Confined {
    /// Whether there is an `ffmpeg`.
    #[must_use]
    pub fn has_ffmpeg(&self) -> bool {
        self.ffmpeg.as_deref().is_some_and(Path::is_file)
    }

    /// A place for a film, to be had before anybody is promised one.
    ///
    /// # Errors
    /// [`ConfineError::Busy`], at once: a film may take hours.
    pub fn film_place(&self) -> Result<FilmPlace, ConfineError> {
        let place = Arc::clone(&self.films).try_acquire_owned().map_err(|_| ConfineError::Busy)?;
        Ok(FilmPlace(Arc::new(place)))
    }

    /// Makes a film of the pieces of a Matroska stream, and gives its pieces on. It is over when the film is, or whoever
    /// takes them is gone.
    ///
    /// # Errors
    /// [`ConfineError`]: what was given on is no whole film.
    pub async fn film(
        &self,
        place: &FilmPlace,
        film: Film,
        pieces: mpsc::Receiver<Bytes>,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), ConfineError> {
        let done = self.foreign_in(Arc::clone(&place.0), Work::Film, film.arguments(), pieces, to).await;
        done.inspect_err(|error| self.note_broken(error))
    }

    /// Makes a second of a black and silent film, to see that films can be made at all.
    ///
    /// # Errors
    /// [`ConfineError`].
    pub async fn check_film(&self) -> Result<(), ConfineError> {
        let film = Film { width: 64, height: 64, picture: false, sound: Some(false), lasts_us: 1_000_000 };
        let (_, pieces) = mpsc::channel(1);
        let (to, mut made) = mpsc::channel::<Bytes>(1);
        let count = async move {
            let mut bytes = 0;
            while let Some(piece) = made.recv().await {
                bytes += piece.len();
            }
            bytes
        };
        let (done, bytes) = tokio::join!(self.foreign(Work::Film, film.arguments(), pieces, to), count);
        done.and(if bytes > 0 { Ok(()) } else { Err(ConfineError::WrongAnswer) })
    }

    pub(crate) async fn foreign(
        &self,
        work: Work,
        arguments: Vec<String>,
        pieces: mpsc::Receiver<Bytes>,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), ConfineError> {
        // Whoever takes films along does not make pictures wait.
        let rooms = match work {
            Work::Film => &self.films,
            Work::Frames => &self.frames,
        };
        let Ok(room) = Arc::clone(rooms).acquire_owned().await else { return Err(ConfineError::Busy) };
        self.foreign_in(room, work, arguments, pieces, to).await
    }

    /// The same in a room that was taken already, and is kept for as long as the process is there.
    async fn foreign_in<Room: Send + 'static>(
        &self,
        room: Room,
        work: Work,
        arguments: Vec<String>,
        pieces: mpsc::Receiver<Bytes>,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), ConfineError> {
        let ffmpeg = self.ffmpeg.clone().ok_or(ConfineError::NoFfmpeg)?;
        if !ffmpeg.is_file() {
            return Err(ConfineError::NoProgram(ffmpeg));
        }
        let (program, runtime) = (self.program.clone(), Handle::current());
        // As for our own work: on a thread that stays until it is over.
        let done = tokio::task::spawn_blocking(move || {
            let done = runtime.block_on(run((&program, &ffmpeg), work, &arguments, pieces, to));
            drop(room);
            done
        });
        done.await.map_err(std::io::Error::other)?
    }
}

async fn run(
    (program, ffmpeg): (&Path, &Path),
    work: Work,
    arguments: &[String],
    pieces: mpsc::Receiver<Bytes>,
    to: mpsc::Sender<Bytes>,
) -> Result<(), ConfineError> {
    let bounds = work.bounds();
    let mut child = Command::new(program)
        .args([WORD, work.word(), &std::process::id().to_string()])
        .arg(ffmpeg)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let (moves, gone) = (Moves::default(), to.clone());
    let spoken = tokio::select! {
        spoken = timeout(bounds.time, speak(&mut child, pieces, to, &moves)) => spoken.ok(),
        () = moves.stopped(bounds.still) => None,
        // One that gives nothing for the moment would not notice.
        () = gone.closed() => Some(Ok(Spoken::Left)),
    };
    match spoken.transpose()? {
        Some(Spoken::Ended(status, _)) if status.success() => Ok(()),
        Some(Spoken::Ended(status, complaint)) => Err(why(status, &complaint)),
        // Nobody takes what it would still make.
        Some(Spoken::Left) => Ok(child.kill().await?),
        None => {
            child.kill().await?;
            Err(ConfineError::TimedOut)
        }
    }
}

/// How a film came to its end.
enum Spoken {
    /// It gave all it had, ended so, and complained so.
    Ended(ExitStatus, Vec<u8>),
    /// Whoever takes it is gone.
    Left,
}

/// What moves between us and the program.
#[derive(Default)]
struct Moves {
    /// Pieces that were taken or given.
    count: AtomicU64,
    /// We have nothing to give for the moment, or what it gave is not taken further.
    giving_waits: AtomicBool,
    taking_waits: AtomicBool,
}

impl Moves {
    /// Comes when nothing has moved for so long though it was the program's turn.
    async fn stopped(&self, still: Duration) {
        let mut before = self.count.load(Ordering::Relaxed);
        loop {
            sleep(still).await;
            let now = self.count.load(Ordering::Relaxed);
            let waits = [&self.giving_waits, &self.taking_waits];
            let is_ours = waits.iter().any(|waits| waits.load(Ordering::Relaxed));
            if now == before && !is_ours {
                return;
            }
            before = now;
        }
    }

    fn moved(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

async fn speak(
    child: &mut Child,
    pieces: mpsc::Receiver<Bytes>,
    to: mpsc::Sender<Bytes>,
    moves: &Moves,
) -> Result<Spoken, ConfineError> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(ConfineError::WrongAnswer) };
    let listening = tokio::spawn(listen(stderr));
    let giving = async {
        give(stdin, pieces, moves).await;
        pending().await
    };
    // What it does not read before it is done is of no use to it.
    let taken = tokio::select! { taken = take(stdout, to, moves) => taken?, () = giving => true };
    if !taken {
        return Ok(Spoken::Left);
    }
    moves.giving_waits.store(false, Ordering::Relaxed);
    let complaint = listening.await.map_err(std::io::Error::other)??;
    Ok(Spoken::Ended(child.wait().await?, complaint))
}

async fn give(mut stdin: ChildStdin, mut pieces: mpsc::Receiver<Bytes>, moves: &Moves) {
    loop {
        moves.giving_waits.store(true, Ordering::Relaxed);
        let piece = pieces.recv().await;
        moves.giving_waits.store(false, Ordering::Relaxed);
        let Some(piece) = piece else { return };
        for some in piece.chunks(PIECE) {
            // One that ends early does not read it all: how it ended says more.
            if stdin.write_all(some).await.is_err() {
                return;
            }
            moves.moved();
        }
    }
}

/// Whether it gave everything; not where nobody takes it any more.
async fn take(
    mut stdout: ChildStdout,
    to: mpsc::Sender<Bytes>,
    moves: &Moves,
) -> Result<bool, std::io::Error> {
    loop {
        let mut piece = vec![0; PIECE];
        let length = stdout.read(&mut piece).await?;
        moves.moved();
        if length == 0 {
            return Ok(true);
        }
        piece.truncate(length);
        moves.taking_waits.store(true, Ordering::Relaxed);
        let sent = to.send(piece.into()).await;
        moves.taking_waits.store(false, Ordering::Relaxed);
        if sent.is_err() {
            return Ok(false);
        }
    }
}

/// The first of what it complains; the rest is read too, or it would stand still over it.
async fn listen(mut stderr: ChildStderr) -> Result<Vec<u8>, std::io::Error> {
    let mut complaint = Vec::new();
    (&mut stderr).take(COMPLAINT).read_to_end(&mut complaint).await?;
    tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
    Ok(complaint)
}
