//! The one way a change of people or the tree is made: decided, on record, and noted, in one transaction.

use clerestory_access::{Action, Actor, Grant, OpContext};
use clerestory_audit::Personal;
use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, SessionId};
use clerestory_sql::{Body, Lane, Tx};

use super::error::PeopleError;
use crate::{Identity, authority};

impl Identity {
    /// Decides `A`, and if it is allowed does `act` in the same transaction. A refusal is committed. What `act` cannot do is
    /// undone with the decision, and an entry says that it failed. The organisation's turn is taken by the decision:
    /// nothing else changes its people meanwhile.
    pub(crate) async fn decided<A: Action, T: Send + 'static>(
        &self,
        op: &OpContext,
        on: A::On,
        detail: Option<String>,
        act: impl for<'t> FnOnce(&'t mut Tx, Grant<A>) -> Body<'t, T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        self.vault.hold_lease().await?;
        let personal = detail.map(|detail| Personal { detail: Some(detail), ..Personal::default() });
        let (access, asked, said) = (self.access.clone(), op.clone(), personal.clone());
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    match access.decide::<A>(tx, &asked, on, said).await? {
                        Ok(grant) => Ok(Ok(act(tx, grant).await?)),
                        Err(refused) => Ok::<_, PeopleError>(Err(refused)),
                    }
                })
            })
            .await;
        match done {
            Ok(done) => done.map_err(PeopleError::Refused),
            Err(PeopleError::Inner(error)) => Err(PeopleError::Inner(error)),
            Err(error) => {
                self.access.tell_failed::<A>(op, on, error.to_string(), personal).await?;
                Err(error)
            }
        }
    }

    /// Records how these rows stand now, by whoever asks.
    pub(crate) async fn note(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (kind, id): (&str, [u8; 16]),
        touched: &[Touched],
    ) -> Result<(), PeopleError> {
        let organisation: OrganisationId = op.actor.organisation();
        Ok(self.note_change(tx, op.changing(organisation), (kind, id), touched).await?)
    }

    /// Who asks; nil for the program itself.
    pub(crate) fn asker(op: &OpContext) -> PersonId {
        match &op.actor {
            Actor::Person { id, .. } => *id,
            _ => PersonId::nil(),
        }
    }

    /// Ends every session of somebody but the one that asks; the rows that are gone.
    pub(crate) async fn end_other_sessions(
        tx: &mut Tx,
        op: &OpContext,
        person: PersonId,
    ) -> Result<Vec<Touched>, PeopleError> {
        let own = match &op.actor {
            Actor::Person { session, .. } => *session,
            _ => SessionId::nil(),
        };
        Ok(authority::end_other_sessions(tx, person, own).await?)
    }
}
