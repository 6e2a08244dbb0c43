//! The audit log: reading it, and checking its chain.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use clerestory_access::ReadAudit;
use clerestory_audit::{EntryFilter, Outcome};
use clerestory_model::{OrganisationId, PersonId, RecordingId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::caller::{Asked, Caller, Client};
use crate::dto::AuditItem;
use crate::export;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Entries of one answer at most.
const MOST: u32 = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only of this action.
    action: Option<String>,
    /// Only by this person or site.
    actor: Option<String>,
    /// Only with this outcome: `allowed`, `refused` or `failed`.
    #[param(value_type = Option<String>)]
    outcome: Option<Outcome>,
    /// Only about this recording, site, person or organisation.
    object: Option<String>,
    /// Only at or after.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only before.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// From the answer before.
    cursor: Option<u64>,
    /// At most this many, 50 unless said, 200 at most.
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    items: Vec<AuditItem>,
    next_cursor: Option<String>,
    head: Head,
}

/// The last entry of the chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct Head {
    number: u64,
    hash: String,
}

/// What a check of the chain found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    checked: u64,
    intact: bool,
    head: Head,
    /// The first entry that is missing, altered or does not follow the one before.
    first_break: Option<u64>,
}

fn head(head: clerestory_audit::Head) -> Head {
    Head { number: head.number, hash: hex::encode(head.hash) }
}

/// An id of any kind that entries name.
fn any_id(text: &str, field: &str) -> Result<[u8; 16], ApiError> {
    let person = text.parse::<PersonId>().map(|id| *id.as_bytes());
    let recording = || text.parse::<RecordingId>().map(|id| *id.as_bytes());
    let site = || text.parse::<SiteId>().map(|id| *id.as_bytes());
    let organisation = || text.parse::<OrganisationId>().map(|id| *id.as_bytes());
    person.or_else(|_| recording()).or_else(|_| site()).or_else(|_| organisation()).map_err(|_| {
        ApiError::malformed(
            field.to_owned(),
            "not an id of a person, recording, site or organisation".to_owned(),
        )
    })
}

/// Entries of the organisation's log, newest first; to managers those about who reports to them, unless a setting shows
/// them all.
#[utoipa::path(get, path = "/audit", tag = "audit", params(ListQuery), responses(
    (status = 200, body = AuditList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Client,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<AuditList>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let filter = EntryFilter {
        action: asked.action,
        actor: asked.actor.as_deref().map(|text| any_id(text, "actor")).transpose()?,
        outcome: asked.outcome,
        object: asked.object.as_deref().map(|text| any_id(text, "object")).transpose()?,
        from: asked.from,
        to: asked.to,
        before: asked.cursor,
        about: None,
        limit: limit + 1,
    };
    let grant = api.access.authorize::<ReadAudit>(&caller.op, caller.organisation(), None).await??;
    let filter = EntryFilter { about: Some(grant.rows().subjects), ..filter };
    api.vault.hold_lease().await?;
    let (inner, organisation) = (api.clone(), caller.organisation);
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let audit = inner.access.audit();
                let mut found = audit.list(tx, organisation, &filter).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let mut names = Names::new(&inner, &grant);
                let mut items = Vec::with_capacity(found.len());
                for entry in &found {
                    items.push(names.entry(tx, entry).await?);
                }
                let next_cursor = found.last().filter(|_| more).map(|last| last.number.to_string());
                Ok(Json(AuditList { items, next_cursor, head: head(audit.head(tx, organisation).await?) }))
            })
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Only at or after.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only before.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
}

/// The organisation's log as a zip file: entries as lines of JSON and as CSV, newest first, and the ledger's checkpoint. It
/// goes up to the entry that tells of this.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(ExportQuery), responses(
    (status = 200, description = "A zip file", content_type = "application/zip", body = Vec<u8>),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn export(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<ExportQuery>,
) -> Result<Response, ApiError> {
    export::log::send(api, caller, (asked.from, asked.to)).await
}

/// Recomputes every hash of the organisation's chain.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", responses(
    (status = 200, body = Verified), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn verify(State(api): State<Api>, caller: Client) -> Result<Json<Verified>, ApiError> {
    let _grant = api.access.authorize::<ReadAudit>(&caller.op, caller.organisation(), None).await??;
    let (audit, organisation) = (api.access.audit().clone(), caller.organisation);
    let report = api
        .database
        .read(move |tx| Box::pin(async move { audit.check_chain(tx, organisation).await }))
        .await?;
    Ok(Json(Verified {
        checked: report.checked,
        intact: report.first_break.is_none(),
        head: head(report.head),
        first_break: report.first_break,
    }))
}
