//! What a site's recorder may capture: the policy document, its rules, and how they judge a page.
//!
//! The recorder in the browser decides first and the server checks again, so two engines in two languages must agree. What
//! they agree on is written down in `policies/vectors` (rules in words in its README, cases in JSON), and both test suites
//! read those files.
//!
//! * [`Rules`] is what an administrator edits; [`CapturePolicy`] is what is signed and sent to browsers: the rules, the site,
//!   a version and a time limit, as [canonical JSON](canonical).
//! * [`Compiled`] is a set of rules ready to judge elements ([`Compiled::decision`]) and pages ([`Compiled::captures`]).
//! * [`attribute`](fn@attribute) says what becomes of one attribute under a decision.
//! * [`diff`](fn@diff) says in sentences what a change does, and whether it captures more or less.

mod attributes;
pub mod canonical;
mod decision;
mod diff;
mod pages;
mod policy;
mod selector;
mod urls;

pub use attributes::{Attribute, attribute, attribute_lists, bare_url, is_raster_data_url, is_structural};
pub use decision::{Compiled, Decision, Element, Standing, never_shown};
pub use diff::{Change, ChangeKind, Diff, Direction, diff};
pub use pages::{PRESETS, Page, PageRule, PageRuleError};
pub use policy::{CapturePolicy, FORMAT, Media, PolicyError, PolicyErrors, Preset, Rules, UrlRules};
pub use selector::{Selector, SelectorError};
pub use urls::{UrlPattern, UrlPatternError, path_of};

/// What stands in for masked text: five U+2022, whatever the length of the text.
pub const MASK: &str = "\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}";

/// The most entries one list of rules may hold.
pub const MOST_RULES: usize = 200;

/// The most code points one selector or URL pattern may have.
pub const LONGEST_RULE: usize = 200;
