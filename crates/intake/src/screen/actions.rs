//! What somebody did while their screen was recorded: facts, in the order in which they happened, and never what was typed
//! or copied.
//!
//! The list is read into types and written out of them; what is not among them is refused as a whole. Of addresses no value
//! of a query is kept, and nothing of what was done on a page that the rules keep out.

use clerestory_model::GapReason;
use clerestory_settings::capture::PageRule;
use serde::{Deserialize, Serialize};

use crate::IntakeError;
use crate::refine::ToldGap;
use crate::rrweb::{self, Malformed};

/// Entries of a segment at most.
const MOST: usize = 10_000;
/// Characters of a text, and of an address, at most; what is longer is cut.
const TEXT_CHARS: usize = 200;
const URL_CHARS: usize = 2000;
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
    /// When the first began and the last ended as they came, in milliseconds of the recorder's clock.
    span_ms: (i64, i64),
}

/// One action. Times are milliseconds of the recorder's clock; `tab` is a number that means nothing elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
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
        length: u32,
    },
    Cut {
        t: i64,
        tab: Option<u32>,
        length: u32,
    },
    Paste {
        t: i64,
        tab: Option<u32>,
        length: u32,
    },
    Scroll {
        t: i64,
        tab: Option<u32>,
        depth: f64,
    },
    Keys {
        t: i64,
        tab: Option<u32>,
        count: u32,
        ms: u32,
    },
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    role: Option<String>,
    name: Option<String>,
    tag: Option<String>,
}

/// Why nothing was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Why {
    Blocked,
    Paused,
    Policy,
    Lost,
    Discarded,
}

impl Why {
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

/// Which pages are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Whether only those named are.
    pub(crate) only: bool,
    pub(crate) rules: Vec<PageRule>,
}

impl Pages {
    /// Whether a page with this address is kept out.
    pub(crate) fn keeps_out(&self, address: &str) -> bool {
        self.rules.iter().any(|rule| rule.names(address)) != self.only
    }
}

