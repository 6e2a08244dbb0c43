//! Three real servers on one PostgreSQL and one bucket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod cluster;
mod kills;
mod sign_out;
