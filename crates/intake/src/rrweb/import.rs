//! Plain rrweb recordings, of other recorders and older versions.
//!
//! Uploads of our own recorder are refused when anything in them is not known. A file somebody brings is read the other way
//! round: what is not known is left out and counted, the rest is kept.

use std::collections::BTreeMap;

use super::event::EventKind;
use super::json::{Fault, Read, Reader, Unknown, path_at};
use super::parse;
use super::segment::{Limits, Malformed, Segment, check_trees};

/// The longest segment an import makes, in milliseconds.
const LONGEST_MS: i64 = 10_000;

/// A new segment begins when one has as many bytes of source.
const LARGEST_BYTES: usize = 4 << 20;

/// What an import yields. Segments still have to be cleaned.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// In order of time. The first begins with a keyframe; none is longer than ten seconds, but for one event that is.
    pub segments: Vec<Segment<'a>>,
    /// How many events they hold.
    pub events: u64,
    /// What was left out, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// Where an event lies in the file.
struct Found<'a> {
    timestamp_ms: i64,
    text: &'a str,
}

/// Reads a JSON array of rrweb events, or an object with `events`, of any rrweb from 1.0 on.
///
/// Events are put into order of time. Those before the first keyframe that need one are left out, and so are event types,
/// sources, custom tags and whole events that cannot be read; unknown fields are left out of what is kept. `limits.bytes` is
/// that of the file, the others are those of one segment.
///
/// # Errors
/// [`Malformed`] if the file is not JSON, not a recording, or holds no keyframe.
pub fn import<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Import<'a>, Malformed> {
    let refuse = |reason| Malformed { path: String::new(), reason };
    if bytes.len() > limits.bytes {
        return Err(refuse("the recording is too large"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("the recording is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut dropped = BTreeMap::new();
    let found = find(text, &mut dropped)
        .map_err(|fault| Malformed { path: path_at(text, fault.at), reason: fault.reason })?;
    let mut cut = Cut {
        limits,
        import: Import { segments: Vec::new(), events: 0, dropped },
        bytes: 0,
        begun: false,
        begun_ms: 0,
    };
    for event in found {
        cut.event(&event);
    }
    // A page whose snapshot could not be read, or never came, is no beginning.
    while cut.import.segments.first().is_some_and(|segment| !segment.has_keyframe()) {
        let left_out = cut.import.segments.remove(0).events.len() as u64;
        cut.import.events -= left_out;
        *cut.import.dropped.entry("before_first_snapshot").or_default() += left_out;
    }
    if cut.import.segments.is_empty() {
        return Err(refuse("the recording holds no full snapshot to begin with"));
    }
    Ok(cut.import)
}

/// Finds the events, in order of time.
fn find<'a>(text: &'a str, dropped: &mut BTreeMap<&'static str, u64>) -> Read<Vec<Found<'a>>> {
    let mut reader = Reader::new(text, Unknown::Skip);
    let mut found = Vec::new();
    if reader.peek() == Some(b'[') {
        list(&mut reader, &mut found, dropped)?;
    } else {
        let mut any = false;
        reader.object(|reader, key| {
            if key != "events" {
                return Ok(false);
            }
            any = true;
            list(reader, &mut found, dropped)?;
            Ok(true)
        })?;
        if !any {
            return Err(Fault { at: 0, reason: "a list of events, or an object with events, is expected" });
        }
    }
    reader.end()?;
    // A stable sort: events of one millisecond stay in the order they were recorded in.
    found.sort_by_key(|event| event.timestamp_ms);
    Ok(found)
}

fn list<'a>(
    reader: &mut Reader<'a>,
    found: &mut Vec<Found<'a>>,
    dropped: &mut BTreeMap<&'static str, u64>,
) -> Read<()> {
    reader.begin_array()?;
    let mut first = true;
    while reader.next_item(&mut first)? {
        if reader.peek() == Some(b'"') {
            // Packed by rrweb's packer.
            reader.skip()?;
            *dropped.entry("packed").or_default() += 1;
            continue;
        }
        let timestamp =
            if reader.peek() == Some(b'{') { reader.look_for("timestamp", Reader::number) } else { Ok(None) };
        let text = reader.skip_balanced()?;
        let ms = timestamp.ok().flatten().and_then(|number| number.parse::<f64>().ok());
        match ms.filter(|ms| (0.0..=253_402_300_799_999.0).contains(ms)) {
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
            Some(ms) => found.push(Found { timestamp_ms: ms as i64, text }),
            None => *dropped.entry("timestamp").or_default() += 1,
        }
    }
    Ok(())
}

/// Cuts events into segments.
struct Cut<'l, 'a> {
    limits: &'l Limits,
    import: Import<'a>,
    /// Of the segment being filled.
    bytes: usize,
    begun: bool,
    begun_ms: i64,
}

impl<'a> Cut<'_, 'a> {
    fn drop(&mut self, reason: &'static str) {
        *self.import.dropped.entry(reason).or_default() += 1;
    }

    fn event(&mut self, found: &Found<'a>) {
        let kind = Reader::new(found.text, Unknown::Skip).look_for("type", Reader::integer);
        let is_page = matches!(kind, Ok(Some(4)));
        let is_snapshot = matches!(kind, Ok(Some(2)));
        // A keyframe is a page and its snapshot; between the two no cut.
        let after_page = self.import.segments.last().is_some_and(|segment| {
            matches!(segment.events.as_slice(), [event] if matches!(event.kind, EventKind::Meta { .. }))
        });
        let full = self.bytes + found.text.len() > LARGEST_BYTES
            || found.timestamp_ms - self.begun_ms >= LONGEST_MS
            || self.import.segments.last().is_some_and(|segment| segment.events.len() >= self.limits.events);
        if !self.begun && !is_page && !is_snapshot {
            return self.drop("before_first_snapshot");
        }
        if self.import.segments.is_empty() || full || is_page || (is_snapshot && !after_page) {
            self.import.segments.push(Segment::empty());
            (self.bytes, self.begun_ms) = (0, found.timestamp_ms);
        }
        self.read(found);
        // Only a page whose snapshot follows is a beginning.
        if self.import.segments.last().is_some_and(|segment| segment.events.is_empty()) {
            self.import.segments.pop();
        }
    }

    fn read(&mut self, found: &Found<'a>) {
        let Some(segment) = self.import.segments.last_mut() else { return };
        let (nodes, attributes) = (segment.nodes.list.len(), segment.nodes.attributes.len());
        let mut reader = Reader::new(found.text, Unknown::Skip);
        let read = parse::event_at(&mut reader, &mut segment.nodes, self.limits.tree(), found.timestamp_ms);
        let reason = match read {
            Ok(event) => match check_trees(&event, &segment.nodes) {
                Ok(()) => {
                    self.begun |= matches!(event.kind, EventKind::FullSnapshot { .. });
                    segment.first_ms = segment.first_ms.min(event.timestamp_ms);
                    segment.last_ms = segment.last_ms.max(event.timestamp_ms);
                    segment.events.push(event);
                    self.bytes += found.text.len();
                    self.import.events += 1;
                    if reader.skipped > 0 {
                        *self.import.dropped.entry("unknown_field").or_default() += reader.skipped;
                    }
                    return;
                }
                Err(_) => "tree",
            },
            Err(fault) => match fault.reason {
                "this type of event is not known" => "unknown_event",
                "this source is not known" => "unknown_source",
                "this tag is not known" => "unknown_tag",
                _ => "unreadable",
            },
        };
        segment.nodes.list.truncate(nodes);
        segment.nodes.attributes.truncate(attributes);
        self.drop(reason);
    }
}
