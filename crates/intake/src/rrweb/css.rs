//! Style sheets and declarations without anything that leads out of them.
//!
//! A tokenizer after CSS Syntax Module Level 3, section 4, with escapes decoded where names are compared, so that `@\69mport` is
//! an import and `\75rl(…)` a URL. It looks at tokens, never at rules: what must not be there must not be there wherever it
//! stands. What is taken out is replaced such that a browser cuts the rest into the very tokens seen here; that, and not the
//! list of names, is what keeps the result safe, so each replacement says why it holds.

use std::borrow::Cow;

use clerestory_settings::capture::is_raster_data_url;

/// Where a player cuts sheets that came in several text nodes.
const SPLIT: &str = "/* rr_split */";

/// Stands where a property was that does more than look.
const DROPPED: &str = "-clerestory-dropped";

/// Keeps apart what stood before and behind. A comment, not white space: an escape at the end of a name takes one white space
/// with it, and `ur\6c (…)` is a URL.
const APART: &str = "/**/";

/// How a text will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// On its own: a `style` attribute, a property value, a presentation attribute.
    Alone,
    /// As one of several texts of a sheet, with anything before and behind it: nothing is left open at its end.
    Joined,
}

/// What was changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// The text now.
    pub(super) text: String,
    /// Imports, URLs and the like taken out.
    pub(super) removed: u64,
    /// Inlined images taken out because media are not allowed.
    pub(super) images: u64,
}

/// Cleans a whole sheet as recorders inline it.
pub(super) fn sheet(text: &str, images: bool) -> Option<Cleaned> {
    if !text.contains(SPLIT) {
        return clean(text, Use::Joined, images);
    }
    // The pieces end up in neighbouring text nodes, without what stood between them: `ur/* rr_split */l(…)` is a URL then.
    let mut all = Cleaned::default();
    let mut changed = false;
    for (index, piece) in text.split(SPLIT).enumerate() {
        if index > 0 {
            all.text.push_str(SPLIT);
        }
        match clean(piece, Use::Joined, images) {
            Some(piece) => {
                changed = true;
                all.text.push_str(&piece.text);
                all.removed += piece.removed;
                all.images += piece.images;
            }
            None => all.text.push_str(piece),
        }
    }
    changed.then_some(all)
}

