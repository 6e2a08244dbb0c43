//! Load on the real server, over real connections: visits that send segments, people who read them, and runs in which
//! the server is killed meanwhile.
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value is null where it holds nothing: it does not panic"
)]

mod kill;
mod machine;
mod power;
mod random;
mod remote;
mod screens;
mod tabs;

pub use kill::{KillReport, kill_run};
pub use machine::{Machine, Running};
pub use power::{Engine, PowerReport, power_run};
pub use random::Random;
pub use remote::{Console, NotSent, Recorder, client};
pub use screens::{Browser, Run, allow_screens};
pub use tabs::{Listed, Tab};
