//! Help from outside: somebody is let in for a time and for some of what there is, and can be shown out at once.
//!
//! A supporter is a person like any other, with a role of their own that allows nothing by itself. What they may do is in
//! the one grant that runs.

use std::time::Duration;

use clerestory_access::{Access, EndSupport, Grant, GrantSupport, OpContext, OrganisationRef, SupportRef};
use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, SupportGrantId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::people::{self, Person, PersonState, Role};
use clerestory_store::support::{self, EndedSupport, Of, SupportGrant, SupportReason, reason_place};
use clerestory_store::tree::{self, NodeId};
use clerestory_store::{Sealed, organisations};

use super::Enrolled;
use super::error::PeopleError;
use super::invitations::{Invited, known_here};
use crate::{Identity, authority};

/// Who is to be let in.
#[derive(Clone, Debug)]
pub enum Supporter {
    /// Somebody who was before.
    Known(PersonId),
    /// Somebody new, who is invited.
    New {
        /// Their name.
        name: String,
        /// Their address.
        email: String,
    },
}

/// A grant that is to be made.
#[derive(Clone, Debug)]
pub struct NewSupport {
    /// Whom it lets in.
    pub supporter: Supporter,
    /// The actions it lends.
    pub rights: Vec<String>,
    /// Where alone.
    pub node: Option<NodeId>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub lasts: Duration,
}

/// A grant that was made.
pub struct MadeSupport {
    /// Its id.
    pub id: SupportGrantId,
    /// Whom it lets in.
    pub person: PersonId,
    /// When it ends.
    pub ends_at: Timestamp,
    /// How they come, where they have not come before.
    pub invited: Option<Invited>,
}

