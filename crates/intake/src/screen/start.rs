//! Starting: a browser that may record its person's screen is given a recording, new or going on, and a token for it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_access::{Actor, OpContext, PersonRef, StartScreen};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_model::{
    KeyId, OrganisationId, PersonId, RecordingId, RecordingState, RetentionClass, Source, SubjectId,
    Timestamp, TrackId, TrackKind, WriterId,
};
use clerestory_seal::random;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::{retention, segments, tracks};

use super::policy::ScreenPolicy;
use crate::policies::SignedPolicy;
use crate::tokens::ScreenToken;
use crate::{Intake, IntakeError, SCREEN_SILENCE};

/// Runs of browsers in one recording at most, each with up to three tracks; a further one begins another recording.
const RUNS: usize = 64;
const TRACKS_OF_RUN: usize = 3;
/// A run that begins later than this begins another recording: none goes on for ever, as what goes on is kept.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A tab.
    Tab,
    /// A window.
    Window,
    /// The whole screen.
    Screen,
}

impl Surface {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tab => "tab",
            Self::Window => "window",
            Self::Screen => "screen",
        }
    }
}

/// What a browser asks for before it records.
#[derive(Clone, Debug)]
pub struct ScreenStart {
    /// This run of the browser.
    pub writer: WriterId,
    /// The token of the recording so far, if there is one.
    pub resume: Option<String>,
    /// The browser's clock, milliseconds since the epoch.
    pub client_time_ms: i64,
    /// What is recorded.
    pub surface: Surface,
    /// Whether sound is to be recorded too.
    pub audio: bool,
    /// The version of the notice that the person was shown.
    pub notice: Option<String>,
}

/// A track to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenTrack {
    /// Its id.
    pub id: TrackId,
    /// The number to go on with.
    pub next_sequence: u64,
}

/// What it gets.
#[derive(Clone, Debug)]
pub struct ScreenStarted {
    /// The ingest token.
    pub token: String,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// The recording.
    pub recording: RecordingId,
    /// Whether it is the one that was shown.
    pub continued: bool,
    /// Pictures.
    pub video: ScreenTrack,
    /// Sound, where it is recorded.
    pub audio: Option<ScreenTrack>,
    /// What the person does.
    pub actions: ScreenTrack,
    /// The server's clock.
    pub server_time: Timestamp,
    /// The policy to follow.
    pub policy: SignedPolicy,
    /// The key spooled segments name.
    pub spool_key_id: KeyId,
    /// base64url of the raw public key spooled segments are sealed to.
    pub spool_public_key: String,
}

/// A browser, as the decision knows it.
#[derive(Clone, Copy)]
struct Browser {
    organisation: OrganisationId,
    person: PersonId,
    subject: SubjectId,
}

struct Begun {
    entry: u64,
    recording: RecordingId,
    continued: bool,
    video: ScreenTrack,
    audio: Option<ScreenTrack>,
    actions: ScreenTrack,
    spool_key: KeyId,
    policy: Arc<ScreenPolicy>,
}

impl Intake {
    /// Begins or goes on with a recording of somebody's screen. One entry of the log tells of it.
    ///
    /// # Errors
    /// [`IntakeError::CaptureOff`], [`IntakeError::NoticeNeeded`], which are on record; [`IntakeError::TooMany`].
    pub async fn start_screen(
        &self,
        op: &OpContext,
        start: ScreenStart,
    ) -> Result<ScreenStarted, IntakeError> {
        let Actor::Recorder { id, organisation, person, subject } = op.actor else {
            return Err(IntakeError::Inner("finding whose screen it is"));
        };
        let browser = Browser { organisation, person, subject };
        self.check_room_on_disk()?;
        self.shared.screen_starts.check_key(&id).map_err(|_| IntakeError::TooMany)?;
        let signer = self.signer(organisation, &op.request_id).await?;
        // A token that does not count begins a new recording: a recorder can do nothing better with the refusal.
        let resume = match &start.resume {
            Some(text) => self.screen_token(text, true).await.ok(),
            None => None,
        };
        let resume = resume.filter(|token| token.recorder == id).map(|token| token.recording);
        let writer = start.writer;
        let begun = match self.begin_screen(op, browser, start, resume).await {
            Err(error @ (IntakeError::CaptureOff | IntakeError::NoticeNeeded { .. })) => {
                self.note_not_started(op, browser, &error).await?;
                return Err(error);
            }
            begun => begun?,
        };
        let claims = ScreenToken {
            recorder: id,
            person,
            organisation,
            recording: begun.recording,
            writer,
            entry: begun.entry,
            expires_at: self.token_expiry(),
        };
        let now = self.clock.now();
        Ok(ScreenStarted {
            token: self.mint_screen(&claims).await?,
            expires_at: claims.expires_at,
            recording: begun.recording,
            continued: begun.continued,
            video: begun.video,
            audio: begun.audio,
            actions: begun.actions,
            server_time: now,
            policy: begun.policy.sign(&signer, now)?,
            spool_key_id: begun.spool_key,
            spool_public_key: URL_SAFE_NO_PAD.encode(self.vault.spool_key(begun.spool_key).await?.public()),
        })
    }

