//! Setting and lifting blocks of networks and devices, and seeing them.

use clerestory_access::{
    Actor, Grant, ManagePlaces, OpContext, OrganisationRef, PersonRef, ReadDevices, ReadPlaces,
};
use clerestory_audit::authority::Touched;
use clerestory_model::{BlockId, OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::people::Role;
use clerestory_store::{organisations, people};

use super::network::Network;
use super::rows::{self, Blocked, KeptNetwork, LiftReason, PlaceBlock, Reason, place};
use crate::people::error::PeopleError;
use crate::people::standing::LONGEST_BLOCK;
use crate::sign_in::inconsistent;
use crate::{Identity, IdentityError, Whence, authority, sessions, whence};

/// Blocks of an organisation that run at once: each is compared with every request.
const MOST: usize = 200;
/// Blocks of one answer at most.
const SHOWN: u32 = 500;

/// What is to be kept out.
#[derive(Clone, Copy, Debug)]
pub enum NewPlace {
    /// Whoever comes from a network.
    Network(Network),
    /// Whoever comes with the browser that this session began on.
    Device(SessionId),
}

/// What a block keeps out, as whoever may see it does.
#[derive(Clone, Debug)]
pub enum PlaceView {
    /// A network, as it is written.
    Network(String),
    /// A browser: what it is called, and who was signed in with it.
    Device {
        /// What it is called.
        name: String,
        /// Who was signed in with it.
        person: PersonId,
    },
}

/// A block of a network or a device, with its reason.
#[derive(Clone, Debug)]
pub struct PlaceBlockView {
    /// Its id.
    pub id: BlockId,
    /// What it keeps out.
    pub place: PlaceView,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub set_by: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends, or ended.
    pub ends_at: Timestamp,
    /// Whether it runs.
    pub runs: bool,
    /// Who ended it before its time, and why.
    pub lifted: Option<(PersonId, String)>,
}

/// A session of somebody, and the browser it began on.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The session.
    pub session: SessionId,
    /// What the browser is called, where it carries a token.
    pub device: Option<String>,
    /// What the browser says it is.
    pub browser: String,
    /// When the session began.
    pub signed_in_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
}

impl Identity {
    /// Keeps out of the caller's organisation whoever comes from a network, or with a browser, until a time.
    ///
    /// # Errors
    /// [`PeopleError::OwnPlace`], [`PeopleError::BlockTime`], [`PeopleError::Unknown`], [`PeopleError::TooManyBlocks`],
    /// [`PeopleError::Refused`].
    pub async fn block_place(
        &self,
        op: &OpContext,
        whence: &Whence,
        new: NewPlace,
        (ends_at, reason): (Timestamp, String),
    ) -> Result<BlockId, PeopleError> {
        let latest = op.at.plus(LONGEST_BLOCK);
        if ends_at <= op.at || ends_at > latest {
            return Err(PeopleError::BlockTime { latest });
        }
        // Neither the network nor whose device it is: what the log says outlives them.
        let what = match new {
            NewPlace::Network(_) => "a network",
            NewPlace::Device(_) => "a device",
        };
        let detail = Some(format!("{what} blocked until {ends_at}"));
        let on = OrganisationRef(op.actor.organisation());
        let (identity, asked, whence) = (self.clone(), op.clone(), whence.clone());
        let id = self
            .decided::<ManagePlaces, _>(op, on, detail, move |tx, grant| {
                Box::pin(async move {
                    let new = identity.aimed(tx, &asked, &whence, new).await?;
                    identity.set_place_block(tx, &asked, grant.on().0, new, (ends_at, reason)).await
                })
            })
            .await?;
        if let NewPlace::Network(network) = new {
            self.networks.insert(id, network);
        }
        Ok(id)
    }

