//! A recording of a screen as a film: its segments are opened one by one, decided about again each time, and given to the
//! confined `ffmpeg`; what comes back is sent while it is made. Nothing of it is ever whole here, nor on a disk
//! ([decision 0035](../../../../docs/decisions/0035-a-foreign-program-confined.md)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use clerestory_confine::{Film, FilmPlace};
use clerestory_media::{Joined, Kind, Media, NoFilm, Picture, Shape, Sound, Stream, StreamError};
use clerestory_model::RecordingId;
use clerestory_playback::{Export, Piece, PlaybackError, Run};
use clerestory_vault::OpenError;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

use super::archive::Cut;
use super::{MP4, PIECES, Room, attachment, day, still};
use crate::Api;
use crate::caller::Caller;
use crate::problem::ApiError;
use crate::routes::deletions::not_deleted;

/// Pixels of a side at most; pictures of larger screens are made smaller.
const SIDE: u32 = 4096;
/// A film takes so long at most, whatever it waits for.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How often decoders begin anew at most where a run changes its codec: each is a process of its own.
const CHANGES: u32 = 32;
/// So much of it is read, at the least, while it has waited for its reader for so long: others wait for the place.
const LEAST_BYTES: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);
/// A picture is shown for so long at the least.
const PICTURE_US: u64 = 33_334;

/// Decides whether the caller takes the recording along, and sends it. The answer begins with the first bytes of the film:
/// where none can be made, that is told.
pub(crate) async fn send(
    api: Api,
    caller: Caller,
    id: RecordingId,
    reason: Option<String>,
) -> Result<Response, ApiError> {
    let room = api.exports.take_film(caller.person, &api.confined)?;
    let asked = (reason, api.confined.has_ffmpeg());
    let export = match api.playback.begin_export(&caller.op, caller.recording(id), asked).await {
        // What was deleted is told of to whoever may restore it, and is not there for others.
        Err(error @ PlaybackError::Gone) => {
            not_deleted(&api, &caller.op, id).await?;
            return Err(error.into());
        }
        begun => Arc::new(begun?),
    };
    let name = format!("clerestory-{id}-{}.mp4", day(&export.started_at.to_string()));
    let (to, mut pieces) = mpsc::channel(PIECES);
    let broken = Arc::new(AtomicBool::new(false));
    let (playback, op) = (api.playback.clone(), caller.op.clone());
    let sending = Sending {
        room,
        broken: Arc::clone(&broken),
        api,
        caller,
        export: Arc::clone(&export),
        size: (0, 0),
        pace: Pace::default(),
        to,
    };
    let sending = tokio::spawn(sending.run());
    let Some(first) = pieces.recv().await else { return Err(not_begun(sending.await)) };
    playback.note_export(&op, &export).await?;
    Ok(attachment((&name, MP4), Some(first), pieces, broken))
}

/// What is told of a film that ended before its first byte.
fn not_begun(ended: Result<Result<(), Cut>, JoinError>) -> ApiError {
    match ended {
        Ok(Err(Cut::Told(error))) => error,
        _ => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "film-not-made",
            "No film could be made of it",
            "What the recorder sent cannot be decoded, or ffmpeg does not do its work. The recording is kept as it is.",
            "See whether it plays. The server's log says more; the health page says whether films can be made at all.",
        ),
    }
}

/// A film on its way.
struct Sending {
    /// Given back before the file's end is told.
    room: Room<FilmPlace>,
    broken: Arc<AtomicBool>,
    api: Api,
    caller: Caller,
    export: Arc<Export>,
    /// Pixels of a row, and rows.
    size: (u32, u32),
    pace: Pace,
    to: mpsc::Sender<Bytes>,
}

/// How a film is read: what was read of it since it last was enough, and how long it waited for that.
#[derive(Debug, Default)]
struct Pace {
    bytes: usize,
    waited: Duration,
}

impl Pace {
    async fn send(&mut self, to: &mpsc::Sender<Bytes>, piece: Vec<u8>) -> Result<(), Cut> {
        let (began, bytes) = (Instant::now(), piece.len());
        match timeout(PATIENCE.saturating_sub(self.waited), to.send(piece.into())).await {
            Ok(sent) => sent.map_err(|_| Cut::Left)?,
            Err(_) => {
                return Err(Cut::Failed("it was read too slowly, and others wait for the place".to_owned()));
            }
        }
        self.waited += began.elapsed();
        self.bytes += bytes;
        if self.bytes >= LEAST_BYTES {
            *self = Self::default();
        }
        Ok(())
    }
}

/// What decoders are told before the pieces of a run from a certain one.
struct Opening {
    picture: Option<Picture>,
    sound: Option<Sound>,
}

/// Which pieces of a run say next what decoders have to know: however often decoders begin anew, no piece is opened for it
/// twice.
#[derive(Default)]
struct Ahead {
    picture: Option<Next>,
    sound: Option<Next>,
}

/// The first piece of a kind that says so, from some piece on; none says so before it.
struct Next {
    from: usize,
    at: usize,
    shape: Option<Shape>,
}

