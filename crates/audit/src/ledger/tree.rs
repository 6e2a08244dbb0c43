//! The Merkle tree of RFC 6962, section 2.1: which subtrees a root or a proof is made of, and checking proofs.
//!
//! Making a proof is two steps, so that it needs no database: [`inclusion_spans`] and [`consistency_spans`] say
//! which spans of leaves the proof consists of, [`Span::nodes`] which complete subtrees each span is folded from, and
//! [`fold`] does so. Checking ([`verify_inclusion`], [`verify_consistency`]) follows RFC 9162, sections 2.1.3.2 and
//! 2.1.4.2, and shares nothing with making.

/// A hash of the tree: SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf that holds `data`: SHA-256(0 ‖ data).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut bytes = Vec::with_capacity(data.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(data);
    clerestory_seal::sha256(&bytes)
}

/// The hash of an inner node: SHA-256(1 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    for (place, byte) in bytes.iter_mut().skip(1).zip(left.iter().chain(right)) {
        *place = *byte;
    }
    clerestory_seal::sha256(&bytes)
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    clerestory_seal::sha256(&[])
}

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its height: 0 for a leaf.
    pub level: u32,
    /// Its number among those of its height, from the left.
    pub index: u64,
}

/// The leaves from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first leaf.
    pub start: u64,
    /// The first leaf that is no part of it.
    pub end: u64,
}

impl Span {
    /// The complete subtrees the span is made of, left to right: for a span of RFC 6962 each is smaller than the one
    /// before, as they are the bits of its length.
    #[must_use]
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut at = self.start;
        while at < self.end {
            let aligned = if at == 0 { u64::BITS - 1 } else { at.trailing_zeros() };
            let level = aligned.min((self.end - at).ilog2());
            nodes.push(Node { level, index: at >> level });
            at += 1 << level;
        }
        nodes
    }

    fn len(self) -> u64 {
        self.end - self.start
    }

    /// The largest power of two smaller than the length: where RFC 6962 splits a tree of two leaves or more.
    fn split(self) -> (Self, Self) {
        let middle = self.start + (1 << (self.len() - 1).ilog2());
        (Self { start: self.start, end: middle }, Self { start: middle, end: self.end })
    }
}

/// The hash of a span from the hashes of its [`Span::nodes`]; that of the empty tree for none.
#[must_use]
pub fn fold(nodes: &[Hash]) -> Hash {
    let Some((last, before)) = nodes.split_last() else { return empty_root() };
    before.iter().rev().fold(*last, |right, left| node_hash(left, &right))
}

/// The spans whose hashes prove that leaf `leaf` is in the tree of `size` leaves, nearest to the leaf first; `None`
/// where the tree has no such leaf.
#[must_use]
pub fn inclusion_spans(leaf: u64, size: u64) -> Option<Vec<Span>> {
    if leaf >= size {
        return None;
    }
    let mut within = Span { start: 0, end: size };
    let mut spans = Vec::new();
    while within.len() > 1 {
        let (left, right) = within.split();
        let (inside, beside) = if leaf < left.end { (left, right) } else { (right, left) };
        spans.push(beside);
        within = inside;
    }
    spans.reverse();
    Some(spans)
}

/// The spans whose hashes prove that the tree of `old` leaves is the beginning of the tree of `new` leaves; none for a
/// tree that did not grow or began empty, `None` where `old` is the larger one.
#[must_use]
pub fn consistency_spans(old: u64, new: u64) -> Option<Vec<Span>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let mut within = Span { start: 0, end: new };
    let mut spans = Vec::new();
    while within.end != old {
        let (left, right) = within.split();
        let (inside, beside) = if old <= left.end { (left, right) } else { (right, left) };
        spans.push(beside);
        within = inside;
    }
    // The old tree itself is known to whoever asks; a part of it that does not begin at leaf 0 is not.
    if within.start != 0 {
        spans.push(within);
    }
    spans.reverse();
    Some(spans)
}

/// Whether `proof` shows that `leaf_hash` is leaf `leaf` of the tree of `size` leaves with this root.
#[must_use]
pub fn verify_inclusion(leaf_hash: &Hash, leaf: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if leaf >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (leaf, size - 1, *leaf_hash);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(beside, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `old` leaves with `old_root` is the beginning of the one of `new` leaves with
/// `new_root`.
#[must_use]
pub fn verify_consistency(old: u64, new: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut rest = proof.iter();
    let begin = if old.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(begin) = begin else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut from_old, mut from_new) = (*begin, *begin);
    for beside in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(beside, &from_old);
            from_new = node_hash(beside, &from_new);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            from_new = node_hash(&from_new, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

/// The root of a tree while its leaves pass by, in as many hashes as the size has bits.
#[derive(Clone, Debug, Default)]
pub struct Growing {
    size: u64,
    /// The roots of the complete subtrees, largest first: one for each bit of the size.
    peaks: Vec<Hash>,
}

impl Growing {
    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves passed by.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of these leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }
}
