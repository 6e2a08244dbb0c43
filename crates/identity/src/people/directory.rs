//! Seeing people: one, or those within the caller's scope.

use clerestory_access::{Action, Grant, ListPeople, OpContext, OrganisationRef, PersonRef, ReadPerson};
use clerestory_model::{BlockId, OrganisationId, PersonId, SessionId, SubjectId, TeamId, Timestamp};
use clerestory_sql::Tx;
use clerestory_store::blocks::{self, Blocked};
use clerestory_store::lines::{self, Line};
use clerestory_store::people::{self, Filter, Person, PersonState, Role};

use super::error::PeopleError;
use crate::Identity;

/// A person, as whoever may see them does.
#[derive(Clone, Debug)]
pub struct PersonView {
    /// Their id.
    pub id: PersonId,
    /// Their organisation.
    pub organisation: OrganisationId,
    /// The subject that recordings about them are about.
    pub subject: SubjectId,
    /// Their name.
    pub name: String,
    /// Up to two letters of it.
    pub initials: String,
    /// Their address.
    pub email: String,
    /// The version of their picture, if they have one.
    pub picture: Option<u64>,
    /// Their role.
    pub role: Role,
    /// Further roles.
    pub also: Vec<Role>,
    /// How far their time here has gone.
    pub state: PersonState,
    /// Until when a block keeps them out, if one does.
    pub blocked_until: Option<Timestamp>,
    /// The team they work in.
    pub team: Option<TeamId>,
    /// To whom they report.
    pub manager: Option<PersonId>,
    /// When they were added.
    pub created_at: Timestamp,
}

/// A block that runs, with its reason.
#[derive(Clone, Debug)]
pub struct BlockView {
    /// Its id.
    pub id: BlockId,
    /// The session it is about, where it is about one alone.
    pub session: Option<SessionId>,
    /// Why.
    pub reason: String,
    /// Who set it; nil for the command line.
    pub set_by: PersonId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// A person with what is known beside them.
#[derive(Clone, Debug)]
pub struct PersonDetails {
    /// The person.
    pub person: PersonView,
    /// Their reporting lines, the oldest first.
    pub lines: Vec<Line>,
    /// The blocks that run.
    pub blocks: Vec<BlockView>,
}

impl Identity {
    /// The people within the caller's scope, and the number of the entry that tells of it.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn people(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        filter: Filter,
    ) -> Result<(Vec<PersonView>, u64), PeopleError> {
        let grant = self.access.authorize::<ListPeople>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let (identity, asked) = (self.clone(), op.clone());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let mut views = Vec::new();
                    for person in people::list(tx, grant.rows(), &filter).await? {
                        views.push(identity.view(tx, &grant, &person, &asked).await?);
                    }
                    Ok((views, grant.entry()))
                })
            })
            .await
    }

    /// One person.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn person(&self, op: &OpContext, on: PersonRef) -> Result<PersonDetails, PeopleError> {
        let grant = self.access.authorize::<ReadPerson>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let (identity, asked) = (self.clone(), op.clone());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let person = people::find(tx, grant.on().id).await?.ok_or(PeopleError::NotFound)?;
                    let mut blocks = Vec::new();
                    for block in blocks::of_person(tx, person.id, asked.at).await? {
                        blocks.push(BlockView {
                            id: block.id,
                            session: match block.blocked {
                                Blocked::Session(_, session) => Some(session),
                                Blocked::Person(_) | Blocked::Organisation => None,
                            },
                            reason: identity.vault.open(tx, &grant, &block.reason).await?.0,
                            set_by: block.set_by,
                            since: block.since,
                            ends_at: block.ends_at,
                        });
                    }
                    Ok(PersonDetails {
                        person: identity.view(tx, &grant, &person, &asked).await?,
                        lines: lines::of_person(tx, person.id).await?,
                        blocks,
                    })
                })
            })
            .await
    }

    /// A person as the caller sees them, opened under a grant that covers them.
    pub(crate) async fn view<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        person: &Person,
        op: &OpContext,
    ) -> Result<PersonView, PeopleError> {
        let profile = self.vault.open(tx, grant, &person.profile).await?;
        Ok(PersonView {
            id: person.id,
            organisation: person.organisation,
            subject: person.subject,
            initials: profile.initials(),
            name: profile.name,
            email: profile.email,
            picture: self.picture_shown(tx, op, person).await?,
            role: person.role,
            also: people::further_roles(tx, person.id).await?,
            state: person.state,
            blocked_until: blocks::until(tx, person.organisation, person.id, None, op.at).await?,
            team: person.team,
            manager: lines::manager_of(tx, person.id).await?,
            created_at: person.created_at,
        })
    }
}
