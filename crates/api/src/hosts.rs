//! Which host is which, and what each may have.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Router, routing};

use crate::problem::ApiError;
use crate::{Api, files, guard, routes};

/// The origins an installation answers on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// Console, API and capture scripts: `scheme://host[:port]`.
    pub console: String,
    /// The player's page: another site.
    pub content: String,
    /// The demo's shop.
    pub shop: Option<String>,
}

/// Origins and what follows from them.
#[derive(Clone, Debug)]
pub struct Hosts {
    origins: Origins,
    /// The snippet the demo's shop carries in place of its marker.
    shop_snippet: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Console,
    Content,
    Shop,
}

impl Hosts {
    /// The hosts of these origins.
    #[must_use]
    pub fn new(origins: Origins, shop_snippet: Option<String>) -> Self {
        Self { origins, shop_snippet }
    }

    /// The origins.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    pub(crate) fn shop_snippet(&self) -> &str {
        self.shop_snippet.as_deref().unwrap_or_default()
    }

    /// Whether the console is on this machine over plain HTTP.
    pub(crate) fn is_loopback(&self) -> bool {
        self.origins.console.starts_with("http://")
    }

    fn kind(&self, host: &str) -> Option<Kind> {
        let is = |origin: &str| origin.split_once("://").is_some_and(|(_, found)| found == host);
        if is(&self.origins.console) {
            Some(Kind::Console)
        } else if is(&self.origins.content) {
            Some(Kind::Content)
        } else {
            self.origins.shop.as_deref().filter(|shop| is(shop)).map(|_| Kind::Shop)
        }
    }
}

pub(crate) fn router(api: Api) -> Router {
    let console = Router::new()
        .merge(routes::router(&api))
        .route("/capture/{*path}", routing::get(files::capture))
        .fallback(files::console)
        .layer(middleware::from_fn_with_state(api.clone(), guard::same_site))
        .with_state(api.clone());
    let content = Router::new()
        .route("/player", routing::get(files::player_index))
        .route("/player/", routing::get(files::player_index))
        .route("/player/{*path}", routing::get(files::player))
        .fallback(to_console)
        .with_state(api.clone());
    let shop = Router::new().fallback(files::shop).with_state(api.clone());
    let by_host = Routed { api: api.clone(), console, content, shop };
    Router::new()
        .fallback(dispatch)
        .with_state(by_host)
        .layer(middleware::from_fn_with_state(api, guard::finish))
}

#[derive(Clone)]
struct Routed {
    api: Api,
    console: Router,
    content: Router,
    shop: Router,
}

async fn dispatch(State(routed): State<Routed>, request: Request) -> Response {
    let host = request.uri().host().map(|host| match request.uri().port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    });
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = named.map(str::to_owned).or(host).unwrap_or_default().to_ascii_lowercase();
    let router = match routed.api.hosts.kind(&host) {
        Some(Kind::Console) => routed.console,
        Some(Kind::Content) => routed.content,
        Some(Kind::Shop) => routed.shop,
        None => return unknown_host(&routed.api).into_response(),
    };
    use tower::ServiceExt;
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn unknown_host(api: &Api) -> ApiError {
    ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown-host",
        "This server does not answer to that name",
        "The Host header names none of the hosts of this installation.",
        &format!("Use {}.", api.hosts.origins().console),
    )
}

/// People who open the content host find the console.
async fn to_console(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::temporary(&format!("{}{path}", api.hosts.origins().console)).into_response()
}

/// Sets a header that is made of this installation's own words.
pub(crate) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
