//! Every action there is. Each has a row in `policies/matrix.toml`; a test holds the two lists equal.

use std::time::Duration;

use clerestory_audit::Class;

use clerestory_store::Kind;

use crate::grant::{
    Action, ErasureRef, HandedOutRef, HoldRef, ListedRef, OrganisationRef, PersonRef, PictureRef,
    ReceiptsRef, RecordingRef, RequestRef, ScreenRef, SiteRef, SubjectRef, SupportRef, UploadRef,
};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident($on:ty) = $word:literal, $class:ident, opens [$($kind:ident),*]
        $(, lists $rows:ident)? $(, seen by $seen:literal)? $(, continues $continues:literal $(for $seconds:literal)?)?;)+) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Action for $name {
            type On = $on;
            const NAME: &'static str = $word;
            const CLASS: Class = Class::$class;
            const OPENS: &'static [Kind] = &[$(Kind::$kind),*];
            $(const LISTS: bool = { let _ = stringify!($rows); true };)?
            $(const SEEN_BY: Option<&'static str> = Some($seen);)?
            $(const CONTINUES: Option<&'static str> = Some($continues);
            $(const LASTS: Option<Duration> = Some(Duration::from_secs($seconds));)?)?
        })+

        /// The names of all actions.
        pub const ALL_ACTIONS: &[&str] = &[$($word),+];
    };
}

