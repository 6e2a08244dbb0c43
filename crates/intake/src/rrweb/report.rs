//! What cleaning changed, in counts; never in content.

use std::collections::BTreeMap;

/// What the sanitiser took out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SanitiseReport {
    /// Counts by reason: `script`, `handler`, `css`, `url`, and so on.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl SanitiseReport {
    pub(super) fn count(&mut self, reason: &'static str) {
        self.add(reason, 1);
    }

    pub(super) fn add(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason).or_default() += count;
        }
    }

    /// All counts together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// What the scrubber had to change: what a recorder that follows the policy would not have sent. All zero is the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Texts and titles masked.
    pub texts: u64,
    /// Values of fields masked, and their states cleared.
    pub values: u64,
    /// Attributes taken out or cut.
    pub attributes: u64,
    /// Excluded elements emptied.
    pub elements: u64,
    /// Images and drawings taken out because media are blocked.
    pub media: u64,
    /// Events taken out: about excluded elements, or from a page the policy denies.
    pub events: u64,
}

impl ScrubReport {
    /// All counts together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.texts + self.values + self.attributes + self.elements + self.media + self.events
    }
}

/// Both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// What could have done something in a player.
    pub sanitised: SanitiseReport,
    /// What the policy does not allow.
    pub scrubbed: ScrubReport,
}
