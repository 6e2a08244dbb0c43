//! Beginning, going on with and ending a play.

use std::time::Duration;

use clerestory_access::{
    Actor, ContinuePlay, Follow, Grant, KeepFollowing, OpContext, OrganisationRef, Play, ReadHolds,
    RecordingRef,
};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_model::{KeyId, PersonId, PlayId, RecordingId, RecordingState, SessionId, Timestamp, TrackId};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::recordings::Recording;
use clerestory_store::segments::Segment;
use clerestory_store::{recordings, segments, tracks};
use clerestory_vault::{OpenError, StoreError};

use crate::content::{Found, SegmentContent};
use crate::describe::{Described, GapFact, SegmentFact, facts};
use crate::part::{self, Part};
use crate::rows::{self, PlayRow};
use crate::{Playback, PlaybackError};

/// A play in which nothing is watched for this long is over.
pub(crate) const IDLE: Duration = Duration::from_secs(15 * 60);
/// Reasons are cut to this many characters.
const REASON_CHARS: usize = 500;

/// A play that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The play.
    pub play: PlayRow,
    /// What it may watch.
    pub described: Described,
    /// When small pictures of it are, in microseconds since it began.
    pub preview_times: Vec<i64>,
}

/// What came to a recording that is followed.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Segments that were not known, with their tracks.
    pub segments: Vec<(TrackId, Vec<SegmentFact>)>,
    /// Every gap that was told, with its track: one grows while it lasts.
    pub gaps: Vec<(TrackId, GapFact)>,
    /// Microseconds it lasted, where it goes on no more.
    pub closed: Option<i64>,
}

/// Whether something in this state is shown to anybody.
pub(crate) fn plays(state: RecordingState) -> bool {
    matches!(state, RecordingState::Capturing | RecordingState::Active)
}

/// Whether it is still being recorded: to watch it then is a right of its own.
pub(crate) fn goes_on(recording: &Recording, now: Timestamp) -> bool {
    recording.is_live(now)
}

/// A reason that says something.
pub(crate) fn reason_of(text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.trim().chars().take(REASON_CHARS).collect::<String>());
    text.filter(|text| !text.is_empty())
}

impl Playback {
    /// Decides, records, and begins a play.
    ///
    /// # Errors
    /// [`PlaybackError::Refused`], which is on record too.
    pub async fn begin(
        &self,
        op: &OpContext,
        on: RecordingRef,
        reason: Option<String>,
    ) -> Result<Begun, PlaybackError> {
        self.begin_part(op, on, (reason, None)).await
    }

