//! Checking the ledger against the entries, against its own signature, and against checkpoints somebody kept.
//!
//! Everything is computed from the rows: each entry's hash, each leaf from that hash, the tree from the leaves. What
//! the tables say of themselves (hashes, tiles, checkpoint) is only compared with it.

use std::collections::{BTreeMap, BTreeSet};

use clerestory_keys::presence;
use clerestory_model::{KeyId, OrganisationId};
use clerestory_sql::{Row, Tx};

use super::note::SignedCheckpoint;
use super::tiles::{Tile, WIDTH, hashes};
use super::tree::{Growing, Hash, leaf_hash};
use super::{Ledger, LedgerError, commitment};
use crate::Entry;
use crate::forgetting::Forgotten;
use crate::read::entry_at;

/// Leaves read at a time, so that memory stays flat: those of one tile.
const PAGE: u64 = WIDTH;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// An entry is not the one its leaf was made of.
    #[error("entry {number} of {organisation} was edited: leaf {leaf} tells of another one")]
    Edited {
        /// Whose log.
        organisation: OrganisationId,
        /// Which entry.
        number: u64,
        /// Its leaf.
        leaf: u64,
    },
    /// An entry is gone from among others.
    #[error("entry {number} of {organisation} was removed: leaf {leaf} tells of it")]
    Removed {
        /// Whose log.
        organisation: OrganisationId,
        /// Which entry.
        number: u64,
        /// Its leaf.
        leaf: u64,
    },
    /// The end of an organisation's log is gone.
    #[error("the log of {organisation} was cut off at entry {number}: leaf {leaf} tells of it")]
    CutOff {
        /// Whose log.
        organisation: OrganisationId,
        /// The first entry that is gone.
        number: u64,
        /// Its leaf.
        leaf: u64,
    },
    /// The log goes on after an entry without being given a leaf.
    #[error("entry {number} of {organisation} has no leaf, though the ledger says it went past it")]
    NoLeaf {
        /// Whose log.
        organisation: OrganisationId,
        /// The entry.
        number: u64,
    },
    /// The words of an entry do not open any more, and no entry says that they were forgotten.
    #[error(
        "the words of entry {number} of {organisation} are lost: their key is gone, and nothing says that they were forgotten"
    )]
    Words {
        /// Whose log.
        organisation: OrganisationId,
        /// Which entry.
        number: u64,
    },
    /// A leaf is missing or is not the one the tiles have.
    #[error("leaf {leaf} is missing, or is not the one the tree was made of")]
    Leaf {
        /// Which leaf.
        leaf: u64,
    },
    /// The checkpoint in the database is not what the rows give.
    #[error("the ledger's own checkpoint {problem}")]
    Checkpoint {
        /// In which way.
        problem: &'static str,
    },
    /// A saved checkpoint is not of this log.
    #[error("the saved checkpoint of {size} leaves {problem}")]
    Saved {
        /// Its size.
        size: u64,
        /// In which way.
        problem: &'static str,
    },
    /// The log is shorter than it was.
    #[error("the ledger was cut off: it has {size} leaves, and had {saved} when the checkpoint was saved")]
    Shorter {
        /// What was saved.
        saved: u64,
        /// What is there.
        size: u64,
    },
    /// History is another one than it was; the first leaf that differs.
    #[error(
        "history was rewritten: leaf {leaf}, now entry {number} of {organisation}, is the first that differs"
    )]
    Rewritten {
        /// The first leaf that is not what it was.
        leaf: u64,
        /// Whose entry stands there now.
        organisation: OrganisationId,
        /// Its number.
        number: u64,
    },
    /// History is another one than it was; the leaves among which the first difference lies.
    #[error(
        "history was rewritten: the first leaf that differs is one of {from} to {to}. A copy made with \
         `verify ledger --save` would name it"
    )]
    RewrittenWithin {
        /// The first it can be.
        from: u64,
        /// The last it can be.
        to: u64,
    },
}

/// A kept tile of level 0 by its number, if it is there.
pub type SavedTiles = Box<dyn Fn(u64) -> Option<Vec<u8>> + Send + Sync>;

/// What somebody kept of the log.
#[derive(Default)]
pub struct Saved {
    /// Checkpoints, in any order.
    pub checkpoints: Vec<SignedCheckpoint>,
    /// The tiles of level 0, by number, where those were kept too: they name the first leaf that differs.
    pub tiles: Option<SavedTiles>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many leaves were computed again.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// Entries that wait for a leaf, usually for less than a second.
    pub waiting: u64,
    /// Entries whose words were forgotten, as the log says of them.
    pub forgotten: u64,
    /// What is not as it was written; the first of each kind for each organisation.
    pub findings: Vec<Finding>,
}

