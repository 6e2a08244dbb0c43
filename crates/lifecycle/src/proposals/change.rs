//! Proposing, agreeing, refusing and taking back.

use std::time::Duration;

use clerestory_access::{
    Action, EraseOrganisation, EraseSubject, Grant, ListErasures, OpContext, OrganisationRef,
};
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::ChangedBy;
use clerestory_model::{OrganisationId, PersonId, ProposalId, RequestId, SubjectId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::{organisations, people};
use clerestory_vault::OpenError;

use super::{
    Doomed, Ending, Extent, Proposal, ProposalDetails, ProposalState, WAITS, details_place, rows, touched,
};
use crate::{EraseError, Erasure, Lifecycle, Target};

/// So long after its end what nobody else could agree to still happens by itself.
const LATE: Duration = Duration::from_secs(24 * 3600);
/// Proposals of one answer at most.
const MOST: u32 = 200;

/// What somebody decides about a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalChange {
    /// It is not to be done.
    Refuse,
    /// Whoever asked takes it back; an organisation that is closing is kept by whoever could have agreed.
    Withdraw,
}

/// What agreeing to a proposal brings about.
#[derive(Clone, Debug)]
pub enum Agreed {
    /// It is being erased, or will be when no hold keeps it any more.
    Begun(Box<Erasure>),
    /// The organisation is closing, and is erased at this time.
    Closing(Timestamp),
}

