//! Checking the store against the rows: what is missing, cut, altered or named by nobody; and mending it.
//!
//! A check may run beside servers: what looks wrong at first is looked at again, row and object, before it is told. What
//! an intent or claim names is in flight and is left alone until its time is over. The quick check compares names and
//! lengths; the deep one reads every byte, and compares the SHA-256 of each segment's ciphertext with its row and each
//! part's manifest with the part's row.

mod compare;
mod erased;
mod finding;
mod listing;
mod named;
mod read;
mod rebuild;
mod repair;
mod scrub;
mod unnamed;

use clerestory_access::{Access, AccessError, Action, Actor, Grant, OpContext, OrganisationRef, Refused};
use clerestory_audit::Personal;
use clerestory_keys::KeyError;
use clerestory_model::OrganisationId;
use clerestory_sql::SqlError;
use clerestory_store::organisations;
use serde::Serialize;

pub use finding::{Fault, Finding};
pub use rebuild::{NotRebuilt, Rebuilt};
pub use repair::{Deed, RepairError, Repaired};
pub use scrub::{ScrubPace, ScrubStep};

use crate::{OpenError, SettleError, StoreError, Vault};

/// Told how far long work has come: what is done, how much of it, of how much (0 where that is not known).
pub type Progress<'p> = &'p (dyn Fn(&str, u64, u64) + Sync);

/// How thorough a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Names and lengths.
    Quick,
    /// Every byte.
    Deep,
}

/// Why the store could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The decision could not be recorded.
    #[error("the decision could not be recorded")]
    Access(#[from] AccessError),
    /// The database refused.
    #[error("the rows could not be read or written")]
    Sql(#[from] SqlError),
    /// The store refused.
    #[error("the store could not be read or written")]
    Store(#[from] StoreError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// Something could not be opened though its key is there.
    #[error("a key could not be used")]
    Open(#[from] OpenError),
    /// What was left over from settling could not be removed.
    #[error("what settling left over could not be removed")]
    Settle(#[from] SettleError),
}

/// An object that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// Its name; one that ends with `/` is of everything below it.
    pub object: String,
    /// Since when.
    pub since: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the objects lie.
    pub store: String,
    /// Whether every byte was read.
    pub deep: bool,
    /// Objects there are.
    pub objects: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Objects that rows name.
    pub named: u64,
    /// Those of them that are not there.
    pub missing: u64,
    /// Segments in the rows.
    pub segments: u64,
    /// Parts in the rows.
    pub parts: u64,
    /// Bytes that were read and compared.
    pub bytes_read: u64,
    /// What is under way and was left alone.
    pub in_flight: Vec<InFlight>,
    /// Objects that nobody names, or that are being removed, and that are too young to say anything of.
    pub young: u64,
    /// Segments that an earlier repair recorded as lost.
    pub lost: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Vault {
    /// Leave for work on an organisation's data, on record with what it is for.
    async fn leave<A: Action<On = OrganisationRef>>(
        &self,
        access: &Access,
        organisation: OrganisationId,
        detail: Option<String>,
    ) -> Result<Grant<A>, FsckError> {
        let at = self.log.intents().now();
        let op = OpContext { actor: Actor::System { organisation }, request_id: String::new(), at };
        let personal = detail.map(|detail| Personal { detail: Some(detail), ..Personal::default() });
        Ok(access.authorize::<A>(&op, OrganisationRef(organisation), personal).await??)
    }

    async fn has_organisation(&self, organisation: OrganisationId) -> Result<bool, SqlError> {
        let found = self
            .database
            .read(move |tx| Box::pin(async move { organisations::find(tx, organisation).await }));
        let found: Result<_, SqlError> = found.await;
        Ok(found?.is_some())
    }
}
