//! Starting: a site key and an origin buy an ingest token for a visit, new or going on.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_access::{Actor, OpContext, SiteRef, StartCapture};
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_keys::{NewKey, NewSubjectKey, Purpose};
use clerestory_model::{
    KeyId, OrganisationId, RecordingId, RecordingState, RetentionClass, SiteId, Source, SubjectId, Timestamp,
    TrackId, TrackKind, WriterId,
};
use clerestory_seal::random;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::recordings::{self, Recording};
use clerestory_store::sites::{self, Site};
use clerestory_store::tracks::{self, Track};
use clerestory_store::{organisations, retention, segments};

use crate::origin::Origin;
use crate::policies::SignedPolicy;
use crate::tokens::IngestToken;
use crate::{Intake, IntakeError, SILENCE};

/// A spool key is replaced when it is this old; older ones open what they sealed for as long as they are kept.
const SPOOL_KEY_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Tabs of one visit at most.
const TABS: usize = 64;

/// What a recorder asks for at the start of a page.
#[derive(Clone, Debug)]
pub struct Start {
    /// The site's public key.
    pub site_key: String,
    /// The origin the browser says the page is of.
    pub origin: Origin,
    /// The tab.
    pub writer: WriterId,
    /// The token of the visit so far, if there is one.
    pub resume: Option<String>,
    /// The recorder's clock, milliseconds since the epoch.
    pub client_time_ms: i64,
    /// The request's id.
    pub request_id: String,
}

/// What it gets.
#[derive(Clone, Debug)]
pub struct Started {
    /// The ingest token.
    pub token: String,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// The visit.
    pub recording: RecordingId,
    /// The tab's track in it.
    pub track: TrackId,
    /// The number the tab goes on with.
    pub next_sequence: u64,
    /// Whether the visit is the one that was shown.
    pub continued: bool,
    /// The server's clock.
    pub server_time: Timestamp,
    /// The policy to follow.
    pub policy: SignedPolicy,
    /// The key spooled segments name.
    pub spool_key_id: KeyId,
    /// base64url of the raw public key spooled segments are sealed to.
    pub spool_public_key: String,
}

struct Begun {
    entry: u64,
    recording: RecordingId,
    track: TrackId,
    next_sequence: u64,
    continued: bool,
    spool_key: KeyId,
}

impl Intake {
    /// Begins or goes on with a visit.
    ///
    /// # Errors
    /// [`IntakeError::UnknownSite`], [`IntakeError::OriginNotAllowed`] (which is on record), [`IntakeError::TooMany`].
    pub async fn start(&self, start: Start) -> Result<Started, IntakeError> {
        let site = self.find_site(&start.site_key).await?;
        // The origin first: pages elsewhere must not use up what the site's own pages may ask for.
        self.check_origin(&site, &start).await?;
        self.check_room_on_disk()?;
        if self.shared.starts.check_key(&site.id).is_err() {
            return Err(IntakeError::TooMany);
        }
        let issued = self.issued(site.id, &start.request_id).await?;
        // A token that does not count begins a new visit: a recorder can do nothing better with the refusal.
        let resume = match &start.resume {
            Some(text) => self.resumable_token(text, &start.origin).await.ok(),
            None => None,
        };
        let resume = resume.filter(|token| token.site == site.id).map(|token| token.recording);
        let begun = self.begin(&site, &start, resume, issued.signed.version).await?;
        let claims = IngestToken {
            site: site.id,
            organisation: site.organisation,
            recording: begun.recording,
            track: begun.track,
            entry: begun.entry,
            expires_at: self.token_expiry(),
        };
        Ok(Started {
            token: self.mint(&claims, &start.origin).await?,
            expires_at: claims.expires_at,
            recording: begun.recording,
            track: begun.track,
            next_sequence: begun.next_sequence,
            continued: begun.continued,
            server_time: self.clock.now(),
            policy: issued.signed.clone(),
            spool_key_id: begun.spool_key,
            spool_public_key: URL_SAFE_NO_PAD.encode(self.vault.spool_key(begun.spool_key).await?.public()),
        })
    }

    async fn check_origin(&self, site: &Site, start: &Start) -> Result<(), IntakeError> {
        let id = site.id;
        let origins: Vec<String> = self
            .database
            .read(move |tx| Box::pin(async move { sites::origins(tx, id).await }))
            .await
            .map_err(|error: SqlError| IntakeError::from(error))?;
        if origins.iter().any(|origin| origin == start.origin.as_str()) {
            return Ok(());
        }
        let entry = NewEntry {
            organisation: site.organisation,
            at: self.clock.now(),
            action: "capture.start",
            class: Class::API_CREATE,
            outcome: Outcome::Refused,
            rule: "origin not listed for the site".to_owned(),
            actor_kind: ActorKind::Anonymous,
            actor: [0; 16],
            object: ObjectRef { kind: "site".to_owned(), id: *site.id.as_bytes() },
            request_id: start.request_id.clone(),
            personal: None,
        };
        let denied = self.access.audit().deny(&self.database, Lane::Arrivals, entry).await;
        denied.map_err(clerestory_access::AccessError::from)?;
        Err(IntakeError::OriginNotAllowed)
    }

