//! What a track's page looks like so far, as far as judging the next event needs it.

use std::cell::Cell;

use clerestory_settings::capture::{Compiled, Element, Standing};
use foldhash::{HashMap, HashSet};

use super::names::Role;

/// The most nodes that are remembered. Beyond, everything is forgotten until the next keyframe, and judged as unknown.
const MOST_NODES: usize = 1_000_000;

/// Longer chains of ancestors are taken for a circle. A snapshot's tree is at most half as deep.
const LONGEST_CHAIN: usize = 1_024;

/// Looks at elements that one segment may cost: a page of 20,000 nodes that changes altogether takes a tenth of it. Who
/// sends more wants to keep the processor busy.
const MOST_LOOKS: u64 = 20_000_000;
/// What a node takes in memory besides its attributes, about.
const NODE_BYTES: usize = 120;

/// Longest attribute value that is remembered, but for `class`: no selector is as long.
const LONGEST_VALUE: usize = 256;

/// The nodes of one track's page, and what they are to the rules.
///
/// A segment between keyframes speaks of nodes by number. Whoever keeps one of these per track and hands it to each segment in
/// order has them judged by the rules; without (a lost segment, another process, a fresh start) numbers mean nothing until the
/// next keyframe, and what they stand for is **judged as masked**: its text and values are masked, attributes that only
/// shown elements may have are dropped. Nothing is ever shown because something is unknown.
#[derive(Clone, Debug, Default)]
pub struct TreeState {
    nodes: HashMap<i64, Remembered>,
    /// Fields that were password fields; they stay secret until the page is numbered anew.
    secrets: HashSet<i64>,
    /// Bytes that it takes in memory, about.
    bytes: usize,
    /// Elements that were looked at since the segment began.
    looks: Cell<u64>,
    /// The policy denies the page that is being recorded.
    pub(super) denied: bool,
    /// The element whose text is the title.
    pub(super) title: Option<i64>,
}

/// What is remembered of a node.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    /// 0 for the main document.
    pub(super) parent: i64,
    /// Hangs in the shadow root of its parent.
    pub(super) in_shadow: bool,
    pub(super) kind: Known,
}

impl Remembered {
    fn bytes(&self) -> usize {
        let attributes = match &self.kind {
            Known::Element { tag, attributes, .. } => {
                tag.len()
                    + attributes.iter().map(|(name, value)| 32 + name.len() + value.len()).sum::<usize>()
            }
            _ => 0,
        };
        NODE_BYTES + attributes
    }
}

#[derive(Clone, Debug)]
pub(super) enum Known {
    Document,
    Element { tag: Box<str>, role: Role, attributes: Vec<(Box<str>, Box<str>)> },
    Text,
    Other,
}

/// What a node's place in the page means for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) standing: Standing,
    /// It lies in an element that is hollowed out.
    pub(super) hollow: bool,
    /// All ancestors up to the document are known.
    pub(super) known: bool,
}

impl Place {
    pub(super) const UNKNOWN: Self = Self { standing: Standing::UNKNOWN, hollow: false, known: false };
}

impl TreeState {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Bytes of memory that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Another segment begins: its looks are counted from here.
    pub(super) fn begin(&self) {
        self.looks.set(0);
    }

