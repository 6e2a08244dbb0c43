//! What somebody did while their screen was recorded: facts, in the order in which they happened, and never what was typed
//! or copied.
//!
//! The list is read into types and written out of them; what is not among them is refused as a whole. Of addresses no value
//! of a query is kept, and nothing of what was done on a page that the rules keep out. Of what was done on a page whose
//! address nobody told only the bare fact is kept, and nothing where only some pages are recorded.

use clerestory_model::GapReason;
use serde::{Deserialize, Serialize};

use super::tabs::{Pages, Seen, Tabs};
use crate::refine::{GAPS, ToldGap};
use crate::rrweb::{self, Malformed};
use crate::{ACTIONS_BYTES, IntakeError};

/// Entries of a segment at most.
const MOST: usize = 10_000;
/// Characters of a text, and of an address, at most; what is longer is cut.
const TEXT_CHARS: usize = 200;
const URL_CHARS: usize = 2000;
/// No browser tells of a longer address: judging it would cost more than it says.
const URL_BYTES: usize = 8 * 1024;
/// Bytes of a list at most, written out: what is taken, with room for what is written otherwise.
const JSON_BYTES: usize = 32 * 1024 * 1024;
/// Times lie before the year 10000.
const LAST_MS: i64 = 253_402_300_800_000;
/// zstd's level: lists are short and there are few.
const LEVEL: i32 = 6;

/// Actions in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Actions {
    list: Vec<Action>,
    /// When the first and the last came, in milliseconds of the recorder's clock.
    span_ms: (i64, i64),
}

/// One action. Times are milliseconds of the recorder's clock; `tab` is a number that means nothing elsewhere. Targets,
/// titles, lengths and counts may be missing: of a page whose address is not known they are not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", try_from = "Told")]
enum Action {
    Navigate {
        t: i64,
        tab: u32,
        url: String,
        title: Option<String>,
    },
    Tab {
        t: i64,
        tab: u32,
        url: Option<String>,
        title: Option<String>,
    },
    /// `x` and `y` are fractions of the viewport.
    Click {
        t: i64,
        tab: Option<u32>,
        target: Target,
        x: f64,
        y: f64,
    },
    Submit {
        t: i64,
        tab: Option<u32>,
        target: Target,
    },
    Copy {
        t: i64,
        tab: Option<u32>,
        length: Option<u32>,
    },
    Cut {
        t: i64,
        tab: Option<u32>,
        length: Option<u32>,
    },
    Paste {
        t: i64,
        tab: Option<u32>,
        length: Option<u32>,
    },
    Scroll {
        t: i64,
        tab: Option<u32>,
        depth: f64,
    },
    /// `ms` before `t`.
    Keys {
        t: i64,
        tab: Option<u32>,
        count: Option<u32>,
        ms: u32,
    },
    /// `ms` before `t`.
    Idle {
        t: i64,
        ms: u32,
    },
    /// Why nothing is recorded for a while, in the person's own words.
    Pause {
        t: i64,
        reason: String,
    },
    Gap {
        t: i64,
        to: i64,
        reason: Why,
    },
}

/// What was clicked, as a page describes it to whoever cannot see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    role: Option<String>,
    name: Option<String>,
    tag: Option<String>,
}

/// An action as it comes, whatever its kind. It is read into one set of fields because an enum with a tag would first be
/// read whole into memory, with all that does not belong to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    t: i64,
    kind: Word,
    tab: Option<u32>,
    url: Option<String>,
    title: Option<String>,
    target: Option<Target>,
    x: Option<f64>,
    y: Option<f64>,
    length: Option<u32>,
    depth: Option<f64>,
    count: Option<u32>,
    ms: Option<u32>,
    reason: Option<String>,
    to: Option<i64>,
}

/// The word for a kind.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Navigate,
    Tab,
    Click,
    Submit,
    Copy,
    Cut,
    Paste,
    Scroll,
    Keys,
    Idle,
    Pause,
    Gap,
}