actions! {
    /// Seeing recordings in a list: titles, sites, who watched.
    ListRecordings(OrganisationRef) = "recording.list", RESOURCE_READ, opens [Recording, Site, Person],
        lists rows;
    /// Seeing the same list again, a little later. Whether it is the same, the entry says.
    RefreshList(OrganisationRef) = "recording.list", RESOURCE_READ, opens [Recording, Site, Person, AuditEntry],
        lists rows, continues "recording.list" for 900;
    /// Seeing one recording's facts: tracks, gaps, who watched.
    ReadRecording(RecordingRef) = "recording.read", RESOURCE_READ, opens [Recording, Site, Person, AuditEntry];
    /// Watching a recording.
    Play(RecordingRef) = "recording.play", RESOURCE_READ, opens [Recording, Segment, Site, Person],
        seen by "recording.read";
    /// Seeing a small picture of a recording that a list showed: whoever may play it, as long as a list stands open and a
    /// ticket of it lasts.
    ShowListed(ListedRef) = "recording.play", RESOURCE_READ, opens [Preview], seen by "recording.read",
        continues "recording.list" for 1500;
    /// The same of a recording whose facts were shown.
    ShowRead(RecordingRef) = "recording.play", RESOURCE_READ, opens [Preview], seen by "recording.read",
        continues "recording.read" for 600;
    /// Going on watching inside a play that was decided and recorded.
    ContinuePlay(RecordingRef) = "recording.play", RESOURCE_READ, opens [Segment, Comment, Preview],
        continues "recording.play";
    /// Watching a recording while it goes on.
    Follow(RecordingRef) = "recording.follow", RESOURCE_READ, opens [], seen by "recording.read";
    /// Going on with that inside a play that began while the recording went on.
    KeepFollowing(RecordingRef) = "recording.follow", RESOURCE_READ, opens [], seen by "recording.read",
        continues "recording.follow";
    /// Taking a recording of a screen along as a film.
    ExportRecording(RecordingRef) = "recording.export", RESOURCE_READ, opens [], seen by "recording.read";
    /// Going on with a film that was decided and recorded.
    ContinueExport(RecordingRef) = "recording.export", RESOURCE_READ, opens [Segment],
        continues "recording.export";
    /// Asking a second person to agree to one's watching a recording.
    AskToWatch(RecordingRef) = "view.ask", ENTITY_CREATE, opens [], seen by "recording.read";
    /// Agreeing to somebody else's watching, or not.
    AnswerViews(OrganisationRef) = "view.answer", ENTITY_UPDATE, opens [AuditEntry, Person, Organisation],
        seen by "view.answer";
    /// Seeing what people said of a recording.
    ReadComments(RecordingRef) = "recording.comment", RESOURCE_READ, opens [Comment, Person],
        seen by "recording.read";
    /// Saying something of a recording, changing it, taking it away.
    WriteComment(RecordingRef) = "recording.comment", RESOURCE_UPDATE, opens [Comment, Person],
        seen by "recording.read";
    /// Seeing the clips of a recording.
    ReadClips(RecordingRef) = "recording.clip", RESOURCE_READ, opens [Comment, Person],
        seen by "recording.read";
    /// Seeing clips where recordings stand in an order of their own.
    ListClips(OrganisationRef) = "recording.clip", RESOURCE_READ, opens [], lists rows;
    /// Making a clip of a recording, changing it, taking it away.
    MakeClip(RecordingRef) = "recording.clip", RESOURCE_UPDATE, opens [Comment, Person],
        seen by "recording.read";
    /// Seeing whether a recording is to be reviewed, or was.
    ReadReview(RecordingRef) = "recording.review", RESOURCE_READ, opens [Comment, Person],
        seen by "recording.read";
    /// Saying that a recording is to be reviewed, or was.
    Review(RecordingRef) = "recording.review", RESOURCE_UPDATE, opens [Comment, Person],
        seen by "recording.read";
    /// Seeing which recordings are to be reviewed, and which were.
    ListReviews(OrganisationRef) = "recording.review", RESOURCE_READ, opens [Comment, Person], lists rows;
    /// Seeing playlists, with what of them one may see.
    ReadPlaylists(OrganisationRef) = "playlist.manage", RESOURCE_READ, opens [Playlist, Comment, Person],
        lists rows;
    /// Making a playlist, changing it, taking it away.
    ManagePlaylists(OrganisationRef) = "playlist.manage", RESOURCE_UPDATE, opens [Playlist, Comment, Person],
        lists rows;
    /// Seeing on which days of a month somebody was recorded, and for how long.
    ReadCalendar(PersonRef) = "recording.list", RESOURCE_READ, opens [], seen by "person.read";
    /// Seeing where a recording lies, as it lies, and what is said of it in the log.
    InspectRecording(RecordingRef) = "recording.inspect", RESOURCE_READ, opens [AuditEntry, Person, Site],
        seen by "recording.read";
    /// Erasing a recording, one of its tracks, or a part of it.
    EraseRecording(RecordingRef) = "recording.erase", RESOURCE_DELETE, opens [], seen by "recording.read";
    /// Erasing a person or visitor, with every recording about them and their account.
    EraseSubject(SubjectRef) = "subject.erase", ENTITY_DELETE, opens [], seen by "recording.read";
    /// Erasing the whole organisation.
    EraseOrganisation(OrganisationRef) = "organisation.erase", ENTITY_DELETE, opens [];
    /// Seeing which erasures there are.
    ListErasures(OrganisationRef) = "erasure.read", ENTITY_READ, opens [Proposal, Person];
    /// Seeing how far an erasure is, and its receipt.
    ReadErasure(ErasureRef) = "erasure.read", ENTITY_READ, opens [], seen by "recording.list";
    /// Destroying the keys of an erasure that was decided, and what they sealed.
    CarryOutErasure(ErasureRef) = "maintain.erase", ENTITY_DELETE, opens [];
    /// Deleting a recording so that it can be restored for a month.
    DeleteRecording(RecordingRef) = "recording.delete", RESOURCE_DELETE, opens [], seen by "recording.read";
    /// Restoring a recording that was deleted. To others it is not there.
    RestoreRecording(RecordingRef) = "recording.restore", RESOURCE_UPDATE, opens [];
    /// Seeing what was deleted and can be restored.
    ListDeleted(OrganisationRef) = "recording.restore", RESOURCE_READ, opens [Recording, Site, Person], lists rows;
    /// Proposing that something must not be erased.
    ProposeHold(OrganisationRef) = "hold.place", ENTITY_CREATE, opens [Hold, Person];
    /// Confirming or withdrawing what was proposed about a hold, or proposing its release.
    DecideHold(HoldRef) = "hold.place", ENTITY_UPDATE, opens [Hold, Person], seen by "hold.read";
    /// Seeing which holds there are, and why.
    ReadHolds(OrganisationRef) = "hold.read", ENTITY_READ, opens [Hold, Person];
    /// Queueing what has fallen due, or was deleted long enough ago, to be erased.
    Sweep(OrganisationRef) = "maintain.sweep", RESOURCE_DELETE, opens [];
    /// Seeing how long what is kept, and what a change of it would do.
    ReadRetention(OrganisationRef) = "retention.read", ENTITY_READ, opens [];
    /// Letting a sweep go on that would erase far more than was expected.
    ConfirmSweep(OrganisationRef) = "retention.confirm", ENTITY_UPDATE, opens [];
    /// Sealing anew what stays of a track of which a part is erased, and what was said of what stays.
    ResealSurvivors(RecordingRef) = "maintain.reseal", RESOURCE_UPDATE, opens [Segment, Comment];
    /// Making small pictures of what a recording of a screen shows.
    MakePreviews(RecordingRef) = "maintain.preview", RESOURCE_UPDATE, opens [Segment];
    /// Bringing in a recording made elsewhere.
    ImportRecording(SiteRef) = "recording.import", RESOURCE_IMPORT, opens [Site];
    /// Writing the pieces of an import that was decided and recorded.
    WriteImport(UploadRef) = "recording.import", RESOURCE_IMPORT, opens [Recording, Site],
        continues "recording.import";
    /// Reading the organisation's audit log, or what of it is about some people.
    ReadAudit(OrganisationRef) = "audit.read", ENTITY_READ, opens [AuditEntry, Person, Site], lists rows;
    /// Taking the organisation's audit log along.
    ExportAudit(OrganisationRef) = "audit.export", ENTITY_READ, opens [AuditEntry, Person, Site];
    /// Seeing what shows oneself, and who looked at it.
    ReadOwnData(OrganisationRef) = "mine.read", RESOURCE_READ, opens [Recording, Site, Person, AuditEntry], lists rows;
    /// Seeing the same again, a little later.
    RefreshOwnData(OrganisationRef) = "mine.read", RESOURCE_READ, opens [Recording, Site, Person, AuditEntry],
        lists rows, continues "mine.read" for 900;
    /// Seeing the sites and their set-up.
    ListSites(OrganisationRef) = "site.list", ENTITY_READ, opens [Site, Person];
    /// Seeing that segments arrive from a site: ids and sizes, nothing sealed.
    WatchReceipts(ReceiptsRef) = "site.list", ENTITY_READ, opens [], continues "session.sign_in";
    /// Adding a site.
    AddSite(OrganisationRef) = "site.manage", ENTITY_CREATE, opens [Organisation, Site];
    /// Changing a site's name, origins or key.
    ManageSite(SiteRef) = "site.manage", ENTITY_UPDATE, opens [Site], seen by "site.list";
    /// Signing a new capture policy.
    EditPolicy(SiteRef) = "policy.edit", ENTITY_UPDATE, opens [Site, SigningKey], seen by "site.list";
    /// Signing a new capture policy that captures less than the one before, and nothing more.
    TightenPolicy(SiteRef) = "policy.tighten", ENTITY_UPDATE, opens [Site, SigningKey], seen by "site.list";
    /// Seeing people in a list: names, addresses, roles.
    ListPeople(OrganisationRef) = "person.list", ENTITY_READ, opens [Person], lists rows;
    /// Seeing one person.
    ReadPerson(PersonRef) = "person.read", ENTITY_READ, opens [Person], seen by "person.read";
    /// Asking somebody to come.
    InvitePerson(OrganisationRef) = "person.invite", ACCOUNT_CREATE, opens [Person, Organisation];
    /// Changing whether somebody may come in, and in which team they work.
    ManagePerson(PersonRef) = "person.manage", ENTITY_UPDATE, opens [Person, Organisation],
        seen by "person.read";
    /// Saying what somebody may do.
    AssignRoles(PersonRef) = "person.roles", ENTITY_UPDATE, opens [Person], seen by "person.read";
    /// Seeing which roles there are and what they allow.
    ReadRoles(OrganisationRef) = "role.read", ENTITY_READ, opens [Organisation];
    /// Making roles, changing and removing them.
    ManageRoles(OrganisationRef) = "role.manage", ENTITY_UPDATE, opens [Organisation], seen by "role.read";
    /// Saying to whom somebody reports.
    SetReportingLine(PersonRef) = "person.line", ENTITY_UPDATE, opens [Person], seen by "person.read";
    /// Handing a mail to the mail server.
    SendMail(PersonRef) = "notice.send", ENTITY_READ, opens [Mail];
    /// Seeing domains, projects and teams.
    ReadTree(OrganisationRef) = "tree.read", ENTITY_READ, opens [Organisation], seen by "tree.read";
    /// Adding, moving and removing domains, projects and teams.
    EditTree(OrganisationRef) = "tree.edit", ENTITY_UPDATE, opens [Organisation], seen by "tree.read";
    /// Reading what the installation says of its own health.
    ReadHealth(OrganisationRef) = "health.read", ENTITY_READ, opens [];
    /// Seeing one's own name and organisation while signed in.
    ReadOwnProfile(PersonRef) = "profile.read", ENTITY_READ, opens [Person, Organisation, Device],
        continues "session.sign_in";
    /// Comparing a password or link with what is kept, to sign somebody in.
    CheckCredential(PersonRef) = "credential.check", ENTITY_READ, opens [Credential, Factor];
    /// Writing to somebody about their password, and judging a new one by what is known of them.
    ResetCredential(PersonRef) = "credential.reset", ENTITY_READ, opens [Person, Organisation];
    /// Seeing what is said of settings, by whom and why.
    ReadSettings(OrganisationRef) = "setting.read", ENTITY_READ, opens [Setting, Person];
    /// Seeing what settings say for a person, and at which level it was said.
    ReadOwnSettings(PersonRef) = "setting.read", ENTITY_READ, opens [], seen by "profile.read";
    /// Saying something of a setting for the whole installation.
    WriteDeploymentSettings(OrganisationRef) = "setting.write.deployment", ENTITY_UPDATE, opens [];
    /// Saying something of a setting for the whole organisation.
    WriteBusinessSettings(OrganisationRef) = "setting.write.business", ENTITY_UPDATE, opens [];
    /// Saying something of a setting for a part of the organisation.
    WriteSettingsBelow(OrganisationRef) = "setting.write.below", ENTITY_UPDATE, opens [];
    /// Saying something of a setting for oneself.
    WriteOwnSettings(PersonRef) = "setting.write.own", ENTITY_UPDATE, opens [], seen by "profile.read";
    /// Letting something be kept for a shorter time, at any place, and nothing for a longer one.
    ShortenRetention(OrganisationRef) = "retention.shorten", ENTITY_UPDATE, opens [];
    /// Letting settings protect less for a part of the organisation: by saying so, or by moving somebody or something.
    RelaxSettings(OrganisationRef) = "setting.relax", ENTITY_UPDATE, opens [];
    /// Beginning to capture a visit.
    StartCapture(SiteRef) = "capture.start", API_CREATE, opens [Site];
    /// Sending segments under an ingest token.
    Upload(UploadRef) = "capture.upload", API_CREATE, opens [Recording, Site], continues "capture.start";
    /// Beginning to record one's screen.
    StartScreen(PersonRef) = "capture.start", API_CREATE, opens [];
    /// Sending what was recorded of it.
    SendScreen(ScreenRef) = "capture.upload", API_CREATE, opens [Recording], continues "capture.start";
    /// Taking back a little of what was recorded of it: it is erased.
    DiscardScreen(ScreenRef) = "capture.discard", RESOURCE_DELETE, opens [];
    /// Seeing who watches one's screen while it is recorded.
    SeeWatching(ScreenRef) = "capture.upload", RESOURCE_READ, opens [Person], continues "capture.start";
    /// Signing the policies of the browsers that record screens, with a key that is opened once an hour.
    SignScreenPolicies(OrganisationRef) = "policy.sign", ENTITY_READ, opens [SigningKey];
    /// Signing a site's policy for its recorders, once an hour.
    SignPolicy(SiteRef) = "policy.sign", ENTITY_READ, opens [SigningKey];
    /// Closing recordings that fell silent.
    CloseSilent(OrganisationRef) = "maintain.close", API_UPDATE, opens [];
    /// Moving segments out of the ingest log into parts of their tracks, packed anew.
    Settle(OrganisationRef) = "maintain.settle", API_UPDATE, opens [Segment, Manifest];
    /// Opening segments of a copy to see that it can be done; nothing of them is given out.
    Drill(RecordingRef) = "maintain.drill", RESOURCE_READ, opens [Segment];
    /// Comparing the objects with the rows: manifests are opened, segments are not.
    CheckObjects(OrganisationRef) = "maintain.check", API_UPDATE, opens [Manifest];
    /// Removing what nobody names, recording what is lost, writing parts anew whose manifests are damaged.
    RepairObjects(OrganisationRef) = "maintain.repair", API_UPDATE, opens [Segment];
    /// Making rows of recordings again from what lies in the store.
    RebuildRows(OrganisationRef) = "maintain.rebuild", API_UPDATE, opens [Segment, Manifest, Recording];

    /// Seeing which networks and devices are blocked, and why.
    ReadPlaces(OrganisationRef) = "block.read", ENTITY_READ, opens [PlaceBlock, Person], seen by "block.read";
    /// Seeing which browsers somebody is signed in with.
    ReadDevices(PersonRef) = "block.read", ENTITY_READ, opens [Device], seen by "person.read";
    /// Keeping out whoever comes from a network or with a device, and letting them in again.
    ManagePlaces(OrganisationRef) = "block.manage", ENTITY_UPDATE, opens [], seen by "block.read";
    /// Comparing where a request comes from with the networks that are blocked.
    CheckPlaces(OrganisationRef) = "block.check", ENTITY_READ, opens [PlaceBlock];

    /// Letting a browser record one's screen.
    EnrolRecorder(PersonRef) = "recorder.enrol", ENTITY_CREATE, opens [Person, Organisation],
        seen by "profile.read";
    /// Seeing the browsers that record screens.
    ReadRecorders(OrganisationRef) = "recorder.read", ENTITY_READ, opens [Device, Person], lists rows;
    /// Ending that a browser does.
    EndRecorder(PersonRef) = "recorder.end", ENTITY_DELETE, opens [], seen by "profile.read";

    /// Ending sessions of a person.
    EndSession(PersonRef) = "session.end", LOGOFF, opens [], seen by "profile.read";
    /// Changing one's own password, which is judged by what is known of the person.
    ChangeCredential(PersonRef) = "credential.change", ENTITY_UPDATE, opens [Person, Organisation],
        seen by "profile.read";
    /// Setting up one's own second factor, and taking it away.
    ManageFactor(PersonRef) = "factor.manage", ENTITY_UPDATE, opens [Factor, Person], seen by "profile.read";
    /// Taking away the second factor of somebody who has lost it.
    ResetFactor(PersonRef) = "factor.reset", ENTITY_DELETE, opens [], seen by "profile.read";
    /// Seeing the organisation's API keys: names, scopes, when they were used.
    ReadKeys(OrganisationRef) = "key.read", ENTITY_READ, opens [ApiKey, Person];
    /// Making, rotating and ending API keys.
    ManageKeys(OrganisationRef) = "key.manage", ENTITY_UPDATE, opens [];

    /// Letting somebody from outside in, for a time and for some of what there is.
    GrantSupport(OrganisationRef) = "support.grant", ENTITY_CREATE, opens [Person, Organisation];
    /// Ending that before its time.
    EndSupport(SupportRef) = "support.end", ENTITY_UPDATE, opens [], seen by "support.read";
    /// Seeing who from outside is or was let in, or oneself.
    ReadSupport(OrganisationRef) = "support.read", ENTITY_READ, opens [Person, Organisation], lists rows;
    /// Seeing the same again, a little later.
    RefreshSupport(OrganisationRef) = "support.read", ENTITY_READ, opens [Person, Organisation], lists rows,
        continues "support.read" for 900;
    /// Seeing what somebody did who was let in.
    ReadSupportActs(SupportRef) = "support.read", ENTITY_READ, opens [AuditEntry, Person, Site],
        seen by "support.read";
    /// Seeing the same again, a little later.
    RefreshSupportActs(SupportRef) = "support.read", ENTITY_READ, opens [AuditEntry, Person, Site],
        seen by "support.read", continues "support.read" for 900;
    /// Seeing somebody's picture, beside a name that an entry of its own tells of.
    ShowPicture(PictureRef) = "person.read", ENTITY_READ, opens [Picture], seen by "person.read",
        continues "session.sign_in";
    /// Setting and removing somebody's picture.
    SetPicture(PersonRef) = "person.picture", ENTITY_UPDATE, opens [Person], seen by "person.read";

    /// Asking for one's own data, or that it be erased.
    AskForOneself(OrganisationRef) = "request.ask", ENTITY_CREATE, opens [Request, Person], lists rows;
    /// Seeing what one has asked for.
    ReadOwnRequests(OrganisationRef) = "request.ask", ENTITY_READ, opens [Request, Person], lists rows;
    /// Taking back what one has asked for.
    WithdrawRequest(RequestRef) = "request.ask", ENTITY_UPDATE, opens [Request, Person],
        seen by "request.manage";
    /// Seeing what recorded people have asked for.
    ListRequests(OrganisationRef) = "request.manage", ENTITY_READ, opens [Request, Person];
    /// Entering what somebody asked for who has no account.
    EnterRequest(RequestRef) = "request.manage", ENTITY_CREATE, opens [Request, Person],
        seen by "recording.read";
    /// Writing to those who can answer a request, or to whom it is about.
    TellOfRequest(PersonRef) = "request.tell", ENTITY_READ, opens [Person];
    /// Doing what was asked for, declining it, or taking longer.
    DecideRequest(RequestRef) = "request.manage", ENTITY_UPDATE, opens [Request, Person],
        seen by "request.manage";
    /// Handing out what is held about somebody, to themselves.
    HandOut(RequestRef) = "request.export", RESOURCE_READ, opens [Person, Picture, Organisation],
        seen by "request.manage";
    /// Handing out one recording with it.
    HandOutRecording(HandedOutRef) = "request.export", RESOURCE_READ,
        opens [Recording, Segment, Site, Person, AuditEntry], continues "request.export";
}
