//! The desktop agent: counts how often its person types and points, says which application is in front and how the machine
//! is, and takes screenshots where that is switched on; while it can be seen, and never what was typed.

pub mod machine;
pub mod sampler;
pub mod spool;
pub mod x11;