/// Cleans a text; `None` if it may stay as it is. `images` allows inlined raster images.
pub(super) fn clean(text: &str, using: Use, images: bool) -> Option<Cleaned> {
    let kept = if using == Use::Joined { text.trim_end_matches('\\') } else { text };
    let cleaned = Cleaned::default();
    let mut scan = Scan { text: kept, at: 0, copied: 0, images, cleaned, closing: None, closed: true };
    while scan.at < kept.len() {
        scan.token();
    }
    if using == Use::Alone && scan.copied == 0 {
        return None;
    }
    let mut out = scan.cleaned;
    out.text.push_str(kept.get(scan.copied..).unwrap_or_default());
    if using == Use::Joined {
        match scan.closing {
            Some(closing) => out.text.push_str(closing),
            None if scan.closed => {}
            None => out.text.push_str(APART),
        }
    }
    (out.text != text).then_some(out)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// Everything before has been written, or taken out.
    copied: usize,
    images: bool,
    cleaned: Cleaned,
    /// What closes a comment or string the text leaves open.
    closing: Option<&'static str>,
    /// Whatever follows the last token begins one of its own.
    closed: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum StringEnd {
    Closed,
    Newline,
    Eof,
}

impl<'t> Scan<'t> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn replace(&mut self, from: usize, to: usize, with: &str) {
        let before = self.slice(self.copied, from);
        self.cleaned.text.push_str(before);
        self.cleaned.text.push_str(with);
        self.copied = to;
        self.at = to;
        // Each replacement ends in something closed, but for names that are followed by what followed the old one.
        self.closed = with != DROPPED;
    }

    /// Takes one token (section 4.3.1).
    fn token(&mut self) {
        let at = self.at;
        let Some(byte) = self.byte(at) else { return };
        self.closed = matches!(
            byte,
            b' ' | b'\t' | b'\n' | b'{' | b'}' | b'(' | b')' | b';' | b',' | b':' | b'"' | b'\''
        );
        match byte {
            b'/' if self.byte(at + 1) == Some(b'*') => match self.slice(at + 2, self.text.len()).find("*/") {
                Some(length) => {
                    self.at = at + 2 + length + 2;
                    self.closed = true;
                }
                None => {
                    self.at = self.text.len();
                    self.closing = Some("*/");
                }
            },
            b'"' | b'\'' => {
                let (end, how) = self.string_end(at);
                self.at = end;
                if how == StringEnd::Eof {
                    self.closing = Some(if byte == b'"' { "\"\n" } else { "'\n" });
                }
            }
            b'#' if self.name_byte(at + 1) || self.escape(at + 1) => self.at = self.name_end(at + 1),
            b'@' if self.begins_name(at + 1) => self.at_keyword(),
            _ if self.begins_number(at) => self.number(),
            b'-' if self.slice(at, at + 3) == "-->" => self.at = at + 3,
            _ if self.begins_name(at) => self.name(),
            _ => self.at = at + 1,
        }
    }

    /// Section 4.3.5. A line end ends a string and is not part of it.
    fn string_end(&self, start: usize) -> (usize, StringEnd) {
        let quote = self.byte(start);
        let mut at = start + 1;
        loop {
            match self.byte(at) {
                None => return (at, StringEnd::Eof),
                found if found == quote => return (at + 1, StringEnd::Closed),
                Some(b'\n' | b'\r' | 0xc) => return (at, StringEnd::Newline),
                // An escaped line end continues the string; an escaped quote does not end it.
                Some(b'\\') if self.slice(at, at + 3) == "\\\r\n" => at += 3,
                Some(b'\\') => at = self.after_char(at + 1),
                Some(_) => at += 1,
            }
        }
    }

    /// Behind the character at `at`, which may have several bytes.
    fn after_char(&self, at: usize) -> usize {
        at + self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }

    /// Section 4.2, "ident code point"; U+0000 counts, as it is read as U+FFFD.
    fn name_byte(&self, at: usize) -> bool {
        self.byte(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | 0 | 0x80..))
    }

    fn name_start(&self, at: usize) -> bool {
        self.byte(at).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | 0 | 0x80..))
    }

    /// Section 4.3.8: a backslash not before a line end; one at the very end counts.
    fn escape(&self, at: usize) -> bool {
        self.byte(at) == Some(b'\\') && !matches!(self.byte(at + 1), Some(b'\n' | b'\r' | 0xc))
    }

    /// Section 4.3.9.
    fn begins_name(&self, at: usize) -> bool {
        if self.byte(at) == Some(b'-') {
            return self.name_start(at + 1) || self.byte(at + 1) == Some(b'-') || self.escape(at + 1);
        }
        self.name_start(at) || self.escape(at)
    }

    /// Section 4.3.10.
    fn begins_number(&self, at: usize) -> bool {
        let digit = |at: usize| self.byte(at).is_some_and(|b| b.is_ascii_digit());
        match self.byte(at) {
            Some(b'+' | b'-') => digit(at + 1) || (self.byte(at + 1) == Some(b'.') && digit(at + 2)),
            Some(b'.') => digit(at + 1),
            _ => digit(at),
        }
    }

    /// Section 4.3.12, and the unit behind it: `1url(` is no URL, but `1.url(` is one behind a number and a point.
    fn number(&mut self) {
        let digit = |scan: &Self, at: usize| scan.byte(at).is_some_and(|b| b.is_ascii_digit());
        let mut at = self.at + usize::from(matches!(self.byte(self.at), Some(b'+' | b'-')));
        while digit(self, at) {
            at += 1;
        }
        if self.byte(at) == Some(b'.') && digit(self, at + 1) {
            at += 2;
            while digit(self, at) {
                at += 1;
            }
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(at + 1), Some(b'+' | b'-')));
            if digit(self, at + 1 + sign) {
                at += 2 + sign;
                while digit(self, at) {
                    at += 1;
                }
            }
        }
        self.at = if self.begins_name(at) { self.name_end(at) } else { at };
    }

    /// The end of a name (section 4.3.11).
    fn name_end(&self, mut at: usize) -> usize {
        loop {
            if self.name_byte(at) {
                at += 1;
            } else if self.escape(at) {
                at = self.escaped(at).1;
            } else {
                return at;
            }
        }
    }

    /// The character an escape stands for and where it ends (section 4.3.7).
    fn escaped(&self, at: usize) -> (char, usize) {
        let digits =
            self.text.as_bytes().iter().skip(at + 1).take(6).take_while(|b| b.is_ascii_hexdigit()).count();
        if digits == 0 {
            let found = self.text.get(at + 1..).and_then(|rest| rest.chars().next());
            return (found.unwrap_or(char::REPLACEMENT_CHARACTER), self.after_char(at + 1));
        }
        let end = at + 1 + digits;
        let code = u32::from_str_radix(self.slice(at + 1, end), 16).unwrap_or_default();
        let found = char::from_u32(code).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
        let space = match self.byte(end) {
            Some(b'\r') if self.byte(end + 1) == Some(b'\n') => 2,
            Some(b' ' | b'\t' | b'\n' | b'\r' | 0xc) => 1,
            _ => 0,
        };
        (found, end + space)
    }

    /// The text with escapes decoded.
    fn decoded(&self, from: usize, to: usize) -> Cow<'t, str> {
        let text = self.slice(from, to);
        if !text.contains('\\') {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = from;
        while at < to {
            if self.byte(at) == Some(b'\\') && matches!(self.byte(at + 1), Some(b'\n' | b'\r' | 0xc)) {
                // In a string: the line goes on.
                at += if self.slice(at + 1, at + 3) == "\r\n" { 3 } else { 2 };
            } else if self.byte(at) == Some(b'\\') {
                let (found, end) = self.escaped(at);
                out.push(found);
                at = end;
            } else {
                let end = self.after_char(at);
                out.push_str(self.slice(at, end));
                at = end.max(at + 1);
            }
        }
        Cow::Owned(out)
    }

    fn at_keyword(&mut self) {
        let start = self.at;
        let end = self.name_end(start + 1);
        let name = self.decoded(start + 1, end);
        self.at = end;
        if !(name.eq_ignore_ascii_case("import") || name.eq_ignore_ascii_case("namespace")) {
            return;
        }
        // A rule goes until `;`, through its block, or until the block around it ends (section 5.4.2).
        let mut depth = 0_usize;
        loop {
            match self.byte(self.at) {
                None => break,
                Some(b';') if depth == 0 => {
                    self.at += 1;
                    break;
                }
                Some(b'}') if depth == 0 => break,
                Some(b'{' | b'(' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}') if depth == 1 => {
                    self.at += 1;
                    break;
                }
                Some(b'}' | b')' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(_) => self.swallow(),
            }
        }
        self.cleaned.removed += 1;
        self.replace(start, self.at, APART);
    }

    /// Passes over something inside a part that is taken out. Where the browser would have cut it otherwise does not matter any
    /// more: what follows is scanned afresh, as the browser will do.
    fn swallow(&mut self) {
        let at = self.at;
        match self.byte(at) {
            Some(b'"' | b'\'') => self.at = self.string_end(at).0,
            Some(b'/') if self.byte(at + 1) == Some(b'*') => {
                let rest = self.slice(at + 2, self.text.len());
                self.at = rest.find("*/").map_or(self.text.len(), |length| at + 2 + length + 2);
            }
            Some(b'\\') => self.at = self.after_char(at + 1).max(at + 1),
            _ => self.at = self.after_char(at).max(at + 1),
        }
    }

    /// Behind the bracket that closes the one before `at`.
    fn closing_bracket(&mut self, at: usize) -> usize {
        self.at = at;
        let mut depth = 1_usize;
        while depth > 0 {
            match self.byte(self.at) {
                None => break,
                Some(b'(') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(_) => self.swallow(),
            }
        }
        self.at
    }

    /// A name, a function or a URL (section 4.3.4).
    fn name(&mut self) {
        let start = self.at;
        let end = self.name_end(start);
        self.at = end;
        let name = self.decoded(start, end);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if self.byte(end) == Some(b'(') {
            if is("url") {
                self.url(start, end + 1);
            } else if is("expression")
                || is("src")
                || is("image")
                || is("cross-fade")
                || is("-webkit-cross-fade")
                || is_image_set(&name)
            {
                // One is a script to old browsers; the others take URLs as bare strings.
                let end = self.closing_bracket(end + 1);
                self.cleaned.removed += 1;
                self.replace(start, end, "none ");
            }
            return;
        }
        if is("behavior") || is("-moz-binding") {
            let spaces = self.slice(end, self.text.len()).bytes().take_while(u8::is_ascii_whitespace).count();
            if self.byte(end + spaces) == Some(b':') {
                self.cleaned.removed += 1;
                self.replace(start, end, DROPPED);
            }
        }
    }

    fn url(&mut self, start: usize, inside: usize) {
        let spaces = self.slice(inside, self.text.len()).bytes().take_while(|b| is_space(*b)).count();
        let from = inside + spaces;
        let (target, end) = match self.byte(from) {
            Some(b'"' | b'\'') => {
                let (string, how) = self.string_end(from);
                let value = (how == StringEnd::Closed).then(|| self.decoded(from + 1, string - 1));
                // Behind the string modifiers may stand; nothing we keep has any.
                let spaces = self.slice(string, self.text.len()).bytes().take_while(|b| is_space(*b)).count();
                let closed = self.byte(string + spaces) == Some(b')');
                let end = if closed { string + spaces + 1 } else { self.closing_bracket(string) };
                (value.filter(|_| closed), end)
            }
            _ => self.bare_url(from),
        };
        self.at = end;
        self.closed = true;
        match target {
            // A fragment stays in the document. A kept URL is closed, and it still begins with a name of its own, as each
            // replacement that ends in a name has a space behind it: so the browser reads it as this same token.
            Some(target) if target.starts_with('#') => {}
            Some(target) if is_raster_data_url(&target) => {
                if !self.images {
                    self.cleaned.images += 1;
                    self.replace(start, end, "none ");
                }
            }
            _ => {
                self.cleaned.removed += 1;
                self.replace(start, end, "none ");
            }
        }
    }

    /// A URL without quotes (section 4.3.6); no target where it is bad or does not end.
    fn bare_url(&self, from: usize) -> (Option<Cow<'t, str>>, usize) {
        let mut at = from;
        let mut good = true;
        loop {
            match self.byte(at) {
                None => return (None, at),
                Some(b')') => {
                    let raw = self.slice(from, at);
                    let target = self.decoded(
                        from,
                        from + raw.trim_end_matches(|c: char| c.is_ascii() && is_space(c as u8)).len(),
                    );
                    return (good.then_some(target), at + 1);
                }
                Some(b'\\') if self.escape(at) => at = self.escaped(at).1,
                Some(b) if is_space(b) => {
                    let spaces = self.slice(at, self.text.len()).bytes().take_while(|b| is_space(*b)).count();
                    at += spaces;
                    good &= self.byte(at) == Some(b')');
                }
                Some(b'"' | b'\'' | b'(' | b'\\' | 0..=8 | 0xb | 0xe..=0x1f | 0x7f) => {
                    good = false;
                    at += 1;
                }
                Some(_) => at += 1,
            }
        }
    }
}

