//! The gravest erasures need two: somebody proposes to erase a person with their account, or the whole organisation, and
//! somebody else with the same right agrees within seven days, to what they were shown.

mod change;
mod closing;
pub(crate) mod rows;

pub use change::{Agreed, ProposalChange};
pub use closing::CLOSES;
pub(crate) use closing::Closings;

use std::time::Duration;

use clerestory_access::OpContext;
use clerestory_audit::authority::{Table, Told, Touched};
use clerestory_model::{OrganisationId, PersonId, ProposalId, RequestId, SubjectId, Timestamp};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

use crate::Target;
use crate::retention::covered_by;

/// Somebody agrees within this time, or nobody does.
const WAITS: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) static PROPOSALS: Table = Table {
    name: "erasure_proposals",
    key: &["proposal_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("kind", Told::Plain),
        ("target", Told::Plain),
        ("state", Told::Plain),
        ("details", Told::Digest),
        ("entry", Told::Plain),
        ("asked_by", Told::Plain),
        ("asked_at", Told::Plain),
        ("ends_at", Told::Plain),
        ("alone", Told::Plain),
        ("decided_by", Told::Plain),
        ("decided_at", Told::Plain),
        ("request_id", Told::Plain),
    ],
    ends: None,
};

fn touched(proposal: ProposalId) -> Touched {
    Touched::row(&PROPOSALS, [proposal.into()])
}

/// What two people decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doomed {
    /// Somebody with an account, and everything about them.
    Person(SubjectId),
    /// Every recording about somebody with an account, who keeps it.
    RecordingsOf(SubjectId),
    /// The whole organisation.
    Organisation(Ending),
}

/// When an organisation is erased that two people decided to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At once.
    AtOnce,
    /// After [`CLOSES`], in which nothing new is recorded, its people take with them what is theirs, and whoever may erase
    /// it can still call it off.
    AfterClosing,
}

impl Doomed {
    /// What would be erased.
    #[must_use]
    pub const fn target(self) -> Target {
        match self {
            Self::Person(subject) => Target::Subject(subject),
            Self::RecordingsOf(subject) => Target::RecordingsOf(subject),
            Self::Organisation(_) => Target::Organisation,
        }
    }

    /// Whom it is about, where that is a person.
    #[must_use]
    pub const fn subject(self) -> Option<SubjectId> {
        match self {
            Self::Person(subject) | Self::RecordingsOf(subject) => Some(subject),
            Self::Organisation(_) => None,
        }
    }

    /// Whether it is about whoever acts: nobody decides about themselves.
    fn is_about(self, op: &OpContext) -> bool {
        self.subject().is_some_and(|subject| op.actor.subject() == Some(subject))
    }
}

/// How far a proposal is. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalState {
    /// It waits for somebody else.
    Waits = 1,
    /// Somebody agreed, and a hold keeps it from being begun.
    Agreed = 2,
    /// Somebody refused.
    Refused = 3,
    /// Whoever asked took it back, or somebody called off what was agreed to.
    Withdrawn = 4,
    /// Somebody agreed, and the organisation closes before it is erased.
    Closing = 5,
}

impl ProposalState {
    const ALL: [Self; 5] = [Self::Waits, Self::Agreed, Self::Refused, Self::Withdrawn, Self::Closing];

    /// How it is called in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Agreed => "agreed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Closing => "closing",
        }
    }
}

/// How much would go. How much there is of somebody says what they did: it is sealed where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Recordings.
    pub recordings: u64,
    /// People with an account.
    pub people: u64,
}

impl Extent {
    /// Whether whoever was shown this agreed to so much: a twentieth more at most.
    const fn covers(self, now: Self) -> bool {
        now.recordings <= covered_by(self.recordings) && now.people <= covered_by(self.people)
    }
}

/// Why something is to be erased, and how much there was of it: sealed under the key of whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalDetails {
    /// Why.
    pub reason: String,
    /// How much there was when it was proposed.
    pub shown: Extent,
}

impl Content for ProposalDetails {
    const KIND: Kind = Kind::Proposal;
    const TABLE: &'static str = "erasure_proposals";
    const COLUMN: &'static str = "details";
}

fn details_place(organisation: OrganisationId, proposal: ProposalId) -> Place {
    Place { organisation, about: About::Organisation, row: *proposal.as_bytes(), version: 1 }
}

/// That somebody wants something erased which one person alone does not erase.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// In which organisation.
    pub organisation: OrganisationId,
    /// What is to be erased.
    pub doomed: Doomed,
    /// How far it is.
    pub state: ProposalState,
    pub(crate) details: Sealed<ProposalDetails>,
    /// The entry that tells of it.
    pub entry: u64,
    /// Who proposed it, and when.
    pub asked: (PersonId, Timestamp),
    /// Until when somebody else may agree.
    pub ends_at: Timestamp,
    /// Nobody else may agree here: at the end it happens by itself, unless somebody else may by then.
    pub alone: bool,
    /// Who decided, and when.
    pub decided: Option<(PersonId, Timestamp)>,
    /// The request of the recorded person that it is to fulfil.
    pub(crate) request: Option<RequestId>,
}

impl Proposal {
    /// Whether it can still be decided: what happens by itself can be taken back until it does.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == ProposalState::Waits && (self.alone || now < self.ends_at)
    }

    /// When the organisation is erased that is closing.
    #[must_use]
    pub fn closes_at(&self) -> Option<Timestamp> {
        let (_, agreed_at) = self.decided.filter(|_| self.state == ProposalState::Closing)?;
        Some(agreed_at.plus(CLOSES))
    }
}

#[cfg(test)]
mod tests {
    use super::Extent;

    #[test]
    fn what_was_shown_covers_a_twentieth_more_of_each_and_no_more() {
        let shown = Extent { recordings: 20, people: 1 };
        for (recordings, people, covered) in
            [(20, 1, true), (21, 1, true), (22, 1, false), (0, 0, true), (20, 2, false)]
        {
            assert_eq!(shown.covers(Extent { recordings, people }), covered, "{recordings} {people}");
        }
    }
}
