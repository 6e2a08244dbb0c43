//! Placing and releasing holds: one person proposes, another confirms.

use std::time::Duration;

use clerestory_access::{
    Action, DecideHold, Grant, HoldRef, OpContext, OrganisationRef, ProposeHold, ReadHolds,
};
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::ChangedBy;
use clerestory_model::{HoldId, OrganisationId, PersonId, RecordingState, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::{organisations, people, recordings, sites};

use super::{ALONE, Hold, HoldDetails, HoldScope, HoldState, details_place, rows, touched};
use crate::{EraseError, Lifecycle};

/// What a hold is to be.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// What it covers.
    pub scope: HoldScope,
    /// Why there is one.
    pub details: HoldDetails,
    /// After how long somebody is to look whether it is still needed.
    pub review: Duration,
}

/// What somebody decides about a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldChange {
    /// What another person proposed happens: it stands, or it stands no more.
    Confirm,
    /// What was proposed does not happen.
    Withdraw,
    /// It shall stand no more, once another person confirms.
    Release,
}

impl Lifecycle {
    /// Proposes a hold. Nothing is held before another person confirms it; where nobody else could, after seven days.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Nothing`] where what it is to cover is not there; [`EraseError::Begun`] where
    /// that is being erased.
    pub async fn propose_hold(
        &self,
        op: &OpContext,
        new: NewHold,
    ) -> Result<(Grant<ProposeHold>, Hold), EraseError> {
        self.parts.vault.hold_lease().await?;
        let on = OrganisationRef(op.actor.organisation());
        let (lifecycle, asked) = (self.clone(), op.clone());
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    match lifecycle.parts.access.decide::<ProposeHold>(tx, &asked, on, None).await? {
                        Ok(grant) => Ok(Ok((grant, lifecycle.propose(tx, &asked, new).await??))),
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await;
        self.came_of::<ProposeHold, _>(op, on, None, done).await
    }

    async fn propose(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        new: NewHold,
    ) -> Result<Result<Hold, EraseError>, EraseError> {
        let organisation = op.actor.organisation();
        if let Err(obstacle) = can_be_held(tx, organisation, &new.scope).await? {
            return Ok(Err(obstacle));
        }
        let key = crate::rows::organisation_key(tx, organisation).await?.ok_or(EraseError::Nothing)?;
        let id = HoldId::new(op.at, random());
        let details = self.parts.vault.seal(tx, key, details_place(organisation, id), &new.details).await?;
        let alone = !people::another_admin(tx, organisation, by(op), op.at).await?;
        let hold = Hold {
            id,
            organisation,
            scope: new.scope,
            state: HoldState::Proposed,
            details,
            review_at: op.at.plus(new.review),
            proposed: (by(op), op.at),
            placed: None,
            release: None,
            ended: None,
            alone_until: alone.then(|| op.at.plus(ALONE)),
            keys: 0,
        };
        self.keep_hold(tx, &hold, op.changing(organisation)).await?;
        Ok(Ok(hold))
    }

    async fn keep_hold(&self, tx: &mut Tx, hold: &Hold, by: ChangedBy) -> Result<(), EraseError> {
        rows::keep(tx, hold).await?;
        let object = ObjectRef { kind: "hold".to_owned(), id: *hold.id.as_bytes() };
        self.parts.access.audit().note_change(tx, by, object, &[touched(hold.id)]).await?;
        Ok(())
    }

    /// Decides about a hold. When it begins to stand, everything it covers is pinned before this returns, but for what is
    /// being erased; when it stands no more, it is let go.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Nothing`] where the caller's organisation has no such hold;
    /// [`EraseError::SecondPerson`] for whoever proposed what is to be confirmed; [`EraseError::NotProposed`];
    /// [`EraseError::Begun`] where what it covers is being erased by now.
    pub async fn change_hold(
        &self,
        op: &OpContext,
        hold: HoldId,
        (change, seen): (HoldChange, Option<HoldState>),
    ) -> Result<(Grant<DecideHold>, Hold), EraseError> {
        self.parts.vault.hold_lease().await?;
        let on = HoldRef { organisation: op.actor.organisation(), id: hold };
        let (lifecycle, inner) = (self.clone(), op.clone());
        let changed = self.parts.database.write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                match lifecycle.parts.access.decide::<DecideHold>(tx, &inner, on, None).await? {
                    Ok(grant) => {
                        let hold = lifecycle.decide_hold(tx, &inner, &grant, (change, seen)).await??;
                        Ok(Ok((grant, hold)))
                    }
                    Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                }
            })
        });
        let (grant, mut hold) = self.came_of::<DecideHold, _>(op, on, None, changed.await).await?;
        hold.keys = self.settle_pins(&hold).await?;
        Ok((grant, hold))
    }

    async fn decide_hold(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: &Grant<DecideHold>,
        (change, seen): (HoldChange, Option<HoldState>),
    ) -> Result<Result<Hold, EraseError>, EraseError> {
        let HoldRef { organisation, id } = grant.on();
        let found = rows::find_locked(tx, id).await?.filter(|found| found.organisation == organisation);
        let Some(hold) = found else { return Ok(Err(EraseError::Nothing)) };
        // What somebody confirms is what they were shown.
        if seen.is_some_and(|seen| seen != hold.state) {
            return Ok(Err(EraseError::NotProposed));
        }
        let begins = hold.state == HoldState::Proposed;
        let alone = !people::another_admin(tx, organisation, by(op), op.at).await?;
        let changed = match decided(hold, change, (by(op), op.at), alone) {
            Ok(changed) => changed,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        if begins
            && changed.state == HoldState::Standing
            && let Err(obstacle) = can_be_held(tx, organisation, &changed.scope).await?
        {
            return Ok(Err(obstacle));
        }
        self.keep_hold(tx, &changed, op.changing(organisation)).await?;
        Ok(Ok(changed))
    }

    /// Lets happen what was proposed where nobody else could confirm it, and whose seven days are over.
    pub(crate) async fn ripen_holds(&self) -> Result<(), EraseError> {
        let now = self.parts.clock.now();
        self.parts.vault.hold_lease().await?;
        let ripe =
            self.parts.database.read(move |tx| Box::pin(async move { rows::ripe(tx, now).await })).await;
        let ripe: Result<Vec<Hold>, SqlError> = ripe;
        for hold in ripe? {
            let (lifecycle, id) = (self.clone(), hold.id);
            let ripened = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.ripen(tx, &hold, now).await })
            });
            // The others, and the sweep, do not wait for it.
            if let Err(error) = ripened.await {
                tracing::error!(hold = %id, error = &error as &dyn std::error::Error, "what was proposed about a hold could not happen by itself");
            }
        }
        Ok(())
    }

    async fn ripen(&self, tx: &mut Tx, ripe: &Hold, now: Timestamp) -> Result<(), EraseError> {
        let organisation = ripe.organisation;
        let op = self.by_program(organisation);
        // An entry before the row: the order of locks.
        self.parts.access.audit().take_turn(tx, organisation).await?;
        let Some(hold) = rows::find_locked(tx, ripe.id).await? else { return Ok(()) };
        let still = hold.alone_until.is_some_and(|until| until <= now);
        // Where somebody else is there by now, it is theirs to confirm.
        let alone = !people::another_admin(tx, organisation, hold.asked_by(), now).await?;
        if !(still && alone) {
            return Ok(());
        }
        // What it was to cover may be on its way to be erased by now, or gone.
        let begins = hold.state == HoldState::Proposed;
        let can = !begins || can_be_held(tx, organisation, &hold.scope).await?.is_ok();
        let change = if can { HoldChange::Confirm } else { HoldChange::Withdraw };
        if let Ok(changed) = decided(hold, change, (PersonId::nil(), now), true) {
            self.keep_hold(tx, &changed, op.changing(organisation)).await?;
        }
        Ok(())
    }

    /// Takes back that holds shall stand no more, in every organisation, where nobody has confirmed it.
    pub(crate) async fn withdraw_all_releases(&self, tx: &mut Tx, now: Timestamp) -> Result<(), EraseError> {
        let (standing, _) = rows::standing(tx).await?;
        for hold in standing.into_iter().filter(|hold| hold.state == HoldState::ReleaseProposed) {
            let op = self.by_program(hold.organisation);
            let decided = decided(hold, HoldChange::Withdraw, (PersonId::nil(), now), false)?;
            self.keep_hold(tx, &decided, op.changing(decided.organisation)).await?;
        }
        Ok(())
    }

    /// The holds of the caller's organisation, newest first, with the proof that they may be read.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn holds(&self, op: &OpContext) -> Result<(Grant<ReadHolds>, Vec<Hold>), EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ReadHolds>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        let held = self
            .parts
            .database
            .read(move |tx| Box::pin(async move { rows::list(tx, organisation, MOST).await }));
        let held: Result<Vec<Hold>, SqlError> = held.await;
        Ok((grant, held?))
    }

    /// How many holds of an organisation wait for a second person, and how many are to be looked at again: for the health
    /// page, whose reading is decided by itself.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn holds_to_look_at(&self, organisation: OrganisationId) -> Result<(u64, u64), SqlError> {
        let now = self.parts.clock.now();
        self.parts
            .database
            .read(move |tx| Box::pin(async move { rows::to_look_at(tx, organisation, now).await }))
            .await
    }

    /// How many holds of an organisation cannot be read: what they may cover is kept, and nothing of it is swept or erased.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn unreadable_holds(&self, organisation: OrganisationId) -> Result<u64, SqlError> {
        self.parts
            .database
            .read(move |tx| Box::pin(async move { rows::unreadable(tx, organisation).await }))
            .await
    }

    /// Opens why there is a hold.
    ///
    /// # Errors
    /// [`EraseError::Open`].
    pub async fn hold_details<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        hold: &Hold,
    ) -> Result<HoldDetails, EraseError> {
        Ok(self.parts.vault.open(tx, grant, &hold.details).await?)
    }
}

