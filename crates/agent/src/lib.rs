//! The desktop agent.

mod x11;
