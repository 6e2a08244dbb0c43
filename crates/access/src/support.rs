//! Grants of support: what somebody from outside may do, for a time, and never more than whoever let them in.

use std::borrow::Cow;

use clerestory_model::{PersonId, SessionId, Timestamp};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::people::Role;
use clerestory_store::recordings::{Lent, is_lent};
use clerestory_store::support::{self, SupportGrant};

use crate::decide::{standing, standing_now};
use crate::grant::{Action, Object};
use crate::matrix::Cell;
use crate::who::{Actor, OpContext};
use crate::{Access, AccessError};

/// A cell by which somebody may do something.
pub(crate) struct Held<'a> {
    /// What they have it by, as the log names it.
    pub(crate) by: String,
    pub(crate) cell: Cow<'a, Cell>,
    /// What is left of it where it is lent.
    pub(crate) lent: Option<Lent>,
}

/// Whether a grant may lend this for a part of the organisation: what is asked of recordings, one by one or in a list.
fn has_parts(action: &str) -> bool {
    action.starts_with("recording.") || action == "view.ask"
}

impl Access {
    /// The cells by which this actor may do an action at this time: those of their roles, and what a grant lends them.
    pub(crate) async fn cells_of<'a>(
        &'a self,
        tx: &mut Tx,
        action: &str,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Vec<Held<'a>>, SqlError> {
        let own = self.own_cells(tx, action, actor).await?;
        let mut held: Vec<Held<'a>> =
            own.into_iter().map(|(by, cell)| Held { by, cell, lent: None }).collect();
        let lendable = self.matrix.cells(action, actor).map(|(_, cell)| cell).find(|cell| cell.granted);
        if let (Actor::Person { id, .. }, Some(cell)) = (actor, lendable)
            && let Some(grant) = self.lending(tx, (*id, at), (action, cell)).await?
        {
            let (by, lent) = (format!("support {}", grant.id), Some(Lent { node: grant.node }));
            held.push(Held { by, cell: Cow::Borrowed(cell), lent });
        }
        Ok(held)
    }

    /// The grant that lends this cell now. Whoever made it must be here, and be allowed as much themselves.
    async fn lending(
        &self,
        tx: &mut Tx,
        (supporter, at): (PersonId, Timestamp),
        (action, cell): (&str, &Cell),
    ) -> Result<Option<SupportGrant>, SqlError> {
        let Some(grant) = support::running_of(tx, supporter, at).await? else { return Ok(None) };
        if !grant.actions().any(|lent| lent == action) {
            return Ok(None);
        }
        // Blocks of one session are no matter here: they are in none.
        let Some((maker, also)) = standing(tx, grant.made_by, None, at).await? else { return Ok(None) };
        let maker = Actor::Person {
            id: maker.id,
            organisation: maker.organisation,
            subject: maker.subject,
            role: maker.role,
            also,
            session: SessionId::nil(),
            signed_in: 0,
            stepped_up: None,
        };
        let own = self.own_cells(tx, action, &maker).await?;
        Ok(own.iter().any(|(_, own)| own.covers(cell)).then_some(grant))
    }

    /// The actions that the caller may let a supporter do: those that a grant may lend, and they may do themselves as far.
    ///
    /// # Errors
    /// [`AccessError::Sql`].
    pub async fn lendable(&self, tx: &mut Tx, op: &OpContext) -> Result<Vec<String>, AccessError> {
        let mut lendable = Vec::new();
        // Whoever waited for the turn lends what they may do now.
        let Some(actor) = standing_now(tx, op).await? else { return Ok(lendable) };
        for (action, lent) in self.matrix.column(Role::Support).filter(|(_, cell)| cell.granted) {
            let own = self.own_cells(tx, action, &actor).await?;
            if own.iter().any(|(_, own)| own.covers(lent)) {
                lendable.push(action.to_owned());
            }
        }
        Ok(lendable)
    }

    /// The first of these actions that a grant lends for the whole organisation or not at all.
    #[must_use]
    pub fn without_parts(actions: &[String]) -> Option<&String> {
        actions.iter().find(|action| !has_parts(action))
    }
}

/// Whether what is lent takes the object in. A list has rows of its own. What sums recordings up has none, and cannot leave
/// those out that go on: nobody lends it.
pub(crate) async fn lends<A: Action>(tx: &mut Tx, lent: Option<Lent>, on: A::On) -> Result<bool, SqlError> {
    match (lent, on.recording()) {
        (None, _) => Ok(true),
        (Some(lent), Some(recording)) => is_lent(tx, recording, lent).await,
        (Some(_), None) if has_parts(A::NAME) => Ok(A::LISTS),
        (Some(lent), None) => Ok(A::LISTS || lent.node.is_none()),
    }
}
