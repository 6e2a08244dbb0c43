//! Incremental events from JSON.

use super::event::{
    AddedRule, Addition, AdoptedStyles, AttributeChange, Canvas, CanvasCommand, Font, Incremental, Media,
    Mutation, Nodes, Position, Removal, RuleIndex, SelectionRange, SetProperty, StyleDeclaration, StyleRule,
    Text,
};
use super::fields::{boolean, choice, id, integer, missing, need, node_id, number, text};
use super::json::{Fault, Read, Reader, once};
use super::parse_node::{self, TreeLimits, positive};

/// Reads the data of an incremental event.
pub(super) fn incremental<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
) -> Read<Incremental<'a>> {
    reader.peek();
    let at = reader.at;
    let source = need(reader.look_for("source", Reader::integer)?, at)?;
    match source {
        0 => mutation(reader, nodes, limits).map(|mutation| Incremental::Mutation(Box::new(mutation))),
        1 | 6 | 12 => moves(reader, source),
        2 => interaction(reader),
        3 | 4 => {
            let (mut target, mut x, mut y, mut width, mut height) = (None, None, None, None, None);
            let at = object(reader, |reader, key| match (source, key) {
                (3, "id") => id(reader, &mut target),
                (3, "x") => number(reader, &mut x),
                (3, "y") => number(reader, &mut y),
                (4, "width") => number(reader, &mut width),
                (4, "height") => number(reader, &mut height),
                _ => Ok(false),
            })?;
            if source == 3 {
                Ok(Incremental::Scroll { id: need(target, at)?, x: need(x, at)?, y: need(y, at)? })
            } else {
                Ok(Incremental::Resize { width: need(width, at)?, height: need(height, at)? })
            }
        }
        5 => input(reader),
        7 => media(reader),
        8 => style_rule(reader).map(|rule| Incremental::StyleRule(Box::new(rule))),
        9 => canvas(reader).map(|canvas| Incremental::Canvas(Box::new(canvas))),
        10 => font(reader).map(|font| Incremental::Font(Box::new(font))),
        11 => log(reader),
        13 => {
            style_declaration(reader).map(|declaration| Incremental::StyleDeclaration(Box::new(declaration)))
        }
        14 => selection(reader),
        15 => adopted(reader).map(|adopted| Incremental::AdoptedStyles(Box::new(adopted))),
        16 => {
            let mut name = None;
            object(reader, |reader, key| match key {
                "define" => {
                    reader.object(
                        |reader, key| if key == "name" { text(reader, &mut name) } else { Ok(false) },
                    )?;
                    Ok(true)
                }
                _ => Ok(false),
            })?;
            Ok(Incremental::CustomElement { name })
        }
        _ => Err(Fault { at, reason: "this source is not known" }),
    }
}

/// Reads the fields of a change besides its source; returns where the object begins.
fn object<'a>(
    reader: &mut Reader<'a>,
    mut field: impl FnMut(&mut Reader<'a>, &str) -> Read<bool>,
) -> Read<usize> {
    let at = reader.at;
    let mut seen = None;
    reader.object(|reader, key| {
        if key == "source" {
            return integer(reader, &mut seen);
        }
        field(reader, key)
    })?;
    Ok(at)
}

fn mutation<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>, limits: TreeLimits) -> Read<Mutation<'a>> {
    let (mut texts, mut attributes, mut removes, mut adds, mut attach) = (None, None, None, None, None);
    let at = object(reader, |reader, key| match key {
        "texts" => {
            let list = reader.list(text_change)?;
            once(reader, &mut texts, list)
        }
        "attributes" => {
            let list = reader.list(|reader| attribute_change(reader, nodes))?;
            once(reader, &mut attributes, list)
        }
        "removes" => {
            let list = reader.list(removal)?;
            once(reader, &mut removes, list)
        }
        "adds" => {
            let list = reader.list(|reader| addition(reader, nodes, limits))?;
            once(reader, &mut adds, list)
        }
        "isAttachIframe" => boolean(reader, &mut attach),
        _ => Ok(false),
    })?;
    Ok(Mutation {
        texts: need(texts, at)?,
        attributes: need(attributes, at)?,
        removes: need(removes, at)?,
        adds: need(adds, at)?,
        is_attach_iframe: attach,
    })
}

fn text_change<'a>(reader: &mut Reader<'a>) -> Read<(i64, Option<Text<'a>>)> {
    let (mut target, mut value) = (None, None);
    let at = reader.at;
    reader.object(|reader, key| match key {
        "id" => id(reader, &mut target),
        "value" if reader.null() => once(reader, &mut value, None),
        "value" => {
            let text = reader.string()?;
            once(reader, &mut value, Some(text))
        }
        _ => Ok(false),
    })?;
    Ok((need(target, at)?, need(value, at)?))
}

