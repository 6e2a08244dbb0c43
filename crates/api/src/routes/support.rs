//! Help from outside: letting somebody in for a time, seeing who is in and what they do, and showing them out.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{
    Action, Grant, ReadSupport, ReadSupportActs, RefreshSupport, RefreshSupportActs, SupportRef,
};
use clerestory_audit::EntryFilter;
use clerestory_identity::{Identity, NewSupport, Supporter};
use clerestory_model::{PersonId, SupportGrantId};
use clerestory_sql::Tx;
use clerestory_store::people::{self, PersonState};
use clerestory_store::support::{self as rows, SupportGrant};
use clerestory_store::tree::{self, NodeId, NodeName};
use clerestory_vault::OpenError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::people::{email, name};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::{AuditItem, NamedRef, PersonRef};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Grants and entries of one answer at most.
const MOST: u32 = 100;
/// Characters of a reason at most.
const REASON_CHARS: usize = 500;
/// Hours that a grant lasts where nothing is said, and at most.
const HOURS: u32 = 24;
const MOST_HOURS: u32 = 7 * 24;

/// Somebody to be let in: `person` where they were before, `name` and `email` where they are new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LetIn {
    /// A supporter who was let in before.
    #[schema(value_type = Option<String>)]
    person: Option<PersonId>,
    name: Option<String>,
    email: Option<String>,
    /// The actions they may do: of those that the list offers.
    rights: Vec<String>,
    /// The domain, project or team where alone they may; recordings can be lent so, and nothing else.
    #[schema(value_type = Option<String>)]
    node: Option<String>,
    /// Why; sealed.
    reason: String,
    /// For how many hours, from now on: 24 unless said, 168 at most.
    hours: Option<u32>,
}

/// What was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeSupportGrant {
    id: String,
    /// Whom it lets in.
    person: String,
    #[schema(format = DateTime)]
    ends_at: String,
    /// The link they come by, where they have not come before and no mail takes it to them. It is shown this once and
    /// works once: give it to nobody else.
    link: Option<String>,
    /// When they can come by an invitation no more.
    #[schema(format = DateTime)]
    invited_until: Option<String>,
}

/// A grant: who is let in, to what, and for how long.
#[derive(Serialize, ToSchema)]
pub(crate) struct SupportItem {
    id: String,
    /// Whom it lets in.
    person: PersonRef,
    /// Whether they have taken up their invitation.
    came: bool,
    /// The actions it lends, as far as whoever made it may do them.
    rights: Vec<String>,
    /// Where alone.
    node: Option<NamedRef>,
    /// Why; nothing where it cannot be opened any more.
    reason: Option<String>,
    made_by: PersonRef,
    #[schema(format = DateTime)]
    begins_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    /// When it was ended before that.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    ended_by: Option<PersonRef>,
    running: bool,
}

/// Who is and was let in, the last first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SupportList {
    items: Vec<SupportItem>,
    next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    entry: u64,
    /// The actions that the caller could let a supporter do.
    lendable: Vec<String>,
}

/// What somebody did who was let in, the last first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SupportActs {
    items: Vec<AuditItem>,
    next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    entry: u64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SupportQuery {
    /// Only those that run.
    running: Option<bool>,
    /// The `entry` of an answer you were given in the last quarter of an hour: this one rides on it, and makes no entry of
    /// its own. For a page that refreshes itself.
    continues: Option<u64>,
    /// From the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<SupportGrantId>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActsQuery {
    /// As for the list of grants.
    continues: Option<u64>,
    /// From the answer before.
    cursor: Option<u64>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

/// Lets somebody from outside in, for a time. They may do what is said here, never more than whoever lets them in, and
/// everything they do is on record. Somebody new is invited by a link that works once.
#[utoipa::path(post, path = "/support-grants", tag = "people", request_body = LetIn, responses(
    (status = 201, body = MadeSupportGrant), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn make(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<LetIn>,
) -> Result<(StatusCode, Json<MadeSupportGrant>), ApiError> {
    let new = read(asked)?;
    let console = &api.hosts.origins().console;
    let made = api.identity.grant_support(&caller.op, caller.organisation(), new, console).await?;
    let (link, until) = match made.invited {
        Some(invited) => (invited.link, Some(invited.expires_at.to_string())),
        None => (None, None),
    };
    let made = MadeSupportGrant {
        id: made.id.to_string(),
        person: made.person.to_string(),
        ends_at: made.ends_at.to_string(),
        link,
        invited_until: until,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

fn read(asked: LetIn) -> Result<NewSupport, ApiError> {
    let wrong = |path: &str, message: String| ApiError::malformed(path.to_owned(), message);
    let supporter = match (asked.person, asked.name, asked.email) {
        (Some(person), None, None) => Supporter::Known(person),
        (None, Some(called), Some(address)) => {
            Supporter::New { name: name("name", &called)?, email: email(&address)? }
        }
        _ => {
            let message = "say `person`, or `name` and `email` of somebody new".to_owned();
            return Err(wrong("person", message));
        }
    };
    let reason = asked.reason.trim().to_owned();
    if !(1..=REASON_CHARS).contains(&reason.chars().count()) {
        return Err(wrong("reason", format!("a reason has 1 to {REASON_CHARS} characters")));
    }
    let hours = asked.hours.unwrap_or(HOURS);
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(wrong("hours", format!("a grant lasts 1 to {MOST_HOURS} hours")));
    }
    let node = asked.node.map(|text| text.parse::<NodeId>()).transpose();
    Ok(NewSupport {
        supporter,
        rights: asked.rights,
        node: node.map_err(|error| wrong("node", error.to_string()))?,
        reason,
        lasts: Duration::from_secs(u64::from(hours) * 3600),
    })
}

/// Who is let in and who was; supporters see what lets themselves in.
#[utoipa::path(get, path = "/support-grants", tag = "people", params(SupportQuery), responses(
    (status = 200, body = SupportList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<SupportQuery>,
) -> Result<Json<SupportList>, ApiError> {
    let on = caller.organisation();
    match asked.continues {
        None => {
            let grant = api.access.authorize::<ReadSupport>(&caller.op, on, None).await??;
            answer(api, caller, asked, grant).await
        }
        Some(entry) => {
            let grant = api.access.resume::<RefreshSupport>(&caller.op, on, entry).await??;
            answer(api, caller, asked, grant).await
        }
    }
}

async fn answer<A: Action>(
    api: Api,
    caller: Caller,
    asked: SupportQuery,
    grant: Grant<A>,
) -> Result<Json<SupportList>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let now = caller.op.at;
    let running_at = asked.running.unwrap_or_default().then_some(now);
    let filter = rows::Filter { running_at, after: asked.cursor, limit: limit + 1 };
    api.vault.hold_lease().await?;
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut found = rows::list(tx, grant.rows(), filter).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|last| last.id.to_string());
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for row in found {
                    let running = row.runs(now);
                    items
                        .push(SupportItem { running, ..shown(&inner, tx, (&grant, &mut names), row).await? });
                }
                let lendable = inner.access.lendable(tx, &caller.op).await?;
                Ok(Json(SupportList { items, next_cursor, entry: grant.entry(), lendable }))
            })
        })
        .await
}

