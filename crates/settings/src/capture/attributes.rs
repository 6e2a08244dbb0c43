//! What becomes of one attribute. The lists are those of `policies/vectors/attributes.json`; a test holds them equal.

use std::borrow::Cow;

use super::{Decision, MASK};

/// Kept whatever the decision: structure and looks. Lower case, sorted.
const ALWAYS: &[&str] = &[
    "_csstext",
    "align",
    "alignment-baseline",
    "amplitude",
    "azimuth",
    "basefrequency",
    "baseline-shift",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "class",
    "clip-path",
    "clip-rule",
    "clippathunits",
    "color",
    "color-interpolation",
    "color-interpolation-filters",
    "cols",
    "colspan",
    "cx",
    "cy",
    "d",
    "data-clerestory",
    "diffuseconstant",
    "dir",
    "direction",
    "disabled",
    "display",
    "dominant-baseline",
    "dx",
    "dy",
    "elevation",
    "exponent",
    "exportparts",
    "face",
    "fill",
    "fill-opacity",
    "fill-rule",
    "filter",
    "filterunits",
    "flood-color",
    "flood-opacity",
    "font-family",
    "font-size",
    "font-stretch",
    "font-style",
    "font-variant",
    "font-weight",
    "for",
    "fr",
    "fx",
    "fy",
    "gradienttransform",
    "gradientunits",
    "height",
    "hidden",
    "id",
    "image-rendering",
    "in",
    "in2",
    "inert",
    "intercept",
    "k1",
    "k2",
    "k3",
    "k4",
    "lang",
    "lengthadjust",
    "letter-spacing",
    "lighting-color",
    "marker-end",
    "marker-mid",
    "marker-start",
    "markerheight",
    "markerunits",
    "markerwidth",
    "mask",
    "maskcontentunits",
    "maskunits",
    "media",
    "mode",
    "multiple",
    "nowrap",
    "numoctaves",
    "offset",
    "opacity",
    "open",
    "operator",
    "orient",
    "overflow",
    "paint-order",
    "part",
    "pathlength",
    "patterncontentunits",
    "patterntransform",
    "patternunits",
    "pointer-events",
    "points",
    "preserveaspectratio",
    "primitiveunits",
    "r",
    "readonly",
    "refx",
    "refy",
    "result",
    "reversed",
    "role",
    "rotate",
    "rows",
    "rowspan",
    "rr_height",
    "rr_open_mode",
    "rr_scrollleft",
    "rr_scrolltop",
    "rr_width",
    "rx",
    "ry",
    "scale",
    "seed",
    "shape-rendering",
    "size",
    "slope",
    "slot",
    "span",
    "specularconstant",
    "specularexponent",
    "spreadmethod",
    "start",
    "stddeviation",
    "stitchtiles",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
    "style",
    "surfacescale",
    "tabindex",
    "tablevalues",
    "text-anchor",
    "text-decoration",
    "text-rendering",
    "textlength",
    "transform",
    "type",
    "unicode-bidi",
    "valign",
    "values",
    "vector-effect",
    "viewbox",
    "visibility",
    "width",
    "word-spacing",
    "writing-mode",
    "x",
    "x1",
    "x2",
    "xchannelselector",
    "y",
    "y1",
    "y2",
    "ychannelselector",
];

/// Kept where the decision is to show; all of `aria-*` besides.
const SHOWN: &[&str] =
    &["alt", "high", "label", "low", "max", "min", "optimum", "placeholder", "step", "title"];

/// What a person set in a field.
const FIELD_STATE: &[&str] = &["checked", "selected"];

/// Where an inlined image may stand.
const MEDIA_SOURCE: &[&str] = &["rr_dataurl", "src"];

/// Elements whose `value` is what a person entered, or is written on the page.
const VALUED: &[&str] = &["button", "input", "meter", "option", "progress", "select", "textarea"];

/// What to do with an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute<'v> {
    /// It stays as it is.
    Keep,
    /// It stays with this value.
    Replace(Cow<'v, str>),
    /// It does not stay.
    Drop,
}

