//! Asking, taking back, and deciding.

use clerestory_access::{
    Action, AskForOneself, DecideRequest, EnterRequest, Grant, OpContext, OrganisationRef, RequestRef,
    WithdrawRequest,
};
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::ChangedBy;
use clerestory_model::{PersonId, RequestId, SubjectId};
use clerestory_seal::random;
use clerestory_sql::{Lane, Tx};
use clerestory_store::{Content, Sealed, organisations};

use super::{
    AVAILABLE, Answer, Asked, Extension, Followed, Request, RequestKind, RequestState, due, rows, touched,
    words_place,
};
use crate::{EraseError, Lifecycle, Step, Target};

/// Why an erasure is asked for, in the log: the words themselves stay with the request.
const BY_REQUEST: &str = "by request of whom it is about";

/// What is decided about a request.
enum Decision {
    Fulfil { answer: Option<String> },
    Decline { reason: String },
    Extend { reason: String },
}

impl Lifecycle {
    /// Asks for the caller's own data, or that it be erased. To see it they need nobody: that is done at once. Asking again
    /// for what is open, or can be had still, gives that request.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Gone`] where they are being erased.
    pub async fn ask_for_oneself(
        &self,
        op: &OpContext,
        kind: RequestKind,
        words: Option<String>,
    ) -> Result<(Grant<AskForOneself>, Followed), EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let on = OrganisationRef(op.actor.organisation());
                    match lifecycle.parts.access.decide::<AskForOneself>(tx, &op, on, None).await? {
                        Ok(grant) => {
                            let Some(subject) = op.actor.subject() else {
                                return Ok(Err(EraseError::Nothing));
                            };
                            let known = same_request(tx, &op, subject, kind).await?;
                            let id = known
                                .as_ref()
                                .map_or_else(|| RequestId::new(op.at, random()), |known| known.id);
                            let on = RequestRef { organisation: op.actor.organisation(), id, subject };
                            let asked = lifecycle.enter(tx, &op, (on, kind), (known, words)).await?;
                            lifecycle.followed(tx, grant, asked).await
                        }
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await?
    }