impl Actions {
    /// Reads a list, and takes out of it what the rules keep out and what nobody is to know.
    ///
    /// # Errors
    /// [`IntakeError::Malformed`].
    pub(crate) fn parse(json: &[u8], pages: &Pages) -> Result<Self, IntakeError> {
        let mut all = read(json)?;
        let mut before = i64::MIN;
        for (number, action) in all.iter().enumerate() {
            let t = action.t();
            let reason = if !(0..LAST_MS).contains(&t)
                || matches!(action, Action::Gap { t, to, .. } if to < t || *to > LAST_MS)
            {
                "its time is no time"
            } else if t < before {
                "it is before the one before"
            } else if !action.is_finite() {
                "a fraction lies between 0 and 1"
            } else {
                before = t;
                continue;
            };
            return Err(Malformed { path: number.to_string(), reason }.into());
        }
        let span_ms = span(&all);
        let mut hidden = false;
        all.retain(|action| {
            match action {
                Action::Navigate { url, .. } | Action::Tab { url: Some(url), .. } => {
                    hidden = pages.keeps_out(url)
                }
                Action::Tab { url: None, .. } => hidden = false,
                Action::Gap { .. } | Action::Idle { .. } | Action::Pause { .. } => return true,
                _ => {}
            }
            !hidden
        });
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

    /// When the first began and the last ended as they came, in milliseconds of the recorder's clock.
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
    let ends = list.iter().map(Action::ends).max().unwrap_or_default();
    (list.first().map_or(0, Action::t), ends)
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

    fn ends(&self) -> i64 {
        match self {
            Self::Keys { t, ms, .. } | Self::Idle { t, ms } => t.saturating_add(i64::from(*ms)),
            Self::Gap { to, .. } => *to,
            other => other.t(),
        }
    }

    fn is_finite(&self) -> bool {
        let within = |fraction: &f64| (0.0..=1.0).contains(fraction);
        match self {
            Self::Click { x, y, .. } => within(x) && within(y),
            Self::Scroll { depth, .. } => within(depth),
            _ => true,
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nothing() -> Pages {
        Pages { only: false, rules: Vec::new() }
    }

    fn written(list: &Value, pages: &Pages) -> Value {
        let packed = Actions::parse(list.to_string().as_bytes(), pages).unwrap().pack().unwrap();
        serde_json::from_slice(&zstd::bulk::decompress(&packed, JSON_BYTES).unwrap()).unwrap()
    }

    #[test]
    fn values_of_queries_credentials_and_long_texts_are_not_kept() {
        let list = json!([
            { "t": 5, "kind": "navigate", "tab": 1, "url": "https://me:secret@a.example/p?q=canary&r#canary", "title": "x".repeat(300) },
            { "t": 6, "kind": "tab", "tab": 2, "url": "data:text/html,canary", "title": null },
            { "t": 7, "kind": "click", "target": { "role": "button", "name": "Save", "tag": "button" }, "x": 0.5, "y": 1 },
            { "t": 7, "kind": "keys", "count": 17, "ms": 5000 },
            { "t": 8, "kind": "pause", "reason": "p".repeat(300) },
        ]);
        let kept = written(&list, &nothing());
        assert_eq!(kept[0]["url"], "https://a.example/p?q&r");
        assert_eq!(kept[0]["title"].as_str().unwrap().len(), 200);
        assert_eq!(kept[1]["url"], "data:");
        assert_eq!(kept[4]["reason"].as_str().unwrap().len(), 200);
        assert!(!kept.to_string().contains("canary") && !kept.to_string().contains("secret"));
    }

    #[test]
    fn nothing_is_kept_of_a_page_that_is_kept_out() {
        let list = json!([
            { "t": 1, "kind": "navigate", "tab": 1, "url": "https://work.example/", "title": "Work" },
            { "t": 2, "kind": "navigate", "tab": 1, "url": "https://bank.example/", "title": "Canary" },
            { "t": 3, "kind": "click", "target": { "name": "Canary" }, "x": 0, "y": 0 },
            { "t": 3, "kind": "gap", "to": 9, "reason": "blocked" },
            { "t": 3, "kind": "pause", "reason": "A call" },
            { "t": 4, "kind": "copy", "length": 3 },
            { "t": 9, "kind": "navigate", "tab": 1, "url": "https://work.example/b", "title": "Work" },
            { "t": 10, "kind": "paste", "length": 3 },
        ]);
        let rules = vec![PageRule::parse("*.bank.example").unwrap()];
        let kept = written(&list, &Pages { only: false, rules });
        let kinds: Vec<&str> =
            kept.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["navigate", "gap", "pause", "navigate", "paste"]);
        let only = Pages { only: true, rules: vec![PageRule::parse("work.example").unwrap()] };
        assert_eq!(written(&list, &only), kept);
    }

    #[test]
    fn what_recorders_do_not_write_is_refused() {
        for list in [
            json!([]),
            json!({}),
            json!([{ "t": 1, "kind": "type", "text": "canary" }]),
            json!([{ "t": 1, "kind": "keys", "count": 1, "ms": 1, "keys": "canary" }]),
            json!([{ "t": 1, "kind": "paste", "length": 1, "text": "canary" }]),
            json!([{ "t": 1, "kind": "click", "target": { "value": "canary" }, "x": 0, "y": 0 }]),
            json!([{ "t": 1, "kind": "click", "target": {}, "x": 1.5, "y": 0 }]),
            json!([{ "t": 2, "kind": "idle", "ms": 1 }, { "t": 1, "kind": "idle", "ms": 1 }]),
            json!([{ "t": -1, "kind": "idle", "ms": 1 }]),
            json!([{ "t": 5, "kind": "gap", "to": 4, "reason": "paused" }]),
            json!([{ "t": 5, "kind": "gap", "to": 6, "reason": "bored" }]),
        ] {
            let found = Actions::parse(list.to_string().as_bytes(), &nothing());
            assert!(matches!(found, Err(IntakeError::Malformed(_))), "{list}");
        }
    }
}
