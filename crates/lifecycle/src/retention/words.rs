//! Forgetting the words of the audit log when they were kept for as long as `retention.audit` says.
//!
//! Nothing of a log is forgotten while a hold stands in its organisation: nobody can tell without reading them which of its
//! words are about what is held.

use std::sync::PoisonError;

use clerestory_audit::forgetting::{self, Month};
use clerestory_keys::LeasesOut;
use clerestory_model::{OrganisationId, Timestamp};
use clerestory_settings::tree::Span;
use clerestory_sql::{Lane, Tx};

use crate::{EraseError, Lifecycle, Target};

/// The setting that says how long.
const AUDIT: &str = "retention.audit";

impl Lifecycle {
    /// Forgets the words of all months that are due, in every log. A month that is found to be due is forgotten at the next
    /// turn, when nobody holds its key opened any more.
    pub(super) async fn forget_words_of_logs(&self, now: Timestamp) -> Result<(), EraseError> {
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        let due = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { lifecycle.due_months(tx, now).await }))
            .await?;
        for month in due {
            let Some(leases) = self.month_is_let_go(month) else { continue };
            // The others do not wait for it.
            match self.forget_month(month, now, leases).await {
                Ok(()) => drop(self.months.lock().unwrap_or_else(PoisonError::into_inner).remove(&month.key)),
                Err(error) => tracing::error!(
                    organisation = %month.organisation,
                    error = &error as &dyn std::error::Error,
                    "the words of a month of the audit log could not be forgotten"
                ),
            }
        }
        Ok(())
    }

    async fn due_months(&self, tx: &mut Tx, now: Timestamp) -> Result<Vec<Month>, EraseError> {
        let mut due = Vec::new();
        for month in forgetting::months(tx).await? {
            if self.why_due(tx, month, now).await?.is_some() {
                due.push(month);
            }
        }
        Ok(due)
    }

    /// Why a month is forgotten, in words; nothing where it is not: it is not old enough, or a hold stands.
    async fn why_due(&self, tx: &mut Tx, month: Month, now: Timestamp) -> Result<Option<String>, EraseError> {
        let kept = self.words_are_kept(tx, month.organisation).await?;
        let Some(kept) = kept.filter(|kept| month.is_due(now, kept.length().max(forgetting::LEAST_KEPT)))
        else {
            return Ok(None);
        };
        let held = crate::holds::rows::stands_against(tx, month.organisation, &Target::Organisation).await?;
        Ok((!held).then(|| format!("{AUDIT} is {kept}")))
    }

    async fn words_are_kept(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<Option<Span>, EraseError> {
        Ok(self.parts.access.settings().span(tx, organisation, AUDIT).await?)
    }

    /// The proof that nobody holds the key opened since this node found the month to be due.
    fn month_is_let_go(&self, month: Month) -> Option<LeasesOut> {
        let keys = self.parts.vault.keys();
        let mut months = self.months.lock().unwrap_or_else(PoisonError::into_inner);
        let end = *months.entry(month.key).or_insert_with(|| keys.leases_end());
        keys.leases_out(end)
    }

    async fn forget_month(&self, month: Month, now: Timestamp, leases: LeasesOut) -> Result<(), EraseError> {
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        self.parts
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    let audit = lifecycle.parts.access.audit();
                    // Whoever places a hold, or says something of the setting, has a turn too.
                    audit.take_turn(tx, month.organisation).await?;
                    if !forgetting::months(tx).await?.contains(&month) {
                        return Ok(());
                    }
                    let Some(why) = lifecycle.why_due(tx, month, now).await? else { return Ok(()) };
                    let with = (lifecycle.parts.authority.as_slice(), &leases);
                    match audit.forget_month(tx, month, (now, &why), with).await? {
                        Ok(()) => tracing::info!(organisation = %month.organisation, key = %month.key, "the words of a month of the audit log were forgotten"),
                        Err(number) => tracing::error!(organisation = %month.organisation, entry = number, "words of the audit log are kept beyond their time: an entry that tells of rows does not open, and forgetting would hide that"),
                    }
                    Ok::<_, EraseError>(())
                })
            })
            .await
    }
}