impl Lifecycle {
    /// Proposes to erase somebody with an account, or the whole organisation. Nothing is erased before somebody else with the
    /// same right agrees; where nobody else has it, after seven days. Asking again gives what waits already.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::OneSuffices`] for whoever has no account; [`EraseError::Gone`] where it is being
    /// erased.
    pub async fn propose_erasure(
        &self,
        op: &OpContext,
        doomed: Doomed,
        reason: String,
    ) -> Result<(Proposal, Extent), EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let said = Some(reason.clone());
                    let entry = match lifecycle.decide(tx, &op, doomed.target(), said, "proposed").await? {
                        Ok(entry) => entry,
                        Err(refused) => return Ok::<_, EraseError>(Err(refused.into())),
                    };
                    let proposed = lifecycle.propose_in(tx, &op, doomed, (reason, entry, None)).await?;
                    if let Err(obstacle) = &proposed {
                        lifecycle.note_obstacle(tx, &op, doomed.target(), obstacle).await?;
                    }
                    Ok(proposed)
                })
            })
            .await?
    }

    /// As [`Self::propose_erasure`], of what was decided in `entry` in the caller's transaction, and by which request.
    pub(crate) async fn propose_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        doomed: Doomed,
        (reason, entry, request): (String, u64, Option<RequestId>),
    ) -> Result<Result<(Proposal, Extent), EraseError>, EraseError> {
        let organisation = op.actor.organisation();
        let Some(asker) = op.actor.person() else { return Ok(Err(EraseError::Nothing)) };
        if let Some(subject) = doomed.subject()
            && !has_account(tx, organisation, subject).await?
        {
            return Ok(Err(EraseError::OneSuffices));
        }
        let whole = match doomed {
            Doomed::RecordingsOf(subject) => Target::Subject(subject),
            Doomed::Person(_) | Doomed::Organisation(_) => doomed.target(),
        };
        if crate::rows::of_target(tx, organisation, &whole).await?.is_some() {
            return Ok(Err(EraseError::Gone));
        }
        if let Doomed::Person(subject) = doomed
            && self.parts.identity.is_last_admin(tx, subject).await?
        {
            return Ok(Err(EraseError::LastAdmin));
        }
        let shown = rows::extent(tx, organisation, doomed).await?;
        if matches!(doomed, Doomed::RecordingsOf(_)) && shown.recordings == 0 {
            return Ok(Err(EraseError::Nothing));
        }
        if let Some(known) = rows::waiting_for(tx, organisation, doomed, op.at).await? {
            return Ok(Ok((known, shown)));
        }
        let key = match doomed {
            Doomed::Person(subject) | Doomed::RecordingsOf(subject) => {
                crate::rows::subject_key(tx, subject).await?
            }
            Doomed::Organisation(_) => crate::rows::organisation_key(tx, organisation).await?,
        };
        let Some(key) = key else { return Ok(Err(EraseError::Nothing)) };
        let id = ProposalId::new(op.at, random());
        let details = ProposalDetails { reason, shown };
        let details = self.parts.vault.seal(tx, key, details_place(organisation, id), &details).await?;
        let proposal = Proposal {
            id,
            organisation,
            doomed,
            state: ProposalState::Waits,
            details,
            entry,
            asked: (asker, op.at),
            ends_at: op.at.plus(WAITS),
            alone: !self.others_may(tx, (organisation, doomed), asker).await?,
            request,
            decided: None,
        };
        self.keep_proposal(tx, &proposal, op.changing(organisation)).await?;
        Ok(Ok((proposal, shown)))
    }

    pub(super) async fn keep_proposal(
        &self,
        tx: &mut Tx,
        proposal: &Proposal,
        by: ChangedBy,
    ) -> Result<(), EraseError> {
        rows::keep(tx, proposal).await?;
        let object = ObjectRef { kind: "erasure".to_owned(), id: *proposal.id.as_bytes() };
        self.parts.access.audit().note_change(tx, by, object, &[touched(proposal.id)]).await?;
        Ok(())
    }

    /// Agrees to what somebody else proposed, of which the caller was `shown` so much; it is being erased from then on, or
    /// the organisation is closing.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Nothing`]; [`EraseError::Over`]; [`EraseError::AskedByOneself`];
    /// [`EraseError::AboutOneself`]; [`EraseError::MoreThanAgreed`] where there is more of it by now; as [`Self::ask`].
    pub async fn agree_to_erasure(
        &self,
        op: &OpContext,
        id: ProposalId,
        shown: Extent,
    ) -> Result<Agreed, EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let (proposal, entry) = match lifecycle.decide_on(tx, &op, (id, "agreed to")).await? {
                        Ok(found) => found,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let target = proposal.doomed.target();
                    let done = lifecycle.agree_in(tx, &op, (proposal, entry), shown).await?;
                    if let Err(obstacle) = &done {
                        lifecycle.note_obstacle(tx, &op, target, obstacle).await?;
                    }
                    Ok::<_, EraseError>(done)
                })
            })
            .await;
        self.closings.forget();
        done?
    }

    async fn agree_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (proposal, entry): (Proposal, u64),
        shown: Extent,
    ) -> Result<Result<Agreed, EraseError>, EraseError> {
        let (organisation, doomed) = (proposal.organisation, proposal.doomed);
        if !proposal.is_open(op.at) {
            return Ok(Err(EraseError::Over));
        }
        let Some(by) = op.actor.person().filter(|by| *by != proposal.asked.0) else {
            return Ok(Err(EraseError::AskedByOneself));
        };
        if doomed.is_about(op) {
            return Ok(Err(EraseError::AboutOneself));
        }
        // Whoever lost the right since proposed nothing: the one who agrees would be alone.
        let holders = self.parts.access.holders_of(tx, organisation, action(doomed)).await?;
        if !holders.contains(&proposal.asked.0) {
            return Ok(Err(EraseError::Over));
        }
        let now = rows::extent(tx, organisation, doomed).await?;
        if !shown.covers(now) {
            return Ok(Err(EraseError::MoreThanAgreed { now, shown }));
        }
        if doomed == Doomed::Organisation(Ending::AfterClosing) {
            let closing = self.begin_closing(tx, op, proposal, by).await?;
            return Ok(closing.map(Agreed::Closing));
        }
        let decided = Some((by, op.at));
        let erasure = match self.begin(tx, op, doomed.target(), entry).await? {
            Ok(erasure) => erasure,
            Err(obstacle) => {
                if matches!((doomed, &obstacle), (Doomed::RecordingsOf(_), EraseError::Nothing)) {
                    // Everything went by other ways meanwhile.
                    let over = Proposal { state: ProposalState::Withdrawn, decided, ..proposal };
                    self.keep_proposal(tx, &over, op.changing(organisation)).await?;
                }
                return Ok(Err(obstacle));
            }
        };
        self.decide_by(tx, op, &erasure).await?;
        // Where it has begun, what was proposed about it went with it; not so where a hold keeps it, or it goes already.
        if rows::find(tx, proposal.id).await?.is_some() {
            let agreed = Proposal { state: ProposalState::Agreed, decided, ..proposal };
            self.keep_proposal(tx, &agreed, op.changing(organisation)).await?;
        }
        Ok(Ok(Agreed::Begun(Box::new(erasure))))
    }

    /// Refuses what somebody else proposed, takes back what the caller did, or keeps an organisation that is closing.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Nothing`]; [`EraseError::Over`]; [`EraseError::AskedByOneself`] for whoever
    /// refuses their own; [`EraseError::AskedByOther`] for whoever takes back another's; [`EraseError::AboutOneself`].
    pub async fn decline_erasure(
        &self,
        op: &OpContext,
        id: ProposalId,
        change: ProposalChange,
    ) -> Result<(), EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let what = match change {
                        ProposalChange::Refuse => "refused",
                        ProposalChange::Withdraw => "taken back",
                    };
                    let (proposal, _) = match lifecycle.decide_on(tx, &op, (id, what)).await? {
                        Ok(found) => found,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let (organisation, target) = (proposal.organisation, proposal.doomed.target());
                    match declined(proposal, change, &op) {
                        Ok(declined) => {
                            lifecycle.keep_proposal(tx, &declined, op.changing(organisation)).await?;
                            Ok::<_, EraseError>(Ok(()))
                        }
                        Err(obstacle) => {
                            lifecycle.note_obstacle(tx, &op, target, &obstacle).await?;
                            Ok(Err(obstacle))
                        }
                    }
                })
            })
            .await;
        self.closings.forget();
        done?
    }

    /// The proposal, whose row stays as it is until the transaction ends, and the entry that tells that the caller may do
    /// something about it.
    async fn decide_on(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (id, what): (ProposalId, &str),
    ) -> Result<Result<(Proposal, u64), EraseError>, EraseError> {
        let organisation = op.actor.organisation();
        let found = rows::find(tx, id).await?.filter(|found| found.organisation == organisation);
        let Some(found) = found else {
            // Whoever may not know of any is told the same, and the log tells of them.
            let on = OrganisationRef(organisation);
            let _told = self.parts.access.decide::<ListErasures>(tx, op, on, None).await?;
            return Ok(Err(EraseError::Nothing));
        };
        let detail = format!("{what}: {id}");
        let entry = match self.decide(tx, op, found.doomed.target(), None, &detail).await? {
            Ok(entry) => entry,
            Err(refused) => return Ok(Err(refused.into())),
        };
        // The turn in the log is ours by now.
        Ok(rows::find_locked(tx, id).await?.map(|found| (found, entry)).ok_or(EraseError::Nothing))
    }

    /// Lets happen what was proposed where nobody else could agree, and whose seven days are over.
    pub(crate) async fn ripen_proposals(&self) -> Result<(), EraseError> {
        let now = self.parts.clock.now();
        self.parts.vault.hold_lease().await?;
        let ripe =
            self.parts.database.read(move |tx| Box::pin(async move { rows::ripe(tx, now).await })).await;
        let ripe: Result<Vec<Proposal>, SqlError> = ripe;
        for proposal in ripe? {
            let (lifecycle, id) = (self.clone(), proposal.id);
            let ripened = self.parts.database.write(Lane::Maintenance, move |tx| {
                Box::pin(async move { lifecycle.ripen_proposal(tx, id, now).await })
            });
            if let Err(error) = ripened.await {
                tracing::error!(proposal = %id, error = &error as &dyn std::error::Error, "what nobody else could agree to could not happen by itself");
            }
        }
        Ok(())
    }

    async fn ripen_proposal(&self, tx: &mut Tx, id: ProposalId, now: Timestamp) -> Result<(), EraseError> {
        let Some(found) = rows::find(tx, id).await? else { return Ok(()) };
        let (organisation, doomed) = (found.organisation, found.doomed);
        self.parts.access.audit().take_turn(tx, organisation).await?;
        let Some(found) = rows::find_locked(tx, id).await? else { return Ok(()) };
        if found.state != ProposalState::Waits {
            return Ok(());
        }
        // Where somebody else may agree by now it was theirs; whoever lost the right since asked for nothing.
        let holders = self.parts.access.holders_of(tx, organisation, action(doomed)).await?;
        let alone = holders.contains(&found.asked.0)
            && !self.others_may(tx, (organisation, doomed), found.asked.0).await?;
        let by = self.by_program(organisation);
        let begun = match doomed {
            // Nobody reckons any more with what a server that was off for long would do.
            _ if !alone || now.since(found.ends_at) >= LATE => Err(EraseError::Over),
            Doomed::Organisation(Ending::AfterClosing) => {
                match self.begin_closing(tx, &by, found.clone(), PersonId::nil()).await? {
                    Ok(_) => return Ok(()),
                    Err(obstacle) => Err(obstacle),
                }
            }
            _ => self.begin(tx, &by, doomed.target(), found.entry).await?,
        };
        if let Ok(erasure) = &begun {
            self.decide_by(tx, &by, erasure).await?;
        }
        match begun {
            Ok(_) if rows::find(tx, found.id).await?.is_none() => Ok(()),
            Ok(_) => {
                let agreed =
                    Proposal { state: ProposalState::Agreed, decided: Some((PersonId::nil(), now)), ..found };
                self.keep_proposal(tx, &agreed, by.changing(organisation)).await
            }
            Err(obstacle) => {
                self.note_obstacle(tx, &by, doomed.target(), &obstacle).await?;
                let over = Proposal {
                    state: ProposalState::Withdrawn,
                    decided: Some((PersonId::nil(), now)),
                    ..found
                };
                self.keep_proposal(tx, &over, by.changing(organisation)).await
            }
        }
    }

    /// Whether anybody but `asker` could agree.
    async fn others_may(
        &self,
        tx: &mut Tx,
        (organisation, doomed): (OrganisationId, Doomed),
        asker: PersonId,
    ) -> Result<bool, EraseError> {
        let deciders = self.deciders(tx, (organisation, doomed)).await?;
        Ok(deciders.into_iter().any(|decider| decider != asker))
    }

    /// Who has the right that agreeing takes, but for whom it is about: nobody agrees to their own erasure.
    async fn deciders(
        &self,
        tx: &mut Tx,
        (organisation, doomed): (OrganisationId, Doomed),
    ) -> Result<Vec<PersonId>, EraseError> {
        let mut holders = self.parts.access.holders_of(tx, organisation, action(doomed)).await?;
        if let Some(subject) = doomed.subject() {
            let (own, _) = organisations::person_of_subject(tx, subject).await?;
            holders.retain(|holder| Some(*holder) != own);
        }
        Ok(holders)
    }

    /// What is proposed in the caller's organisation and what was, newest first, with how much would go of what waits; and the
    /// proof that it may be read.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn erasure_proposals(
        &self,
        op: &OpContext,
    ) -> Result<(Grant<ListErasures>, Vec<(Proposal, Extent)>), EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ListErasures>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        let found = self.parts.database.read(move |tx| {
            Box::pin(async move {
                let mut found = Vec::new();
                for proposal in rows::list(tx, organisation, MOST).await? {
                    let extent = rows::extent(tx, organisation, proposal.doomed).await?;
                    found.push((proposal, extent));
                }
                Ok(found)
            })
        });
        let found: Result<Vec<(Proposal, Extent)>, SqlError> = found.await;
        Ok((grant, found?))
    }

    /// Takes back what was proposed by a request that is not to be fulfilled any more, in the caller's transaction.
    pub(crate) async fn withdraw_proposal_of(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        request: RequestId,
    ) -> Result<(), EraseError> {
        if let Some(found) = rows::waiting_by_request(tx, request).await? {
            let organisation = found.organisation;
            let decided = Some((op.actor.person().unwrap_or(PersonId::nil()), op.at));
            let withdrawn = Proposal { state: ProposalState::Withdrawn, decided, ..found };
            self.keep_proposal(tx, &withdrawn, op.changing(organisation)).await?;
        }
        Ok(())
    }

    /// Takes back everything that waits, in every organisation.
    pub(crate) async fn withdraw_all_proposals(&self, tx: &mut Tx, now: Timestamp) -> Result<(), EraseError> {
        for found in rows::all_waiting(tx).await? {
            let organisation = found.organisation;
            let decided = Some((PersonId::nil(), now));
            let withdrawn = Proposal { state: ProposalState::Withdrawn, decided, ..found };
            let by = self.by_program(organisation);
            self.keep_proposal(tx, &withdrawn, by.changing(organisation)).await?;
        }
        Ok(())
    }

    /// How many erasures of an organisation wait for a second person: for the health page, whose reading is decided by itself.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn proposals_waiting(&self, organisation: OrganisationId) -> Result<u64, SqlError> {
        let now = self.parts.clock.now();
        self.parts
            .database
            .read(move |tx| Box::pin(async move { rows::count_waiting(tx, organisation, now).await }))
            .await
    }

    /// Opens why something is to be erased; nothing where its key is destroyed.
    ///
    /// # Errors
    /// [`EraseError::Open`].
    pub async fn proposal_details<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        proposal: &Proposal,
    ) -> Result<Option<ProposalDetails>, EraseError> {
        match self.parts.vault.open(tx, grant, &proposal.details).await {
            Ok(details) => Ok(Some(details)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether one person alone does not erase this: somebody with an account, or the organisation, as somebody asks for it.
    pub(crate) async fn needs_two(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        target: Target,
    ) -> Result<Option<Doomed>, EraseError> {
        if op.actor.person().is_none() {
            return Ok(None);
        }
        let doomed = match target {
            Target::Organisation => return Ok(Some(Doomed::Organisation(Ending::AtOnce))),
            Target::Subject(subject) => Doomed::Person(subject),
            Target::RecordingsOf(subject) => Doomed::RecordingsOf(subject),
            Target::Track { .. } | Target::Recording(_) | Target::Range { .. } | Target::Expired(_) => {
                return Ok(None);
            }
        };
        Ok(match doomed.subject() {
            Some(subject) => has_account(tx, op.actor.organisation(), subject).await?.then_some(doomed),
            None => None,
        })
    }
}

/// The right that proposing takes, and agreeing.
const fn action(doomed: Doomed) -> &'static str {
    match doomed {
        Doomed::Person(_) | Doomed::RecordingsOf(_) => EraseSubject::NAME,
        Doomed::Organisation(_) => EraseOrganisation::NAME,
    }
}

async fn has_account(
    tx: &mut Tx,
    organisation: OrganisationId,
    subject: SubjectId,
) -> Result<bool, SqlError> {
    let (person, _) = organisations::person_of_subject(tx, subject).await?;
    let found = match person {
        Some(person) => people::find(tx, person).await?,
        None => None,
    };
    Ok(found.is_some_and(|found| found.organisation == organisation))
}

/// What a decision makes of a proposal.
fn declined(proposal: Proposal, change: ProposalChange, op: &OpContext) -> Result<Proposal, EraseError> {
    let by = op.actor.person().ok_or(EraseError::Nothing)?;
    // To keep an organisation takes one of those who could have erased it.
    if proposal.state == ProposalState::Closing && change == ProposalChange::Withdraw {
        return Ok(Proposal { state: ProposalState::Withdrawn, decided: Some((by, op.at)), ..proposal });
    }
    if !proposal.is_open(op.at) {
        return Err(EraseError::Over);
    }
    let own = by == proposal.asked.0;
    let state = match (change, own) {
        (ProposalChange::Withdraw, true) => ProposalState::Withdrawn,
        (ProposalChange::Withdraw, false) => return Err(EraseError::AskedByOther),
        (ProposalChange::Refuse, true) => return Err(EraseError::AskedByOneself),
        (ProposalChange::Refuse, false) => {
            if proposal.doomed.is_about(op) {
                return Err(EraseError::AboutOneself);
            }
            ProposalState::Refused
        }
    };
    Ok(Proposal { state, decided: Some((by, op.at)), ..proposal })
}
