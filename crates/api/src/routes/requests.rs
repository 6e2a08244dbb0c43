//! What recorded people ask for about their own data, and what becomes of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use clerestory_access::{Action, Grant};
use clerestory_lifecycle::{Followed, RequestKind};
use clerestory_model::{PersonId, RequestId, SubjectId, Timestamp};
use clerestory_store::organisations;
use clerestory_store::people::{self, PersonState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::{PersonRef, SubjectRef};
use crate::export;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Characters of what is said about a request at most.
const WORDS_CHARS: usize = 2000;

/// What is asked for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// To see what is held: done at once.
    Access,
    /// To have it as a file, with what recordings show.
    Export,
    /// That it be erased, with the account.
    Erase,
    /// That what was recorded be erased; the account stays.
    #[serde(rename = "erase_recordings")]
    EraseRecordings,
}

impl From<Wanted> for RequestKind {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Access => Self::Access,
            Wanted::Export => Self::Export,
            Wanted::Erase => Self::Erase,
            Wanted::EraseRecordings => Self::EraseRecordings,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedRequest {
    kind: Wanted,
    /// Whatever is to be said about it; sealed under the asker's own key.
    words: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnteredRequest {
    /// About whom, by the subject's id: a visitor, or somebody who cannot ask here themselves.
    #[schema(value_type = String)]
    subject: SubjectId,
    kind: Wanted,
    /// How it came, and from whom; sealed under the subject's own key.
    words: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fulfilment {
    /// What whoever asked is told.
    answer: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToldReason {
    /// Why; whoever asked reads it.
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakeBack {}

/// How far the erasure is that a request asked for.
#[derive(Serialize, ToSchema)]
struct RequestErasure {
    id: String,
    /// `restricted`, `purge_queued`, `shredded` or `verified`.
    state: String,
    /// What that means, in plain words.
    means: String,
}

/// A request.
#[derive(Serialize, ToSchema)]
pub(crate) struct Request {
    id: String,
    /// `access`, `export`, `erase` or `erase_recordings`.
    kind: String,
    /// `open`, `done`, `declined` or `withdrawn`.
    state: String,
    about: SubjectRef,
    asked_by: PersonRef,
    #[schema(format = DateTime)]
    asked_at: String,
    /// By when it is to be answered.
    #[schema(format = DateTime)]
    due_at: String,
    /// Whether that is over, and it was not answered.
    overdue: bool,
    /// What whoever asked wrote.
    words: Option<String>,
    /// When it was said that the answer takes two months longer.
    #[schema(format = DateTime)]
    extended_at: Option<String>,
    extension_reason: Option<String>,
    /// Nobody where it was done at once.
    decided_by: Option<PersonRef>,
    #[schema(format = DateTime)]
    decided_at: Option<String>,
    /// What whoever asked was told; why, where it was declined.
    answer: Option<String>,
    /// Until when what was asked for can be had.
    #[schema(format = DateTime)]
    available_until: Option<String>,
    /// Whether whom it is about can sign in, and so has it in their own My data alone.
    theirs_alone: bool,
    erasure: Option<RequestErasure>,
}

/// Requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestList {
    items: Vec<Request>,
}

fn said(field: &str, text: &str) -> Result<Option<String>, ApiError> {
    let text = text.trim();
    if text.chars().count() > WORDS_CHARS {
        let message = format!("say it in at most {WORDS_CHARS} characters");
        return Err(ApiError::malformed(field.to_owned(), message));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn reason(text: &str) -> Result<String, ApiError> {
    let missing = || ApiError::malformed("reason".to_owned(), "whoever asked is told why".to_owned());
    said("reason", text)?.ok_or_else(missing)
}

/// What the caller asked for, newest first.
#[utoipa::path(get, path = "/my/requests", tag = "requests", responses(
    (status = 200, body = RequestList), (status = 401, body = Problem)))]
pub(crate) async fn mine(State(api): State<Api>, caller: Caller) -> Result<Json<RequestList>, ApiError> {
    let (grant, found) = api.lifecycle.own_requests(&caller.op).await?;
    Ok(Json(RequestList { items: shown(&api, grant, found).await? }))
}

/// Asks for one's own data, or that it be erased. Asking again for what is open, or can be had still, gives that request.
#[utoipa::path(post, path = "/my/requests", tag = "requests", request_body = AskedRequest, responses(
    (status = 201, body = Request), (status = 401, body = Problem), (status = 410, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn ask(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<AskedRequest>,
) -> Result<(StatusCode, Json<Request>), ApiError> {
    let words = said("words", asked.words.as_deref().unwrap_or_default())?;
    let (grant, request) = api.lifecycle.ask_for_oneself(&caller.op, asked.kind.into(), words).await?;
    Ok((StatusCode::CREATED, Json(one(&api, grant, request).await?)))
}

/// Takes back what one asked for.
#[utoipa::path(post, path = "/my/requests/{request}/withdraw", tag = "requests", params(("request" = String, Path)),
    request_body = TakeBack, responses((status = 200, body = Request), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    At(id): At<RequestId>,
    CallerWith(caller, TakeBack {}): CallerWith<TakeBack>,
) -> Result<Json<Request>, ApiError> {
    let (grant, request) = api.lifecycle.withdraw_request(&caller.op, id).await?;
    Ok(Json(one(&api, grant, request).await?))
}

/// What was asked for, as a zip file that opens as a page: made while it is sent, of what is held at that moment. For
/// `access` it says what is held, for `export` it has what recordings show too, as far as the caller may watch them.
#[utoipa::path(get, path = "/my/requests/{request}/export", tag = "requests", params(("request" = String, Path)),
    responses((status = 200, description = "A zip file", content_type = "application/zip", body = Vec<u8>),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 410, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn export(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RequestId>,
) -> Result<Response, ApiError> {
    export::send(api, caller, id).await
}

/// The same for a visitor, or somebody without an account, to be handed on to them.
#[utoipa::path(get, path = "/requests/{request}/export", tag = "requests", params(("request" = String, Path)),
    responses((status = 200, description = "A zip file", content_type = "application/zip", body = Vec<u8>),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 410, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn export_for(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RequestId>,
) -> Result<Response, ApiError> {
    export::send(api, caller, id).await
}

/// What was asked for in the caller's organisation: what waits first, that which is due soonest at the top; then what was
/// answered, newest first.
#[utoipa::path(get, path = "/requests", tag = "requests", responses(
    (status = 200, body = RequestList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<RequestList>, ApiError> {
    let (grant, found) = api.lifecycle.requests(&caller.op).await?;
    Ok(Json(RequestList { items: shown(&api, grant, found).await? }))
}

/// Enters what somebody asked for who cannot ask here themselves.
#[utoipa::path(post, path = "/requests", tag = "requests", request_body = EnteredRequest, responses(
    (status = 201, body = Request), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 410, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn enter(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<EnteredRequest>,
) -> Result<(StatusCode, Json<Request>), ApiError> {
    let words = said("words", asked.words.as_deref().unwrap_or_default())?;
    let new = (asked.subject, asked.kind.into());
    let (grant, request) = api.lifecycle.enter_request(&caller.op, new, words).await?;
    Ok((StatusCode::CREATED, Json(one(&api, grant, request).await?)))
}

/// Does what was asked for. What is to be had can be had for seven days; what is to be erased is being erased from the answer
/// on, and the request is done with its receipt.
#[utoipa::path(post, path = "/requests/{request}/fulfil", tag = "requests", params(("request" = String, Path)),
    request_body = Fulfilment, responses((status = 200, body = Request), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn fulfil(
    State(api): State<Api>,
    At(id): At<RequestId>,
    CallerWith(caller, asked): CallerWith<Fulfilment>,
) -> Result<Json<Request>, ApiError> {
    let answer = said("answer", asked.answer.as_deref().unwrap_or_default())?;
    let (grant, request) = api.lifecycle.fulfil_request(&caller.op, id, answer).await?;
    Ok(Json(one(&api, grant, request).await?))
}

/// Declines what was asked for, with a reason that whoever asked reads.
#[utoipa::path(post, path = "/requests/{request}/decline", tag = "requests", params(("request" = String, Path)),
    request_body = ToldReason, responses((status = 200, body = Request), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn decline(
    State(api): State<Api>,
    At(id): At<RequestId>,
    CallerWith(caller, asked): CallerWith<ToldReason>,
) -> Result<Json<Request>, ApiError> {
    let (grant, request) = api.lifecycle.decline_request(&caller.op, id, reason(&asked.reason)?).await?;
    Ok(Json(one(&api, grant, request).await?))
}

/// Takes two months longer to answer, once, with a reason that whoever asked reads.
#[utoipa::path(post, path = "/requests/{request}/extend", tag = "requests", params(("request" = String, Path)),
    request_body = ToldReason, responses((status = 200, body = Request), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn extend(
    State(api): State<Api>,
    At(id): At<RequestId>,
    CallerWith(caller, asked): CallerWith<ToldReason>,
) -> Result<Json<Request>, ApiError> {
    let (grant, request) = api.lifecycle.extend_request(&caller.op, id, reason(&asked.reason)?).await?;
    Ok(Json(one(&api, grant, request).await?))
}

async fn one<A: Action>(api: &Api, grant: Grant<A>, request: Followed) -> Result<Request, ApiError> {
    shown(api, grant, vec![request]).await?.pop().ok_or_else(ApiError::not_found)
}

async fn shown<A: Action>(
    api: &Api,
    grant: Grant<A>,
    found: Vec<Followed>,
) -> Result<Vec<Request>, ApiError> {
    api.vault.hold_lease().await?;
    let (inner, now) = (api.clone(), api.clock.now());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for followed in found {
                    let request = &followed.request;
                    let about = names.subject(tx, request.subject).await?;
                    let asked_by = names.person(tx, request.asked_by).await?;
                    let decided_by = match request.decided {
                        Some((by, _)) if by != PersonId::nil() => Some(names.person(tx, by).await?),
                        _ => None,
                    };
                    let (person, _) = organisations::person_of_subject(tx, request.subject).await?;
                    let known = match person {
                        Some(person) => people::find(tx, person).await?,
                        None => None,
                    };
                    let theirs = known.is_some_and(|known| known.state == PersonState::Active);
                    items.push(item(followed, (about, asked_by, decided_by), (theirs, now)));
                }
                Ok(items)
            })
        })
        .await
}

fn item(
    followed: Followed,
    (about, asked_by, decided_by): (SubjectRef, PersonRef, Option<PersonRef>),
    (theirs_alone, now): (bool, Timestamp),
) -> Request {
    let Followed { request, words, erasure } = followed;
    Request {
        id: request.id.to_string(),
        kind: request.kind.word().to_owned(),
        state: request.state.word().to_owned(),
        about,
        asked_by,
        asked_at: request.asked_at.to_string(),
        due_at: request.due_at.to_string(),
        overdue: request.is_overdue(now),
        words: words.asked,
        extended_at: request.extended.map(|(_, at)| at.to_string()),
        extension_reason: words.extension,
        decided_by,
        decided_at: request.decided.map(|(_, at)| at.to_string()),
        answer: words.answer,
        available_until: request.available_until.map(|at| at.to_string()),
        theirs_alone,
        erasure: erasure.map(|erasure| RequestErasure {
            id: erasure.id.to_string(),
            state: erasure.step.word().to_owned(),
            means: means(erasure.step.word()).to_owned(),
        }),
    }
}

/// What the state of an erasure means for whom it is about.
fn means(state: &str) -> &'static str {
    match state {
        "restricted" => {
            "It was decided, and a legal hold keeps it for now: nobody sees it, nothing of it is used, and it is erased \
             with the first sweep after the hold was released."
        }
        "purge_queued" => "It was decided. Nobody sees it any more; its keys are being destroyed.",
        "shredded" => {
            "Its keys are destroyed: nobody can read it any more. What is left of the bytes is being removed."
        }
        _ => "A check found nothing of it. The receipt is with those who answered.",
    }
}