async fn shown<A: Action>(
    api: &Api,
    tx: &mut Tx,
    (grant, names): (&Grant<A>, &mut Names<'_, A>),
    row: SupportGrant,
) -> Result<SupportItem, ApiError> {
    let reason = match api.vault.open(tx, grant, &row.reason).await {
        Ok(reason) => Some(reason.0),
        Err(OpenError::Erased) => None,
        Err(error) => return Err(error.into()),
    };
    let node = match row.node {
        Some(id) => Some(NamedRef { id: id.to_string(), name: node_name(api, tx, grant, id).await? }),
        None => None,
    };
    let ended_by = match row.ended.and_then(|ended| ended.by) {
        Some(by) => Some(names.person(tx, by).await?),
        None => None,
    };
    let came = people::find(tx, row.person).await?.is_some_and(|person| person.state != PersonState::Invited);
    Ok(SupportItem {
        id: row.id.to_string(),
        person: names.person(tx, row.person).await?,
        came,
        rights: row.actions().map(str::to_owned).collect(),
        node,
        reason,
        made_by: names.person(tx, row.made_by).await?,
        begins_at: row.begins_at.to_string(),
        ends_at: row.ends_at.to_string(),
        ended_at: row.ended.map(|ended| ended.at.to_string()),
        ended_by,
        running: false,
    })
}

async fn node_name<A: Action>(
    api: &Api,
    tx: &mut Tx,
    grant: &Grant<A>,
    id: NodeId,
) -> Result<String, ApiError> {
    let Some(node) = tree::find(tx, id).await? else { return Ok("A part no longer here".to_owned()) };
    Ok(match &node.name {
        NodeName::Domain(name) => api.vault.open(tx, grant, name).await?.0,
        NodeName::Project(name) => api.vault.open(tx, grant, name).await?.0,
        NodeName::Team(name) => api.vault.open(tx, grant, name).await?.0,
    })
}

/// Shows somebody out now: nothing more is answered to them under this grant.
#[utoipa::path(post, path = "/support-grants/{grant}/end", tag = "people", params(("grant" = String, Path)), responses(
    (status = 204, description = "It has ended"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SupportGrantId>,
) -> Result<StatusCode, ApiError> {
    api.identity.end_support(&caller.op, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody did and tried since this grant let them in, until the next one did.
#[utoipa::path(get, path = "/support-grants/{grant}/acts", tag = "people", params(("grant" = String, Path), ActsQuery),
    responses((status = 200, body = SupportActs), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn acts(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SupportGrantId>,
    Asked(asked): Asked<ActsQuery>,
) -> Result<Json<SupportActs>, ApiError> {
    let organisation = caller.organisation;
    let on = api
        .database
        .read(move |tx| Box::pin(async move { Identity::support_ref(tx, organisation, id).await }))
        .await?;
    match asked.continues {
        None => {
            let grant = api.access.authorize::<ReadSupportActs>(&caller.op, on, None).await??;
            acts_under(api, on, asked, grant).await
        }
        Some(entry) => {
            let grant = api.access.resume::<RefreshSupportActs>(&caller.op, on, entry).await??;
            acts_under(api, on, asked, grant).await
        }
    }
}

async fn acts_under<A: Action>(
    api: Api,
    on: SupportRef,
    asked: ActsQuery,
    grant: Grant<A>,
) -> Result<Json<SupportActs>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    api.vault.hold_lease().await?;
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let row = rows::find(tx, on.id).await?.ok_or_else(ApiError::not_found)?;
                let filter = EntryFilter {
                    actor: Some(*row.person.as_bytes()),
                    from: Some(row.begins_at),
                    to: rows::next_of(tx, row.person, row.begins_at).await?,
                    before: asked.cursor,
                    limit: limit + 1,
                    ..EntryFilter::default()
                };
                let mut found = inner.access.audit().list(tx, on.organisation, &filter).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|last| last.number.to_string());
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for entry in &found {
                    items.push(names.entry(tx, entry).await?);
                }
                Ok(Json(SupportActs { items, next_cursor, entry: grant.entry() }))
            })
        })
        .await
}
