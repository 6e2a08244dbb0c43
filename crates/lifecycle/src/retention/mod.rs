//! What falls due: the sweep that queues it to be erased, what a change of a retention would do, and what stops a sweep that
//! would erase far more than was foreseen.

pub(crate) mod in_force;
mod preview;
pub(crate) mod rows;
mod sweep;
mod words;

pub use in_force::Intended;
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

/// What a confirmation of so many lets through: a few more may have fallen due since they were counted.
#[must_use]
pub const fn covered_by(shown: u64) -> u64 {
    shown.saturating_add(shown / 20)
}

#[cfg(test)]
mod tests {
    use super::{covered_by, too_many};

    #[test]
    fn a_confirmation_covers_a_twentieth_more_than_was_shown() {
        for (shown, covered) in [(0, 0), (19, 19), (20, 21), (12_000, 12_600), (u64::MAX, u64::MAX)] {
            assert_eq!(covered_by(shown), covered);
        }
    }

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
