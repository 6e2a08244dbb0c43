//! What recorders send, on every way it is kept.
#![expect(clippy::duplicate_mod, reason = "the same stories on each way of keeping what they send")]

mod capture;
mod disk;
mod engines;
mod film_confined;
mod films;
mod films_taken;
mod leftovers;
mod limits;
mod lost_commit;
mod nodes;
mod objects;
mod previews;
mod races;
mod ranges;
mod screen_discards;
mod screen_files;
mod screen_rules;
mod screen_runs;
mod screens;

/// The stories of `capture.rs`, with the ingest log and large segments in a bucket.
#[path = "capture.rs"]
mod capture_on_bucket;
/// The same, where every segment is in a part of its track before anything else happens.
#[path = "capture.rs"]
mod capture_settled;
/// The same, with those parts in a bucket.
#[path = "capture.rs"]
mod capture_settled_on_bucket;
