//! A whole installation in a process, with a clock that tests move, callers as types, and sample visits.
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value is null where it holds nothing: it does not panic"
)]

pub mod authenticator;
pub mod bucket;
mod by_hand;
mod caller;
mod clock;
pub mod custodians;
pub mod disk;
pub mod encoded;
mod erasing;
pub mod holder;
mod inhabited;
mod installation;
pub mod kept;
pub mod load;
pub mod mailbox;
pub mod one_visit;
pub mod postgres;
pub mod process;
pub mod screen;
mod stored;
pub mod visit;

pub use caller::{Answer, Caller};
pub use clock::Hands;
pub use erasing::CopyOfDatabase;
pub use inhabited::{Inhabited, picture};
pub use installation::{Installation, calling_program, confined_program, film_program, verifier_program};
