//! Sites: list, add, change, replace the key, and what arrives from them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clerestory_access::{ListSites, ReceiptsRef, WatchReceipts};
use clerestory_intake::{NewSite, Origin, SiteChange, SiteView};
use clerestory_model::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller, Client};
use crate::problem::{ApiError, Problem};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddSite {
    name: String,
    /// `https://shop.example`, or `http://localhost:3000` on this machine.
    origins: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeSite {
    name: Option<String>,
    origins: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Site {
    id: String,
    name: String,
    origins: Vec<String>,
    /// Public and write-only: it buys an ingest token and nothing else.
    site_key: String,
    policy_version: u64,
    /// base64url of the raw P-256 public key that policies are signed with; pinned by the snippet.
    policy_key: String,
    /// What goes into the head of every page.
    snippet: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    first_event_at: Option<String>,
    #[schema(format = DateTime)]
    last_event_at: Option<String>,
    recordings: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SiteList {
    items: Vec<Site>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReceiptQuery {
    /// `latest` of the answer before.
    after: Option<i64>,
}

/// A segment that arrived.
#[derive(Serialize, ToSchema)]
pub(crate) struct Receipt {
    n: i64,
    #[schema(format = DateTime)]
    at: String,
    recording: String,
    sequence: u64,
    /// Bytes of the events as they came, unpacked.
    bytes_in: u64,
    /// Sealed bytes on disk.
    bytes_stored: u64,
    /// Where they lie.
    stored_as: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptList {
    items: Vec<Receipt>,
    latest: i64,
}

pub(crate) fn snippet(console: &str, site_key: &str, policy_key: &str) -> String {
    format!(
        "<script src=\"{console}/capture/loader.js\" data-site=\"{site_key}\" data-key=\"{policy_key}\" async></script>"
    )
}

fn shown(api: &Api, site: SiteView) -> Site {
    Site {
        id: site.id.to_string(),
        snippet: snippet(&api.hosts.origins().console, &site.site_key, &site.policy_key),
        name: site.name,
        origins: site.origins,
        site_key: site.site_key,
        policy_version: site.policy_version,
        policy_key: site.policy_key,
        created_at: site.created_at.to_string(),
        first_event_at: site.first_event_at.map(|at| at.to_string()),
        last_event_at: site.last_event_at.map(|at| at.to_string()),
        recordings: site.recordings,
    }
}

fn name(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let fits = (1..=80).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let wrong = || {
        ApiError::malformed(
            "name".to_owned(),
            "a name has 1 to 80 characters and no control characters".to_owned(),
        )
    };
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn origins(texts: &[String]) -> Result<Vec<Origin>, ApiError> {
    if texts.is_empty() || texts.len() > 20 {
        return Err(ApiError::malformed("origins".to_owned(), "a site has 1 to 20 origins".to_owned()));
    }
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            text.parse().map_err(|error: clerestory_intake::OriginError| {
                ApiError::malformed(format!("origins[{at}]"), error.to_string())
            })
        })
        .collect()
}

/// The sites of the organisation.
#[utoipa::path(get, path = "/sites", tag = "sites", responses(
    (status = 200, body = SiteList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Client) -> Result<Json<SiteList>, ApiError> {
    let grant = api.access.authorize::<ListSites>(&caller.op, caller.organisation(), None).await??;
    let sites = api.intake.sites(grant).await?;
    Ok(Json(SiteList { items: sites.into_iter().map(|site| shown(&api, site)).collect(), next_cursor: None }))
}

/// Adds a site.
#[utoipa::path(post, path = "/sites", tag = "sites", request_body = AddSite, responses(
    (status = 201, body = Site), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn add(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<AddSite>,
) -> Result<Response, ApiError> {
    let new = NewSite { name: name(&asked.name)?, origins: origins(&asked.origins)? };
    let site = api.intake.add_site(&caller.op, caller.organisation(), new).await?;
    Ok((StatusCode::CREATED, Json(shown(&api, site))).into_response())
}

/// One site.
#[utoipa::path(get, path = "/sites/{site}", tag = "sites", params(("site" = String, Path)), responses(
    (status = 200, body = Site), (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
) -> Result<Json<Site>, ApiError> {
    let grant = api.access.authorize::<ListSites>(&caller.op, caller.organisation(), None).await??;
    let found = api.intake.sites(grant).await?.into_iter().find(|site| site.id == id);
    Ok(Json(shown(&api, found.ok_or_else(ApiError::not_found)?)))
}

/// Changes a site's name or origins.
#[utoipa::path(patch, path = "/sites/{site}", tag = "sites", request_body = ChangeSite,
    params(("site" = String, Path)), responses(
    (status = 200, body = Site), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn change(
    State(api): State<Api>,
    At(id): At<SiteId>,
    CallerWith(caller, asked): CallerWith<ChangeSite>,
) -> Result<Json<Site>, ApiError> {
    let change = SiteChange {
        name: asked.name.as_deref().map(name).transpose()?,
        origins: asked.origins.as_deref().map(origins).transpose()?,
        rotate_key: false,
    };
    let site = api.intake.change_site(&caller.op, caller.site(id), change).await?;
    Ok(Json(shown(&api, site)))
}

/// Replaces the site key: the old one is worthless at once.
#[utoipa::path(post, path = "/sites/{site}/key", tag = "sites", params(("site" = String, Path)), responses(
    (status = 200, body = Site), (status = 404, body = Problem)))]
pub(crate) async fn rotate_key(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
) -> Result<Json<Site>, ApiError> {
    let change = SiteChange { rotate_key: true, ..SiteChange::default() };
    let site = api.intake.change_site(&caller.op, caller.site(id), change).await?;
    Ok(Json(shown(&api, site)))
}

/// What arrived from a site, oldest first: asked every second by the set-up page.
#[utoipa::path(get, path = "/sites/{site}/receipts", tag = "sites",
    params(("site" = String, Path), ReceiptQuery), responses(
    (status = 200, body = ReceiptList), (status = 404, body = Problem)))]
pub(crate) async fn receipts(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
    Asked(asked): Asked<ReceiptQuery>,
) -> Result<Json<ReceiptList>, ApiError> {
    // Asked every second, so it rides on the entry of the sign-in: it opens nothing.
    let on = ReceiptsRef { organisation: caller.organisation, site: id, person: caller.person };
    let _grant = api.access.resume::<WatchReceipts>(&caller.op, on, caller.signed_in).await??;
    let after = asked.after.unwrap_or(0);
    let found = api.intake.receipts(id, Timestamp::from_micros(after)).await?;
    let items: Vec<Receipt> = found
        .into_iter()
        .map(|receipt| Receipt {
            n: receipt.segment.received_at.micros(),
            at: receipt.segment.received_at.to_string(),
            recording: receipt.recording.to_string(),
            sequence: receipt.segment.sequence,
            bytes_in: receipt.segment.sent_bytes,
            bytes_stored: receipt.segment.extent.length,
            stored_as: receipt.segment.extent.object,
        })
        .collect();
    let latest = items.last().map_or(after, |last| last.n);
    Ok(Json(ReceiptList { items, latest }))
}
