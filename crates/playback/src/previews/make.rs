//! Making previews: the first picture of segments, each of which a decoder can begin with, is decoded by the confined
//! `ffmpeg`.
//!
//! What is to be done stands in rows, and is safe to be done twice. Of what goes on only the picture that stands for it is
//! made; the others follow when it is over, or silent. What fails is tried three times; the recording is as it was.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clerestory_access::{Actor, Grant, MakePreviews, OpContext, RecordingRef};
use clerestory_confine::{ConfineError, Confined, Frames};
use clerestory_media::{Kind, Media, Picture, Shape, Stream};
use clerestory_model::{KeyId, RecordingId, RecordingState, Timestamp, TrackId, TrackKind};
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::pictures::Bytes;
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_vault::{OpenError, StoreError};

use super::rows::{self, Of, Pixels, PreviewRow, Stage, Work};
use super::{left, plays};
use crate::{Playback, PlaybackError};

/// Pixels of a row of the picture that stands for a recording, and of those beside its time.
const COVER_WIDTH: u32 = 320;
const WIDTH: u32 = 160;
/// Between two pictures beside the time lies at least this, in microseconds; more, where there would be too many.
const EVERY_US: i64 = 10_000_000;
const MOST: usize = 120;
/// Pictures that are decoded by one process.
const AT_ONCE: usize = 24;
/// Pictures of a recording that fail before the others are given up.
const BEARS: usize = 3;
/// A recording is begun with so often, and again after so long; one that nobody came back from waits as long.
const TRIES: u32 = 3;
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(600)];
const CLAIMED: Duration = Duration::from_secs(600);
/// What lies in the bin is looked at again after so long: it may have been taken back.
const IN_BIN: Duration = Duration::from_secs(3600);
/// Where there is nothing to see of a recording yet, it is looked at again after this.
const NOT_YET: Duration = Duration::from_secs(10);
/// Recordings that are looked through at once for what is not noted yet.
const LOOK: u32 = 500;
/// What came to a recording so long before the last look may have been committed after it.
const LATE: Duration = Duration::from_secs(600);

/// What came of a turn.
#[derive(Debug, Default)]
pub struct PreviewsMade {
    /// Recordings of which pictures were made.
    pub made: u64,
    /// Recordings of which none could be made this time.
    pub failed: u64,
    /// What this machine lacks, so that none can be made of any.
    pub obstacle: Option<ConfineError>,
    /// Recordings that were given up, and those whose pictures are all made, at the end of the turn.
    pub standing: (u64, u64),
}

/// Until when this process has looked for recordings without pictures, in each state that has them: all, to begin with.
#[derive(Debug, Default)]
pub(crate) struct Looked(Mutex<Option<Timestamp>>);

/// A recording whose turn it is.
struct Claim {
    work: Work,
    recording: Recording,
    /// It goes on no more: all of its pictures are made.
    whole: bool,
}

/// A segment of which a picture could be made.
#[derive(Clone)]
struct Shown {
    track: Track,
    segment: Segment,
}

/// A picture that was made.
struct Shot {
    row: PreviewRow,
    key: KeyId,
    jpeg: Vec<u8>,
}

/// What came of a recording.
enum Outcome {
    /// These, of which one stands for it.
    Made(Vec<Shot>),
    /// Nothing is there to be shown.
    Nothing,
    /// None could be made, and why.
    Failed(&'static str),
}

/// Why making stopped.
enum Stop {
    /// The machine lacks something.
    Machine(ConfineError),
    Playback(PlaybackError),
}

impl<E: Into<PlaybackError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Playback(error.into())
    }
}