    /// Whether judging the segment took more than any page needs. What was judged since is judged as unknown.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.looks.get() > MOST_LOOKS
    }

    fn look(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    /// What is remembered was judged by other rules: it is forgotten, and if some pages are not to be recorded, this one is
    /// taken for one of them until it says which it is.
    pub fn rules_changed(&mut self, rules: &Compiled) {
        self.forget();
        self.denied = rules.judges_pages();
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Forgets the page, as a keyframe does and as must happen when a segment is missing.
    pub fn forget(&mut self) {
        // The room too: a large page may be followed by small ones.
        self.nodes = HashMap::default();
        self.secrets = HashSet::default();
        self.title = None;
        self.bytes = 0;
    }

    pub(super) fn insert(&mut self, id: i64, node: Remembered) {
        if self.nodes.len() >= MOST_NODES {
            self.forget();
        }
        self.bytes += node.bytes();
        if let Some(before) = self.nodes.insert(id, node) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
    }

    pub(super) fn remove(&mut self, id: i64) {
        if let Some(before) = self.nodes.remove(&id) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
    }

    pub(super) fn get(&self, id: i64) -> Option<&Remembered> {
        self.nodes.get(&id)
    }

    pub(super) fn tag(&self, id: i64) -> Option<&str> {
        match &self.nodes.get(&id)?.kind {
            Known::Element { tag, .. } => Some(tag),
            _ => None,
        }
    }

    pub(super) fn role(&self, id: i64) -> Option<Role> {
        match self.nodes.get(&id)?.kind {
            Known::Element { role, .. } => Some(role),
            _ => None,
        }
    }

    pub(super) fn keep_secret(&mut self, id: i64) {
        self.secrets.insert(id);
    }

    /// Remembers that an attribute changed, as far as the rules read it.
    pub(super) fn set_attribute(
        &mut self,
        id: i64,
        name: &str,
        value: Option<&str>,
        rules: Option<&Compiled>,
    ) {
        let Some(Remembered { kind: Known::Element { tag, attributes, .. }, .. }) = self.nodes.get_mut(&id)
        else {
            return;
        };
        if !worth_remembering(name, value.unwrap_or_default(), rules) {
            attributes.retain(|(own, _)| &**own != name);
            return;
        }
        if name == "type" && tag.eq_ignore_ascii_case("input") {
            let was =
                attributes.iter().find(|(own, _)| &**own == "type").map(|(_, value)| value.trim_ascii());
            if was.is_some_and(|was| was.eq_ignore_ascii_case("password")) {
                self.secrets.insert(id);
            }
        }
        attributes.retain(|(own, _)| &**own != name);
        if let Some(value) = value {
            // What it replaces is not counted off: a page that changes for long is forgotten a little early.
            self.bytes += name.len() + value.len();
            attributes.push((name.into(), value.into()));
        }
    }

    /// What the place of `id` means for it, by the rules as they are now and the attributes as they are now.
    pub(super) fn place(&self, id: i64, rules: Option<&Compiled>) -> Place {
        let mut chain = Vec::new();
        let mut next = id;
        let mut known = true;
        let mut hollow = false;
        while next != 0 {
            let Some(node) = self.nodes.get(&next) else {
                known = false;
                break;
            };
            self.look();
            if chain.len() >= LONGEST_CHAIN || self.is_exhausted() {
                return Place::UNKNOWN;
            }
            if let Known::Element { role, .. } = node.kind {
                hollow |= matches!(role, Role::Hollow(_) | Role::Box);
                chain.push(next);
            }
            next = node.parent;
        }
        let mut standing = match rules {
            Some(rules) if known => rules.root(),
            _ => Standing::UNKNOWN,
        };
        if let Some(rules) = rules {
            for id in chain.into_iter().rev() {
                standing = rules.step(standing, &At { tree: self, id });
            }
        }
        // Where it is unknown what an element lies in, a rule on the element itself may still tighten, never loosen.
        if !known {
            standing = standing.masked();
        }
        Place { standing, hollow, known }
    }

    /// The standing of an element whose parent has `above`.
    pub(super) fn step(&self, id: i64, above: Standing, rules: Option<&Compiled>) -> Standing {
        rules.map_or(above, |rules| rules.step(above, &At { tree: self, id }))
    }
}

/// Whether a tree should remember an attribute. The recorder marks placeholders of media as `blocked`; that is no rule.
pub(super) fn worth_remembering(name: &str, value: &str, rules: Option<&Compiled>) -> bool {
    if name == "data-clerestory" && value == "blocked" {
        return false;
    }
    rules.is_some_and(|rules| rules.reads_attribute(name))
        && (name == "class" || value.len() <= LONGEST_VALUE)
}

/// A remembered element, as rules see it.
#[derive(Clone, Copy)]
struct At<'t> {
    tree: &'t TreeState,
    id: i64,
}

impl<'t> At<'t> {
    fn node(&self) -> Option<&'t Remembered> {
        self.tree.nodes.get(&self.id)
    }

    fn element(&self, id: i64) -> Option<Self> {
        self.tree.look();
        if self.tree.is_exhausted() {
            return None;
        }
        matches!(self.tree.nodes.get(&id)?.kind, Known::Element { .. })
            .then_some(Self { tree: self.tree, id })
    }
}

impl Element for At<'_> {
    fn tag(&self) -> &str {
        self.tree.tag(self.id).unwrap_or_default()
    }

    fn attr(&self, name: &str) -> Option<&str> {
        match &self.node()?.kind {
            Known::Element { attributes, .. } => {
                attributes.iter().find(|(own, _)| &**own == name).map(|(_, value)| &**value)
            }
            _ => None,
        }
    }

    fn parent(&self) -> Option<Self> {
        let node = self.node()?;
        if node.in_shadow { None } else { self.element(node.parent) }
    }

    fn host(&self) -> Option<Self> {
        let node = self.node()?;
        if node.in_shadow {
            return self.element(node.parent);
        }
        let document = self.tree.nodes.get(&node.parent)?;
        if matches!(document.kind, Known::Document) { self.element(document.parent) } else { None }
    }

    fn was_password(&self) -> bool {
        self.tree.secrets.contains(&self.id)
    }
}
