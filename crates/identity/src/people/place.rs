//! What somebody is in their organisation: roles, team, to whom they report.

use clerestory_access::{
    AssignRoles, Grant, ManagePerson, OpContext, PersonRef, Rights, Scope, SetReportingLine,
};
use clerestory_model::{PersonId, TeamId};
use clerestory_sql::Tx;
use clerestory_store::people::{self, Person, PersonState, Role};
use clerestory_store::tree::{self, NodeId};
use clerestory_store::{lines, roles};

use super::directory::PersonView;
use super::error::PeopleError;
use crate::relaxing;
use crate::{Identity, authority};

/// People in a line of reports at most.
const LONGEST: usize = 100;

impl Identity {
    /// Gives somebody this role, and these beside it; whatever else they may do, they may do it no more. Their sessions
    /// end, but for the one that asks.
    ///
    /// # Errors
    /// [`PeopleError::LastAdmin`], [`PeopleError::AboveOwn`], [`PeopleError::Refused`].
    pub async fn assign_roles(
        &self,
        op: &OpContext,
        on: PersonRef,
        role: Role,
        also: Vec<Role>,
    ) -> Result<PersonView, PeopleError> {
        let mut also: Vec<Role> = also.into_iter().filter(|further| *further != role).collect();
        also.sort_by_key(Role::to_string);
        also.dedup();
        let words: Vec<String> = std::iter::once(&role).chain(&also).map(Role::to_string).collect();
        let detail = Some(format!("roles: {}", words.join(", ")));
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<AssignRoles, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move { identity.assign_in(tx, &asked, grant, role, also).await })
        })
        .await
    }

    async fn assign_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: Grant<AssignRoles>,
        role: Role,
        also: Vec<Role>,
    ) -> Result<PersonView, PeopleError> {
        let mut person = self.locked(tx, grant.on().id).await?;
        if !role.is_main() {
            return Err(PeopleError::Unknown(
                "the role: everybody is a member, a manager or an Admin, and it",
            ));
        }
        for given in std::iter::once(&role).chain(&also) {
            self.may_give(tx, op, *given).await?;
        }
        // Nor does anybody take away what they could not have given.
        self.not_above(tx, op, &person).await?;
        let stays = role == Role::Admin || also.contains(&Role::Admin);
        if !stays && self.runs(tx, &person).await? {
            self.another_admin(tx, op, &person).await?;
        }
        if person.role == role && people::further_roles(tx, person.id).await? == also {
            return self.view(tx, &grant, &person, op).await;
        }
        // Whoever is given a role is no supporter any more.
        let mut touched = Self::end_support_of(tx, op, person.id).await?;
        person.role = role;
        people::update(tx, &person).await?;
        touched.push(authority::person(person.id));
        for word in people::set_further_roles(tx, person.organisation, person.id, &also).await? {
            touched.push(authority::further_role(person.id, &word));
        }
        touched.extend(Self::end_other_sessions(tx, op, person.id).await?);
        self.note(tx, op, ("person", *person.id.as_bytes()), &touched).await?;
        self.view(tx, &grant, &person, op).await
    }

    /// Whether somebody is an Admin who is active.
    pub(crate) async fn runs(&self, tx: &mut Tx, person: &Person) -> Result<bool, PeopleError> {
        let active = person.state == PersonState::Active;
        Ok(active
            && (person.role == Role::Admin
                || people::further_roles(tx, person.id).await?.contains(&Role::Admin)))
    }

    /// Sees that somebody else runs the organisation.
    pub(crate) async fn another_admin(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        but: &Person,
    ) -> Result<(), PeopleError> {
        match people::another_admin(tx, but.organisation, but.id, op.at).await? {
            true => Ok(()),
            false => Err(PeopleError::LastAdmin),
        }
    }

    /// Sees that somebody may do nothing that whoever acts on them may not: what takes their access away, or gives it to
    /// whoever holds a link, is as much as giving their roles.
    pub(crate) async fn not_above(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
    ) -> Result<(), PeopleError> {
        let mut roles = people::further_roles(tx, person.id).await?;
        roles.push(person.role);
        for role in roles {
            if !self.access.may_hand_on(tx, op, role).await? {
                return Err(PeopleError::AboveOwn(role));
            }
        }
        Ok(())
    }

    /// Sees that a role is there, and may do nothing that its giver may not.
    pub(crate) async fn may_give(&self, tx: &mut Tx, op: &OpContext, role: Role) -> Result<(), PeopleError> {
        if role == Role::Support {
            return Err(PeopleError::Unknown("the role: supporters are let in by a grant, and it"));
        }
        if let Role::Custom(id) = role {
            let found = roles::rights(tx, op.actor.organisation(), id).await?;
            found.ok_or(PeopleError::Unknown("the role"))?;
        }
        match self.access.may_hand_on(tx, op, role).await? {
            true => Ok(()),
            false => Err(PeopleError::AboveOwn(role)),
        }
    }

    /// The person, whose row stays as it is until the transaction ends.
    pub(crate) async fn locked(&self, tx: &mut Tx, id: PersonId) -> Result<Person, PeopleError> {
        people::find_locked(tx, id).await?.ok_or(PeopleError::NotFound)
    }

    /// Says to whom somebody reports from now on, if to anybody. The line before it stays in the history.
    ///
    /// # Errors
    /// [`PeopleError::Circle`], [`PeopleError::Unknown`], [`PeopleError::Refused`].
    pub async fn set_manager(
        &self,
        op: &OpContext,
        on: PersonRef,
        manager: Option<PersonId>,
    ) -> Result<PersonView, PeopleError> {
        let detail = match manager {
            Some(manager) => format!("reports to {manager}"),
            None => "reports to nobody".to_owned(),
        };
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<SetReportingLine, _>(op, on, Some(detail), move |tx, grant| {
            Box::pin(async move {
                let op = asked;
                let person = identity.locked(tx, grant.on().id).await?;
                if manager.is_some_and(|manager| manager == Identity::asker(&op)) {
                    identity.sees_all(tx, &op).await?;
                }
                identity.draw_line(tx, &op, &person, manager).await?;
                identity.view(tx, &grant, &person, &op).await
            })
        })
        .await
    }

    /// Sees that whoever lets people report to themselves sees by it nothing more than before.
    async fn sees_all(&self, tx: &mut Tx, op: &OpContext) -> Result<(), PeopleError> {
        let all = Rights([("recording.play".to_owned(), Scope::Organisation)].into());
        match self.access.beyond_own(tx, op, &all).await? {
            Some(action) => Err(PeopleError::Beyond(action)),
            None => Ok(()),
        }
    }

    /// Draws the line in the caller's transaction, and notes it.
    pub(crate) async fn draw_line(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        manager: Option<PersonId>,
    ) -> Result<(), PeopleError> {
        if let Some(manager) = manager {
            let found = people::find(tx, manager).await?;
            let found = found.filter(|found| {
                found.organisation == person.organisation && found.state != PersonState::SoftDeleted
            });
            found.ok_or(PeopleError::Unknown("the manager"))?;
            let mut chain = vec![person.id, manager];
            chain.extend(lines::above(tx, manager, LONGEST).await?);
            if let Some(back) = chain.iter().skip(1).position(|id| *id == person.id) {
                chain.truncate(back + 2);
                return Err(PeopleError::Circle { chain });
            }
        }
        if lines::manager_of(tx, person.id).await? == manager {
            return Ok(());
        }
        let numbers = lines::set(tx, person.organisation, person.id, manager, op.at).await?;
        let touched: Vec<_> = numbers.into_iter().map(|number| authority::line(person.id, number)).collect();
        self.note(tx, op, ("person", *person.id.as_bytes()), &touched).await
    }

    /// Moves somebody to a team, or out of any.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`], [`PeopleError::Refused`].
    pub async fn set_team(
        &self,
        op: &OpContext,
        on: PersonRef,
        team: Option<TeamId>,
    ) -> Result<PersonView, PeopleError> {
        let detail = match team {
            Some(team) => format!("works in {team}"),
            None => "works in no team".to_owned(),
        };
        let moved = relaxing::joined(on.organisation, on.id, team);
        let relaxing = self.may_move::<ManagePerson>(op, on, moved.clone()).await?;
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<ManagePerson, _>(op, on, Some(detail), move |tx, grant| {
            Box::pin(async move {
                let op = asked;
                let mut person = identity.locked(tx, grant.on().id).await?;
                identity.team_of(tx, &person, team).await?;
                identity.sees_move(tx, person.organisation, (&moved, relaxing)).await?;
                person.team = team;
                people::update(tx, &person).await?;
                let touched = [authority::person(person.id)];
                identity.note(tx, &op, ("person", *person.id.as_bytes()), &touched).await?;
                identity.view(tx, &grant, &person, &op).await
            })
        })
        .await
    }

    /// Sees that a team is of the person's organisation.
    pub(crate) async fn team_of(
        &self,
        tx: &mut Tx,
        person: &Person,
        team: Option<TeamId>,
    ) -> Result<(), PeopleError> {
        let Some(team) = team else { return Ok(()) };
        let found = tree::find(tx, NodeId::Team(team)).await?;
        let found = found.filter(|node| node.organisation == person.organisation);
        found.map(drop).ok_or(PeopleError::Unknown("the team"))
    }
}
