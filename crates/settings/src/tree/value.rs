//! Values of settings and their kinds.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value as Json;

use super::Span;
use crate::capture::PageRule;

/// Members of a set at most.
const MEMBERS: usize = 200;
/// Characters of a member at most.
const MEMBER_CHARS: usize = 200;
/// Characters of an address at most.
const ADDRESS_CHARS: usize = 500;

/// What a setting can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A whole number.
    Number(i64),
    /// A length of time.
    Span(Span),
    /// One of the words of its kind.
    Word(&'static str),
    /// Some texts, each once.
    Set(BTreeSet<String>),
    /// A text; empty for none.
    Text(String),
}

/// Which values a setting can have, with their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off; off is the lower.
    Switch,
    /// Whole numbers.
    Number {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// Lengths of time.
    Span {
        /// The least.
        least: Span,
        /// The most.
        most: Span,
        /// Whether they may be counted in months and years of the calendar.
        calendar: bool,
    },
    /// One of these words, the lowest first.
    Words(&'static [&'static str]),
    /// Sets of texts, or of some of these words. A set is above those it contains.
    Set(Option<&'static [&'static str]>),
    /// Sets of rules about pages.
    Pages,
    /// Texts of at most so many characters; none of them is higher than another.
    Text {
        /// The most.
        most: usize,
    },
    /// Addresses of pages, or nothing.
    Address,
}

/// Why something is not a value of a setting: told to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be {wanted}")]
pub struct ValueError {
    wanted: String,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Number { .. } => "number",
            Self::Span { .. } => "duration",
            Self::Words(_) => "word",
            Self::Set(_) | Self::Pages => "set",
            Self::Text { .. } | Self::Address => "text",
        }
    }

    /// Which values it has, in words.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Number { least, most } => format!("a whole number from {least} to {most}"),
            Self::Span { least, most, calendar: true } => {
                format!("a duration from {least} to {most}, for example P90D or P1M")
            }
            Self::Span { least, most, calendar: false } => {
                format!("a duration from {least} to {most} without months or years, for example PT12H")
            }
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Set(Some(words)) => format!("a list of some of {}", words.join(", ")),
            Self::Set(None) => {
                format!("a list of at most {MEMBERS} texts of 1 to {MEMBER_CHARS} characters")
            }
            Self::Pages => {
                format!(
                    "a list of at most {MEMBERS} pages, for example https://bank.example/**, *.bank.example or /account/**"
                )
            }
            Self::Text { most } => format!("a text of at most {most} characters"),
            Self::Address => {
                format!("the address of a page, https://…, of at most {ADDRESS_CHARS} characters, or nothing")
            }
        }
    }

    /// Reads a value as the API speaks it.
    ///
    /// # Errors
    /// [`ValueError`] when it is of another kind or out of bounds.
    pub fn read(self, json: &Json) -> Result<Value, ValueError> {
        let found = match (self, json) {
            (Self::Switch, Json::Bool(on)) => Some(Value::Switch(*on)),
            (Self::Number { .. }, Json::Number(number)) => number.as_i64().map(Value::Number),
            (Self::Span { .. }, Json::String(text)) => text.parse().ok().map(Value::Span),
            (Self::Words(words), Json::String(text)) => {
                words.iter().find(|word| **word == text).map(|word| Value::Word(word))
            }
            (Self::Text { .. } | Self::Address, Json::String(text)) => {
                Some(Value::Text(text.trim().to_owned()))
            }
            (Self::Set(_) | Self::Pages, Json::Array(members)) => {
                let texts = members.iter().map(|one| one.as_str().map(str::to_owned));
                texts.collect::<Option<BTreeSet<String>>>().map(Value::Set)
            }
            _ => None,
        };
        found.filter(|value| self.has(value)).ok_or_else(|| ValueError { wanted: self.describe() })
    }

    /// Whether this is one of its values.
    #[must_use]
    pub fn has(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Switch, Value::Switch(_)) => true,
            (Self::Number { least, most }, Value::Number(number)) => (least..=most).contains(number),
            (Self::Span { least, most, calendar }, Value::Span(span)) => {
                (least..=most).contains(span) && (calendar || span.months() == 0)
            }
            (Self::Words(words), Value::Word(word)) => words.contains(word),
            (Self::Set(of), Value::Set(members)) => {
                members.len() <= MEMBERS
                    && members.iter().all(|one| match of {
                        Some(words) => words.contains(&one.as_str()),
                        None => {
                            (1..=MEMBER_CHARS).contains(&one.chars().count())
                                && !one.chars().any(char::is_control)
                        }
                    })
            }
            (Self::Pages, Value::Set(members)) => {
                members.len() <= MEMBERS && members.iter().all(|one| PageRule::parse(one).is_ok())
            }
            (Self::Text { most }, Value::Text(text)) => {
                text.chars().count() <= most && !text.chars().any(char::is_control)
            }
            (Self::Address, Value::Text(text)) => {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                text.is_empty()
                    || rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
                        && text.chars().count() <= ADDRESS_CHARS
                        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
            }
            _ => false,
        }
    }

    /// Which of two of its values is the higher; nothing where neither is. Of sets a larger one is higher than those it
    /// contains.
    #[must_use]
    pub fn compare(self, one: &Value, other: &Value) -> Option<Ordering> {
        match (one, other) {
            (Value::Switch(one), Value::Switch(other)) => Some(one.cmp(other)),
            (Value::Number(one), Value::Number(other)) => Some(one.cmp(other)),
            (Value::Span(one), Value::Span(other)) => Some(one.cmp(other)),
            (Value::Word(one), Value::Word(other)) => match self {
                Self::Words(words) => {
                    let place = |word: &str| words.iter().position(|known| *known == word);
                    Some(place(one)?.cmp(&place(other)?))
                }
                _ => None,
            },
            (Value::Set(one), Value::Set(other)) if one == other => Some(Ordering::Equal),
            (Value::Set(one), Value::Set(other)) if one.is_subset(other) => Some(Ordering::Less),
            (Value::Set(one), Value::Set(other)) if one.is_superset(other) => Some(Ordering::Greater),
            _ => None,
        }
    }

    /// The highest that is not above either.
    #[must_use]
    pub fn lower(self, one: &Value, other: &Value) -> Value {
        match (one, other) {
            (Value::Set(one), Value::Set(other)) => Value::Set(one.intersection(other).cloned().collect()),
            _ if self.compare(one, other) == Some(Ordering::Greater) => other.clone(),
            _ => one.clone(),
        }
    }

    /// The lowest that is not below either.
    #[must_use]
    pub fn higher(self, one: &Value, other: &Value) -> Value {
        match (one, other) {
            (Value::Set(one), Value::Set(other)) => Value::Set(one.union(other).cloned().collect()),
            _ if self.compare(one, other) == Some(Ordering::Less) => other.clone(),
            _ => one.clone(),
        }
    }
}

