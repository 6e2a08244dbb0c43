//! Opening the names around a recording or an entry, each once per answer, under the grant of the answer.

use std::collections::HashMap;

use clerestory_access::{Action, Grant, Object, OpContext, PictureRef, ShowPicture};
use clerestory_audit::forgetting::{Forgotten, MONTH_KEY};
use clerestory_audit::{ActorKind, Entry, Personal};
use clerestory_model::{
    ApiKeyId, KeyId, OrganisationId, PersonId, RecorderId, RecordingId, RecordingState, SiteId, Source,
    SubjectId, Timestamp,
};
use clerestory_playback::{Described, Viewing, panes};
use clerestory_sql::Tx;
use clerestory_store::recordings::Recording;
use clerestory_store::{Sealed, organisations, people, pictures, recordings, sites};
use clerestory_vault::OpenError;

use crate::Api;
use crate::dto::{
    AuditActor, AuditItem, AuditObject, NamedRef, PersonRef, Range, RecordingItem, RecordingShort,
    SubjectRef, Summary, Viewer, duration_us, visitor_label,
};
use crate::problem::ApiError;

/// Names opened so far under one grant.
pub(crate) struct Names<'a, A: Action> {
    api: &'a Api,
    grant: &'a Grant<A>,
    /// Who is shown them, where pictures stand beside names.
    shown_to: Option<&'a OpContext>,
    people: HashMap<PersonId, PersonRef>,
    sites: HashMap<SiteId, String>,
    /// Which months of logs were forgotten, once it was asked.
    forgotten: Option<Forgotten>,
}

impl<'a, A: Action> Names<'a, A> {
    pub(crate) fn new(api: &'a Api, grant: &'a Grant<A>) -> Self {
        let (people, sites) = (HashMap::new(), HashMap::new());
        Self { api, grant, shown_to: None, people, sites, forgotten: None }
    }

    /// The same with the pictures of those whom this caller may see.
    pub(crate) fn with_pictures(mut self, op: &'a OpContext) -> Self {
        self.shown_to = Some(op);
        self
    }