    async fn begin(
        &self,
        site: &Site,
        start: &Start,
        resume: Option<RecordingId>,
        policy_version: u64,
    ) -> Result<Begun, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, site, start, now) = (self.clone(), site.clone(), start.clone(), self.clock.now());
        self.database
            .write(Lane::Arrivals, move |tx| {
                Box::pin(async move {
                    let op = OpContext {
                        actor: Actor::Site { id: site.id, organisation: site.organisation },
                        request_id: start.request_id.clone(),
                        at: now,
                    };
                    let on = SiteRef { organisation: site.organisation, id: site.id };
                    let grant = match intake.access.decide::<StartCapture>(tx, &op, on, None).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, IntakeError>(Err(IntakeError::Refused(refused))),
                    };
                    // Before the visit, whose keys lock what a spool key may wait for.
                    let spool_key = intake.current_spool_key(tx, now).await?;
                    let going_on = match resume {
                        Some(id) => still_open(tx, id, site.id, now).await?,
                        None => None,
                    };
                    let continued = going_on.is_some();
                    let recording = match going_on {
                        Some(recording) => recording,
                        None => intake.new_visit(tx, &site, policy_version, now).await?,
                    };
                    let track = intake.track_of(tx, &recording, &start, now).await?;
                    Ok(Ok(Begun {
                        entry: grant.entry(),
                        recording: recording.id,
                        track: track.id,
                        next_sequence: segments::next_sequence(tx, track.id).await?,
                        continued,
                        spool_key,
                    }))
                })
            })
            .await?
    }

    async fn new_visit(
        &self,
        tx: &mut Tx,
        site: &Site,
        policy_version: u64,
        now: Timestamp,
    ) -> Result<Recording, IntakeError> {
        let subject = self.new_visitor(tx, site.organisation, now).await?;
        let recording = Recording {
            id: RecordingId::new(now, random()),
            organisation: site.organisation,
            project: site.project,
            site: Some(site.id),
            subject,
            source: Source::Web,
            state: RecordingState::Capturing,
            policy_version,
            started_at: now,
            ended_at: now,
            last_segment_at: now,
            kept_until: now.plus(retention::in_force(tx, site.project, RetentionClass::Replay).await?),
            size_bytes: 0,
            segments: 0,
            summary: None,
            summary_version: 0,
            summary_key: None,
        };
        recordings::insert(tx, &recording).await?;
        Ok(recording)
    }

    /// An unknown visitor: a subject with a key of its own, so that erasing the visit erases the visitor.
    pub(crate) async fn new_visitor(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<SubjectId, IntakeError> {
        let parent = organisations::find(tx, organisation).await?.map(|found| found.key);
        let subject = SubjectId::new(now, random());
        let class = RetentionClass::Replay;
        let new = NewSubjectKey { organisation, subject, class, parent, at: now };
        let key = self.vault.keys().make_subject(tx, new).await?;
        organisations::insert_subject(tx, organisation, subject, key, now).await?;
        Ok(subject)
    }

    async fn track_of(
        &self,
        tx: &mut Tx,
        recording: &Recording,
        start: &Start,
        now: Timestamp,
    ) -> Result<Track, IntakeError> {
        if let Some(track) = tracks::find_by_writer(tx, recording.id, TrackKind::Dom, start.writer).await? {
            return Ok(track);
        }
        // A visit has as many tracks as tabs; nobody opens hundreds.
        if tracks::of_recording(tx, recording.id).await?.len() >= TABS {
            return Err(IntakeError::TooMany);
        }
        let offset = now.micros().saturating_sub(Timestamp::from_millis(start.client_time_ms).micros());
        self.new_track(tx, recording, (TrackKind::Dom, start.writer), offset, now).await
    }

    /// A track of a writer, with its key under the subject's.
    pub(crate) async fn new_track(
        &self,
        tx: &mut Tx,
        recording: &Recording,
        (kind, writer): (TrackKind, WriterId),
        clock_offset_us: i64,
        now: Timestamp,
    ) -> Result<Track, IntakeError> {
        let class = class_of(recording.source, kind);
        let new = NewKey {
            organisation: recording.organisation,
            class,
            purpose: Purpose::Track,
            parent: organisations::subject_key(tx, recording.subject).await?,
            at: now,
        };
        let track = Track {
            id: TrackId::new(now, random()),
            recording: recording.id,
            organisation: recording.organisation,
            kind,
            writer,
            state: recording.state,
            class,
            key: self.vault.keys().make(tx, new).await?,
            clock_offset_us,
            kept_from: now,
            kept_until: match class {
                RetentionClass::Replay => recording.kept_until,
                class => now.plus(retention::in_force(tx, recording.project, class).await?),
            },
        };
        tracks::insert(tx, &track).await?;
        Ok(track)
    }

    pub(crate) async fn current_spool_key(&self, tx: &mut Tx, now: Timestamp) -> Result<KeyId, IntakeError> {
        Ok(self.vault.young_standing_key(tx, Purpose::Spool, now, SPOOL_KEY_LIFE).await?)
    }
}

/// What decides how long a track is kept.
const fn class_of(source: Source, kind: TrackKind) -> RetentionClass {
    match (source, kind) {
        (Source::Web, _) => RetentionClass::Replay,
        (Source::Screen, TrackKind::Actions) => RetentionClass::ActionLog,
        (Source::Screen, _) => RetentionClass::Recording,
        (Source::Desktop, TrackKind::Screenshots) => RetentionClass::Screenshot,
        (Source::Desktop, _) => RetentionClass::ActivityRaw,
        (Source::Live, _) => RetentionClass::EventVod,
    }
}

/// The visit, if it is of this site and not silent for half an hour. It is not closed until the transaction ends.
async fn still_open(
    tx: &mut Tx,
    id: RecordingId,
    site: SiteId,
    now: Timestamp,
) -> Result<Option<Recording>, SqlError> {
    let found = recordings::find_locked(tx, id, Lock::Share).await?;
    Ok(found.filter(|found| {
        found.site == Some(site)
            && found.state == RecordingState::Capturing
            && now.since(found.last_segment_at) < SILENCE
    }))
}