impl Sending {
    /// Sends all of it, while there is somebody who fetches it; why it has no end, where it has none.
    async fn run(mut self) -> Result<(), Cut> {
        let to = self.to.clone();
        let done = tokio::select! {
            done = timeout(LONGEST, self.write()) => {
                done.unwrap_or_else(|_| Err(Cut::Failed("it was not done after twelve hours".to_owned())))
            }
            () = to.closed() => Err(Cut::Left),
        };
        match &done {
            Ok(()) => {}
            Err(Cut::Left) => tracing::info!("whoever fetched a film went away"),
            Err(cut) => {
                tracing::warn!(recording = %self.export.on.id, why = cut.why(), "a film was broken off");
                self.broken.store(true, Ordering::Release);
            }
        }
        done
    }

    async fn write(&mut self) -> Result<(), Cut> {
        let export = Arc::clone(&self.export);
        self.size = size(&self.api, &mut self.caller, &export).await?;
        let (mut joined, mut begins_us, mut changes) = (Joined::default(), 0, 0);
        let has_sound = export.runs.iter().any(|run| run.has(Kind::Sound));
        for run in &export.runs {
            let (mut ahead, mut from, mut reached_us) = (Ahead::default(), 0, 0);
            while let Some(piece) = run.pieces.get(from) {
                // Where sound changes, pictures that were shown reach over that, and have gone.
                let from_us = run.at_us(piece.start_us).max(reached_us);
                if from_us >= run.lasts_us() {
                    break;
                }
                changes += u32::from(from > 0);
                if changes > CHANGES {
                    return Err(Cut::Failed(format!("its codecs change more often than {CHANGES} times")));
                }
                joined.begin(begins_us + from_us).map_err(no_film)?;
                let opening = Opening {
                    picture: match ahead.next(self, (run, from), Kind::Picture).await? {
                        Some(Shape::Picture(picture)) => Some(picture),
                        _ => None,
                    },
                    sound: match ahead.next(self, (run, from), Kind::Sound).await? {
                        Some(Shape::Sound(sound)) => Some(sound),
                        _ => None,
                    },
                };
                let part = Part { run, from, begins_us: from_us };
                (from, reached_us) = self.part(part, opening, has_sound, &mut joined).await?;
            }
            begins_us += run.lasts_us();
        }
        Ok(())
    }

    /// Sends the film of a run from a piece on, up to where decoders would have to begin anew: the number of the piece there,
    /// and up to when in the run there were pictures.
    async fn part(
        &mut self,
        part: Part<'_>,
        opening: Opening,
        has_sound: bool,
        joined: &mut Joined,
    ) -> Result<(usize, u64), Cut> {
        let (width, height) = self.size;
        let film = Film {
            width,
            height,
            picture: opening.picture.is_some(),
            sound: has_sound.then_some(opening.sound.is_some()),
            lasts_us: part.run.lasts_us().saturating_sub(part.begins_us),
        };
        let (give, pieces) = mpsc::channel(1);
        let (made, mut film_pieces) = mpsc::channel::<Bytes>(1);
        let feed = feed((&self.api, &mut self.caller, &self.export), part, opening, give);
        let (to, pace) = (&self.to, &mut self.pace);
        let take = async move {
            while let Some(piece) = film_pieces.recv().await {
                let some = joined.take(&piece).map_err(no_film)?;
                if !some.is_empty() {
                    pace.send(to, some).await?;
                }
            }
            Ok::<_, Cut>(())
        };
        let film = self.api.confined.film(&self.room.place, film, pieces, made);
        let (done, next, taken) = tokio::join!(film, feed, take);
        taken?;
        let next = next?;
        done.map_err(|error| Cut::Failed(error.to_string()))?;
        Ok(next)
    }
}

/// Pieces of a run from one on, and when in the run their film begins, in microseconds.
#[derive(Clone, Copy)]
struct Part<'r> {
    run: &'r Run,
    from: usize,
    begins_us: u64,
}

/// Gives the pieces of a run from one on to whoever decodes them, up to where decoders would have to begin anew: the number
/// of the piece there, and up to when in the run there were pictures.
async fn feed(
    (api, caller, export): (&Api, &mut Caller, &Export),
    Part { run, from, begins_us }: Part<'_>,
    opening: Opening,
    give: mpsc::Sender<Bytes>,
) -> Result<(usize, u64), Cut> {
    let (stream, head) = Stream::begin(opening.picture, opening.sound);
    let (end, mut reached_us) = (run.pieces.len(), begins_us);
    // Whoever takes it no more says why at its own end.
    if give.send(head.into()).await.is_err() {
        return Ok((end, reached_us));
    }
    for (number, piece) in run.pieces.iter().enumerate().skip(from) {
        let Some(bytes) = open(api, caller, export, *piece).await? else { continue };
        let Ok(media) = Media::parse(&bytes, piece.kind) else { continue };
        let in_run_us = |since_us: u64| run.at_us(piece.start_us.saturating_add_unsigned(since_us));
        match stream.piece(&media, |since_us| in_run_us(since_us).saturating_sub(begins_us)) {
            Ok(written) if written.is_empty() => {}
            Ok(written) => {
                if piece.kind == Kind::Picture {
                    reached_us = reached_us.max(in_run_us(lasts_us(&media)));
                }
                if give.send(written.into()).await.is_err() {
                    break;
                }
            }
            Err(StreamError::Otherwise) if number > from => return Ok((number, reached_us)),
            Err(_) => {}
        }
    }
    Ok((end, reached_us))
}

