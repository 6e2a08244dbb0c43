//! Blocks of networks and devices: whoever comes from there is kept out of one organisation for a time.
//!
//! The rows keep a network sealed, so that no copy of the database says from where somebody worked; what is open of it is
//! remembered in memory, for as long as its row is there. A device is a browser that signed in: it carries a random token
//! of its own, of which only a hash is kept.

mod manage;
pub(crate) mod network;
pub(crate) mod rows;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clerestory_access::{Actor, CheckPlaces, OpContext, OrganisationRef};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{BlockId, OrganisationId, Timestamp};
use clerestory_sql::{Lane, SqlError};

pub use manage::{DeviceView, NewPlace, PlaceBlockView, PlaceView};

use crate::sign_in::inconsistent;
use crate::{Identity, IdentityError, Whence};
use network::Network;
use rows::{Blocked, PlaceBlock};

/// Networks that are remembered at once. Whatever is forgotten is opened again.
const REMEMBERED: usize = 4096;

/// The networks of blocks, as they were opened.
#[derive(Clone, Default)]
pub(crate) struct Networks(Arc<Mutex<HashMap<BlockId, Network>>>);

impl Networks {
    fn get(&self, id: BlockId) -> Option<Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn insert(&self, id: BlockId, network: Network) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id, network);
    }
}

impl Identity {
    /// Sees that nothing keeps out whoever comes from there, to do something for this organisation.
    ///
    /// # Errors
    /// [`IdentityError::PlaceBlocked`]; another one where that cannot be said: nobody is let in then.
    pub async fn let_in(&self, organisation: OrganisationId, whence: &Whence) -> Result<(), IdentityError> {
        let now = self.clock.now();
        let running = self
            .database
            .read(move |tx| Box::pin(async move { rows::running(tx, organisation, now).await }))
            .await
            .map_err(|error: SqlError| IdentityError::from(error))?;
        self.keeps_out(&running, whence, None).await
    }

    /// The same for blocks that were read, and a session that began on this device.
    pub(crate) async fn keeps_out(
        &self,
        running: &[PlaceBlock],
        whence: &Whence,
        signed_in_on: Option<[u8; 32]>,
    ) -> Result<(), IdentityError> {
        let mut longest: Option<(Timestamp, OrganisationId)> = None;
        for block in running {
            let keeps_out = match (&block.blocked, whence.address) {
                // Whoever throws the token away is still in the session that began with it.
                (Blocked::Device { hash, .. }, _) => {
                    [whence.device, signed_in_on].into_iter().flatten().any(|device| device == *hash)
                }
                (Blocked::Network(_), Some(address)) => self.network_of(block).await?.contains(address),
                (Blocked::Network(_), None) => false,
            };
            if keeps_out {
                longest = longest.max(Some((block.ends_at, block.organisation)));
            }
        }
        longest
            .map_or(Ok(()), |(until, organisation)| Err(IdentityError::PlaceBlocked { organisation, until }))
    }

    /// The network of a block. The first time, it is opened, which is on record.
    async fn network_of(&self, block: &PlaceBlock) -> Result<Network, IdentityError> {
        let Blocked::Network(sealed) = &block.blocked else {
            return Err(inconsistent("place_blocks", "network").into());
        };
        if let Some(known) = self.networks.get(block.id) {
            return Ok(known);
        }
        let organisation = block.organisation;
        let op = OpContext {
            actor: Actor::System { organisation },
            request_id: "blocks".to_owned(),
            at: self.clock.now(),
        };
        let decided = self.access.authorize::<CheckPlaces>(&op, OrganisationRef(organisation), None).await?;
        let grant = decided.map_err(|_| inconsistent("place_blocks", "organisation_id"))?;
        self.vault.hold_lease().await?;
        let (vault, sealed) = (self.vault.clone(), sealed.clone());
        let opened: Result<rows::KeptNetwork, IdentityError> = self
            .database
            .read(move |tx| Box::pin(async move { Ok(vault.open(tx, &grant, &sealed).await?) }))
            .await;
        let network = opened?.0.parse().map_err(|_| inconsistent("place_blocks", "network"))?;
        self.networks.insert(block.id, network);
        Ok(network)
    }

    /// Puts on record that somebody came from where a block keeps them out. They may come as often as they like, so they
    /// are counted as the denials of nobody known are.
    ///
    /// # Errors
    /// [`IdentityError::Audit`].
    pub async fn refuse_place(
        &self,
        op: &OpContext,
        organisation: OrganisationId,
        action: &'static str,
    ) -> Result<(), IdentityError> {
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation,
            at: op.at,
            action,
            class: Class::LOGON,
            outcome: Outcome::Refused,
            rule: "a block of this network or device runs".to_owned(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "organisation".to_owned(), id: *organisation.as_bytes() },
            request_id: op.request_id.clone(),
            personal: None,
        };
        Ok(self.access.audit().deny(&self.database, Lane::Interactive, entry).await?)
    }
}
