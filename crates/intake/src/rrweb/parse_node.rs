//! Node trees from JSON into the arena, without recursion.

use super::event::{Attribute, DocumentType, Flags, Node, NodeKind, Nodes, Span, StylePart, Text, Value};
use super::json::{Fault, Read, Reader, once};

/// The most attributes an element may have. The search for names given twice is quadratic in it.
const MOST_ATTRIBUTES: usize = 256;

/// What trees may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreeLimits {
    pub(super) nodes: usize,
    pub(super) depth: usize,
}

/// A node whose end has not been read yet. Fields may come in any order.
#[derive(Debug, Default)]
struct Open<'a> {
    index: u32,
    at: usize,
    first_key: bool,
    first_child: bool,
    kind: Option<i64>,
    id: Option<i64>,
    root_id: Option<i64>,
    tag: Option<Text<'a>>,
    attributes: Option<Span>,
    text: Option<Text<'a>>,
    name: Option<Text<'a>>,
    public_id: Option<Text<'a>>,
    system_id: Option<Text<'a>>,
    compat_mode: Option<Text<'a>>,
    children: Option<()>,
    flags: Flags,
}

/// Reads a node with all it contains; returns its index.
pub(super) fn node<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>, limits: TreeLimits) -> Read<u32> {
    let root = position(nodes);
    let mut open: Vec<Open<'a>> = vec![begin(reader, nodes, limits)?];
    while let Some(top) = open.last_mut() {
        let Some((key, key_at)) = reader.next_key(&mut top.first_key)? else {
            let Some(done) = open.pop() else { break };
            finish(reader, nodes, done)?;
            // Back in the parent's list of children.
            let Some(parent) = open.last_mut() else { break };
            if reader.next_item(&mut parent.first_child)? {
                open.push(begin(reader, nodes, limits)?);
            }
            continue;
        };
        if key == "childNodes" {
            once(reader, &mut top.children, ())?;
            reader.begin_array()?;
            top.first_child = true;
            if reader.next_item(&mut top.first_child)? {
                if open.len() >= limits.depth {
                    return reader.fault("the tree is too deep");
                }
                open.push(begin(reader, nodes, limits)?);
            }
            continue;
        }
        if !top.field(reader, nodes, &key)? {
            reader.unknown_field(key_at)?;
        }
    }
    Ok(root)
}

fn position(nodes: &Nodes<'_>) -> u32 {
    // The limit on nodes keeps the arena far below this.
    u32::try_from(nodes.list.len()).unwrap_or(u32::MAX)
}

/// Takes a node's place in the arena before its descendants take theirs.
fn begin<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>, limits: TreeLimits) -> Read<Open<'a>> {
    if nodes.list.len() >= limits.nodes {
        return reader.fault("there are too many nodes");
    }
    reader.peek();
    let at = reader.at;
    let index = position(nodes);
    reader.begin_object()?;
    let kind = NodeKind::Document { compat_mode: None };
    nodes.list.push(Node { id: 0, root_id: 0, end: index, flags: Flags::default(), dropped: false, kind });
    Ok(Open { index, at, first_key: true, ..Open::default() })
}

impl<'a> Open<'a> {
    fn field(&mut self, reader: &mut Reader<'a>, nodes: &mut Nodes<'a>, key: &str) -> Read<bool> {
        let flag = |reader: &mut Reader<'a>, slot: &mut Option<bool>| {
            let value = reader.boolean()?;
            once(reader, slot, value)
        };
        let text = |reader: &mut Reader<'a>, slot: &mut Option<Text<'a>>| {
            let value = reader.string()?;
            once(reader, slot, value)
        };
        match key {
            "type" => {
                let kind = reader.integer()?;
                once(reader, &mut self.kind, kind)
            }
            "id" => {
                let id = positive(reader)?;
                once(reader, &mut self.id, id)
            }
            "rootId" => {
                let id = positive(reader)?;
                once(reader, &mut self.root_id, id)
            }
            "attributes" => {
                let span = attributes(reader, nodes)?;
                once(reader, &mut self.attributes, span)
            }
            "tagName" => text(reader, &mut self.tag),
            "textContent" => text(reader, &mut self.text),
            "name" => text(reader, &mut self.name),
            "publicId" => text(reader, &mut self.public_id),
            "systemId" => text(reader, &mut self.system_id),
            "compatMode" => text(reader, &mut self.compat_mode),
            "isSVG" => flag(reader, &mut self.flags.is_svg),
            "isCustom" => flag(reader, &mut self.flags.is_custom),
            "needBlock" => flag(reader, &mut self.flags.need_block),
            "isShadowHost" => flag(reader, &mut self.flags.is_shadow_host),
            "isShadow" => flag(reader, &mut self.flags.is_shadow),
            "isStyle" => flag(reader, &mut self.flags.is_style),
            _ => Ok(false),
        }
    }

    /// Names the fields this kind of node needs and takes out what they hold; what is left over does not belong to it.
    fn kind(&mut self) -> Result<NodeKind<'a>, &'static str> {
        let kind = match self.kind {
            Some(0) => {
                self.children.take().ok_or("a document needs childNodes")?;
                NodeKind::Document { compat_mode: self.compat_mode.take() }
            }
            Some(1) => NodeKind::DocumentType(Box::new(DocumentType {
                name: self.name.take().ok_or("a document type needs a name")?,
                public_id: self.public_id.take().ok_or("a document type needs a publicId")?,
                system_id: self.system_id.take().ok_or("a document type needs a systemId")?,
            })),
            Some(2) => {
                self.children.take().ok_or("an element needs childNodes")?;
                NodeKind::Element {
                    tag: self.tag.take().ok_or("an element needs a tagName")?,
                    attributes: self.attributes.take().ok_or("an element needs attributes")?,
                }
            }
            Some(3) => NodeKind::Text(self.text.take().ok_or("a text needs textContent")?),
            Some(4) => NodeKind::Cdata(self.text.take().ok_or("a CDATA section needs textContent")?),
            Some(5) => NodeKind::Comment(self.text.take().ok_or("a comment needs textContent")?),
            Some(_) => return Err("this type of node is not known"),
            None => return Err("a node needs a type"),
        };
        let element_flags =
            [self.flags.is_svg, self.flags.is_custom, self.flags.need_block, self.flags.is_shadow_host];
        let foreign = self.children.is_some()
            || self.attributes.is_some()
            || [&self.tag, &self.text, &self.name, &self.public_id, &self.system_id, &self.compat_mode]
                .iter()
                .any(|t| t.is_some())
            || (self.kind != Some(2) && element_flags.iter().any(Option::is_some))
            || (self.kind != Some(3) && self.flags.is_style.is_some());
        if foreign { Err("a field does not belong to this type of node") } else { Ok(kind) }
    }
}

