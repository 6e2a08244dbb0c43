//! Events back to JSON, in the recorder's own order of fields.

use std::borrow::Cow;

use super::event::{
    AddedRule, AdoptedStyles, Attribute, Canvas, CanvasCommand, Custom, Event, EventKind, Font, Incremental,
    Media, Mutation, Node, NodeKind, Nodes, RuleIndex, Span, StyleDeclaration, StylePart, StyleRule, Text,
    Value,
};
use super::json::write_string;

/// Writes a list of events.
pub(super) fn events(events: &[Event<'_>], nodes: &Nodes<'_>, out: &mut Vec<u8>) {
    let mut writer = Writer { nodes, out };
    writer.list(events, Writer::event);
}

struct Writer<'w, 'a> {
    nodes: &'w Nodes<'a>,
    out: &'w mut Vec<u8>,
}

impl<'a> Writer<'_, 'a> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn integer(&mut self, number: i64) {
        // Ids are the most frequent thing written; formatting machinery costs more than the digits.
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(digits.get(at..).unwrap_or_default());
    }

    fn text(&mut self, text: &Text<'_>) {
        write_string(text, self.out);
    }

    fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.out.push(b'[');
        for (index, one) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            item(self, one);
        }
        self.out.push(b']');
    }

    /// A field of ours (comma, name, colon); `name` is plain.
    fn field(&mut self, name: &str) {
        self.out.extend_from_slice(b",\"");
        self.raw(name);
        self.out.extend_from_slice(b"\":");
    }

    fn text_field(&mut self, name: &str, text: &Text<'_>) {
        self.field(name);
        self.text(text);
    }

    fn raw_field(&mut self, name: &str, raw: &str) {
        self.field(name);
        self.raw(raw);
    }

    fn integer_field(&mut self, name: &str, number: i64) {
        self.field(name);
        self.integer(number);
    }

    fn boolean_field(&mut self, name: &str, value: bool) {
        self.field(name);
        self.boolean(value);
    }

    fn event(&mut self, event: &Event<'_>) {
        let (kind, data): (u8, _) = match &event.kind {
            EventKind::DomContentLoaded => (0, None),
            EventKind::Load => (1, None),
            EventKind::FullSnapshot { .. } => (2, Some(())),
            EventKind::Incremental(_) => (3, Some(())),
            EventKind::Meta { .. } => (4, Some(())),
            EventKind::Custom(_) => (5, Some(())),
            EventKind::Plugin { .. } => (6, Some(())),
        };
        self.raw("{\"type\":");
        self.integer(i64::from(kind));
        self.raw(",\"data\":{");
        if data.is_some() {
            self.data(&event.kind);
        }
        self.raw("},\"timestamp\":");
        self.integer(event.timestamp_ms);
        self.out.push(b'}');
    }

    fn data(&mut self, kind: &EventKind<'_>) {
        match kind {
            EventKind::DomContentLoaded | EventKind::Load => {}
            EventKind::FullSnapshot { root, top, left } => {
                self.raw("\"node\":");
                self.tree(*root);
                self.raw(",\"initialOffset\":{\"left\":");
                self.raw(left);
                self.raw_field("top", top);
                self.out.push(b'}');
            }
            EventKind::Incremental(change) => self.change(change),
            EventKind::Meta { href, width, height } => {
                self.raw("\"href\":");
                self.text(href);
                self.raw_field("width", width);
                self.raw_field("height", height);
            }
            EventKind::Custom(custom) => self.custom(custom),
            EventKind::Plugin { plugin, payload } => {
                self.raw("\"plugin\":");
                self.text(plugin);
                self.raw_field("payload", payload);
            }
        }
    }

    fn custom(&mut self, custom: &Custom<'_>) {
        match custom {
            Custom::Gap { reason, from_ms, to_ms } => {
                self.raw("\"tag\":\"clerestory.gap\",\"payload\":{\"reason\":\"");
                self.raw(reason.word());
                self.out.push(b'"');
                self.integer_field("from", *from_ms);
                self.integer_field("to", *to_ms);
            }
            Custom::Page { url, title } => {
                self.raw("\"tag\":\"clerestory.page\",\"payload\":{\"url\":");
                self.text(url);
                if let Some(title) = title {
                    self.text_field("title", title);
                }
            }
            Custom::Excluded { count } => {
                self.raw("\"tag\":\"clerestory.excluded\",\"payload\":{\"count\":");
                self.integer(*count);
            }
        }
        self.out.push(b'}');
    }

    fn change(&mut self, change: &Incremental<'_>) {
        let source = match change {
            Incremental::Mutation(_) => 0,
            Incremental::Move { source, .. } => i64::from(*source),
            Incremental::Interaction { .. } => 2,
            Incremental::Scroll { .. } => 3,
            Incremental::Resize { .. } => 4,
            Incremental::Input { .. } => 5,
            Incremental::Media(_) => 7,
            Incremental::StyleRule(_) => 8,
            Incremental::Canvas(_) => 9,
            Incremental::Font(_) => 10,
            Incremental::Log { .. } => 11,
            Incremental::StyleDeclaration(_) => 13,
            Incremental::Selection { .. } => 14,
            Incremental::AdoptedStyles(_) => 15,
            Incremental::CustomElement { .. } => 16,
        };
        self.raw("\"source\":");
        self.integer(source);
        match change {
            Incremental::Mutation(mutation) => self.mutation(mutation),
            Incremental::Move { positions, .. } => {
                self.field("positions");
                self.list(positions, |writer, position| {
                    writer.raw("{\"x\":");
                    writer.raw(position.x);
                    writer.raw_field("y", position.y);
                    writer.integer_field("id", position.id);
                    writer.raw_field("timeOffset", position.time_offset);
                    writer.out.push(b'}');
                });
            }
            Incremental::Media(media) => self.media(media),
            Incremental::StyleRule(rule) => self.style_rule(rule),
            Incremental::Canvas(canvas) => self.canvas(canvas),
            Incremental::Font(font) => self.font(font),
            Incremental::StyleDeclaration(declaration) => self.style_declaration(declaration),
            Incremental::AdoptedStyles(adopted) => self.adopted(adopted),
            small => self.small_change(small),
        }
    }

    fn small_change(&mut self, change: &Incremental<'_>) {
        match change {
            Incremental::Interaction { kind, id, x, y, pointer } => {
                self.integer_field("type", i64::from(*kind));
                self.integer_field("id", *id);
                for (name, value) in [("x", x), ("y", y)] {
                    if let Some(value) = value {
                        self.raw_field(name, value);
                    }
                }
                if let Some(pointer) = pointer {
                    self.integer_field("pointerType", i64::from(*pointer));
                }
            }
            Incremental::Scroll { id, x, y } => {
                self.integer_field("id", *id);
                self.raw_field("x", x);
                self.raw_field("y", y);
            }
            Incremental::Resize { width, height } => {
                self.raw_field("width", width);
                self.raw_field("height", height);
            }
            Incremental::Input { id, text, is_checked, user_triggered } => {
                self.text_field("text", text);
                self.boolean_field("isChecked", *is_checked);
                if let Some(by_person) = user_triggered {
                    self.boolean_field("userTriggered", *by_person);
                }
                self.integer_field("id", *id);
            }
            Incremental::Log { level, rest } => {
                self.text_field("level", level);
                for (name, raw) in rest {
                    self.raw_field(name, raw);
                }
            }
            Incremental::Selection { ranges } => {
                self.field("ranges");
                self.list(ranges, |writer, range| {
                    writer.raw("{\"start\":");
                    writer.integer(range.start);
                    writer.integer_field("startOffset", range.start_offset);
                    writer.integer_field("end", range.end);
                    writer.integer_field("endOffset", range.end_offset);
                    writer.out.push(b'}');
                });
            }
            Incremental::CustomElement { name: Some(name) } => {
                self.raw(",\"define\":{\"name\":");
                self.text(name);
                self.out.push(b'}');
            }
            // The others have functions of their own.
            _ => {}
        }
    }

    fn mutation(&mut self, mutation: &Mutation<'_>) {
        self.field("texts");
        self.list(&mutation.texts, |writer, (id, value)| {
            writer.raw("{\"id\":");
            writer.integer(*id);
            writer.field("value");
            match value {
                Some(value) => writer.text(value),
                None => writer.raw("null"),
            }
            writer.out.push(b'}');
        });
        self.field("attributes");
        self.list(&mutation.attributes, |writer, change| {
            writer.raw("{\"id\":");
            writer.integer(change.id);
            writer.field("attributes");
            writer.attributes(change.attributes);
            writer.out.push(b'}');
        });
        self.field("removes");
        self.list(&mutation.removes, |writer, removal| {
            writer.raw("{\"parentId\":");
            writer.integer(removal.parent);
            writer.integer_field("id", removal.id);
            if let Some(is_shadow) = removal.is_shadow {
                writer.boolean_field("isShadow", is_shadow);
            }
            writer.out.push(b'}');
        });
        self.field("adds");
        self.list(&mutation.adds, |writer, addition| {
            let id = |writer: &mut Self, id: Option<i64>| match id {
                Some(id) => writer.integer(id),
                None => writer.raw("null"),
            };
            writer.raw("{\"parentId\":");
            writer.integer(addition.parent);
            if let Some(previous) = addition.previous {
                writer.field("previousId");
                id(writer, previous);
            }
            writer.field("nextId");
            id(writer, addition.next);
            writer.field("node");
            writer.tree(addition.node);
            writer.out.push(b'}');
        });
        if let Some(attach) = mutation.is_attach_iframe {
            self.boolean_field("isAttachIframe", attach);
        }
    }

    /// A node and its descendants: arena order with a stack of open parents, as trees may be deep.
    fn tree(&mut self, root: u32) {
        let nodes = self.nodes;
        let mut open: Vec<&Node<'_>> = Vec::new();
        let mut first = true;
        let mut at = root;
        loop {
            while let Some(parent) = open.pop_if(|parent| parent.end <= at) {
                self.close(parent);
                first = false;
            }
            if open.is_empty() && at != root {
                return;
            }
            let Some(node) = nodes.list.get(at as usize) else { return };
            if node.dropped && at != root {
                at = node.end;
                continue;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.open(node);
            at += 1;
            if matches!(node.kind, NodeKind::Document { .. } | NodeKind::Element { .. }) {
                open.push(node);
                first = true;
            } else {
                self.close(node);
                if open.is_empty() {
                    return;
                }
            }
        }
    }

    /// What stands before a node's children.
    fn open(&mut self, node: &Node<'_>) {
        match &node.kind {
            NodeKind::Document { .. } => self.raw("{\"type\":0,\"childNodes\":["),
            NodeKind::DocumentType(kind) => {
                self.raw("{\"type\":1,\"name\":");
                self.text(&kind.name);
                self.text_field("publicId", &kind.public_id);
                self.text_field("systemId", &kind.system_id);
            }
            NodeKind::Element { tag, attributes } => {
                self.raw("{\"type\":2,\"tagName\":");
                self.text(tag);
                self.field("attributes");
                self.attributes(*attributes);
                self.raw(",\"childNodes\":[");
            }
            NodeKind::Text(text) => {
                self.raw("{\"type\":3,\"textContent\":");
                self.text(text);
            }
            NodeKind::Cdata(text) => {
                self.raw("{\"type\":4,\"textContent\":");
                self.text(text);
            }
            NodeKind::Comment(text) => {
                self.raw("{\"type\":5,\"textContent\":");
                self.text(text);
            }
        }
    }

    /// What stands behind them.
    fn close(&mut self, node: &Node<'_>) {
        match &node.kind {
            NodeKind::Document { compat_mode } => {
                self.out.push(b']');
                if let Some(mode) = compat_mode {
                    self.text_field("compatMode", mode);
                }
            }
            NodeKind::Element { .. } => self.out.push(b']'),
            _ => {}
        }
        let flags = node.flags;
        for (name, flag) in [
            ("isStyle", flags.is_style),
            ("isSVG", flags.is_svg),
            ("needBlock", flags.need_block),
            ("isCustom", flags.is_custom),
        ] {
            if let Some(flag) = flag {
                self.boolean_field(name, flag);
            }
        }
        if node.root_id != 0 {
            self.integer_field("rootId", node.root_id);
        }
        self.integer_field("id", node.id);
        for (name, flag) in [("isShadowHost", flags.is_shadow_host), ("isShadow", flags.is_shadow)] {
            if let Some(flag) = flag {
                self.boolean_field(name, flag);
            }
        }
        self.out.push(b'}');
    }

    fn attributes(&mut self, span: Span) {
        let nodes = self.nodes;
        self.out.push(b'{');
        let mut first = true;
        for attribute in nodes.attributes_of(span).iter().filter(|one| !one.dropped) {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.attribute(attribute);
        }
        self.out.push(b'}');
    }

    fn attribute(&mut self, attribute: &Attribute<'_>) {
        self.text(&attribute.name);
        self.out.push(b':');
        self.value(&attribute.value);
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Number(number) => self.raw(number),
            Value::Bool(flag) => self.boolean(*flag),
            Value::Null => self.raw("null"),
            Value::Style(parts) => {
                self.out.push(b'{');
                for (index, (name, part)) in parts.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.text(name);
                    self.out.push(b':');
                    match part {
                        StylePart::Value(value) => self.text(value),
                        StylePart::Priority(value, priority) => {
                            self.out.push(b'[');
                            self.text(value);
                            self.out.push(b',');
                            self.text(priority);
                            self.out.push(b']');
                        }
                        StylePart::Gone => self.raw("false"),
                    }
                }
                self.out.push(b'}');
            }
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        self.integer_field("type", i64::from(media.kind));
        self.integer_field("id", media.id);
        for (name, number) in &media.numbers {
            self.raw_field(name, number);
        }
        for (name, switch) in &media.switches {
            self.boolean_field(name, *switch);
        }
    }

    fn sheet(&mut self, id: Option<i64>, style_id: Option<i64>) {
        for (name, id) in [("id", id), ("styleId", style_id)] {
            if let Some(id) = id {
                self.integer_field(name, id);
            }
        }
    }

    fn index(&mut self, index: &RuleIndex) {
        match index {
            RuleIndex::One(index) => self.integer(*index),
            RuleIndex::Nested(indices) => self.list(indices, |writer, index| writer.integer(*index)),
        }
    }

    fn added(&mut self, added: &AddedRule<'_>) {
        self.raw("{\"rule\":");
        self.text(&added.rule);
        if let Some(index) = &added.index {
            self.field("index");
            self.index(index);
        }
        self.out.push(b'}');
    }

    fn style_rule(&mut self, rule: &StyleRule<'_>) {
        self.sheet(rule.id, rule.style_id);
        if let Some(adds) = &rule.adds {
            self.field("adds");
            self.list(adds, Self::added);
        }
        if let Some(removes) = &rule.removes {
            self.field("removes");
            self.list(removes, |writer, index| {
                writer.raw("{\"index\":");
                writer.index(index);
                writer.out.push(b'}');
            });
        }
        for (name, text) in [("replace", &rule.replace), ("replaceSync", &rule.replace_sync)] {
            if let Some(text) = text {
                self.text_field(name, text);
            }
        }
    }

    fn canvas(&mut self, canvas: &Canvas<'_>) {
        self.integer_field("id", canvas.id);
        self.integer_field("type", i64::from(canvas.kind));
        let command = |writer: &mut Self, command: &CanvasCommand<'_>| {
            writer.raw("\"property\":");
            writer.text(&command.property);
            writer.raw_field("args", command.args);
            if command.setter {
                writer.boolean_field("setter", true);
            }
        };
        if let (true, [one]) = (canvas.single, canvas.commands.as_slice()) {
            self.out.push(b',');
            command(self, one);
            return;
        }
        self.field("commands");
        self.list(&canvas.commands, |writer, one| {
            writer.out.push(b'{');
            command(writer, one);
            writer.out.push(b'}');
        });
    }

    fn font(&mut self, font: &Font<'_>) {
        self.text_field("family", &font.family);
        self.text_field("fontSource", &font.source);
        self.boolean_field("buffer", font.buffer);
        if let Some(descriptors) = &font.descriptors {
            self.field("descriptors");
            self.out.push(b'{');
            for (index, (name, value)) in descriptors.iter().enumerate() {
                if index > 0 {
                    self.out.push(b',');
                }
                self.text(name);
                self.out.push(b':');
                self.text(value);
            }
            self.out.push(b'}');
        }
    }

    fn style_declaration(&mut self, declaration: &StyleDeclaration<'_>) {
        self.sheet(declaration.id, declaration.style_id);
        if let Some(set) = &declaration.set {
            self.raw(",\"set\":{\"property\":");
            self.text(&set.property);
            if let Some(value) = &set.value {
                self.field("value");
                self.value(value);
            }
            if let Some(priority) = &set.priority {
                self.text_field("priority", priority);
            }
            self.out.push(b'}');
        }
        if let Some(property) = &declaration.remove {
            self.raw(",\"remove\":{\"property\":");
            self.text(property);
            self.out.push(b'}');
        }
        self.field("index");
        self.list(&declaration.index, |writer, index| writer.integer(*index));
    }

    fn adopted(&mut self, adopted: &AdoptedStyles<'_>) {
        self.integer_field("id", adopted.id);
        if let Some(styles) = &adopted.styles {
            self.field("styles");
            self.list(styles, |writer, (id, rules)| {
                writer.raw("{\"styleId\":");
                writer.integer(*id);
                writer.field("rules");
                writer.list(rules, Self::added);
                writer.out.push(b'}');
            });
        }
        self.field("styleIds");
        self.list(&adopted.style_ids, |writer, id| writer.integer(*id));
    }
}

/// A text of our own.
pub(super) const fn plain(text: &'static str) -> Text<'static> {
    Cow::Borrowed(text)
}
