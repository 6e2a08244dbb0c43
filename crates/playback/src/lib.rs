//! Plays: what goes out, inside a decided and recorded play.
