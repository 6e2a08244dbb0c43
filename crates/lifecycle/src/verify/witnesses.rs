//! Looking at what has to speak for an erasure: tombstones, entries of the audit log, the receipt.

use clerestory_audit::{standing, told_of};
use clerestory_keys::{Tombstone, presence};
use clerestory_sql::Tx;

use super::{Notes, Place, Scope, Verifier, VerifyError};
use crate::tombstones::tombstones_of;
use crate::{SignedReceipt, Step};

/// Looks at what the database has of them. Gives back the tombstones that have to lie outside too.
pub(super) async fn look(
    tx: &mut Tx,
    scope: &Scope,
    notes: &mut Notes,
) -> Result<Vec<Tombstone>, VerifyError> {
    look_at_entries(tx, scope, notes).await?;
    look_at_receipt(scope, notes);
    let wanted = tombstones_of(tx, &scope.erasure).await?.unwrap_or_default();
    let ids: Vec<[u8; 16]> = wanted.iter().map(Tombstone::id).collect();
    let laid = presence::tombstones_named(tx, &ids).await?;
    notes.looked("tombstones in the database", wanted.len() as u64);
    for one in wanted.iter().filter(|one| !laid.iter().any(|laid| laid.id() == one.id())) {
        notes.left(Place::Tombstones, format!("no tombstone of {} is in the database", one.key));
    }
    if wanted.is_empty() {
        notes.left(Place::Tombstones, "no tombstone says that it was erased".to_owned());
    }
    Ok(laid)
}

async fn look_at_entries(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    let erasure = &scope.erasure;
    let number = erasure.entry;
    match standing(tx, erasure.organisation, number).await? {
        None => {
            notes.left(Place::Entry, format!("entry {number} of the log, which tells who asked, is gone"))
        }
        Some(entry) if !entry.is_sound() => {
            notes
                .left(Place::Entry, format!("entry {number} of the log, which tells who asked, was altered"));
        }
        Some(_) => {}
    }
    let mut told = 1;
    for (step, action) in [(Step::Shredded, "maintain.erase"), (Step::Verified, "erasure.verified")] {
        if erasure.step < step {
            continue;
        }
        told += 1;
        if told_of(tx, erasure.organisation, (action, *erasure.id.as_bytes())).await? == 0 {
            notes.left(Place::Entry, format!("the log has no entry {action} about it"));
        }
    }
    notes.looked("entries of the audit log", told);
    Ok(())
}

fn look_at_receipt(scope: &Scope, notes: &mut Notes) {
    let erasure = &scope.erasure;
    if erasure.step < Step::Verified {
        return;
    }
    notes.looked("receipts", 1);
    let signed = erasure.receipt.as_deref().and_then(|text| serde_json::from_str::<SignedReceipt>(text).ok());
    let Some(signed) = signed else {
        return notes.left(Place::Receipt, "it has no receipt".to_owned());
    };
    let Some(receipt) = signed.verify() else {
        return notes.left(Place::Receipt, "its receipt is not what was signed".to_owned());
    };
    let mut keys = receipt.keys.clone();
    keys.sort_unstable();
    if receipt.erasure != erasure.id || receipt.organisation != erasure.organisation || keys != scope.keys {
        notes.left(Place::Receipt, "its receipt is about something else".to_owned());
    }
}

impl Verifier {
    /// The tombstones have to lie in every place outside, as the database has them.
    pub(super) async fn look_for_tombstones(
        &self,
        scope: &Scope,
        wanted: &[Tombstone],
        notes: &mut Notes,
    ) -> Result<(), VerifyError> {
        if let Some(unseen) = &self.unseen {
            notes.not_looked_at.push(format!("tombstones in {unseen}: it asks for credentials of its own"));
        }
        let Some(name) = scope.erasure.tombstones.as_deref() else {
            notes.left(Place::Tombstones, "its tombstones were not laid outside the database".to_owned());
            return Ok(());
        };
        let mut lost = |held: &[Tombstone], place: &str| {
            notes.looked(&format!("tombstones {place}"), held.len() as u64);
            for one in wanted.iter().filter(|one| !held.contains(one)) {
                notes.left(Place::Tombstones, format!("a tombstone of {} is not {place}", one.key));
            }
        };
        let beside = match self.eyes.tombstones(name).await {
            Err(clerestory_vault::StoreError::Missing) => None,
            other => Some(other?),
        };
        lost(beside.as_ref().map_or(&[], |laid| &laid.tombstones), "beside the objects");
        for place in &self.places {
            let held = match place.read(name) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                other => other.map_err(|source| VerifyError::Place { place: place.name(), source })?,
            };
            lost(&held, "in the second place");
        }
        if beside.is_some_and(|laid| laid.is_altered) {
            notes.left(Place::Tombstones, format!("tombstones/{name} beside the objects was altered"));
        }
        Ok(())
    }
}
