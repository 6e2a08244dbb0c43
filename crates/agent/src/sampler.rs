//! From moments to what is told: counts by intervals, applications as stretches, what was idle, and gaps with their reasons.
//!
//! It knows no screen, no bus and no clock; whoever samples says what they saw and when.

use clerestory_activity::{Application, Counts, Entry, Merged, SlotLength, Slots, Stretch, Why};

/// Samples farther apart than this were not one look after the other.
const HOLD_MS: i64 = 5000;
/// A clock that differs from the one that only counts by more than this was set.
const SET_MS: i64 = 2000;

/// How sampling goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Of counts.
    pub length: SlotLength,
    /// Without input for so long somebody is idle.
    pub idle_after_ms: i64,
}

/// What was seen at a moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The clock on the wall, in milliseconds since 1970.
    pub at_ms: i64,
    /// A clock that only counts, and goes on while the machine sleeps, in milliseconds since anything.
    pub counted_ms: i64,
    /// The same without the time that the machine slept.
    pub awake_ms: i64,
    /// What was typed and pointed since the sample before.
    pub counts: Counts,
    /// Whether anything was.
    pub any_input: bool,
    /// The application in front, as far as it may be told.
    pub front: Option<Application>,
    /// Why nothing may be told of this moment, and what the person said of it.
    pub shut: Option<Shut>,
}

/// Why nothing is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// The reason.
    pub why: Why,
    /// In the person's own words, where they were asked.
    pub said: Option<String>,
}

/// Clocks of the sample before.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    at_ms: i64,
    counted_ms: i64,
    awake_ms: i64,
}

/// What a list ends with when clocks do not go on as they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The machine slept.
    Slept,
    /// The clock was set.
    Set,
    /// Nobody looked for a while.
    Missed,
}

/// Takes samples, and gives what is to be told.
#[derive(Debug)]
pub struct Sampler {
    rate: Rate,
    slots: Slots,
    front: Merged,
    before: Option<Clocks>,
    /// When anything was typed or pointed last, or since when it is looked.
    active_ms: i64,
    /// Since when somebody is idle.
    idle_since_ms: Option<i64>,
    /// Since when nothing is told.
    shut: Option<(i64, Shut)>,
}

impl Sampler {
    /// Nothing was seen yet.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self {
            rate,
            slots: Slots::new(rate.length),
            front: Merged::new(HOLD_MS),
            before: None,
            active_ms: 0,
            idle_since_ms: None,
            shut: None,
        }
    }

    /// From now on it goes like this. Answers what was counted so far.
    pub fn set_rate(&mut self, rate: Rate) -> Option<Entry> {
        let ended = (rate.length != self.rate.length).then(|| self.slots.relength(rate.length)).flatten();
        self.rate = rate;
        ended
    }

    /// What is to be told after this sample, in the order in which it begins.
    pub fn sample(&mut self, sample: Sample) -> Vec<Entry> {
        let mut told = Vec::new();
        let Sample { at_ms, counted_ms, awake_ms, .. } = sample;
        let now = Clocks { at_ms, counted_ms, awake_ms };
        if let Some((before, broke)) =
            self.before.replace(now).and_then(|before| Some((before, broke(before, now)?)))
        {
            told.extend(self.end(before.at_ms));
            if broke != Break::Set && at_ms > before.at_ms {
                let why = if broke == Break::Slept { Why::Asleep } else { Why::Lost };
                told.push(gap(before.at_ms, at_ms, Shut { why, said: None }));
            }
        }
        if self.active_ms == 0 {
            self.active_ms = at_ms;
        }
        match (&self.shut, &sample.shut) {
            (None, Some(shut)) => {
                told.extend(self.end(at_ms));
                self.shut = Some((at_ms, shut.clone()));
            }
            (Some((_, before)), now) if now.as_ref() != Some(before) => {
                told.extend(self.end(at_ms));
                self.shut = sample.shut.clone().map(|shut| (at_ms, shut));
                self.active_ms = at_ms;
            }
            _ => {}
        }
        if self.shut.is_none() {
            told.extend(self.slots.add(at_ms, sample.counts));
            told.extend(self.front.sample(at_ms, sample.front));
            told.extend(self.activity(at_ms, sample.any_input));
        }
        told.sort_by_key(|entry| entry.at().from);
        told
    }

    /// Whether somebody is idle, by what was typed and pointed. They were from the last time on.
    fn activity(&mut self, at_ms: i64, any_input: bool) -> Option<Entry> {
        if any_input {
            let ended = self.idle_since_ms.take().and_then(|from| idle(from, at_ms));
            self.active_ms = at_ms;
            return ended;
        }
        if self.idle_since_ms.is_none() && at_ms - self.active_ms >= self.rate.idle_after_ms {
            self.idle_since_ms = Some(self.active_ms);
        }
        None
    }

    /// Whether somebody is idle now.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.idle_since_ms.is_some()
    }

    /// Ends what goes on, as of a moment.
    fn end(&mut self, at_ms: i64) -> Vec<Entry> {
        let mut told = Vec::new();
        told.extend(self.slots.end());
        told.extend(self.front.sample(at_ms, None));
        told.extend(self.idle_since_ms.take().and_then(|from| idle(from, at_ms)));
        if let Some((from, shut)) = self.shut.take()
            && at_ms > from
        {
            told.push(gap(from, at_ms, shut));
        }
        self.active_ms = 0;
        told
    }

    /// Everything up to a moment, so that it can be sent. What goes on, goes on from there.
    pub fn cut(&mut self, at_ms: i64) -> Vec<Entry> {
        let mut told = Vec::new();
        told.extend(self.front.cut(at_ms));
        if let Some(from) = &mut self.idle_since_ms {
            told.extend(idle(*from, at_ms));
            *from = at_ms.max(*from);
        }
        if let Some((from, shut)) = &mut self.shut
            && at_ms > *from
        {
            told.push(gap(*from, at_ms, shut.clone()));
            *from = at_ms;
        }
        told.sort_by_key(|entry| entry.at().from);
        told
    }

    /// Everything, for good.
    pub fn stop(&mut self, at_ms: i64) -> Vec<Entry> {
        let mut told = self.end(at_ms);
        self.before = None;
        told.sort_by_key(|entry| entry.at().from);
        told
    }
}

