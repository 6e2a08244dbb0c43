//! Parts of tracks: how they are written, what damages them, and how they come back.

mod fsck;
mod fsck_only_copy;
mod rebuild;
mod restore;
mod rewrite;
mod settle;
mod settle_damage;
