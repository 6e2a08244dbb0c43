//! The settings tree and the capture policy; pure, shared with clients through test vectors.
//!
//! Nothing here reads a file, a clock or a random number, so that the desktop agent and the server can both depend on it.

pub mod capture;
pub mod tree;
