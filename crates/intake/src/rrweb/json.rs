//! Reading and writing JSON without recursion.
//!
//! `serde_json` stops at 128 levels, and a page 512 elements deep is 1,024 levels of JSON; lifting its limit would trade the
//! refusal for the stack of a worker thread. So recordings are read by a small pull reader: strings without escapes are borrowed, numbers stay as they
//! were written, and the path of an error is worked out only when there is one. A property test holds it against `serde_json`.

use std::borrow::Cow;

/// How deep values that are only skipped may be nested.
const DEEPEST_SKIPPED: usize = 128;

/// Why and where reading stopped. The path is found later, by [`path_at`].
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) reason: &'static str,
}

pub(super) type Read<T> = Result<T, Fault>;

/// What to do with fields that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refuse,
    Skip,
}

/// A cursor over JSON text.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    unknown: Unknown,
    /// Unknown fields skipped so far.
    pub(super) skipped: u64,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str, unknown: Unknown) -> Self {
        Self { text, at: 0, unknown, skipped: 0 }
    }

    pub(super) const fn fault<T>(&self, reason: &'static str) -> Read<T> {
        Err(Fault { at: self.at, reason })
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn expect(&mut self, wanted: u8, reason: &'static str) -> Read<()> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        self.fault(reason)
    }

    pub(super) fn begin_object(&mut self) -> Read<()> {
        self.expect(b'{', "an object is expected")
    }

    pub(super) fn begin_array(&mut self) -> Read<()> {
        self.expect(b'[', "a list is expected")
    }

    /// The next key of an object and the place where it begins; `None` at the end of the object. `first` is true before the
    /// first key and is put to false.
    pub(super) fn next_key(&mut self, first: &mut bool) -> Read<Option<(Cow<'a, str>, usize)>> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !*first => self.at += 1,
            Some(_) if *first => {}
            _ => return self.fault("a comma or the end of the object is expected"),
        }
        *first = false;
        if self.peek() != Some(b'"') {
            return self.fault("a field name is expected");
        }
        let at = self.at;
        let key = self.string()?;
        self.expect(b':', "a colon is expected")?;
        Ok(Some((key, at)))
    }

    /// Whether a list has another item; leaves the cursor before it.
    pub(super) fn next_item(&mut self, first: &mut bool) -> Read<bool> {
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !*first => {
                self.at += 1;
                if self.peek() == Some(b']') {
                    return self.fault("a value is expected");
                }
            }
            Some(_) if *first => {}
            _ => return self.fault("a comma or the end of the list is expected"),
        }
        *first = false;
        Ok(true)
    }

    /// Reads an object; `field` reads the value of each key and says whether it knew it.
    pub(super) fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Read<bool>) -> Read<()> {
        self.begin_object()?;
        let mut first = true;
        while let Some((key, at)) = self.next_key(&mut first)? {
            if !field(self, &key)? {
                self.unknown_field(at)?;
            }
        }
        Ok(())
    }

    /// Skips the value of a field nobody knew, or refuses it by the place of its key.
    pub(super) fn unknown_field(&mut self, key_at: usize) -> Read<()> {
        if self.unknown == Unknown::Refuse {
            return Err(Fault { at: key_at, reason: "this field is not known here" });
        }
        self.skipped += 1;
        self.skip().map(|_| ())
    }

    /// Reads a list.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        self.begin_array()?;
        let mut first = true;
        let mut items = Vec::new();
        while self.next_item(&mut first)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Finds a field of the object the cursor stands before, without moving. In practice it is the first one.
    pub(super) fn look_for<T>(&self, name: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        let mut ahead = self.clone();
        ahead.begin_object()?;
        let mut first = true;
        while let Some((key, _)) = ahead.next_key(&mut first)? {
            if key == name {
                return read(&mut ahead).map(Some);
            }
            ahead.skip_balanced()?;
        }
        Ok(None)
    }

    pub(super) fn string(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return self.fault("a text is expected");
        }
        self.at += 1;
        let start = self.at;
        self.at = plain_run(self.text.as_bytes(), start);
        match self.text.as_bytes().get(self.at) {
            Some(b'"') => {
                let text = self.text.get(start..self.at).unwrap_or_default();
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            Some(_) => self.fault("a control character must be escaped"),
            None => self.fault("the text does not end"),
        }
    }

    /// The rest of a string that holds an escape; the cursor stands on the first backslash.
    fn escaped(&mut self, start: usize) -> Read<String> {
        let bytes = self.text.as_bytes();
        let mut out = String::with_capacity((self.at - start) * 2 + 16);
        out.push_str(self.text.get(start..self.at).unwrap_or_default());
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let plain = match bytes.get(self.at + 1) {
                        Some(b'"') => '"',
                        Some(b'\\') => '\\',
                        Some(b'/') => '/',
                        Some(b'n') => '\n',
                        Some(b't') => '\t',
                        Some(b'r') => '\r',
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(b'u') => {
                            out.push(self.unicode_escape()?);
                            continue;
                        }
                        _ => return self.fault("this escape is not known"),
                    };
                    out.push(plain);
                    self.at += 2;
                }
                Some(0x20..) => {
                    let from = self.at;
                    self.at = plain_run(bytes, from);
                    out.push_str(self.text.get(from..self.at).unwrap_or_default());
                }
                Some(_) => return self.fault("a control character must be escaped"),
                None => return self.fault("the text does not end"),
            }
        }
    }

    /// `\uXXXX`, and a second one where the first is a leading surrogate. A lone surrogate, which a page may well hold, becomes
    /// U+FFFD, as it does when a browser encodes text.
    fn unicode_escape(&mut self) -> Read<char> {
        let unit = self.four_digits(self.at + 2)?;
        self.at += 6;
        if (0xd800..0xdc00).contains(&unit) && self.text.get(self.at..self.at + 2) == Some("\\u") {
            let low = self.four_digits(self.at + 2)?;
            if (0xdc00..0xe000).contains(&low) {
                self.at += 6;
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&self, from: usize) -> Read<u32> {
        let digits =
            self.text.get(from..from + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(unit) => Ok(unit),
            None => self.fault("four hexadecimal digits are expected"),
        }
    }

    /// A number as it is written, valid JSON (RFC 8259, section 6).
    pub(super) fn number(&mut self) -> Read<&'a str> {
        self.peek();
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        at += usize::from(bytes.get(at) == Some(&b'-'));
        let whole = at;
        at = digits(at);
        if at == whole || (at > whole + 1 && bytes.get(whole) == Some(&b'0')) {
            return self.fault("a number is expected");
        }
        if bytes.get(at) == Some(&b'.') {
            let fraction = at + 1;
            at = digits(fraction);
            if at == fraction {
                return self.fault("a number is expected");
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let exponent = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            at = digits(exponent);
            if at == exponent {
                return self.fault("a number is expected");
            }
        }
        self.at = at;
        // Longer ones are no measure of anything, and one could be as long as the segment.
        if at - start > 40 {
            self.at = start;
            return self.fault("the number is too long");
        }
        Ok(self.text.get(start..at).unwrap_or("0"))
    }

    pub(super) fn integer(&mut self) -> Read<i64> {
        let start = {
            self.peek();
            self.at
        };
        let number = self.number()?;
        number.parse().map_err(|_| Fault { at: start, reason: "a whole number is expected" })
    }

    pub(super) fn boolean(&mut self) -> Read<bool> {
        self.peek();
        if self.word("true") {
            Ok(true)
        } else if self.word("false") {
            Ok(false)
        } else {
            self.fault("true or false is expected")
        }
    }

    /// Takes `null`, if it is next.
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.word("null")
    }

    fn word(&mut self, word: &str) -> bool {
        let here = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if here {
            self.at += word.len();
        }
        here
    }

    /// Takes any value and hands out its text.
    pub(super) fn skip(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        // One bit per open bracket: whether it is an object; and whether its first item is still to come.
        let mut open: Vec<(bool, bool)> = Vec::new();
        loop {
            match self.peek() {
                Some(b'{' | b'[') if open.len() >= DEEPEST_SKIPPED => {
                    return self.fault("this is nested too deep");
                }
                Some(b'{') => {
                    self.at += 1;
                    open.push((true, true));
                }
                Some(b'[') => {
                    self.at += 1;
                    open.push((false, true));
                }
                Some(b'"') => drop(self.string()?),
                Some(b't' | b'f') => drop(self.boolean()?),
                Some(b'n') if self.null() => {}
                Some(b'-' | b'0'..=b'9') => drop(self.number()?),
                _ => return self.fault("a value is expected"),
            }
            loop {
                let Some((is_object, first)) = open.last_mut() else {
                    return Ok(self.text.get(start..self.at).unwrap_or_default());
                };
                let more = if *is_object { self.next_key(first)?.is_some() } else { self.next_item(first)? };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }

    /// Takes an object or list however deep it is, and hands out its text. Only brackets and texts are looked at: what lies
    /// between is read later, or never.
    pub(super) fn skip_balanced(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b'"') => drop(self.string()?),
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(b't' | b'f') => drop(self.boolean()?),
                Some(b'n') if self.null() => {}
                Some(b'-' | b'0'..=b'9') => drop(self.number()?),
                _ => return self.fault("a value is expected"),
            }
            if depth == 0 {
                return Ok(self.text.get(start..self.at).unwrap_or_default());
            }
        }
    }

    /// After the document: nothing but white space.
    pub(super) fn end(&mut self) -> Read<()> {
        if self.peek().is_none() { Ok(()) } else { self.fault("something follows the document") }
    }
}