fn attribute_change<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>) -> Read<AttributeChange> {
    let (mut target, mut span) = (None, None);
    let at = reader.at;
    reader.object(|reader, key| match key {
        "id" => id(reader, &mut target),
        "attributes" => {
            let read = parse_node::attributes(reader, nodes)?;
            once(reader, &mut span, read)
        }
        _ => Ok(false),
    })?;
    Ok(AttributeChange { id: need(target, at)?, attributes: need(span, at)? })
}

fn removal(reader: &mut Reader<'_>) -> Read<Removal> {
    let (mut parent, mut target, mut is_shadow) = (None, None, None);
    let at = reader.at;
    reader.object(|reader, key| match key {
        "parentId" => id(reader, &mut parent),
        "id" => id(reader, &mut target),
        "isShadow" => boolean(reader, &mut is_shadow),
        _ => Ok(false),
    })?;
    Ok(Removal { parent: need(parent, at)?, id: need(target, at)?, is_shadow })
}

fn addition<'a>(reader: &mut Reader<'a>, nodes: &mut Nodes<'a>, limits: TreeLimits) -> Read<Addition> {
    let (mut parent, mut previous, mut next, mut node) = (None, None, None, None);
    let sibling = |reader: &mut Reader<'a>| if reader.null() { Ok(None) } else { node_id(reader).map(Some) };
    let at = reader.at;
    reader.object(|reader, key| match key {
        "parentId" => {
            let id = positive(reader)?;
            once(reader, &mut parent, id)
        }
        "previousId" => {
            let id = sibling(reader)?;
            once(reader, &mut previous, id)
        }
        "nextId" => {
            let id = sibling(reader)?;
            once(reader, &mut next, id)
        }
        "node" => {
            let index = parse_node::node(reader, nodes, limits)?;
            once(reader, &mut node, index)
        }
        _ => Ok(false),
    })?;
    Ok(Addition { parent: need(parent, at)?, previous, next: next.flatten(), node: need(node, at)? })
}

fn moves<'a>(reader: &mut Reader<'a>, source: i64) -> Read<Incremental<'a>> {
    let mut positions = None;
    let at = object(reader, |reader, key| match key {
        "positions" => {
            let list = reader.list(|reader| {
                let (mut x, mut y, mut target, mut offset) = (None, None, None, None);
                let at = reader.at;
                reader.object(|reader, key| match key {
                    "x" => number(reader, &mut x),
                    "y" => number(reader, &mut y),
                    "id" => id(reader, &mut target),
                    "timeOffset" => number(reader, &mut offset),
                    _ => Ok(false),
                })?;
                Ok(Position {
                    x: need(x, at)?,
                    y: need(y, at)?,
                    id: need(target, at)?,
                    time_offset: need(offset, at)?,
                })
            })?;
            once(reader, &mut positions, list)
        }
        _ => Ok(false),
    })?;
    let positions = need(positions, at)?;
    // The player takes the first and the last without asking.
    if positions.is_empty() {
        return Err(Fault { at, reason: "a move needs a position" });
    }
    Ok(Incremental::Move { source: u8::try_from(source).unwrap_or(1), positions })
}

fn interaction<'a>(reader: &mut Reader<'a>) -> Read<Incremental<'a>> {
    let (mut kind, mut target, mut x, mut y, mut pointer) = (None, None, None, None, None);
    let at = object(reader, |reader, key| match key {
        "type" => choice(reader, &mut kind, 10),
        "id" => id(reader, &mut target),
        "x" => number(reader, &mut x),
        "y" => number(reader, &mut y),
        "pointerType" => choice(reader, &mut pointer, 2),
        _ => Ok(false),
    })?;
    Ok(Incremental::Interaction { kind: need(kind, at)?, id: need(target, at)?, x, y, pointer })
}

fn input<'a>(reader: &mut Reader<'a>) -> Read<Incremental<'a>> {
    let (mut target, mut value, mut checked, mut user_triggered) = (None, None, None, None);
    let at = object(reader, |reader, key| match key {
        "id" => id(reader, &mut target),
        "text" => text(reader, &mut value),
        "isChecked" => boolean(reader, &mut checked),
        "userTriggered" => boolean(reader, &mut user_triggered),
        _ => Ok(false),
    })?;
    Ok(Incremental::Input {
        id: need(target, at)?,
        text: need(value, at)?,
        is_checked: need(checked, at)?,
        user_triggered,
    })
}