const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0xc)
}

fn is_image_set(name: &str) -> bool {
    let from = name.len().saturating_sub("image-set".len());
    name.get(from..).is_some_and(|end| end.eq_ignore_ascii_case("image-set"))
}

#[cfg(test)]
mod tests {
    use super::{Use, clean, sheet};

    fn alone(text: &str) -> String {
        clean(text, Use::Alone, true).map_or_else(|| text.to_owned(), |cleaned| cleaned.text)
    }

    #[test]
    fn harmless_styles_stay_as_they_are() {
        for text in [
            "",
            "color: red",
            "a::before{content:\"url(http://x/) @import\"}",
            "/* @import 'x'; url(http://x) */ a{b:c}",
            "fill:url(#g);clip-path:url( \"#c\" )",
            "background:url(data:image/png;base64,iVBORw0KGgo=) no-repeat",
            "@media (min-width:1px){.a>.b{margin:-1.5e3px +.5em 1%}}",
            ".url\\(x{}.\\31 a{}",
            "a{width:calc(1px + var(--x,2px))}@font-face{font-family:x;src:local(y)}",
            "<!-- a{} -->",
            "a{b:1url(x)}",
            "#url(x)",
        ] {
            assert_eq!(alone(text), text);
        }
    }

    #[test]
    fn whatever_leads_out_is_taken_out() {
        for (text, wanted) in [
            ("a{background:url(http://h/a.png)}", "a{background:none }"),
            ("a{background:url( 'http://h/a.png' ) red}", "a{background:none  red}"),
            ("a{background:URL(//h/a)}", "a{background:none }"),
            ("a{background:\\75rl(//h/a)}", "a{background:none }"),
            ("a{background:\\000075\r\nrl(//h/a)}", "a{background:none }"),
            ("a{background:u\\72 l(\"//h/a\")}", "a{background:none }"),
            ("@import 'http://h/a.css'; a{}", "/**/ a{}"),
            ("@\\69mport url(http://h/a;b);a{}", "/**/a{}"),
            ("@IMPORT url(x) screen{}b{}", "/**/b{}"),
            ("@media x{@import 'y'}c{}", "@media x{/**/}c{}"),
            ("ur@import 'x';l(//h/a)", "ur/**/l(//h/a)"),
            ("a{b:1.url(//h/a)}", "a{b:1.none }"),
            ("a{b:image-set('//h/a' 1x, url(c) 2x)}", "a{b:none }"),
            ("a{b:-webkit-image-set(\"x)\" 1x)c}", "a{b:none c}"),
            ("a{b:src('//h/a')}", "a{b:none }"),
            ("a{width:expression(alert(1))}", "a{width:none }"),
            ("a{behavior :x;-moz-binding:y}", "a{-clerestory-dropped :x;-clerestory-dropped:y}"),
            ("a{b:url(data:image/svg+xml,<svg/>)}", "a{b:none }"),
            ("a{b:url(data:text/css,x)}", "a{b:none }"),
            ("a{b:url(#x", "a{b:none "),
            ("a{b:url('#x'", "a{b:none "),
            ("a{b:url(a\"b)}", "a{b:none }"),
            ("a{b:url(a\\)b)c}", "a{b:none c}"),
            ("a{b:ur\\6c@import 'x';(//h/a)}", "a{b:ur\\6c/**/(//h/a)}"),
            ("url(x)url(#a/*)", "none url(#a/*)"),
            ("@font-face{src:url(//h/f.woff2)}", "@font-face{src:none }"),
        ] {
            assert_eq!(alone(text), wanted, "{text}");
            assert_eq!(alone(wanted), wanted, "{text}: once is enough");
        }
    }

