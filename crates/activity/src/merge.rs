//! Samples that say the same, one after the other, become one stretch.

use crate::{Application, Entry, Stretch};

/// What was in front, sample by sample, as stretches. A day at a sample a second is some hundreds of them.
///
/// A sample holds from when it was taken until the next, but never for longer than `hold_ms`: a machine that slept between
/// two was not in that application.
#[derive(Clone, Debug)]
pub struct Merged {
    hold_ms: i64,
    open: Option<(Stretch, Application)>,
}

impl Merged {
    /// `hold_ms`: a sample counts for so long at most.
    #[must_use]
    pub const fn new(hold_ms: i64) -> Self {
        Self { hold_ms, open: None }
    }

    /// The application in front at a moment, none where there is none or it is not to be told. Answers the stretch that
    /// ends by it, if one does.
    pub fn sample(&mut self, at_ms: i64, front: Option<Application>) -> Option<Entry> {
        let reaches = |stretch: &Stretch| at_ms >= stretch.to && at_ms - stretch.to <= self.hold_ms;
        match (&mut self.open, front) {
            (Some((stretch, before)), Some(now)) if *before == now && reaches(stretch) => {
                stretch.to = at_ms;
                None
            }
            (_, front) => {
                let ended = self.end_at(at_ms);
                self.open = front.map(|now| (Stretch { from: at_ms, to: at_ms }, now));
                ended
            }
        }
    }

    /// Ends the stretch that is open, and begins it anew from there: so that a list that is sent has all up to now.
    pub fn cut(&mut self, at_ms: i64) -> Option<Entry> {
        let front = self.open.as_ref().map(|(_, front)| front.clone());
        self.sample(at_ms, None).inspect(|_| {
            self.open = front.map(|front| (Stretch { from: at_ms, to: at_ms }, front));
        })
    }

    fn end_at(&mut self, at_ms: i64) -> Option<Entry> {
        let (mut at, of) = self.open.take()?;
        // It was in front until something else was, if that was soon enough; a clock that was put back takes nothing away.
        if at_ms > at.to && at_ms - at.to <= self.hold_ms {
            at.to = at_ms;
        }
        (at.length_ms() > 0).then_some(Entry::Application { at, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> Option<Application> {
        Some(Application { name: name.to_owned(), title: None })
    }

    fn told(entry: Option<Entry>) -> Option<(i64, i64, String)> {
        match entry {
            Some(Entry::Application { at, of }) => Some((at.from, at.to, of.name)),
            _ => None,
        }
    }

    #[test]
    fn samples_that_say_the_same_are_one_stretch_until_something_else_is_in_front() {
        let mut merged = Merged::new(3000);
        for second in 0..60 {
            assert_eq!(merged.sample(1000 * second, app("editor")), None);
        }
        assert_eq!(told(merged.sample(60_000, app("mail"))), Some((0, 60_000, "editor".to_owned())));
        assert_eq!(told(merged.sample(61_000, None)), Some((60_000, 61_000, "mail".to_owned())));
        assert_eq!(merged.sample(62_000, None), None);
    }

    #[test]
    fn a_machine_that_slept_was_in_no_application_meanwhile() {
        let mut merged = Merged::new(3000);
        merged.sample(0, app("editor"));
        merged.sample(1000, app("editor"));
        assert_eq!(told(merged.sample(9_000_000, app("editor"))), Some((0, 1000, "editor".to_owned())));
        assert_eq!(told(merged.sample(9_001_000, None)), Some((9_000_000, 9_001_000, "editor".to_owned())));
    }

    #[test]
    fn a_clock_that_is_put_back_begins_anew() {
        let mut merged = Merged::new(3000);
        merged.sample(100_000, app("editor"));
        merged.sample(101_000, app("editor"));
        assert_eq!(told(merged.sample(50_000, app("editor"))), Some((100_000, 101_000, "editor".to_owned())));
        assert_eq!(told(merged.sample(51_000, None)), Some((50_000, 51_000, "editor".to_owned())));
    }

    #[test]
    fn what_is_cut_goes_on() {
        let mut merged = Merged::new(3000);
        merged.sample(0, app("editor"));
        merged.sample(1000, app("editor"));
        assert_eq!(told(merged.cut(2000)), Some((0, 2000, "editor".to_owned())));
        assert_eq!(told(merged.sample(3000, None)), Some((2000, 3000, "editor".to_owned())));
    }
}