impl Identity {
    /// Lets somebody from outside in. It lends them nothing that whoever makes it may not do, and nothing more once that
    /// person may not.
    ///
    /// # Errors
    /// [`PeopleError::BeyondLoan`], [`PeopleError::Loan`], [`PeopleError::State`], [`PeopleError::AddressTaken`],
    /// [`PeopleError::Refused`].
    pub async fn grant_support(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        mut new: NewSupport,
        console: &str,
    ) -> Result<MadeSupport, PeopleError> {
        new.rights.sort();
        new.rights.dedup();
        let id = SupportGrantId::new(op.at, random());
        let place = new.node.map_or("everywhere".to_owned(), |node| format!("in {node}"));
        // Neither who nor why: what the log says outlives a person who is erased.
        let until = op.at.plus(new.lasts);
        let detail = Some(format!("{id}: {} {place} until {until}", new.rights.join(", ")));
        let (identity, asked, console) = (self.clone(), op.clone(), console.to_owned());
        self.decided::<GrantSupport, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move { identity.grant_in(tx, &asked, grant, (id, new), &console).await })
        })
        .await
    }

    async fn grant_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: Grant<GrantSupport>,
        (id, new): (SupportGrantId, NewSupport),
        console: &str,
    ) -> Result<MadeSupport, PeopleError> {
        let organisation = grant.on().0;
        self.may_lend(tx, op, organisation, &new).await?;
        let person = match new.supporter {
            Supporter::Known(person) => known(tx, organisation, person, op.at).await?,
            Supporter::New { name, email } => self.newcomer(tx, op, organisation, (&name, &email)).await?,
        };
        let mut touched = vec![authority::support(id)];
        let invited = match person.state {
            PersonState::Invited => {
                touched.extend([authority::person(person.id), authority::invitation(person.id)]);
                Some(self.offer_anew(tx, &grant, &person, console, op).await?)
            }
            PersonState::Active | PersonState::SoftDeleted => None,
        };
        let ends_at = op.at.plus(new.lasts);
        let row = SupportGrant {
            id,
            organisation,
            person: person.id,
            rights: new.rights.iter().map(|action| format!("{action}\n")).collect(),
            node: new.node,
            reason: self.sealed_support(tx, &person, id, new.reason).await?,
            made_by: Self::asker(op),
            begins_at: op.at,
            ends_at,
            ended: None,
        };
        support::insert(tx, &row).await?;
        self.note(tx, op, ("support", *id.as_bytes()), &touched).await?;
        Ok(MadeSupport { id, person: person.id, ends_at, invited })
    }

    /// Sees that a grant lends something, and nothing that its maker may not do, and where that can be said.
    async fn may_lend(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        organisation: OrganisationId,
        new: &NewSupport,
    ) -> Result<(), PeopleError> {
        if new.rights.is_empty() {
            return Err(PeopleError::Loan("a grant lends at least one right".to_owned()));
        }
        let lendable = self.access.lendable(tx, op).await?;
        if let Some(beyond) = new.rights.iter().find(|right| !lendable.contains(right)) {
            return Err(PeopleError::BeyondLoan(beyond.clone()));
        }
        let Some(node) = new.node else { return Ok(()) };
        if let Some(whole) = Access::without_parts(&new.rights) {
            let why = format!("{whole} is about the whole organisation, and cannot be lent for a part of it");
            return Err(PeopleError::Loan(why));
        }
        let found = tree::find(tx, node).await?.filter(|found| found.organisation == organisation);
        found.map(drop).ok_or(PeopleError::Unknown("the node"))
    }

    async fn newcomer(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        organisation: OrganisationId,
        (name, email): (&str, &str),
    ) -> Result<Person, PeopleError> {
        let mac = self.address_mac(tx, email, op.at).await?;
        if known_here(tx, organisation, mac).await? {
            return Err(PeopleError::AddressTaken);
        }
        let enrolled =
            Enrolled { organisation, role: Role::Support, state: PersonState::Invited, name, email };
        Ok(self.enrol(tx, enrolled, op.at).await?.0)
    }

    async fn sealed_support(
        &self,
        tx: &mut Tx,
        person: &Person,
        id: SupportGrantId,
        reason: String,
    ) -> Result<Sealed<SupportReason>, PeopleError> {
        let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
        let key = organisations::subject_key(tx, person.subject).await?.ok_or_else(wrong)?;
        let place = reason_place(person.organisation, person.id, id);
        Ok(self.vault.seal(tx, key, place, &SupportReason(reason)).await?)
    }

    /// A grant as decisions name it: whom it lets in is what its row says.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn support_ref(
        tx: &mut Tx,
        organisation: OrganisationId,
        id: SupportGrantId,
    ) -> Result<SupportRef, SqlError> {
        let found = support::find(tx, id).await?.filter(|found| found.organisation == organisation);
        Ok(SupportRef { organisation, id, person: found.map_or(PersonId::nil(), |found| found.person) })
    }

    /// Ends a grant now; one that is over stays as it is. Whoever has not come yet is not invited any more.
    ///
    /// # Errors
    /// [`PeopleError::Refused`].
    pub async fn end_support(&self, op: &OpContext, id: SupportGrantId) -> Result<(), PeopleError> {
        let organisation = op.actor.organisation();
        let on = self
            .database
            .read(move |tx| Box::pin(async move { Self::support_ref(tx, organisation, id).await }))
            .await?;
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<EndSupport, _>(op, on, Some(format!("{id} ended")), move |tx, grant| {
            Box::pin(async move {
                let ended = EndedSupport { at: asked.at, by: asked.actor.person() };
                let mut touched: Vec<Touched> = ended_rows(tx, Of::Grant(id), ended).await?;
                if touched.is_empty() {
                    return Ok(());
                }
                let person = identity.locked(tx, grant.on().person).await?;
                if person.state == PersonState::Invited {
                    touched.extend(identity.end_offers(tx, person.id).await?);
                }
                identity.note(tx, &asked, ("support", *id.as_bytes()), &touched).await
            })
        })
        .await
    }

    /// Ends what lets this person in, whoever is asked to; the rows that changed.
    pub(crate) async fn end_support_of(
        tx: &mut Tx,
        op: &OpContext,
        person: PersonId,
    ) -> Result<Vec<Touched>, SqlError> {
        let ended = EndedSupport { at: op.at, by: op.actor.person() };
        ended_rows(tx, Of::Supporter(person), ended).await
    }
}

/// Ends what runs of these; the rows that changed.
pub(crate) async fn ended_rows(tx: &mut Tx, of: Of, ended: EndedSupport) -> Result<Vec<Touched>, SqlError> {
    Ok(support::end(tx, of, ended).await?.into_iter().map(authority::support).collect())
}

/// A supporter of this organisation whom nothing lets in now.
async fn known(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: PersonId,
    now: Timestamp,
) -> Result<Person, PeopleError> {
    let found = people::find_locked(tx, id).await?.filter(|found| found.organisation == organisation);
    let person = found.ok_or(PeopleError::Unknown("the supporter"))?;
    if person.role != Role::Support {
        return Err(PeopleError::State("this person has a role here, and is no supporter"));
    }
    if person.state == PersonState::SoftDeleted {
        return Err(PeopleError::State("this supporter was soft deleted: restore them first"));
    }
    if support::lets_in(tx, id, now).await? {
        return Err(PeopleError::State("this supporter is let in already: end that grant first"));
    }
    Ok(person)
}