/// A check on its way through the leaves.
struct Pass<'a> {
    saved: &'a Saved,
    found: Vec<Finding>,
    /// The tree of the leaves as they must be for the entries that are there.
    now: Growing,
    /// The tree of the saved leaves.
    kept: Growing,
    /// The saved hashes of the tile that passes by, and the number of the one after it.
    kept_tile: Vec<Hash>,
    next_tile: u64,
    kept_roots: BTreeMap<u64, Hash>,
    roots: BTreeMap<u64, Hash>,
    /// The first leaf at which the saved tiles differ, and whose it is now.
    differs: Option<(u64, OrganisationId, u64)>,
    /// The leaves each organisation has, counted.
    counts: BTreeMap<OrganisationId, u64>,
    words: Words,
}

/// Which words open still, and which do not.
#[derive(Default)]
struct Words {
    /// The keys of months that are there.
    keys: BTreeSet<KeyId>,
    forgotten: Forgotten,
    /// Entries whose words were forgotten, counted.
    count: u64,
}

impl Ledger {
    /// Computes the whole ledger again and compares. Reads page by page. The caller holds the lease on keys.
    ///
    /// # Errors
    /// [`LedgerError::Sql`] and [`LedgerError::Key`]. What is wrong with the log is a finding, not an error.
    pub async fn verify(&self, tx: &mut Tx, saved: &Saved) -> Result<Report, LedgerError> {
        let size = self.size(tx).await?;
        let heads = heads(tx).await?;
        let mut pass = Pass::new(saved);
        let keys = presence::audit_months(tx).await?.into_iter().map(|(_, key, _)| key).collect();
        pass.words = Words { keys, forgotten: Forgotten::of(tx).await?, count: 0 };
        let mut last: Option<u64> = None;
        loop {
            let from = last.map_or(0, |leaf| leaf + 1);
            let rows = leaves(tx, from, size).await?;
            if rows.is_empty() {
                break;
            }
            let tile = tile_hashes(tx, from / WIDTH).await?;
            pass.keep_tile(from / WIDTH);
            for row in &rows {
                let leaf: u64 = row.get(0)?;
                let expected = last.map_or(0, |leaf| leaf + 1);
                if leaf != expected {
                    pass.add(Finding::Leaf { leaf: expected });
                }
                let stood = usize::try_from(leaf % WIDTH).ok().and_then(|at| tile.get(at)).copied();
                pass.leaf(row, leaf, stood, &heads)?;
                last = Some(leaf);
            }
        }
        let read = last.map_or(0, |leaf| leaf + 1);
        if read != size {
            pass.add(Finding::Leaf { leaf: read });
        }
        self.check_marks(tx, &mut pass).await?;
        self.check_own(tx, &mut pass, size).await?;
        self.check_saved(tx, &mut pass, size).await?;
        let entries: u64 = heads.values().sum();
        Ok(Report {
            size,
            root: pass.now.root(),
            waiting: entries.saturating_sub(pass.now.size()),
            forgotten: pass.words.count,
            findings: pass.found,
        })
    }

    /// An entry that the ledger went past without a leaf would never get one.
    async fn check_marks(&self, tx: &mut Tx, pass: &mut Pass<'_>) -> Result<(), LedgerError> {
        let sql = "SELECT organisation_id, number FROM ledger_marks ORDER BY organisation_id";
        for row in tx.query(sql, &[]).await? {
            let (organisation, marked): (OrganisationId, u64) = (row.get(0)?, row.get(1)?);
            let leaves = pass.counts.get(&organisation).copied().unwrap_or(0);
            if leaves < marked {
                pass.add(Finding::NoLeaf { organisation, number: leaves + 1 });
            }
        }
        Ok(())
    }

