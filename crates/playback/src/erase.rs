//! What playback gives up when something is erased: what segments of a running play are packed on, in memory.

use clerestory_sql::{Body, SqlError, Tx};
use clerestory_store::derived::{Derived, Erased};

use crate::Playback;

impl Derived for Playback {
    fn name(&self) -> &'static str {
        "bases of running plays"
    }

    fn erase<'t>(&'t self, _tx: &'t mut Tx, erased: &'t Erased) -> Body<'t, (), SqlError> {
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
