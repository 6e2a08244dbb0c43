//! From the bytes a client sent to the bytes that are stored: typed, made harmless, held to the policy, packed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clerestory_model::{GapReason, TrackId};
use clerestory_settings::capture::Compiled;
use clerestory_store::recordings::Summary;
use clerestory_store::segments::ContentType;
use clerestory_vault::pack_events;

use crate::IntakeError;
use crate::rrweb::{self, Limits, Segment, TreeState};

/// Tracks whose trees are remembered at once. A forgotten tree masks what it cannot judge until the next keyframe.
const TREES: usize = 512;
/// Memory that all of them may take together, and one of them: a page that needs more is not remembered between segments.
const TREES_BYTES: usize = 256 * 1024 * 1024;
const TREE_BYTES: usize = 16 * 1024 * 1024;
/// Unused at so many looks, a minute apart, a tree is forgotten: its visit is as good as over.
const QUIET: u8 = 30;

/// Room for the JSON of one segment, kept between segments: asking for it each time costs more than writing into it.
static ROOMS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// So many are kept, as many as work at once, and of each so many bytes.
const ROOMS_KEPT: usize = 8;
const ROOM_KEPT: usize = 256 * 1024;

/// Gaps one segment may tell of.
pub(crate) const GAPS: usize = 64;
/// An address or title longer than this is cut in the summary.
const URL_CHARS: usize = 2048;
const TITLE_CHARS: usize = 512;

/// A stretch in which the recorder captured nothing, in milliseconds of the client's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldGap {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) reason: GapReason,
}

/// What is stored of a segment, and what it says.
pub(crate) struct Refined {
    /// What is sealed.
    pub(crate) packed: Vec<u8>,
    pub(crate) content_type: ContentType,
    /// When it begins and ends, in microseconds of the client's clock.
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
    pub(crate) keyframe: bool,
    pub(crate) gaps: Vec<ToldGap>,
    /// What of it stands in the summary.
    pub(crate) told: rrweb::Summary,
}

impl Refined {
    /// Whether the recording's summary changes by it.
    pub(crate) fn adds_to_summary(&self) -> bool {
        let told = &self.told;
        !told.pages.is_empty() || told.clicks + told.inputs + told.errors > 0
    }

    /// Adds what it says to the recording's summary. A page that goes on is not counted again.
    pub(crate) fn add_to(&self, summary: &mut Summary) {
        add_told(&self.told, summary);
    }
}

/// Adds what a segment tells to its recording's summary.
pub(crate) fn add_told(told: &rrweb::Summary, summary: &mut Summary) {
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    for page in &told.pages {
        let same = page.url.chars().take(URL_CHARS).eq(summary.url.chars());
        if !same {
            summary.pages = summary.pages.saturating_add(1);
            summary.url = page.url.chars().take(URL_CHARS).collect();
        }
        if let Some(title) = page.title.as_ref().filter(|title| !title.is_empty()) {
            summary.title = title.chars().take(TITLE_CHARS).collect();
        }
    }
    summary.clicks = summary.clicks.saturating_add(count(told.clicks));
    summary.inputs = summary.inputs.saturating_add(count(told.inputs));
    summary.errors = summary.errors.saturating_add(count(told.errors));
}

/// Reads, cleans and packs one segment.
pub(crate) fn refine(
    sent: &[u8],
    sequence: u64,
    (rules, version): (&Compiled, u64),
    (trees, track): (&Trees, TrackId),
) -> Result<Refined, IntakeError> {
    let mut segment = Segment::parse(sent, &Limits::default())?;
    let tree = trees.of(track);
    let (report, bytes, exhausted) = {
        let mut tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = tree.at(sequence, rules, version);
        let (report, exhausted) = (segment.clean(rules, tree), tree.is_exhausted());
        if exhausted || tree.bytes() > TREE_BYTES {
            tree.forget();
        }
        (report, tree.bytes(), exhausted)
    };
    trees.took(track, bytes);
    if exhausted {
        return Err(too_much_to_judge());
    }
    if report.scrubbed.total() > 0 {
        tracing::warn!(scrubbed = report.scrubbed.total(), "a recorder sent what its policy forbids");
    }
    pack(&segment)
}

/// Why a segment is not taken that would cost more than any page does.
pub(crate) fn too_much_to_judge() -> IntakeError {
    let reason = "its changes are too many and lie too deep to be held to the policy";
    rrweb::Malformed { path: String::new(), reason }.into()
}

