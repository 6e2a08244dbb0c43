//! Holds: what must not be erased, as two people decide.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{Action, Grant};
use clerestory_lifecycle::{Hold as Held, HoldChange, HoldDetails, HoldScope, HoldState, NewHold, REVIEW};
use clerestory_model::{HoldId, PersonId, RecordingId, SiteId, SubjectId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Characters of a matter and of a reason at most.
const MATTER_CHARS: usize = 200;
const REASON_CHARS: usize = 2000;
/// Days at most until somebody looks at a hold again.
const MOST_REVIEW_DAYS: u32 = 3660;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposedHold {
    scope: ProposedScope,
    /// The matter, as the organisation calls it; sealed.
    matter: String,
    /// Why what is covered is needed for it; sealed.
    reason: String,
    /// After how many days somebody is to look whether it is still needed; 90 unless said.
    review_days: Option<u32>,
}

/// What a hold is to cover, now and whatever comes to it.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum ProposedScope {
    /// One recording, by its id.
    #[schema(value_type = String)]
    Recording(RecordingId),
    /// Everything about a person or visitor, by the subject's id.
    #[schema(value_type = String)]
    Subject(SubjectId),
    /// Everything of a site, by its id.
    #[schema(value_type = String)]
    Site(SiteId),
    /// Everything of the organisation.
    Organisation,
}

/// A hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hold {
    id: String,
    /// `recording`, `subject`, `site` or `organisation`.
    scope: String,
    /// The id of what it covers.
    target: String,
    /// `proposed`, `standing`, `release_proposed`, `released` or `withdrawn`.
    state: String,
    matter: String,
    reason: String,
    /// When somebody is to look whether it is still needed.
    #[schema(format = DateTime)]
    review_at: String,
    proposed: Decision,
    placed: Option<Decision>,
    release_proposed: Option<Decision>,
    ended: Option<Decision>,
    /// When what is proposed happens by itself, because nobody else could confirm it.
    #[schema(format = DateTime)]
    happens_alone_at: Option<String>,
    /// Keys it pins.
    keys: u64,
}

/// Who decided something, and when.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decision {
    /// Nobody where time took the place of a second person.
    by: Option<PersonRef>,
    #[schema(format = DateTime)]
    at: String,
}

/// The holds of an organisation.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldList {
    items: Vec<Hold>,
}

/// The holds of the caller's organisation, newest first.
#[utoipa::path(get, path = "/holds", tag = "retention", responses(
    (status = 200, body = HoldList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<HoldList>, ApiError> {
    let (grant, holds) = api.lifecycle.holds(&caller.op).await?;
    Ok(Json(HoldList { items: shown(&api, grant, holds).await? }))
}

/// Proposes a hold. Nothing is held before another person confirms it.
#[utoipa::path(post, path = "/holds", tag = "retention", request_body = ProposedHold, responses(
    (status = 201, body = Hold), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn propose(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<ProposedHold>,
) -> Result<(StatusCode, Json<Hold>), ApiError> {
    let new = NewHold {
        scope: match asked.scope {
            ProposedScope::Recording(id) => HoldScope::Recording(id),
            ProposedScope::Subject(id) => HoldScope::Subject(id),
            ProposedScope::Site(id) => HoldScope::Site(id),
            ProposedScope::Organisation => HoldScope::Organisation,
        },
        details: HoldDetails {
            matter: told("matter", &asked.matter, MATTER_CHARS)?,
            reason: told("reason", &asked.reason, REASON_CHARS)?,
        },
        review: match asked.review_days {
            None => REVIEW,
            Some(days @ 1..=MOST_REVIEW_DAYS) => Duration::from_secs(24 * 3600).saturating_mul(days),
            Some(_) => {
                let message = format!("from 1 to {MOST_REVIEW_DAYS} days");
                return Err(ApiError::malformed("review_days".to_owned(), message));
            }
        },
    };
    let (grant, hold) = api.lifecycle.propose_hold(&caller.op, new).await?;
    Ok((StatusCode::CREATED, Json(one(&api, grant, hold).await?)))
}

fn told(field: &str, text: &str, most: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        let message = format!("say it in at most {most} characters");
        return Err(ApiError::malformed(field.to_owned(), message));
    }
    Ok(text.to_owned())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// In which state the hold was when it was looked at, as in its `state`; 409 where it is another by now.
    state: Option<String>,
}

