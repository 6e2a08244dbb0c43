//! Nodes and attributes, made harmless and held to the policy.

use std::borrow::Cow;

use clerestory_settings::capture::{self, Decision, MASK, Standing, bare_url, is_raster_data_url};

use super::clean::Cleaner;
use super::css::{self, Cleaned, Use};
use super::event::{Attribute, Flags, NodeKind, Nodes, Span, StylePart, Text, Value};
use super::names::{self, Role, Rule};
use super::tree::{Known, Place, Remembered, worth_remembering};
use super::write::plain;

/// The inside of an element or document while a tree is walked.
struct Inside {
    end: u32,
    id: i64,
    place: Place,
    of: Of,
    /// Of a document: what it has already.
    has_type: bool,
    has_root: bool,
}

/// What the children lie in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Document,
    Style,
    Element,
    Unknown,
}

/// Where a tree hangs: the number of its parent, what is known of it, and what it is there.
#[derive(Clone, Copy)]
pub(super) struct Hangs {
    pub(super) parent: i64,
    pub(super) place: Place,
    pub(super) parent_role: Option<Role>,
    pub(super) parent_is_document: bool,
}

impl<'a> Cleaner<'_, 'a> {
    /// Cleans a tree in document order; says whether its root may stay. Everything is remembered, also what is taken out, so that later events about it are
    /// judged by what it was.
    pub(super) fn tree(&mut self, root: u32, hangs: Hangs) -> bool {
        let of = match hangs.parent_role {
            _ if hangs.parent_is_document => Of::Document,
            Some(Role::Style) => Of::Style,
            Some(_) => Of::Element,
            None => Of::Unknown,
        };
        let Some(end) = self.nodes.list.get(root as usize).map(|node| node.end) else { return false };
        let top = Inside { end, id: hangs.parent, place: hangs.place, of, has_type: false, has_root: false };
        let mut open = vec![top];
        let mut at = root;
        while at < end {
            while open.len() > 1 && open.last().is_some_and(|inside| inside.end <= at) {
                open.pop();
            }
            let Some(inside) = open.last_mut() else { break };
            if let Some(opened) = self.node(at, at == root, inside) {
                open.push(opened);
            }
            at += 1;
        }
        self.nodes.list.get(root as usize).is_some_and(|node| !node.dropped)
    }

    /// Cleans one node; returns what its children lie in, if it can have any.
    fn node(&mut self, index: u32, is_root: bool, inside: &mut Inside) -> Option<Inside> {
        self.remember(index, inside.id);
        let node = self.nodes.list.get_mut(index as usize)?;
        let (id, end) = (node.id, node.end);
        let child = |place, of| Some(Inside { end, id, place, of, has_type: false, has_root: false });
        if inside.place.hollow
            || (self.rules.is_some() && inside.place.standing.decision() == Decision::Exclude)
        {
            // It is taken out with what it lies in; only later events may ask what it was.
            return child(inside.place, Of::Element);
        }
        match &mut node.kind {
            NodeKind::Document { compat_mode } => {
                // The player looks at the first child of a document in quirks mode without asking whether there is one.
                if end == index + 1 {
                    *compat_mode = None;
                }
                if !is_root {
                    self.drop_node(index, "document");
                }
                child(inside.place, Of::Document)
            }
            NodeKind::DocumentType(kind) => {
                let misplaced =
                    inside.of != Of::Document && !is_root || std::mem::replace(&mut inside.has_type, true);
                if kind.name.is_empty()
                    || !kind.name.bytes().all(|b| b.is_ascii_alphanumeric())
                    || kind.name.len() > 40
                {
                    kind.name = plain("html");
                    self.report.sanitised.count("tag_name");
                }
                for text in [&mut kind.public_id, &mut kind.system_id] {
                    // Browsers refuse some characters and recordings have no use for long ones.
                    if text.len() > 200 || !text.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"') {
                        *text = plain("");
                    }
                }
                if misplaced {
                    self.drop_node(index, "misplaced");
                }
                None
            }
            NodeKind::Element { .. } => {
                let second = inside.of == Of::Document && std::mem::replace(&mut inside.has_root, true);
                if second && !is_root {
                    self.drop_node(index, "misplaced");
                }
                let (place, of) = self.element(index, inside.place);
                child(place, of)
            }
            NodeKind::Text(_) | NodeKind::Cdata(_) | NodeKind::Comment(_) => {
                self.character_data(index, inside);
                None
            }
        }
    }

    fn character_data(&mut self, index: u32, inside: &Inside) {
        let Some(node) = self.nodes.list.get_mut(index as usize) else { return };
        if let NodeKind::Cdata(_) = node.kind {
            // Documents of HTML have none, and making one throws.
            node.kind = NodeKind::Text(plain(""));
            self.report.sanitised.count("cdata");
        }
        match &mut node.kind {
            // Nobody sees a comment, and templates leave data in them.
            NodeKind::Comment(text) if !text.is_empty() => {
                *text = plain("");
                self.report.sanitised.count("comment");
            }
            NodeKind::Text(_) if inside.of == Of::Document => self.drop_node(index, "misplaced"),
            NodeKind::Text(text) => {
                let mut taken = std::mem::take(text);
                self.text(
                    &mut taken,
                    inside.of == Of::Style,
                    inside.of == Of::Unknown,
                    inside.place.standing,
                );
                if let Some(NodeKind::Text(text)) =
                    self.nodes.list.get_mut(index as usize).map(|node| &mut node.kind)
                {
                    *text = taken;
                }
            }
            _ => {}
        }
    }

    /// Cleans a text by what it lies in.
    pub(super) fn text(&mut self, text: &mut Text<'a>, in_style: bool, unknown: bool, standing: Standing) {
        if in_style || (unknown && self.rules.is_none()) {
            let cleaned = css::clean(text, Use::Joined, self.images);
            self.css(text, cleaned);
        } else if self.rules.is_some() && standing.decision() != Decision::Show && needs_mask(text) {
            *text = plain(MASK);
            self.report.scrubbed.texts += 1;
        }
    }

    /// Takes over cleaned CSS.
    pub(super) fn css(&mut self, text: &mut Text<'a>, cleaned: Option<Cleaned>) {
        if let Some(cleaned) = cleaned {
            self.report.sanitised.add("css", cleaned.removed);
            self.report.scrubbed.media += cleaned.images;
            *text = Cow::Owned(cleaned.text);
        }
    }

    fn drop_node(&mut self, index: u32, reason: &'static str) {
        if let Some(node) = self.nodes.list.get_mut(index as usize) {
            node.dropped = true;
            self.report.sanitised.count(reason);
        }
    }

    /// Takes out all children of a node; says whether there were any.
    fn empty(&mut self, index: u32) -> bool {
        let end = self.nodes.list.get(index as usize).map_or(0, |node| node.end);
        let mut child = index + 1;
        let mut any = false;
        while child < end {
            let Some(node) = self.nodes.list.get_mut(child as usize) else { break };
            any |= !node.dropped;
            node.dropped = true;
            child = node.end;
        }
        any
    }

    fn remember(&mut self, index: u32, parent: i64) {
        let Some(node) = self.nodes.list.get(index as usize) else { return };
        let kind = match &node.kind {
            NodeKind::Document { .. } => Known::Document,
            NodeKind::Element { tag, attributes } => {
                let all = self.nodes.attributes_of(*attributes);
                let text = |one: &Attribute<'a>| match &one.value {
                    Value::Text(text) => Some(text.to_string()),
                    Value::Number(number) => Some((*number).to_owned()),
                    Value::Bool(true) => Some(String::new()),
                    _ => None,
                };
                let mut kept: Vec<(Box<str>, Box<str>)> = Vec::new();
                if let Some(rules) = self.rules {
                    for one in all {
                        let name = lower(&one.name);
                        if !rules.reads_attribute(&name) {
                            continue;
                        }
                        if let Some(value) =
                            text(one).filter(|value| worth_remembering(&name, value, Some(rules)))
                        {
                            kept.push((name.into(), value.into()));
                        }
                    }
                }
                let named = |wanted: &str| all.iter().any(|one| one.name.eq_ignore_ascii_case(wanted));
                let inlined =
                    || all.iter().any(|one| one.name == "_cssText" && matches!(one.value, Value::Text(_)));
                let role = names::role(tag, inlined(), named("http-equiv"));
                if tag.eq_ignore_ascii_case("title") && node.flags.is_svg != Some(true) {
                    self.tree.title = Some(node.id);
                }
                Known::Element { tag: (**tag).into(), role, attributes: kept }
            }
            NodeKind::Text(_) => Known::Text,
            _ => Known::Other,
        };
        let in_shadow = node.flags.is_shadow == Some(true);
        self.tree.insert(node.id, Remembered { parent, in_shadow, kind });
    }

    /// Cleans an element; returns what it means for its children.
    fn element(&mut self, index: u32, above: Place) -> (Place, Of) {
        let Some(node) = self.nodes.list.get(index as usize) else { return (above, Of::Element) };
        let (id, flags) = (node.id, node.flags);
        let NodeKind::Element { tag, attributes } = &node.kind else { return (above, Of::Element) };
        let (tag, span) = (tag.clone(), *attributes);
        let role = self.tree.role(id).unwrap_or(Role::Plain);
        let mut standing = self.tree.step(id, above.standing, self.rules);
        if !above.known {
            standing = standing.masked();
        }
        let mut place = Place { standing, ..above };
        match role {
            Role::Hollow(reason) => {
                self.hollow(index, span, reason);
                place.hollow = true;
                return (place, Of::Element);
            }
            Role::Box => {
                self.boxed(index, span);
                place.hollow = true;
            }
            Role::Plain | Role::Style | Role::Frame => self.flags(index, &tag, flags),
        }
        if self.rules.is_some() && standing.decision() == Decision::Exclude {
            if above.standing.decision() != Decision::Exclude {
                self.excluded(index, span);
            }
            return (place, Of::Element);
        }
        self.attributes(span, Some(&tag), standing);
        (place, if role == Role::Style { Of::Style } else { Of::Element })
    }

    /// Leaves an element that does nothing and shows nothing (players hide `noscript`), so that what is told later about its neighbours finds them.
    fn hollow(&mut self, index: u32, span: Span, reason: &'static str) {
        let attributes = self.nodes.attributes_of_mut(span);
        let mut any = attributes.iter().any(|one| !one.dropped);
        for one in attributes {
            one.dropped = true;
        }
        any |= self.empty(index);
        if let Some(node) = self.nodes.list.get_mut(index as usize) {
            node.flags = Flags { is_shadow: node.flags.is_shadow, ..Flags::default() };
            if let NodeKind::Element { tag, .. } = &mut node.kind {
                any |= tag != "noscript";
                *tag = plain("noscript");
            }
        }
        if any {
            self.report.sanitised.count(reason);
        }
    }

    /// Leaves an empty box where foreign content was.
    fn boxed(&mut self, index: u32, span: Span) {
        self.empty(index);
        self.report.sanitised.count("plugin_content");
        for one in self.nodes.attributes_of_mut(span) {
            one.dropped |= !matches!(
                &*one.name,
                "id" | "class" | "style" | "rr_width" | "rr_height" | "data-clerestory"
            );
            if let (true, Value::Text(style)) = (one.name == "style", &mut one.value) {
                *style = Cow::Owned(format!("display:inline-block;{style}"));
            }
        }
        if let Some(node) = self.nodes.list.get_mut(index as usize) {
            node.flags = Flags { is_shadow: node.flags.is_shadow, ..Flags::default() };
            if let NodeKind::Element { tag, .. } = &mut node.kind {
                *tag = plain("div");
            }
        }
    }

    /// Takes back claims that would make a player throw.
    fn flags(&mut self, index: u32, tag: &str, flags: Flags) {
        let Some(node) = self.nodes.list.get_mut(index as usize) else { return };
        if flags.is_custom == Some(true) && (!names::is_custom_name(tag) || flags.is_svg == Some(true)) {
            node.flags.is_custom = None;
            self.report.sanitised.count("custom_element");
        }
        if flags.is_shadow_host == Some(true) && !names::can_host_shadow(tag) {
            node.flags.is_shadow_host = None;
            self.report.sanitised.count("shadow_root");
        }
    }

    /// Leaves the empty element the policy asks for.
    fn excluded(&mut self, index: u32, span: Span) {
        let mut changed = self.empty(index);
        let mut marked = false;
        for one in self.nodes.attributes_of_mut(span) {
            let stays = match &*one.name {
                "rr_width" | "rr_height" => matches!(&one.value, Value::Text(text) if names::is_length(text)),
                "data-clerestory" => {
                    marked = matches!(&one.value, Value::Text(text) if text == "excluded");
                    marked
                }
                _ => false,
            };
            changed |= !stays && !one.dropped;
            one.dropped = !stays;
        }
        if !marked {
            changed = true;
            let span = mark(self.nodes, span);
            if let Some(NodeKind::Element { attributes, .. }) =
                self.nodes.list.get_mut(index as usize).map(|node| &mut node.kind)
            {
                *attributes = span;
            }
        }
        if let Some(node) = self.nodes.list.get_mut(index as usize) {
            changed |= node.flags.is_shadow_host.take().is_some();
        }
        self.report.scrubbed.elements += u64::from(changed);
    }

    /// Cleans the attributes of an element, or the changes of some; `tag` is `None` where the element is not known.
    pub(super) fn attributes(&mut self, span: Span, tag: Option<&str>, standing: Standing) {
        let mut linked = false;
        for index in span.start..span.end {
            let Some(slot) = self.nodes.attributes.get_mut(index as usize).filter(|one| !one.dropped) else {
                continue;
            };
            let empty = Attribute { name: plain(""), value: Value::Null, dropped: true };
            let mut one = std::mem::replace(slot, empty);
            one.dropped = !self.attribute(&mut one, tag, standing);
            // `href` and `xlink:href` both end up as this.
            one.dropped |= one.name == "rr_href" && !one.dropped && std::mem::replace(&mut linked, true);
            if let Some(slot) = self.nodes.attributes.get_mut(index as usize) {
                *slot = one;
            }
        }
    }

    /// Cleans one attribute; says whether it stays.
    fn attribute(&mut self, one: &mut Attribute<'a>, tag: Option<&str>, standing: Standing) -> bool {
        let given = one.name.clone();
        let name = lower(&given);
        let rule = names::rule(&name);
        if let Rule::Drop(reason) = rule {
            self.report.sanitised.count(reason);
            return false;
        }
        let is_link = tag.is_none_or(|tag| tag.eq_ignore_ascii_case("a") || tag.eq_ignore_ascii_case("area"));
        if rule == Rule::Link && name != "rr_href" && !is_link {
            let inside = matches!(&one.value, Value::Text(text) if text.starts_with('#'))
                || matches!(one.value, Value::Null);
            if !inside {
                self.report.sanitised.count("url");
            }
            return inside;
        }
        self.harmless(one, rule) && self.allowed(one, &name, tag, standing)
    }

    /// Holds an attribute to the policy; says whether it stays.
    fn allowed(
        &mut self,
        one: &mut Attribute<'a>,
        name: &str,
        tag: Option<&str>,
        standing: Standing,
    ) -> bool {
        if self.rules.is_none() {
            return true;
        }
        let value: Cow<'_, str> = match &one.value {
            Value::Text(text) => Cow::Borrowed(&**text),
            Value::Number(number) => Cow::Borrowed(number),
            Value::Bool(_) | Value::Null | Value::Style(_) => Cow::Borrowed(""),
        };
        let asked = if matches!(name, "rr_href" | "xlink:href") { "href" } else { name };
        // An element nobody knows may be a field.
        let tag = tag.unwrap_or("input");
        let verdict =
            capture::attribute(tag, asked, &value, standing.decision(), standing.never_shown(), self.images);
        match verdict {
            capture::Attribute::Keep => true,
            capture::Attribute::Replace(new) => {
                if new != value {
                    let new = new.into_owned();
                    if name == "value" {
                        self.report.scrubbed.values += 1;
                    } else {
                        self.report.scrubbed.attributes += 1;
                    }
                    one.value = Value::Text(if new == MASK { plain(MASK) } else { Cow::Owned(new) });
                }
                true
            }
            capture::Attribute::Drop => {
                if is_raster_data_url(&value) {
                    self.report.scrubbed.media += 1;
                } else {
                    self.report.scrubbed.attributes += 1;
                }
                false
            }
        }
    }

    /// Makes the value of an attribute harmless; says whether it stays.
    fn harmless(&mut self, one: &mut Attribute<'a>, rule: Rule) -> bool {
        match (&mut one.value, rule) {
            (Value::Null, _) => true,
            (Value::Style(parts), Rule::Style) => {
                let mut taken = std::mem::take(parts);
                taken.retain_mut(|(property, part)| self.style_part(property, part));
                one.value = Value::Style(taken);
                true
            }
            (Value::Style(_), _) => self.refuse("attribute"),
            (Value::Text(text), Rule::Style) => {
                let mut taken = std::mem::take(text);
                let cleaned = css::clean(&taken, Use::Alone, self.images);
                self.css(&mut taken, cleaned);
                one.value = Value::Text(taken);
                true
            }
            (Value::Text(text), Rule::Sheet) => {
                let mut taken = std::mem::take(text);
                let cleaned = css::sheet(&taken, self.images);
                self.css(&mut taken, cleaned);
                one.value = Value::Text(taken);
                true
            }
            (Value::Text(text), Rule::Presentation) if text.contains(['(', '\\']) => {
                let mut taken = std::mem::take(text);
                let cleaned = css::clean(&taken, Use::Alone, self.images);
                self.css(&mut taken, cleaned);
                one.value = Value::Text(taken);
                true
            }
            (Value::Text(text), Rule::Raster) => is_raster_data_url(text) || self.refuse("url"),
            (_, Rule::Raster) => self.refuse("url"),
            (Value::Text(text), Rule::Length) => names::is_length(text) || self.refuse("attribute"),
            (Value::Text(text), Rule::Numbers) => names::are_numbers(text) || self.refuse("attribute"),
            (Value::Text(text), Rule::Link) => match bare_url(text) {
                Some(bare) => {
                    one.name = plain("rr_href");
                    if bare != **text {
                        one.value = Value::Text(Cow::Owned(bare.into_owned()));
                    }
                    true
                }
                None => self.refuse("script_url"),
            },
            (_, Rule::Link) => self.refuse("url"),
            _ => true,
        }
    }

    fn refuse(&mut self, reason: &'static str) -> bool {
        self.report.sanitised.count(reason);
        false
    }

    fn style_part(&mut self, property: &Text<'a>, part: &mut StylePart<'a>) -> bool {
        if !names::is_property(property) {
            return self.refuse("css");
        }
        if let StylePart::Value(value) | StylePart::Priority(value, _) = part {
            let cleaned = css::clean(value, Use::Alone, self.images);
            self.css(value, cleaned);
        }
        if let StylePart::Priority(_, priority) = part
            && !matches!(&**priority, "" | "important")
        {
            *priority = plain("");
        }
        true
    }
}

/// A run of attributes like `span` with the mark of an excluded element behind it.
fn mark(nodes: &mut Nodes<'_>, span: Span) -> Span {
    let kept: Vec<Attribute<'_>> =
        nodes.attributes_of(span).iter().filter(|one| !one.dropped).cloned().collect();
    let start = u32::try_from(nodes.attributes.len()).unwrap_or(u32::MAX);
    nodes.attributes.extend(kept);
    nodes.attributes.push(Attribute {
        name: plain("data-clerestory"),
        value: Value::Text(plain("excluded")),
        dropped: false,
    });
    Span { start, end: u32::try_from(nodes.attributes.len()).unwrap_or(u32::MAX) }
}

/// Whether a text says anything that is not the mask.
pub(super) fn needs_mask(text: &str) -> bool {
    text != MASK && !text.chars().all(char::is_whitespace)
}

/// In lower case; as it is where it is so already.
pub(super) fn lower<'n>(name: &'n str) -> Cow<'n, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