impl Playback {
    /// Makes the previews that are due.
    ///
    /// # Errors
    /// [`PlaybackError`]: what was not made is tried again.
    pub async fn make_previews(&self, confined: &Confined) -> Result<PreviewsMade, PlaybackError> {
        let mut done = PreviewsMade::default();
        if !confined.has_ffmpeg() {
            return Ok(done);
        }
        self.look_for_work().await?;
        while let Some(claim) = self.claim().await? {
            match self.make(confined, &claim).await {
                Ok(Outcome::Failed(why)) => {
                    tracing::warn!(recording = %claim.recording.id, why, "no previews could be made");
                    done.failed += 1;
                    self.settle_claim(claim, Outcome::Failed(why)).await?;
                }
                Ok(outcome) => {
                    done.made += u64::from(matches!(outcome, Outcome::Made(_)));
                    self.settle_claim(claim, outcome).await?;
                }
                Err(Stop::Machine(error)) => {
                    self.give_back(claim).await?;
                    done.obstacle = Some(error);
                    break;
                }
                // It is due again after a while.
                Err(Stop::Playback(error @ PlaybackError::Sql(_))) => return Err(error),
                Err(Stop::Playback(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, recording = %claim.recording.id, "previews wait for another turn");
                    done.failed += 1;
                }
            }
        }
        let counts: Result<_, SqlError> =
            self.database.read(move |tx| Box::pin(async move { rows::counts(tx).await })).await;
        done.standing = counts?;
        Ok(done)
    }

    /// Notes recordings that have no pictures yet, or that grew since. After a start all are looked through once, and then
    /// those that something came to.
    async fn look_for_work(&self) -> Result<(), SqlError> {
        let now = self.clock.now();
        let before = *self.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = before.map_or(Timestamp::from_micros(i64::MIN), |before| before.minus(LATE));
        // What is deleted gets none, but it is remembered that it has none: it may be taken back.
        for state in [RecordingState::Capturing, RecordingState::Active, RecordingState::SoftDeleted] {
            let mut from = (since, RecordingId::nil());
            loop {
                let read = self
                    .database
                    .read(move |tx| Box::pin(async move { rows::unknown(tx, state, from, LOOK).await }));
                let found: Vec<(Timestamp, RecordingId, bool)> = read.await?;
                let new: Vec<RecordingId> =
                    found.iter().filter(|(_, _, new)| *new).map(|(_, id, _)| *id).collect();
                if !new.is_empty() {
                    self.note(new, now).await?;
                }
                match found.last() {
                    Some((at, id, _)) if found.len() >= LOOK as usize => from = (*at, *id),
                    _ => break,
                }
            }
        }
        *self.looked.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }

    async fn note(&self, new: Vec<RecordingId>, now: Timestamp) -> Result<(), SqlError> {
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    for id in &new {
                        // What is to be erased was forgotten already.
                        let found = recordings::find(tx, *id).await?;
                        if let Some(recording) =
                            found.filter(|found| found.state < RecordingState::PurgeQueued)
                        {
                            rows::note(tx, &recording, now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The next recording whose turn it is. Whoever has it is left alone with it for a while; one that was begun with often
    /// enough is given up.
    async fn claim(&self) -> Result<Option<Claim>, SqlError> {
        let now = self.clock.now();
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    while let Some((mut work, recording)) = rows::due(tx, now).await? {
                        // Another node may have been faster, and had the recording until now.
                        if rows::work_on(tx, recording.id).await?.as_ref() != Some(&work) {
                            continue;
                        }
                        if recording.state == RecordingState::SoftDeleted {
                            rows::set(tx, &work, now.plus(IN_BIN)).await?;
                            continue;
                        }
                        if work.tries >= TRIES {
                            give_up(&mut work, &recording, "Making them never came to an end.");
                            rows::set(tx, &work, now).await?;
                            continue;
                        }
                        work.tries += 1;
                        rows::set(tx, &work, now.plus(CLAIMED)).await?;
                        let whole = !recording.is_live(now);
                        return Ok(Some(Claim { work, recording, whole }));
                    }
                    Ok(None)
                })
            })
            .await
    }