    async fn check_own(&self, tx: &mut Tx, pass: &mut Pass<'_>, size: u64) -> Result<(), LedgerError> {
        let Some(note) = self.checkpoint(tx).await? else {
            if size > 0 {
                pass.add(Finding::Checkpoint { problem: "is gone" });
            }
            return Ok(());
        };
        let problem = match (note.parse::<SignedCheckpoint>(), self.public_key(tx).await?) {
            (Err(_), _) => Some("is not a signed checkpoint"),
            (_, None) => Some("has no key it could be signed with"),
            (Ok(own), Some(key)) if !own.is_signed_by(&key) => {
                Some("is not signed by this installation's key")
            }
            (Ok(own), _) if own.checkpoint.origin != self.origin() => Some("is of another log"),
            (Ok(own), _) if own.checkpoint.size != size => Some("is of another size than the ledger"),
            (Ok(own), _) if own.checkpoint.root != pass.now.root() => {
                Some("has another root than the entries give")
            }
            (Ok(_), _) => None,
        };
        if let Some(problem) = problem {
            pass.add(Finding::Checkpoint { problem });
        }
        Ok(())
    }

    async fn check_saved(&self, tx: &mut Tx, pass: &mut Pass<'_>, size: u64) -> Result<(), LedgerError> {
        let key = self.public_key(tx).await?;
        let mut sizes: Vec<(u64, Hash)> = Vec::new();
        for kept in &pass.saved.checkpoints {
            let at = kept.checkpoint.size;
            let problem = if kept.checkpoint.origin != self.origin() {
                Some("is of another installation")
            } else if !key.is_some_and(|key| kept.is_signed_by(&key)) {
                Some("is not signed by this installation's key")
            } else {
                None
            };
            match problem {
                Some(problem) => pass.found.push(Finding::Saved { size: at, problem }),
                None => sizes.push((at, kept.checkpoint.root)),
            }
        }
        sizes.sort_unstable();
        let mut agreed = 0;
        for (at, root) in sizes {
            if at > size {
                pass.add(Finding::Shorter { saved: at, size });
                continue;
            }
            if pass.roots.get(&at) == Some(&root) {
                agreed = at;
                continue;
            }
            if pass.saved.tiles.is_some() && pass.kept_roots.get(&at) != Some(&root) {
                pass.add(Finding::Saved { size: at, problem: "is not that of the tiles beside it" });
            } else if let Some((leaf, organisation, number)) = pass.differs.filter(|(leaf, ..)| *leaf < at) {
                pass.add(Finding::Rewritten { leaf, organisation, number });
                break;
            }
            // What is saved of one size settles the range; later sizes would only repeat it.
            pass.add(Finding::RewrittenWithin { from: agreed, to: at.saturating_sub(1) });
            break;
        }
        Ok(())
    }
}

impl Words {
    /// Whether the key of an entry's words is there, or it has none.
    fn open(&self, entry: &Entry) -> bool {
        entry.personal.as_ref().is_none_or(|sealed| self.keys.contains(&sealed.value().key()))
    }
}

impl<'a> Pass<'a> {
    fn new(saved: &'a Saved) -> Self {
        let mut pass = Self {
            saved,
            found: Vec::new(),
            now: Growing::default(),
            kept: Growing::default(),
            kept_tile: Vec::new(),
            next_tile: 0,
            kept_roots: BTreeMap::new(),
            roots: BTreeMap::new(),
            differs: None,
            counts: BTreeMap::new(),
            words: Words::default(),
        };
        pass.note_roots();
        pass
    }

    /// Keeps the roots at the sizes that somebody kept checkpoints of.
    fn note_roots(&mut self) {
        let asked = |size| self.saved.checkpoints.iter().any(|kept| kept.checkpoint.size == size);
        if asked(self.now.size()) {
            self.roots.insert(self.now.size(), self.now.root());
        }
        if asked(self.kept.size()) {
            self.kept_roots.insert(self.kept.size(), self.kept.root());
        }
    }

    /// Adds a finding, unless the same thing was said of the same organisation: after one edit every later entry of a
    /// rewritten chain differs, and the first is what matters.
    fn add(&mut self, finding: Finding) {
        let subject = |finding: &Finding| match finding {
            Finding::Edited { organisation, .. }
            | Finding::Removed { organisation, .. }
            | Finding::CutOff { organisation, .. }
            | Finding::Words { organisation, .. }
            | Finding::NoLeaf { organisation, .. } => Some(*organisation),
            _ => None,
        };
        let said = self.found.iter().any(|known| {
            std::mem::discriminant(known) == std::mem::discriminant(&finding)
                && subject(known) == subject(&finding)
        });
        if !said {
            self.found.push(finding);
        }
    }

