//! What an erasure does to the requests of whom it erases.

use clerestory_access::OpContext;
use clerestory_audit::ObjectRef;
use clerestory_audit::authority::Touched;
use clerestory_model::{PersonId, Timestamp};
use clerestory_sql::Tx;

use super::{Request, RequestKind, RequestState, rows, touched};
use crate::{EraseError, Erasure, Lifecycle, Target};

impl Lifecycle {
    /// The words of requests go with the key they are sealed under; the caller holds the turn in the log.
    pub(crate) async fn forget_words(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        erasure: &Erasure,
    ) -> Result<(), EraseError> {
        let Target::Subject(subject) = erasure.target else { return Ok(()) };
        let all = rows::of_subject_locked(tx, subject).await?;
        let silent = all.into_iter().map(|request| Request {
            asked: None,
            extension: None,
            answer: None,
            available_until: None,
            ..request
        });
        self.keep_all(tx, op, erasure, silent.collect()).await
    }

    /// What somebody asked to be erased is decided by the erasure that began; the caller holds the turn in the log.
    pub(crate) async fn decide_by(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        erasure: &Erasure,
    ) -> Result<(), EraseError> {
        let (Target::Subject(subject) | Target::RecordingsOf(subject)) = erasure.target else {
            return Ok(());
        };
        let all = rows::of_subject_locked(tx, subject).await?;
        let asked = all.into_iter().filter(|request| {
            request.kind.erases(subject) == Some(erasure.target)
                && request.state == RequestState::Open
                && request.erasure.is_none()
        });
        let decided = asked.map(|request| Request { erasure: Some(erasure.id), ..request });
        self.keep_all(tx, op, erasure, decided.collect()).await
    }

    /// A receipt answers whoever asked to be erased; and nothing is left of what else they asked for.
    pub(crate) async fn answer_by(
        &self,
        tx: &mut Tx,
        erasure: &Erasure,
        now: Timestamp,
    ) -> Result<(), EraseError> {
        let (Target::Subject(subject) | Target::RecordingsOf(subject)) = erasure.target else {
            return Ok(());
        };
        let all = rows::of_subject_locked(tx, subject).await?;
        let answers = |request: &Request| match erasure.target {
            Target::Subject(_) => true,
            // What somebody asked for later is about recordings that were made since.
            _ => {
                request.kind == RequestKind::EraseRecordings
                    && request.erasure.map_or(request.asked_at <= erasure.asked_at, |id| id == erasure.id)
            }
        };
        let open = all.into_iter().filter(|request| request.state == RequestState::Open && answers(request));
        let answered = open.map(|request| Request {
            state: match request.kind {
                RequestKind::Erase | RequestKind::EraseRecordings => RequestState::Done,
                RequestKind::Access | RequestKind::Export => RequestState::Withdrawn,
            },
            decided: request.decided.or(Some((PersonId::nil(), now))),
            erasure: Some(erasure.id),
            ..request
        });
        let op = OpContext { at: now, ..self.by_program(erasure.organisation) };
        self.keep_all(tx, &op, erasure, answered.collect()).await
    }

    async fn keep_all(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        erasure: &Erasure,
        all: Vec<Request>,
    ) -> Result<(), EraseError> {
        let mut changed: Vec<Touched> = Vec::with_capacity(all.len());
        for request in all {
            rows::keep(tx, &request).await?;
            changed.push(touched(request.id));
        }
        if !changed.is_empty() {
            let object = ObjectRef { kind: "erasure".to_owned(), id: *erasure.id.as_bytes() };
            let by = op.changing(erasure.organisation);
            self.parts.access.audit().note_change(tx, by, object, &changed).await?;
        }
        Ok(())
    }
}
