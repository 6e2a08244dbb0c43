//! Organisation tree, people, sites, recordings, tracks, segments, parts: rows and nothing but rows.
//!
//! What is personal or content comes back as [`Sealed`]: it says where it stood and opens only in `vault`, for a
//! grant. Ids, times, sizes and states are clear; SQL filters on those alone.

pub mod blocks;
pub mod damage;
pub mod derived;
pub mod lines;
pub mod organisations;
pub mod parts;
pub mod people;
pub mod pictures;
pub mod recordings;
pub mod retention;
pub mod roles;
mod sealed;
pub mod segments;
pub mod settings;
pub mod sites;
pub mod support;
pub mod tracks;
pub mod tree;

use clerestory_sql::{Component, Migration};

pub use sealed::{About, Content, Kind, Place, Sealed};

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "store",
    migrations: &[
        Migration { name: "tree, people, recordings", sql: include_str!("0001-store.sql") },
        Migration { name: "parts of tracks", sql: include_str!("0002-parts.sql") },
        Migration { name: "what erasing needs", sql: include_str!("0003-erasure.sql") },
        Migration { name: "damage", sql: include_str!("0004-damage.sql") },
        Migration { name: "erased times", sql: include_str!("0005-erased-times.sql") },
        Migration { name: "numbers of parts", sql: include_str!("0006-part-numbers.sql") },
        Migration { name: "people in a tree", sql: include_str!("0007-people.sql") },
        Migration { name: "settings", sql: include_str!("0008-settings.sql") },
        Migration { name: "retention", sql: include_str!("0009-retention.sql") },
        Migration { name: "roles", sql: include_str!("0011-roles.sql") },
        Migration { name: "grants of support", sql: include_str!("0012-support.sql") },
        Migration { name: "pictures of people", sql: include_str!("0013-pictures.sql") },
    ],
};
