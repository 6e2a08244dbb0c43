//! What a segment tells in short, for lists and timelines.

use super::event::{Custom, EventKind, GapReason, Incremental, Number, Text};
use super::segment::Segment;

/// A page that was visited, as the policy lets it be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Since when, in milliseconds of the client's clock.
    pub at_ms: i64,
    /// URL without query and fragment.
    pub url: String,
    /// Title, where the recorder told it.
    pub title: Option<String>,
}

/// A time in which nothing was captured, as the recorder tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// From, in milliseconds of the client's clock.
    pub from_ms: i64,
    /// Until.
    pub to_ms: i64,
}

/// Width and height in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewport {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// A segment in short. Counts and pages are content: store them sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Earliest timestamp of the events as they were sent, in milliseconds of the client's clock.
    pub first_ms: i64,
    /// Latest timestamp of them. Both hold even if cleaning left no event.
    pub last_ms: i64,
    /// Whether playback can begin here.
    pub has_keyframe: bool,
    /// Pages in order; the first is where the segment began only if it begins with a keyframe.
    pub pages: Vec<Page>,
    /// Clicks and double taps (`Click` interactions).
    pub clicks: u64,
    /// Changes of fields by a person.
    pub inputs: u64,
    /// Errors the page logged.
    pub errors: u64,
    /// Times without capture.
    pub gaps: Vec<Gap>,
    /// The last viewport told.
    pub viewport: Option<Viewport>,
}

impl Segment<'_> {
    /// Sums up what the segment holds now: take it after cleaning, or it tells what must not be told.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            has_keyframe: self.has_keyframe(),
            ..Summary::default()
        };
        for event in &self.events {
            let at_ms = event.timestamp_ms;
            match &event.kind {
                EventKind::Meta { href, width, height } => {
                    summary.viewport = viewport(width, height).or(summary.viewport);
                    summary.page(at_ms, href, None);
                }
                EventKind::Custom(Custom::Page { url, title }) => summary.page(at_ms, url, title.as_ref()),
                EventKind::Custom(Custom::Gap { reason, from_ms, to_ms }) => {
                    summary.gaps.push(Gap { reason: *reason, from_ms: *from_ms, to_ms: *to_ms });
                }
                EventKind::Incremental(change) => summary.change(change),
                _ => {}
            }
        }
        summary
    }
}

impl Summary {
    /// Keyframes tell their page again; only another URL is another page.
    fn page(&mut self, at_ms: i64, url: &Text<'_>, title: Option<&Text<'_>>) {
        match self.pages.last_mut() {
            Some(last) if last.url == **url => {
                if let Some(title) = title {
                    last.title = Some(title.to_string());
                }
            }
            _ => self.pages.push(Page { at_ms, url: url.to_string(), title: title.map(ToString::to_string) }),
        }
    }

    fn change(&mut self, change: &Incremental<'_>) {
        match change {
            Incremental::Interaction { kind: 2, .. } => self.clicks += 1,
            Incremental::Input { user_triggered, .. } if *user_triggered != Some(false) => self.inputs += 1,
            Incremental::Log { level, .. } if matches!(&**level, "error" | "assert") => self.errors += 1,
            Incremental::Resize { width, height } => {
                self.viewport = viewport(width, height).or(self.viewport)
            }
            _ => {}
        }
    }
}

/// Sizes are whole pixels up to what any screen has; zoomed pages tell fractions.
fn viewport(width: Number<'_>, height: Number<'_>) -> Option<Viewport> {
    let pixels = |number: Number<'_>| {
        let value: f64 = number.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked before"
        )]
        (0.0..=100_000.0).contains(&value).then(|| value.round() as u32)
    };
    Some(Viewport { width: pixels(width)?, height: pixels(height)? })
}
