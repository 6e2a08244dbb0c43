//! Roles: those every organisation has, and those it makes for itself, which may do nothing that their maker may not.

use std::collections::BTreeMap;

use clerestory_access::{Grant, ManageRoles, OpContext, OrganisationRef, ReadRoles, Rights, Scope};
use clerestory_model::{OrganisationId, PersonId, RoleId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::people::Role;
use clerestory_store::roles::{self, CustomRole, RoleName, name_place};
use clerestory_store::{Sealed, organisations};

use crate::people::error::PeopleError;
use crate::{Identity, authority};

/// A role of an organisation's own, as whoever may see it does.
#[derive(Clone, Debug)]
pub struct RoleView {
    /// Its id.
    pub id: RoleId,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub rights: Rights,
    /// Who made it.
    pub made_by: PersonId,
    /// When.
    pub created_at: Timestamp,
}

/// A role that is to be made.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// What people are to call it.
    pub name: String,
    /// What it is to allow.
    pub rights: Rights,
}

/// What is to change about a role.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// Another name.
    pub name: Option<String>,
    /// Other rights, instead of all it had.
    pub rights: Option<Rights>,
}

impl Identity {
    /// The roles that the organisation made for itself, oldest first, and how many people have which role.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn roles(
        &self,
        op: &OpContext,
        on: OrganisationRef,
    ) -> Result<(Vec<RoleView>, BTreeMap<String, u64>), PeopleError> {
        let grant = self.access.authorize::<ReadRoles>(op, on, None).await??;
        self.vault.hold_lease().await?;
        let identity = self.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let mut views = Vec::new();
                    for role in roles::of_organisation(tx, grant.on().0).await? {
                        let name = identity.vault.open(tx, &grant, &role.name).await?.0;
                        views.push(view(role, name));
                    }
                    let holders = roles::holders(tx, grant.on().0).await?;
                    Ok((views, holders.into_iter().map(|(role, count)| (role.to_string(), count)).collect()))
                })
            })
            .await
    }

    /// Makes a role. It allows nothing that whoever makes it may not do, nor further.
    ///
    /// # Errors
    /// [`PeopleError::Beyond`], [`PeopleError::NoRights`], [`PeopleError::TooManyRoles`], [`PeopleError::Refused`].
    pub async fn make_role(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        new: NewRole,
    ) -> Result<RoleView, PeopleError> {
        let id = RoleId::new(op.at, random());
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<ManageRoles, _>(op, on, Some(told(id, &new.rights)), move |tx, grant| {
            Box::pin(async move {
                let (op, organisation) = (asked, grant.on().0);
                if roles::of_organisation(tx, organisation).await?.len() as u64 >= u64::from(roles::MOST) {
                    return Err(PeopleError::TooManyRoles(roles::MOST));
                }
                identity.may_allow(tx, &op, &new.rights).await?;
                let made_by = Self::asker(&op);
                let sealed = identity.sealed_role_name(tx, (organisation, id, 1), &new.name).await?;
                let rights = new.rights.to_string();
                let (version, created_at) = (1, op.at);
                let role =
                    CustomRole { id, organisation, name: sealed, version, rights, made_by, created_at };
                roles::insert(tx, &role).await?;
                identity.note(tx, &op, ("role", *id.as_bytes()), &[authority::custom_role(id)]).await?;
                Ok(view(role, new.name))
            })
        })
        .await
    }

    /// Changes a role, for everybody who has it and at once; with how many they are. Whoever changes it may do what it
    /// then allows.
    ///
    /// # Errors
    /// As [`Self::make_role`], and [`PeopleError::NotFound`].
    pub async fn change_role(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: RoleId,
        change: RoleChange,
    ) -> Result<(RoleView, u64), PeopleError> {
        let detail = match &change.rights {
            Some(rights) => told(id, rights),
            None => format!("{id} is called otherwise"),
        };
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<ManageRoles, _>(op, on, Some(detail), move |tx, grant| {
            Box::pin(async move { identity.change_role_in(tx, &asked, grant, id, change).await })
        })
        .await
    }

    async fn change_role_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: Grant<ManageRoles>,
        id: RoleId,
        change: RoleChange,
    ) -> Result<(RoleView, u64), PeopleError> {
        let organisation = grant.on().0;
        let mut role = own_role(tx, organisation, id).await?;
        if let Some(rights) = change.rights {
            self.may_allow(tx, op, &rights).await?;
            role.rights = rights.to_string();
        }
        let name = match change.name {
            Some(name) => {
                role.version += 1;
                role.name = self.sealed_role_name(tx, (organisation, id, role.version), &name).await?;
                name
            }
            None => self.vault.open(tx, &grant, &role.name).await?.0,
        };
        roles::update(tx, &role).await?;
        self.note(tx, op, ("role", *id.as_bytes()), &[authority::custom_role(id)]).await?;
        let holders = roles::holders(tx, organisation).await?;
        let people = holders.into_iter().find(|(role, _)| *role == Role::Custom(id));
        Ok((view(role, name), people.map_or(0, |(_, people)| people)))
    }

    /// Removes a role; whoever has it has it no more.
    ///
    /// # Errors
    /// [`PeopleError::NotFound`], [`PeopleError::Refused`].
    pub async fn remove_role(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: RoleId,
    ) -> Result<(), PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        self.decided::<ManageRoles, _>(op, on, Some(format!("{id} removed")), move |tx, grant| {
            Box::pin(async move {
                let organisation = grant.on().0;
                own_role(tx, organisation, id).await?;
                let mut touched = vec![authority::custom_role(id)];
                let word = Role::Custom(id).to_string();
                let held = roles::take_from_all(tx, organisation, id).await?;
                touched.extend(held.into_iter().map(|person| authority::further_role(person, &word)));
                roles::remove(tx, id).await?;
                identity.note(tx, &asked, ("role", *id.as_bytes()), &touched).await
            })
        })
        .await
    }

    /// Sees that a role allows something, and nothing that its maker may not.
    async fn may_allow(&self, tx: &mut Tx, op: &OpContext, rights: &Rights) -> Result<(), PeopleError> {
        if rights.0.is_empty() {
            return Err(PeopleError::NoRights);
        }
        match self.access.beyond_own(tx, op, rights).await? {
            Some(action) => Err(PeopleError::Beyond(action)),
            None => Ok(()),
        }
    }

    async fn sealed_role_name(
        &self,
        tx: &mut Tx,
        (organisation, id, version): (OrganisationId, RoleId, u64),
        name: &str,
    ) -> Result<Sealed<RoleName>, PeopleError> {
        let wrong = || SqlError::Inconsistent { table: "organisations", column: "key_id".to_owned() };
        let key = organisations::find(tx, organisation).await?.ok_or_else(wrong)?.key;
        let place = name_place(organisation, id, version);
        Ok(self.vault.seal(tx, key, place, &RoleName(name.to_owned())).await?)
    }
}

async fn own_role(tx: &mut Tx, organisation: OrganisationId, id: RoleId) -> Result<CustomRole, PeopleError> {
    let found = roles::find_locked(tx, id).await?.filter(|role| role.organisation == organisation);
    found.ok_or(PeopleError::NotFound)
}

fn view(role: CustomRole, name: String) -> RoleView {
    // What cannot be read allows nothing, which is what decisions go by too.
    let rights = role.rights.parse().unwrap_or_default();
    RoleView { id: role.id, name, rights, made_by: role.made_by, created_at: role.created_at }
}

/// What a role allows, for the log.
fn told(id: RoleId, rights: &Rights) -> String {
    let rights: Vec<String> = rights
        .0
        .iter()
        .map(|(action, scope): (&String, &Scope)| format!("{action} {}", scope.word()))
        .collect();
    format!("{id}: {}", rights.join(", "))
}
