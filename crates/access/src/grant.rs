//! The proof of a decision, and what a proof can be about.

use std::marker::PhantomData;
use std::time::Duration;

use clerestory_audit::{Class, ObjectRef};
use clerestory_model::{
    ErasureId, HoldId, OrganisationId, PersonId, RecordingId, RequestId, SiteId, SubjectId, SupportGrantId,
};
use clerestory_store::recordings::ScopeFilter;
use clerestory_store::{About, Content, Kind, Place};

/// Something that can be done.
pub trait Action: Send + Sync + 'static {
    /// What it can be done to.
    type On: Object;
    /// Its name in the matrix and in the log.
    const NAME: &'static str;
    /// What the log classes it as.
    const CLASS: Class;
    /// What a grant for it opens.
    const OPENS: &'static [Kind];
    /// Whether it is a look at those rows of an organisation that lie within the caller's scope.
    const LISTS: bool = false;
    /// Another action whose scope tells whether the caller may know that the object exists.
    const SEEN_BY: Option<&'static str> = None;
    /// The recorded action a grant for this one continues, where it is not recorded by itself.
    const CONTINUES: Option<&'static str> = None;
    /// How long after the recorded action it may be continued; without end where none is said.
    const LASTS: Option<Duration> = None;
}

/// Something an action is done to.
pub trait Object: Copy + Send + Sync + 'static {
    /// Whose it is said to be. The decision checks it against the rows.
    fn organisation(&self) -> OrganisationId;
    /// How the log names it.
    fn logged(&self) -> ObjectRef;
    /// How the log names the object of the decision that a continued grant goes back to.
    fn decided_on(&self) -> ObjectRef {
        self.logged()
    }
    /// Whether a value about `about` is within it.
    fn includes(&self, about: &About) -> bool;
    /// The recording whose rows say who owns it, where it is one.
    fn recording(&self) -> Option<RecordingId> {
        None
    }
    /// Whether segments and manifests of this recording are within it.
    fn includes_recording(&self, recording: RecordingId) -> bool {
        self.recording() == Some(recording)
    }
    /// The site whose rows say who owns it, where it is one.
    fn site(&self) -> Option<SiteId> {
        None
    }
    /// The person it is, where it is one.
    fn person(&self) -> Option<PersonId> {
        None
    }
    /// Who looks, where it is a picture: the person may have said that nobody else sees it.
    fn asker(&self) -> Option<PersonId> {
        None
    }
    /// The subject it is, where it is one.
    fn subject(&self) -> Option<SubjectId> {
        None
    }
}

/// A whole organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganisationRef(pub OrganisationId);

/// One recording of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// The recording.
    pub id: RecordingId,
}

/// One recording of an organisation, as a list showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedRef(pub RecordingRef);

/// One site of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// The site.
    pub id: SiteId,
}

/// A recording that a site is sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadRef {
    /// The organisation of the site.
    pub organisation: OrganisationId,
    /// The site.
    pub site: SiteId,
    /// The recording.
    pub recording: RecordingId,
}

/// A recording that a browser sends of its person's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenRef {
    /// The organisation of the person.
    pub organisation: OrganisationId,
    /// The person.
    pub person: PersonId,
    /// The recording, which must be about them.
    pub recording: RecordingId,
}

/// A site that somebody who is signed in looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptsRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// The site.
    pub site: SiteId,
    /// Who looks.
    pub person: PersonId,
}

/// One person of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonRef {
    /// Their organisation.
    pub organisation: OrganisationId,
    /// Who.
    pub id: PersonId,
}

/// The picture of a person of an organisation, as somebody who is signed in sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureRef {
    /// Their organisation.
    pub organisation: OrganisationId,
    /// Whom it shows.
    pub id: PersonId,
    /// Who looks.
    pub asker: PersonId,
}

/// One subject of an organisation: whom recordings are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// Who.
    pub id: SubjectId,
}

/// One erasure of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasureRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// Which.
    pub id: ErasureId,
}

/// One hold of an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// Which.
    pub id: HoldId,
}

/// One request of a recorded person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// Which.
    pub id: RequestId,
    /// About whom, as its row says; nobody where there is no such row.
    pub subject: SubjectId,
}

