//! What was said of settings before, and going back to it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use clerestory_access::ReadSettings;
use clerestory_lifecycle::Intended;
use clerestory_settings::tree::{Level, Node, Values};
use clerestory_store::settings as rows;
use clerestory_vault::OpenError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{SettingPlace, SettingsVersion, Told, based_on, confirmed, place, said, tagged};
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::PersonRef;
use crate::problem::{ApiError, Problem};

/// Versions in one answer.
const PAGE: u32 = 50;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BeforeQuery {
    /// Only versions with a smaller number.
    before: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BetweenQuery {
    /// The earlier version; 0 is before anything was said.
    from: u64,
    /// The later version. Without one, what holds now.
    to: Option<u64>,
}

/// One time that something was said.
#[derive(Serialize, ToSchema)]
struct PastSaying {
    version: u64,
    place: SettingPlace,
    /// What was said; none where it was unset, or cannot be read.
    value: Option<serde_json::Value>,
    lock: Option<String>,
    /// Whether it can be read.
    readable: bool,
    #[schema(format = DateTime)]
    set_at: String,
    set_by: Option<PersonRef>,
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingHistory {
    /// Newest first.
    items: Vec<PastSaying>,
    /// What to ask `before` for the next page, if there is one.
    next_before: Option<u64>,
}

/// What a place says of a setting in one version and in another.
#[derive(Serialize, ToSchema)]
struct SettingDifference {
    place: SettingPlace,
    name: String,
    before: Option<serde_json::Value>,
    before_lock: Option<String>,
    after: Option<serde_json::Value>,
    after_lock: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingDifferences {
    from: u64,
    to: u64,
    items: Vec<SettingDifference>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBackSettings {
    /// The version whose values are to hold again.
    version: u64,
    reason: Option<String>,
    /// Where something would be kept for a shorter time: how many recordings that makes due at once, as it was shown.
    confirms: Option<u64>,
}

/// What was said of a setting in the organisation, newest first.
#[utoipa::path(get, path = "/settings/{name}/history", tag = "settings", params(("name" = String, Path), BeforeQuery),
    responses((status = 200, body = SettingHistory), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn history(
    State(api): State<Api>,
    caller: Caller,
    At(name): At<String>,
    Asked(asked): Asked<BeforeQuery>,
) -> Result<Json<SettingHistory>, ApiError> {
    api.vault.hold_lease().await?;
    let grant = api.access.authorize::<ReadSettings>(&caller.op, caller.organisation(), None).await??;
    if api.access.settings().registry().find(&name).is_none() {
        return Err(ApiError::not_found());
    }
    let (inner, organisation) = (api.clone(), caller.organisation);
    let history = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut told = Told::new(&inner, organisation, Some(&grant));
                let mut items = Vec::new();
                let found = rows::of_name(tx, organisation, &name, asked.before, PAGE).await?;
                let next_before = (found.len() == PAGE as usize).then(|| found.last().map(|row| row.version));
                for row in found {
                    let kept = match row.sealed_value() {
                        Ok(sealed) => match inner.vault.open(tx, &grant, &sealed).await {
                            Ok(kept) => Some(kept),
                            Err(OpenError::Value { .. } | OpenError::Erased) => None,
                            Err(error) => return Err(error.into()),
                        },
                        Err(_) => None,
                    };
                    let readable = kept.is_some();
                    let (value, lock) = kept.map_or((None, None), |kept| (kept.value, Some(kept.lock)));
                    let node = Level::from_number(row.level).map(|level| Node { level, id: row.node });
                    items.push(PastSaying {
                        version: row.version,
                        place: place(node.unwrap_or(Node::DEPLOYMENT)),
                        value,
                        lock,
                        readable,
                        set_at: row.set_at.to_string(),
                        set_by: told.setter(tx, &row).await?,
                        reason: told.reason(tx, &row).await?,
                    });
                }
                Ok::<_, ApiError>(SettingHistory { items, next_before: next_before.flatten() })
            })
        })
        .await?;
    Ok(Json(history))
}

/// What the organisation said in one version of its settings and in another.
#[utoipa::path(get, path = "/settings/changes", tag = "settings", params(BetweenQuery), responses(
    (status = 200, body = SettingDifferences), (status = 403, body = Problem)))]
pub(crate) async fn changes(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<BetweenQuery>,
) -> Result<Json<SettingDifferences>, ApiError> {
    api.vault.hold_lease().await?;
    let _grant = api.access.authorize::<ReadSettings>(&caller.op, caller.organisation(), None).await??;
    let (inner, organisation) = (api.clone(), caller.organisation);
    let found = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let settings = inner.access.settings();
                let now = settings.known(tx, organisation).await?.version();
                let to = asked.to.unwrap_or(now).min(now);
                let from = asked.from.min(now);
                let before = settings.known_then(tx, organisation, from).await?;
                let after = settings.known_then(tx, organisation, to).await?;
                let items = clerestory_access::settings::differences(before.values(), after.values());
                let items = items
                    .into_iter()
                    .map(|(node, name)| difference((before.values(), after.values()), node, name));
                Ok::<_, ApiError>(SettingDifferences { from, to, items: items.collect() })
            })
        })
        .await?;
    Ok(Json(found))
}

fn difference((one, other): (&Values, &Values), node: Node, name: String) -> SettingDifference {
    let (before, before_lock) = said(one.of(node, &name));
    let (after, after_lock) = said(other.of(node, &name));
    SettingDifference { place: place(node), name, before, before_lock, after, after_lock }
}

/// Goes back to how the organisation's settings stood at a version: what was said then is said again, in new versions.
#[utoipa::path(post, path = "/settings/rollback", tag = "settings", request_body = RollBackSettings, params(
    ("If-Match" = String, Header, description = "The ETag of the settings it is based on.")),
    responses((status = 200, body = SettingsVersion), (status = 403, body = Problem), (status = 412, body = Problem),
    (status = 422, body = Problem), (status = 428, body = Problem)))]
pub(crate) async fn roll_back(
    State(api): State<Api>,
    headers: HeaderMap,
    CallerWith(caller, asked): CallerWith<RollBackSettings>,
) -> Result<Response, ApiError> {
    let version = based_on(&headers)?;
    confirmed(&api, &caller, Intended::Back(asked.version), asked.confirms).await?;
    let version = api.access.say_again(&caller.op, asked.version, asked.reason, version).await??;
    Ok(tagged(version, Json(SettingsVersion { version })))
}
