//! Whether somebody may come in: soft deletion, restoring, and blocks that end by themselves.

use std::time::Duration;

use clerestory_access::{Grant, ManagePerson, OpContext, PersonRef};
use clerestory_audit::authority::Touched;
use clerestory_model::{BlockId, OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::blocks::{self, Block, BlockReason, Blocked, reason_place};
use clerestory_store::organisations;
use clerestory_store::people::{self, Person, PersonState};

use super::directory::PersonView;
use super::error::PeopleError;
use crate::{Identity, IdentityError, authority, recorders, resets};

/// The longest that a block lasts; it can be set again.
pub(crate) const LONGEST_BLOCK: Duration = Duration::from_secs(366 * 24 * 3600);

/// Why somebody who has proven who they are does not come in all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barred {
    /// They are not active: to the outside, as if there were nobody.
    Inactive,
    /// A block keeps them out.
    Blocked {
        /// Until when.
        until: Timestamp,
    },
}

/// Whether something keeps this person out now: of this session, or of any where none is named.
pub(crate) async fn barred(
    tx: &mut Tx,
    person: &Person,
    session: Option<SessionId>,
    now: Timestamp,
) -> Result<Option<Barred>, SqlError> {
    if person.state != PersonState::Active {
        return Ok(Some(Barred::Inactive));
    }
    let until = blocks::until(tx, person.organisation, person.id, session, now).await?;
    Ok(until.map(|until| Barred::Blocked { until }))
}

