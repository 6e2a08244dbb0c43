//! The two documents: what is edited, and what is signed.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Map, Value, json};

use super::{Compiled, MOST_RULES, Selector, UrlPattern, canonical};

/// The only format of the signed document so far.
pub const FORMAT: &str = "clerestory-capture-policy/1";

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyError {
    /// Where: `mask[2]`, `urls.deny[0]`; empty for the document itself.
    pub path: String,
    /// What, in words for the person who wrote the document.
    pub message: String,
}

/// Everything wrong with a document, sorted by path; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the capture policy is not valid")?;
        for (index, error) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            if !error.path.is_empty() {
                write!(f, "{}: ", error.path)?;
            }
            f.write_str(&error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// What holds where no rule says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// All text and all values are masked.
    Private,
}

/// Whether images and canvases are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Placeholders of the same size.
    Blocked,
    /// Inlined as `data:` URLs.
    Allowed,
}

/// Which pages are captured, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UrlRules {
    /// Nothing is captured on these.
    pub deny: Vec<String>,
    /// Only these are captured; all, if empty.
    pub allow: Vec<String>,
}

/// Texts beside what they were read as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read<T> {
    texts: Vec<String>,
    parsed: Vec<T>,
}

impl<T> Default for Read<T> {
    fn default() -> Self {
        Self { texts: Vec::new(), parsed: Vec::new() }
    }
}

/// The rules an administrator edits. Every selector and pattern in it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    preset: Preset,
    media: Media,
    exclude: Read<Selector>,
    mask: Read<Selector>,
    unmask: Read<Selector>,
    urls: UrlRules,
    deny: Vec<UrlPattern>,
    allow: Vec<UrlPattern>,
}

impl Default for Rules {
    /// The tightest start: preset `private`, media blocked, no rules, all pages.
    fn default() -> Self {
        Self {
            preset: Preset::Private,
            media: Media::Blocked,
            exclude: Read::default(),
            mask: Read::default(),
            unmask: Read::default(),
            urls: UrlRules::default(),
            deny: Vec::new(),
            allow: Vec::new(),
        }
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Rules", 6)?;
        out.serialize_field("preset", &self.preset)?;
        out.serialize_field("media", &self.media)?;
        out.serialize_field("exclude", &self.exclude.texts)?;
        out.serialize_field("mask", &self.mask.texts)?;
        out.serialize_field("unmask", &self.unmask.texts)?;
        out.serialize_field("urls", &self.urls)?;
        out.end()
    }
}

impl Rules {
    /// Reads an editor document from JSON text.
    ///
    /// # Errors
    /// [`PolicyErrors`] with everything that is wrong; unknown fields are.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyErrors> {
        Self::from_value(&json_value(text)?)
    }

    /// The same from a JSON value.
    ///
    /// # Errors
    /// As [`Rules::parse`].
    pub fn from_value(document: &Value) -> Result<Self, PolicyErrors> {
        let mut reader = Reader::default();
        let rules = match reader.object("", document) {
            Some(fields) => {
                reader.known("", fields, &["preset", "media", "exclude", "mask", "unmask", "urls"]);
                reader.rules(fields)
            }
            None => Self::default(),
        };
        reader.end(rules)
    }

    /// These rules, ready to judge.
    #[must_use]
    pub fn compile(&self) -> Compiled {
        Compiled::new(self)
    }

    /// What holds where no rule does.
    #[must_use]
    pub const fn preset(&self) -> Preset {
        self.preset
    }

    /// Whether images and canvases are captured.
    #[must_use]
    pub const fn media(&self) -> Media {
        self.media
    }

    /// Selectors of what never leaves the device.
    #[must_use]
    pub fn exclude(&self) -> &[String] {
        &self.exclude.texts
    }

    /// Selectors of what is masked.
    #[must_use]
    pub fn mask(&self) -> &[String] {
        &self.mask.texts
    }

    /// Selectors of what is shown.
    #[must_use]
    pub fn unmask(&self) -> &[String] {
        &self.unmask.texts
    }

    /// Which pages are captured.
    #[must_use]
    pub const fn urls(&self) -> &UrlRules {
        &self.urls
    }

    pub(super) fn exclude_selectors(&self) -> &[Selector] {
        &self.exclude.parsed
    }

    pub(super) fn mask_selectors(&self) -> &[Selector] {
        &self.mask.parsed
    }

    pub(super) fn unmask_selectors(&self) -> &[Selector] {
        &self.unmask.parsed
    }

    pub(super) fn deny_patterns(&self) -> &[UrlPattern] {
        &self.deny
    }

    pub(super) fn allow_patterns(&self) -> &[UrlPattern] {
        &self.allow
    }
}

/// The document that is signed and sent to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePolicy {
    site: String,
    version: u64,
    issued_at: String,
    expires_at: String,
    rules: Rules,
}