fn broke(before: Clocks, now: Clocks) -> Option<Break> {
    let counted = now.counted_ms - before.counted_ms;
    let slept = counted - (now.awake_ms - before.awake_ms);
    if ((now.at_ms - before.at_ms) - counted).abs() > SET_MS {
        return Some(Break::Set);
    }
    if slept > SET_MS {
        return Some(Break::Slept);
    }
    (counted > HOLD_MS).then_some(Break::Missed)
}

fn idle(from: i64, to: i64) -> Option<Entry> {
    (to > from).then_some(Entry::Idle { at: Stretch { from, to } })
}

fn gap(from: i64, to: i64, Shut { why, said }: Shut) -> Entry {
    Entry::Gap { at: Stretch { from, to }, why, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: i64 = 1_780_000_020_000;

    struct Desk {
        sampler: Sampler,
        now: Clocks,
        told: Vec<Entry>,
    }

    impl Desk {
        fn new() -> Self {
            let rate = Rate { length: SlotLength::nearest(60), idle_after_ms: 30_000 };
            let now = Clocks { at_ms: BEGAN, counted_ms: 0, awake_ms: 0 };
            Self { sampler: Sampler::new(rate), now, told: Vec::new() }
        }

        fn look(&mut self, keys: u32, front: &str, shut: Option<Why>) {
            let Clocks { at_ms, counted_ms, awake_ms } = self.now;
            let sample = Sample {
                at_ms,
                counted_ms,
                awake_ms,
                counts: Counts { keys, ..Counts::default() },
                any_input: keys > 0,
                front: Some(Application { name: front.to_owned(), title: None }),
                shut: shut.map(|why| Shut { why, said: None }),
            };
            self.told.extend(self.sampler.sample(sample));
        }

        fn pass(&mut self, ms: i64) {
            self.now.at_ms += ms;
            self.now.counted_ms += ms;
            self.now.awake_ms += ms;
        }

        /// A look a second, for so many.
        fn work(&mut self, seconds: i64, keys: u32, front: &str, shut: Option<Why>) {
            for _ in 0..seconds {
                self.pass(1000);
                self.look(keys, front, shut);
            }
        }

        /// What was told, briefly: seconds since the beginning.
        fn said(mut self) -> Vec<String> {
            self.told.extend(self.sampler.stop(self.now.at_ms));
            let of = |ms: i64| (ms - BEGAN) / 1000;
            let line = |entry: &Entry| {
                let at = entry.at();
                let what = match entry {
                    Entry::Input { count, .. } => format!("{} keys", count.keys),
                    Entry::Application { of, .. } => of.name.clone(),
                    Entry::Idle { .. } => "idle".to_owned(),
                    Entry::Gap { why, .. } => format!("{why:?}"),
                    other => format!("{other:?}"),
                };
                format!("{}-{} {what}", of(at.from), of(at.to))
            };
            self.told.iter().map(line).collect()
        }
    }

    #[test]
    fn a_pause_is_a_gap_and_nothing_of_it_is_counted() {
        let mut desk = Desk::new();
        desk.work(10, 3, "editor", None);
        desk.work(20, 5, "bank", Some(Why::Private));
        desk.work(10, 1, "editor", None);
        assert_eq!(
            desk.said(),
            ["0-60 30 keys", "1-11 editor", "11-31 Private", "0-60 10 keys", "31-40 editor"]
        );
    }

    #[test]
    fn whoever_does_nothing_is_idle_from_when_they_stopped() {
        let mut desk = Desk::new();
        desk.work(5, 1, "editor", None);
        desk.work(40, 0, "editor", None);
        desk.work(5, 1, "editor", None);
        assert_eq!(desk.said(), ["5-46 idle", "0-60 10 keys", "1-50 editor"]);
    }

    #[test]
    fn a_machine_that_slept_did_nothing_and_a_clock_that_was_set_is_believed_from_then_on() {
        let mut desk = Desk::new();
        desk.work(5, 1, "editor", None);
        desk.now.at_ms += 600_000;
        desk.now.counted_ms += 600_000;
        desk.work(5, 1, "editor", None);
        desk.now.at_ms -= 300_000;
        desk.work(5, 1, "editor", None);
        assert_eq!(
            desk.said(),
            [
                "0-60 5 keys",
                "1-5 editor",
                "5-606 Asleep",
                "600-660 5 keys",
                "606-610 editor",
                "300-360 5 keys",
                "311-315 editor"
            ]
        );
    }

    #[test]
    fn what_is_cut_for_sending_goes_on_without_a_hole() {
        let mut desk = Desk::new();
        desk.work(10, 1, "editor", None);
        let cut = desk.sampler.cut(desk.now.at_ms);
        desk.told.extend(cut);
        desk.work(10, 1, "editor", None);
        desk.work(10, 1, "mail", Some(Why::Locked));
        let cut = desk.sampler.cut(desk.now.at_ms);
        desk.told.extend(cut);
        desk.work(10, 1, "mail", Some(Why::Locked));
        assert_eq!(
            desk.said(),
            ["1-10 editor", "0-60 20 keys", "10-21 editor", "21-30 Locked", "30-40 Locked"]
        );
    }
}
