//! Which elements and attributes a player may meet.
//!
//! Attributes are allowed by name, not forbidden: browsers keep learning new ones that fetch something
//! (`attributionsrc` is one), and a recording needs only those that structure or look.

use clerestory_settings::capture::is_structural;

/// What an element is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing special.
    Plain,
    /// Its text is a style sheet.
    Style,
    /// It holds a document.
    Frame,
    /// It must not be there; why, in the words of the report.
    Hollow(&'static str),
    /// Foreign content whose place is kept.
    Box,
}

/// Judges a tag. `inlined` says that the element carries a sheet of its own (`_cssText`), `equiv` that it stands for an HTTP header.
pub(super) fn role(tag: &str, inlined: bool, equiv: bool) -> Role {
    let mut buffer = [0_u8; 16];
    let lower = match buffer.get_mut(..tag.len()) {
        Some(lower) => {
            lower.copy_from_slice(tag.as_bytes());
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).unwrap_or(tag)
        }
        None => tag,
    };
    match lower {
        "style" => Role::Style,
        "link" if inlined => Role::Style,
        "iframe" | "frame" => Role::Frame,
        "script" => Role::Hollow("script"),
        "noscript" => Role::Hollow("noscript"),
        "template" => Role::Hollow("template"),
        "base" => Role::Hollow("base"),
        "link" => Role::Hollow("link"),
        "meta" if equiv => Role::Hollow("meta_http_equiv"),
        "portal" | "fencedframe" => Role::Hollow("frame"),
        "object" | "embed" | "applet" => Role::Box,
        _ if !is_tag(tag) => Role::Hollow("tag_name"),
        _ => Role::Plain,
    }
}

/// A tag a document can make: a letter, then letters, digits, `-`, `_` and `.`. No colon, as a prefix would make an element of
/// another kind in the SVG namespace, and none of the names every JavaScript object has, as the player looks tags up in one.
fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') || b >= 0x80)
        && tag.len() <= 100
        && ![
            "constructor",
            "hasOwnProperty",
            "isPrototypeOf",
            "propertyIsEnumerable",
            "toLocaleString",
            "toString",
            "valueOf",
        ]
        .contains(&tag)
}

/// A name a custom element can have (HTML standard, "valid custom element name", the ASCII part of it).
pub(super) fn is_custom_name(tag: &str) -> bool {
    let reserved = [
        "annotation-xml",
        "color-profile",
        "font-face",
        "font-face-src",
        "font-face-uri",
        "font-face-format",
        "font-face-name",
        "missing-glyph",
    ];
    tag.starts_with(|c: char| c.is_ascii_lowercase())
        && tag.contains('-')
        && tag
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        && tag.len() <= 100
        && !reserved.contains(&tag)
}

/// Whether a shadow root can be attached to it (DOM standard, "valid shadow host name"); attaching it elsewhere throws.
pub(super) fn can_host_shadow(tag: &str) -> bool {
    let hosts = [
        "article",
        "aside",
        "blockquote",
        "body",
        "div",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "main",
        "nav",
        "p",
        "section",
        "span",
    ];
    hosts.contains(&tag) || is_custom_name(tag)
}

/// What to do with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Keep it.
    Keep,
    /// Keep it as a declaration list.
    Style,
    /// Keep it as a style sheet.
    Sheet,
    /// Keep it as a value a browser reads as CSS.
    Presentation,
    /// Keep it if it is an inlined image.
    Raster,
    /// Keep it if it is a length.
    Length,
    /// Keep it if it is a list of numbers.
    Numbers,
    /// Keep it if it points into the document; on a link keep it under a name no browser knows.
    Link,
    /// Take it out; why, in the words of the report.
    Drop(&'static str),
}

