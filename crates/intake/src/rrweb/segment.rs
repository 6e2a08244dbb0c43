//! A segment: what one upload holds.

use super::event::{Event, EventKind, Incremental, Mutation, NodeKind, Nodes};
use super::json::{Fault, Read, Reader, Unknown, path_at};
use super::parse_node::TreeLimits;
use super::{parse, write};

/// What a segment may be. The defaults are those of the capture API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of JSON.
    pub bytes: usize,
    /// Events.
    pub events: usize,
    /// Nodes, in all snapshots and additions together.
    pub nodes: usize,
    /// How deep a tree may be.
    pub depth: usize,
    /// Milliseconds between the first and the last event.
    pub span_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, events: 200_000, nodes: 500_000, depth: 512, span_ms: 24 * 60 * 60 * 1000 }
    }
}

impl Limits {
    pub(super) const fn tree(&self) -> TreeLimits {
        TreeLimits { nodes: self.nodes, depth: self.depth }
    }
}

/// The segment is not a list of events as our recorder makes them. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the segment is malformed at {path}: {reason}", path = if path.is_empty() { "its beginning" } else { path })]
pub struct Malformed {
    /// Where, like `[3].data.node.childNodes[0].tagName`; empty for the document itself.
    pub path: String,
    /// What is wrong there.
    pub reason: &'static str,
}

/// Events as they were read, or as sanitising and scrubbing left them.
#[derive(Clone, Debug)]
pub struct Segment<'a> {
    pub(super) events: Vec<Event<'a>>,
    pub(super) nodes: Nodes<'a>,
    /// Of the events as they were read: a segment keeps its place in time, whatever is taken out of it.
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl<'a> Segment<'a> {
    /// Reads a JSON array of events as `@rrweb/record` 2.1.6 sends them.
    ///
    /// Unknown fields, event types, sources and tags are refused, and so are wrong types, ids given twice in one tree, additions
    /// that would make a node its own ancestor, and whatever [`Limits`] forbid. Time is linear in the bytes (but for ids, which
    /// are sorted); the stack does not grow with the depth of the tree.
    ///
    /// A lone surrogate in a text becomes U+FFFD.
    ///
    /// # Errors
    /// [`Malformed`] with the first place that is wrong.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Malformed> {
        if bytes.len() > limits.bytes {
            return Err(Malformed { path: String::new(), reason: "the segment is too large" });
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Malformed { path: String::new(), reason: "the segment is not UTF-8" })?;
        read(text, limits).map_err(|fault| Malformed { path: path_at(text, fault.at), reason: fault.reason })
    }

    pub(super) fn empty() -> Self {
        Self { events: Vec::new(), nodes: Nodes::default(), first_ms: i64::MAX, last_ms: i64::MIN }
    }

    /// Writes the events as JSON again.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        write::events(&self.events, &self.nodes, out);
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Event<'a>] {
        &self.events
    }

    /// The nodes the events refer to.
    #[must_use]
    pub const fn nodes(&self) -> &Nodes<'a> {
        &self.nodes
    }

    /// Whether playback can begin here.
    #[must_use]
    pub fn has_keyframe(&self) -> bool {
        self.events.iter().any(|event| matches!(event.kind, EventKind::FullSnapshot { .. }))
    }
}

fn read<'a>(text: &'a str, limits: &Limits) -> Read<Segment<'a>> {
    let mut reader = Reader::new(text, Unknown::Refuse);
    let mut segment = Segment::empty();
    reader.begin_array()?;
    let mut first = true;
    while reader.next_item(&mut first)? {
        if segment.events.len() >= limits.events {
            return reader.fault("there are too many events");
        }
        reader.peek();
        let at = reader.at;
        let event = parse::event(&mut reader, &mut segment.nodes, limits.tree())?;
        segment.first_ms = segment.first_ms.min(event.timestamp_ms);
        segment.last_ms = segment.last_ms.max(event.timestamp_ms);
        if segment.last_ms - segment.first_ms > limits.span_ms {
            return Err(Fault { at, reason: "the events lie too far apart in time" });
        }
        check_trees(&event, &segment.nodes).map_err(|reason| Fault { at, reason })?;
        segment.events.push(event);
    }
    reader.end()?;
    if segment.events.is_empty() {
        return Err(Fault { at: 0, reason: "a segment holds at least one event" });
    }
    Ok(segment)
}

/// What must hold in the trees of one event before anything walks them.
pub(super) fn check_trees(event: &Event<'_>, nodes: &Nodes<'_>) -> Result<(), &'static str> {
    match &event.kind {
        EventKind::FullSnapshot { root, .. } => {
            let tree = subtree(nodes, *root);
            if !tree.first().is_some_and(|node| matches!(node.kind, NodeKind::Document { .. })) {
                return Err("the root of a snapshot is a document");
            }
            distinct(tree.iter().map(|node| node.id).collect())
        }
        EventKind::Incremental(Incremental::Mutation(mutation)) if !mutation.adds.is_empty() => {
            check_additions(mutation, nodes)
        }
        _ => Ok(()),
    }
}

/// A node and all it contains, in document order.
pub(super) fn subtree<'n, 'a>(nodes: &'n Nodes<'a>, root: u32) -> &'n [super::event::Node<'a>] {
    let end = nodes.list.get(root as usize).map_or(root, |node| node.end);
    nodes.list.get(root as usize..end as usize).unwrap_or_default()
}

fn distinct(mut ids: Vec<i64>) -> Result<(), &'static str> {
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        Err("an id is given twice")
    } else {
        Ok(())
    }
}

/// Ids are distinct among all that is added, and following parents among them never comes back.
fn check_additions(mutation: &Mutation<'_>, nodes: &Nodes<'_>) -> Result<(), &'static str> {
    let mut ids = Vec::new();
    // (a node, the root of its addition), and each root's parent: enough to follow a chain from root to root.
    let mut homes: Vec<(i64, usize)> = Vec::new();
    for (index, addition) in mutation.adds.iter().enumerate() {
        for node in subtree(nodes, addition.node) {
            ids.push(node.id);
            homes.push((node.id, index));
        }
    }
    distinct(ids)?;
    homes.sort_unstable();
    let home = |id: i64| {
        homes
            .binary_search_by_key(&id, |(node, _)| *node)
            .ok()
            .and_then(|at| homes.get(at))
            .map(|(_, index)| *index)
    };
    // 0 not seen, 1 on the way, 2 known to end.
    let mut state = vec![0_u8; mutation.adds.len()];
    for start in 0..mutation.adds.len() {
        let mut way = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next {
            match state.get(at) {
                Some(0) => {}
                Some(1) => return Err("a node would contain itself"),
                _ => break,
            }
            if let Some(mark) = state.get_mut(at) {
                *mark = 1;
            }
            way.push(at);
            next = mutation.adds.get(at).and_then(|addition| home(addition.parent));
        }
        for at in way {
            if let Some(mark) = state.get_mut(at) {
                *mark = 2;
            }
        }
    }
    Ok(())
}