    /// Compares one leaf with its entry, with its tile and with what was saved.
    fn leaf(
        &mut self,
        row: &Row,
        leaf: u64,
        stood: Option<Hash>,
        heads: &BTreeMap<OrganisationId, u64>,
    ) -> Result<(), LedgerError> {
        let (organisation, number): (OrganisationId, u64) = (row.get(1)?, row.get(2)?);
        let told: [u8; 32] = row.get(3)?;
        *self.counts.entry(organisation).or_default() += 1;
        let is_there = row.get::<Option<u64>>(ENTRY + 1)?.is_some();
        // A row that no longer reads as an entry is as edited as one whose hash is wrong.
        let entry = entry_at(row, ENTRY).ok();
        let computed = entry.as_ref().map(|entry| commitment(&entry.salt, &entry.compute_hash()));
        if !is_there {
            let cut = heads.get(&organisation).is_none_or(|last| *last < number);
            self.add(if cut {
                Finding::CutOff { organisation, number, leaf }
            } else {
                Finding::Removed { organisation, number, leaf }
            });
        } else if computed != Some(told) {
            self.add(Finding::Edited { organisation, number, leaf });
        } else if let Some(entry) = entry.filter(|entry| !self.words.open(entry)) {
            match self.words.forgotten.tells_of(&entry) {
                Some(_) => self.words.count += 1,
                None => self.add(Finding::Words { organisation, number }),
            }
        }
        let hash = leaf_hash(&computed.unwrap_or(told));
        if stood != Some(leaf_hash(&told)) {
            self.add(Finding::Leaf { leaf });
        }
        self.now.push(hash);
        self.compare_saved(leaf, hash, organisation, number);
        self.note_roots();
        Ok(())
    }

    /// Takes the saved tile of these leaves, if one was kept, into the tree of what was saved.
    fn keep_tile(&mut self, index: u64) {
        let Some(tiles) = self.saved.tiles.as_ref().filter(|_| index == self.next_tile) else { return };
        self.next_tile = index + 1;
        self.kept_tile = tiles(index).map_or(Vec::new(), |bytes| hashes(&bytes).collect());
        // The log may have grown since within this tile; only what a checkpoint tells of was saved.
        let most = self.saved.checkpoints.iter().map(|kept| kept.checkpoint.size).max().unwrap_or(0);
        self.kept_tile.truncate(usize::try_from(most.saturating_sub(index * WIDTH)).unwrap_or(usize::MAX));
        for kept in std::mem::take(&mut self.kept_tile) {
            self.kept.push(kept);
            self.kept_tile.push(kept);
            self.note_roots();
        }
    }

    fn compare_saved(&mut self, leaf: u64, hash: Hash, organisation: OrganisationId, number: u64) {
        let kept = usize::try_from(leaf % WIDTH).ok().and_then(|at| self.kept_tile.get(at));
        if kept.is_some_and(|kept| *kept != hash) && self.differs.is_none() {
            self.differs = Some((leaf, organisation, number));
        }
    }
}

/// Where the entry's columns begin in a row of [`leaves`].
const ENTRY: usize = 4;

async fn leaves(tx: &mut Tx, from: u64, size: u64) -> Result<Vec<Row>, LedgerError> {
    let columns: Vec<String> =
        crate::read::COLUMNS.split(", ").map(|column| format!("e.{}", column.trim())).collect();
    let sql = format!(
        "SELECT l.leaf, l.organisation_id, l.number, l.commitment, {} FROM ledger_leaves l LEFT JOIN audit_entries e
             ON e.organisation_id = l.organisation_id AND e.number = l.number
         WHERE l.leaf >= $1 AND l.leaf < $2 ORDER BY l.leaf",
        columns.join(", ")
    );
    // Up to the end of the tile, so that each page is compared with one tile.
    let end = ((from / PAGE + 1) * PAGE).min(size);
    Ok(tx.query(&sql, &[from.into(), end.into()]).await?)
}

async fn tile_hashes(tx: &mut Tx, index: u64) -> Result<Vec<Hash>, LedgerError> {
    let tile = Tile { level: 0, index };
    let sql = "SELECT hashes FROM ledger_tiles WHERE level = $1 AND tile = $2";
    let row = tx.query_opt(sql, &[tile.level.into(), tile.index.into()]).await?;
    let bytes: Vec<u8> = row.map(|row| row.get(0)).transpose()?.unwrap_or_default();
    Ok(hashes(&bytes).collect())
}

/// The last entry of each organisation that is there, whatever the heads say.
async fn heads(tx: &mut Tx) -> Result<BTreeMap<OrganisationId, u64>, LedgerError> {
    let sql = "SELECT organisation_id, MAX(number) FROM audit_entries GROUP BY organisation_id";
    let rows = tx.query(sql, &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