impl CapturePolicy {
    /// Puts rules into a document.
    ///
    /// * `site`: `sit_` and 32 lower-case hexadecimal digits. * `version`: 1 to 2^53 - 1, so that a browser reads it exactly.
    /// * `issued_at`, `expires_at`: UTC with microseconds (`2026-11-22T04:00:00.000000Z`), the second after the first.
    ///
    /// # Errors
    /// [`PolicyErrors`] naming the field.
    pub fn new(
        site: &str,
        version: u64,
        issued_at: &str,
        expires_at: &str,
        rules: Rules,
    ) -> Result<Self, PolicyErrors> {
        let mut reader = Reader::default();
        let head =
            json!({"site": site, "version": version, "issued_at": issued_at, "expires_at": expires_at});
        let policy = match head.as_object() {
            Some(fields) => reader.head(fields, rules),
            None => Self::nobody(rules),
        };
        reader.end(policy)
    }

    /// Reads a signed document. Only canonical bytes are accepted: what is signed is bytes, and two ways to read them must not be.
    ///
    /// # Errors
    /// [`PolicyErrors`] with everything that is wrong; an unknown field or format is.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyErrors> {
        let policy = Self::from_value(&json_value(bytes)?)?;
        if policy.canonical() == bytes {
            Ok(policy)
        } else {
            Err(PolicyErrors(vec![error("", "the document is not canonical JSON")]))
        }
    }

    /// The same from a JSON value, which has no bytes to compare.
    ///
    /// # Errors
    /// As [`CapturePolicy::parse`].
    pub fn from_value(document: &Value) -> Result<Self, PolicyErrors> {
        let mut reader = Reader::default();
        let Some(fields) = reader.object("", document) else {
            return reader.end(Self::nobody(Rules::default()));
        };
        let known = [
            "format",
            "site",
            "version",
            "issued_at",
            "expires_at",
            "preset",
            "media",
            "exclude",
            "mask",
            "unmask",
            "urls",
        ];
        reader.known("", fields, &known);
        reader.one_of(fields, "format", &[(FORMAT, ())]);
        let rules = reader.rules(fields);
        let policy = reader.head(fields, rules);
        reader.end(policy)
    }

    /// The bytes to sign.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let document = json!({
            "format": FORMAT,
            "site": self.site,
            "version": self.version,
            "issued_at": self.issued_at,
            "expires_at": self.expires_at,
            "preset": self.rules.preset,
            "media": self.rules.media,
            "exclude": self.rules.exclude.texts,
            "mask": self.rules.mask.texts,
            "unmask": self.rules.unmask.texts,
            "urls": self.rules.urls,
        });
        canonical::to_vec(&document).expect("the only number is a version, an integer")
    }

    /// The site it is for.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When it was signed, RFC 3339.
    #[must_use]
    pub fn issued_at(&self) -> &str {
        &self.issued_at
    }

    /// When recorders stop following it, RFC 3339.
    #[must_use]
    pub fn expires_at(&self) -> &str {
        &self.expires_at
    }

    /// Its rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Stands in while errors are collected; [`Reader::end`] never lets it out.
    fn nobody(rules: Rules) -> Self {
        Self { site: String::new(), version: 0, issued_at: String::new(), expires_at: String::new(), rules }
    }
}

fn error(path: &str, message: impl Into<String>) -> PolicyError {
    PolicyError { path: path.to_owned(), message: message.into() }
}

fn json_value(text: &[u8]) -> Result<Value, PolicyErrors> {
    serde_json::from_slice(text)
        .map_err(|cause| PolicyErrors(vec![error("", format!("the document is not JSON: {cause}"))]))
}

/// Collects errors while fields are read; a field that cannot be read yields a harmless stand-in.
#[derive(Default)]
struct Reader {
    errors: Vec<PolicyError>,
}

impl Reader {
    fn fail(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(error(path, message));
    }

    fn end<T>(mut self, value: T) -> Result<T, PolicyErrors> {
        if self.errors.is_empty() {
            return Ok(value);
        }
        self.errors.sort_by(|a, b| a.path.cmp(&b.path));
        Err(PolicyErrors(self.errors))
    }