    /// As [`Self::begin`], of a part of the recording and no more, in microseconds since it began.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_part(
        &self,
        op: &OpContext,
        on: RecordingRef,
        (reason, part): (Option<String>, Option<(i64, i64)>),
    ) -> Result<Begun, PlaybackError> {
        let Actor::Person { id: person, session, .. } = op.actor else {
            return Err(PlaybackError::NotFound);
        };
        self.vault.hold_lease().await?;
        let begun = self.begin_once(op, on, (person, session), (reason, part)).await;
        if let Err(error @ PlaybackError::LiveViewOff) = &begun {
            self.access.tell_failed::<Follow>(op, on, error.to_string(), None).await?;
        }
        begun
    }

    async fn begin_once(
        &self,
        op: &OpContext,
        on: RecordingRef,
        (person, session): (PersonId, SessionId),
        (reason, part): (Option<String>, Option<Part>),
    ) -> Result<Begun, PlaybackError> {
        let (playback, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    // What is asked for first is asked of what somebody is, and of what is wanted, when it begins.
                    playback.access.audit().take_turn(tx, op.actor.organisation()).await?;
                    let reason = reason_of(reason);
                    let follow_entry = match playback.asks_first(tx, &op, on, reason.is_some()).await? {
                        Ok(entry) => entry,
                        Err(obstacle) => return Ok(Err(obstacle)),
                    };
                    let personal = reason.map(|text| Personal { reason: Some(text), ..Default::default() });
                    let grant = match playback.access.decide::<Play>(tx, &op, on, personal).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, PlaybackError>(Err(PlaybackError::Refused(refused))),
                    };
                    let mut described = playback.describe(tx, &grant, on.id).await?;
                    if !playback.is_shown(tx, &op, &described.recording).await? {
                        return Ok(Err(PlaybackError::Gone));
                    }
                    if let Some(part) = part {
                        part::narrow(&mut described, part);
                    }
                    let play = PlayRow {
                        id: PlayId::new(op.at, random()),
                        organisation: on.organisation,
                        recording: on.id,
                        person,
                        session,
                        entry: grant.entry(),
                        follow_entry,
                        started_at: op.at,
                        expires_at: op.at.plus(IDLE),
                        ended_at: None,
                        part,
                        copied: false,
                    };
                    rows::insert(tx, &play).await?;
                    recordings::note_play(tx, on.id).await?;
                    let preview_times = playback.preview_times(tx, on.id, part).await?;
                    Ok(Ok(Begun { play, described, preview_times }))
                })
            })
            .await?
    }

    /// What is asked before the decision of a caller who would be let in: whether they may watch it while it goes on, where
    /// it does, whether a second person agreed, and why. The entry of the first, or what is in the way; of being told that
    /// somebody is to agree, or to say why, nothing is on record.
    async fn asks_first(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RecordingRef,
        said_why: bool,
    ) -> Result<Result<Option<u64>, PlaybackError>, PlaybackError> {
        if !self.access.would_allow_in::<Play>(tx, op, on).await? {
            return Ok(Ok(None));
        }
        let recording = recordings::find(tx, on.id).await?.ok_or(PlaybackError::NotFound)?;
        let goes_on = goes_on(&recording, op.at);
        // Whoever will not be let in is not asked for a reason first.
        let may_follow = !goes_on || self.access.would_allow_in::<Follow>(tx, op, on).await?;
        if goes_on && may_follow && !self.shows_live(tx, op, &recording).await? {
            return Ok(Err(PlaybackError::LiveViewOff));
        }
        if may_follow {
            if let Some(seconding) = self.seconding(tx, op, on).await? {
                return Ok(Err(PlaybackError::SecondNeeded(seconding)));
            }
            if !said_why && self.is_on(tx, &recording, "view.reason_required").await? {
                return Ok(Err(PlaybackError::ReasonRequired));
            }
        }
        if !goes_on {
            return Ok(Ok(None));
        }
        let followed = self.access.decide::<Follow>(tx, op, on, None).await?;
        Ok(followed.map(|grant| Some(grant.entry())).map_err(PlaybackError::GoesOn))
    }

    /// The play, if it still runs, is this session's, and the rules still allow it; with the proof.
    pub(crate) async fn resume(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        id: PlayId,
    ) -> Result<(PlayRow, Grant<ContinuePlay>), PlaybackError> {
        let Actor::Person { session, .. } = op.actor else { return Err(PlaybackError::NotFound) };
        let play = rows::find(tx, id).await?.ok_or(PlaybackError::NotFound)?;
        if play.session != session {
            return Err(PlaybackError::NotFound);
        }
        if play.ended_at.is_some() || self.clock.now() >= play.expires_at {
            return Err(PlaybackError::PlayEnded);
        }
        let on = RecordingRef { organisation: play.organisation, id: play.recording };
        let grant = self.access.resume_in::<ContinuePlay>(tx, op, on, play.entry).await??;
        let recording = recordings::find(tx, play.recording).await?.ok_or(PlaybackError::NotFound)?;
        if !self.is_shown(tx, op, &recording).await? {
            return Err(PlaybackError::Gone);
        }
        if goes_on(&recording, self.clock.now()) {
            // One that began before this was asked for begins again.
            let entry = play.follow_entry.ok_or(PlaybackError::PlayEnded)?;
            let _following = self.access.resume_in::<KeepFollowing>(tx, op, on, entry).await??;
            if !self.shows_live(tx, op, &recording).await? {
                return Err(PlaybackError::PlayEnded);
            }
        }
        Ok((play, grant))
    }

    /// Whether a recording is shown to the caller: what was deleted only to those who keep the hold over it.
    async fn is_shown(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        recording: &Recording,
    ) -> Result<bool, PlaybackError> {
        if recording.state != RecordingState::SoftDeleted {
            return Ok(plays(recording.state));
        }
        let on = OrganisationRef(recording.organisation);
        if !self.access.would_allow_in::<ReadHolds>(tx, op, on).await? {
            return Ok(false);
        }
        let tracks = tracks::of_recording(tx, recording.id).await?;
        let keys: Vec<KeyId> = tracks.iter().map(|track| track.key).collect();
        Ok(self.vault.keys().pinned(tx, &keys).await?.is_some())
    }

    /// Puts on record that a play was not gone on with.
    pub(crate) async fn told<T>(&self, done: Result<T, PlaybackError>) -> Result<T, PlaybackError> {
        match done {
            Err(PlaybackError::Refused(refused)) => Err(self.access.tell(refused).await?.into()),
            done => done,
        }
    }

    /// One segment of a running play.
    ///
    /// # Errors
    /// [`PlaybackError::PlayEnded`], [`PlaybackError::Refused`], [`PlaybackError::NotFound`], [`PlaybackError::Open`].
    pub async fn segment(
        &self,
        op: &OpContext,
        play: PlayId,
        track: TrackId,
        sequence: u64,
    ) -> Result<SegmentContent, PlaybackError> {
        match self.segment_once(op, play, track, sequence).await {
            // It was settled between the look at its row and the reading: by now its row says where it lies.
            Err(PlaybackError::Open(OpenError::Unreadable { source: StoreError::Missing, .. })) => {
                self.segment_once(op, play, track, sequence).await
            }
            other => other,
        }
    }

    async fn segment_once(
        &self,
        op: &OpContext,
        play: PlayId,
        track: TrackId,
        sequence: u64,
    ) -> Result<SegmentContent, PlaybackError> {
        let (playback, op) = (self.clone(), op.clone());
        let found = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let (play, grant) = playback.resume(tx, &op, play).await?;
                    if let Some(part) = play.part {
                        let of_it =
                            tracks::find(tx, track).await?.filter(|of| of.recording == play.recording);
                        let of_it = of_it.ok_or(PlaybackError::NotFound)?;
                        if !part::has(tx, &of_it, sequence, part).await? {
                            return Err(PlaybackError::NotFound);
                        }
                    }
                    // Whether what was deleted is shown has been seen to.
                    let shown = |state| plays(state) || state == RecordingState::SoftDeleted;
                    Found::look(tx, grant, play.recording, (track, sequence), shown).await
                })
            })
            .await;
        let found = self.told(found).await?;
        self.unpack(&found, play).await
    }

    /// What arrived since: for each track the segments numbered from what `after` names, its gaps, and whether the
    /// recording still goes on. Goes through the decision like everything in a play.
    ///
    /// # Errors
    /// As [`Self::segment`].
    pub async fn news(
        &self,
        op: &OpContext,
        play: PlayId,
        after: Vec<(TrackId, u64)>,
    ) -> Result<News, PlaybackError> {
        let (playback, op) = (self.clone(), op.clone());
        let news = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let (play, _grant) = playback.resume(tx, &op, play).await?;
                    let recording = recordings::find(tx, play.recording).await?;
                    let recording = recording.ok_or(PlaybackError::NotFound)?;
                    let mut news = News::default();
                    for track in tracks::of_recording(tx, play.recording).await? {
                        let seen = after.iter().find(|(id, _)| *id == track.id);
                        let from = seen.map_or(0, |(_, sequence)| sequence.saturating_add(1));
                        let mut fresh = facts(tx, &track, from).await?;
                        if let Some(part) = play.part {
                            part::leave(track.kind, &mut fresh, part);
                        }
                        if !fresh.is_empty() {
                            news.segments.push((track.id, fresh));
                        }
                        let gaps = tracks::gaps(tx, track.id).await?;
                        let mut gaps: Vec<GapFact> = gaps.iter().map(Into::into).collect();
                        if let Some(part) = play.part {
                            part::clip(&mut gaps, part);
                        }
                        news.gaps.extend(gaps.into_iter().map(|gap| (track.id, gap)));
                    }
                    news.closed = (!goes_on(&recording, playback.clock.now()))
                        .then(|| recording.ended_at.micros() - recording.started_at.micros());
                    Ok(news)
                })
            })
            .await;
        self.told(news).await
    }

    /// Notes that a range was watched: an entry of the log, and a row the recorded person will see.
    ///
    /// # Errors
    /// [`PlaybackError::BadRange`], and as [`Self::segment`].
    pub async fn watched(
        &self,
        op: &OpContext,
        play: PlayId,
        range: (i64, i64),
    ) -> Result<(), PlaybackError> {
        if range.0 < 0 || range.1 < range.0 {
            return Err(PlaybackError::BadRange);
        }
        self.vault.hold_lease().await?;
        let (playback, op) = (self.clone(), op.clone());
        let noted = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    playback.access.audit().take_turn(tx, op.actor.organisation()).await?;
                    let (play, _grant) = playback.resume(tx, &op, play).await?;
                    let recording = recordings::find(tx, play.recording).await?;
                    let recording = recording.ok_or(PlaybackError::NotFound)?;
                    let length = recording.ended_at.micros().saturating_sub(recording.started_at.micros());
                    if range.0 > length.max(0) {
                        return Err(PlaybackError::BadRange);
                    }
                    let (from, to) = play.part.unwrap_or((0, length.max(0)));
                    if range.0 > to || range.1 < from {
                        return Err(PlaybackError::BadRange);
                    }
                    let range = (range.0.max(from), range.1.min(to).min(length.max(0)));
                    // A clip may lie where a recording that was quiet was thought to go on.
                    if range.1 < range.0 {
                        return Err(PlaybackError::BadRange);
                    }
                    if !rows::watched(tx, play.id, range, op.at.plus(IDLE)).await? {
                        return Err(PlaybackError::PlayEnded);
                    }
                    let detail = format!("{} s to {} s", range.0 / 1_000_000, range.1 / 1_000_000);
                    let entry = play_entry(&op, &play, "play.range", Some(detail));
                    playback.access.audit().append(tx, entry).await?;
                    Ok(())
                })
            })
            .await;
        self.told(noted).await
    }

    /// Ends a play. Ending one that has ended is fine.
    ///
    /// # Errors
    /// [`PlaybackError::NotFound`] for another session's.
    pub async fn end(&self, op: &OpContext, play: PlayId) -> Result<(), PlaybackError> {
        self.bases.forget(play);
        let (playback, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let Actor::Person { session, .. } = op.actor else {
                        return Err(PlaybackError::NotFound);
                    };
                    let found = rows::find(tx, play).await?.filter(|play| play.session == session);
                    let found = found.ok_or(PlaybackError::NotFound)?;
                    playback.access.audit().take_turn(tx, found.organisation).await?;
                    if rows::end(tx, play, op.at).await? {
                        let entry = play_entry(&op, &found, "play.ended", None);
                        playback.access.audit().append(tx, entry).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Counts the plays of a recording again, where its row was made anew.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn count_plays_again(&self, recording: RecordingId) -> Result<(), SqlError> {
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let plays = rows::count(tx, recording).await?;
                    recordings::set_plays(tx, recording, plays).await
                })
            })
            .await
    }

    /// The stored segment rows of a recording, for looking inside.
    ///
    /// # Errors
    /// [`PlaybackError::Sql`].
    pub async fn stored(&self, tx: &mut Tx, track: TrackId) -> Result<Vec<Segment>, SqlError> {
        segments::of_track(tx, track, 0, 10_000).await
    }
}

fn play_entry(op: &OpContext, play: &PlayRow, action: &'static str, detail: Option<String>) -> NewEntry {
    let (actor_kind, actor) = op.actor.logged();
    NewEntry {
        organisation: play.organisation,
        at: op.at,
        action,
        class: Class::RESOURCE_READ,
        outcome: Outcome::Allowed,
        rule: format!("play decided in entry {}", play.entry),
        actor_kind,
        actor,
        object: ObjectRef { kind: "recording".to_owned(), id: *play.recording.as_bytes() },
        request_id: op.request_id.clone(),
        personal: detail.map(|detail| Personal { detail: Some(detail), ..Default::default() }),
    }
}