fn media<'a>(reader: &mut Reader<'a>) -> Read<Incremental<'a>> {
    let (mut kind, mut target) = (None, None);
    let mut media = Media::default();
    let at = object(reader, |reader, key| {
        let numbers = ["currentTime", "volume", "playbackRate"];
        let switches = ["muted", "loop"];
        if let Some(name) = numbers.into_iter().find(|name| *name == key) {
            if media.numbers.iter().any(|(other, _)| *other == name) {
                return reader.fault("this field is given twice");
            }
            let value = reader.number()?;
            media.numbers.push((name, value));
            return Ok(true);
        }
        if let Some(name) = switches.into_iter().find(|name| *name == key) {
            if media.switches.iter().any(|(other, _)| *other == name) {
                return reader.fault("this field is given twice");
            }
            let value = reader.boolean()?;
            media.switches.push((name, value));
            return Ok(true);
        }
        match key {
            "type" => choice(reader, &mut kind, 4),
            "id" => id(reader, &mut target),
            _ => Ok(false),
        }
    })?;
    (media.kind, media.id) = (need(kind, at)?, need(target, at)?);
    Ok(Incremental::Media(Box::new(media)))
}

fn rule_index(reader: &mut Reader<'_>) -> Read<RuleIndex> {
    if reader.peek() == Some(b'[') {
        return reader.list(Reader::integer).map(RuleIndex::Nested);
    }
    reader.integer().map(RuleIndex::One)
}

/// A rule put into a sheet. A page may pass what is no text, which JSON leaves out; that is no rule.
fn added_rule<'a>(reader: &mut Reader<'a>) -> Read<AddedRule<'a>> {
    let (mut rule, mut index) = (None, None);
    reader.object(|reader, key| match key {
        "rule" => text(reader, &mut rule),
        "index" if reader.null() => Ok(true),
        "index" => {
            let read = rule_index(reader)?;
            once(reader, &mut index, read)
        }
        _ => Ok(false),
    })?;
    Ok(AddedRule { rule: rule.unwrap_or_default(), index })
}

fn style_rule<'a>(reader: &mut Reader<'a>) -> Read<StyleRule<'a>> {
    let mut rule = StyleRule::default();
    object(reader, |reader, key| match key {
        "id" => id(reader, &mut rule.id),
        "styleId" => id(reader, &mut rule.style_id),
        "adds" => {
            let list = reader.list(added_rule)?;
            once(reader, &mut rule.adds, list)
        }
        "removes" => {
            let list = reader.list(|reader| {
                let mut index = None;
                let at = reader.at;
                reader.object(|reader, key| match key {
                    "index" => {
                        let read = rule_index(reader)?;
                        once(reader, &mut index, read)
                    }
                    _ => Ok(false),
                })?;
                need(index, at)
            })?;
            once(reader, &mut rule.removes, list)
        }
        "replace" => text(reader, &mut rule.replace),
        "replaceSync" => text(reader, &mut rule.replace_sync),
        _ => Ok(false),
    })?;
    Ok(rule)
}

fn command_field<'a>(
    reader: &mut Reader<'a>,
    key: &str,
    property: &mut Option<Text<'a>>,
    args: &mut Option<&'a str>,
    setter: &mut Option<bool>,
) -> Read<bool> {
    match key {
        "property" => text(reader, property),
        "args" => {
            if reader.peek() != Some(b'[') {
                return reader.fault("a list is expected");
            }
            let raw = reader.skip()?;
            once(reader, args, raw)
        }
        "setter" => boolean(reader, setter),
        _ => Ok(false),
    }
}

fn canvas<'a>(reader: &mut Reader<'a>) -> Read<Canvas<'a>> {
    let (mut target, mut kind, mut commands) = (None, None, None);
    let (mut property, mut args, mut setter) = (None, None, None);
    let at = object(reader, |reader, key| match key {
        "id" => id(reader, &mut target),
        "type" => choice(reader, &mut kind, 2),
        "commands" => {
            let list = reader.list(|reader| {
                let (mut property, mut args, mut setter) = (None, None, None);
                let at = reader.at;
                reader.object(|reader, key| {
                    command_field(reader, key, &mut property, &mut args, &mut setter)
                })?;
                let (property, args) = (need(property, at)?, need(args, at)?);
                Ok(CanvasCommand { property, args, setter: setter.unwrap_or_default() })
            })?;
            once(reader, &mut commands, list)
        }
        _ => command_field(reader, key, &mut property, &mut args, &mut setter),
    })?;
    let (id, kind) = (need(target, at)?, need(kind, at)?);
    match (commands, property, args) {
        (Some(commands), None, None) => Ok(Canvas { id, kind, commands, single: false }),
        (None, Some(property), Some(args)) => {
            let command = CanvasCommand { property, args, setter: setter.unwrap_or_default() };
            Ok(Canvas { id, kind, commands: vec![command], single: true })
        }
        _ => missing(at),
    }
}

