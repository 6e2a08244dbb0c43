//! Erasing somebody with an account, every recording about them, or the whole organisation: one person proposes it, another agrees.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_lifecycle::{
    Agreed, Doomed, Ending, Extent as Much, Proposal as Proposed, ProposalChange, ProposalState,
};
use clerestory_model::{OrganisationId, PersonId, ProposalId, SubjectId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::{PersonRef, SubjectRef};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};
use crate::routes::erasures::{self, Erasure};

/// Characters of a reason at most.
const REASON_CHARS: usize = 500;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposedErasure {
    target: ProposedTarget,
    /// Why; whoever is to agree reads it.
    reason: String,
    /// Whether an organisation is erased as soon as somebody agrees. Else it closes for 30 days first: nothing new is
    /// recorded, everybody can take with them what is theirs, and whoever may erase it can still keep it.
    #[serde(default)]
    at_once: bool,
}

/// What is to be erased.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum ProposedTarget {
    /// Somebody with an account, with everything about them, by the subject's id.
    #[schema(value_type = String)]
    Subject(SubjectId),
    /// Every recording about somebody with an account, who keeps it, by the subject's id.
    #[schema(value_type = String)]
    Recordings(SubjectId),
    /// The organisation, by its own id, typed again: everything of it is destroyed, and everybody's account.
    #[schema(value_type = String)]
    Organisation(OrganisationId),
}

/// How much would go.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasureExtent)]
pub(crate) struct Extent {
    recordings: u64,
    /// Accounts.
    people: u64,
}

impl From<Much> for Extent {
    fn from(much: Much) -> Self {
        Self { recordings: much.recordings, people: much.people }
    }
}

/// What was proposed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AskedErasure {
    id: String,
    /// How much would go as things are.
    now: Extent,
    /// Until when somebody else may agree.
    #[schema(format = DateTime)]
    ends_at: String,
    /// What happens next, and what to do.
    waits_for: String,
}

/// An erasure that one person proposed and another agrees to.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureProposal {
    id: String,
    /// `subject`, `recordings` for all of one person, or `organisation`.
    kind: String,
    /// The id of what is to be erased.
    target: String,
    /// Whom it is about, where that is a person.
    about: Option<SubjectRef>,
    /// `waits`, `agreed` (a hold keeps it), `closing`, `refused`, `withdrawn`, or `over` where nobody agreed in time.
    state: String,
    /// Whether it is erased as soon as somebody agrees: of an organisation, without closing for 30 days first.
    at_once: bool,
    /// When the organisation is erased that is closing.
    #[schema(format = DateTime)]
    closes_at: Option<String>,
    /// Nothing where it cannot be read any more.
    reason: Option<String>,
    asked_by: PersonRef,
    #[schema(format = DateTime)]
    asked_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    /// Nobody else may agree: unless somebody else may by then, it happens by itself at the end.
    alone: bool,
    /// What happens next, and what to do, while it waits.
    waits_for: Option<String>,
    /// How much there was when it was proposed.
    shown: Option<Extent>,
    /// How much would go now: whoever agrees says what they were shown of this.
    now: Extent,
    /// Nobody where the program decided.
    decided_by: Option<PersonRef>,
    #[schema(format = DateTime)]
    decided_at: Option<String>,
    /// The entry of the audit log that tells who proposed it.
    entry: u64,
}

/// The erasures that are proposed, and those that were and did not come to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureProposalList {
    items: Vec<ErasureProposal>,
}

/// What nobody agreed to yet waits for.
fn waits_for(proposal: &Proposed) -> String {
    let ends_at = proposal.ends_at;
    if proposal.alone {
        let then = match proposal.doomed {
            Doomed::Organisation(Ending::AfterClosing) => "the 30 days of closing begin by themselves",
            Doomed::Organisation(Ending::AtOnce) | Doomed::Person(_) | Doomed::RecordingsOf(_) => {
                "it happens by itself"
            }
        };
        return format!(
            "Nobody else in your organisation may agree to it, so {then} at {ends_at}, unless it is taken \
             back or somebody else may agree by then. To have a second person now, give somebody else the role; whoever \
             runs the server erases it at once with `clerestory admin erase`."
        );
    }
    format!("Somebody else who may erase this agrees or refuses until {ends_at}; after that it is over.")
}

