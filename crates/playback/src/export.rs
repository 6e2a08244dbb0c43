//! Taking a recording of a screen along as a film: who may, and its segments one by one, each decided about again. Its runs
//! follow one another, and where nothing was recorded nothing is shown.

use clerestory_access::{Action, Actor, ContinueExport, ExportRecording, OpContext, RecordingRef};
use clerestory_audit::Personal;
use clerestory_media::Kind;
use clerestory_model::{PlayId, RecordingState, Source, TrackId, TrackKind, WriterId};
use clerestory_seal::random;
use clerestory_sql::{Lane, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_vault::{OpenError, StoreError};

use crate::content::{Found, LONGEST_HOLE_US};
use crate::describe::{Described, DescribedTrack};
use crate::plays::{plays, reason_of};
use crate::rows::{self, PlayRow};
use crate::{Playback, PlaybackError};

/// What says of nothing how long it lasts is shown for so long.
const SHORTEST_US: i64 = 100_000;

/// A recording that is taken along.
#[derive(Clone, Debug)]
pub struct Export {
    /// Which one.
    pub on: RecordingRef,
    /// The entry that tells of the decision.
    pub entry: u64,
    /// When it began.
    pub started_at: clerestory_model::Timestamp,
    /// Microseconds that it lasts.
    length_us: i64,
    /// Whether it is about somebody else than whoever takes it along.
    of_others: bool,
    /// Its runs, in order.
    pub runs: Vec<Run>,
}

/// What one browser recorded from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its segments, in order of their times.
    pub pieces: Vec<Piece>,
    /// When something was recorded, in microseconds since the recording began: neither empty nor touching one another.
    kept: Vec<(i64, i64)>,
}

/// A segment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its track.
    pub track: TrackId,
    /// What it holds.
    pub kind: Kind,
    /// Its number.
    pub sequence: u64,
    /// Where it begins, in microseconds since the recording began.
    pub start_us: i64,
}

impl Run {
    /// Of the tracks of one writer; nothing where they hold nothing.
    fn of(tracks: &[&DescribedTrack]) -> Option<Self> {
        let (mut pieces, mut spans) = (Vec::new(), Vec::new());
        for described in tracks {
            let kind = match described.track.kind {
                TrackKind::Video => Kind::Picture,
                TrackKind::Audio => Kind::Sound,
                _ => continue,
            };
            let nexts = described.segments.iter().skip(1).map(|next| Some(next.start_us)).chain([None]);
            for (segment, next) in described.segments.iter().zip(nexts) {
                let end_us = segment.start_us.saturating_add(segment.duration_us.max(SHORTEST_US));
                // As in a play: what follows closely follows at once, unless it is told that something is missing.
                let is_cut = |next: i64| {
                    let mut gaps = described.gaps.iter();
                    gaps.any(|gap| gap.from_us < next && gap.to_us > segment.start_us + segment.duration_us)
                };
                let follows = next.filter(|next| next - end_us <= LONGEST_HOLE_US && !is_cut(*next));
                spans.push((segment.start_us, follows.map_or(end_us, |next| next.max(end_us))));
                let (track, sequence) = (described.track.id, segment.sequence);
                pieces.push(Piece { track, kind, sequence, start_us: segment.start_us });
            }
        }
        pieces.sort_by_key(|piece| piece.start_us);
        (!pieces.is_empty()).then(|| Self { pieces, kept: joined(spans) })
    }

    /// How long it lasts without what is left out, in microseconds.
    #[must_use]
    pub fn lasts_us(&self) -> u64 {
        self.kept.iter().map(|(from, to)| to.abs_diff(*from)).sum()
    }

    /// When in it a time of the recording is, both in microseconds. What lies in nothing is when something comes again.
    #[must_use]
    pub fn at_us(&self, time_us: i64) -> u64 {
        self.kept.iter().map(|(from, to)| time_us.clamp(*from, *to).abs_diff(*from)).sum()
    }

    /// Whether it has pieces of this kind.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.pieces.iter().any(|piece| piece.kind == kind)
    }
}