    async fn begin_screen(
        &self,
        op: &OpContext,
        browser: Browser,
        start: ScreenStart,
        resume: Option<RecordingId>,
    ) -> Result<Begun, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, op) = (self.clone(), op.clone());
        self.database
            .write(Lane::Arrivals, move |tx| {
                Box::pin(async move {
                    let audit = intake.access.audit();
                    let turn = audit.take_turn(tx, browser.organisation).await;
                    turn.map_err(clerestory_access::AccessError::from)?;
                    let policy = intake.screen_policy_in(tx, &op).await?;
                    may_begin(&policy, &start)?;
                    // Without a token that counts it may be a start whose answer was lost: the run has begun already.
                    let resume = match resume {
                        None => begun_by(tx, browser.subject, start.writer).await?,
                        some => some,
                    };
                    let going_on = match resume {
                        Some(id) => still_open(tx, (id, start.writer), browser.subject, op.at).await?,
                        None => None,
                    };
                    let continued = going_on.is_some();
                    let id = going_on.as_ref().map_or_else(|| RecordingId::new(op.at, random()), |on| on.id);
                    let sound = start.audio && policy.audio;
                    let detail = tell(&start, sound, id);
                    let personal = Some(Personal { detail: Some(detail), ..Personal::default() });
                    let on = PersonRef { organisation: browser.organisation, id: browser.person };
                    let grant = match intake.access.decide::<StartScreen>(tx, &op, on, personal).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, IntakeError>(Err(IntakeError::Refused(refused))),
                    };
                    // Before the recording, whose keys lock what a spool key may wait for.
                    let spool_key = intake.current_spool_key(tx, op.at).await?;
                    let recording = match going_on {
                        Some(recording) => recording,
                        None => new_recording(tx, (id, browser), &policy, op.at).await?,
                    };
                    let open = async |tx: &mut Tx, kind| {
                        intake.track_of_run(tx, &recording, (kind, &start), op.at).await
                    };
                    Ok(Ok(Begun {
                        entry: grant.entry(),
                        recording: recording.id,
                        continued,
                        video: open(tx, TrackKind::Video).await?,
                        audio: match sound {
                            true => Some(open(tx, TrackKind::Audio).await?),
                            false => None,
                        },
                        actions: open(tx, TrackKind::Actions).await?,
                        spool_key,
                        policy,
                    }))
                })
            })
            .await?
    }

    async fn track_of_run(
        &self,
        tx: &mut Tx,
        recording: &Recording,
        (kind, start): (TrackKind, &ScreenStart),
        now: Timestamp,
    ) -> Result<ScreenTrack, IntakeError> {
        if let Some(track) = tracks::find_by_writer(tx, recording.id, kind, start.writer).await? {
            // What was erased at the end leaves no row, and its numbers are not taken again.
            let after_erased = tracks::after_erased(tx, track.id).await?.unwrap_or_default();
            let next_sequence = segments::next_sequence(tx, track.id).await?.max(after_erased);
            return Ok(ScreenTrack { id: track.id, next_sequence });
        }
        let client = Timestamp::from_millis(start.client_time_ms).micros();
        let offset = now.micros().saturating_sub(client);
        let track = self.new_track(tx, recording, (kind, start.writer), offset, now).await?;
        Ok(ScreenTrack { id: track.id, next_sequence: 0 })
    }

    /// Puts on record that nothing was begun, and why.
    async fn note_not_started(
        &self,
        op: &OpContext,
        browser: Browser,
        why: &IntakeError,
    ) -> Result<(), IntakeError> {
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation: browser.organisation,
            at: op.at,
            action: "capture.start",
            class: Class::API_CREATE,
            outcome: Outcome::Refused,
            rule: why.to_string(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "person".to_owned(), id: *browser.person.as_bytes() },
            request_id: op.request_id.clone(),
            personal: None,
        };
        let denied = self.access.audit().deny(&self.database, Lane::Arrivals, entry).await;
        Ok(denied.map_err(clerestory_access::AccessError::from)?)
    }
}

