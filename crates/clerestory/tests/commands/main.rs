//! The commands of the program, run as processes of their own over an installation with a recording.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod custody;
mod health;
mod receipt;
mod rig;
mod store;