fn font<'a>(reader: &mut Reader<'a>) -> Read<Font<'a>> {
    let (mut family, mut source, mut buffer, mut descriptors) = (None, None, None, None);
    let at = object(reader, |reader, key| match key {
        "family" => text(reader, &mut family),
        "fontSource" => text(reader, &mut source),
        "buffer" => boolean(reader, &mut buffer),
        "descriptors" => {
            let mut list = Vec::new();
            reader.begin_object()?;
            let mut first = true;
            while let Some((name, _)) = reader.next_key(&mut first)? {
                let value = reader.string()?;
                list.push((name, value));
            }
            once(reader, &mut descriptors, list)
        }
        _ => Ok(false),
    })?;
    Ok(Font { family: need(family, at)?, source: need(source, at)?, buffer: need(buffer, at)?, descriptors })
}

fn log<'a>(reader: &mut Reader<'a>) -> Read<Incremental<'a>> {
    let mut level = None;
    let mut rest: Vec<(&'static str, &'a str)> = Vec::new();
    let at = object(reader, |reader, key| {
        if key == "level" {
            return text(reader, &mut level);
        }
        let Some(name) = ["trace", "payload"].into_iter().find(|name| *name == key) else { return Ok(false) };
        if rest.iter().any(|(other, _)| *other == name) {
            return reader.fault("this field is given twice");
        }
        let raw = reader.skip()?;
        rest.push((name, raw));
        Ok(true)
    })?;
    Ok(Incremental::Log { level: need(level, at)?, rest })
}

fn style_declaration<'a>(reader: &mut Reader<'a>) -> Read<StyleDeclaration<'a>> {
    let mut declaration = StyleDeclaration::default();
    let mut index = None;
    let at = object(reader, |reader, key| match key {
        "id" => id(reader, &mut declaration.id),
        "styleId" => id(reader, &mut declaration.style_id),
        "index" => {
            let list = reader.list(Reader::integer)?;
            once(reader, &mut index, list)
        }
        "set" => {
            let (mut property, mut set) = (None, SetProperty::default());
            let at = reader.at;
            reader.object(|reader, key| match key {
                "property" => text(reader, &mut property),
                "value" => {
                    if reader.peek() == Some(b'{') {
                        return reader.fault("a style value is expected");
                    }
                    let value = parse_node::value(reader)?;
                    once(reader, &mut set.value, value)
                }
                "priority" if reader.null() => Ok(true),
                "priority" => text(reader, &mut set.priority),
                _ => Ok(false),
            })?;
            set.property = need(property, at)?;
            once(reader, &mut declaration.set, set)
        }
        "remove" => {
            let mut property = None;
            let at = reader.at;
            reader.object(
                |reader, key| if key == "property" { text(reader, &mut property) } else { Ok(false) },
            )?;
            let property = need(property, at)?;
            once(reader, &mut declaration.remove, property)
        }
        _ => Ok(false),
    })?;
    declaration.index = need(index, at)?;
    Ok(declaration)
}

fn selection<'a>(reader: &mut Reader<'a>) -> Read<Incremental<'a>> {
    let mut ranges = None;
    let at = object(reader, |reader, key| match key {
        "ranges" => {
            let list = reader.list(|reader| {
                let (mut start, mut start_offset, mut end, mut end_offset) = (None, None, None, None);
                let at = reader.at;
                reader.object(|reader, key| match key {
                    "start" => id(reader, &mut start),
                    "startOffset" => integer(reader, &mut start_offset),
                    "end" => id(reader, &mut end),
                    "endOffset" => integer(reader, &mut end_offset),
                    _ => Ok(false),
                })?;
                Ok(SelectionRange {
                    start: need(start, at)?,
                    start_offset: need(start_offset, at)?,
                    end: need(end, at)?,
                    end_offset: need(end_offset, at)?,
                })
            })?;
            once(reader, &mut ranges, list)
        }
        _ => Ok(false),
    })?;
    Ok(Incremental::Selection { ranges: need(ranges, at)? })
}

fn adopted<'a>(reader: &mut Reader<'a>) -> Read<AdoptedStyles<'a>> {
    let (mut target, mut styles, mut style_ids) = (None, None, None);
    let at = object(reader, |reader, key| match key {
        "id" => id(reader, &mut target),
        "styles" => {
            let list = reader.list(|reader| {
                let (mut style_id, mut rules) = (None, None);
                let at = reader.at;
                reader.object(|reader, key| match key {
                    "styleId" => id(reader, &mut style_id),
                    "rules" => {
                        let list = reader.list(added_rule)?;
                        once(reader, &mut rules, list)
                    }
                    _ => Ok(false),
                })?;
                Ok((need(style_id, at)?, need(rules, at)?))
            })?;
            once(reader, &mut styles, list)
        }
        "styleIds" => {
            let list = reader.list(Reader::integer)?;
            once(reader, &mut style_ids, list)
        }
        _ => Ok(false),
    })?;
    Ok(AdoptedStyles { id: need(target, at)?, styles, style_ids: need(style_ids, at)? })
}