impl Decide {
    fn seen(&self) -> Result<Option<HoldState>, ApiError> {
        let Some(word) = &self.state else { return Ok(None) };
        let known = HoldState::ALL.into_iter().find(|state| state.word() == word);
        known
            .map(Some)
            .ok_or_else(|| ApiError::malformed("state".to_owned(), "no hold is in this state".to_owned()))
    }
}

async fn change(
    api: &Api,
    caller: &Caller,
    id: HoldId,
    (change, decide): (HoldChange, Decide),
) -> Result<Json<Hold>, ApiError> {
    let (grant, hold) = api.lifecycle.change_hold(&caller.op, id, (change, decide.seen()?)).await?;
    Ok(Json(one(api, grant, hold).await?))
}

/// Confirms what another person proposed: the hold stands, or stands no more.
#[utoipa::path(post, path = "/holds/{hold}/confirm", tag = "retention", params(("hold" = String, Path)),
    request_body = Decide, responses((status = 200, body = Hold), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn confirm(
    State(api): State<Api>,
    At(hold): At<HoldId>,
    CallerWith(caller, asked): CallerWith<Decide>,
) -> Result<Json<Hold>, ApiError> {
    change(&api, &caller, hold, (HoldChange::Confirm, asked)).await
}

/// Takes back what was proposed about a hold.
#[utoipa::path(post, path = "/holds/{hold}/withdraw", tag = "retention", params(("hold" = String, Path)),
    request_body = Decide, responses((status = 200, body = Hold), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    At(hold): At<HoldId>,
    CallerWith(caller, asked): CallerWith<Decide>,
) -> Result<Json<Hold>, ApiError> {
    change(&api, &caller, hold, (HoldChange::Withdraw, asked)).await
}

/// Proposes that a hold stands no more. It stands until another person confirms that.
#[utoipa::path(post, path = "/holds/{hold}/release", tag = "retention", params(("hold" = String, Path)),
    request_body = Decide, responses((status = 200, body = Hold), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn release(
    State(api): State<Api>,
    At(hold): At<HoldId>,
    CallerWith(caller, asked): CallerWith<Decide>,
) -> Result<Json<Hold>, ApiError> {
    change(&api, &caller, hold, (HoldChange::Release, asked)).await
}

async fn one<A: Action>(api: &Api, grant: Grant<A>, hold: Held) -> Result<Hold, ApiError> {
    shown(api, grant, vec![hold]).await?.pop().ok_or_else(ApiError::not_found)
}

async fn shown<A: Action>(api: &Api, grant: Grant<A>, holds: Vec<Held>) -> Result<Vec<Hold>, ApiError> {
    api.vault.hold_lease().await?;
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(holds.len());
                for hold in holds {
                    let details = inner.lifecycle.hold_details(tx, &grant, &hold).await?;
                    let mut decisions = Vec::new();
                    for by in [Some(hold.proposed), hold.placed, hold.release, hold.ended] {
                        decisions.push(match by {
                            None => None,
                            Some((person, at)) => Some(decision(&mut names, tx, person, at).await?),
                        });
                    }
                    let mut decisions = decisions.into_iter();
                    let mut next = || decisions.next().flatten();
                    let (proposed, placed, release_proposed, ended) = (next(), next(), next(), next());
                    items.push(Hold {
                        id: hold.id.to_string(),
                        scope: hold.scope.word().to_owned(),
                        target: match hold.scope {
                            HoldScope::Recording(id) => id.to_string(),
                            HoldScope::Subject(id) => id.to_string(),
                            HoldScope::Site(id) => id.to_string(),
                            HoldScope::Organisation => hold.organisation.to_string(),
                        },
                        state: hold.state.word().to_owned(),
                        matter: details.matter,
                        reason: details.reason,
                        review_at: hold.review_at.to_string(),
                        proposed: proposed.ok_or_else(ApiError::not_found)?,
                        placed,
                        release_proposed,
                        ended,
                        happens_alone_at: hold.alone_until.map(|at| at.to_string()),
                        keys: hold.keys,
                    });
                }
                Ok(items)
            })
        })
        .await
}

async fn decision<A: Action>(
    names: &mut Names<'_, A>,
    tx: &mut clerestory_sql::Tx,
    person: PersonId,
    at: Timestamp,
) -> Result<Decision, ApiError> {
    let by = match person == PersonId::nil() {
        true => None,
        false => Some(names.person(tx, person).await?),
    };
    Ok(Decision { by, at: at.to_string() })
}
