//! What comes in: limits, typed events, sanitiser, scrubber, seal, commit, acknowledge.
//!
//! A site key is public and buys nothing but a short-lived ingest token, bound to an origin and a recording. Every
//! segment is parsed into types, made harmless, held to the policy once more, sealed, made durable, and only then
//! acknowledged.

mod authority;
mod close;
mod derive;
mod erase;
mod error;
mod import;
mod keep;
mod origin;
mod packing;
mod policies;
mod receive;
mod refine;
mod rooms;
pub mod rrweb;
mod screen;
mod sites;
mod start;
mod tokens;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clerestory_access::Access;
use clerestory_model::{Clock, SiteId, Timestamp};
use clerestory_sql::{Component, Database, Migration};
use clerestory_vault::Vault;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub use authority::AUTHORITY;
pub use error::IntakeError;
pub use import::{IMPORT_BYTES, Imported};
pub use origin::{Origin, OriginError};
pub use packing::Encoding;
pub use policies::{PolicyVersion, SignedPolicy};
pub use receive::{Acknowledged, Upload};
pub use rooms::{BodyRoom, ImportRoom};
pub use screen::{
    ScreenPolicyVersion, ScreenReceipt, ScreenSender, ScreenStart, ScreenStarted, ScreenTrack, ScreenUpload,
    Surface,
};
pub use sites::{NewSite, SiteChange, SiteView};
pub use start::{Start, Started};
pub use tokens::{IngestToken, TokenProblem};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "intake",
    migrations: &[
        Migration { name: "capture policies", sql: include_str!("0001-intake.sql") },
        Migration { name: "keys that sign policies for screens", sql: include_str!("0002-signers.sql") },
    ],
};

/// A visit is over after this long without a segment.
pub const SILENCE: Duration = Duration::from_secs(30 * 60);
/// A recording of a screen is over after this long without a segment.
pub const SCREEN_SILENCE: Duration = Duration::from_secs(24 * 3600);
/// Segments that come later than this after the last are refused.
pub const LATE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of a segment's events at most, uncompressed.
pub const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a segment of actions at most: a few seconds of what one person does.
pub const ACTIONS_BYTES: usize = 2 * 1024 * 1024;

/// Starts per network, however many people are behind it: a burst of two hundred, then twenty a second.
const NETWORK_STARTS: (u32, u32) = (20, 200);
/// Starts per site: a burst of two hundred, then fifty a second.
const STARTS: (u32, u32) = (50, 200);
/// Starts per browser that records a screen: a burst of twenty, then one a second.
const SCREEN_STARTS: (u32, u32) = (1, 20);
/// Times that a browser may take back in a minute.
const SCREEN_DISCARDS: u32 = 6;
/// Fetches of its policy by such a browser: a burst of thirty, then one a second.
const SCREEN_FETCHES: (u32, u32) = (1, 30);
/// Segments per track: a burst of two hundred, then fifty a second.
const SEGMENTS: (u32, u32) = (50, 200);

/// Segments unpacked and refined at once: each may need a hundred megabytes for a moment.
const REFINING: usize = 4;

