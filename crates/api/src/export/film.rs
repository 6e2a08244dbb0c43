//! A recording of a screen as a film: its segments are opened one by one, decided about again each time, and given to the
//! confined `ffmpeg`; what comes back is sent while it is made. Nothing of it is ever whole here, nor on a disk
//! ([decision 0035](../../../../docs/decisions/0035-a-foreign-program-confined.md)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use clerestory_confine::Film;
use clerestory_media::{Joined, Kind, Media, NoFilm, Picture, Shape, Sound, Stream, StreamError};
use clerestory_model::RecordingId;
use clerestory_playback::{Export, Piece, PlaybackError, Run};
use clerestory_vault::OpenError;
use tokio::sync::mpsc;

use super::archive::{Cut, send_on};
use super::{MP4, PIECES, Room, attachment, day, still};
use crate::Api;
use crate::caller::Caller;
use crate::problem::ApiError;
use crate::routes::deletions::not_deleted;

/// Pixels of a side at most; pictures of larger screens are made smaller.
const SIDE: u32 = 4096;

/// Decides whether the caller takes the recording along, and sends it. The answer begins with the first bytes of the film:
/// where none can be made, that is told.
pub(crate) async fn send(
    api: Api,
    mut caller: Caller,
    id: RecordingId,
    reason: Option<String>,
) -> Result<Response, ApiError> {
    let room = api.exports.take(caller.person)?;
    let asked = (reason, api.confined.has_ffmpeg());
    let export = match api.playback.begin_export(&caller.op, caller.recording(id), asked).await {
        // What was deleted is told of to whoever may restore it, and is not there for others.
        Err(error @ PlaybackError::Gone) => {
            not_deleted(&api, &caller.op, id).await?;
            return Err(error.into());
        }
        begun => begun?,
    };
    let name = format!("clerestory-{id}-{}.mp4", day(&export.started_at.to_string()));
    let size = size(&api, &mut caller, &export).await.map_err(|cut| told(&cut))?;
    let (to, mut pieces) = mpsc::channel(PIECES);
    let broken = Arc::new(AtomicBool::new(false));
    let sending = Sending { _room: room, broken: Arc::clone(&broken), api, caller, export, size, to };
    tokio::spawn(sending.run());
    let Some(first) = pieces.recv().await else { return Err(not_made()) };
    Ok(attachment((&name, MP4), Some(first), pieces, broken))
}

fn told(cut: &Cut) -> ApiError {
    tracing::warn!(?cut, "a film was not begun");
    not_made()
}

fn not_made() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "film-not-made",
        "No film could be made of it",
        "What the recorder sent cannot be decoded, or ffmpeg does not do its work. The recording is kept as it is.",
        "See whether it plays. The server's log says more; the health page says whether films can be made at all.",
    )
}

/// A film on its way.
struct Sending {
    /// Given back before the file's end is told.
    _room: Room,
    broken: Arc<AtomicBool>,
    api: Api,
    caller: Caller,
    export: Export,
    /// Pixels of a row, and rows.
    size: (u32, u32),
    to: mpsc::Sender<Bytes>,
}

/// What decoders are told before the pieces of a run from a certain one.
struct Opening {
    picture: Option<Picture>,
    sound: Option<Sound>,
}

impl Sending {
    async fn run(mut self) {
        let Err(cut) = self.write().await else { return };
        match cut {
            Cut::Left => tracing::info!("whoever fetched a film went away"),
            Cut::Failed(why) => {
                tracing::warn!(recording = %self.export.on.id, why, "a film was broken off");
                self.broken.store(true, Ordering::Release);
            }
        }
    }

    async fn write(&mut self) -> Result<(), Cut> {
        let (mut joined, mut begins_us) = (Joined::default(), 0);
        let has_sound = self.export.runs.iter().any(|run| run.has(Kind::Sound));
        for run in self.export.runs.clone() {
            let mut from = 0;
            while let Some(piece) = run.pieces.get(from) {
                let from_us = run.at_us(piece.start_us);
                joined.begin(begins_us + from_us).map_err(no_film)?;
                from = self.part(&run, from, has_sound, &mut joined).await?;
            }
            begins_us += run.lasts_us();
        }
        Ok(())
    }

