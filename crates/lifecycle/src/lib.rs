//! Erasing, with a receipt; restoring, without bringing back what was erased. What is erased cannot be read again by anybody who holds an old copy of anything, some days
//! later; the page `keys-and-erasure` of the design is the specification.
//!
//! ```text
//! asked    states set under lock, accounts ended          one transaction with the decision and its entry
//! resealed what stays of a track lies under a new key      only where a range is erased
//!   │      leases run out                                 nobody holds an opened key or a decision any more
//! laid     tombstones durable in the database
//! outside  tombstones durable beside the objects and in the second place
//! shredded keys destroyed, rows and derived data gone     one transaction
//! removed  objects gone, with every version
//! verified a process that can only read found nothing     signed receipt
//! closed   the epochs of that day are destroyed           second line of the receipt
//! ```
//!
//! Each arrow is a row's change in the database after what it tells of is durable, so a job that is cut off anywhere
//! goes on from its row, on any node, and doing a step twice does nothing more.

mod ask;
mod check;
mod deletions;
mod erasure;
mod holds;
mod instance;
mod obstacle;
mod progress;
mod proposals;
mod range;
mod receipt;
mod requests;
mod restore;
mod retention;
mod rows;
mod shred;
mod tombstones;
mod verify;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use clerestory_access::{Access, AccessError, Refused};
use clerestory_audit::AuditError;
use clerestory_audit::authority::{Departing, Table, Touched};
use clerestory_identity::Identity;
use clerestory_keys::{KeyError, LeasesEnd, TombstonePlace};
use clerestory_model::{Clock, ErasureId, KeyId, OrganisationId};
use clerestory_notices::{NoticeError, Notices};
use clerestory_sql::{Body, Component, Database, Migration, SqlError, Tx};
use clerestory_store::derived::{Derived, DerivedError};
use clerestory_vault::{OpenError, SettleError, StoreError, Vault};

pub use check::Unverified;
pub use deletions::{Deletion, Hidden};
pub use erasure::{Assurance, Erasure, Step, Target};
pub use holds::{Hold, HoldChange, HoldDetails, HoldScope, HoldState, NewHold, REVIEW};
pub use instance::InstanceError;
pub use progress::Progress;
pub use proposals::{
    Agreed, CLOSES, Doomed, Ending, Extent, Proposal, ProposalChange, ProposalDetails, ProposalState,
};
pub use receipt::{Receipt, SignedReceipt};
pub use requests::{Followed, HandedOut, Request, RequestKind, RequestState, Words};
pub use restore::{Course, RestoreError, Restored, TABLES, close_copy};
pub use retention::{Changed, Intended, Preview, PreviewDay, Sweep, SweepState, SweepStep, covered_by};
pub use verify::{Left, Looked, Place, Report, Verifier, VerifierError, VerifierProgram, VerifyError};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "lifecycle",
    migrations: &[
        Migration { name: "erasures", sql: include_str!("0001-lifecycle.sql") },
        Migration { name: "switched tracks", sql: include_str!("0002-switched.sql") },
        Migration { name: "sweeps", sql: include_str!("0003-sweeps.sql") },
        Migration { name: "deletions", sql: include_str!("0004-deletions.sql") },
        Migration { name: "holds", sql: include_str!("0005-holds.sql") },
        Migration { name: "requests", sql: include_str!("0006-requests.sql") },
        Migration { name: "forecasts", sql: include_str!("0007-forecasts.sql") },
        Migration { name: "mails about requests", sql: include_str!("0008-request-mails.sql") },
        Migration { name: "forecasts by the hour", sql: include_str!("0009-hours.sql") },
        Migration { name: "erasures that two decide", sql: include_str!("0010-proposals.sql") },
    ],
};

/// Every table of lifecycle whose rows are authority.
pub static AUTHORITY: [&Table; 3] = [&holds::HOLDS, &requests::REQUESTS, &proposals::PROPOSALS];

/// What lifecycle is made of.
pub struct Parts {
    /// The database.
    pub database: Database,
    /// Decisions.
    pub access: Access,
    /// Keys and objects.
    pub vault: Vault,
    /// Accounts.
    pub identity: Identity,
    /// Mail.
    pub notices: Notices,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Every owner of data that derives from recordings.
    pub derived: Vec<Arc<dyn Derived>>,
    /// Every owner of authority rows.
    pub departing: Vec<Arc<dyn Departing>>,
    /// Every table whose rows are authority.
    pub authority: Vec<&'static Table>,
    /// Places outside the database that keep tombstones, beside the objects.
    pub places: Vec<Box<dyn TombstonePlace>>,
    /// Those places give what they hold to nobody without credentials of their own: the verifier has none.
    pub places_need_credentials: bool,
    /// The program that looks, as another process, at what is left.
    pub verifier: VerifierProgram,
    /// What the installation can promise about destroyed epochs.
    pub assurance: Assurance,
}

/// The erasing part of the program. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    parts: Arc<Parts>,
    /// When the leases end that ran when this node first saw an erasure. A restart waits once more.
    leases: Arc<Mutex<HashMap<ErasureId, LeasesEnd>>>,
    closings: Arc<proposals::Closings>,
    /// The same of months of logs whose words are due to be forgotten.
    months: Arc<Mutex<HashMap<KeyId, LeasesEnd>>>,
    /// Erasures whose last check did not end well.
    unverified: Arc<Mutex<BTreeMap<ErasureId, Unverified>>>,
}

