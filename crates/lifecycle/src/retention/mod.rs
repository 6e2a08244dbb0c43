//! What falls due: the sweep that queues it to be erased, what a change of a retention would do, and what stops a sweep that
//! would erase far more than was foreseen.

mod preview;
mod rows;
mod sweep;

pub use preview::{Changed, Preview, PreviewDay};
pub use rows::SweepState;
pub use sweep::{Sweep, SweepStep};

/// Recordings beyond the forecast that stop a sweep in any organisation.
const MANY: u64 = 10_000;
/// The share of an organisation's recordings beyond the forecast that stops a sweep: one in so many.
const SHARE: u64 = 20;
/// So few beyond the forecast never stop one: in a small organisation a single recording is a large share.
const FEW: u64 = 10;

/// Whether so many that are due, where so many were expected, of so many that there are, are far too many.
const fn too_many(due: u64, expected: u64, all: u64) -> bool {
    let beyond = due.saturating_sub(expected);
    beyond > MANY || (beyond > FEW && beyond.saturating_mul(SHARE) > all)
}

#[cfg(test)]
mod tests {
    use super::too_many;

    #[test]
    fn more_than_a_twentieth_beyond_the_forecast_is_too_many_and_so_are_ten_thousand() {
        for (due, expected, all, stops) in [
            (11, 0, 219, true),
            (11, 0, 220, false),
            (10, 0, 10, false),
            (500, 400, 2_000, false),
            (501, 400, 2_000, true),
            (20_000, 10_000, 1_000_000, false),
            (20_001, 10_000, 1_000_000, true),
            (5, 9_000, 9_000, false),
        ] {
            assert_eq!(too_many(due, expected, all), stops, "{due} {expected} {all}");
        }
    }
}