    /// Sends the film of a run from a piece on, up to where decoders would have to begin anew: the number of the piece there.
    async fn part(
        &mut self,
        run: &Run,
        from: usize,
        has_sound: bool,
        joined: &mut Joined,
    ) -> Result<usize, Cut> {
        let opening = opening(&self.api, &mut self.caller, &self.export, (run, from)).await?;
        let begins_us = run.pieces.get(from).map_or(0, |piece| run.at_us(piece.start_us));
        let (width, height) = self.size;
        let film = Film {
            width,
            height,
            picture: opening.picture.is_some(),
            sound: has_sound.then_some(opening.sound.is_some()),
            lasts_us: run.lasts_us().saturating_sub(begins_us),
        };
        let (give, pieces) = mpsc::channel(1);
        let (made, mut film_pieces) = mpsc::channel::<Bytes>(1);
        let feed = feed((&self.api, &mut self.caller, &self.export), (run, from), opening, give);
        let to = &self.to;
        let take = async move {
            while let Some(piece) = film_pieces.recv().await {
                let some = joined.take(&piece).map_err(no_film)?;
                if !some.is_empty() {
                    send_on(to, some).await?;
                }
            }
            Ok::<_, Cut>(())
        };
        let (done, next, taken) = tokio::join!(self.api.confined.film(film, pieces, made), feed, take);
        taken?;
        let next = next?;
        done.map_err(|error| Cut::Failed(error.to_string()))?;
        Ok(next)
    }
}

/// Gives the pieces of a run from one on to whoever decodes them, up to where decoders would have to begin anew.
async fn feed(
    (api, caller, export): (&Api, &mut Caller, &Export),
    (run, from): (&Run, usize),
    opening: Opening,
    give: mpsc::Sender<Bytes>,
) -> Result<usize, Cut> {
    let (stream, head) = Stream::begin(opening.picture, opening.sound);
    let begins_us = run.pieces.get(from).map_or(0, |piece| run.at_us(piece.start_us));
    // Whoever takes it no more says why at its own end.
    if give.send(head.into()).await.is_err() {
        return Ok(run.pieces.len());
    }
    for (number, piece) in run.pieces.iter().enumerate().skip(from) {
        let Some(bytes) = open(api, caller, export, *piece).await? else { continue };
        let Ok(media) = Media::parse(&bytes, piece.kind) else { continue };
        let at_us = |since_us: u64| {
            let time_us = piece.start_us.saturating_add_unsigned(since_us);
            run.at_us(time_us).saturating_sub(begins_us)
        };
        match stream.piece(&media, at_us) {
            Ok(written) if written.is_empty() => {}
            Ok(written) => {
                if give.send(written.into()).await.is_err() {
                    break;
                }
            }
            Err(StreamError::Otherwise) if number > from => return Ok(number),
            Err(_) => {}
        }
    }
    Ok(run.pieces.len())
}

/// What decoders have to know of the first pieces of each kind, from one on.
async fn opening(
    api: &Api,
    caller: &mut Caller,
    export: &Export,
    (run, from): (&Run, usize),
) -> Result<Opening, Cut> {
    let mut opening = Opening { picture: None, sound: None };
    for kind in [Kind::Picture, Kind::Sound] {
        for piece in run.pieces.iter().skip(from).filter(|piece| piece.kind == kind) {
            let Some(bytes) = open(api, caller, export, *piece).await? else { continue };
            let Ok(media) = Media::parse(&bytes, kind) else { continue };
            if media.chunks().is_empty() {
                continue;
            }
            match media.shape() {
                Shape::Picture(picture) => opening.picture = Some(picture.clone()),
                Shape::Sound(sound) => opening.sound = Some(sound.clone()),
            }
            break;
        }
    }
    Ok(opening)
}

/// The size of the film: that of its first picture, made even, and smaller where it is very large.
async fn size(api: &Api, caller: &mut Caller, export: &Export) -> Result<(u32, u32), Cut> {
    for run in &export.runs {
        if let Some(picture) = opening(api, caller, export, (run, 0)).await?.picture {
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