    /// Somebody's name; of somebody erased, that they were.
    pub(crate) async fn person(&mut self, tx: &mut Tx, id: PersonId) -> Result<PersonRef, ApiError> {
        if let Some(known) = self.people.get(&id) {
            return Ok(known.clone());
        }
        let person = people::find(tx, id).await?;
        let profile = match person.filter(|person| person.organisation == self.grant.on().organisation()) {
            Some(person) => match self.api.vault.open(tx, self.grant, &person.profile).await {
                Ok(profile) => Some(profile),
                Err(OpenError::Erased) => None,
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        let named = match profile {
            Some(profile) => {
                let picture = self.picture(tx, id).await?;
                PersonRef { id: id.to_string(), initials: profile.initials(), name: profile.name, picture }
            }
            None => PersonRef {
                id: id.to_string(),
                name: "Somebody no longer here".to_owned(),
                initials: "–".to_owned(),
                picture: None,
            },
        };
        self.people.insert(id, named.clone());
        Ok(named)
    }

    /// The version of somebody's picture, where they have one that may be shown.
    async fn picture(&self, tx: &mut Tx, id: PersonId) -> Result<Option<u64>, ApiError> {
        let Some((op, asker)) = self.shown_to.and_then(|op| Some((op, op.actor.person()?))) else {
            return Ok(None);
        };
        let Some(version) = pictures::version(tx, id).await? else { return Ok(None) };
        let on = PictureRef { organisation: self.grant.on().organisation(), id, asker };
        let shown = self.api.access.would_allow_in::<ShowPicture>(tx, op, on).await?;
        Ok(shown.then_some(version))
    }

    /// A site's name.
    pub(crate) async fn site(&mut self, tx: &mut Tx, id: SiteId) -> Result<String, ApiError> {
        if let Some(known) = self.sites.get(&id) {
            return Ok(known.clone());
        }
        let name = match sites::find(tx, id).await? {
            Some(site) => self.api.vault.open(tx, self.grant, &site.details).await?.name,
            None => "A site no longer here".to_owned(),
        };
        self.sites.insert(id, name.clone());
        Ok(name)
    }

    /// A recording as a list shows it.
    pub(crate) async fn item(
        &mut self,
        tx: &mut Tx,
        described: &Described,
        now: Timestamp,
    ) -> Result<RecordingItem, ApiError> {
        let recording = &described.recording;
        // Its key lives a little longer than the wish that it be erased; what is being erased shows nothing of itself.
        // On which page somebody is now is told to nobody who could not watch it either.
        let is_told =
            recording.state < RecordingState::PurgeQueued && self.shows_now(tx, recording, now).await?;
        let summary = match &recording.summary {
            Some(sealed) if is_told => Some(self.summary(tx, sealed).await?),
            _ => None,
        };
        let site = match recording.site {
            Some(id) => Some(NamedRef { id: id.to_string(), name: self.site(tx, id).await? }),
            None => None,
        };
        let mut viewers: Vec<PersonRef> = Vec::new();
        for viewing in &described.viewings {
            let person = self.person(tx, viewing.play.person).await?;
            if !viewers.iter().any(|known| known.id == person.id) {
                viewers.push(person);
            }
        }
        let segments: Vec<_> =
            described.tracks.iter().flat_map(|track| track.segments.iter().cloned()).collect();
        let gaps: Vec<_> = described.tracks.iter().flat_map(|track| track.gaps.iter().copied()).collect();
        let live = recording.is_live(now);
        Ok(RecordingItem {
            id: recording.id.to_string(),
            source: recording.source.to_string(),
            state: recording.state.to_string(),
            started_at: recording.started_at.to_string(),
            ended_at: (!live).then(|| recording.ended_at.to_string()),
            duration_us: duration_us(recording, now),
            size_bytes: recording.size_bytes,
            segments: recording.segments,
            site,
            subject: self.subject(tx, recording.subject).await?,
            summary,
            panes: panes(recording, &segments, &gaps, now)
                .iter()
                .map(|pane| pane.word().to_owned())
                .collect(),
            kept_until: Some(recording.kept_until.to_string()),
            viewers,
            live,
            preview: None,
            preview_state: None,
            preview_why: None,
        })
    }

    async fn shows_now(&self, tx: &mut Tx, recording: &Recording, now: Timestamp) -> Result<bool, ApiError> {
        if recording.source != Source::Screen || !recording.is_live(now) {
            return Ok(true);
        }
        match self.shown_to {
            Some(op) if op.actor.subject() == Some(recording.subject) => Ok(true),
            Some(op) => Ok(self.api.playback.shows_live(tx, op, recording).await?),
            None => Ok(false),
        }
    }

    /// A recording beside something that is about it; nothing where it is gone.
    pub(crate) async fn short(
        &mut self,
        tx: &mut Tx,
        id: RecordingId,
    ) -> Result<Option<RecordingShort>, ApiError> {
        let Some(recording) = recordings::find(tx, id).await? else { return Ok(None) };
        Ok(Some(RecordingShort {
            id: id.to_string(),
            source: recording.source.to_string(),
            started_at: recording.started_at.to_string(),
            duration_us: duration_us(&recording, self.api.clock.now()),
            subject: self.subject(tx, recording.subject).await?,
        }))
    }

    /// Whom a recording is about.
    pub(crate) async fn subject(&mut self, tx: &mut Tx, id: SubjectId) -> Result<SubjectRef, ApiError> {
        let (person, _) = organisations::person_of_subject(tx, id).await?;
        let person = match person {
            Some(person) => Some(self.person(tx, person).await?),
            None => None,
        };
        Ok(match person {
            Some(person) => SubjectRef { id: id.to_string(), label: person.name, person: Some(person.id) },
            None => SubjectRef { id: id.to_string(), label: visitor_label(id), person: None },
        })
    }

    async fn summary(
        &self,
        tx: &mut Tx,
        sealed: &clerestory_store::Sealed<recordings::Summary>,
    ) -> Result<Summary, ApiError> {
        let opened = self.api.vault.open(tx, self.grant, sealed).await?;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Summary {
            title: some(opened.title),
            url: some(opened.url),
            pages: opened.pages,
            clicks: opened.clicks,
            inputs: opened.inputs,
            errors: opened.errors,
        })
    }

    /// The reason in an entry of the log, where it has one.
    pub(crate) async fn reason(
        &self,
        tx: &mut Tx,
        (organisation, entry): (OrganisationId, u64),
    ) -> Result<Option<String>, ApiError> {
        let entry = self.api.access.audit().find(tx, organisation, entry).await?;
        Ok(match entry.and_then(|entry| entry.personal) {
            Some(sealed) => self.words(tx, &sealed).await?.and_then(|words| words.reason),
            None => None,
        })
    }

    /// The words of an entry; nothing where their key is gone.
    async fn words(&self, tx: &mut Tx, sealed: &Sealed<Personal>) -> Result<Option<Personal>, ApiError> {
        match self.api.vault.open(tx, self.grant, sealed).await {
            Ok(words) => Ok(Some(words)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The entry that says that the words of this one were forgotten.
    async fn forgotten_by(&mut self, tx: &mut Tx, entry: &Entry) -> Result<Option<u64>, ApiError> {
        if self.forgotten.is_none() {
            self.forgotten = Some(Forgotten::of(tx).await?);
        }
        Ok(self.forgotten.as_ref().and_then(|forgotten| forgotten.tells_of(entry)))
    }

    /// Somebody's watching, with the reason they gave.
    pub(crate) async fn viewer(&mut self, tx: &mut Tx, viewing: &Viewing) -> Result<Viewer, ApiError> {
        let (play, now) = (&viewing.play, self.api.clock.now());
        let reason = self.reason(tx, (play.organisation, play.entry)).await?;
        let ranges: Vec<Range> = viewing
            .ranges
            .iter()
            .map(|(from_us, to_us)| Range { from_us: *from_us, to_us: *to_us })
            .collect();
        Ok(Viewer {
            play: play.id.to_string(),
            person: self.person(tx, play.person).await?,
            started_at: play.started_at.to_string(),
            // Whoever closed the lid has not said that they stopped.
            ended_at: play
                .ended_at
                .or((play.expires_at <= now).then_some(play.expires_at))
                .map(|at| at.to_string()),
            reason,
            entry: play.entry,
            watched_us: ranges.iter().map(|range| range.to_us - range.from_us).sum(),
            ranges,
            copied: play.copied,
        })
    }

    /// An entry of the log, with names.
    pub(crate) async fn entry(&mut self, tx: &mut Tx, entry: &Entry) -> Result<AuditItem, ApiError> {
        let opened = match &entry.personal {
            Some(sealed) => self.words(tx, sealed).await?,
            None => Some(Personal::default()),
        };
        let (gone, forgotten_by) = match opened {
            Some(_) => (None, None),
            None => match self.forgotten_by(tx, entry).await? {
                Some(number) => (Some("forgotten"), Some(number)),
                None => (Some("lost"), None),
            },
        };
        let personal = opened.unwrap_or_default();
        let (kind, id, name) = match entry.actor_kind {
            ActorKind::Person => {
                let person = self.person(tx, PersonId::from_bytes(entry.actor)).await?;
                ("person", Some(person.id), Some(person.name))
            }
            ActorKind::Site => {
                let id = SiteId::from_bytes(entry.actor);
                ("site", Some(id.to_string()), Some(self.site(tx, id).await?))
            }
            ActorKind::Recorder => ("recorder", Some(RecorderId::from_bytes(entry.actor).to_string()), None),
            ActorKind::Key => ("key", Some(ApiKeyId::from_bytes(entry.actor).to_string()), None),
            ActorKind::System => ("system", None, Some("Clerestory".to_owned())),
            ActorKind::Anonymous => ("anonymous", None, None),
        };
        Ok(AuditItem {
            number: entry.number,
            time: entry.at.to_string(),
            action: entry.action.clone(),
            class_uid: entry.class.uid,
            activity_id: entry.class.activity,
            outcome: match entry.outcome {
                clerestory_audit::Outcome::Allowed => "allowed",
                clerestory_audit::Outcome::Refused => "refused",
                clerestory_audit::Outcome::Failed => "failed",
            }
            .to_owned(),
            rule: entry.rule.clone(),
            actor: AuditActor { kind: kind.to_owned(), id, name },
            object: self.object(tx, entry).await?,
            detail: personal.detail,
            reason: personal.reason,
            words: gone.map(str::to_owned),
            forgotten_by,
            previous_hash: hex::encode(entry.previous_hash),
            hash: hex::encode(entry.hash),
            request_id: entry.request_id.clone(),
        })
    }

    async fn object(&mut self, tx: &mut Tx, entry: &Entry) -> Result<AuditObject, ApiError> {
        use clerestory_model::{
            ErasureId, HoldId, OrganisationId, RecordingId, RequestId, SessionId, SupportGrantId,
        };
        let bytes = entry.object.id;
        let (id, label) = match entry.object.kind.as_str() {
            "recording" => (RecordingId::from_bytes(bytes).to_string(), None),
            "subject" => (SubjectId::from_bytes(bytes).to_string(), None),
            "erasure" => (ErasureId::from_bytes(bytes).to_string(), None),
            "hold" => (HoldId::from_bytes(bytes).to_string(), None),
            "request" => (RequestId::from_bytes(bytes).to_string(), None),
            "key" => (ApiKeyId::from_bytes(bytes).to_string(), None),
            "support" => (SupportGrantId::from_bytes(bytes).to_string(), None),
            "session" => (SessionId::from_bytes(bytes).to_string(), None),
            MONTH_KEY => (KeyId::from_bytes(bytes).to_string(), None),
            "site" => {
                let id = SiteId::from_bytes(bytes);
                let known = sites::find(tx, id).await?;
                let own = known.filter(|site| site.organisation == self.grant.on().organisation());
                let label = match own {
                    Some(_) => Some(self.site(tx, id).await?),
                    None => None,
                };
                (id.to_string(), label)
            }
            "person" => {
                let id = PersonId::from_bytes(bytes);
                let label = if bytes == [0; 16] { None } else { Some(self.person(tx, id).await?.name) };
                (id.to_string(), label)
            }
            _ => (OrganisationId::from_bytes(bytes).to_string(), None),
        };
        let id = (bytes != [0; 16]).then_some(id);
        Ok(AuditObject { kind: entry.object.kind.clone(), id, label })
    }
}