impl Value {
    /// As the API speaks it.
    #[must_use]
    pub fn json(&self) -> Json {
        match self {
            Self::Switch(on) => Json::from(*on),
            Self::Number(number) => Json::from(*number),
            Self::Span(span) => Json::from(span.to_string()),
            Self::Word(word) => Json::from(*word),
            Self::Set(members) => members.iter().map(String::as_str).collect(),
            Self::Text(text) => Json::from(text.as_str()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Span(span) => span.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::Text(text) if text.is_empty() => f.write_str("nothing"),
            Self::Text(text) => f.write_str(text),
            Self::Set(members) if members.is_empty() => f.write_str("nothing"),
            Self::Set(members) => {
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                f.write_str(&members.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WEEK: Kind = Kind::Span { least: Span::of_seconds(60), most: Span::of_days(7), calendar: false };

    #[test]
    fn values_are_read_within_their_bounds_and_written_as_they_were() {
        let number = Kind::Number { least: 1, most: 7 };
        let words = Kind::Words(&["off", "on"]);
        for (kind, json) in [
            (Kind::Switch, json!(true)),
            (number, json!(7)),
            (WEEK, json!("P7D")),
            (words, json!("on")),
            (Kind::Set(None), json!(["a", "b"])),
            (Kind::Set(Some(&["mail"])), json!(["mail"])),
            (Kind::Pages, json!(["*.bank.example", "/account/**"])),
            (Kind::Text { most: 3 }, json!("a b")),
            (Kind::Text { most: 3 }, json!("")),
            (Kind::Address, json!("")),
            (Kind::Address, json!("https://work.example/notice?of=2026")),
        ] {
            assert_eq!(kind.read(&json).unwrap().json(), json);
        }
        for (kind, json) in [
            (Kind::Switch, json!("true")),
            (number, json!(8)),
            (number, json!(1.5)),
            (WEEK, json!("P8D")),
            (WEEK, json!("week")),
            (words, json!("On")),
            (Kind::Set(None), json!(["a", 1])),
            (Kind::Set(None), json!([""])),
            (Kind::Set(Some(&["mail"])), json!(["post"])),
            (Kind::Pages, json!(["*.*"])),
            (Kind::Text { most: 3 }, json!("abcd")),
            (Kind::Text { most: 3 }, json!("a\nb")),
            (Kind::Address, json!("work.example")),
            (Kind::Address, json!("javascript:alert(1)")),
            (Kind::Address, json!("https:///")),
            (Kind::Address, json!("https://a b")),
            (Kind::Address, json!(format!("https://a/{}", "b".repeat(500)))),
        ] {
            assert!(kind.read(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn months_count_only_where_the_calendar_does() {
        let calendar = Kind::Span { least: Span::of_days(1), most: Span::of_months(120), calendar: true };
        assert!(calendar.read(&json!("P1M")).is_ok());
        let days = Kind::Span { least: Span::of_days(1), most: Span::of_days(400), calendar: false };
        let refused = days.read(&json!("P1M")).unwrap_err().to_string();
        assert!(refused.contains("without months or years"), "{refused}");
    }

    #[test]
    fn words_are_ordered_as_they_are_listed_and_sets_by_what_they_contain() {
        let words = Kind::Words(&["reports", "all"]);
        assert_eq!(words.lower(&Value::Word("all"), &Value::Word("reports")), Value::Word("reports"));
        assert_eq!(words.higher(&Value::Word("all"), &Value::Word("reports")), Value::Word("all"));
        let set = |members: &[&str]| Value::Set(members.iter().map(|one| (*one).to_owned()).collect());
        let kind = Kind::Set(None);
        assert_eq!(kind.compare(&set(&["a"]), &set(&["b"])), None);
        assert_eq!(kind.compare(&set(&["a"]), &set(&["a", "b"])), Some(Ordering::Less));
        assert_eq!(kind.lower(&set(&["a", "b"]), &set(&["b", "c"])), set(&["b"]));
        assert_eq!(kind.higher(&set(&["a"]), &set(&["b"])), set(&["a", "b"]));
    }
}