/// Judges an attribute name, in lower case.
pub(super) fn rule(name: &str) -> Rule {
    match name {
        "style" => Rule::Style,
        "_csstext" => Rule::Sheet,
        "src" | "rr_dataurl" => Rule::Raster,
        "rr_width" | "rr_height" => Rule::Length,
        // Of a colour matrix. Animations keep theirs only where it says nothing.
        "values" => Rule::Numbers,
        "href" | "xlink:href" | "rr_href" => Rule::Link,
        "id" | "class" | "data-clerestory" | "for" | "lang" | "role" | "type" => Rule::Keep,
        "alt"
        | "autocomplete"
        | "checked"
        | "high"
        | "label"
        | "low"
        | "max"
        | "min"
        | "name"
        | "optimum"
        | "placeholder"
        | "rr_mediacurrenttime"
        | "rr_medialoop"
        | "rr_mediamuted"
        | "rr_mediaplaybackrate"
        | "rr_mediastate"
        | "rr_mediavolume"
        | "rr_open_mode"
        | "selected"
        | "step"
        | "title"
        | "value" => Rule::Keep,
        _ if is_structural(name) => Rule::Presentation,
        _ if !is_attribute_name(name) => Rule::Drop("attribute_name"),
        _ if name.starts_with("on") => Rule::Drop("handler"),
        "action" | "background" | "cite" | "codebase" | "data" | "formaction" | "imagesrcset"
        | "longdesc" | "manifest" | "ping" | "poster" | "profile" | "rr_src" | "srcdoc" | "srcset"
        | "target" | "formtarget" => Rule::Drop("url"),
        _ if name.contains(':') || name.starts_with("xmlns") => Rule::Drop("namespace"),
        _ if name.starts_with("aria-") || name.starts_with("data-") => Rule::Keep,
        _ => Rule::Drop("attribute"),
    }
}

fn is_attribute_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b':'))
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
        && !name.starts_with("__")
}

/// A length as the recorder writes it: digits, perhaps a fraction, perhaps a unit.
pub(super) fn is_length(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '%');
    !number.is_empty()
        && value.len() <= 24
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && matches!(value.get(number.len()..), Some("" | "px" | "%" | "em" | "rem" | "vw" | "vh"))
}

/// Numbers, however they are separated.
pub(super) fn are_numbers(value: &str) -> bool {
    value.bytes().all(|b| {
        b.is_ascii_digit()
            || b.is_ascii_whitespace()
            || matches!(b, b'.' | b',' | b';' | b'+' | b'-' | b'e' | b'E')
    })
}

/// A CSS property that may be set by name.
pub(super) fn is_property(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii())
        && !name.eq_ignore_ascii_case("behavior")
        && !name.eq_ignore_ascii_case("-moz-binding")
}

#[cfg(test)]
mod tests {
    use super::{Role, Rule, is_length, role, rule};

    #[test]
    fn tags_are_judged_in_any_case() {
        for (tag, wanted) in [
            ("div", Role::Plain),
            ("linearGradient", Role::Plain),
            ("my-card", Role::Plain),
            ("SCRIPT", Role::Hollow("script")),
            ("svg:script", Role::Hollow("tag_name")),
            ("a b", Role::Hollow("tag_name")),
            ("", Role::Hollow("tag_name")),
            ("constructor", Role::Hollow("tag_name")),
            ("__proto__", Role::Hollow("tag_name")),
            ("Embed", Role::Box),
            ("IFRAME", Role::Frame),
        ] {
            assert_eq!(role(tag, false, false), wanted, "{tag}");
        }
        assert_eq!(role("link", true, false), Role::Style);
        assert_eq!(role("meta", false, true), Role::Hollow("meta_http_equiv"));
        assert_eq!(role("meta", false, false), Role::Plain);
    }

    #[test]
    fn attributes_are_allowed_by_name() {
        for (name, wanted) in [
            ("onclick", Rule::Drop("handler")),
            ("onanythingnew", Rule::Drop("handler")),
            ("attributionsrc", Rule::Drop("attribute")),
            ("http-equiv", Rule::Drop("attribute")),
            ("content", Rule::Drop("attribute")),
            ("srcdoc", Rule::Drop("url")),
            ("xlink:show", Rule::Drop("namespace")),
            ("xmlns", Rule::Drop("namespace")),
            ("__proto__", Rule::Drop("attribute_name")),
            ("a b", Rule::Drop("attribute_name")),
            ("", Rule::Drop("attribute_name")),
            ("fill", Rule::Presentation),
            ("data-x", Rule::Keep),
            ("colspan", Rule::Presentation),
        ] {
            assert_eq!(rule(name), wanted, "{name}");
        }
    }

    #[test]
    fn lengths_are_numbers_with_a_unit() {
        for good in ["10px", "0", "12.5px", "100%"] {
            assert!(is_length(good), "{good}");
        }
        for bad in ["", "px", "10px;", "calc(1px)", "url(x)", "10px 1px", "1e9px"] {
            assert!(!is_length(bad), "{bad}");
        }
    }
}
