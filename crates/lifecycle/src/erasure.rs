//! What can be erased, and how far an erasure is.

use clerestory_model::{
    ErasureId, OrganisationId, RecordingId, RecordingState, SubjectId, Timestamp, TrackId,
};

/// What is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One track of a recording.
    Track {
        /// The recording.
        recording: RecordingId,
        /// The track.
        track: TrackId,
    },
    /// A recording with all its tracks.
    Recording(RecordingId),
    /// A part of a recording, in microseconds since it began. It is widened to the borders of segments, and in tracks of
    /// pages to the next keyframe.
    Range {
        /// The recording.
        recording: RecordingId,
        /// Where it begins.
        from_us: i64,
        /// Where it ends.
        to_us: i64,
    },
    /// A person or visitor: every recording about them, and their account.
    Subject(SubjectId),
    /// Every recording about a person or visitor that there is when it begins. Who they are stays, and they may be recorded
    /// again.
    RecordingsOf(SubjectId),
    /// The whole organisation of whoever asks.
    Organisation,
    /// Tracks that a sweep found to be due, written down with this erasure: nobody asks for them by name.
    Expired(ErasureId),
}

impl Target {
    /// How it is called in the API and in receipts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Track { .. } => "track",
            Self::Recording(_) => "recording",
            Self::Range { .. } => "range",
            Self::Subject(_) => "subject",
            Self::RecordingsOf(_) => "recordings",
            Self::Organisation => "organisation",
            Self::Expired(_) => "expired",
        }
    }
}

/// How far an erasure is: the last step that is durable. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Asked for and decided while a hold stands: nobody sees it any more, and nothing of it is destroyed.
    Restricted = 0,
    /// Asked for and decided; nobody sees it any more.
    Asked = 1,
    /// What stays of a track of which a part is erased is sealed under another key.
    Resealed = 2,
    /// Its tombstones are durable in the database.
    Laid = 3,
    /// Its tombstones are durable in every place outside.
    Outside = 4,
    /// Its keys are destroyed.
    Shredded = 5,
    /// Its objects are gone.
    Removed = 6,
    /// A check found nothing of it; there is a receipt.
    Verified = 7,
    /// No copy of anything can be read any more; the receipt says since when.
    Closed = 8,
}

impl Step {
    /// Those that erasures go through by themselves.
    pub(crate) const ALL: [Self; 8] = [
        Self::Asked,
        Self::Resealed,
        Self::Laid,
        Self::Outside,
        Self::Shredded,
        Self::Removed,
        Self::Verified,
        Self::Closed,
    ];

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        std::iter::once(Self::Restricted).chain(Self::ALL).find(|step| *step as i64 == number)
    }

    /// The state of what is erased.
    #[must_use]
    pub const fn state(self) -> RecordingState {
        match self {
            Self::Restricted => RecordingState::SoftDeleted,
            Self::Asked | Self::Resealed | Self::Laid | Self::Outside => RecordingState::PurgeQueued,
            Self::Shredded | Self::Removed => RecordingState::Shredded,
            Self::Verified | Self::Closed => RecordingState::Verified,
        }
    }
}

impl Step {
    /// How the state of an erasure is called: that of what it erases, or that it waits for a hold.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            step => step.state().word(),
        }
    }
}

/// An erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What is erased.
    pub target: Target,
    /// How far it is.
    pub step: Step,
    /// The entry that tells who asked for it.
    pub entry: u64,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When its keys were destroyed.
    pub destroyed_at: Option<Timestamp>,
    /// When its objects were gone.
    pub removed_at: Option<Timestamp>,
    /// When the check found nothing of it.
    pub verified_at: Option<Timestamp>,
    /// Since when no copy of anything can be read.
    pub unreadable_since: Option<Timestamp>,
    /// What it waits for, where it waits.
    pub waits: Option<String>,
    /// The name of the object that holds its tombstones, in every place outside the database.
    pub tombstones: Option<String>,
    /// The signed receipt, as [`crate::SignedReceipt`] reads it.
    pub receipt: Option<String>,
}

impl Erasure {
    /// Where to look for its recordings once it has begun: of somebody whose recordings are erased, those that came later
    /// are not of it.
    pub(crate) const fn scope(&self) -> Target {
        match self.target {
            Target::RecordingsOf(_) => Target::Expired(self.id),
            target => target,
        }
    }

    /// One that is asked for now, by the entry given.
    pub(crate) fn asked(
        id: ErasureId,
        organisation: OrganisationId,
        target: Target,
        (entry, asked_at): (u64, Timestamp),
    ) -> Self {
        Self {
            id,
            organisation,
            target,
            step: Step::Asked,
            entry,
            asked_at,
            destroyed_at: None,
            removed_at: None,
            verified_at: None,
            unreadable_since: None,
            waits: None,
            tombstones: None,
            receipt: None,
        }
    }
}

/// What an installation can promise about epochs that were destroyed: printed on each receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Database and epoch secrets lie on one disk.
    OneDisk,
    /// The epoch secrets lie in two places, on two disks.
    SeparatePlaces,
    /// The second place is a custodian: Vault, OpenBao or a KMS.
    Custodian,
}

impl Assurance {
    /// The tier's name, which stays.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OneDisk => "one-disk",
            Self::SeparatePlaces => "separate-places",
            Self::Custodian => "custodian",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OneDisk => {
                "Epoch secrets lie on one disk. Whoever kept a copy of that whole disk, made before the epochs were \
                 destroyed, can read what was erased with it."
            }
            Self::SeparatePlaces => {
                "Epoch secrets lie in two places, on two disks. Only who kept a copy of such a place, made before the \
                 epochs were destroyed, together with the root key and a copy of the database, can read what was erased."
            }
            Self::Custodian => {
                "Epoch secrets lie beside the root key and with a custodian. Only who kept a copy of either place, made \
                 before the epochs were destroyed, or has a custodian that keeps what it was told to delete, can read \
                 what was erased, and needs the root key and a copy of the database too."
            }
        }
    }
}
