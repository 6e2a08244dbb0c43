//! What recorded people ask for about their own data: to see it, to have it, or that it be erased; by when they are to be
//! answered, and how they were. What they wrote and were told is sealed under their own key.

mod change;
mod follow;
mod read;
pub(crate) mod rows;
mod tell;

use std::time::Duration;

use clerestory_audit::authority::{Table, Told, Touched};
use clerestory_model::{ErasureId, OrganisationId, PersonId, RequestId, SubjectId, Timestamp};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

use crate::{Erasure, Target};

pub use read::HandedOut;

/// Calendar months in which a request is to be answered (GDPR, article 12 (3)).
const MONTHS: u32 = 1;
/// Calendar months from the day it was asked, where the answer takes longer.
const MONTHS_EXTENDED: u32 = 3;
/// For how long what was asked for can be had.
const AVAILABLE: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) static REQUESTS: Table = Table {
    name: "requests",
    key: &["request_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("subject_id", Told::Plain),
        ("kind", Told::Plain),
        ("state", Told::Plain),
        ("asked_by", Told::Plain),
        ("asked_at", Told::Plain),
        ("due_at", Told::Plain),
        ("asked", Told::Digest),
        ("extended_by", Told::Plain),
        ("extension", Told::Digest),
        ("decided_by", Told::Plain),
        ("decided_at", Told::Plain),
        ("answer", Told::Digest),
        ("available_until", Told::Plain),
        ("erasure_id", Told::Plain),
    ],
    ends: None,
};

fn touched(request: RequestId) -> Touched {
    Touched::row(&REQUESTS, [request.into()])
}

/// What somebody asks for. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// To see what is held about them.
    Access = 1,
    /// To have it, with what their recordings show.
    Export = 2,
    /// That it be erased, with their account.
    Erase = 3,
    /// That what was recorded be erased; the account stays.
    EraseRecordings = 4,
}

impl RequestKind {
    const ALL: [Self; 4] = [Self::Access, Self::Export, Self::Erase, Self::EraseRecordings];

    /// How it is called in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Export => "export",
            Self::Erase => "erase",
            Self::EraseRecordings => "erase_recordings",
        }
    }

    /// What is erased for it.
    pub(crate) const fn erases(self, subject: SubjectId) -> Option<Target> {
        match self {
            Self::Access | Self::Export => None,
            Self::Erase => Some(Target::Subject(subject)),
            Self::EraseRecordings => Some(Target::RecordingsOf(subject)),
        }
    }
}

/// How a request stands. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It is to be answered; or what it asks for is being erased, and not yet gone.
    Open = 1,
    /// It was done.
    Done = 2,
    /// It was declined, and whoever asked was told why.
    Declined = 3,
    /// Whoever asked took it back, or nothing is left of what they asked for.
    Withdrawn = 4,
}

impl RequestState {
    const ALL: [Self; 4] = [Self::Open, Self::Done, Self::Declined, Self::Withdrawn];

    /// How it is called in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $column:literal;)+) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) struct $name(pub(crate) String);

        impl Content for $name {
            const KIND: Kind = Kind::Request;
            const TABLE: &'static str = "requests";
            const COLUMN: &'static str = $column;
        })+
    };
}

words! {
    /// What whoever asked wrote.
    Asked = "asked";
    /// Why the answer takes longer.
    Extension = "extension";
    /// What they were told.
    Answer = "answer";
}

/// Each of them is written once.
fn words_place(organisation: OrganisationId, id: RequestId) -> Place {
    Place { organisation, about: About::Request(id), row: *id.as_bytes(), version: 1 }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// About whom.
    pub subject: SubjectId,
    /// What is asked for.
    pub kind: RequestKind,
    /// How it stands.
    pub state: RequestState,
    /// Who asked, or entered it for whom it is about.
    pub asked_by: PersonId,
    /// When.
    pub asked_at: Timestamp,
    /// By when it is to be answered.
    pub due_at: Timestamp,
    pub(crate) asked: Option<Sealed<Asked>>,
    /// Who took longer to answer it, and when that was said.
    pub extended: Option<(PersonId, Timestamp)>,
    pub(crate) extension: Option<Sealed<Extension>>,
    /// Who decided, and when; nobody where the rules did.
    pub decided: Option<(PersonId, Timestamp)>,
    pub(crate) answer: Option<Sealed<Answer>>,
    /// Until when what was asked for can be had.
    pub available_until: Option<Timestamp>,
    /// The erasure that was begun for it.
    pub erasure: Option<ErasureId>,
}

impl Request {
    /// Whether it waits for an answer that was due.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state == RequestState::Open && now >= self.due_at
    }

    fn is_available(&self, now: Timestamp) -> bool {
        self.state == RequestState::Done && self.available_until.is_some_and(|until| now < until)
    }
}

/// What was said about a request, opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// What whoever asked wrote.
    pub asked: Option<String>,
    /// Why the answer takes longer.
    pub extension: Option<String>,
    /// What they were told.
    pub answer: Option<String>,
}

/// A request, what was said about it, and how far its erasure is.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The request.
    pub request: Request,
    /// What was said.
    pub words: Words,
    /// Its erasure, where one was begun.
    pub erasure: Option<Erasure>,
}

/// By when a request is to be answered: a calendar month after it was asked, or three where the answer takes longer, at
/// the same time of day in UTC.
fn due(asked_at: Timestamp, extended: bool) -> Timestamp {
    asked_at.plus_months(if extended { MONTHS_EXTENDED } else { MONTHS })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_due_after_a_calendar_month_and_after_three_from_the_day_it_was_asked() {
        for (asked, once, extended) in [
            ("2026-11-22T09:30:00Z", "2026-12-22T09:30:00Z", "2027-02-22T09:30:00Z"),
            ("2026-12-31T23:59:59Z", "2027-01-31T23:59:59Z", "2027-03-31T23:59:59Z"),
            ("2027-01-31T00:00:00Z", "2027-02-28T00:00:00Z", "2027-04-30T00:00:00Z"),
            ("2028-01-31T12:00:00Z", "2028-02-29T12:00:00Z", "2028-04-30T12:00:00Z"),
            ("2027-11-30T08:00:00Z", "2027-12-30T08:00:00Z", "2028-02-29T08:00:00Z"),
            ("2027-08-31T08:00:00Z", "2027-09-30T08:00:00Z", "2027-11-30T08:00:00Z"),
        ] {
            let asked: Timestamp = asked.parse().unwrap();
            assert_eq!(due(asked, false), once.parse().unwrap(), "{asked}");
            // Not two months after a day that was moved to the end of a short month.
            assert_eq!(due(asked, true), extended.parse().unwrap(), "{asked}");
        }
    }
}
