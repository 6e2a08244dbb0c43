//! Blocks of networks and devices: keeping out for a time whoever comes from there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{PersonRef as PersonOn, ReadPlaces};
use clerestory_identity::{NewPlace, PlaceView};
use clerestory_model::{BlockId, PersonId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::standing::reason;
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// A block of a network or of a device.
#[derive(Serialize, ToSchema)]
struct PlaceBlock {
    id: String,
    /// `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/48`: whoever comes from there is kept out.
    network: Option<String>,
    /// What a browser is called: whoever comes with it is kept out.
    device: Option<String>,
    /// Who was signed in with it.
    person: Option<PersonRef>,
    reason: String,
    set_by: PersonRef,
    #[schema(format = DateTime)]
    since: String,
    /// When it ends by itself, or ended.
    #[schema(format = DateTime)]
    ends_at: String,
    runs: bool,
    /// Who ended it before its time.
    lifted_by: Option<PersonRef>,
    lift_reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PlaceBlockList {
    items: Vec<PlaceBlock>,
}

/// One of both, until a time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlaceBlock {
    /// An address, or an address and how many bits of it count.
    network: Option<String>,
    /// A session: the browser it began on.
    #[schema(value_type = Option<String>)]
    session: Option<SessionId>,
    /// When it ends, at the latest a year from now. It ends by itself.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Why; kept sealed.
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SetBlock {
    id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiftBlock {
    /// Why it ends before its time; kept sealed.
    reason: String,
}

/// A browser that somebody is signed in with.
#[derive(Serialize, ToSchema)]
struct Device {
    /// What a block of it is set by.
    session: String,
    /// What it is called; none where the session began before browsers were known again.
    device: Option<String>,
    user_agent: String,
    #[schema(format = DateTime)]
    signed_in_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceList {
    items: Vec<Device>,
}

/// The blocks of networks and devices: those that run, and those that ended within a month.
#[utoipa::path(get, path = "/blocks", tag = "people", responses(
    (status = 200, body = PlaceBlockList), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<PlaceBlockList>, ApiError> {
    let grant = api.access.authorize::<ReadPlaces>(&caller.op, caller.organisation(), None).await??;
    api.vault.hold_lease().await?;
    let inner = api.clone();
    let items = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let (mut names, mut items) = (Names::new(&inner, &grant), Vec::new());
                for block in inner.identity.place_blocks(tx, &grant).await? {
                    let (network, device) = match block.place {
                        PlaceView::Network(network) => (Some(network), None),
                        PlaceView::Device { name, person } => (None, Some((name, person))),
                    };
                    let (device, person) = device.unzip();
                    let (lifted_by, lift_reason) = block.lifted.unzip();
                    items.push(PlaceBlock {
                        id: block.id.to_string(),
                        network,
                        device,
                        person: match person {
                            Some(person) => Some(names.person(tx, person).await?),
                            None => None,
                        },
                        reason: block.reason,
                        set_by: names.person(tx, block.set_by).await?,
                        since: block.since.to_string(),
                        ends_at: block.ends_at.to_string(),
                        runs: block.runs,
                        lifted_by: match lifted_by {
                            Some(person) => Some(names.person(tx, person).await?),
                            None => None,
                        },
                        lift_reason,
                    });
                }
                Ok::<_, ApiError>(items)
            })
        })
        .await?;
    Ok(Json(PlaceBlockList { items }))
}

/// Keeps out whoever comes from a network, or with a browser, until a time: their next request is refused. Where the
/// caller is themself cannot be blocked.
#[utoipa::path(post, path = "/blocks", tag = "people", request_body = NewPlaceBlock, responses(
    (status = 201, body = SetBlock), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn block(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<NewPlaceBlock>,
) -> Result<(StatusCode, Json<SetBlock>), ApiError> {
    let why = reason(&asked.reason)?;
    let new = match (&asked.network, asked.session) {
        (Some(network), None) => {
            NewPlace::Network(network.parse().map_err(|error: clerestory_identity::NetworkError| {
                ApiError::malformed("network".to_owned(), error.to_string())
            })?)
        }
        (None, Some(session)) => NewPlace::Device(session),
        _ => {
            let message = "give a network or a session, one of both".to_owned();
            return Err(ApiError::malformed("network".to_owned(), message));
        }
    };
    let id = api.identity.block_place(&caller.op, &caller.whence, new, (asked.ends_at, why)).await?;
    Ok((StatusCode::CREATED, Json(SetBlock { id: id.to_string() })))
}

/// Ends a block of a network or device before its time.
#[utoipa::path(post, path = "/blocks/{block}/lift", tag = "people", params(("block" = String, Path)),
    request_body = LiftBlock, responses((status = 204, description = "It has ended"), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn lift(
    State(api): State<Api>,
    At(id): At<BlockId>,
    CallerWith(caller, asked): CallerWith<LiftBlock>,
) -> Result<StatusCode, ApiError> {
    api.identity.lift_place(&caller.op, id, reason(&asked.reason)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The browsers somebody is signed in with, by session.
#[utoipa::path(get, path = "/people/{person}/devices", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = DeviceList), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn devices(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Json<DeviceList>, ApiError> {
    let on = PersonOn { organisation: caller.organisation, id };
    let items = api.identity.devices(&caller.op, on).await?.into_iter().map(|device| Device {
        session: device.session.to_string(),
        device: device.device,
        user_agent: device.browser,
        signed_in_at: device.signed_in_at.to_string(),
        last_used_at: device.last_used_at.to_string(),
    });
    Ok(Json(DeviceList { items: items.collect() }))
}
