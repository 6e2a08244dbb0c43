//! What the X server tells.

mod deaf;
