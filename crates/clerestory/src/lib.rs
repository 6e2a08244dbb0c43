//! Everything wired into one program: [`App::build`] makes all parts from a data directory and a clock.

mod app;
mod authority;
pub mod commands;
mod custody;
mod dumps;
mod ledger;
mod places;
mod previews;
mod rebuild;
mod restore;
mod scrub;
mod serve;
mod settle;
mod sweep;
mod verifier;
mod watch;

pub use app::{App, AppError, SCHEMAS};
pub use authority::authority_tables;
pub use dumps::forbid_core_dumps;
pub use places::{Places, PlacesError, Postgres, SecondPlace, ThrowAway};
pub use restore::{CopyAt, CopyError};
pub use serve::{Serving, serve};
pub use settle::{NoTime, SettleAfter};
