//! The stories of `capture.rs`, with the ingest log and large segments in a bucket.

#[path = "capture.rs"]
mod capture;