    #[test]
    fn images_go_where_media_are_blocked() {
        let cleaned = clean("a{b:url(data:image/png;base64,AA==)}", Use::Alone, false).unwrap();
        assert_eq!((cleaned.text.as_str(), cleaned.images, cleaned.removed), ("a{b:none }", 1, 0));
    }

    #[test]
    fn pieces_leave_nothing_open() {
        for (text, wanted) in [
            ("a{}", "a{}"),
            ("a{} ", "a{} "),
            ("ur", "ur/**/"),
            ("ur\\6c ", "ur\\6c /**/"),
            ("ur\\6c", "ur\\6c/**/"),
            ("a{b:url(#c)", "a{b:url(#c)"),
            ("@", "@/**/"),
            ("1", "1/**/"),
            ("/", "//**/"),
            ("a{b:\"c", "a{b:\"c\"\n"),
            ("/* a", "/* a*/"),
            ("a\\", "a/**/"),
            ("\"a\\", "\"a\"\n"),
            ("/* a */", "/* a */"),
        ] {
            let found =
                clean(text, Use::Joined, true).map_or_else(|| text.to_owned(), |cleaned| cleaned.text);
            assert_eq!(found, wanted);
            assert_eq!(clean(wanted, Use::Joined, true), None, "{text}: once is enough");
        }
    }

    #[test]
    fn sheets_cut_by_the_recorder_are_judged_piece_by_piece() {
        let cleaned = sheet("a{b:ur/* rr_split */l(//h/a)}", true).unwrap();
        assert_eq!(cleaned.text, "a{b:ur/**//* rr_split */l(//h/a)}");
        assert_eq!(sheet("a{}/* rr_split */b{}", true), None);
    }
}