    /// A try that was none: the machine could not do it.
    async fn give_back(&self, Claim { mut work, .. }: Claim) -> Result<(), SqlError> {
        work.tries -= 1;
        let next_at = self.clock.now().plus(CLAIMED);
        self.database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { rows::set(tx, &work, next_at).await }))
            .await
    }

    async fn make(&self, confined: &Confined, claim: &Claim) -> Result<Outcome, Stop> {
        let Recording { id, organisation, .. } = claim.recording;
        let read = self.database.read(move |tx| Box::pin(async move { everything_shown(tx, id).await }));
        let read: Result<Vec<Shown>, SqlError> = read.await;
        let all = read?;
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(Outcome::Nothing) };
        let op = OpContext {
            actor: Actor::System { organisation },
            request_id: String::new(),
            at: self.clock.now(),
        };
        let on = RecordingRef { organisation, id };
        let grant =
            self.access.authorize::<MakePreviews>(&op, on, None).await?.map_err(PlaybackError::from)?;
        let version = claim.work.version + 1;
        let mut making =
            Making { playback: self, confined, grant, version, bears: BEARS, bad: Vec::new(), why: None };
        let mut shots = Vec::new();
        let middle = all.get(all.len() / 2).unwrap_or(first);
        let mut candidates = vec![first, middle, last];
        candidates.dedup_by_key(|shown| (shown.track.id, shown.segment.sequence));
        for shown in candidates {
            shots = making.shots(&[shown], true).await?;
            if !shots.is_empty() || making.bears == 0 {
                break;
            }
        }
        if shots.is_empty() {
            return Ok(Outcome::Failed(making.why.unwrap_or("They cannot be made.")));
        }
        if claim.whole {
            making.bears = BEARS;
            let beside = making.shots(&chosen(&all), false).await?;
            shots.extend(beside);
        }
        Ok(Outcome::Made(shots))
    }

    /// Writes what was made, of what is still there under the key that it was made from; and how the work stands.
    async fn settle_claim(&self, claim: Claim, outcome: Outcome) -> Result<(), PlaybackError> {
        self.vault.hold_lease().await?;
        let (playback, now) = (self.clone(), self.clock.now());
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { playback.settle_in(tx, &claim, &outcome, now).await })
            })
            .await
    }

    async fn settle_in(
        &self,
        tx: &mut Tx,
        Claim { work, whole, recording: before }: &Claim,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), PlaybackError> {
        // Whoever erases something of it locks its row.
        let Some(recording) = recordings::find_locked(tx, before.id, Lock::Exclusive).await? else {
            return Ok(());
        };
        let now_so = rows::work_on(tx, recording.id).await?;
        let is_ours = |found: &Work| (found.tries, found.version) == (work.tries, work.version);
        let Some(mut work) = now_so.filter(is_ours).filter(|_| plays(recording.state)) else {
            // Something of it was erased, or another node has done it.
            return Ok(());
        };
        let mut next_at = now;
        match outcome {
            Outcome::Made(shots) => {
                rows::remove(tx, recording.id, !whole).await?;
                work.version += 1;
                self.keep(tx, recording.id, shots).await?;
                work.stage = if *whole { Stage::Made } else { Stage::Cover };
                // What came meanwhile is seen by that there is more.
                (work.segments, work.tries, work.why) = (before.segments, 0, None);
            }
            Outcome::Nothing if *whole => {
                (work.stage, work.segments, work.tries) = (Stage::Empty, before.segments, 0);
            }
            Outcome::Nothing => {
                work.tries = 0;
                next_at = now.plus(NOT_YET);
            }
            Outcome::Failed(why) => match AGAIN_AFTER.get((work.tries as usize).saturating_sub(1)) {
                Some(after) => next_at = now.plus(*after),
                None => give_up(&mut work, before, why),
            },
        }
        Ok(rows::set(tx, &work, next_at).await?)
    }

    async fn keep(&self, tx: &mut Tx, recording: RecordingId, shots: &[Shot]) -> Result<(), PlaybackError> {
        let all = tracks::of_recording(tx, recording).await?;
        let is_under =
            |shot: &&Shot| all.iter().any(|track| (track.id, track.key) == (shot.row.of.track, shot.key));
        let rows = shots.iter().filter(is_under).map(|shot| shot.row.clone()).collect();
        let kept: Vec<Of> = left(tx, recording, rows, plays).await?.iter().map(|row| row.of).collect();
        for shot in shots.iter().filter(|shot| kept.contains(&shot.row.of)) {
            let pixels = Pixels(Bytes(shot.jpeg.clone()));
            let sealed = self.vault.seal(tx, shot.key, shot.row.of.place(shot.row.version), &pixels).await?;
            rows::insert(tx, &shot.row, shot.key, &sealed).await?;
        }
        Ok(())
    }
}

fn give_up(work: &mut Work, recording: &Recording, why: &str) {
    (work.stage, work.segments, work.tries) = (Stage::Failed, recording.segments, 0);
    work.why = Some(why.to_owned());
}

