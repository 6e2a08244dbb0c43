//! Parts of tracks: what settles out of the ingest log lies in one object for each part, which ends in a sealed
//! manifest.
//!
//! A part's object is the sealed segments of one stretch of one track, one after another, the sealed [`Manifest`], and
//! forty bytes that say how long it is and under which key. Nothing else lies in it, so that erasing the track deletes
//! whole objects, and what the manifests say is enough to make the rows of recordings and tracks again.
//! `docs/formats.md` describes it for readers of other languages.

mod manifest;
mod name;
mod rewrite;
mod settle;
mod sweep;
mod write;

pub use manifest::{Manifest, ManifestError, Provenance};
pub(crate) use manifest::{TRAILER, key_of_end};
pub use name::PartName;
pub use rewrite::Rewritten;
pub(crate) use settle::CLAIM_LASTS;
pub use settle::{Claimed, Due, SettleError, Settled, Written};
pub(crate) use sweep::is_single_in_use;
pub use write::WriteError;
