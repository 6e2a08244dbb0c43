//! Room in memory for bodies on their way in: all of them together fill a bounded part of it, and nobody can take the
//! others' part of that for long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clerestory_model::OrganisationId;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::{Intake, IntakeError};

/// A body waits this long for room.
const WAIT: Duration = Duration::from_secs(10);
/// Bodies may fill this much memory together, those of up to [`SMALL_BODY`] bytes and larger ones: who announces large ones
/// and takes all the time there is must not keep out what recorders send all day.
const SMALL_KIB: usize = 32 * 1024;
const LARGE_KIB: usize = 96 * 1024;
/// Of either, a network may take one such part.
const SHARES: usize = 4;
/// A recorder that sends every few seconds stays far below.
const SMALL_BODY: usize = 512 * 1024;
/// Imports on their way in may fill so much together, and each organisation brings two at once: they have minutes to
/// arrive, and must keep out neither recorders nor each other for so long.
const IMPORT_KIB: usize = 192 * 1024;
const IMPORTS_AT_ONCE: usize = 2;

/// The rooms, measured in KiB.
pub(crate) struct Rooms {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// What of either a network may still take.
    shares: Mutex<HashMap<(IpAddr, Size), Arc<Semaphore>>>,
    imports: Arc<Semaphore>,
    /// The imports that each organisation may still begin.
    importing: Mutex<HashMap<OrganisationId, Arc<Semaphore>>>,
}

/// Which room a segment's body goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Size {
    Small,
    Large,
}

/// Room that a segment's body has until it is refined. Dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct BodyRoom {
    _share: Option<OwnedSemaphorePermit>,
    _room: OwnedSemaphorePermit,
}

/// Room for an import, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct ImportRoom {
    _of_organisation: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Default for Rooms {
    fn default() -> Self {
        let room = |kib| Arc::new(Semaphore::new(kib));
        Self {
            small: room(SMALL_KIB),
            large: room(LARGE_KIB),
            shares: Mutex::default(),
            imports: room(IMPORT_KIB),
            importing: Mutex::default(),
        }
    }
}

impl Rooms {
    /// Forgets the shares of networks that hold nothing.
    pub(crate) fn tidy(&self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        shares.shrink_to_fit();
    }

    fn share(&self, network: IpAddr, size: Size, all_kib: usize) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = || Arc::new(Semaphore::new(all_kib / SHARES));
        Arc::clone(shares.entry((network, size)).or_insert_with(whole))
    }
}

impl Intake {
    /// Room for a body of so many bytes from this network, before it is read. A network has a share of all there is, so
    /// that one that dawdles with whatever it may announce keeps only itself out.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`] when there is none for now: the sender tries again.
    pub async fn room_for(&self, network: Option<IpAddr>, bytes: usize) -> Result<BodyRoom, IntakeError> {
        let rooms = &self.shared.rooms;
        let (size, room, all) = match bytes {
            ..=SMALL_BODY => (Size::Small, &rooms.small, SMALL_KIB),
            _ => (Size::Large, &rooms.large, LARGE_KIB),
        };
        let kib = kib(bytes, all / SHARES);
        let share = network.map(|network| rooms.share(network, size, all));
        soon(async {
            // The network's own first: who waits for that holds nothing of the others'.
            let _share = match share {
                Some(share) => Some(share.acquire_many_owned(kib).await?),
                None => None,
            };
            Ok(BodyRoom { _share, _room: Arc::clone(room).acquire_many_owned(kib).await? })
        })
        .await
    }

    /// The same for a recording that somebody of this organisation imports.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`] when there is none for now, or two are on their way already.
    pub async fn room_for_import(
        &self,
        organisation: OrganisationId,
        bytes: usize,
    ) -> Result<ImportRoom, IntakeError> {
        let rooms = &self.shared.rooms;
        let turn = {
            let mut importing = rooms.importing.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever imports nothing is forgotten.
            importing.retain(|_, turns| turns.available_permits() < IMPORTS_AT_ONCE);
            let new = || Arc::new(Semaphore::new(IMPORTS_AT_ONCE));
            Arc::clone(importing.entry(organisation).or_insert_with(new)).try_acquire_owned()
        };
        let _of_organisation = turn.map_err(|_| IntakeError::TooMany)?;
        let room = Arc::clone(&rooms.imports).acquire_many_owned(kib(bytes, IMPORT_KIB));
        Ok(ImportRoom { _of_organisation, _bytes: soon(room).await? })
    }
}

fn kib(bytes: usize, most: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024).clamp(1, most)).unwrap_or(u32::MAX)
}

async fn soon<T>(room: impl Future<Output = Result<T, AcquireError>>) -> Result<T, IntakeError> {
    match tokio::time::timeout(WAIT, room).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(IntakeError::TooMany),
    }
}