/// The segments with pictures of a recording that are shown to anybody, in order of their times.
async fn everything_shown(tx: &mut Tx, id: RecordingId) -> Result<Vec<Shown>, SqlError> {
    let mut all = Vec::new();
    for track in tracks::of_recording(tx, id).await? {
        if track.kind != TrackKind::Video || !plays(track.state) {
            continue;
        }
        let erased = tracks::erased(tx, track.id).await?;
        let is_left = |segment: &Segment| {
            let of_it = |(from, to): &(u64, u64)| (*from..=*to).contains(&segment.sequence);
            !segment.only_tells_a_gap() && !erased.iter().any(of_it)
        };
        let segments = segments::of_track(tx, track.id, 0, u32::MAX).await?;
        let shown = segments.into_iter().filter(is_left);
        all.extend(shown.map(|segment| Shown { track: track.clone(), segment }));
    }
    all.sort_by_key(|shown| shown.segment.start_us);
    Ok(all)
}

/// Those of which a picture stands beside the time.
fn chosen(all: &[Shown]) -> Vec<&Shown> {
    let mut every_us = EVERY_US;
    loop {
        let (mut chosen, mut last_us) = (Vec::new(), None);
        for shown in all {
            let at_us = shown.segment.start_us;
            if last_us.is_none_or(|last_us: i64| at_us.saturating_sub(last_us) >= every_us) {
                chosen.push(shown);
                last_us = Some(at_us);
            }
        }
        if chosen.len() <= MOST {
            return chosen;
        }
        every_us = every_us / 4 * 5;
    }
}

/// The making of one recording's pictures.
struct Making<'p> {
    playback: &'p Playback,
    confined: &'p Confined,
    grant: Grant<MakePreviews>,
    version: u64,
    /// How many more may fail.
    bears: usize,
    /// Those that did.
    bad: Vec<(TrackId, u64)>,
    /// Why the last one failed.
    why: Option<&'static str>,
}

/// Pictures that one decoder decodes.
struct Together {
    picture: Picture,
    stream: Stream,
    head: Vec<u8>,
    rows: Vec<(PreviewRow, KeyId)>,
    pieces: Vec<Vec<u8>>,
}

impl Together {
    fn of(picture: &Picture) -> Self {
        let (stream, head) = Stream::begin(Some(picture.clone()), None);
        Self { picture: picture.clone(), stream, head, rows: Vec::new(), pieces: Vec::new() }
    }
}

