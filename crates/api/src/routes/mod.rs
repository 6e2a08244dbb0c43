//! The routes, and the description made from them.

mod api_keys;
mod audit;
mod blocks;
mod calendar;
mod capture;
mod clips;
mod comments;
mod credentials;
pub(crate) mod deletions;
mod erasures;
mod health;
mod holds;
mod imports;
mod inside;
mod invitations;
mod ledger;
pub(crate) mod mine;
mod people;
mod playlists;
mod plays;
mod policy;
mod previews;
mod proposals;
mod recorders;
pub(crate) mod recordings;
mod requests;
mod resets;
mod retention;
mod reviews;
mod roles;
mod screens;
mod session;
mod set_up;
mod settings;
mod sites;
mod support;
mod tree;
mod trust;
mod views;

pub(crate) use people::pictures::AT_ONCE as PICTURES_AT_ONCE;

use axum::{Json, Router, routing};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clerestory",
        description = "Records how people work and what they experience, and keeps it safe. Times are RFC 3339 in UTC; \
                       `_us` are microseconds since a recording began; errors are RFC 9457 problems. A change needs the \
                       header `Clerestory-Csrf: 1`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "session", description = "Signing in and out."),
        (name = "recordings", description = "What was captured, and who watched it."),
        (name = "plays", description = "Watching, inside a decision that is on record."),
        (name = "coaching", description = "What people say of recordings and make of them: comments, clips, reviews, playlists, calendars."),
        (name = "erasures", description = "Erasing for good, with a receipt."),
        (name = "keys", description = "API keys of the organisation: sent as `Authorization: Bearer csk_…`, never in an address."),
        (name = "people", description = "Who is here, what they may do, to whom they report, and where they work."),
        (name = "retention", description = "How long what is kept, deleting and restoring, holds."),
        (name = "requests", description = "What recorded people ask for about their own data, and by when it is answered."),
        (name = "audit", description = "The log of every decision."),
        (name = "sites", description = "Where web sessions come from."),
        (name = "capture", description = "What the capture script calls, from the sites themselves."),
        (name = "screens", description = "What the browser extension calls that records screens: with its own token, `Authorization: Bearer crt_…`, or the one of a recording, `cit_…`."),
        (name = "recorders", description = "Browsers that record the screen of their person."),
        (name = "settings", description = "What holds at which place, who said so, and saying otherwise."),
        (name = "health", description = "What the installation says of itself.")
    )
)]
struct Description;

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(session::read, session::sign_in, session::sign_out))
        .routes(routes!(session::sign_in_by_link))
        .routes(routes!(session::list, session::sign_out_everywhere))
        .routes(routes!(session::second_factor))
        .routes(routes!(resets::forgotten))
        .routes(routes!(resets::reset))
        .routes(routes!(session::end))
        .routes(routes!(session::end_of_person))
        .routes(routes!(credentials::step_up))
        .routes(routes!(credentials::change_password))
        .routes(routes!(credentials::factor, credentials::enrol, credentials::remove))
        .routes(routes!(credentials::confirm))
        .routes(routes!(credentials::renew))
        .routes(routes!(credentials::reset))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::read))
        .routes(routes!(recordings::viewers))
        .routes(routes!(recordings::take_along))
        .routes(routes!(previews::cover))
        .routes(routes!(mine::data))
        .routes(routes!(plays::begin))
        .routes(routes!(plays::segment))
        .routes(routes!(previews::of_play))
        .routes(routes!(plays::watched))
        .routes(routes!(plays::end))
        .routes(routes!(plays::follow))
        .routes(routes!(comments::list, comments::write))
        .routes(routes!(comments::edit, comments::remove))
        .routes(routes!(clips::list, clips::make))
        .routes(routes!(clips::change, clips::remove))
        .routes(routes!(clips::play))
        .routes(routes!(reviews::list))
        .routes(routes!(reviews::read, reviews::put, reviews::remove))
        .routes(routes!(playlists::list, playlists::make))
        .routes(routes!(playlists::read, playlists::change, playlists::remove))
        .routes(routes!(calendar::read))
        .routes(routes!(inside::read))
        .routes(routes!(inside::segment))
        .routes(routes!(erasures::of_recording))
        .routes(routes!(erasures::of_subject))
        .routes(routes!(proposals::list, proposals::propose))
        .routes(routes!(proposals::agree))
        .routes(routes!(proposals::refuse))
        .routes(routes!(proposals::withdraw))
        .routes(routes!(erasures::list))
        .routes(routes!(erasures::read))
        .routes(routes!(api_keys::list, api_keys::make))
        .routes(routes!(api_keys::rotate))
        .routes(routes!(api_keys::end))
        .routes(routes!(people::list, people::invite))
        .routes(routes!(people::read, people::standing::soft_delete))
        .routes(routes!(people::invite_again))
        .routes(routes!(people::change::roles))
        .routes(routes!(people::change::manager))
        .routes(routes!(people::change::team))
        .routes(routes!(people::standing::restore))
        .routes(routes!(people::standing::block))
        .routes(routes!(people::standing::lift))
        .routes(routes!(blocks::list, blocks::block))
        .routes(routes!(blocks::lift))
        .routes(routes!(blocks::devices))
        .routes(routes!(people::pictures::show, people::pictures::set, people::pictures::remove))
        .routes(routes!(views::ask))
        .routes(routes!(views::list))
        .routes(routes!(views::answer))
        .routes(routes!(roles::list, roles::make))
        .routes(routes!(roles::change, roles::remove))
        .routes(routes!(support::list, support::make))
        .routes(routes!(support::end))
        .routes(routes!(support::acts))
        .routes(routes!(tree::read, tree::add))
        .routes(routes!(tree::change, tree::remove))
        .routes(routes!(invitations::accept))
        .routes(routes!(set_up::set_up))
        .routes(routes!(deletions::delete))
        .routes(routes!(deletions::restore))
        .routes(routes!(deletions::list))
        .routes(routes!(holds::list, holds::propose))
        .routes(routes!(holds::confirm))
        .routes(routes!(holds::withdraw))
        .routes(routes!(holds::release))
        .routes(routes!(requests::mine, requests::ask))
        .routes(routes!(requests::withdraw))
        .routes(routes!(requests::export))
        .routes(routes!(requests::list, requests::enter))
        .routes(routes!(requests::export_for))
        .routes(routes!(requests::fulfil))
        .routes(routes!(requests::decline))
        .routes(routes!(requests::extend))
        .routes(routes!(retention::sweep))
        .routes(routes!(retention::confirm))
        .routes(routes!(retention::preview))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(audit::verify))
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(ledger::proof))
        .routes(routes!(ledger::tile))
        .routes(routes!(sites::list, sites::add))
        .routes(routes!(sites::read, sites::change))
        .routes(routes!(sites::rotate_key))
        .routes(routes!(sites::receipts))
        .routes(routes!(policy::read, policy::sign))
        .routes(routes!(policy::check))
        .routes(routes!(settings::list))
        .routes(routes!(settings::say))
        .routes(routes!(settings::versions::history))
        .routes(routes!(settings::versions::changes))
        .routes(routes!(settings::versions::roll_back))
        .routes(routes!(settings::effects::check))
        .routes(routes!(settings::effects::check_move))
        .routes(routes!(health::alive))
        .routes(routes!(health::findings))
        .routes(routes!(capture::start))
        .routes(routes!(capture::policy))
        .routes(routes!(capture::end))
        .routes(routes!(capture::segment))
        .routes(routes!(recorders::list))
        .routes(routes!(recorders::offer))
        .routes(routes!(recorders::end))
        .routes(routes!(screens::enrol))
        .routes(routes!(screens::leave))
        .routes(routes!(screens::policy))
        .routes(routes!(screens::start))
        .routes(routes!(screens::segment))
        .routes(routes!(screens::watching))
        .routes(routes!(screens::discard))
        .routes(routes!(screens::end))
        .routes(routes!(imports::import))
}

/// The OpenAPI 3.1 description of the API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    OpenApiRouter::new().nest("/api/v1", described()).into_openapi_with_head()
}

trait WithHead {
    fn into_openapi_with_head(self) -> utoipa::openapi::OpenApi;
}

impl WithHead for OpenApiRouter<Api> {
    /// Nesting keeps the paths and drops the head; the head is put back.
    fn into_openapi_with_head(self) -> utoipa::openapi::OpenApi {
        let mut nested = self.into_openapi();
        let head = Description::openapi();
        // The router's mark for "the rest of the path" is no part of OpenAPI.
        nested.paths.paths =
            nested.paths.paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
        nested.info = head.info;
        nested.tags = head.tags;
        nested
    }
}

/// The API's routes.
pub(crate) fn router(api: &Api) -> Router<Api> {
    let (routes, _) = OpenApiRouter::new().nest("/api/v1", described()).split_for_parts();
    routes
        .merge(trust::router())
        .route("/api/openapi.json", routing::get(|| async { Json(openapi()) }))
        .layer(axum::middleware::from_fn_with_state(api.clone(), capture::cors))
}
