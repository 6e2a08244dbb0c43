//! Recordings of screens: what a browser sends that its person lets record, and the policy it follows.
//!
//! It goes the way of every segment: a decision that is on record, a token bound to it, bytes read strictly, sealed and made
//! durable, and only then a receipt.

mod actions;
mod policy;
mod receive;
mod start;
mod tabs;

pub(crate) use actions::Actions;
pub use policy::ScreenPolicyVersion;
pub(crate) use policy::{Signer, WorkedOut};
pub use receive::{ScreenReceipt, ScreenSender, ScreenUpload};
pub use start::{ScreenStart, ScreenStarted, ScreenTrack, Surface};
pub(crate) use tabs::RememberedTabs;