/// Sets a field that may be given once.
pub(super) fn once<T>(reader: &Reader<'_>, slot: &mut Option<T>, value: T) -> Read<bool> {
    if slot.replace(value).is_some() { reader.fault("this field is given twice") } else { Ok(true) }
}

/// The end of the run of bytes from `at` that are neither quote, backslash nor control, eight at a time.
fn plain_run(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    while let Some(chunk) = bytes.get(at..at + 8).and_then(|chunk| <[u8; 8]>::try_from(chunk).ok()) {
        let word = u64::from_le_bytes(chunk);
        // A byte is zero after the exclusive or exactly where it equals the wanted one; "less than" needs the top bit clear.
        let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
        let special = zero(word ^ (ONES * 0x22))
            | zero(word ^ (ONES * 0x5c))
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGH);
        if special != 0 {
            // Borrows reach only bytes above the first hit, so the lowest one is exact.
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// Where in the document `at` lies, like `[3].data.node.childNodes[0]`. The text before `at` has been read without fault.
pub(super) fn path_at(text: &str, at: usize) -> String {
    enum Step {
        Item(usize),
        Field(String),
    }
    let mut path: Vec<Step> = Vec::new();
    let bytes = text.as_bytes();
    let mut reader = Reader::new(text, Unknown::Skip);
    // Inside an object, whether the next string is a key.
    let mut key_next: Vec<bool> = Vec::new();
    while let Some(byte) =
        reader.peek().filter(|_| reader.at < at || bytes.get(at) == Some(&b'"') && reader.at == at)
    {
        match byte {
            b'{' => {
                path.push(Step::Field(String::new()));
                key_next.push(true);
                reader.at += 1;
            }
            b'[' => {
                path.push(Step::Item(0));
                key_next.push(false);
                reader.at += 1;
            }
            b'}' | b']' => {
                path.pop();
                key_next.pop();
                reader.at += 1;
            }
            b',' => {
                match path.last_mut() {
                    Some(Step::Item(index)) => *index += 1,
                    Some(Step::Field(_)) => {
                        if let Some(next) = key_next.last_mut() {
                            *next = true;
                        }
                    }
                    None => {}
                }
                reader.at += 1;
            }
            b'"' => {
                let here = reader.at;
                let Ok(string) = reader.string() else { break };
                if let (Some(Step::Field(name)), Some(next @ true)) = (path.last_mut(), key_next.last_mut()) {
                    *name = string.chars().take(64).collect();
                    *next = false;
                }
                if here >= at {
                    break;
                }
            }
            _ => reader.at += 1,
        }
    }
    let mut out = String::new();
    for step in path {
        match step {
            Step::Item(index) => out.push_str(&format!("[{index}]")),
            Step::Field(name) if name.is_empty() => {}
            Step::Field(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&name);
            }
        }
        // Deep paths are cut in the middle of nowhere rather than sent whole.
        if out.len() > 2_000 {
            out.push('…');
            break;
        }
    }
    out
}

/// Appends a string. What was borrowed from the reader, or is a literal of ours, needs no escapes and is copied as it is.
#[expect(clippy::ptr_arg, reason = "whether it is borrowed says whether it may need escapes")]
pub(super) fn write_string(text: &Cow<'_, str>, out: &mut Vec<u8>) {
    match text {
        Cow::Borrowed(plain) => {
            out.push(b'"');
            out.extend_from_slice(plain.as_bytes());
            out.push(b'"');
        }
        Cow::Owned(text) => write_escaped(text, out),
    }
}

/// Appends a string, escaped.
pub(super) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    while at < bytes.len() {
        let end = plain_run(bytes, at);
        out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        match bytes.get(end) {
            None => break,
            Some(b'"') => out.extend_from_slice(b"\\\""),
            Some(b'\\') => out.extend_from_slice(b"\\\\"),
            Some(b'\n') => out.extend_from_slice(b"\\n"),
            Some(b'\r') => out.extend_from_slice(b"\\r"),
            Some(b'\t') => out.extend_from_slice(b"\\t"),
            Some(&byte) => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        at = end + 1;
    }
    out.push(b'"');
}
