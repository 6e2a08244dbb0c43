//! Segments that are stored without having come in.

use clerestory_sql::SqlError;
use clerestory_store::recordings::{self, Recording};
use clerestory_store::segments::{ContentType, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_vault::{Provenance, SealedSegment, Stored};

use crate::Installation;

impl Installation {
    /// Makes a sealed segment of a track durable, and says what its row would be. It is not written.
    ///
    /// # Panics
    /// When it cannot be stored.
    pub async fn store(&self, track: &Track, sequence: u64, sealed: SealedSegment) -> (Stored, Segment) {
        let mut segment = Segment {
            track: track.id,
            sequence,
            start_us: 0,
            duration_us: 0,
            keyframe: true,
            content_type: ContentType::Rrweb,
            policy_version: 1,
            extent: sealed.unplaced(),
            header: sealed.header,
            sha256: sealed.sha256,
            content_mac: sealed.content_mac,
            sent_bytes: 4,
            received_at: self.now(),
        };
        let stored = self.store_as(sealed, &segment).await;
        segment.extent = stored.extent().clone();
        (stored, segment)
    }

    /// Makes a sealed segment durable that has this row, but for where it lies. The row is not written.
    ///
    /// # Panics
    /// When it cannot be stored.
    pub async fn store_as(&self, sealed: SealedSegment, row: &Segment) -> Stored {
        let id = row.track;
        let whose = self.app.database.read(move |tx| {
            Box::pin(async move {
                let Some(track) = tracks::find(tx, id).await? else { return Ok(None) };
                Ok(recordings::find(tx, track.recording).await?.map(|recording| (recording, track)))
            })
        });
        let whose: Result<Option<(Recording, Track)>, SqlError> = whose.await;
        let (recording, track) = whose.expect("rows can be read").expect("the recording of the track");
        let provenance = Provenance::of(&recording, &track, Vec::new());
        self.app.vault.store_segment(sealed, &provenance, row).await.expect("it is stored")
    }
}