/// Whether the policy lets this person be recorded, and they were shown what is in force.
fn may_begin(policy: &ScreenPolicy, start: &ScreenStart) -> Result<(), IntakeError> {
    if !policy.recording {
        return Err(IntakeError::CaptureOff);
    }
    if policy.notice.is_none() || policy.notice != start.notice {
        return Err(IntakeError::NoticeNeeded { version: policy.notice.clone() });
    }
    Ok(())
}

fn tell(start: &ScreenStart, sound: bool, id: RecordingId) -> String {
    let sound = if sound { "with sound" } else { "without sound" };
    let notice = start.notice.as_deref().unwrap_or_default();
    format!("{}, {sound}, after notice {notice}, as {id}", start.surface.word())
}

async fn new_recording(
    tx: &mut Tx,
    (id, browser): (RecordingId, Browser),
    policy: &ScreenPolicy,
    now: Timestamp,
) -> Result<Recording, SqlError> {
    let mut kept_until = now;
    for class in [RetentionClass::Recording, RetentionClass::ActionLog] {
        kept_until = kept_until.max(now.plus(retention::in_force(tx, policy.project, class).await?));
    }
    let recording = Recording {
        id,
        organisation: browser.organisation,
        project: policy.project,
        site: None,
        subject: browser.subject,
        source: Source::Screen,
        state: RecordingState::Capturing,
        policy_version: policy.version,
        started_at: now,
        ended_at: now,
        last_segment_at: now,
        kept_until,
        size_bytes: 0,
        segments: 0,
        summary: None,
        summary_version: 0,
        summary_key: None,
    };
    recordings::insert(tx, &recording).await?;
    Ok(recording)
}

/// The recording that a run of somebody's browser has tracks in.
async fn begun_by(
    tx: &mut Tx,
    subject: SubjectId,
    writer: WriterId,
) -> Result<Option<RecordingId>, SqlError> {
    let sql = "SELECT t.recording_id FROM tracks t JOIN recordings r ON r.recording_id = t.recording_id
               WHERE t.writer_id = $1 AND r.subject_id = $2 AND r.source = $3 LIMIT 1";
    let values = [writer.into(), subject.into(), Source::Screen.into()];
    tx.query_opt(sql, &values).await?.map(|row| row.get(0)).transpose()
}

/// The recording, if it is about this person, not silent for a day, and takes this run: one that it has, or a further one
/// while it is no older than a day and has few. It is not closed until the transaction ends.
async fn still_open(
    tx: &mut Tx,
    (id, writer): (RecordingId, WriterId),
    subject: SubjectId,
    now: Timestamp,
) -> Result<Option<Recording>, SqlError> {
    let Some(found) = recordings::find_locked(tx, id, Lock::Share).await? else { return Ok(None) };
    let is_open = found.source == Source::Screen
        && found.subject == subject
        && found.state == RecordingState::Capturing
        && now.since(found.last_segment_at) < SCREEN_SILENCE;
    if !is_open {
        return Ok(None);
    }
    let tracks = tracks::of_recording(tx, id).await?;
    let has_it = tracks.iter().any(|track| track.writer == writer);
    let takes_more = now.since(found.started_at) < LONGEST && tracks.len() < RUNS * TRACKS_OF_RUN;
    Ok((has_it || takes_more).then_some(found))
}