/// Holds of one answer at most.
const MOST: u32 = 1000;

/// Who decides; nobody at a command.
fn by(op: &OpContext) -> PersonId {
    op.actor.person().unwrap_or(PersonId::nil())
}

/// What a decision makes of a hold.
fn decided(
    hold: Hold,
    change: HoldChange,
    by: (PersonId, Timestamp),
    alone: bool,
) -> Result<Hold, EraseError> {
    use HoldState::{Proposed, ReleaseProposed, Released, Standing, Withdrawn};
    let another = |first: Option<(PersonId, Timestamp)>| match first {
        Some((first, _)) if first == by.0 => Err(EraseError::SecondPerson),
        _ => Ok(()),
    };
    match (change, hold.state) {
        (HoldChange::Confirm, Proposed) => {
            another(Some(hold.proposed))?;
            Ok(Hold { state: Standing, placed: Some(by), alone_until: None, ..hold })
        }
        (HoldChange::Confirm, ReleaseProposed) => {
            another(hold.release)?;
            Ok(Hold { state: Released, ended: Some(by), alone_until: None, ..hold })
        }
        (HoldChange::Withdraw, Proposed) => {
            Ok(Hold { state: Withdrawn, ended: Some(by), alone_until: None, ..hold })
        }
        (HoldChange::Withdraw, ReleaseProposed) => {
            Ok(Hold { state: Standing, release: None, alone_until: None, ..hold })
        }
        (HoldChange::Release, Standing) => {
            let alone_until = alone.then(|| by.1.plus(ALONE));
            Ok(Hold { state: ReleaseProposed, release: Some(by), alone_until, ..hold })
        }
        _ => Err(EraseError::NotProposed),
    }
}

