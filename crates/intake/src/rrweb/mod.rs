//! Recorded web pages: rrweb events as types, made harmless, and held to the capture policy once more.

mod clean;
mod clean_tree;
mod css;
pub mod event;
mod fields;
mod import;
mod json;
mod names;
mod parse;
mod parse_change;
mod parse_node;
mod report;
mod segment;
mod summary;
mod tree;
mod write;

pub use event::GapReason;
pub use import::{Import, import};
pub use report::{CleanReport, SanitiseReport, ScrubReport};
pub use segment::{Limits, Malformed, Segment};
pub use summary::{Gap, Page, Summary, Viewport};
pub use tree::TreeState;