impl Making<'_> {
    /// The pictures of these segments that can be made.
    async fn shots(&mut self, all: &[&Shown], cover: bool) -> Result<Vec<Shot>, Stop> {
        let (mut shots, mut together) = (Vec::new(), None::<Together>);
        for shown in all {
            if self.bears == 0 {
                break;
            }
            if self.bad.contains(&(shown.track.id, shown.segment.sequence)) {
                continue;
            }
            let Some(bytes) = self.open(shown).await? else { continue };
            let media = Media::parse(&bytes, Kind::Picture).ok();
            let Some((media, Shape::Picture(picture))) = media
                .as_ref()
                .map(|media| (media, media.shape()))
                .filter(|(media, _)| media.begins_with_key())
            else {
                self.fails(shown.track.id, shown.segment.sequence, "Its segments cannot be read.");
                continue;
            };
            let is_full = |some: &Together| some.picture != *picture || some.pieces.len() >= AT_ONCE;
            if let Some(full) = together.take_if(|some| is_full(some)) {
                shots.extend(self.decode(full).await?);
            }
            let some = together.get_or_insert_with(|| Together::of(picture));
            let at_us = some.pieces.len() as u64 * 1_000_000;
            if let Ok(piece) = some.stream.first_picture(media, at_us) {
                some.rows.push((self.row(shown, picture, cover), shown.track.key));
                some.pieces.push(piece);
            }
        }
        if let Some(rest) = together {
            shots.extend(self.decode(rest).await?);
        }
        Ok(shots)
    }

    fn row(&self, Shown { track, segment }: &Shown, picture: &Picture, cover: bool) -> PreviewRow {
        let width = if cover { COVER_WIDTH } else { WIDTH };
        let height = width * u32::from(picture.height) / u32::from(picture.width).max(1);
        PreviewRow {
            of: Of {
                organisation: track.organisation,
                recording: track.recording,
                track: track.id,
                sequence: segment.sequence,
                cover,
            },
            at_us: segment.start_us,
            width,
            height: height.clamp(width / 4, 2 * width),
            version: self.version,
        }
    }

    fn fails(&mut self, track: TrackId, sequence: u64, why: &'static str) {
        self.bears = self.bears.saturating_sub(1);
        self.bad.push((track, sequence));
        self.why = Some(why);
    }

    fn gives_none(&mut self, of: Of, error: ConfineError) -> Result<(), Stop> {
        // Nobody waits so long for the next one.
        if matches!(error, ConfineError::TimedOut) {
            self.bears = 0;
        }
        self.fails(of.track, of.sequence, told(error)?);
        Ok(())
    }

    /// The bytes of a segment; nothing of one that cannot be read.
    async fn open(&mut self, Shown { track, segment }: &Shown) -> Result<Option<Vec<u8>>, Stop> {
        let vault = &self.playback.vault;
        let mut opened = vault.open_segment(&self.grant, track, segment).await;
        if let Err(OpenError::Unreadable { source: StoreError::Missing, .. }) = opened {
            // It was settled meanwhile: by now its row says where it lies.
            let (id, sequence) = (track.id, segment.sequence);
            let read = self
                .playback
                .database
                .read(move |tx| Box::pin(async move { segments::find(tx, id, sequence).await }));
            let found: Result<Option<Segment>, SqlError> = read.await;
            if let Some(found) = found? {
                opened = vault.open_segment(&self.grant, track, &found).await;
            }
        }
        match opened {
            Ok(bytes) => Ok(Some(bytes)),
            Err(OpenError::Unreadable { source, .. }) if source.passes() => {
                Err(PlaybackError::Open(OpenError::Unreadable { sequence: segment.sequence, source }).into())
            }
            Err(OpenError::Segment { .. } | OpenError::Unreadable { .. } | OpenError::Erased) => {
                self.fails(track.id, segment.sequence, "Its segments cannot be read.");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Decodes them together, or where that fails each by itself.
    async fn decode(&mut self, together: Together) -> Result<Vec<Shot>, Stop> {
        let Together { head, rows, pieces, .. } = together;
        let Some((first, _)) = rows.first() else { return Ok(Vec::new()) };
        let frames = Frames { width: first.width, height: first.height, count: pieces.len() };
        let of_all: Vec<u8> = head.iter().chain(pieces.iter().flatten()).copied().collect();
        let failed = match self.confined.frames(frames, of_all.into()).await {
            Ok(all) => {
                let shots = rows.into_iter().zip(all);
                return Ok(shots.map(|((row, key), jpeg)| Shot { row, key, jpeg }).collect());
            }
            Err(error) => error,
        };
        if pieces.len() == 1 || matches!(failed, ConfineError::TimedOut) {
            self.gives_none(first.of, failed)?;
            return Ok(Vec::new());
        }
        // Nothing but the bytes may be to blame, or the others would fail as well.
        told(failed)?;
        let mut shots = Vec::new();
        for ((row, key), piece) in rows.into_iter().zip(pieces) {
            if self.bears == 0 {
                break;
            }
            let one = [head.as_slice(), &piece].concat();
            match self.confined.frames(Frames { count: 1, ..frames }, one.into()).await {
                Ok(all) => shots.extend(all.into_iter().map(|jpeg| Shot { row: row.clone(), key, jpeg })),
                Err(error) => self.gives_none(row.of, error)?,
            }
        }
        Ok(shots)
    }
}

/// Why bytes gave no picture, as people are told; or that it was not for the bytes.
fn told(error: ConfineError) -> Result<&'static str, Stop> {
    match error {
        ConfineError::Crashed(_) | ConfineError::WrongAnswer | ConfineError::Refused(_) => {
            Ok("What the recorder sent cannot be decoded.")
        }
        ConfineError::TimedOut => Ok("Decoding it took too long and was ended."),
        ConfineError::OutOfMemory | ConfineError::TooLarge(_) => {
            Ok("Decoding it wanted more memory than it may have, and was ended.")
        }
        ConfineError::Forbidden => Ok("What decoded it tried what it may not, and was ended."),
        ConfineError::Busy
        | ConfineError::NoFfmpeg
        | ConfineError::NoProgram(_)
        | ConfineError::Unconfined(_)
        | ConfineError::Start(_) => Err(Stop::Machine(error)),
    }
}
