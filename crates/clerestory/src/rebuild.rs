//! Making rows again from what lies in the store, and what derives from them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use clerestory_access::{Actor, Grant, OpContext, OrganisationRef, RebuildRows};
use clerestory_audit::Personal;
use clerestory_model::{OrganisationId, RecordingId};
use clerestory_sql::SqlError;
use clerestory_store::recordings;
use clerestory_vault::{Progress, Rebuilt};

use crate::App;

/// Recordings looked up in one go.
const PAGE: u32 = 500;

impl App {
    /// Adds rows of recordings that are missing, and derives again what stood in them: summaries and counts of plays.
    /// With `dry` it is only said what would be added. How many summaries there are anew is told too.
    ///
    /// # Errors
    /// Whatever stopped it; what was made before is there.
    pub async fn rebuild(&self, dry: bool, progress: Progress<'_>) -> anyhow::Result<(Rebuilt, u64)> {
        let rebuilt = self.vault.rebuild_rows(&self.access, dry, progress).await?;
        let mut summaries = 0;
        if dry {
            return Ok((rebuilt, summaries));
        }
        // What was deleted, or waits for a hold to be erased, is not shown because its row was lost.
        self.lifecycle.hide_again().await?;
        let mut grants: BTreeMap<OrganisationId, Grant<RebuildRows>> = BTreeMap::new();
        // Not only those of this time: one that was cut off before it came here has left rows without a summary.
        let mut ids: BTreeSet<RecordingId> = rebuilt.recordings.iter().copied().collect();
        ids.extend(self.without_summary().await?);
        let all = ids.len() as u64;
        for (done, id) in (0..).zip(ids) {
            progress("summaries derived", done, all);
            let found = self.database.read(move |tx| Box::pin(async move { recordings::find(tx, id).await }));
            let found: Result<_, SqlError> = found.await;
            let Some(recording) = found? else { continue };
            let organisation = recording.organisation;
            let grant = match grants.entry(organisation) {
                Entry::Occupied(held) => held.into_mut(),
                Entry::Vacant(place) => place.insert(self.leave_to_derive(organisation).await?),
            };
            // The summary last: whoever has one is done.
            self.playback.count_plays_again(id).await?;
            summaries += u64::from(self.intake.derive_summary(grant, id).await?);
        }
        Ok((rebuilt, summaries))
    }

    async fn without_summary(&self) -> Result<Vec<RecordingId>, SqlError> {
        let (mut all, mut after) = (Vec::new(), RecordingId::nil());
        loop {
            let page = self
                .database
                .read(move |tx| Box::pin(async move { recordings::without_summary(tx, after, PAGE).await }));
            let page: Result<Vec<RecordingId>, SqlError> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(all) };
            after = *last;
            all.extend(page);
        }
    }

    async fn leave_to_derive(&self, organisation: OrganisationId) -> anyhow::Result<Grant<RebuildRows>> {
        let at = self.clock.now();
        let op = OpContext { actor: Actor::System { organisation }, request_id: String::new(), at };
        let detail = Some("fsck: summaries are derived again".to_owned());
        let personal = Some(Personal { detail, ..Personal::default() });
        Ok(self.access.authorize(&op, OrganisationRef(organisation), personal).await??)
    }
}
