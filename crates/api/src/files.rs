//! The embedded files of console, capture, player and shop, each with the headers its host needs.

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use clerestory_identity::{Use, Whence};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::Api;
use crate::caller::{ComingFrom, session_token};
use crate::hosts::set;
use crate::problem::ApiError;

#[derive(RustEmbed)]
#[folder = "../../web/console/dist"]
struct Console;

#[derive(RustEmbed)]
#[folder = "../../web/capture/dist"]
struct Capture;

#[derive(RustEmbed)]
#[folder = "../../web/player/dist"]
struct Player;

#[derive(RustEmbed)]
#[folder = "../../web/demo-shop/dist"]
struct Shop;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const SHORT: &str = "public, max-age=60";
/// Everything a player's page could ask of a browser and must not have.
const NO_FEATURES: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), clipboard-read=(), \
    clipboard-write=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), \
    idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
    publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), \
    usb=(), xr-spatial-tracking=()";

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "json" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn answer(name: &str, file: EmbeddedFile, caching: &str) -> Response {
    answer_bytes(name, file.data.into_owned(), caching)
}

fn answer_bytes(name: &str, bytes: Vec<u8>, caching: &str) -> Response {
    let mut response = bytes.into_response();
    set(&mut response, header::CONTENT_TYPE, content_type(name));
    set(&mut response, header::CACHE_CONTROL, caching);
    response
}

/// A name with a hash in it never changes.
fn caching(name: &str) -> &'static str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let hashed = stem.rsplit_once('-').is_some_and(|(_, hash)| hash.len() >= 8);
    if hashed { IMMUTABLE } else { SHORT }
}

fn not_built(part: &str) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-built",
        "A part of this build is missing",
        format!("{part} was not built before the server was."),
        "Run `cargo xtask demo`, which builds both.",
    )
}

/// The console: its files, and its one page under every other address.
pub(crate) async fn console(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path.starts_with("api/") {
        return ApiError::not_found().into_response();
    }
    if let Some(file) = Console::get(path).filter(|_| path != "index.html") {
        return answer(path, file, caching(path));
    }
    if path.starts_with("assets/") {
        return ApiError::not_found().into_response();
    }
    let Some(index) = Console::get("index.html") else {
        return not_built("The console").into_response();
    };
    let (mut parts, _) = request.into_parts();
    let Ok(ComingFrom(whence)) = ComingFrom::from_request_parts(&mut parts, &api).await;
    let frames = frames(&api, &parts.headers, &whence).await;
    let mut response = answer("index.html", index, "no-store");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob:; \
         font-src 'self'; connect-src 'self'; frame-src {frames}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// What the console may frame: the player, and for somebody who is signed in the sites whose policy they may edit.
async fn frames(api: &Api, headers: &HeaderMap, whence: &Whence) -> String {
    let mut frames = api.hosts.origins().content.clone();
    let Some(Ok(token)) = session_token(headers, api.hosts.is_loopback()) else { return frames };
    // A session that cannot be read frames nothing more; the page itself will say what is wrong.
    let Ok(Some(running)) = api.identity.running(&token, whence, Use::Somebody).await else { return frames };
    let organisation = running.actor.organisation();
    let origins = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut found = Vec::new();
                for site in clerestory_store::sites::of_organisation(tx, organisation).await? {
                    found.extend(clerestory_store::sites::origins(tx, site.id).await?);
                }
                Ok::<_, clerestory_sql::SqlError>(found)
            })
        })
        .await
        .unwrap_or_default();
    for origin in origins {
        frames.push(' ');
        frames.push_str(&origin);
    }
    frames
}

/// The capture scripts, for every site.
pub(crate) async fn capture(Path(path): Path<String>) -> Response {
    let Some(file) = Capture::get(&path) else {
        return ApiError::not_found().into_response();
    };
    let mut response = answer(&path, file, caching(&path));
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(&mut response, HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    response
}

/// The player's one page.
pub(crate) async fn player_index(State(api): State<Api>) -> Response {
    let Some(index) = Player::get("index.html") else {
        return not_built("The player").into_response();
    };
    let console = &api.hosts.origins().console;
    let text = String::from_utf8_lossy(&index.data).replace("__CLERESTORY_CONSOLE_ORIGIN__", console);
    let mut response = answer_bytes("index.html", text.into_bytes(), "no-store");
    player_headers(&mut response, console);
    response
}

/// The player's files.
pub(crate) async fn player(State(api): State<Api>, Path(path): Path<String>) -> Response {
    if path == "index.html" {
        return player_index(State(api)).await;
    }
    let Some(file) = Player::get(&path) else {
        return ApiError::not_found().into_response();
    };
    let mut response = answer(&path, file, caching(&path));
    player_headers(&mut response, &api.hosts.origins().console);
    response
}

fn player_headers(response: &mut Response, console: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; font-src data:; \
         media-src blob: data:; frame-src 'none'; connect-src 'none'; worker-src 'none'; object-src 'none'; \
         manifest-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {console}"
    );
    set(response, header::CONTENT_SECURITY_POLICY, &policy);
    set(response, HeaderName::from_static("permissions-policy"), NO_FEATURES);
    set(response, header::X_DNS_PREFETCH_CONTROL, "off");
    set(response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(response, HeaderName::from_static("origin-agent-cluster"), "?1");
}

/// The demo's shop. Its pages carry the demo site's snippet where their marker stands.
pub(crate) async fn shop(State(api): State<Api>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path =
        if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    let found = Shop::get(&path).map(|file| (path.clone(), file)).or_else(|| {
        let page = format!("{path}.html");
        Shop::get(&page).map(|file| (page, file))
    });
    let (name, file, status) = match found {
        Some((name, file)) => (name, file, StatusCode::OK),
        None => match Shop::get("404.html") {
            Some(file) => ("404.html".to_owned(), file, StatusCode::NOT_FOUND),
            None => return not_built("The shop").into_response(),
        },
    };
    let mut response = if name.ends_with(".html") {
        let text = String::from_utf8_lossy(&file.data);
        let text = text.replace("<!--clerestory-snippet-->", api.hosts.shop_snippet());
        answer_bytes(&name, text.into_bytes(), "no-store")
    } else {
        answer(&name, file, SHORT)
    };
    *response.status_mut() = status;
    let console = &api.hosts.origins().console;
    let policy = format!(
        "default-src 'self'; script-src 'self' {console}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self' {console}; frame-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'self' {console}"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    response
}
