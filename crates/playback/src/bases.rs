//! What the segments of a part are packed on, held in memory while a play watches them.
//!
//! A seek would otherwise open the part's keyframe again for each segment. What is held is used only after the play's
//! own decision was made again and the segment that is asked for was opened under its key; so nothing that was erased
//! or taken back comes out of here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use clerestory_model::{PlayId, TrackId};
use clerestory_store::segments::Segment;
use clerestory_vault::Base;

/// Bytes held at most; beyond it the oldest goes.
const BYTES: usize = 16 * 1024 * 1024;

/// One base: of which play, and which ciphertext it was.
struct Held {
    play: PlayId,
    track: TrackId,
    sha256: [u8; 32],
    base: Arc<Base>,
}

/// The bases of the plays that run.
#[derive(Default)]
pub(crate) struct Bases(Mutex<VecDeque<Held>>);

impl Bases {
    pub(crate) fn held(&self, play: PlayId, segment: &Segment) -> Option<Arc<Base>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |held: &&Held| held.play == play && held.track == segment.track && held.sha256 == segment.sha256;
        held.iter().find(same).map(|held| Arc::clone(&held.base))
    }

    pub(crate) fn hold(&self, play: PlayId, segment: &Segment, base: Arc<Base>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.push_back(Held { play, track: segment.track, sha256: segment.sha256, base });
        let mut bytes: usize = held.iter().map(|held| held.base.bytes()).sum();
        while bytes > BYTES
            && let Some(oldest) = held.pop_front()
        {
            bytes -= oldest.base.bytes();
        }
    }

    pub(crate) fn forget_track(&self, track: TrackId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| held.track != track);
    }

    pub(crate) fn count(&self, track: TrackId) -> u64 {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter(|held| held.track == track).count() as u64
    }

    pub(crate) fn forget(&self, play: PlayId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| held.play != play);
    }
}