impl Told {
    /// Whether every field was taken out of it: what is left belongs to another kind.
    const fn is_spent(&self) -> bool {
        matches!(
            self,
            Self {
                t: _,
                kind: _,
                tab: None,
                url: None,
                title: None,
                target: None,
                x: None,
                y: None,
                length: None,
                depth: None,
                count: None,
                ms: None,
                reason: None,
                to: None,
            }
        )
    }
}

impl TryFrom<Told> for Action {
    type Error = &'static str;

    fn try_from(mut told: Told) -> Result<Self, Self::Error> {
        const LACKS: &str = "an action lacks a field of its kind";
        let (t, tab) = (told.t, told.tab.take());
        let action = match told.kind {
            Word::Navigate => Self::Navigate {
                t,
                tab: tab.ok_or(LACKS)?,
                url: told.url.take().ok_or(LACKS)?,
                title: told.title.take(),
            },
            Word::Tab => {
                Self::Tab { t, tab: tab.ok_or(LACKS)?, url: told.url.take(), title: told.title.take() }
            }
            Word::Click => Self::Click {
                t,
                tab,
                target: told.target.take().ok_or(LACKS)?,
                x: told.x.take().ok_or(LACKS)?,
                y: told.y.take().ok_or(LACKS)?,
            },
            Word::Submit => Self::Submit { t, tab, target: told.target.take().ok_or(LACKS)? },
            Word::Copy => Self::Copy { t, tab, length: told.length.take() },
            Word::Cut => Self::Cut { t, tab, length: told.length.take() },
            Word::Paste => Self::Paste { t, tab, length: told.length.take() },
            Word::Scroll => Self::Scroll { t, tab, depth: told.depth.take().ok_or(LACKS)? },
            Word::Keys => Self::Keys { t, tab, count: told.count.take(), ms: told.ms.take().ok_or(LACKS)? },
            Word::Idle => Self::Idle { t, ms: told.ms.take().ok_or(LACKS)? },
            Word::Pause => Self::Pause { t, reason: told.reason.take().ok_or(LACKS)? },
            Word::Gap => Self::Gap {
                t,
                to: told.to.take().ok_or(LACKS)?,
                reason: told.reason.take().as_deref().and_then(Why::named).ok_or(LACKS)?,
            },
        };
        let has_tab = tab.is_none() || !matches!(told.kind, Word::Idle | Word::Pause | Word::Gap);
        if has_tab && told.is_spent() { Ok(action) } else { Err("an action has a field of another kind") }
    }
}

/// Why nothing was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Why {
    Blocked,
    Paused,
    Policy,
    Lost,
    Discarded,
}

impl Why {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "blocked" => Self::Blocked,
            "paused" => Self::Paused,
            "policy" => Self::Policy,
            "lost" => Self::Lost,
            "discarded" => Self::Discarded,
            _ => return None,
        })
    }

    const fn reason(self) -> GapReason {
        match self {
            Self::Blocked => GapReason::UrlDenied,
            Self::Paused => GapReason::Paused,
            Self::Policy => GapReason::PolicyStale,
            Self::Lost => GapReason::Missing,
            Self::Discarded => GapReason::Discarded,
        }
    }
}

impl Actions {
    /// Reads a list, and takes out of it what the rules keep out and what nobody is to know. `tabs` are those of the run
    /// when the list began, and then when it ended.
    ///
    /// # Errors
    /// [`IntakeError::Malformed`], [`IntakeError::TooLarge`].
    pub(crate) fn parse(json: &[u8], pages: &Pages, tabs: &mut Tabs) -> Result<Self, IntakeError> {
        if json.len() > ACTIONS_BYTES {
            return Err(IntakeError::TooLarge { limit: ACTIONS_BYTES });
        }
        let mut all = read(json)?;
        let (mut before, mut gaps) = (i64::MIN, 0_usize);
        for (number, action) in all.iter().enumerate() {
            gaps += usize::from(matches!(action, Action::Gap { .. }));
            if let Some(reason) = action.fault(before, gaps) {
                return Err(Malformed { path: number.to_string(), reason }.into());
            }
            before = action.t();
        }
        let span_ms = span(&all);
        all.retain_mut(|action| action.stays(pages, tabs));
        all.iter_mut().for_each(Action::shorten);
        Ok(Self { list: all, span_ms })
    }

