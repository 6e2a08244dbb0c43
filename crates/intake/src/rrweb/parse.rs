//! Events from JSON.

use super::event::{Custom, Event, EventKind, GapReason, Nodes};
use super::fields::{integer, missing, need, number, text};
use super::json::{Fault, Read, Reader, once};
use super::parse_change::incremental;
use super::parse_node::{self, TreeLimits};

/// The latest time an event may name: the end of the year 9999, the last that RFC 3339 can write.
const LATEST_MS: i64 = 253_402_300_799_999;

/// Reads one event.
pub(super) fn event<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
) -> Read<Event<'a>> {
    let mut timestamp = None;
    reader.peek();
    let at = reader.at;
    let kind = event_fields(reader, nodes, limits, |reader| {
        reader.peek();
        let at = reader.at;
        let ms = reader.integer()?;
        if !(0..=LATEST_MS).contains(&ms) {
            return Err(Fault { at, reason: "a timestamp lies between the years 1970 and 9999" });
        }
        once(reader, &mut timestamp, ms)
    })?;
    let timestamp_ms = timestamp.ok_or(Fault { at, reason: "an event needs a timestamp" })?;
    Ok(Event { timestamp_ms, kind })
}

/// Reads one event whose time is known; what it says of it is passed over.
pub(super) fn event_at<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
    timestamp_ms: i64,
) -> Read<Event<'a>> {
    let kind = event_fields(reader, nodes, limits, |reader| reader.number().map(|_| true))?;
    Ok(Event { timestamp_ms, kind })
}

fn event_fields<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
    mut timestamp: impl FnMut(&mut Reader<'a>) -> Read<bool>,
) -> Read<EventKind<'a>> {
    reader.peek();
    let at = reader.at;
    let kind =
        reader.look_for("type", Reader::integer)?.ok_or(Fault { at, reason: "an event needs a type" })?;
    if !(0..=6).contains(&kind) {
        return Err(Fault { at, reason: "this type of event is not known" });
    }
    let (mut data, mut seen_type) = (None, None);
    reader.object(|reader, key| match key {
        "type" => {
            let again = reader.integer()?;
            once(reader, &mut seen_type, again)
        }
        "data" => {
            let read = event_data(reader, nodes, limits, kind)?;
            once(reader, &mut data, read)
        }
        "timestamp" => timestamp(reader),
        _ => Ok(false),
    })?;
    data.ok_or(Fault { at, reason: "an event needs data" })
}

fn event_data<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
    kind: i64,
) -> Read<EventKind<'a>> {
    match kind {
        0 | 1 => {
            reader.object(|_, _| Ok(false))?;
            Ok(if kind == 0 { EventKind::DomContentLoaded } else { EventKind::Load })
        }
        2 => full_snapshot(reader, nodes, limits),
        3 => incremental(reader, nodes, limits).map(EventKind::Incremental),
        4 => {
            let (mut href, mut width, mut height) = (None, None, None);
            let at = reader.at;
            reader.object(|reader, key| match key {
                "href" => text(reader, &mut href),
                "width" => number(reader, &mut width),
                "height" => number(reader, &mut height),
                _ => Ok(false),
            })?;
            match (href, width, height) {
                (Some(href), Some(width), Some(height)) => Ok(EventKind::Meta { href, width, height }),
                _ => missing(at),
            }
        }
        5 => custom(reader).map(EventKind::Custom),
        _ => {
            let (mut plugin, mut payload) = (None, None);
            let at = reader.at;
            reader.object(|reader, key| match key {
                "plugin" => text(reader, &mut plugin),
                "payload" => {
                    let raw = reader.skip()?;
                    once(reader, &mut payload, raw)
                }
                _ => Ok(false),
            })?;
            let plugin = need(plugin, at)?;
            Ok(EventKind::Plugin { plugin, payload: payload.unwrap_or("null") })
        }
    }
}

fn full_snapshot<'a>(
    reader: &mut Reader<'a>,
    nodes: &mut Nodes<'a>,
    limits: TreeLimits,
) -> Read<EventKind<'a>> {
    let (mut root, mut offset) = (None, None);
    let at = reader.at;
    reader.object(|reader, key| match key {
        "node" => {
            let node = parse_node::node(reader, nodes, limits)?;
            once(reader, &mut root, node)
        }
        "initialOffset" => {
            let (mut top, mut left) = (None, None);
            let at = reader.at;
            reader.object(|reader, key| match key {
                "top" => number(reader, &mut top),
                "left" => number(reader, &mut left),
                _ => Ok(false),
            })?;
            let both = (need(top, at)?, need(left, at)?);
            once(reader, &mut offset, both)
        }
        _ => Ok(false),
    })?;
    let (root, (top, left)) = (need(root, at)?, need(offset, at)?);
    Ok(EventKind::FullSnapshot { root, top, left })
}

fn custom<'a>(reader: &mut Reader<'a>) -> Read<Custom<'a>> {
    reader.peek();
    let at = reader.at;
    let tag = need(reader.look_for("tag", Reader::string)?, at)?;
    let (mut seen_tag, mut seen) = (None, None);
    let (mut reason, mut from, mut to, mut url, mut title, mut count) = (None, None, None, None, None, None);
    reader.object(|reader, key| match key {
        "tag" => text(reader, &mut seen_tag),
        "payload" => {
            once(reader, &mut seen, ())?;
            reader.object(|reader, key| match (&*tag, key) {
                ("clerestory.gap", "reason") => {
                    reader.peek();
                    let at = reader.at;
                    let name = reader.string()?;
                    let known = name
                        .parse::<GapReason>()
                        .map_err(|_| Fault { at, reason: "this reason is not known" })?;
                    once(reader, &mut reason, known)
                }
                ("clerestory.gap", "from") => integer(reader, &mut from),
                ("clerestory.gap", "to") => integer(reader, &mut to),
                ("clerestory.page", "url") => text(reader, &mut url),
                ("clerestory.page", "title") if reader.null() => Ok(true),
                ("clerestory.page", "title") => text(reader, &mut title),
                ("clerestory.excluded", "count") => integer(reader, &mut count),
                _ => Ok(false),
            })?;
            Ok(true)
        }
        _ => Ok(false),
    })?;
    match &*tag {
        "clerestory.gap" => {
            let (reason, from_ms, to_ms) = (need(reason, at)?, need(from, at)?, need(to, at)?);
            if from_ms < 0 || to_ms < from_ms || to_ms > LATEST_MS {
                return Err(Fault { at, reason: "a gap ends after it begins" });
            }
            Ok(Custom::Gap { reason, from_ms, to_ms })
        }
        "clerestory.page" => Ok(Custom::Page { url: need(url, at)?, title }),
        "clerestory.excluded" => Ok(Custom::Excluded { count: need(count, at)? }),
        _ => Err(Fault { at, reason: "this tag is not known" }),
    }
}