/// The receiving part of the program.
#[derive(Clone)]
pub struct Intake {
    database: Database,
    access: Access,
    vault: Vault,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

struct Shared {
    networks: DefaultKeyedRateLimiter<IpAddr>,
    starts: DefaultKeyedRateLimiter<SiteId>,
    segments: DefaultKeyedRateLimiter<clerestory_model::TrackId>,
    /// Browsers that record screens, and their runs: each sends to three tracks.
    screen_starts: DefaultKeyedRateLimiter<clerestory_model::RecorderId>,
    screen_discards: DefaultKeyedRateLimiter<clerestory_model::RecorderId>,
    screen_fetches: DefaultKeyedRateLimiter<clerestory_model::RecorderId>,
    screen_segments: DefaultKeyedRateLimiter<(clerestory_model::RecorderId, clerestory_model::WriterId)>,
    /// The policies of those, worked out.
    screen_policies: Mutex<screen::WorkedOut>,
    /// Keys that sign the policies of those, and when each was opened.
    signers: Mutex<HashMap<clerestory_model::OrganisationId, (Arc<screen::Signer>, Timestamp)>>,
    policies: Mutex<HashMap<SiteId, Arc<policies::Issued>>>,
    /// Whoever signs a site's policy has its turn.
    signing: Mutex<HashMap<SiteId, Arc<tokio::sync::Mutex<()>>>>,
    /// Origins that some site lists, and when that was read.
    heard: Mutex<HashMap<Origin, Timestamp>>,
    tokens: tokio::sync::OnceCell<tokens::Minter>,
    trees: refine::Trees,
    tabs: screen::RememberedTabs,
    /// Segments that are unpacked and refined at once.
    refining: Arc<tokio::sync::Semaphore>,
    rooms: rooms::Rooms,
}

impl Intake {
    /// Intake over these parts.
    #[must_use]
    pub fn new(database: Database, access: Access, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            networks: RateLimiter::keyed(quota(NETWORK_STARTS)),
            starts: RateLimiter::keyed(quota(STARTS)),
            segments: RateLimiter::keyed(quota(SEGMENTS)),
            screen_starts: RateLimiter::keyed(quota(SCREEN_STARTS)),
            screen_discards: RateLimiter::keyed(Quota::per_minute(at_least_one(SCREEN_DISCARDS))),
            screen_fetches: RateLimiter::keyed(quota(SCREEN_FETCHES)),
            screen_segments: RateLimiter::keyed(quota(SEGMENTS)),
            screen_policies: Mutex::default(),
            signers: Mutex::default(),
            policies: Mutex::default(),
            signing: Mutex::default(),
            heard: Mutex::default(),
            tokens: tokio::sync::OnceCell::new(),
            trees: refine::Trees::default(),
            tabs: screen::RememberedTabs::default(),
            refining: Arc::new(tokio::sync::Semaphore::new(REFINING)),
            rooms: rooms::Rooms::default(),
        };
        Self { database, access, vault, clock, shared: Arc::new(shared) }
    }

    /// Counts a start from a network, before anything else is done for it.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`].
    pub fn throttle(&self, network: Option<IpAddr>) -> Result<(), IntakeError> {
        match network {
            Some(network) => self.shared.networks.check_key(&network).map_err(|_| IntakeError::TooMany),
            None => Ok(()),
        }
    }

    /// Puts on record that something was not gone on with.
    pub(crate) async fn told<T>(&self, done: Result<T, IntakeError>) -> Result<T, IntakeError> {
        match done {
            Err(IntakeError::Refused(refused)) => Err(self.access.tell(refused).await?.into()),
            done => done,
        }
    }

    /// What the audit log gave up when the disk was full is for entries: nothing captured may use it.
    pub(crate) fn check_room_on_disk(&self) -> Result<(), IntakeError> {
        if self.access.audit().reserve().is_gone() {
            return Err(clerestory_vault::StoreError::Full.into());
        }
        Ok(())
    }

    /// Forgets limits of recorders that have been quiet: called now and then, so that memory does not grow.
    pub fn tidy(&self) {
        self.shared.networks.retain_recent();
        self.shared.networks.shrink_to_fit();
        self.shared.starts.retain_recent();
        self.shared.segments.retain_recent();
        self.shared.segments.shrink_to_fit();
        self.shared.screen_starts.retain_recent();
        self.shared.screen_discards.retain_recent();
        self.shared.screen_fetches.retain_recent();
        self.shared.screen_segments.retain_recent();
        self.shared.screen_segments.shrink_to_fit();
        self.tidy_screen_policies();
        self.shared.trees.tidy();
        self.shared.tabs.tidy();
        self.shared.rooms.tidy();
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn quota((rate, burst): (u32, u32)) -> Quota {
    Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
}