fn finish<'a>(reader: &Reader<'a>, nodes: &mut Nodes<'a>, mut open: Open<'a>) -> Read<()> {
    let fault = |reason| Fault { at: open.at, reason };
    let id = open.id.ok_or_else(|| fault("a node needs an id"))?;
    let kind = match open.kind() {
        Ok(kind) => kind,
        Err(reason) => return Err(Fault { at: open.at, reason }),
    };
    let end = position(nodes);
    match nodes.list.get_mut(open.index as usize) {
        Some(node) => {
            *node = Node {
                id,
                root_id: open.root_id.unwrap_or_default(),
                end,
                flags: open.flags,
                dropped: false,
                kind,
            };
            Ok(())
        }
        None => reader.fault("the node has no place"),
    }
}

/// The number of a node: 1 or more.
pub(super) fn positive(reader: &mut Reader<'_>) -> Read<i64> {
    reader.peek();
    let at = reader.at;
    let id = reader.integer()?;
    if id < 1 {
        return Err(Fault { at, reason: "an id is a positive number" });
    }
    Ok(id)
}

/// Reads attributes into the arena. Values are text, numbers, switches, null, or the changed parts of a style.
pub(super) fn attributes<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>) -> Read<Span> {
    let from = nodes.attributes.len();
    reader.begin_object()?;
    let mut first = true;
    while let Some((name, at)) = reader.next_key(&mut first)? {
        let given = nodes.attributes.get(from..).unwrap_or_default();
        if given.len() >= MOST_ATTRIBUTES {
            return reader.fault("there are too many attributes");
        }
        if given.iter().any(|other| other.name == name) {
            return Err(Fault { at, reason: "this attribute is given twice" });
        }
        let value = value(reader)?;
        nodes.attributes.push(Attribute { name, value, dropped: false });
    }
    let index = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Ok(Span { start: index(from), end: index(nodes.attributes.len()) })
}

/// Reads the value of an attribute, or of a style property that was set.
pub(super) fn value<'a>(reader: &mut Reader<'a>) -> Read<Value<'a>> {
    Ok(match reader.peek() {
        Some(b'"') => Value::Text(reader.string()?),
        Some(b't' | b'f') => Value::Bool(reader.boolean()?),
        Some(b'-' | b'0'..=b'9') => Value::Number(reader.number()?),
        Some(b'{') => Value::Style(style(reader)?),
        _ if reader.null() => Value::Null,
        _ => return reader.fault("a value of an attribute is expected"),
    })
}

fn style<'a>(reader: &mut Reader<'a>) -> Read<Vec<(Text<'a>, StylePart<'a>)>> {
    let mut parts = Vec::new();
    reader.begin_object()?;
    let mut first = true;
    while let Some((name, _)) = reader.next_key(&mut first)? {
        let part = match reader.peek() {
            Some(b'"') => StylePart::Value(reader.string()?),
            Some(b'[') => {
                let mut pair = reader.list(Reader::string)?;
                match (pair.pop(), pair.pop(), pair.pop()) {
                    (Some(priority), Some(value), None) => StylePart::Priority(value, priority),
                    _ => return reader.fault("a value and its priority are expected"),
                }
            }
            Some(b'f') if !reader.boolean()? => StylePart::Gone,
            _ => return reader.fault("a style value, a pair or false is expected"),
        };
        parts.push((name, part));
    }
    Ok(parts)
}
