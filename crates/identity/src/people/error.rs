//! Why something about people or the tree is not done.

use clerestory_access::{AccessError, Refused};
use clerestory_audit::AuditError;
use clerestory_keys::KeyError;
use clerestory_model::{PersonId, Timestamp};
use clerestory_notices::NoticeError;
use clerestory_sql::SqlError;
use clerestory_store::people::Role;
use clerestory_vault::OpenError;

use crate::IdentityError;

/// Why something about people or the tree is not done; nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// A rule refused it, and that is on record.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such thing in the caller's organisation.
    #[error("not found")]
    NotFound,
    /// What is named beside the object is not there: a manager, a team, a node to hang from.
    #[error("{0} is not of this organisation")]
    Unknown(&'static str),
    /// Somebody of the same organisation has the address, or is invited by it.
    #[error("somebody of this organisation has this address already")]
    AddressTaken,
    /// Nobody else runs the organisation.
    #[error("nobody else runs this organisation")]
    LastAdmin,
    /// The role may do what its giver may not.
    #[error("{0} may do more than whoever gives it")]
    AboveOwn(Role),
    /// A role may not do this: nobody may, or its maker may not.
    #[error("whoever makes this role may not do {0}, or not as far")]
    Beyond(String),
    /// A grant of support may not lend this: no grant may, or its maker may not do it.
    #[error("whoever lends this may not do {0}, or nobody lends it")]
    BeyondLoan(String),
    /// There is no such grant of support.
    #[error("{0}")]
    Loan(String),
    /// The role is the same in every organisation.
    #[error("the role {0} is the same in every organisation")]
    BuiltIn(Role),
    /// A role that allows nothing is none.
    #[error("a role allows at least one action")]
    NoRights,
    /// The organisation has as many roles of its own as it may.
    #[error("an organisation has at most {0} roles of its own")]
    TooManyRoles(u32),
    /// Somebody would, by way of these, report to themselves.
    #[error("a line of reports would lead back to where it begins")]
    Circle {
        /// From the person, over the new manager, back to the person.
        chain: Vec<PersonId>,
    },
    /// The person is not in a state in which it can be done.
    #[error("{0}")]
    State(&'static str),
    /// A node holds something.
    #[error("there are {0} in it")]
    NotEmpty(&'static str),
    /// A node of this kind cannot hang there.
    #[error("{0}")]
    Misplaced(&'static str),
    /// Whoever asks is there themself.
    #[error("this is the {0} you are using now")]
    OwnPlace(&'static str),
    /// As many blocks of networks and devices run as may.
    #[error("an organisation has at most {0} blocks of networks and devices that run")]
    TooManyBlocks(usize),
    /// A block ends too late, or has ended.
    #[error("a block ends after now and before {latest}")]
    BlockTime {
        /// The latest end.
        latest: Timestamp,
    },
    /// Not the caller's fault: answer 503.
    #[error(transparent)]
    Inner(IdentityError),
}

macro_rules! inner {
    ($($from:ty),+) => {
        $(impl From<$from> for PeopleError {
            fn from(error: $from) -> Self {
                Self::Inner(error.into())
            }
        })+
    };
}
inner!(SqlError, KeyError, OpenError, AccessError, AuditError, NoticeError);

impl From<IdentityError> for PeopleError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::AddressTaken => Self::AddressTaken,
            error => Self::Inner(error),
        }
    }
}
