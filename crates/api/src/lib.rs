//! The API's routes, the console's files, the player's page, and which host may have which.
//!
//! Three kinds of host come in by one door and never mix: the **console** (API, console, capture scripts), the
//! **content** host (the player's page and nothing else, no cookies), and in the demo the **shop**. Any other Host is
//! refused.

mod bodies;
mod caller;
mod dto;
mod export;
mod files;
mod guard;
mod hosts;
mod opening;
mod problem;
mod routes;

use std::sync::Arc;

use axum::Router;
use clerestory_access::Access;
use clerestory_coaching::Coaching;
use clerestory_confine::Confined;
use clerestory_identity::Identity;
use clerestory_intake::Intake;
use clerestory_lifecycle::Lifecycle;
use clerestory_model::Clock;
use clerestory_playback::Playback;
use clerestory_sql::Database;
use clerestory_vault::Vault;
use tokio::sync::{Semaphore, watch};

pub use hosts::{Hosts, Origins};
pub use routes::openapi;

/// Everything the routes use.
pub struct Parts {
    /// The database, for the routes' own reads.
    pub database: Database,
    /// Decisions.
    pub access: Access,
    /// The opener.
    pub vault: Vault,
    /// Sign-in and sessions.
    pub identity: Identity,
    /// What comes in.
    pub intake: Intake,
    /// What goes out.
    pub playback: Playback,
    /// What is said of it.
    pub coaching: Coaching,
    /// What is erased.
    pub lifecycle: Lifecycle,
    /// Work on hostile bytes.
    pub confined: Confined,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Which host is which.
    pub hosts: Arc<Hosts>,
    /// Where the data lies, as "look inside" tells it.
    pub data_directory: Arc<str>,
    /// Becomes `true` when the server drains: streams end then.
    pub draining: watch::Receiver<bool>,
    /// What the installation says of itself: made by the wiring, told by the health page.
    pub findings: Arc<dyn Fn() -> Vec<Finding> + Send + Sync>,
}

/// The parts, as every request gets them: two counts to clone them all.
#[derive(Clone)]
pub(crate) struct Api {
    parts: Arc<Parts>,
    /// Room for what is handed out: each holds a segment in memory, and keeps the processor busy.
    exports: export::Exports,
    /// Room for files with pictures, which wait in memory for their turn to be decoded.
    pictures: Arc<Semaphore>,
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// One sentence of the installation about its own health.
#[derive(Clone, Debug)]
pub struct Finding {
    /// A name that stays.
    pub id: &'static str,
    /// `ok`, `attention` or `failed`.
    pub level: &'static str,
    /// The sentence.
    pub sentence: String,
    /// What to do, where something is to be done.
    pub what_to_do: Option<String>,
}

/// The whole service: every host, every route.
pub fn router(parts: Parts) -> Router {
    let pictures = Arc::new(Semaphore::new(routes::PICTURES_AT_ONCE));
    hosts::router(Api { parts: Arc::new(parts), exports: export::Exports::new(), pictures })
}