/// Whether what a hold is to cover is there, and is not being erased as a whole.
async fn can_be_held(
    tx: &mut Tx,
    organisation: OrganisationId,
    scope: &HoldScope,
) -> Result<Result<(), EraseError>, EraseError> {
    let target = match scope {
        HoldScope::Recording(id) => {
            let found = recordings::find_locked(tx, *id, clerestory_sql::Lock::Share).await?;
            let found = found.filter(|found| found.organisation == organisation);
            return Ok(match found {
                None => Err(EraseError::Nothing),
                Some(found) if found.state >= RecordingState::PurgeQueued => Err(EraseError::Begun),
                Some(_) => Ok(()),
            });
        }
        HoldScope::Site(id) => {
            let found = sites::find(tx, *id).await?.filter(|found| found.organisation == organisation);
            return Ok(found.map(|_| ()).ok_or(EraseError::Nothing));
        }
        HoldScope::Subject(id) => {
            if organisations::organisation_of_subject(tx, *id).await? != Some(organisation) {
                return Ok(Err(EraseError::Nothing));
            }
            // What there is about them goes; whoever asks for a hold has to know. What comes afterwards can be held.
            if crate::rows::takes_recordings_of(tx, *id).await? {
                return Ok(Err(EraseError::Begun));
            }
            crate::Target::Subject(*id)
        }
        HoldScope::Organisation => crate::Target::Organisation,
    };
    let erasing = crate::rows::of_target(tx, organisation, &target).await?;
    let begun = erasing.is_some_and(|erasing| erasing.step != crate::Step::Restricted);
    Ok(if begun { Err(EraseError::Begun) } else { Ok(()) })
}
