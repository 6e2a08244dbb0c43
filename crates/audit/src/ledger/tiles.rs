//! Tiles (C2SP `tlog-tiles`): the tree's hashes in runs of 256, eight heights of the tree to a level of tiles.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use super::tree::{Hash, Node, Span, fold};

/// Hashes of a full tile.
pub(crate) const WIDTH: u64 = 256;
/// Heights of the tree that one level of tiles spans.
const HEIGHTS: u32 = 8;
/// Bytes of a hash.
const HASH: usize = 32;

/// A tile: its level, and its number among those of the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) level: u32,
    pub(crate) index: u64,
}

/// What can be asked of the log as of a directory of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `checkpoint`.
    Checkpoint,
    /// `tile/<L>/<N>[.p/<W>]`: hashes of the tree.
    Tile {
        /// The level, 0 for hashes of leaves.
        level: u32,
        /// The number of the tile within the level.
        index: u64,
        /// How many hashes: 256 of a full tile.
        width: u64,
    },
    /// `tile/entries/<N>[.p/<W>]`: the leaves themselves, each after its length as be16.
    Entries {
        /// The number of the bundle.
        index: u64,
        /// How many leaves: 256 in a full bundle.
        width: u64,
    },
}

/// A path that is none of the log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path of a tiled log: `checkpoint`, `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`")]
pub struct UnknownPath;

impl FromStr for Resource {
    type Err = UnknownPath;

    fn from_str(path: &str) -> Result<Self, UnknownPath> {
        if path == "checkpoint" {
            return Ok(Self::Checkpoint);
        }
        let (level, rest) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(UnknownPath)?;
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, WIDTH),
            Some((number, width)) => {
                (number, plain_number(width, WIDTH - 1).filter(|w| *w > 0).ok_or(UnknownPath)?)
            }
        };
        let index = tile_number(number).ok_or(UnknownPath)?;
        if level == "entries" {
            return Ok(Self::Entries { index, width });
        }
        let level = plain_number(level, 63).and_then(|level| u32::try_from(level).ok()).ok_or(UnknownPath)?;
        Ok(Self::Tile { level, index, width })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match *self {
            Self::Checkpoint => return out.write_str("checkpoint"),
            Self::Tile { level, index, width } => {
                write!(out, "tile/{level}/")?;
                (index, width)
            }
            Self::Entries { index, width } => {
                out.write_str("tile/entries/")?;
                (index, width)
            }
        };
        write_number(out, index)?;
        if width < WIDTH { write!(out, ".p/{width}") } else { Ok(()) }
    }
}

/// Three digits to a path element, an `x` before all but the last: 1234067 is `x001/x234/067`.
fn write_number(out: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    let mut above = Vec::new();
    let mut rest = number / 1000;
    while rest > 0 {
        above.push(rest % 1000);
        rest /= 1000;
    }
    for part in above.iter().rev() {
        write!(out, "x{part:03}/")?;
    }
    write!(out, "{:03}", number % 1000)
}

fn tile_number(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    let mut parts = text.split('/').peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let digits = if parts.peek().is_some() { part.strip_prefix('x')? } else { part };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // One way to write a number: no elements of zeros in front.
        if first && parts.peek().is_some() && digits == "000" {
            return None;
        }
        first = false;
        number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(number)
}

/// A decimal number without leading zeros, at most `most`.
fn plain_number(text: &str, most: u64) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number <= most && number.to_string() == text).then_some(number)
}

/// How many hashes the tile has in a tree of `size` leaves.
pub(crate) fn width_at(tile: Tile, size: u64) -> u64 {
    let hashes = size.checked_shr(HEIGHTS * tile.level).unwrap_or(0);
    hashes.saturating_sub(tile.index.saturating_mul(WIDTH)).min(WIDTH)
}

/// The tiles a tree of `size` leaves consists of, level by level.
pub(crate) fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    (0..HEIGHTS).flat_map(move |level| {
        let hashes = size.checked_shr(HEIGHTS * level).unwrap_or(0);
        (0..hashes.div_ceil(WIDTH)).map(move |index| Tile { level, index })
    })
}

/// Where the hashes of a complete subtree stand: its tile, the first of them, and how many.
fn place(node: Node) -> (Tile, u64, u64) {
    let within = node.level % HEIGHTS;
    let first = node.index << within;
    (Tile { level: node.level / HEIGHTS, index: first / WIDTH }, first % WIDTH, 1 << within)
}

/// The tiles that the hashes of these spans stand in.
pub(crate) fn tiles_for(spans: &[Span]) -> BTreeSet<Tile> {
    spans.iter().flat_map(|span| span.nodes()).map(|node| place(node).0).collect()
}

/// Tiles in memory.
#[derive(Debug, Default)]
pub(crate) struct Tiles(HashMap<Tile, Vec<u8>>);

impl Tiles {
    pub(crate) fn keep(&mut self, tile: Tile, hashes: Vec<u8>) {
        self.0.insert(tile, hashes);
    }

    /// The hash of a span, if every tile it needs is here and wide enough.
    pub(crate) fn span(&self, span: Span) -> Option<Hash> {
        let hashes: Option<Vec<Hash>> = span.nodes().into_iter().map(|node| self.node(node)).collect();
        Some(fold(&hashes?))
    }

    fn node(&self, node: Node) -> Option<Hash> {
        let (tile, first, count) = place(node);
        let hashes = self.0.get(&tile)?;
        let (from, to) = (usize::try_from(first).ok()? * HASH, usize::try_from(first + count).ok()? * HASH);
        Some(complete(hashes.get(from..to)?))
    }
}

/// The hashes of a tile's bytes.
pub(crate) fn hashes(bytes: &[u8]) -> impl Iterator<Item = Hash> {
    bytes.as_chunks::<HASH>().0.iter().copied()
}

/// The root of a complete subtree whose hashes at some height these bytes are: a power of two of them.
pub(crate) fn complete(bytes: &[u8]) -> Hash {
    let mut growing = super::tree::Growing::default();
    hashes(bytes).for_each(|hash| growing.push(hash));
    growing.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification_and_lead_back() {
        let tile = |level, index, width| Resource::Tile { level, index, width };
        let paths = [
            ("checkpoint", Resource::Checkpoint),
            ("tile/0/000", tile(0, 0, 256)),
            ("tile/0/x001/x234/067", tile(0, 1_234_067, 256)),
            ("tile/2/x001/000.p/12", tile(2, 1000, 12)),
            ("tile/entries/999.p/255", Resource::Entries { index: 999, width: 255 }),
        ];
        for (path, resource) in paths {
            assert_eq!(path.parse(), Ok(resource), "{path}");
            assert_eq!(resource.to_string(), path);
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/+01",
            "tile/0/000/",
            "/checkpoint",
            "tile/0/000.p/",
            "tile/entries/00a",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(path.parse::<Resource>(), Err(UnknownPath), "{path}");
        }
    }

    /// The example of the specification: a tree of 70,000 leaves.
    #[test]
    fn a_tree_has_the_tiles_the_specification_names() {
        let mut widths: HashMap<u32, Vec<u64>> = HashMap::new();
        for tile in tiles_of(70_000) {
            widths.entry(tile.level).or_default().push(width_at(tile, 70_000));
        }
        assert_eq!((widths[&0].len(), widths[&0][272], widths[&0][273]), (274, 256, 112));
        assert_eq!((&widths[&1], &widths[&2], widths.len()), (&vec![256, 17], &vec![1], 3));
    }
}
