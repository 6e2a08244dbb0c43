//! The desktop agent.

pub mod x11;