    /// As it is stored: one zstd frame (RFC 8878) of the list.
    ///
    /// # Errors
    /// Only when there is no memory.
    pub(crate) fn pack(&self) -> Result<Vec<u8>, IntakeError> {
        let failed = || IntakeError::Inner("packing actions");
        let json = serde_json::to_vec(&self.list).map_err(|_| failed())?;
        zstd::bulk::compress(&json, LEVEL).map_err(|_| failed())
    }

    /// What was packed.
    ///
    /// # Errors
    /// [`IntakeError::Packing`], [`IntakeError::Malformed`].
    pub(crate) fn unpack(packed: &[u8]) -> Result<Self, IntakeError> {
        let json = zstd::bulk::decompress(packed, JSON_BYTES).map_err(|_| IntakeError::Packing)?;
        read(&json).map(|list| Self { span_ms: span(&list), list })
    }

    /// When the first and the last came, in milliseconds of the recorder's clock. For how long somebody did nothing, and
    /// how far a gap reaches, is no time that the list takes.
    pub(crate) const fn span_ms(&self) -> (i64, i64) {
        self.span_ms
    }

    /// The gaps they tell of.
    pub(crate) fn gaps(&self) -> Vec<ToldGap> {
        let gaps = self.list.iter().filter_map(|action| match action {
            Action::Gap { t, to, reason } => {
                Some(ToldGap { from_ms: *t, to_ms: *to, reason: reason.reason() })
            }
            _ => None,
        });
        gaps.collect()
    }

    /// What of them stands in the summary of their recording.
    pub(crate) fn told(&self) -> rrweb::Summary {
        let mut told = rrweb::Summary::default();
        for action in &self.list {
            match action {
                Action::Navigate { t, url, title, .. } | Action::Tab { t, url: Some(url), title, .. } => {
                    let bare = url.split('?').next().unwrap_or_default().to_owned();
                    told.pages.push(rrweb::Page { at_ms: *t, url: bare, title: title.clone() });
                }
                Action::Click { .. } => told.clicks += 1,
                Action::Submit { .. } | Action::Paste { .. } => told.inputs += 1,
                _ => {}
            }
        }
        told
    }
}

fn span(list: &[Action]) -> (i64, i64) {
    (list.first().map_or(0, Action::t), list.last().map_or(0, Action::t))
}

fn read(json: &[u8]) -> Result<Vec<Action>, IntakeError> {
    let all: Vec<Action> = serde_json::from_slice(json).map_err(|_| Malformed {
        path: String::new(),
        reason: "it is no list of the actions that recorders tell of",
    })?;
    if all.is_empty() || all.len() > MOST {
        return Err(Malformed { path: String::new(), reason: "a list has 1 to 10000 actions" }.into());
    }
    Ok(all)
}

impl Action {
    const fn t(&self) -> i64 {
        match self {
            Self::Navigate { t, .. }
            | Self::Tab { t, .. }
            | Self::Click { t, .. }
            | Self::Submit { t, .. }
            | Self::Copy { t, .. }
            | Self::Cut { t, .. }
            | Self::Paste { t, .. }
            | Self::Scroll { t, .. }
            | Self::Keys { t, .. }
            | Self::Idle { t, .. }
            | Self::Pause { t, .. }
            | Self::Gap { t, .. } => *t,
        }
    }