/// Why something is not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such erasure, or nothing in what was named.
    #[error("there is nothing to erase")]
    Nothing,
    /// It was erased, or is about to be.
    #[error("it was erased, or is about to be")]
    Gone,
    /// It was deleted with all of it, and is kept for a while so that it can be restored.
    #[error("it was deleted, and is erased for good unless somebody restores it before")]
    Deleted,
    /// What is to be restored was not deleted.
    #[error("it was not deleted")]
    NotDeleted,
    /// A hold pins a key of it.
    #[error("{0} is pinned by a hold: lift the hold first")]
    Held(KeyId),
    /// A hold stands over it.
    #[error("a hold keeps it, or something of it: release the hold first")]
    HoldStands,
    /// What a hold is to cover is being erased.
    #[error("it is being erased already: its erasure was asked for before the hold, and is not taken back")]
    Begun,
    /// Whoever proposed something wants to confirm it.
    #[error("somebody else has to confirm it: two people decide about a hold")]
    SecondPerson,
    /// Nothing of the kind was proposed.
    #[error("nothing is proposed that could be decided so")]
    NotProposed,
    /// By now more is due than whoever confirmed was shown.
    #[error("{due} recordings are due by now, more than the {shown} that were confirmed")]
    MoreThanShown {
        /// What is due.
        due: u64,
        /// What was confirmed.
        shown: u64,
    },
    /// What was asked for was decided, or taken back.
    #[error("it was decided or taken back already")]
    Decided,
    /// It was extended once, which is as often as it can be.
    #[error("it was extended once already")]
    Extended,
    /// What was asked for is not there to be had: not yet, or not any more.
    #[error("it cannot be had now")]
    NotAvailable,
    /// It is about somebody with an account: they alone have it.
    #[error("whom it is about has an account, and has it there alone")]
    TheirsAlone,
    /// One person alone does not erase it.
    #[error(
        "two people erase somebody with an account, or the organisation: one proposes it, another agrees"
    )]
    NeedsTwo,
    /// It is no person with an account.
    #[error("one person erases what is about somebody without an account")]
    OneSuffices,
    /// Whoever proposed it agrees to it or refuses it.
    #[error("you proposed it yourself: somebody else agrees to it, or refuses it")]
    AskedByOneself,
    /// Somebody takes back what another one proposed.
    #[error("somebody else proposed it: they alone take it back")]
    AskedByOther,
    /// Whoever is to be erased agrees to it or refuses it.
    #[error("it is about yourself: somebody else decides about it")]
    AboutOneself,
    /// What was proposed was decided, or nobody decided in time.
    #[error("it was decided or taken back already, or its time is over")]
    Over,
    /// There is more of it by now than whoever agrees was shown.
    #[error("{} recordings and {} accounts would go by now, more than the {} and {} that were shown", .now.recordings, .now.people, .shown.recordings, .shown.people)]
    MoreThanAgreed {
        /// How much would go.
        now: Extent,
        /// How much was shown.
        shown: Extent,
    },
    /// The person is the organisation's last administrator.
    #[error("this is the last administrator: make somebody else one first, or erase the organisation")]
    LastAdmin,
    /// A range ends before it begins.
    #[error("the range ends before it begins")]
    BadRange,
    /// The check after an erasure found something.
    #[error("the check after the erasure found something: {0}")]
    Left(String),
    /// The check after an erasure could not be made.
    #[error("the check after the erasure could not be made")]
    Verifier(#[from] VerifierError),
    /// The decision could not be made or recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// An entry could not be written.
    #[error("the erasure could not be recorded")]
    Audit(#[from] AuditError),
    /// The registry refused.
    #[error("the key registry")]
    Key(#[from] KeyError),
    /// What stays of a track could not be sealed anew, or what is spent not be removed.
    #[error("moving what stays")]
    Settle(#[from] SettleError),
    /// The objects could not be reached.
    #[error("the object store")]
    Store(#[from] StoreError),
    /// Something sealed did not open.
    #[error("something sealed does not open")]
    Open(#[from] OpenError),
    /// A place of tombstones failed.
    #[error("the tombstone place {place}")]
    Place {
        /// Which.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A mail could not be written.
    #[error("a mail could not be written")]
    Notice(#[from] NoticeError),
    /// The receipt could not be written.
    #[error("the receipt could not be written")]
    Encoding(#[from] serde_json::Error),
    /// Something that derives from it could not be removed.
    #[error("what derives from it could not be removed")]
    Derived(#[from] DerivedError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
}

impl Lifecycle {
    /// Lifecycle over these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            leases: Arc::default(),
            closings: Arc::default(),
            months: Arc::default(),
            unverified: Arc::default(),
        }
    }

    fn unverified<T>(&self, act: impl FnOnce(&mut BTreeMap<ErasureId, Unverified>) -> T) -> T {
        act(&mut self.unverified.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whoever holds what an organisation has gives it up with the organisation: no hold stands then, or it would not be erased,
/// and nobody is there to answer to.
impl Departing for Lifecycle {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            retention::rows::forget(tx, organisation).await?;
            deletions::rows::forget_all(tx, organisation).await?;
            clerestory_store::retention::forget(tx, organisation).await?;
            let mut gone = holds::rows::remove_all(tx, organisation).await?;
            gone.extend(requests::rows::remove_all(tx, organisation).await?);
            gone.extend(proposals::rows::remove_all(tx, organisation).await?);
            Ok(gone)
        })
    }
}
