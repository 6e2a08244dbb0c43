//! Fields as events have them.

use super::event::Text;
use super::json::{Fault, Read, Reader, once};

pub(super) fn missing<T>(at: usize) -> Read<T> {
    Err(Fault { at, reason: "a field is missing here" })
}

pub(super) fn need<T>(field: Option<T>, at: usize) -> Read<T> {
    field.ok_or(Fault { at, reason: "a field is missing here" })
}

pub(super) fn text<'a>(reader: &mut Reader<'a>, slot: &mut Option<Text<'a>>) -> Read<bool> {
    let value = reader.string()?;
    once(reader, slot, value)
}

pub(super) fn number<'a>(reader: &mut Reader<'a>, slot: &mut Option<&'a str>) -> Read<bool> {
    let value = reader.number()?;
    once(reader, slot, value)
}

pub(super) fn integer(reader: &mut Reader<'_>, slot: &mut Option<i64>) -> Read<bool> {
    let value = reader.integer()?;
    once(reader, slot, value)
}

pub(super) fn boolean(reader: &mut Reader<'_>, slot: &mut Option<bool>) -> Read<bool> {
    let value = reader.boolean()?;
    once(reader, slot, value)
}

/// A reference to a node; -1 and -2 stand for nodes rrweb did not number or left out.
pub(super) fn node_id(reader: &mut Reader<'_>) -> Read<i64> {
    reader.peek();
    let at = reader.at;
    let id = reader.integer()?;
    if id < -2 {
        return Err(Fault { at, reason: "an id is a positive number, -1 or -2" });
    }
    Ok(id)
}

pub(super) fn id(reader: &mut Reader<'_>, slot: &mut Option<i64>) -> Read<bool> {
    let value = node_id(reader)?;
    once(reader, slot, value)
}

/// A number out of a small set.
pub(super) fn choice(reader: &mut Reader<'_>, slot: &mut Option<u8>, most: u8) -> Read<bool> {
    reader.peek();
    let at = reader.at;
    match u8::try_from(reader.integer()?) {
        Ok(value) if value <= most => once(reader, slot, value),
        _ => Err(Fault { at, reason: "this kind is not known" }),
    }
}
