//! What playback gives up when something is erased: what segments of a running play are packed on, in memory.

use clerestory_audit::authority::{Departing, Gone, Touched};
use clerestory_model::OrganisationId;
use clerestory_sql::{Body, SqlError, Tx};
use clerestory_store::derived::{Derived, DerivedError, Erased};

use crate::Playback;

impl Derived for Playback {
    fn name(&self) -> &'static str {
        "bases of running plays"
    }

    fn erase<'t>(&'t self, _tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), DerivedError> {
        self.forget(erased);
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, erased: &Erased) {
        erased.tracks.iter().for_each(|track| self.bases.forget_track(*track));
    }

    fn count<'t>(&'t self, _tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, u64, SqlError> {
        Box::pin(async move { Ok(erased.tracks.iter().map(|track| self.bases.count(*track)).sum()) })
    }
}

/// With an organisation goes who watched, and who asked to watch, what in it: nobody is left to be told.
impl Departing for Playback {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            for sql in [
                "DELETE FROM play_ranges WHERE play_id IN (SELECT play_id FROM plays WHERE organisation_id = $1)",
                "DELETE FROM plays WHERE organisation_id = $1",
            ] {
                tx.execute(sql, &[organisation.into()]).await?;
            }
            crate::previews::depart(tx, organisation).await?;
            crate::views::forget(tx, organisation).await
        })
    }

    fn forget_gone<'t>(&'t self, tx: &'t mut Tx, gone: &'t Gone) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move { crate::views::forget_erased(tx, gone).await })
    }
}