    /// What is to be kept out, unless it is where the caller is, or of others.
    async fn aimed(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        whence: &Whence,
        new: NewPlace,
    ) -> Result<Aim, PeopleError> {
        match new {
            NewPlace::Network(network) => {
                if whence.address.is_some_and(|address| network.contains(address)) {
                    return Err(PeopleError::OwnPlace("network"));
                }
                // Whoever is on it is kept out, an Admin too.
                if !self.access.may_hand_on(tx, op, Role::Admin).await? {
                    return Err(PeopleError::AboveOwn(Role::Admin));
                }
                Ok(Aim::Network(network))
            }
            NewPlace::Device(session) => {
                let found = sessions::find(tx, session).await?;
                let found = found.filter(|found| found.organisation == op.actor.organisation());
                let found = found.ok_or(PeopleError::Unknown("the session"))?;
                let person = people::find(tx, found.person).await?.ok_or(PeopleError::NotFound)?;
                self.not_above(tx, op, &person).await?;
                let hash = found.device_hash.ok_or(PeopleError::State(
                    "this session began before browsers were known again: end it instead",
                ))?;
                let own = match &op.actor {
                    Actor::Person { session: own, .. } => sessions::find(tx, *own).await?,
                    _ => None,
                };
                let own = own.and_then(|own| own.device_hash);
                if [whence.device, own].into_iter().flatten().any(|device| device == hash) {
                    return Err(PeopleError::OwnPlace("browser"));
                }
                Ok(Aim::Device { hash, person: found.person })
            }
        }
    }

    async fn set_place_block(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        organisation: OrganisationId,
        new: Aim,
        (ends_at, reason): (Timestamp, String),
    ) -> Result<BlockId, PeopleError> {
        if rows::running(tx, organisation, op.at).await?.len() >= MOST {
            return Err(PeopleError::TooManyBlocks(MOST));
        }
        let id = BlockId::new(op.at, random());
        let person = match &new {
            Aim::Network(_) => None,
            Aim::Device { person, .. } => Some(*person),
        };
        let (key, at) = (key_for(tx, organisation, person).await?, place(organisation, person, id));
        let blocked = match new {
            Aim::Network(network) => {
                Blocked::Network(self.vault.seal(tx, key, at, &KeptNetwork(network.to_string())).await?)
            }
            Aim::Device { hash, person } => Blocked::Device { hash, person },
        };
        let reason = self.vault.seal(tx, key, at, &Reason(reason)).await?;
        let (set_by, since) = (Identity::asker(op), op.at);
        let block = PlaceBlock { id, organisation, blocked, reason, set_by, since, ends_at, lifted: None };
        rows::insert(tx, &block).await?;
        self.note(tx, op, ("organisation", *organisation.as_bytes()), &[authority::place_block(id)]).await?;
        Ok(id)
    }