    /// What is wrong with it, behind one at `before`, where it is the so-manyth of the gaps if it is one.
    fn fault(&self, before: i64, gaps: usize) -> Option<&'static str> {
        let within = |fraction: &f64| (0.0..=1.0).contains(fraction);
        let is_time = |t: i64| (0..LAST_MS).contains(&t);
        let address = match self {
            Self::Navigate { url, .. } | Self::Tab { url: Some(url), .. } => url.as_str(),
            _ => "",
        };
        let fractions = match self {
            Self::Click { x, y, .. } => within(x) && within(y),
            Self::Scroll { depth, .. } => within(depth),
            _ => true,
        };
        if !is_time(self.t()) || matches!(self, Self::Gap { t, to, .. } if to < t || *to > LAST_MS) {
            Some("its time is no time")
        } else if self.t() < before {
            Some("it is before the one before")
        } else if !fractions {
            Some("a fraction lies between 0 and 1")
        } else if address.len() > URL_BYTES {
            Some("no address has more than 8192 bytes")
        } else if gaps > GAPS {
            Some("a segment tells of at most 64 gaps")
        } else {
            None
        }
    }

    /// Notes where its tab is now, and says whether anything of it is kept.
    fn stays(&mut self, pages: &Pages, tabs: &mut Tabs) -> bool {
        let tab = match self {
            Self::Gap { .. } | Self::Idle { .. } | Self::Pause { .. } => return true,
            Self::Navigate { tab, url, .. } => {
                tabs.went(*tab, pages.keeps_out(url));
                Some(*tab)
            }
            Self::Tab { tab, url, title, .. } => {
                tabs.came_to_front(*tab);
                match url {
                    Some(url) => tabs.went(*tab, pages.keeps_out(url)),
                    None => *title = None,
                }
                Some(*tab)
            }
            Self::Click { tab, .. }
            | Self::Submit { tab, .. }
            | Self::Copy { tab, .. }
            | Self::Cut { tab, .. }
            | Self::Paste { tab, .. }
            | Self::Scroll { tab, .. }
            | Self::Keys { tab, .. } => *tab,
        };
        match tabs.page_of(tab) {
            Seen::LetIn => true,
            Seen::KeptOut => false,
            Seen::Unknown => {
                self.lay_bare();
                pages.only.is_none()
            }
        }
    }

    /// Leaves the fact alone.
    fn lay_bare(&mut self) {
        match self {
            Self::Click { target, .. } | Self::Submit { target, .. } => *target = Target::default(),
            Self::Copy { length, .. } | Self::Cut { length, .. } | Self::Paste { length, .. } => {
                *length = None;
            }
            Self::Keys { count, .. } => *count = None,
            Self::Navigate { title, .. } | Self::Tab { title, .. } => *title = None,
            Self::Scroll { .. } | Self::Idle { .. } | Self::Pause { .. } | Self::Gap { .. } => {}
        }
    }

    fn shorten(&mut self) {
        match self {
            Self::Navigate { url, title, .. } => {
                *url = told_address(url);
                shorten(title);
            }
            Self::Tab { url, title, .. } => {
                *url = url.as_deref().map(told_address);
                shorten(title);
            }
            Self::Click { target, .. } | Self::Submit { target, .. } => {
                shorten(&mut target.role);
                shorten(&mut target.name);
                shorten(&mut target.tag);
            }
            Self::Pause { reason, .. } => cut(reason),
            _ => {}
        }
    }
}

fn shorten(text: &mut Option<String>) {
    text.iter_mut().for_each(cut);
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
        text.truncate(end);
    }
}

/// An address without credentials and fragment, and of its query only the names. Of what is no page only the scheme.
fn told_address(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        _ => return address.split_once(':').map_or_else(String::new, |(scheme, _)| format!("{scheme}:")),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let site = authority.rsplit('@').next().unwrap_or_default();
    let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    let names = names.join("&");
    let told = match names.is_empty() {
        true => format!("{scheme}://{site}{path}"),
        false => format!("{scheme}://{site}{path}?{names}"),
    };
    told.chars().take(URL_CHARS).collect()
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
