//! Counts, by intervals of the clock.

use std::num::NonZeroU32;

use crate::{Entry, Input, Stretch};

/// How long an interval is: 10 seconds to an hour, and a part of a day without rest, so that intervals begin at the same
/// times on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLength(NonZeroU32);

impl SlotLength {
    /// The nearest length that intervals can have.
    #[must_use]
    pub fn nearest(seconds: u32) -> Self {
        const DAY_S: u32 = 86_400;
        let fits = |length: &u32| DAY_S.is_multiple_of(*length);
        let length = (10..=3600).filter(fits).min_by_key(|length| length.abs_diff(seconds));
        Self(length.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0.get() as i64 * 1000
    }
}

/// What is counted between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Keys that went down.
    pub keys: u32,
    /// Buttons that went down.
    pub clicks: u32,
    /// Steps of a wheel.
    pub scrolls: u32,
    /// How far the pointer went, in pixels.
    pub distance: f64,
}

/// Adds up what is counted, and tells it interval by interval; nothing of when within one.
#[derive(Clone, Debug)]
pub struct Slots {
    length: SlotLength,
    open: Option<(i64, Counts)>,
}

impl Slots {
    /// Nothing was counted yet.
    #[must_use]
    pub const fn new(length: SlotLength) -> Self {
        Self { length, open: None }
    }

    /// From now on intervals are of this length. Answers what was counted so far.
    pub fn relength(&mut self, length: SlotLength) -> Option<Entry> {
        let ended = self.end();
        self.length = length;
        ended
    }

    /// What was counted since the last look, up to a moment. Answers the interval that is over by it.
    pub fn add(&mut self, now_ms: i64, counts: Counts) -> Option<Entry> {
        let begins = now_ms - now_ms.rem_euclid(self.length.ms());
        let ended = match &self.open {
            Some((from, _)) if *from != begins => self.end(),
            _ => None,
        };
        let (_, sum) = self.open.get_or_insert((begins, Counts::default()));
        sum.keys = sum.keys.saturating_add(counts.keys);
        sum.clicks = sum.clicks.saturating_add(counts.clicks);
        sum.scrolls = sum.scrolls.saturating_add(counts.scrolls);
        sum.distance += counts.distance.max(0.0);
        ended
    }

    /// What was counted of the interval that goes on; it is told as the whole of it, however much of it is over.
    pub fn end(&mut self) -> Option<Entry> {
        let (from, sum) = self.open.take()?;
        let count = Input {
            keys: sum.keys,
            clicks: sum.clicks,
            scrolls: sum.scrolls,
            // What is too far for the type is as far as it goes.
            distance: (sum.distance / 10.0).floor().min(f64::from(u32::MAX / 10)) as u32 * 10,
        };
        let is_any = count != Input::default();
        is_any.then_some(Entry::Input { at: Stretch { from, to: from + self.length.ms() }, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: u32) -> Counts {
        Counts { keys, ..Counts::default() }
    }

    fn told(entry: Option<Entry>) -> Option<(i64, i64, u32)> {
        match entry {
            Some(Entry::Input { at, count }) => Some((at.from, at.to, count.keys)),
            _ => None,
        }
    }

    #[test]
    fn keys_are_counted_in_the_interval_they_fell_into() {
        let mut slots = Slots::new(SlotLength::nearest(60));
        let (mut ended, begins) = (Vec::new(), 1_000_000_020_000_i64);
        // From its twentieth second on.
        for second in 20..200 {
            ended.extend(told(slots.add(begins + 1000 * second, keys(2))));
        }
        let minute = |number: i64, keys| (begins + 60_000 * number, begins + 60_000 * (number + 1), keys);
        assert_eq!(ended, [minute(0, 80), minute(1, 120), minute(2, 120)]);
        assert_eq!(told(slots.end()), Some(minute(3, 40)));
    }

    #[test]
    fn an_interval_without_input_is_none() {
        let mut slots = Slots::new(SlotLength::nearest(10));
        assert_eq!(slots.add(0, keys(0)), None);
        assert_eq!(slots.add(10_000, keys(0)), None);
        assert_eq!(slots.end(), None);
    }

    #[test]
    fn lengths_divide_a_day() {
        for (asked, is) in [(0, 10), (10, 10), (11, 10), (59, 60), (60, 60), (300, 300), (7000, 3600)] {
            assert_eq!(SlotLength::nearest(asked).ms(), is * 1000, "{asked}");
        }
    }
}
