//! Looking at the database: keys, rows of what was captured, what derives from it, accounts.

use clerestory_identity::{TABLES_OF_EVERYBODY, TABLES_OF_PERSON, left_of_everybody, left_of_person};
use clerestory_keys::presence;
use clerestory_model::RecordingState;
use clerestory_sql::Tx;
use clerestory_store::derived::{Derived, Summaries};
use clerestory_store::tracks;

use super::{Notes, Place, Scope, VerifyError};
use crate::rows as erasures;
use crate::shred::erased;
use crate::{Step, Target};

/// What derives from recordings and has rows. The rest is in the memory of servers, which look at that themselves.
const WITH_ROWS: [&dyn Derived; 1] = [&Summaries];

pub(super) async fn look(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    look_at_keys(tx, scope, notes).await?;
    look_at_tracks(tx, scope, notes).await?;
    look_at_derived(tx, scope, notes).await?;
    look_at_accounts(tx, scope, notes).await
}

async fn look_at_keys(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    notes.looked("keys that have to be gone", scope.keys.len() as u64);
    let mut left = presence::present(tx, &scope.keys).await?;
    if matches!(scope.erasure.target, Target::Organisation) {
        left.extend(presence::of_organisation(tx, scope.erasure.organisation).await?);
    }
    for key in left {
        notes.left(Place::Keys, format!("the key {key} is in the registry, or a key that it wraps"));
    }
    let pages = presence::pages(tx).await?;
    notes.looked("key pages", pages.pages);
    for (page, epoch) in pages.of_ended_epochs {
        let page = hex::encode(page);
        notes.left(
            Place::Keys,
            format!("the key page {page} is an older one, of epoch {epoch}, which has ended"),
        );
    }
    if let (Step::Closed, Some(destroyed_at)) = (scope.erasure.step, scope.erasure.destroyed_at) {
        for epoch in presence::epochs_left(tx, destroyed_at).await? {
            notes.left(Place::Keys, format!("the epoch {epoch} of that day is not known to be destroyed"));
        }
    }
    Ok(())
}

async fn look_at_tracks(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    notes.looked("tracks", scope.parts.len() as u64);
    for part in &scope.parts {
        let stretch = scope.stretches.iter().find(|stretch| stretch.part.track == part.track);
        let left = match stretch {
            Some(stretch) => erasures::count_in(tx, stretch).await?,
            None => erasures::count_segments(tx, part).await?,
        };
        if left > 0 {
            notes.left(Place::Rows, format!("{} has {left} segments", part.track));
        }
        let found = tracks::find(tx, part.track).await?;
        if stretch.is_none() && found.is_some_and(|track| track.state < RecordingState::Shredded) {
            notes.left(Place::Rows, format!("{} counts as one that can be played", part.track));
        }
    }
    if !scope.takes_whole_recordings() {
        return Ok(());
    }
    notes.looked("recordings", scope.recordings.len() as u64);
    for recording in &scope.recordings {
        // Those that the erasure's own rows do not name: they came back, or came later.
        for track in tracks::of_recording(tx, *recording).await? {
            if !scope.tracks.contains(&track.id) && track.state < RecordingState::Shredded {
                notes.left(Place::Rows, format!("{} of {recording} can be played", track.id));
            }
        }
        if erasures::has_summary(tx, *recording).await? {
            notes.left(Place::Derived, format!("{recording} has a summary"));
        }
    }
    Ok(())
}

async fn look_at_derived(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    let gone = erased(&scope.erasure, &scope.recordings, (&scope.parts, &scope.keys));
    for derived in WITH_ROWS {
        notes.looked(derived.name(), scope.recordings.len() as u64);
        let left = derived.count(tx, &gone).await?;
        if left > 0 {
            notes.left(Place::Derived, format!("{left} of {}", derived.name()));
        }
    }
    Ok(())
}

async fn look_at_accounts(tx: &mut Tx, scope: &Scope, notes: &mut Notes) -> Result<(), VerifyError> {
    let (left, tables) = match scope.erasure.target {
        Target::Subject(subject) => (left_of_person(tx, subject).await?, TABLES_OF_PERSON),
        Target::Organisation => {
            (left_of_everybody(tx, scope.erasure.organisation).await?, TABLES_OF_EVERYBODY)
        }
        _ => return Ok(()),
    };
    notes.looked("tables of accounts", tables);
    for (table, rows) in left {
        notes.left(Place::Account, format!("{rows} rows of {table} tell of an account that was ended"));
    }
    Ok(())
}
