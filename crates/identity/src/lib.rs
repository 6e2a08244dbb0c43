//! Passwords, sign-in links, sessions: who is asking. What they may do is `access`'s to say.
//!
//! A session is an opaque 256-bit token whose SHA-256 is kept; ending it is deleting its row, so no answer after
//! that is given to it. Addresses are found by a blind index and kept only sealed. Whoever has a second factor shows a
//! password or a link first, which gives a token that opens nothing, and a code with it, which begins the session.

mod api_keys;
mod authority;
mod breached;
mod credentials;
mod ended;
mod erase;
mod fitness;
mod left;
mod passwords;
mod pending;
mod people;
mod places;
mod recorders;
mod relaxing;
mod resets;
mod roles;
mod rules;
mod second_factor;
mod sessions;
mod set_up;
mod sign_in;
mod throttle;
mod tokens;
mod totp;
mod tree;
mod whence;

use std::sync::{Arc, Mutex};

use clerestory_access::{Access, AccessError};
use clerestory_audit::AuditError;
use clerestory_keys::KeyError;
use clerestory_model::{Clock, OrganisationId, Timestamp};
use clerestory_notices::{NoticeError, Notices};
use clerestory_sql::{Component, Database, Migration, SqlError};
use clerestory_vault::{OpenError, Vault};

pub use api_keys::{ApiKeyError, ApiKeyInfo, KEY_LASTS, KEY_PREFIX, MadeApiKey, NewApiKey};
pub use authority::AUTHORITY;
pub use breached::BreachedError;
pub use credentials::{CredentialError, Proof};
pub use erase::Ended;
pub use fitness::Unfit;
pub use left::{TABLES_OF_EVERYBODY, TABLES_OF_PERSON, left_of_everybody, left_of_person};
pub use passwords::{Password, PasswordError, Passwords};
pub use people::directory::{BlockView, PersonDetails, PersonView};
pub use people::error::PeopleError;
pub use people::invitations::{Invitation, Invited};
pub use people::pictures::{PictureSize, ShownPicture};
pub use people::support::{MadeSupport, NewSupport, Supporter};
pub use people::{NewOrganisation, NewPerson};
pub use places::network::{Network, NetworkError};
pub use places::{DeviceView, NewPlace, PlaceBlockView, PlaceView};
pub use recorders::{
    Enrolled, EnrolmentCode, NewRecorder, RECORDER_PREFIX, RecorderError, RecorderInfo, RecorderStands,
};
pub use roles::{NewRole, RoleChange, RoleView};
pub use rules::{Limits, SecondFactor, SignInRules};
pub use second_factor::{Enrolment, FactorState};
pub use sessions::{Running, SessionInfo, SignedInBy, Use};
pub use set_up::SetUp;
pub use sign_in::{Admitted, SignInError, SignedIn};
pub use tokens::{Token, TokenError};
pub use tree::{NodeChange, NodeKind, NodeView};
pub use whence::Whence;

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "identity",
    migrations: &[
        Migration { name: "credentials, links, sessions", sql: include_str!("0001-identity.sql") },
        Migration { name: "one person per address", sql: include_str!("0002-one-person-per-address.sql") },
        Migration { name: "second factors, API keys", sql: include_str!("0003-sign-in.sql") },
        Migration { name: "invitations", sql: include_str!("0004-invitations.sql") },
        Migration { name: "blocks of networks and devices", sql: include_str!("0005-place-blocks.sql") },
        Migration { name: "forgotten passwords", sql: include_str!("0006-password-resets.sql") },
        Migration { name: "browsers that record screens", sql: include_str!("0007-recorders.sql") },
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
    rules: Arc<SignInRules>,
    throttle: Arc<throttle::Throttle>,
    /// The hash of the secret that makes the first organisation, while there is none.
    set_up: Arc<Mutex<Option<[u8; 32]>>>,
    networks: places::Networks,
}

/// A failure. All but [`Self::AddressTaken`], [`Self::Blocked`] and [`Self::PlaceBlocked`] are not the caller's: answer
/// 503.
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
    /// A block keeps out whoever comes from this network, or with this browser; it ends by itself.
    #[error("from there, kept out until {until}")]
    PlaceBlocked {
        /// Of which organisation.
        organisation: OrganisationId,
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
    /// The list of breached passwords could not be read.
    #[error("the file of breached passwords cannot be used")]
    Breached(#[from] BreachedError),
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
            rules: Arc::default(),
            throttle: Arc::new(throttle::Throttle::new()),
            set_up: Arc::default(),
            networks: places::Networks::default(),
        }
    }

    /// The same, asking of those who sign in what these rules say.
    #[must_use]
    pub fn with_rules(mut self, rules: SignInRules) -> Self {
        self.rules = Arc::new(rules);
        self
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