    /// Enters what somebody asked for who cannot ask here themselves, a visitor for one.
    ///
    /// # Errors
    /// As [`Self::ask_for_oneself`]; [`EraseError::Nothing`].
    pub async fn enter_request(
        &self,
        op: &OpContext,
        (subject, kind): (SubjectId, RequestKind),
        words: Option<String>,
    ) -> Result<(Grant<EnterRequest>, Followed), EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, op) = (self.clone(), op.clone());
        self.parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let organisation = op.actor.organisation();
                    // The decision names the request that is there already, if one is: nobody makes it meanwhile.
                    lifecycle.parts.access.audit().take_turn(tx, organisation).await?;
                    let known = same_request(tx, &op, subject, kind).await?;
                    let id = known.as_ref().map_or_else(|| RequestId::new(op.at, random()), |known| known.id);
                    let on = RequestRef { organisation, id, subject };
                    match lifecycle.parts.access.decide::<EnterRequest>(tx, &op, on, None).await? {
                        Ok(grant) => {
                            let asked = lifecycle.enter(tx, &op, (on, kind), (known, words)).await?;
                            lifecycle.followed(tx, grant, asked).await
                        }
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await?
    }

    /// Writes a request, unless there is the same already.
    async fn enter(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (on, kind): (RequestRef, RequestKind),
        (known, words): (Option<Request>, Option<String>),
    ) -> Result<Result<Request, EraseError>, EraseError> {
        let RequestRef { organisation, id, subject } = on;
        if self.is_going(tx, subject, op).await? {
            return Ok(Err(EraseError::Gone));
        }
        if let Some(known) = known {
            return Ok(Ok(known));
        }
        // Nobody has to look at what one may see of oneself at any time.
        let at_once = kind == RequestKind::Access && op.actor.subject() == Some(subject);
        let new = Request {
            id,
            organisation,
            subject,
            kind,
            state: if at_once { RequestState::Done } else { RequestState::Open },
            asked_by: by(op),
            asked_at: op.at,
            due_at: due(op.at, false),
            asked: None,
            extended: None,
            extension: None,
            decided: at_once.then_some((PersonId::nil(), op.at)),
            answer: None,
            available_until: at_once.then(|| op.at.plus(AVAILABLE)),
            erasure: None,
        };
        let asked = self.sealed(tx, &new, words.map(Asked)).await?;
        let new = Request { asked, ..new };
        self.keep_request(tx, &new, op.changing(organisation)).await?;
        Ok(Ok(new))
    }

    /// Whether somebody is being erased, or was: nothing can be asked for or handed out any more then.
    pub(super) async fn is_going(
        &self,
        tx: &mut Tx,
        subject: SubjectId,
        op: &OpContext,
    ) -> Result<bool, EraseError> {
        let erasing = crate::rows::of_target(tx, op.actor.organisation(), &Target::Subject(subject)).await?;
        Ok(erasing.is_some_and(|erasing| erasing.step != Step::Restricted))
    }

    /// Seals what is said about a request under the key of whom it is about.
    async fn sealed<T: Content>(
        &self,
        tx: &mut Tx,
        request: &Request,
        words: Option<T>,
    ) -> Result<Option<Sealed<T>>, EraseError> {
        let Some(words) = words else { return Ok(None) };
        let key = organisations::subject_key(tx, request.subject).await?.ok_or(EraseError::Nothing)?;
        let place = words_place(request.organisation, request.id);
        Ok(Some(self.parts.vault.seal(tx, key, place, &words).await?))
    }

    pub(super) async fn keep_request(
        &self,
        tx: &mut Tx,
        request: &Request,
        by: ChangedBy,
    ) -> Result<(), EraseError> {
        rows::keep(tx, request).await?;
        let object = ObjectRef { kind: "request".to_owned(), id: *request.id.as_bytes() };
        self.parts.access.audit().note_change(tx, by, object, &[touched(request.id)]).await?;
        Ok(())
    }

    /// Takes back what the caller asked for.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Decided`].
    pub async fn withdraw_request(
        &self,
        op: &OpContext,
        id: RequestId,
    ) -> Result<(Grant<WithdrawRequest>, Followed), EraseError> {
        self.change_request::<WithdrawRequest>(op, id, None).await
    }

    /// Does what was asked for: what was to be seen or had can be had for seven days; what was to be erased is being erased,
    /// and the request is done with its receipt.
    ///
    /// # Errors
    /// [`EraseError::Refused`], also where the caller may not erase; [`EraseError::Decided`]; as [`Self::ask`].
    pub async fn fulfil_request(
        &self,
        op: &OpContext,
        id: RequestId,
        answer: Option<String>,
    ) -> Result<(Grant<DecideRequest>, Followed), EraseError> {
        self.change_request::<DecideRequest>(op, id, Some(Decision::Fulfil { answer })).await
    }

    /// Declines what was asked for, with a reason that whoever asked reads.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Decided`].
    pub async fn decline_request(
        &self,
        op: &OpContext,
        id: RequestId,
        reason: String,
    ) -> Result<(Grant<DecideRequest>, Followed), EraseError> {
        self.change_request::<DecideRequest>(op, id, Some(Decision::Decline { reason })).await
    }

    /// Takes two months longer to answer, once, with a reason that whoever asked reads.
    ///
    /// # Errors
    /// [`EraseError::Refused`]; [`EraseError::Decided`]; [`EraseError::Extended`].
    pub async fn extend_request(
        &self,
        op: &OpContext,
        id: RequestId,
        reason: String,
    ) -> Result<(Grant<DecideRequest>, Followed), EraseError> {
        self.change_request::<DecideRequest>(op, id, Some(Decision::Extend { reason })).await
    }

    async fn change_request<A: Action<On = RequestRef>>(
        &self,
        op: &OpContext,
        id: RequestId,
        decision: Option<Decision>,
    ) -> Result<(Grant<A>, Followed), EraseError> {
        self.parts.vault.hold_lease().await?;
        let (lifecycle, asked) = (self.clone(), op.clone());
        let done = self
            .parts
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let on = request_ref(tx, &asked, id).await?;
                    match lifecycle.parts.access.decide::<A>(tx, &asked, on, None).await? {
                        Ok(grant) => match lifecycle.changed_request(tx, &asked, on, decision).await? {
                            // Nothing was done: the entry that it was allowed goes with it.
                            Err(over @ (EraseError::Decided | EraseError::Extended)) => Err(over),
                            changed => lifecycle.followed(tx, grant, changed).await,
                        },
                        Err(refused) => Ok::<_, EraseError>(Err(refused.into())),
                    }
                })
            })
            .await;
        let on = RequestRef { organisation: op.actor.organisation(), id, subject: SubjectId::nil() };
        self.came_of::<A, _>(op, on, None, done).await
    }

    async fn changed_request(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: RequestRef,
        decision: Option<Decision>,
    ) -> Result<Result<Request, EraseError>, EraseError> {
        // The organisation's turn in the log is ours by now: nobody else changes it meanwhile.
        let found = rows::find_locked(tx, on.id).await?.filter(|found| found.subject == on.subject);
        let Some(request) = found else { return Ok(Err(EraseError::Nothing)) };
        if request.state != RequestState::Open || request.erasure.is_some() {
            return Ok(Err(EraseError::Decided));
        }
        let decided = Some((by(op), op.at));
        let changed = match decision {
            None => {
                self.withdraw_proposal_of(tx, op, request.id).await?;
                Request { state: RequestState::Withdrawn, decided, ..request }
            }
            Some(Decision::Decline { reason }) => {
                self.withdraw_proposal_of(tx, op, request.id).await?;
                let answer = self.sealed(tx, &request, Some(Answer(reason))).await?;
                Request { state: RequestState::Declined, decided, answer, ..request }
            }
            Some(Decision::Extend { .. }) if request.extended.is_some() => {
                return Ok(Err(EraseError::Extended));
            }
            Some(Decision::Extend { reason }) => {
                let extension = self.sealed(tx, &request, Some(Extension(reason))).await?;
                let due_at = due(request.asked_at, true);
                Request { extended: decided, extension, due_at, ..request }
            }
            Some(Decision::Fulfil { answer }) => {
                let answer = self.sealed(tx, &request, answer.map(Answer)).await?;
                let request = Request { decided, answer, ..request };
                match self.fulfilled(tx, op, request).await? {
                    Ok(request) => request,
                    Err(obstacle) => return Ok(Err(obstacle)),
                }
            }
        };
        self.keep_request(tx, &changed, op.changing(changed.organisation)).await?;
        Ok(Ok(changed))
    }

    /// Makes what was asked for available, or begins to erase.
    async fn fulfilled(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        request: Request,
    ) -> Result<Result<Request, EraseError>, EraseError> {
        if request.kind != RequestKind::Erase && self.is_going(tx, request.subject, op).await? {
            return Ok(Err(EraseError::Gone));
        }
        let Some(target) = request.kind.erases(request.subject) else {
            let available_until = Some(op.at.plus(AVAILABLE));
            return Ok(Ok(Request { state: RequestState::Done, available_until, ..request }));
        };
        // Who may answer need not be somebody who may erase.
        let entry = match self.decide(tx, op, target, Some(BY_REQUEST.to_owned()), "").await? {
            Ok(entry) => entry,
            Err(refused) => return Ok(Err(refused.into())),
        };
        let begun = match self.needs_two(tx, op, target).await? {
            // The request stays open until somebody else agrees; its receipt answers it.
            Some(doomed) => {
                let by = (BY_REQUEST.to_owned(), entry, Some(request.id));
                self.propose_in(tx, op, doomed, by).await?.map(|_| None)
            }
            None => self.begin(tx, op, target, entry).await?.map(Some),
        };
        let erasure = match begun {
            Ok(Some(erasure)) => Some(erasure),
            Ok(None) => return Ok(Ok(request)),
            // What there is goes already, by this erasure or by others, or has only just begun: it is answered when all of it
            // is gone.
            Err(EraseError::Nothing) if request.kind == RequestKind::EraseRecordings => {
                let known = crate::rows::of_target(tx, request.organisation, &target).await?;
                let going = known.filter(|known| known.step < Step::Verified);
                if going.is_none() && crate::rows::has_recordings(tx, request.subject).await? {
                    return Ok(Ok(Request { decided: None, answer: None, ..request }));
                }
                going
            }
            Err(obstacle) => {
                self.note_obstacle(tx, op, target, &obstacle).await?;
                return Ok(Err(obstacle));
            }
        };
        let is_done = erasure.as_ref().is_none_or(|erasure| erasure.step >= Step::Verified);
        let state = if is_done { RequestState::Done } else { request.state };
        Ok(Ok(Request { state, erasure: erasure.map(|erasure| erasure.id), ..request }))
    }
}

/// Who asks or decides; nobody at a command.
fn by(op: &OpContext) -> PersonId {
    op.actor.person().unwrap_or(PersonId::nil())
}

/// The request that asks for the same and is open, or whose answer can be had still.
async fn same_request(
    tx: &mut Tx,
    op: &OpContext,
    subject: SubjectId,
    kind: RequestKind,
) -> Result<Option<Request>, EraseError> {
    let known = rows::of_subject_locked(tx, subject).await?;
    let same = |known: &Request| {
        known.organisation == op.actor.organisation()
            && known.kind == kind
            && (known.state == RequestState::Open || known.is_available(op.at))
    };
    Ok(known.into_iter().find(same))
}

/// A request as a decision names it: about whom it is says its row, and nobody where there is none of the caller's
/// organisation.
pub(super) async fn request_ref(
    tx: &mut Tx,
    op: &OpContext,
    id: RequestId,
) -> Result<RequestRef, EraseError> {
    let organisation = op.actor.organisation();
    let found = rows::find(tx, id).await?.filter(|found| found.organisation == organisation);
    Ok(RequestRef { organisation, id, subject: found.map_or(SubjectId::nil(), |found| found.subject) })
}
