//! What a change of settings, or a move in the tree, would make other.

use axum::Json;
use axum::extract::State;
use clerestory_access::ReadSettings;
use clerestory_access::settings::Saying;
use clerestory_settings::tree::{Change, Effect, Level};
use clerestory_store::settings as rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SettingPlace, lock, node, place, present};
use crate::Api;
use crate::bodies::CallerWith;
use crate::problem::{ApiError, Problem};

/// A change to be thought through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckSetting {
    name: String,
    /// The place: `org_…`, `dom_…`, `prj_…` or `tea_…`. Without one, the organisation.
    node: Option<String>,
    /// The value; `null` to say nothing any more.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    value: Option<serde_json::Value>,
    /// `none`, `floor`, `ceiling` or `fixed`. Without one, `none`.
    lock: Option<String>,
}

/// A move to be thought through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckMove {
    /// What is moved: `prj_…`, `tea_…`, or `per_…` for a person.
    node: String,
    /// Where it will hang. Without one, from the organisation itself.
    to: Option<String>,
}

/// A setting that would say something else at a place.
#[derive(Serialize, ToSchema)]
struct SettingEffect {
    place: SettingPlace,
    name: String,
    before: serde_json::Value,
    after: serde_json::Value,
    /// Whether that protects less.
    looser: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingEffects {
    /// Whether anything would protect less.
    loosens: bool,
    items: Vec<SettingEffect>,
}

/// What saying something would make other, here and below; nothing of it is said.
#[utoipa::path(post, path = "/settings/check", tag = "settings", request_body = CheckSetting, responses(
    (status = 200, body = SettingEffects), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn check(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<CheckSetting>,
) -> Result<Json<SettingEffects>, ApiError> {
    let change = Saying {
        node: node(&caller, asked.node.as_deref())?,
        name: asked.name,
        value: asked.value,
        lock: lock(asked.lock.as_deref())?,
        reason: None,
    };
    api.vault.hold_lease().await?;
    let _grant = api.access.authorize::<ReadSettings>(&caller.op, caller.organisation(), None).await??;
    let (inner, organisation) = (api.clone(), caller.organisation);
    let found = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                Ok::<_, ApiError>(inner.access.think_through(tx, organisation, change).await??)
            })
        })
        .await?;
    Ok(Json(found.into()))
}

/// What hanging a project, a team or a person from another place would make other there and below; nothing is moved.
#[utoipa::path(post, path = "/settings/check-move", tag = "settings", request_body = CheckMove, responses(
    (status = 200, body = SettingEffects), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn check_move(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<CheckMove>,
) -> Result<Json<SettingEffects>, ApiError> {
    let (moved, to) = (node(&caller, Some(&asked.node))?, node(&caller, asked.to.as_deref())?);
    let fits = match moved.level {
        Level::Project => matches!(to.level, Level::Organisation | Level::Domain),
        Level::Team => to.level == Level::Project,
        Level::User => matches!(to.level, Level::Organisation | Level::Team),
        Level::Deployment | Level::Organisation | Level::Domain => false,
    };
    if !fits {
        let message =
            "a project hangs from a domain or the organisation, a team from a project, a person from a team";
        return Err(ApiError::malformed("to".to_owned(), message.to_owned()));
    }
    api.vault.hold_lease().await?;
    let _grant = api.access.authorize::<ReadSettings>(&caller.op, caller.organisation(), None).await??;
    let (inner, organisation) = (api.clone(), caller.organisation);
    let found = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                for place in [moved, to] {
                    rows::chain(tx, organisation, place).await?.ok_or_else(ApiError::not_found)?;
                }
                let change = Change::Move { node: moved, to };
                Ok::<_, ApiError>(inner.access.settings().effects(tx, organisation, &change).await?)
            })
        })
        .await?;
    Ok(Json(found.into()))
}

impl From<Vec<Effect>> for SettingEffects {
    fn from(found: Vec<Effect>) -> Self {
        let items: Vec<SettingEffect> = found.into_iter().map(effect).collect();
        Self { loosens: items.iter().any(|item| item.looser), items }
    }
}

fn effect(found: Effect) -> SettingEffect {
    SettingEffect {
        place: place(found.node),
        name: found.key,
        before: found.before.value.json(),
        after: found.after.value.json(),
        looser: found.looser,
    }
}
