//! Which pages are captured: patterns over the path of a URL.
//!
//! Grammar and meaning are in `policies/vectors/README.md`. Paths are compared decoded, so that `/%61ccount` does not slip past a
//! rule that denies `/account`.

use super::LONGEST_RULE;

/// Why a text is not a URL pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlPatternError {
    /// It does not begin with `/` or `**`, or names a host.
    #[error("a pattern is a path and begins with / or **")]
    NotAPath,
    /// It holds `?` or `#`.
    #[error("a pattern is about the path only and holds no `{0}`")]
    NotOnlyPath(char),
    /// White space, a control character or a backslash.
    #[error("a pattern holds no white space, control character or backslash; write %XX instead")]
    Character,
    /// Three stars or more in a row.
    #[error("a pattern holds * or **, never more stars in a row")]
    Stars,
    /// More than [`LONGEST_RULE`] code points.
    #[error("the pattern has more than {LONGEST_RULE} characters")]
    TooLong,
}

/// A pattern over paths: `*` is any run without `/`, `**` any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern {
    steps: Vec<Step>,
    /// How many steps lie before a closing `/**`, which may be left out.
    short: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Byte(u8),
    Segment,
    Anything,
}

impl UrlPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`UrlPatternError`] with the first reason against it.
    pub fn parse(text: &str) -> Result<Self, UrlPatternError> {
        if text.chars().count() > LONGEST_RULE {
            return Err(UrlPatternError::TooLong);
        }
        if !(text.starts_with('/') || text.starts_with("**")) || text.starts_with("//") {
            return Err(UrlPatternError::NotAPath);
        }
        if let Some(found) = text.chars().find(|c| matches!(c, '?' | '#')) {
            return Err(UrlPatternError::NotOnlyPath(found));
        }
        if text.chars().any(|c| matches!(c, '\u{0}'..=' ' | '\u{7f}'..='\u{a0}' | '\\')) {
            return Err(UrlPatternError::Character);
        }
        if text.contains("***") {
            return Err(UrlPatternError::Stars);
        }
        let normal = normal(text);
        let mut steps = Vec::new();
        let mut bytes = normal.bytes().peekable();
        while let Some(byte) = bytes.next() {
            steps.push(match byte {
                b'*' if bytes.next_if_eq(&b'*').is_some() => Step::Anything,
                b'*' => Step::Segment,
                other => Step::Byte(other),
            });
        }
        let short = steps.ends_with(&[Step::Byte(b'/'), Step::Anything]).then(|| steps.len() - 2);
        Ok(Self { steps, short })
    }

    /// Whether the pattern matches a path (without query and fragment). Time is path length times pattern length.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.matches_normal(&normal(path))
    }

    /// The same for a path that is [`normal`] already.
    pub(super) fn matches_normal(&self, path: &str) -> bool {
        // One flag per step reached, advanced byte by byte: no input makes this slow.
        let mut now = vec![false; self.steps.len() + 1];
        let mut next = now.clone();
        self.reach(&mut now, 0);
        for byte in path.bytes() {
            next.fill(false);
            if !now.contains(&true) {
                return false;
            }
            for (index, step) in self.steps.iter().enumerate() {
                if now.get(index) != Some(&true) {
                    continue;
                }
                match step {
                    Step::Byte(wanted) if *wanted == byte => self.reach(&mut next, index + 1),
                    Step::Anything => self.reach(&mut next, index),
                    Step::Segment if byte != b'/' => self.reach(&mut next, index),
                    _ => {}
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
        now.last() == Some(&true) || self.short.and_then(|short| now.get(short)) == Some(&true)
    }

    /// Marks step `index` as reached, and all behind it that stars let be empty.
    fn reach(&self, flags: &mut [bool], mut index: usize) {
        loop {
            if let Some(flag) = flags.get_mut(index) {
                *flag = true;
            }
            match self.steps.get(index) {
                Some(Step::Segment | Step::Anything) => index += 1,
                _ => return,
            }
        }
    }
}

/// The path of a URL as `location.href` gives it: without origin, query and fragment; at least `/`.
#[must_use]
pub fn path_of(url: &str) -> &str {
    let rest = match url.find("://") {
        Some(scheme) if !url.get(..scheme).unwrap_or_default().contains(['/', '?', '#']) => {
            let authority = url.get(scheme + 3..).unwrap_or_default();
            authority.find(['/', '?', '#']).and_then(|at| authority.get(at..)).unwrap_or("/")
        }
        _ => url,
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

/// Decodes what `%XX` hides, but for the slash, the percent sign and the star, which would change the meaning.
pub(super) fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run: Vec<u8> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match escape(rest) {
            Some(byte @ (b'/' | b'%' | b'*')) => {
                flush(&mut run, &mut out);
                out.push_str(&format!("%{byte:02X}"));
            }
            Some(byte) => run.push(byte),
            None => {
                flush(&mut run, &mut out);
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
        }
        rest = rest.get(3..).unwrap_or_default();
    }
    flush(&mut run, &mut out);
    out
}

fn escape(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
}

fn flush(run: &mut Vec<u8>, out: &mut String) {
    match std::str::from_utf8(run) {
        Ok(text) => out.push_str(text),
        Err(_) => run.iter().for_each(|byte| out.push_str(&format!("%{byte:02X}"))),
    }
    run.clear();
}