    /// Ends a block of the caller's organisation before its time.
    ///
    /// # Errors
    /// [`PeopleError::NotFound`], also where it has ended; [`PeopleError::Refused`].
    pub async fn lift_place(&self, op: &OpContext, id: BlockId, reason: String) -> Result<(), PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let on = OrganisationRef(op.actor.organisation());
        let detail = Some(format!("{id} lifted"));
        self.decided::<ManagePlaces, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let OrganisationRef(organisation) = grant.on();
                let found = rows::find_locked(tx, id).await?;
                let runs =
                    |found: &PlaceBlock| found.organisation == organisation && found.ends_at > asked.at;
                let block = found.filter(runs).ok_or(PeopleError::NotFound)?;
                let person = match &block.blocked {
                    Blocked::Network(_) => None,
                    Blocked::Device { person, .. } => Some(*person),
                };
                let (key, at) = (key_for(tx, organisation, person).await?, place(organisation, person, id));
                let reason = identity.vault.seal(tx, key, at, &LiftReason(reason)).await?;
                let by = Identity::asker(&asked);
                rows::lift(tx, id, (by, &reason), asked.at).await?;
                let object = ("organisation", *organisation.as_bytes());
                identity.note(tx, &asked, object, &[authority::place_block(id)]).await
            })
        })
        .await
    }

    /// Ends every block of the organisation that runs, by the command line; the rows that changed.
    pub(crate) async fn lift_places(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        at: Timestamp,
    ) -> Result<Vec<Touched>, IdentityError> {
        let mut touched = Vec::new();
        for block in rows::running(tx, organisation, at).await? {
            let person = match &block.blocked {
                Blocked::Network(_) => None,
                Blocked::Device { person, .. } => Some(*person),
            };
            let (key, at_place) =
                (key_for(tx, organisation, person).await?, place(organisation, person, block.id));
            let reason = LiftReason("by the operator".to_owned());
            let reason = self.vault.seal(tx, key, at_place, &reason).await?;
            rows::lift(tx, block.id, (PersonId::nil(), &reason), at).await?;
            touched.push(authority::place_block(block.id));
        }
        Ok(touched)
    }

    /// The blocks of the organisation of the grant: those that run, and those that ended lately.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn place_blocks(
        &self,
        tx: &mut Tx,
        grant: &Grant<ReadPlaces>,
    ) -> Result<Vec<PlaceBlockView>, IdentityError> {
        let (now, mut views) = (self.clock.now(), Vec::new());
        for block in rows::of_organisation(tx, grant.on().0, SHOWN).await? {
            views.push(self.place_view(tx, grant, &block, now).await?);
        }
        Ok(views)
    }

    /// The running sessions of somebody, each with the browser it began on, newest first.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::NotFound`].
    pub async fn devices(&self, op: &OpContext, on: PersonRef) -> Result<Vec<DeviceView>, PeopleError> {
        let grant = self.access.authorize::<ReadDevices>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let (identity, now) = (self.clone(), op.at);
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let on = grant.on();
                    let mut views = Vec::new();
                    for row in identity.running_of(tx, (on.organisation, on.id), now).await? {
                        views.push(DeviceView {
                            session: row.id,
                            device: row.device_hash.as_ref().map(whence::device_name),
                            browser: identity.vault.open(tx, &grant, &row.device).await?.0,
                            signed_in_at: row.created_at,
                            last_used_at: row.last_used_at,
                        });
                    }
                    Ok(views)
                })
            })
            .await
    }

    async fn place_view(
        &self,
        tx: &mut Tx,
        grant: &Grant<ReadPlaces>,
        block: &PlaceBlock,
        now: Timestamp,
    ) -> Result<PlaceBlockView, IdentityError> {
        let lifted = match &block.lifted {
            Some((by, reason)) => Some((*by, self.vault.open(tx, grant, reason).await?.0)),
            None => None,
        };
        Ok(PlaceBlockView {
            id: block.id,
            place: match &block.blocked {
                Blocked::Network(network) => PlaceView::Network(self.vault.open(tx, grant, network).await?.0),
                Blocked::Device { hash, person } => {
                    PlaceView::Device { name: whence::device_name(hash), person: *person }
                }
            },
            reason: self.vault.open(tx, grant, &block.reason).await?.0,
            set_by: block.set_by,
            since: block.since,
            ends_at: block.ends_at,
            runs: block.ends_at > now,
            lifted,
        })
    }
}

/// What a new block is to keep out, known to be neither the caller's own nor of others.
enum Aim {
    Network(Network),
    Device { hash: [u8; 32], person: PersonId },
}

/// The key that a block is sealed under: that of whose device it is, or the organisation's.
async fn key_for(
    tx: &mut Tx,
    organisation: OrganisationId,
    person: Option<PersonId>,
) -> Result<clerestory_model::KeyId, SqlError> {
    let key = match person {
        None => organisations::find(tx, organisation).await?.map(|found| found.key),
        Some(person) => {
            let found = people::find(tx, person).await?;
            let found = found.ok_or_else(|| inconsistent("people", "person_id"))?;
            organisations::subject_key(tx, found.subject).await?
        }
    };
    key.ok_or_else(|| inconsistent("place_blocks", "person_id"))
}