/// One grant of support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupportRef {
    /// The organisation of the caller.
    pub organisation: OrganisationId,
    /// Which.
    pub id: SupportGrantId,
    /// Whom it lets in, as its row says; nobody where there is no such row.
    pub person: PersonId,
}

/// A recording that a request hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOutRef {
    /// The request.
    pub request: RequestRef,
    /// The recording, which must be about the subject of the request.
    pub recording: RecordingId,
}

fn object(kind: &str, id: &[u8; 16]) -> ObjectRef {
    ObjectRef { kind: kind.to_owned(), id: *id }
}

impl Object for OrganisationRef {
    fn organisation(&self) -> OrganisationId {
        self.0
    }
    fn logged(&self) -> ObjectRef {
        object("organisation", self.0.as_bytes())
    }
    fn includes(&self, _about: &About) -> bool {
        true
    }
    fn includes_recording(&self, _recording: RecordingId) -> bool {
        true
    }
}

impl Object for RecordingRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("recording", self.id.as_bytes())
    }
    /// Names around the recording (its site, who watched) may be shown with it; other recordings may not.
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Recording(recording) => *recording == self.id,
            About::AuditEntry { object, .. } => object == self.id.as_bytes(),
            _ => true,
        }
    }
    fn recording(&self) -> Option<RecordingId> {
        Some(self.id)
    }
}

impl Object for ListedRef {
    fn organisation(&self) -> OrganisationId {
        self.0.organisation
    }
    fn logged(&self) -> ObjectRef {
        self.0.logged()
    }
    fn decided_on(&self) -> ObjectRef {
        OrganisationRef(self.0.organisation).logged()
    }
    fn includes(&self, about: &About) -> bool {
        *about == About::Recording(self.0.id)
    }
    fn recording(&self) -> Option<RecordingId> {
        Some(self.0.id)
    }
}

impl Object for SiteRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("site", self.id.as_bytes())
    }
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Site(site) => *site == self.id,
            About::Recording(_) => false,
            _ => true,
        }
    }
    fn site(&self) -> Option<SiteId> {
        Some(self.id)
    }
}

impl Object for UploadRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("recording", self.recording.as_bytes())
    }
    fn decided_on(&self) -> ObjectRef {
        object("site", self.site.as_bytes())
    }
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Recording(recording) => *recording == self.recording,
            About::Site(site) => *site == self.site,
            _ => false,
        }
    }
    fn recording(&self) -> Option<RecordingId> {
        Some(self.recording)
    }
    fn site(&self) -> Option<SiteId> {
        Some(self.site)
    }
}

impl Object for ScreenRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("recording", self.recording.as_bytes())
    }
    fn decided_on(&self) -> ObjectRef {
        object("person", self.person.as_bytes())
    }
    /// Who watches may be shown with it.
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Recording(recording) => *recording == self.recording,
            About::Person(_) => true,
            _ => false,
        }
    }
    fn recording(&self) -> Option<RecordingId> {
        Some(self.recording)
    }
}

impl Object for ReceiptsRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("site", self.site.as_bytes())
    }
    fn decided_on(&self) -> ObjectRef {
        object("person", self.person.as_bytes())
    }
    fn includes(&self, _about: &About) -> bool {
        false
    }
    fn site(&self) -> Option<SiteId> {
        Some(self.site)
    }
}

impl Object for PersonRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("person", self.id.as_bytes())
    }
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Person(person) => *person == self.id,
            About::Organisation => true,
            _ => false,
        }
    }
    fn person(&self) -> Option<PersonId> {
        Some(self.id)
    }
}

impl Object for PictureRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("person", self.id.as_bytes())
    }
    fn decided_on(&self) -> ObjectRef {
        object("person", self.asker.as_bytes())
    }
    fn includes(&self, about: &About) -> bool {
        *about == About::Person(self.id)
    }
    fn person(&self) -> Option<PersonId> {
        Some(self.id)
    }
    fn asker(&self) -> Option<PersonId> {
        Some(self.asker)
    }
}

impl Object for SubjectRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("subject", self.id.as_bytes())
    }
    fn includes(&self, _about: &About) -> bool {
        false
    }
    fn subject(&self) -> Option<SubjectId> {
        Some(self.id)
    }
}

impl Object for ErasureRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("erasure", self.id.as_bytes())
    }
    fn includes(&self, _about: &About) -> bool {
        false
    }
}