/// Spans that touch or overlap, as one.
fn joined(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (from, to) in spans {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// The runs of a recording, in the order in which they began.
fn runs(described: &Described) -> Vec<Run> {
    let mut writers: Vec<(WriterId, Vec<&DescribedTrack>)> = Vec::new();
    for track in described.tracks.iter().filter(|track| plays(track.track.state)) {
        match writers.iter_mut().find(|(writer, _)| *writer == track.track.writer) {
            Some((_, tracks)) => tracks.push(track),
            None => writers.push((track.track.writer, vec![track])),
        }
    }
    let mut runs: Vec<Run> = writers.iter().filter_map(|(_, tracks)| Run::of(tracks)).collect();
    runs.sort_by_key(|run| run.kept.first().copied());
    runs
}

impl Playback {
    /// Decides, records, and says what a recording is exported of. `able` says whether films can be made here at all, which
    /// is asked after the decision.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`], [`PlaybackError::WatchedOnly`], [`PlaybackError::NotExported`],
    /// [`PlaybackError::NoFfmpeg`] and [`PlaybackError::OnceOver`], which are on record too; and as [`Self::begin`].
    pub async fn begin_export(
        &self,
        op: &OpContext,
        on: RecordingRef,
        (reason, able): (Option<String>, bool),
    ) -> Result<Export, PlaybackError> {
        self.vault.hold_lease().await?;
        let (playback, inner) = (self.clone(), op.clone());
        let begun: Result<Export, PlaybackError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { playback.begin_export_once(tx, &inner, on, (reason, able)).await })
            })
            .await?;
        if let Err(
            error @ (PlaybackError::WatchedOnly
            | PlaybackError::NotExported
            | PlaybackError::NoFfmpeg
            | PlaybackError::OnceOver),
        ) = &begun
        {
            self.access.tell_failed::<ExportRecording>(op, on, error.to_string(), None).await?;
        }
        begun
    }

    /// An inner error is of something that was decided and recorded.
    async fn begin_export_once(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RecordingRef,
        (reason, able): (Option<String>, bool),
    ) -> Result<Result<Export, PlaybackError>, PlaybackError> {
        self.access.audit().take_turn(tx, op.actor.organisation()).await?;
        let reason = reason_of(reason);
        if self.access.would_allow_in::<ExportRecording>(tx, op, on).await? {
            let recording = recordings::find(tx, on.id).await?.ok_or(PlaybackError::NotFound)?;
            // Whoever was agreed to was agreed to for a look, of which nothing stays.
            if self.wants_second(tx, op, &recording).await? {
                return Ok(Err(PlaybackError::WatchedOnly));
            }
            if reason.is_none() && self.is_on(tx, &recording, "view.reason_required").await? {
                return Ok(Err(PlaybackError::ReasonRequired));
            }
        }
        let personal = reason.map(|text| Personal { reason: Some(text), ..Default::default() });
        let grant = match self.access.decide::<ExportRecording>(tx, op, on, personal).await? {
            Ok(grant) => grant,
            Err(refused) => return Ok(Err(PlaybackError::Refused(refused))),
        };
        let described = self.describe_whole(tx, &grant, on.id).await?;
        let recording = &described.recording;
        if !plays(recording.state) {
            return Ok(Err(PlaybackError::Gone));
        }
        let runs = runs(&described);
        if recording.source != Source::Screen || !runs.iter().any(|run| run.has(Kind::Picture)) {
            return Ok(Err(PlaybackError::NotExported));
        }
        // Also one whose recorder is not heard of any more: its end is not known, and more of it may come.
        if recording.state != RecordingState::Active {
            return Ok(Err(PlaybackError::OnceOver));
        }
        if !able {
            return Ok(Err(PlaybackError::NoFfmpeg));
        }
        Ok(Ok(Export {
            on,
            entry: grant.entry(),
            started_at: recording.started_at,
            length_us: recording.ended_at.micros().saturating_sub(recording.started_at.micros()).max(0),
            of_others: op.actor.subject() != Some(recording.subject),
            runs,
        }))
    }

    /// Notes that a film of it is given away, before its first byte is: whom it is about finds it among those who watched,
    /// as a copy of all of it.
    ///
    /// # Errors
    /// [`PlaybackError::Sql`]: nothing may be given away then.
    pub async fn note_export(&self, op: &OpContext, export: &Export) -> Result<(), PlaybackError> {
        let Actor::Person { id: person, session, .. } = op.actor else { return Ok(()) };
        if !export.of_others {
            return Ok(());
        }
        let (at, length_us) = (op.at, export.length_us);
        let play = PlayRow {
            id: PlayId::new(at, random()),
            organisation: export.on.organisation,
            recording: export.on.id,
            person,
            session,
            entry: export.entry,
            follow_entry: None,
            part: None,
            started_at: at,
            expires_at: at,
            ended_at: None,
            copied: true,
        };
        self.vault.hold_lease().await?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    rows::insert(tx, &play).await?;
                    rows::watched(tx, play.id, (0, length_us), at).await?;
                    rows::end(tx, play.id, at).await?;
                    recordings::note_play(tx, play.recording).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Whether the caller would be let take it along now, once they have proven who they are: nobody would where a second
    /// person is wanted. Nothing of it is on record.
    ///
    /// # Errors
    /// [`PlaybackError::Access`], [`PlaybackError::Sql`].
    pub async fn may_export(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (on, recording): (RecordingRef, &Recording),
    ) -> Result<bool, PlaybackError> {
        Ok(recording.source == Source::Screen
            && self.access.would_allow_asking::<ExportRecording>(tx, op, on).await?
            && !self.wants_second(tx, op, recording).await?)
    }

    /// The bytes of a segment that is exported, `clerestory media 1`; nothing of one that was erased since.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`], [`PlaybackError::Gone`] where the recording is; [`PlaybackError::Open`].
    pub async fn exported(
        &self,
        op: &OpContext,
        export: &Export,
        piece: Piece,
    ) -> Result<Option<Vec<u8>>, PlaybackError> {
        match self.exported_once(op, export, piece).await {
            // As in a play: it was settled between the look at its row and the reading.
            Err(PlaybackError::Open(OpenError::Unreadable { source: StoreError::Missing, .. })) => {
                self.exported_once(op, export, piece).await
            }
            other => other,
        }
    }

    async fn exported_once(
        &self,
        op: &OpContext,
        export: &Export,
        piece: Piece,
    ) -> Result<Option<Vec<u8>>, PlaybackError> {
        let (playback, op, on, entry) = (self.clone(), op.clone(), export.on, export.entry);
        self.vault.hold_lease().await?;
        let found = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let grant = playback.access.resume_in::<ContinueExport>(tx, &op, on, entry).await??;
                    let recording = recordings::find(tx, on.id).await?.ok_or(PlaybackError::Gone)?;
                    if recording.state != RecordingState::Active {
                        return Err(PlaybackError::Gone);
                    }
                    some(Found::look(tx, grant, on.id, (piece.track, piece.sequence), plays).await)
                })
            })
            .await;
        let Some(found) = self.told(found).await? else { return Ok(None) };
        self.bytes(&found).await.map(Some)
    }
}

/// A segment that is still there.
fn some<A: Action>(looked: Result<Found<A>, PlaybackError>) -> Result<Option<Found<A>>, PlaybackError> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(PlaybackError::Gone | PlaybackError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use clerestory_media::Kind;
    use clerestory_model::TrackId;

    use super::{Piece, Run, joined};

    #[test]
    fn what_is_left_out_takes_no_time() {
        let kept = joined(vec![(8_000, 9_000), (0, 2_000), (1_500, 4_000), (4_000, 5_000)]);
        assert_eq!(kept, [(0, 5_000), (8_000, 9_000)]);
        let piece = Piece { track: TrackId::nil(), kind: Kind::Picture, sequence: 0, start_us: 0 };
        let run = Run { pieces: vec![piece], kept };
        assert_eq!(run.lasts_us(), 6_000);
        let times = [-5, 0, 4_999, 6_000, 8_000, 8_500, 99_000];
        assert_eq!(times.map(|time| run.at_us(time)), [0, 0, 4_999, 5_000, 5_000, 5_500, 6_000]);
        assert!(run.has(Kind::Picture) && !run.has(Kind::Sound));
    }
}
