//! The stories of `capture.rs`, where every segment is in a part of its track, in a bucket, before anything else happens.

#[path = "capture.rs"]
mod capture;
