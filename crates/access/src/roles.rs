//! Roles that organisations made for themselves: what they allow, and who may hand on what.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clerestory_model::{OrganisationId, PersonId};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::people::{self, Role};
use clerestory_store::roles;

use crate::decide::standing_now;
use crate::matrix::{Cell, Scope};
use crate::who::{Actor, OpContext};
use crate::{Access, AccessError};

/// The rights of a role: how far each action reaches that it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights(pub BTreeMap<String, Scope>);

/// The text is no list of rights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no right: an action and a scope are")]
pub struct NoRights(String);

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(action, scope)| writeln!(f, "{action} {}", scope.word()))
    }
}

impl FromStr for Rights {
    type Err = NoRights;
    fn from_str(text: &str) -> Result<Self, NoRights> {
        let right = |line: &str| {
            let (action, word) = line.split_once(' ')?;
            let scopes = [Scope::Own, Scope::Reports, Scope::Organisation];
            let scope = scopes.into_iter().find(|scope| scope.word() == word)?;
            Some((action.to_owned(), scope))
        };
        text.lines()
            .map(|line| right(line).ok_or_else(|| NoRights(line.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The rights in a row of this organisation; none where there is no such role, or where its row cannot be read.
async fn rights_of(tx: &mut Tx, organisation: OrganisationId, role: Role) -> Result<Rights, SqlError> {
    let Role::Custom(id) = role else { return Ok(Rights::default()) };
    let Some(text) = roles::rights(tx, organisation, id).await? else { return Ok(Rights::default()) };
    Ok(text.parse().unwrap_or_else(|error: NoRights| {
        tracing::error!(role = %id, %error, "what a role allows cannot be read: it allows nothing");
        Rights::default()
    }))
}

impl Access {
    /// The cells by which this actor's roles may do an action, each under the name of the role that has it. What only a
    /// grant of support lends is not among them.
    pub(crate) async fn own_cells<'a>(
        &'a self,
        tx: &mut Tx,
        action: &str,
        actor: &Actor,
    ) -> Result<Vec<(String, Cow<'a, Cell>)>, SqlError> {
        let built_in = self.matrix.cells(action, actor).filter(|(_, cell)| !cell.granted);
        let mut cells: Vec<_> =
            built_in.map(|(column, cell)| (column.to_owned(), Cow::Borrowed(cell))).collect();
        for role in actor.roles().into_iter().filter(|role| matches!(role, Role::Custom(_))) {
            let rights = rights_of(tx, actor.organisation(), role).await?;
            let cell = rights.0.get(action).and_then(|scope| self.matrix.custom(action, *scope));
            cells.extend(cell.map(|cell| (role.to_string(), Cow::Owned(cell))));
        }
        Ok(cells)
    }

    /// The first of these rights that the caller may not put into a role: one that nobody has, or that reaches further
    /// than theirs.
    ///
    /// # Errors
    /// [`AccessError::Sql`].
    pub async fn beyond_own(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        rights: &Rights,
    ) -> Result<Option<String>, AccessError> {
        let Some(actor) = standing_now(tx, op).await? else {
            return Ok(rights.0.keys().next().cloned());
        };
        for (action, scope) in &rights.0 {
            let Some(given) = self.matrix.custom(action, *scope) else { return Ok(Some(action.clone())) };
            if !self.own_cells(tx, action, &actor).await?.iter().any(|(_, own)| own.covers(&given)) {
                return Ok(Some(action.clone()));
            }
        }
        Ok(None)
    }

    /// Whether the caller may give a role: it may do nothing that they may not, nor further.
    ///
    /// # Errors
    /// [`AccessError::Sql`].
    pub async fn may_hand_on(&self, tx: &mut Tx, op: &OpContext, role: Role) -> Result<bool, AccessError> {
        if let Role::Custom(_) = role {
            let rights = rights_of(tx, op.actor.organisation(), role).await?;
            return Ok(self.beyond_own(tx, op, &rights).await?.is_none());
        }
        let Some(actor) = standing_now(tx, op).await? else { return Ok(false) };
        for (action, given) in self.matrix.column(role) {
            if !self.own_cells(tx, action, &actor).await?.iter().any(|(_, own)| own.covers(given)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Who of an organisation may do this anywhere in it, without a setting that says so; also whoever is kept out for a time.
    ///
    /// # Errors
    /// [`AccessError::Sql`].
    pub async fn holders_of(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        action: &str,
    ) -> Result<Vec<PersonId>, AccessError> {
        let allows = |cell: &Cell| cell.scope == Scope::Organisation && cell.setting.is_none();
        let mut able: Vec<Role> = Role::BUILT_IN
            .into_iter()
            .filter(|role| self.matrix.column(*role).any(|(own, cell)| own == action && allows(cell)))
            .collect();
        for role in roles::of_organisation(tx, organisation).await? {
            let rights: Rights = role.rights.parse().unwrap_or_default();
            let cell = rights.0.get(action).and_then(|scope| self.matrix.custom(action, *scope));
            if cell.is_some_and(|cell| allows(&cell)) {
                able.push(Role::Custom(role.id));
            }
        }
        Ok(people::with_roles(tx, organisation, &able).await?)
    }

    /// What a right in a role of an organisation's own comes to; `None` where no person does that.
    #[must_use]
    pub fn right(&self, action: &str, scope: Scope) -> Option<Cell> {
        self.matrix.custom(action, scope)
    }

    /// What a role that every organisation has may do: a cell for each action.
    pub fn built_in_role(&self, role: Role) -> impl Iterator<Item = (&str, &Cell)> {
        self.matrix.column(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_survive_their_text() {
        let rights = Rights(
            [("recording.play".to_owned(), Scope::Reports), ("audit.read".to_owned(), Scope::Organisation)]
                .into(),
        );
        assert_eq!(rights.to_string(), "audit.read organisation\nrecording.play reports\n");
        assert_eq!(rights.to_string().parse(), Ok(rights));
        assert_eq!("".parse(), Ok(Rights::default()));
        for wrong in ["recording.play", "recording.play all", " ", "a b c"] {
            assert!(wrong.parse::<Rights>().is_err(), "{wrong}");
        }
    }
}
