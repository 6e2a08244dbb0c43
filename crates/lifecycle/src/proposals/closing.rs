//! Closing an organisation before it is erased: nothing new is recorded, its people take with them what is theirs, and
//! whoever may erase it can still keep it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clerestory_access::OpContext;
use clerestory_model::{OrganisationId, PersonId, ProposalId, Timestamp};
use clerestory_sql::{Lane, SqlError, Tx};

use super::{Proposal, ProposalState, rows};
use crate::{EraseError, Lifecycle};

/// So long an organisation closes before it is erased: 30 days.
pub const CLOSES: Duration = Duration::from_secs(30 * 24 * 3600);
/// Each node looks so often which organisations are closing.
const LOOKS: Duration = Duration::from_secs(2);

/// Which organisations are closing, with when each is erased, as this node read it last. A segment of a recorder must not
/// cost a query for what is so seldom.
#[derive(Default)]
pub(crate) struct Closings(Mutex<Option<(Instant, HashMap<OrganisationId, Timestamp>)>>);

impl Closings {
    /// What is known of an organisation; nothing where that is too old.
    fn known(&self, organisation: OrganisationId) -> Option<Option<Timestamp>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, closing) = kept.as_ref().filter(|(read, _)| read.elapsed() < LOOKS)?;
        Some(closing.get(&organisation).copied())
    }

    /// What was read is not so any more, as this node knows best.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn keep(&self, closing: HashMap<OrganisationId, Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), closing));
    }
}

impl Lifecycle {
    /// When the organisation is erased that is closing now; nothing of any other. At most two seconds old.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn closes_at(&self, organisation: OrganisationId) -> Result<Option<Timestamp>, SqlError> {
        if let Some(known) = self.closings.known(organisation) {
            return Ok(known);
        }
        let found = self.parts.database.read(|tx| Box::pin(async move { rows::closing(tx).await }));
        let found: Result<Vec<(OrganisationId, Timestamp)>, SqlError> = found.await;
        let closing: HashMap<_, _> =
            found?.into_iter().map(|(organisation, since)| (organisation, since.plus(CLOSES))).collect();
        let closes_at = closing.get(&organisation).copied();
        self.closings.keep(closing);
        Ok(closes_at)
    }

    /// Lets an organisation close, as it was proposed and agreed to by this person, or by nobody where nobody else could;
    /// says when it is erased. Not while a hold stands: it would come as a surprise a month later.
    pub(super) async fn begin_closing(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        proposal: Proposal,
        by: PersonId,
    ) -> Result<Result<Timestamp, EraseError>, EraseError> {
        let organisation = proposal.organisation;
        if crate::holds::rows::stands_against(tx, organisation, &proposal.doomed.target()).await? {
            return Ok(Err(EraseError::HoldStands));
        }
        let closing = Proposal { state: ProposalState::Closing, decided: Some((by, op.at)), ..proposal };
        self.keep_proposal(tx, &closing, op.changing(organisation)).await?;
        Ok(Ok(op.at.plus(CLOSES)))
    }

    /// Begins to erase the organisations that have been closing for as long as they do. What keeps one from it, such as a
    /// hold, keeps it closing until nothing does.
    pub(crate) async fn end_closings(&self) -> Result<(), EraseError> {
        let now = self.parts.clock.now();
        self.parts.vault.hold_lease().await?;
        let closed =
            self.parts.database.read(move |tx| Box::pin(async move { rows::closed(tx, now).await })).await;
        let closed: Result<Vec<Proposal>, SqlError> = closed;
        for proposal in closed? {
            let (lifecycle, id) = (self.clone(), proposal.id);
            let ended = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.end_closing(tx, id, now).await })
            });
            if let Err(error) = ended.await {
                tracing::error!(proposal = %id, error = &error as &dyn std::error::Error, "an organisation that has closed could not be erased");
            }
        }
        Ok(())
    }

    async fn end_closing(&self, tx: &mut Tx, id: ProposalId, now: Timestamp) -> Result<(), EraseError> {
        let Some(found) = rows::find(tx, id).await? else { return Ok(()) };
        self.parts.access.audit().take_turn(tx, found.organisation).await?;
        // It may have been called off while we waited for our turn.
        let found = rows::find_locked(tx, id).await?;
        let Some(found) = found.filter(|found| found.closes_at().is_some_and(|at| at <= now)) else {
            return Ok(());
        };
        let by = self.by_program(found.organisation);
        if let Err(obstacle) = self.begin(tx, &by, found.doomed.target(), found.entry).await? {
            // It is tried again with every sweep: the log would be full of it.
            tracing::error!(organisation = %found.organisation, error = %obstacle, "an organisation that has closed is not erased yet");
        }
        Ok(())
    }
}
