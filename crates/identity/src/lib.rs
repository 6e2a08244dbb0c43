//! Passwords, sign-in links, sessions: who is asking. What they may do is `access`'s to say.
//!
//! A session is an opaque 256-bit token whose SHA-256 is kept; ending it is deleting its row, so no answer after
//! that is given to it. Addresses are found by a blind index and kept only sealed.

mod authority;
mod erase;
mod passwords;
mod people;
mod sessions;
mod set_up;
mod sign_in;
mod tokens;
mod tree;

use std::sync::{Arc, Mutex};

use clerestory_access::{Access, AccessError};
use clerestory_audit::AuditError;
use clerestory_keys::KeyError;
use clerestory_model::{Clock, Timestamp};
use clerestory_notices::{NoticeError, Notices};
use clerestory_sql::{Component, Database, Migration, SqlError};
use clerestory_vault::{OpenError, Vault};

pub use authority::AUTHORITY;
pub use erase::Ended;
pub use passwords::{Password, PasswordError, Passwords};
pub use people::directory::{BlockView, PersonDetails, PersonView};
pub use people::error::PeopleError;
pub use people::invitations::{Invitation, Invited};
pub use people::{NewOrganisation, NewPerson};
pub use sessions::SessionInfo;
pub use set_up::SetUp;
pub use sign_in::{SignInError, SignedIn};
pub use tokens::{Token, TokenError};
pub use tree::{NodeChange, NodeKind, NodeView};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "identity",
    migrations: &[
        Migration { name: "credentials, links, sessions", sql: include_str!("0001-identity.sql") },
        Migration { name: "one person per address", sql: include_str!("0002-one-person-per-address.sql") },
        Migration { name: "invitations", sql: include_str!("0004-invitations.sql") },
    ],
};

/// Who people are, and which browsers they are signed in on.
#[derive(Clone)]
pub struct Identity {
    database: Database,
    access: Access,
    vault: Vault,
    notices: Notices,
    clock: Arc<dyn Clock>,
    passwords: Passwords,
    throttle: Arc<sign_in::Throttle>,
    /// The hash of the secret that makes the first organisation, while there is none.
    set_up: Arc<Mutex<Option<[u8; 32]>>>,
}

/// A failure. All but [`Self::AddressTaken`] and [`Self::Blocked`] are not the caller's: answer 503.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Somebody has the address that a new person was to have.
    #[error("somebody has this address already")]
    AddressTaken,
    /// A block keeps out whoever asks; it ends by itself.
    #[error("kept out until {until}")]
    Blocked {
        /// Until when.
        until: Timestamp,
    },
    /// The database did not answer.
    #[error("people or sessions cannot be read or written")]
    Sql(#[from] SqlError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// A sealed value did not open.
    #[error("what is kept of a person does not open")]
    Open(#[from] OpenError),
    /// A decision could not be recorded.
    #[error("a decision could not be recorded")]
    Access(#[from] AccessError),
    /// An entry could not be written.
    #[error("an audit entry could not be written")]
    Audit(#[from] AuditError),
    /// A mail could not be written.
    #[error("a mail could not be written")]
    Notice(#[from] NoticeError),
    /// A password could not be hashed or compared.
    #[error("a password could not be hashed")]
    Password(#[from] PasswordError),
}

impl Identity {
    /// Identity over these parts.
    #[must_use]
    pub fn new(
        database: Database,
        access: Access,
        vault: Vault,
        notices: Notices,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            database,
            access,
            vault,
            notices,
            clock,
            passwords: Passwords::new(),
            throttle: Arc::new(sign_in::Throttle::new()),
            set_up: Arc::default(),
        }
    }

    /// Forgets throttled addresses nobody tried lately: called now and then, so that memory does not grow.
    pub fn tidy(&self) {
        self.throttle.tidy();
    }

    /// The password hasher, for whoever sets one.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }
}