/// What becomes of attribute `name` with `value` on an element with `tag`.
///
/// * `decision`: that of the element; [`Decision::Exclude`] keeps nothing, as the placeholder is built anew.
/// * `never_shown`: the element is, or lies in, a field whose value never leaves the device.
/// * `media_allowed`: images may be kept if they are inlined.
///
/// This is about privacy only. What an attribute could do in a player is the sanitiser's question.
#[must_use]
pub fn attribute<'v>(
    tag: &str,
    name: &str,
    value: &'v str,
    decision: Decision,
    never_shown: bool,
    media_allowed: bool,
) -> Attribute<'v> {
    if decision == Decision::Exclude {
        return Attribute::Drop;
    }
    let shows = decision == Decision::Show;
    let mut buffer = [0_u8; 32];
    // No listed name is longer; `aria-` ones are told by their beginning.
    let name = match buffer.get_mut(..name.len()) {
        Some(lower) => {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).unwrap_or(name)
        }
        None => name,
    };
    let keep_if = |keep: bool| {
        if keep { Attribute::Keep } else { Attribute::Drop }
    };
    if ALWAYS.binary_search(&name).is_ok() {
        Attribute::Keep
    } else if SHOWN.binary_search(&name).is_ok()
        || name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aria-"))
    {
        keep_if(shows)
    } else if FIELD_STATE.contains(&name) {
        keep_if(shows && !never_shown)
    } else if MEDIA_SOURCE.contains(&name) {
        keep_if(media_allowed && is_raster_data_url(value))
    } else if name == "href" {
        match bare_url(value) {
            Some(url) if shows => Attribute::Replace(url),
            _ => Attribute::Drop,
        }
    } else if name == "value" && VALUED.iter().any(|one| tag.eq_ignore_ascii_case(one)) {
        if value.is_empty() || (shows && !never_shown) {
            Attribute::Keep
        } else {
            Attribute::Replace(Cow::Borrowed(MASK))
        }
    } else {
        Attribute::Drop
    }
}

/// Whether `url` is an inlined image of a kind that cannot hold scripts or references.
#[must_use]
pub fn is_raster_data_url(url: &str) -> bool {
    let prefix = |text: &str, wanted: &str| {
        text.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
    };
    if !prefix(url, "data:image/") {
        return false;
    }
    let kind = url.get(11..).unwrap_or_default();
    let end = kind.find([';', ',']).unwrap_or(kind.len());
    let name = kind.get(..end).unwrap_or_default();
    end < kind.len()
        && ["png", "jpeg", "gif", "webp", "avif"].iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// A URL without query and fragment, if it is relative or of the web and names no user.
///
/// Source: URL standard, "basic URL parser": leading and trailing C0 controls and spaces are removed, tab, LF and CR everywhere.
#[must_use]
pub fn bare_url(value: &str) -> Option<Cow<'_, str>> {
    let trimmed = value.trim_matches(|c: char| c <= ' ');
    let cleaned: Cow<'_, str> = if trimmed.contains(['\t', '\n', '\r']) {
        Cow::Owned(trimmed.replace(['\t', '\n', '\r'], ""))
    } else {
        Cow::Borrowed(trimmed)
    };
    let end = cleaned.find(['?', '#']).unwrap_or(cleaned.len());
    let bare: Cow<'_, str> = match cleaned {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end)?),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    };
    let path = match bare.find([':', '/', '\\']) {
        Some(at) if bare.get(at..)?.starts_with(':') => {
            let scheme = bare.get(..at)?;
            if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
                return None;
            }
            bare.get(at + 1..)?
        }
        _ => &*bare,
    };
    let after = path.trim_start_matches(['/', '\\']);
    // Two slashes or more begin an authority; browsers take any number after a scheme, and backslashes too.
    let authority =
        if path.len() - after.len() >= 2 { after.split(['/', '\\']).next().unwrap_or_default() } else { "" };
    if authority.contains('@') { None } else { Some(bare) }
}

/// Whether `name` (in any case) is of structure or looks, and so kept whatever the decision.
#[must_use]
pub fn is_structural(name: &str) -> bool {
    ALWAYS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// The lists, for the test that holds them against the vectors: always, shown, field state, media source.
#[must_use]
pub const fn attribute_lists() -> [&'static [&'static str]; 4] {
    [ALWAYS, SHOWN, FIELD_STATE, MEDIA_SOURCE]
}