impl Object for HoldRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("hold", self.id.as_bytes())
    }
    /// Who proposed it and confirmed it may be shown with it.
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Hold(hold) => *hold == self.id,
            About::Person(_) => true,
            _ => false,
        }
    }
}

impl Object for RequestRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("request", self.id.as_bytes())
    }
    /// Who asked and decided, and what is known about the person beside their recordings, may be shown with it.
    fn includes(&self, about: &About) -> bool {
        match about {
            About::Request(request) => *request == self.id,
            About::Person(_) | About::Organisation => true,
            _ => false,
        }
    }
    fn includes_recording(&self, _recording: RecordingId) -> bool {
        false
    }
    fn subject(&self) -> Option<SubjectId> {
        Some(self.subject)
    }
}

impl Object for SupportRef {
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("support", self.id.as_bytes())
    }
    /// What the log says of the supporter may be shown with it, and the names around that.
    fn includes(&self, about: &About) -> bool {
        matches!(about, About::Person(_) | About::AuditEntry { .. } | About::Site(_))
    }
    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }
}

impl Object for HandedOutRef {
    fn organisation(&self) -> OrganisationId {
        self.request.organisation
    }
    fn logged(&self) -> ObjectRef {
        object("recording", self.recording.as_bytes())
    }
    fn decided_on(&self) -> ObjectRef {
        self.request.logged()
    }
    fn includes(&self, about: &About) -> bool {
        RecordingRef { organisation: self.request.organisation, id: self.recording }.includes(about)
    }
    fn recording(&self) -> Option<RecordingId> {
        Some(self.recording)
    }
    fn subject(&self) -> Option<SubjectId> {
        Some(self.request.subject)
    }
}

/// Proof that a rule allowed `A` on one object, and that the audit log says so.
///
/// Made only by [`crate::Access`]; never `Clone`, `Default`, deserialised or stored.
///
/// ```compile_fail
/// # use clerestory_access::{Grant, Play, RecordingRef};
/// # use clerestory_model::{OrganisationId, RecordingId};
/// let on = RecordingRef { organisation: OrganisationId::nil(), id: RecordingId::nil() };
/// let forged: Grant<Play> = Grant { on, entry: 1, rows: todo!(), action: std::marker::PhantomData };
/// ```
/// ```compile_fail
/// # use clerestory_access::{Grant, Play};
/// fn twice(grant: &Grant<Play>) -> Grant<Play> { grant.clone() }
/// ```
/// ```compile_fail
/// # use clerestory_access::{Grant, ListRecordings, Play};
/// fn widen(grant: Grant<ListRecordings>) -> Grant<Play> { grant }
/// ```
/// A function may ask for one, and does so by naming the action:
/// ```
/// # use clerestory_access::{Grant, Play};
/// fn needs(grant: &Grant<Play>) -> u64 { grant.entry() }
/// ```
#[must_use]
pub struct Grant<A: Action> {
    on: A::On,
    entry: u64,
    rows: ScopeFilter,
    action: PhantomData<fn() -> A>,
}

impl<A: Action> Grant<A> {
    /// Only a recorded decision calls this.
    pub(crate) fn decided(on: A::On, entry: u64, rows: ScopeFilter) -> Self {
        Self { on, entry, rows, action: PhantomData }
    }

    /// What it is for.
    pub fn on(&self) -> A::On {
        self.on
    }

    /// Which rows of the organisation lie within the scope that was decided.
    pub fn rows(&self) -> &ScopeFilter {
        &self.rows
    }

    /// The number of the entry that tells of the decision.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Whether it opens a `T` that stands at `place`.
    pub fn covers<T: Content>(&self, place: &Place) -> bool {
        place.organisation == self.on.organisation()
            && A::OPENS.contains(&T::KIND)
            && self.on.includes(&place.about)
    }

    /// Whether it opens segments of this recording.
    pub fn covers_segments(&self, organisation: OrganisationId, recording: RecordingId) -> bool {
        organisation == self.on.organisation()
            && A::OPENS.contains(&Kind::Segment)
            && self.on.includes_recording(recording)
    }

    /// Whether it opens manifests of this recording's parts.
    pub fn covers_manifests(&self, organisation: OrganisationId, recording: RecordingId) -> bool {
        organisation == self.on.organisation()
            && A::OPENS.contains(&Kind::Manifest)
            && self.on.includes_recording(recording)
    }
}
