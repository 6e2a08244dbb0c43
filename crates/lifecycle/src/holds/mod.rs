//! Holds: what two people decided must not be erased. A hold pins the keys of everything it covers, which no sweep and no
//! erasure gets past; what falls due meanwhile goes with the next sweep after its release.

mod change;
mod pins;
mod restrict;
pub(crate) mod rows;

pub use change::{HoldChange, NewHold};

use std::time::Duration;

use clerestory_audit::authority::{Table, Told, Touched};
use clerestory_model::{HoldId, OrganisationId, PersonId, RecordingId, SiteId, SubjectId, Timestamp};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

/// Until somebody looks at a hold again, where no other time is said.
pub const REVIEW: Duration = Duration::from_secs(90 * 24 * 3600);
/// Where nobody else could confirm, this much time takes their place.
const ALONE: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) static HOLDS: Table = Table {
    name: "holds",
    key: &["hold_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("kind", Told::Plain),
        ("target", Told::Plain),
        ("state", Told::Plain),
        ("details", Told::Digest),
        ("review_at", Told::Plain),
        ("proposed_by", Told::Plain),
        ("placed_by", Told::Plain),
        ("release_by", Told::Plain),
        ("ended_by", Told::Plain),
        ("alone_until", Told::Plain),
    ],
    ends: None,
};

fn touched(hold: HoldId) -> Touched {
    Touched::row(&HOLDS, [hold.into()])
}

/// What a hold covers, now and whatever comes to it while it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldScope {
    /// One recording.
    Recording(RecordingId),
    /// Everything about a person or visitor, and their account.
    Subject(SubjectId),
    /// Everything of a site.
    Site(SiteId),
    /// Everything of the organisation.
    Organisation,
}

impl Hold {
    /// Who asked for what waits: the release where one was proposed, else the hold itself.
    #[must_use]
    pub fn asked_by(&self) -> PersonId {
        self.release.map_or(self.proposed.0, |(by, _)| by)
    }
}

impl HoldScope {
    /// How it is called in the API.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Recording(_) => "recording",
            Self::Subject(_) => "subject",
            Self::Site(_) => "site",
            Self::Organisation => "organisation",
        }
    }
}

/// How far a hold is. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// One person wants it; nothing is held.
    Proposed = 1,
    /// It stands.
    Standing = 2,
    /// It stands, and one person wants it released.
    ReleaseProposed = 3,
    /// It stands no more.
    Released = 4,
    /// It was proposed and never stood.
    Withdrawn = 5,
}

impl HoldState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Proposed, Self::Standing, Self::ReleaseProposed, Self::Released, Self::Withdrawn];

    /// How it is called in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Standing => "standing",
            Self::ReleaseProposed => "release_proposed",
            Self::Released => "released",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Why there is a hold: sealed, because it names people and what they are accused of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldDetails {
    /// The matter, as the organisation calls it.
    pub matter: String,
    /// Why what is covered is needed for it.
    pub reason: String,
}

impl Content for HoldDetails {
    const KIND: Kind = Kind::Hold;
    const TABLE: &'static str = "holds";
    const COLUMN: &'static str = "details";
}

fn details_place(organisation: OrganisationId, hold: HoldId) -> Place {
    Place { organisation, about: About::Hold(hold), row: *hold.as_bytes(), version: 1 }
}

/// A hold.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it covers.
    pub scope: HoldScope,
    /// How far it is.
    pub state: HoldState,
    /// Why there is one.
    pub details: Sealed<HoldDetails>,
    /// When somebody is to look whether it is still needed.
    pub review_at: Timestamp,
    /// Who proposed it, and when.
    pub proposed: (PersonId, Timestamp),
    /// Who confirmed it, and when; nobody where time took their place.
    pub placed: Option<(PersonId, Timestamp)>,
    /// Who proposed its release, and when.
    pub release: Option<(PersonId, Timestamp)>,
    /// Who ended it, and when.
    pub ended: Option<(PersonId, Timestamp)>,
    /// When what is proposed happens by itself, because nobody else could confirm it.
    pub alone_until: Option<Timestamp>,
    /// How many keys it pins.
    pub keys: u64,
}