/// From the beginning of a segment of pictures to the end of its last, in microseconds.
fn lasts_us(media: &Media<'_>) -> u64 {
    let chunks = media.chunks();
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return 0 };
    last.timestamp_us.abs_diff(first.timestamp_us) + u64::from(last.duration_us).max(PICTURE_US)
}

impl Ahead {
    /// What the next piece of a kind says that decoders have to know, from a piece of the run on.
    async fn next(
        &mut self,
        sending: &mut Sending,
        (run, from): (&Run, usize),
        kind: Kind,
    ) -> Result<Option<Shape>, Cut> {
        let known = match kind {
            Kind::Picture => &mut self.picture,
            Kind::Sound => &mut self.sound,
        };
        let next = match known.take() {
            Some(next) if (next.from..=next.at).contains(&from) => next,
            _ => next(&sending.api, &mut sending.caller, &sending.export, (run, from), kind).await?,
        };
        Ok(known.insert(next).shape.clone())
    }
}

/// The first piece of a kind that says what decoders have to know, from a piece of the run on.
async fn next(
    api: &Api,
    caller: &mut Caller,
    export: &Export,
    (run, from): (&Run, usize),
    kind: Kind,
) -> Result<Next, Cut> {
    for (at, piece) in run.pieces.iter().enumerate().skip(from).filter(|(_, piece)| piece.kind == kind) {
        let Some(bytes) = open(api, caller, export, *piece).await? else { continue };
        let Ok(media) = Media::parse(&bytes, kind) else { continue };
        if !media.chunks().is_empty() {
            return Ok(Next { from, at, shape: Some(media.shape().clone()) });
        }
    }
    Ok(Next { from, at: run.pieces.len(), shape: None })
}

/// The size of the film: that of its first picture, made even, and smaller where it is very large.
async fn size(api: &Api, caller: &mut Caller, export: &Export) -> Result<(u32, u32), Cut> {
    for run in &export.runs {
        if let Some(Shape::Picture(picture)) = next(api, caller, export, (run, 0), Kind::Picture).await?.shape
        {
            let (width, height) = (u32::from(picture.width), u32::from(picture.height));
            let longer = width.max(height).max(SIDE);
            let even = |side: u32| (side * SIDE / longer).next_multiple_of(2).max(16);
            return Ok((even(width), even(height)));
        }
    }
    Err(Cut::Failed("it has no picture that can be read".to_owned()))
}

/// The bytes of a piece, while the session runs and the right holds; nothing of one that was erased or cannot be read.
async fn open(api: &Api, caller: &mut Caller, export: &Export, piece: Piece) -> Result<Option<Vec<u8>>, Cut> {
    still(api, caller).await?;
    match api.playback.exported(&caller.op, export, piece).await {
        Ok(bytes) => Ok(bytes),
        Err(
            error @ PlaybackError::Open(
                OpenError::Segment { .. } | OpenError::Unreadable { .. } | OpenError::Erased,
            ),
        ) => {
            tracing::warn!(recording = %export.on.id, sequence = piece.sequence, %error, "left out of a film");
            Ok(None)
        }
        Err(error) => Err(ApiError::from(error).into()),
    }
}

fn no_film(error: NoFilm) -> Cut {
    Cut::Failed(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    /// Reads a piece of so many bytes in each so many seconds, for so many pieces; how many it got.
    async fn read(bytes: usize, seconds: u64, pieces: usize) -> (usize, Option<Cut>) {
        let (to, mut from) = mpsc::channel(1);
        let mut pace = Pace::default();
        let reader = async move {
            let mut got = 0;
            while from.recv().await.is_some() {
                got += 1;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            got
        };
        let writer = async move {
            for _ in 0..pieces {
                if let Err(cut) = pace.send(&to, vec![0; bytes]).await {
                    return Some(cut);
                }
            }
            None
        };
        tokio::join!(reader, writer)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_a_film_too_slowly_gives_the_place_up() {
        // 64 KiB in each four seconds are more than 1 MiB in each minute and a bit; for two hours.
        let (got, cut) = read(64 * 1024, 3, 2400).await;
        assert!(got == 2400 && cut.is_none(), "{got}: {cut:?}");
        // A piece now and then, each before a minute is over.
        let (got, cut) = read(1024, 10, 2400).await;
        assert!(got < 10 && matches!(cut, Some(Cut::Failed(_))), "{got}: {cut:?}");
        // Whoever makes the film slowly is not waited for by anybody here.
        let (to, mut from) = mpsc::channel(1);
        let mut pace = Pace::default();
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            pace.send(&to, vec![0; 10]).await.unwrap();
            from.recv().await.unwrap();
        }
    }
}