impl Identity {
    /// Takes somebody's access away; what is about them is kept, and they can be brought back.
    ///
    /// # Errors
    /// [`PeopleError::LastAdmin`], [`PeopleError::State`], [`PeopleError::Refused`].
    pub async fn soft_delete(&self, op: &OpContext, on: PersonRef) -> Result<PersonView, PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let detail = Some("soft deleted".to_owned());
        self.decided::<ManagePerson, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let mut person = identity.locked(tx, grant.on().id).await?;
                if person.state == PersonState::SoftDeleted {
                    return Err(PeopleError::State("this person is soft deleted already"));
                }
                identity.not_above(tx, &asked, &person).await?;
                if identity.runs(tx, &person).await? {
                    identity.another_admin(tx, &asked, &person).await?;
                }
                person.state = PersonState::SoftDeleted;
                let mut touched = authority::end_sessions(tx, person.id).await?;
                touched.extend(identity.end_offers(tx, person.id).await?);
                touched.extend(Self::end_support_of(tx, &asked, person.id).await?);
                touched.extend(recorders::end_those_of(tx, person.id).await?);
                identity.stand(tx, &asked, grant, person, touched).await
            })
        })
        .await
    }

    /// Brings somebody back, with their id and everything that is about them. Who never came is invited again.
    ///
    /// # Errors
    /// [`PeopleError::State`], [`PeopleError::Refused`].
    pub async fn restore_person(&self, op: &OpContext, on: PersonRef) -> Result<PersonView, PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let detail = Some("restored".to_owned());
        self.decided::<ManagePerson, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let mut person = identity.locked(tx, grant.on().id).await?;
                if person.state != PersonState::SoftDeleted {
                    return Err(PeopleError::State("this person is not deleted"));
                }
                identity.not_above(tx, &asked, &person).await?;
                let sql = "SELECT 1 FROM address_index WHERE person_id = $1 LIMIT 1";
                let came = tx.query_opt(sql, &[person.id.into()]).await?.is_some();
                person.state = if came { PersonState::Active } else { PersonState::Invited };
                identity.stand(tx, &asked, grant, person, Vec::new()).await
            })
        })
        .await
    }

    async fn stand(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: Grant<ManagePerson>,
        person: Person,
        mut touched: Vec<Touched>,
    ) -> Result<PersonView, PeopleError> {
        people::update(tx, &person).await?;
        touched.push(authority::person(person.id));
        self.note(tx, op, ("person", *person.id.as_bytes()), &touched).await?;
        self.view(tx, &grant, &person, op).await
    }

    /// Keeps somebody out until a time, or one session of theirs.
    ///
    /// # Errors
    /// [`PeopleError::BlockTime`], [`PeopleError::LastAdmin`], [`PeopleError::Unknown`], [`PeopleError::Refused`].
    pub async fn block(
        &self,
        op: &OpContext,
        on: PersonRef,
        session: Option<SessionId>,
        ends_at: Timestamp,
        reason: String,
    ) -> Result<PersonView, PeopleError> {
        let latest = op.at.plus(LONGEST_BLOCK);
        if ends_at <= op.at || ends_at > latest {
            return Err(PeopleError::BlockTime { latest });
        }
        // The reason stands with the block: what the log says outlives a person who is erased.
        let detail = match session {
            Some(session) => format!("{session} blocked until {ends_at}"),
            None => format!("blocked until {ends_at}"),
        };
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<ManagePerson, _>(op, on, Some(detail), move |tx, grant| {
            Box::pin(async move {
                let op = asked;
                let person = identity.locked(tx, grant.on().id).await?;
                identity.not_above(tx, &op, &person).await?;
                let blocked = match session {
                    Some(session) => {
                        let sql = "SELECT 1 FROM sessions WHERE session_id = $1 AND person_id = $2";
                        let found = tx.query_opt(sql, &[session.into(), person.id.into()]).await?;
                        found.ok_or(PeopleError::Unknown("the session"))?;
                        Blocked::Session(person.id, session)
                    }
                    None => {
                        if identity.runs(tx, &person).await? {
                            identity.another_admin(tx, &op, &person).await?;
                        }
                        Blocked::Person(person.id)
                    }
                };
                let by = Identity::asker(&op);
                let block = identity.new_block(tx, &person, blocked, (by, op.at, ends_at), reason).await?;
                identity.stand(tx, &op, grant, person, vec![authority::block(block)]).await
            })
        })
        .await
    }

    async fn new_block(
        &self,
        tx: &mut Tx,
        person: &Person,
        blocked: Blocked,
        (set_by, since, ends_at): (PersonId, Timestamp, Timestamp),
        reason: String,
    ) -> Result<BlockId, PeopleError> {
        let id = BlockId::new(since, random());
        let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
        let key = organisations::subject_key(tx, person.subject).await?.ok_or_else(wrong)?;
        let place = reason_place(person.organisation, blocked, id);
        let reason = self.vault.seal(tx, key, place, &BlockReason(reason)).await?;
        let organisation = person.organisation;
        blocks::insert(tx, &Block { id, organisation, blocked, reason, set_by, since, ends_at }).await?;
        Ok(id)
    }

    /// Ends a block before its time.
    ///
    /// # Errors
    /// [`PeopleError::NotFound`], [`PeopleError::Refused`].
    pub async fn lift_block(
        &self,
        op: &OpContext,
        on: PersonRef,
        id: BlockId,
    ) -> Result<PersonView, PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let detail = Some(format!("{id} lifted"));
        self.decided::<ManagePerson, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let person = identity.locked(tx, grant.on().id).await?;
                if !blocks::lift(tx, person.id, id).await? {
                    return Err(PeopleError::NotFound);
                }
                identity.stand(tx, &asked, grant, person, vec![authority::block(id)]).await
            })
        })
        .await
    }

    /// Keeps everybody of an organisation out until a time, by the command line, in the caller's transaction; blocks of
    /// it that ran before end. Without a time blocks of its networks and browsers end too.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn block_organisation(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        until: Option<Timestamp>,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), IdentityError> {
        self.access.audit().take_turn(tx, organisation).await?;
        let wrong = || SqlError::Inconsistent { table: "organisations", column: "key_id".to_owned() };
        let found = organisations::find(tx, organisation).await?.ok_or_else(wrong)?;
        let mut touched: Vec<Touched> = Vec::new();
        touched.extend(blocks::lift_organisation(tx, organisation).await?.into_iter().map(authority::block));
        if until.is_none() {
            // Whoever could lift them may be kept out by them.
            touched.extend(self.lift_places(tx, organisation, at).await?);
        }
        if let Some(ends_at) = until {
            let (id, blocked) = (BlockId::new(at, random()), Blocked::Organisation);
            let place = reason_place(organisation, blocked, id);
            let reason = self.vault.seal(tx, found.key, place, &BlockReason(reason.to_owned())).await?;
            let set_by = PersonId::nil();
            blocks::insert(tx, &Block { id, organisation, blocked, reason, set_by, since: at, ends_at })
                .await?;
            touched.push(authority::block(id));
        }
        let by = authority::by_program(organisation, at);
        self.note_change(tx, by, ("organisation", *organisation.as_bytes()), &touched).await
    }

    /// Takes back every link and invitation of somebody, and mails that were not sent; the rows that are gone.
    pub(crate) async fn end_offers(&self, tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
        let mut touched = authority::end_links(tx, person).await?;
        let sql = "DELETE FROM invitations WHERE person_id = $1";
        if tx.execute(sql, &[person.into()]).await? > 0 {
            touched.push(authority::invitation(person));
        }
        touched.extend(resets::end(tx, person).await?);
        self.notices.forget(tx, person).await?;
        Ok(touched)
    }
}