/// Proposes to erase somebody with an account, every recording about them, or the whole organisation. Nothing is erased before somebody else agrees.
/// Asking again gives what waits already.
#[utoipa::path(post, path = "/erasures/proposals", tag = "erasures", request_body = ProposedErasure, responses(
    (status = 202, body = AskedErasure), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn propose(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<ProposedErasure>,
) -> Result<(StatusCode, Json<AskedErasure>), ApiError> {
    let doomed = match asked.target {
        ProposedTarget::Subject(subject) => Doomed::Person(subject),
        ProposedTarget::Recordings(subject) => Doomed::RecordingsOf(subject),
        ProposedTarget::Organisation(id) if id == caller.organisation => {
            Doomed::Organisation(if asked.at_once { Ending::AtOnce } else { Ending::AfterClosing })
        }
        ProposedTarget::Organisation(_) => {
            let message = "this is not your organisation's id".to_owned();
            return Err(ApiError::malformed("target.organisation".to_owned(), message));
        }
    };
    let reason = asked.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        let message = format!("say it in at most {REASON_CHARS} characters");
        return Err(ApiError::malformed("reason".to_owned(), message));
    }
    let (proposal, now) = api.lifecycle.propose_erasure(&caller.op, doomed, reason).await?;
    let answer = AskedErasure {
        id: proposal.id.to_string(),
        now: now.into(),
        ends_at: proposal.ends_at.to_string(),
        waits_for: waits_for(&proposal),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// What is proposed and was, newest first. What was agreed to is among the erasures.
#[utoipa::path(get, path = "/erasures/proposals", tag = "erasures", responses(
    (status = 200, body = ErasureProposalList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<ErasureProposalList>, ApiError> {
    let (grant, found) = api.lifecycle.erasure_proposals(&caller.op).await?;
    api.vault.hold_lease().await?;
    let (inner, now) = (api.clone(), api.clock.now());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for (proposal, extent) in found {
                    let details = inner.lifecycle.proposal_details(tx, &grant, &proposal).await?;
                    let about = match proposal.doomed.subject() {
                        Some(subject) => Some(names.subject(tx, subject).await?),
                        None => None,
                    };
                    let asked_by = names.person(tx, proposal.asked.0).await?;
                    let decided_by = match proposal.decided {
                        Some((by, _)) if by != PersonId::nil() => Some(names.person(tx, by).await?),
                        _ => None,
                    };
                    let is_open = proposal.is_open(now);
                    items.push(ErasureProposal {
                        id: proposal.id.to_string(),
                        kind: proposal.doomed.target().word().to_owned(),
                        target: match proposal.doomed.subject() {
                            Some(subject) => subject.to_string(),
                            None => proposal.organisation.to_string(),
                        },
                        about,
                        state: state(&proposal, now).to_owned(),
                        at_once: !matches!(proposal.doomed, Doomed::Organisation(Ending::AfterClosing)),
                        closes_at: proposal.closes_at().map(|at| at.to_string()),
                        asked_by,
                        asked_at: proposal.asked.1.to_string(),
                        ends_at: proposal.ends_at.to_string(),
                        alone: proposal.alone,
                        waits_for: is_open.then(|| waits_for(&proposal)),
                        shown: details.as_ref().map(|details| details.shown.into()),
                        reason: details.map(|details| details.reason),
                        now: extent.into(),
                        decided_by,
                        decided_at: proposal.decided.map(|(_, at)| at.to_string()),
                        entry: proposal.entry,
                    });
                }
                Ok(Json(ErasureProposalList { items }))
            })
        })
        .await
}

fn state(proposal: &Proposed, now: Timestamp) -> &'static str {
    match proposal.state {
        ProposalState::Waits if !proposal.is_open(now) => "over",
        state => state.word(),
    }
}

/// What came of agreeing.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgreedErasure {
    /// Where it is being erased.
    erasure: Option<Erasure>,
    /// When the organisation is erased that is closing from now on.
    #[schema(format = DateTime)]
    closes_at: Option<String>,
}

/// Agrees to what somebody else proposed: it is being erased from the answer on, or the organisation is closing. What would go
/// is said as it was shown; where there is more of it by now, by over a twentieth, it is to be looked at again.
#[utoipa::path(post, path = "/erasures/proposals/{proposal}/agree", tag = "erasures",
    params(("proposal" = String, Path)), request_body = Extent, responses(
    (status = 202, body = AgreedErasure), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn agree(
    State(api): State<Api>,
    At(proposal): At<ProposalId>,
    CallerWith(caller, shown): CallerWith<Extent>,
) -> Result<(StatusCode, Json<AgreedErasure>), ApiError> {
    let shown = Much { recordings: shown.recordings, people: shown.people };
    let answer = match api.lifecycle.agree_to_erasure(&caller.op, proposal, shown).await? {
        Agreed::Begun(erasure) => {
            AgreedErasure { erasure: Some(erasures::one(&api, *erasure).await?), closes_at: None }
        }
        Agreed::Closing(closes_at) => AgreedErasure { erasure: None, closes_at: Some(closes_at.to_string()) },
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclinedErasure {}

/// Refuses what somebody else proposed.
#[utoipa::path(post, path = "/erasures/proposals/{proposal}/refuse", tag = "erasures",
    params(("proposal" = String, Path)), request_body = DeclinedErasure, responses(
    (status = 204, description = "Refused"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn refuse(
    State(api): State<Api>,
    At(proposal): At<ProposalId>,
    CallerWith(caller, DeclinedErasure {}): CallerWith<DeclinedErasure>,
) -> Result<StatusCode, ApiError> {
    api.lifecycle.decline_erasure(&caller.op, proposal, ProposalChange::Refuse).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back what the caller proposed; or keeps an organisation that is closing, by whoever may erase it.
#[utoipa::path(post, path = "/erasures/proposals/{proposal}/withdraw", tag = "erasures",
    params(("proposal" = String, Path)), request_body = DeclinedErasure, responses(
    (status = 204, description = "Taken back"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    At(proposal): At<ProposalId>,
    CallerWith(caller, DeclinedErasure {}): CallerWith<DeclinedErasure>,
) -> Result<StatusCode, ApiError> {
    api.lifecycle.decline_erasure(&caller.op, proposal, ProposalChange::Withdraw).await?;
    Ok(StatusCode::NO_CONTENT)
}
