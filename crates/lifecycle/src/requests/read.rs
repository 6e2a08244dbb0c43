//! Seeing requests, and handing out what they ask for.

use clerestory_access::{
    Action, Grant, HandOut, ListRequests, OpContext, OrganisationRef, ReadOwnRequests, RequestRef,
};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, RequestId, SubjectId};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::people::{self, PersonState};
use clerestory_store::{Content, Sealed, organisations};
use clerestory_vault::OpenError;

use super::change::request_ref;
use super::{Followed, Request, Words, rows};
use crate::{EraseError, Lifecycle};

/// Requests of one answer at most, of those that wait and of the others.
const MOST: u32 = 200;

/// Whose requests are listed.
#[derive(Clone, Copy)]
enum Whose {
    About(SubjectId),
    Of(OrganisationId),
}

/// What is handed out, once it is decided that it may be.
pub struct HandedOut {
    /// The proof.
    pub grant: Grant<HandOut>,
    /// The request.
    pub request: Request,
    /// Recordings about them that were deleted and are not erased yet, or that a hold keeps: nobody sees those.
    pub hidden: u64,
}

impl Lifecycle {
    /// What the caller asked for, newest first.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn own_requests(
        &self,
        op: &OpContext,
    ) -> Result<(Grant<ReadOwnRequests>, Vec<Followed>), EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ReadOwnRequests>(op, on, None).await??;
        let Some(subject) = op.actor.subject() else { return Ok((grant, Vec::new())) };
        self.listed(grant, Whose::About(subject)).await
    }

    /// What was asked for in the caller's organisation: what waits first, that which is due soonest at the top; then what
    /// was answered, newest first.
    ///
    /// # Errors
    /// [`EraseError::Refused`].
    pub async fn requests(&self, op: &OpContext) -> Result<(Grant<ListRequests>, Vec<Followed>), EraseError> {
        let on = OrganisationRef(op.actor.organisation());
        let grant = self.parts.access.authorize::<ListRequests>(op, on, None).await??;
        let OrganisationRef(organisation) = grant.on();
        self.listed(grant, Whose::Of(organisation)).await
    }

    async fn listed<A: Action>(
        &self,
        grant: Grant<A>,
        whose: Whose,
    ) -> Result<(Grant<A>, Vec<Followed>), EraseError> {
        self.parts.vault.hold_lease().await?;
        let lifecycle = self.clone();
        self.parts
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let found = match whose {
                        Whose::About(subject) => rows::of_subject(tx, subject, MOST).await?,
                        Whose::Of(organisation) => {
                            let mut found = rows::open(tx, organisation, MOST).await?;
                            found.extend(rows::answered(tx, organisation, MOST).await?);
                            found
                        }
                    };
                    let mut all = Vec::with_capacity(found.len());
                    for request in found {
                        all.push(lifecycle.follow(tx, &grant, request).await?);
                    }
                    Ok((grant, all))
                })
            })
            .await
    }

    /// A request that was changed, as its answer tells it.
    pub(super) async fn followed<A: Action>(
        &self,
        tx: &mut Tx,
        grant: Grant<A>,
        changed: Result<Request, EraseError>,
    ) -> Result<Result<(Grant<A>, Followed), EraseError>, EraseError> {
        Ok(match changed {
            Ok(request) => {
                let followed = self.follow(tx, &grant, request).await?;
                Ok((grant, followed))
            }
            Err(obstacle) => Err(obstacle),
        })
    }

    async fn follow<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        request: Request,
    ) -> Result<Followed, EraseError> {
        let words = Words {
            asked: self.said(tx, grant, request.asked.as_ref()).await?.map(|words| words.0),
            extension: self.said(tx, grant, request.extension.as_ref()).await?.map(|words| words.0),
            answer: self.said(tx, grant, request.answer.as_ref()).await?.map(|words| words.0),
        };
        let erasure = match request.erasure {
            Some(id) => crate::rows::find(tx, id).await?,
            None => None,
        };
        Ok(Followed { request, words, erasure })
    }

    /// What was said, unless its key is destroyed.
    async fn said<A: Action, T: Content>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        sealed: Option<&Sealed<T>>,
    ) -> Result<Option<T>, EraseError> {
        let Some(sealed) = sealed else { return Ok(None) };
        match self.parts.vault.open(tx, grant, sealed).await {
            Ok(words) => Ok(Some(words)),
            Err(OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides whether what was asked for is handed out to the caller, and puts it on record. Each recording of it is
    /// decided about again.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::NotAvailable`]; [`EraseError::TheirsAlone`] where whom it is about can have
    /// it themselves; [`EraseError::Gone`] where they are being erased.
    pub async fn hand_out(&self, op: &OpContext, id: RequestId) -> Result<HandedOut, EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let on = request_ref(tx, &op, id).await?;
                    let grant = match lifecycle.parts.access.decide::<HandOut>(tx, &op, on, None).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok::<_, EraseError>(Err(refused.into())),
                    };
                    match lifecycle.to_hand_out(tx, &op, on).await? {
                        Ok((request, hidden)) => Ok(Ok(HandedOut { grant, request, hidden })),
                        Err(obstacle) => {
                            lifecycle.note_kept_back(tx, &op, on, &obstacle).await?;
                            Ok(Err(obstacle))
                        }
                    }
                })
            })
            .await?
    }

    async fn to_hand_out(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RequestRef,
    ) -> Result<Result<(Request, u64), EraseError>, EraseError> {
        let Some(request) = rows::find(tx, on.id).await? else { return Ok(Err(EraseError::Nothing)) };
        let (person, _) = organisations::person_of_subject(tx, on.subject).await?;
        if let Some(person) = person.filter(|person| op.actor.person() != Some(*person)) {
            let known = people::find(tx, person).await?;
            if known.is_some_and(|known| known.state == PersonState::Active) {
                return Ok(Err(EraseError::TheirsAlone));
            }
        }
        if self.is_going(tx, on.subject, op).await? {
            return Ok(Err(EraseError::Gone));
        }
        if request.kind.erases(request.subject).is_some() || !request.is_available(op.at) {
            return Ok(Err(EraseError::NotAvailable));
        }
        let hidden = rows::hidden_recordings(tx, on.subject).await?;
        Ok(Ok((request, hidden)))
    }

    /// It was allowed, and something stood in the way.
    async fn note_kept_back(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RequestRef,
        obstacle: &EraseError,
    ) -> Result<(), EraseError> {
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation: on.organisation,
            at: op.at,
            action: "request.export",
            class: Class::RESOURCE_READ,
            outcome: Outcome::Failed,
            rule: obstacle.to_string(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "request".to_owned(), id: *on.id.as_bytes() },
            request_id: op.request_id.clone(),
            personal: None,
        };
        self.parts.access.audit().append(tx, entry).await?;
        Ok(())
    }

    /// How many requests of an organisation wait for an answer, and how many of them are overdue: for the health page, whose
    /// reading is decided by itself.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn requests_waiting(&self, organisation: OrganisationId) -> Result<(u64, u64), SqlError> {
        let now = self.parts.clock.now();
        self.parts
            .database
            .read(move |tx| Box::pin(async move { rows::waiting(tx, organisation, now).await }))
            .await
    }
}