    fn object<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        if !value.is_object() {
            self.fail(path, "an object is expected");
        }
        value.as_object()
    }

    fn known(&mut self, prefix: &str, fields: &Map<String, Value>, known: &[&str]) {
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            self.fail(&format!("{prefix}{name}"), "this field is not known");
        }
    }

    fn field<'v>(&mut self, fields: &'v Map<String, Value>, prefix: &str, name: &str) -> Option<&'v Value> {
        let value = fields.get(name);
        if value.is_none() {
            self.fail(&format!("{prefix}{name}"), "this field is missing");
        }
        value
    }

    fn text<'v>(&mut self, fields: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
        let value = self.field(fields, "", name)?;
        if !value.is_string() {
            self.fail(name, "a text is expected");
        }
        value.as_str()
    }

    fn one_of<T: Copy>(
        &mut self,
        fields: &Map<String, Value>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(fields, name)?;
        let found = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<String> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
            self.fail(name, format!("{} is expected", known.join(" or ")));
        }
        found
    }

    fn rules(&mut self, fields: &Map<String, Value>) -> Rules {
        let preset =
            self.one_of(fields, "preset", &[("private", Preset::Private)]).unwrap_or(Preset::Private);
        let media = self.one_of(fields, "media", &[("blocked", Media::Blocked), ("allowed", Media::Allowed)]);
        let exclude = self.list(fields, "", "exclude", Selector::parse);
        let mask = self.list(fields, "", "mask", Selector::parse);
        let unmask = self.list(fields, "", "unmask", Selector::parse);
        let (mut deny, mut allow) = (Read::default(), Read::default());
        if let Some(urls) = self.field(fields, "", "urls").and_then(|urls| self.object("urls", urls)) {
            self.known("urls.", urls, &["deny", "allow"]);
            deny = self.list(urls, "urls.", "deny", UrlPattern::parse);
            allow = self.list(urls, "urls.", "allow", UrlPattern::parse);
        }
        Rules {
            preset,
            media: media.unwrap_or(Media::Blocked),
            exclude,
            mask,
            unmask,
            urls: UrlRules { deny: deny.texts, allow: allow.texts },
            deny: deny.parsed,
            allow: allow.parsed,
        }
    }

    fn list<T, E: fmt::Display>(
        &mut self,
        fields: &Map<String, Value>,
        prefix: &str,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Read<T> {
        let mut read = Read::default();
        let Some(value) = self.field(fields, prefix, name) else {
            return read;
        };
        let path = format!("{prefix}{name}");
        let Some(items) = value.as_array() else {
            self.fail(&path, "a list is expected");
            return read;
        };
        if items.len() > MOST_RULES {
            self.fail(&path, format!("the list has {} entries, and {MOST_RULES} is the most", items.len()));
            return read;
        }
        for (index, item) in items.iter().enumerate() {
            match item.as_str().map(&parse) {
                Some(Ok(parsed)) => {
                    read.texts.push(item.as_str().unwrap_or_default().to_owned());
                    read.parsed.push(parsed);
                }
                Some(Err(cause)) => self.fail(&format!("{path}[{index}]"), cause.to_string()),
                None => self.fail(&format!("{path}[{index}]"), "a text is expected"),
            }
        }
        read
    }

    fn head(&mut self, fields: &Map<String, Value>, rules: Rules) -> CapturePolicy {
        let site = self.text(fields, "site").unwrap_or_default().to_owned();
        let digits = site.strip_prefix("sit_").unwrap_or_default();
        if fields.get("site").is_some_and(Value::is_string)
            && !(digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        {
            self.fail("site", "sit_ and 32 hexadecimal digits are expected");
        }
        let version = self.field(fields, "", "version").map(|value| value.as_u64().unwrap_or_default());
        if version.is_some_and(|version| !(1..1 << 53).contains(&version)) {
            self.fail("version", "a whole number from 1 to 9007199254740991 is expected");
        }
        let issued_at = self.time(fields, "issued_at");
        let expires_at = self.time(fields, "expires_at");
        if let (Some(issued_at), Some(expires_at)) = (issued_at, expires_at)
            && expires_at <= issued_at
        {
            self.fail("expires_at", "this is not after issued_at");
        }
        CapturePolicy {
            site,
            version: version.unwrap_or_default(),
            issued_at: issued_at.unwrap_or_default().to_owned(),
            expires_at: expires_at.unwrap_or_default().to_owned(),
            rules,
        }
    }

    /// A time of fixed width, so that later times are greater texts.
    fn time<'v>(&mut self, fields: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
        let text = self.text(fields, name)?;
        if is_time(text) {
            return Some(text);
        }
        self.fail(name, "a time like 2026-11-22T04:00:00.000000Z is expected");
        None
    }
}

fn is_time(text: &str) -> bool {
    let shape = b"0000-00-00T00:00:00.000000Z";
    let bytes = text.as_bytes();
    let same = bytes.len() == shape.len()
        && bytes.iter().zip(shape).all(
            |(byte, model)| {
                if *model == b'0' { byte.is_ascii_digit() } else { byte == model }
            },
        );
    let number = |from: usize, to: usize| {
        text.get(from..to).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(u32::MAX)
    };
    if !same {
        return false;
    }
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day) && number(11, 13) < 24 && number(14, 16) < 60 && number(17, 19) < 60
}
