//! Pictures of people: setting and removing one, and showing it to whoever may see the person.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::PictureRef;
use clerestory_confine::picture::{CONTENT_TYPE, MOST_BYTES, PictureError};
use clerestory_identity::PictureSize;
use clerestory_model::PersonId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Person, on};
use crate::Api;
use crate::bodies::{arrive, time_for};
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};

/// Files that are taken at once: each is in memory until it is decoded.
pub(crate) const AT_ONCE: usize = 8;

/// What a browser may do with a picture that is opened by itself: look at it.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox");

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PictureQuery {
    /// Pixels of a side: 64, or 256 unless said.
    size: Option<u16>,
    /// Only the picture of this version: of another there is nothing here.
    version: Option<u64>,
}

/// The picture of somebody whom the caller may see. Who has none is told like who is not here.
#[utoipa::path(get, path = "/people/{person}/picture", tag = "people", params(("person" = String, Path), PictureQuery),
    responses((status = 200, description = "A square JPEG", content_type = "image/jpeg", body = Vec<u8>),
    (status = 304, description = "It is the one that If-None-Match names"), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn show(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
    Asked(asked): Asked<PictureQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (size, pixels) = match asked.size {
        None | Some(256) => (PictureSize::Large, 256),
        Some(64) => (PictureSize::Small, 64),
        Some(_) => return Err(ApiError::malformed("size".to_owned(), "64 or 256".to_owned())),
    };
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    let known = move |version: u64| known.as_ref().is_some_and(|known| known == &tag(version, pixels));
    let of = PictureRef { organisation: caller.organisation, id, asker: caller.person };
    let shown =
        api.identity.picture(&caller.op, (of, caller.signed_in), (size, asked.version), known).await?;
    let (status, bytes) = match shown.bytes {
        Some(bytes) => (StatusCode::OK, bytes),
        None => (StatusCode::NOT_MODIFIED, Vec::new()),
    };
    let mut response = (status, bytes).into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ] {
        response.headers_mut().insert(name, value);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag(shown.version, pixels)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// A version never comes again for the same person.
fn tag(version: u64, pixels: u16) -> String {
    format!("\"{version}-{pixels}\"")
}

/// Gives somebody the picture in this file: PNG, JPEG, WebP or GIF, 5 MiB and 40 megapixels at most. Of it a small square
/// is kept, turned upright, with nothing else that was in the file.
#[utoipa::path(put, path = "/people/{person}/picture", tag = "people", params(("person" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Person),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn set(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
    request: Request,
) -> Result<Json<Person>, ApiError> {
    // Nothing is read for whoever may not.
    api.identity.may_set_picture(&caller.op, on(&caller, id)).await?;
    let _room = api.pictures.try_acquire().map_err(|_| busy())?;
    let (mut parts, body) = request.into_parts();
    let file = arrive(body, MOST_BYTES, time_for(MOST_BYTES)).await?;
    let picture = api.confined.picture(file).await?;
    // Who asks may have been signed out while it came and was decoded.
    let caller =
        <Caller as axum::extract::FromRequestParts<Api>>::from_request_parts(&mut parts, &api).await?;
    Ok(Json(api.identity.set_picture(&caller.op, on(&caller, id), picture).await?.into()))
}

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-pictures",
        "Others are being taken",
        format!("The server takes {AT_ONCE} pictures at once."),
        "Try again in a minute. Nothing was changed.",
    )
    .after(Duration::from_secs(10))
}

/// Takes somebody's picture away; their initials stand in its place.
#[utoipa::path(delete, path = "/people/{person}/picture", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = Person), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.identity.remove_picture(&caller.op, on(&caller, id)).await?.into()))
}

impl From<PictureError> for ApiError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Unreadable => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-a-picture",
                "This is no picture",
                "This is not a picture that can be read: PNG, JPEG, WebP or GIF.",
                "Choose another file, or save it anew as PNG or JPEG first. Nothing was changed.",
            ),
            PictureError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "picture-too-large",
                "The picture is too large",
                "A picture has at most 5 MiB and 40 megapixels.",
                "Save it smaller and choose it again. Nothing was changed.",
            ),
            PictureError::Confined(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a picture could not be decoded");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "pictures-unavailable",
                    "Pictures cannot be taken now",
                    "The process that decodes them did not come to be, or many are waiting.",
                    "Try again in a minute. If it stays so, the health page says why.",
                )
                .after(Duration::from_secs(30))
            }
        }
    }
}