/// Packs a segment that was cleaned. One of which nothing is left is stored all the same: its number is taken.
pub(crate) fn pack(segment: &Segment<'_>) -> Result<Refined, IntakeError> {
    let told = segment.summary();
    if told.gaps.len() > GAPS {
        let path = String::new();
        return Err(rrweb::Malformed { path, reason: "a segment tells of at most 64 gaps" }.into());
    }
    let mut json = ROOMS.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    json.clear();
    segment.to_json(&mut json);
    let packed = pack_events(&json);
    json.shrink_to(ROOM_KEPT);
    let mut rooms = ROOMS.lock().unwrap_or_else(PoisonError::into_inner);
    if rooms.len() < ROOMS_KEPT {
        rooms.push(json);
    }
    drop(rooms);
    let packed = packed.map_err(|_| IntakeError::Inner("packing a segment"))?;
    let gaps =
        told.gaps.iter().map(|gap| ToldGap { from_ms: gap.from_ms, to_ms: gap.to_ms, reason: gap.reason });
    Ok(Refined {
        packed,
        content_type: ContentType::Rrweb,
        first_us: told.first_ms.saturating_mul(1000),
        last_us: told.last_ms.saturating_mul(1000),
        keyframe: told.has_keyframe,
        gaps: gaps.collect(),
        told,
    })
}

/// What is known of a track's page, and up to which number.
#[derive(Default)]
pub(crate) struct TrackTree {
    tree: TreeState,
    last: Option<u64>,
    /// The policy's version that judged it.
    version: Option<u64>,
}

impl TrackTree {
    /// The tree as it stands before this number. After a number that is not the next, nothing is known of the page:
    /// what cannot be judged is masked until the next keyframe. A number that comes again changes nothing.
    fn at(&mut self, sequence: u64, rules: &Compiled, version: u64) -> &mut TreeState {
        if self.version.is_some_and(|judged_by| judged_by != version) {
            self.tree.rules_changed(rules);
        }
        self.version = Some(version);
        let follows = match self.last {
            Some(last) => sequence == last || sequence == last + 1,
            None => sequence == 0,
        };
        if !follows {
            self.tree.forget();
        }
        self.last = Some(sequence);
        &mut self.tree
    }
}

/// The trees of tracks that are being sent, the longest unused of which are forgotten first.
#[derive(Default)]
pub(crate) struct Trees(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    trees: HashMap<TrackId, One>,
    uses: u64,
}

#[derive(Default)]
struct One {
    tree: Arc<Mutex<TrackTree>>,
    used: u64,
    bytes: usize,
    /// How often [`Trees::tidy`] has found it unused.
    quiet: u8,
}

impl Remembered {
    /// Forgets the eighth of them that was not used for longest.
    fn forget_oldest(&mut self) {
        let mut uses: Vec<u64> = self.trees.values().map(|one| one.used).collect();
        let (_, oldest, _) = uses.select_nth_unstable(TREES / 8);
        let oldest = *oldest;
        self.trees.retain(|_, one| one.used > oldest);
    }

    /// Forgets those that were not used for longest, but for this one, until there is room for the rest.
    fn make_room(&mut self, but: TrackId) {
        let mut all: usize = self.trees.values().map(|one| one.bytes).sum();
        while all > TREES_BYTES {
            let others = self.trees.iter().filter(|(track, _)| **track != but);
            let Some(oldest) = others.min_by_key(|(_, one)| one.used).map(|(track, _)| *track) else {
                return;
            };
            all -= self.trees.remove(&oldest).map_or(0, |one| one.bytes);
        }
    }
}

impl Trees {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, track: TrackId) -> Arc<Mutex<TrackTree>> {
        let mut remembered = self.remembered();
        if remembered.trees.len() >= TREES && !remembered.trees.contains_key(&track) {
            remembered.forget_oldest();
        }
        remembered.uses += 1;
        let uses = remembered.uses;
        let one = remembered.trees.entry(track).or_default();
        (one.used, one.quiet) = (uses, 0);
        Arc::clone(&one.tree)
    }

    /// A track's tree takes so much now.
    fn took(&self, track: TrackId, bytes: usize) {
        let mut remembered = self.remembered();
        if let Some(one) = remembered.trees.get_mut(&track) {
            one.bytes = bytes;
        }
        remembered.make_room(track);
    }

    /// Forgets trees that were not used since this was called [`QUIET`] times.
    pub(crate) fn tidy(&self) {
        let mut remembered = self.remembered();
        remembered.trees.retain(|_, one| {
            one.quiet += 1;
            one.quiet <= QUIET
        });
        remembered.trees.shrink_to_fit();
    }

    pub(crate) fn forget(&self, track: TrackId) {
        self.remembered().trees.remove(&track);
    }

    pub(crate) fn knows(&self, track: TrackId) -> bool {
        self.remembered().trees.contains_key(&track)
    }
}
